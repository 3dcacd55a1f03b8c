"""Named watchlists.

Revision ID: 0028
Revises: 0027
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    run_sql("0028_watchlists")


def downgrade() -> None:
    run_sql("0028_down")
