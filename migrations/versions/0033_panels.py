"""Tokens of scripts that put panels on the page.

Revision ID: 0033
Revises: 0032
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    run_sql("0033_panels")


def downgrade() -> None:
    run_sql("0033_down")
