"""Building the 1h and 1d candles of a few hours reads those hours and days, not all candles that are stored.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"

SQL = Path(__file__).parent.parent / "sql"


def execute(statements: str) -> None:
    """Execute `statements` as they stand (no parameters, `%` and `:` mean themselves)."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)


def upgrade() -> None:
    execute((SQL / "0003_build.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    function = (SQL / "0001_build.sql").read_text(encoding="utf-8").partition("-- A symbol that moves")[0]
    execute(function.replace("create function", "create or replace function"))
    execute("drop index stale_hours_by_hour")
