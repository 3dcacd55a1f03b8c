"""What nobody but the owner has business with: large objects, temporary tables, trigger functions; pinned search paths.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_sql("0012_hardening")


def downgrade() -> None:
    run_sql("0012_down")
