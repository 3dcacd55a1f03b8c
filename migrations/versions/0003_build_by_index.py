"""Building the 1h and 1d candles of a few hours reads those hours and days, not all candles that are stored.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_sql("0003_index")
    run_sql("0003_build")


def downgrade() -> None:
    run_sql("0001_build")
    run_sql("0003_down")
