"""Ticks of a stretch that retention dropped are refused: the candles that stayed count them already.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"

SQL = Path(__file__).parent.parent / "sql"


def execute(statements: str) -> None:
    """Execute `statements` as they stand (no parameters, `%` and `:` mean themselves)."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)


def upgrade() -> None:
    execute((SQL / "0002_tables.sql").read_text(encoding="utf-8"))
    execute((SQL / "0002_trigger.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    function = (SQL / "0001_trigger.sql").read_text(encoding="utf-8").partition("create trigger")[0]
    execute(function.replace("create function", "create or replace function"))
    execute((SQL / "0002_down.sql").read_text(encoding="utf-8"))
