"""Instruments, ticks, candles, the statement trigger between them, and the roles.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_sql("0001_tables")
    run_sql("0001_trigger")
    run_sql("0001_build")
    run_sql("0001_triggers")
    run_sql("0001_roles")


def downgrade() -> None:
    run_sql("0001_down")
