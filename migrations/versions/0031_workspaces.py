"""Named workspaces.

Revision ID: 0031
Revises: 0030
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    run_sql("0031_workspaces")


def downgrade() -> None:
    run_sql("0031_down")
