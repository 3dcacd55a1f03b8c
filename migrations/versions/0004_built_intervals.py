"""5m and 15m candles are built and kept, as those of an hour: a chart of 15m folded 7,500 minutes.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_sql("0004_intervals")
    run_sql("0004_build")


def downgrade() -> None:
    run_sql("0003_build")
    run_sql("0004_down")
