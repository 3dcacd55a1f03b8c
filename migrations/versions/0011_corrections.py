"""Cancels and corrections: a tick that is changed keeps its history, and its candles are restated.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_sql("0011_history")
    run_sql("0011_restate")
    run_sql("0011_trigger")


def downgrade() -> None:
    run_sql("0008_trigger")
    run_sql("0011_down")
