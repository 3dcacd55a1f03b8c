"""One benchmark's result: the same rows as JSON and as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

Row = dict[str, Any]


def report(bench: str, machine: dict[str, Any], rows: Sequence[Row], *, as_json: bool) -> None:
    """Print {"bench", "machine", "rows"} as one JSON object, or a table with a column for each key."""
    if as_json:
        print(json.dumps({"bench": bench, "machine": machine, "rows": list(rows)}))
        return
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = Table(title=f"tickdeck bench {bench}", caption=", ".join(f"{k} {v}" for k, v in machine.items()))
    for column in columns:
        numeric = all(isinstance(row.get(column, 0), int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(_shown(row.get(column)) for column in columns))
    Console().print(table)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
