"""A session keeps the identity token of the provider by which its user came in.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    run_sql("0024_identity_token")


def downgrade() -> None:
    run_sql("0024_down")
