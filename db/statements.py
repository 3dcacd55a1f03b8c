"""SQL statements kept as files in db/sql."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_SQL = Path(__file__).parent / "sql"


@cache
def statement(name: str) -> str:
    """The text of db/sql/`name`.sql; values are its parameters."""
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")
