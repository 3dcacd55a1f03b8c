"""Ticks and candles as they were known at an instant.

Revision ID: 0018
Revises: 0017
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_sql("0018_known")


def downgrade() -> None:
    run_sql("0018_down")
