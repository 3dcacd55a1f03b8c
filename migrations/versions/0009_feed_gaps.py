"""Gaps of feeds, and what a feed knows of its source.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_sql("0009_gaps")


def downgrade() -> None:
    run_sql("0009_down")
