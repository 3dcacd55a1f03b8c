"""Administrators may change over the page what a running feed has.

Revision ID: 0030
Revises: 0029
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    run_sql("0030_feed_symbols")


def downgrade() -> None:
    run_sql("0030_down")
