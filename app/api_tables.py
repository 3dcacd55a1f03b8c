"""Candles and ticks as rows of the REST interface: JSON objects or CSV lines."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any, Final

from db.market import Candle, TickBatch, from_us

CANDLE_COLUMNS: Final = ("time", "open", "high", "low", "close", "volume", "turnover", "trades")
TICK_COLUMNS: Final = ("time", "seq", "price", "size", "bid", "ask", "exchange", "conditions")
Row = tuple[Any, ...]


def iso(time_us: int) -> str:
    """`2013-10-07T13:30:00Z`, with a fraction where there is one."""
    return from_us(time_us).isoformat().replace("+00:00", "Z")


def candle_rows(candles: Iterable[Candle]) -> list[Row]:
    """The values of `CANDLE_COLUMNS`."""
    return [(iso(c.time_us), c.open, c.high, c.low, c.close, c.volume, c.turnover, c.trades) for c in candles]


def tick_rows(ticks: TickBatch) -> list[Row]:
    """The values of `TICK_COLUMNS`; what a tick has not is None."""
    nothing = [None] * len(ticks)
    return list(
        zip(
            map(iso, ticks.time_us.tolist()),
            ticks.seq.tolist(),
            ticks.price.tolist(),
            ticks.size.tolist(),
            [None if bid != bid else bid for bid in ticks.bid.tolist()],  # noqa: PLR0124 - NaN means none
            [None if ask != ask else ask for ask in ticks.ask.tolist()],  # noqa: PLR0124
            nothing if ticks.exchange is None else ticks.exchange.tolist(),
            nothing if ticks.conditions is None else ticks.conditions.tolist(),
            strict=True,
        )
    )


def objects(columns: Sequence[str], rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Each row as an object."""
    return [dict(zip(columns, row, strict=True)) for row in rows]


def csv_text(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """The rows as CSV (RFC 4180) with a header; None is empty."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
