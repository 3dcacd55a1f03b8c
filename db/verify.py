"""Checks that every stored candle is what the ticks fold to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from db.connect import translate
from db.market import Interval, to_us
from db.pool import Connection, Pool
from db.statements import statement

MOST_DIFFERENCES: Final = 100
"""So many are reported of each kind and chunk at the most."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A candle that is stored otherwise than the ticks (1m) or the minutes (5m, 15m, 1h, 1d) fold to.

    `time_us` is its start, µs since the epoch (UTC); `stored` and `folded` have its columns by name, None where
    there is no such candle.  Sums count as equal up to a relative 1e-9.
    """

    symbol: str
    interval: Interval
    time_us: int
    stored: dict[str, Any] | None
    folded: dict[str, Any] | None


async def verify(pool: Pool, *, progress: Callable[[int, int], None] | None = None) -> list[Difference]:
    """Compare all candles with their ticks, chunk by chunk, while feeds may go on writing; [] is the good answer.

    Candles whose ticks were dropped (retention) are checked against their minutes only; an hour that is stale is
    none that is stored, and is not.  `progress(done, all)` is called after each chunk.  Raises `DatabaseError`.
    """
    differences: list[Difference] = []
    with translate("cannot verify the candles"):
        async with pool.acquire() as connection:
            ticks = await connection.fetch(statement("verify_ranges"))
            candles = await connection.fetch(statement("verify_spans"))
            checks = [("verify_minutes", start, end) for start, end in ticks]
            checks += [
                (name, start, end) for name in ("verify_hours", "verify_days") for start, end in candles
            ]
            for done, (name, start, end) in enumerate(checks, 1):
                differences += await _check(connection, name, start, end)
                if progress is not None:
                    progress(done, len(checks))
    return differences


async def _check(connection: Connection, name: str, start: datetime, end: datetime) -> list[Difference]:
    async with connection.transaction(readonly=True):
        await connection.execute("set local statement_timeout = 0")  # a chunk may be large, and nobody waits
        rows = await connection.fetch(statement(name), start, end, MOST_DIFFERENCES)
    return [
        Difference(symbol, interval, to_us(bucket), _columns(stored), _columns(folded))
        for symbol, interval, bucket, stored, folded in rows
    ]


def _columns(text: str | None) -> dict[str, Any] | None:
    columns: dict[str, Any] | None = None if text is None else orjson.loads(text)
    return columns
