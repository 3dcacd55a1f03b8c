"""Instruments whose prices may be 0 and below: spreads, power, oil in April 2020.

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    run_sql("0025_negative")


def downgrade() -> None:
    run_sql("0025_down")
