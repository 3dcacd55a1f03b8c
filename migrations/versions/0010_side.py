"""Who took the price that was there: the side of the aggressor, with the tick.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_sql("0010_side")


def downgrade() -> None:
    run_sql("0010_down")
