"""Order flow as it was known at an instant: before the cancels and corrections that were said later.

Revision ID: 0026
Revises: 0025
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    run_sql("0026_known_order_flow")


def downgrade() -> None:
    run_sql("0026_down")
