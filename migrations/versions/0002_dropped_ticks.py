"""Ticks of a stretch that retention dropped are refused: the candles that stayed count them already.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_sql("0002_tables")
    run_sql("0002_trigger")


def downgrade() -> None:
    run_sql("0001_trigger")
    run_sql("0002_down")
