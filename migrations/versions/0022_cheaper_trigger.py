"""The trigger reads the new ticks once, and calls nothing that the server plans anew for each statement.

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    run_sql("0022_limits")
    run_sql("0022_trigger")


def downgrade() -> None:
    run_sql("0011_trigger")
    run_sql("0022_down")
