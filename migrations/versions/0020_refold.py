"""Candles that are not what their ticks fold to can be folded again: by `tickdeck verify --repair`.

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_sql("0020_refold")
    run_sql("0020_restate")


def downgrade() -> None:
    run_sql("0019_restate")
    run_sql("0020_down")
