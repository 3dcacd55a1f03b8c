"""Prices of up to 30 decimals are shown with all of them.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_sql("0014_decimals")


def downgrade() -> None:
    run_sql("0014_down")
