"""Links to watchlists and to alert rules.

Revision ID: 0034
Revises: 0033
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    run_sql("0034_list_links")


def downgrade() -> None:
    run_sql("0034_down")
