"""Sectors of instruments.

Revision ID: 0029
Revises: 0028
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    run_sql("0029_sectors")


def downgrade() -> None:
    run_sql("0029_down")
