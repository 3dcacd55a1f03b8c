"""Symbols with blanks and up to 64 bytes, prices of 0 and below.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_sql("0006_values")


def downgrade() -> None:
    run_sql("0006_down")
