"""What a print moves, by its sale conditions: a candle's price is not that of an average or of a late report.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_sql("0007_conditions")
    run_sql("0007_trigger")
    run_sql("0007_build")


def downgrade() -> None:
    run_sql("0002_trigger")
    run_sql("0004_build")
    run_sql("0007_down")
