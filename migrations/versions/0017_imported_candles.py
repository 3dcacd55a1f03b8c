"""Candles that were made elsewhere.

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_sql("0017_imported")


def downgrade() -> None:
    run_sql("0017_down")
