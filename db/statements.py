"""SQL statements kept as files in db/sql."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

_SQL: Final = Path(__file__).parent / "sql"
_PART: Final = re.compile(r"^ *-- part: (\w+)\n", re.MULTILINE)


@cache
def statement(name: str) -> str:
    """The text of db/sql/`name`.sql; values are its parameters.

    In the place of a line `-- part: NAME` stands db/sql/parts/NAME.sql: what several statements must say alike.
    """
    text = (_SQL / f"{name}.sql").read_text(encoding="utf-8")
    return _PART.sub(lambda found: statement(f"parts/{found[1]}"), text)
