"""Instruments, ticks, candles, the statement trigger between them, and the roles.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

SQL = Path(__file__).parent.parent / "sql"


def run(name: str) -> None:
    """Execute migrations/sql/`name` as it stands (no parameters, `%` and `:` mean themselves)."""
    statements = (SQL / name).read_text(encoding="utf-8")
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)


def upgrade() -> None:
    run("0001_tables.sql")
    run("0001_trigger.sql")
    run("0001_build.sql")
    run("0001_roles.sql")


def downgrade() -> None:
    run("0001_down.sql")
