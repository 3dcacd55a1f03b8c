"""Tries to sign in are counted in the database, and a session knows by which way its user came in.

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    run_sql("0021_sign_in")


def downgrade() -> None:
    run_sql("0021_down")
