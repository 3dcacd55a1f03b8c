"""Days whose ticks are in files of the archive.

Revision ID: 0032
Revises: 0031
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    for name in ("archive", "known", "refold", "restate", "order_flow"):
        run_sql(f"0032_{name}")


def downgrade() -> None:
    run_sql("0032_keep")
    run_sql("0032_before")
    run_sql("0020_refold")
    run_sql("0020_restate")
    run_sql("0032_down")
