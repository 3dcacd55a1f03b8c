"""Alert rules, what they fired, and what is to be sent of it.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    run_sql("0023_alerts")


def downgrade() -> None:
    run_sql("0023_down")
