"""Where feeds go on.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_sql("0016_feed_positions")


def downgrade() -> None:
    run_sql("0016_down")
