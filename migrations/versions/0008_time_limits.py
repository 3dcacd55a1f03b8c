"""A tick of the future, or of long before there were any, is refused: it would be the last price for good.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_sql("0008_limits")
    run_sql("0008_trigger")


def downgrade() -> None:
    run_sql("0007_trigger")
    run_sql("0008_down")
