"""Links to somebody's drawings.

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    run_sql("0027_shares")


def downgrade() -> None:
    run_sql("0027_down")
