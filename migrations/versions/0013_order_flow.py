"""Order flow: what was bought and sold at each price of each minute.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_sql("0013_order_flow")


def downgrade() -> None:
    run_sql("0013_down")
