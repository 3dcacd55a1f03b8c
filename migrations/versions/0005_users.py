"""Users, their sessions and tokens, and an audit log, for a third role: neither reader nor writer of ticks.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_sql("0005_users")


def downgrade() -> None:
    run_sql("0005_down")
