"""A day rule for each instrument: when, by the clocks of its zone, its days start.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_sql("0019_days")
    run_sql("0019_build")
    run_sql("0019_restate")


def downgrade() -> None:
    run_sql("0007_build")
    run_sql("0011_restate")
    run_sql("0019_down")
