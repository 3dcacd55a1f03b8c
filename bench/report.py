"""One benchmark's result: the same rows as JSON and as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

Row = dict[str, Any]
DECIMALS = 4


def report(bench: str, machine: dict[str, Any], rows: Sequence[Row], *, as_json: bool) -> None:
    """Print {"bench", "machine", "rows"} as one JSON object, or as tables with a column for each key.

    In JSON each row has "baseline" and "ratio", null where it is compared with nothing.  Rows of the same keys that follow each other share a table, which is as wide as it needs to be.
    """
    if as_json:
        whole = [{key: _rounded(value) for key, value in row.items()} for row in rows]
        compared = [{**row, "baseline": row.get("baseline"), "ratio": row.get("ratio")} for row in whole]
        print(json.dumps({"bench": bench, "machine": machine, "rows": compared}))
        return
    for keys, group in groupby(rows, key=_keys):
        table = Table(title=f"tickdeck bench {bench}", title_justify="left")
        alike = list(group)
        for key in keys:
            numeric = all(isinstance(row[key], int | float | None) for row in alike)
            table.add_column(key, justify="right" if numeric else "left", no_wrap=True)
        for row in alike:
            table.add_row(*(_shown(row[key]) for key in keys))
        console = Console()
        needed = Measurement.get(console, console.options.update(max_width=1000), table).maximum
        console.width = max(console.width, needed)
        console.print(table)
    Console(soft_wrap=True).print(", ".join(f"{key} {value}" for key, value in machine.items()))


def _rounded(value: object) -> object:
    return round(value, DECIMALS) if isinstance(value, float) else value


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _keys(row: Row) -> tuple[str, ...]:
    return tuple(row)
