"""Drawings on charts.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

from tickdeck.db.migrate import run_sql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_sql("0015_drawings")


def downgrade() -> None:
    run_sql("0015_down")
