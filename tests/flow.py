"""What order flow must be, folded in plain Python from ticks."""

from __future__ import annotations

from collections.abc import Sequence

from tickdeck.db.market.orderflow import FlowCells, Sides
from tickdeck.db.market.types import HOUR_US, MINUTE_US

Row = tuple[int, int, float, float, float | None, float | None, int | None, int | None]
"""time_us, seq, price, size, bid, ask, updates, side"""


def plain_fold(rows: Sequence[Row]) -> tuple[dict[tuple[int, float], list[float]], Sides]:
    """By (minute, price): bought, sold, unsided, trades; tick by tick in plain Python."""
    cells: dict[tuple[int, float], list[float]] = {}
    by = [0, 0, 0, 0]
    hour, last, ticked = None, None, 0
    for time_us, _, price, size, bid, ask, updates, side in sorted(rows):
        if updates is not None and (not updates & 4 or not updates & 3):
            continue
        if time_us // HOUR_US != hour:
            hour, last, ticked = time_us // HOUR_US, None, 0
        if last is not None and price != last:
            ticked = 1 if price > last else -1
        last = price
        quoted = 0
        if bid is not None and ask is not None and bid <= ask:
            middle = (bid + ask) / 2
            quoted = (price > middle) - (price < middle)
        found, source = (side, 0) if side else (quoted, 1) if quoted else (ticked, 2) if ticked else (0, 3)
        by[source] += 1
        cell = cells.setdefault((time_us // MINUTE_US * MINUTE_US, price), [0.0, 0.0, 0.0, 0])
        cell[0 if found == 1 else 1 if found == -1 else 2] += size
        cell[3] += 1
    return cells, Sides(*by)


def assert_same(found: FlowCells, wanted: dict[tuple[int, float], list[float]]) -> None:
    columns = (found.bought, found.sold, found.unsided, found.trades)
    rows = zip(found.minute_us.tolist(), found.price.tolist(), *(c.tolist() for c in columns), strict=True)
    assert {(minute, price): values for minute, price, *values in rows} == wanted
    assert len(found) == len(wanted)
