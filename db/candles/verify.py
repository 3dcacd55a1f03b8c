"""Checks that every stored candle is what the ticks fold to."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from tickdeck.db.market.types import Interval, from_us, to_us
from tickdeck.db.session import Connection, Pool, translate
from tickdeck.db.statements import statement

MOST_DIFFERENCES: Final = 100
"""So many are reported of each kind and part at the most."""
_HOUR_US: Final = 3_600_000_000
_HOUR: Final = timedelta(hours=1)
_FEW_MINUTES: Final = timedelta(minutes=2)
"""What is folded at a time beside feeds that write: some 100,000 ticks of a busy market."""
_LONGEST_DAY: Final = timedelta(hours=26)
_AHEAD: Final = timedelta(hours=1)
"""Ticks may be dated a little after now; what lies behind that is one part."""


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


async def verify(
    pool: Pool,
    *,
    since_us: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    breathe: Callable[[float], Awaitable[None]] | None = None,
) -> list[Difference]:
    """Compare candles with their ticks, part by part, while feeds may go on writing; [] is the good answer.

    All of them, a chunk at a time; or those from the hour on that holds `since_us` (µs since the epoch), some minutes at
    a time, with the days that this hour may be in.  Candles whose ticks were dropped (retention) are checked against
    their minutes only; an hour that is stale is none that is stored, and is not.  `progress(done, all)` is called after
    each part, `breathe(seconds)` awaited with how long it took.  Raises `DatabaseError`.
    """
    differences: list[Difference] = []
    with translate("cannot verify the candles"):
        async with pool.acquire() as connection:
            ticks = await connection.fetch(statement("verify_ranges"))
            candles = await connection.fetch(statement("verify_spans"))
            if since_us is None:
                checks = [("verify_minutes", start, end) for start, end in ticks]
                checks += [
                    (name, start, end) for name in ("verify_hours", "verify_days") for start, end in candles
                ]
            else:
                since = from_us(since_us // _HOUR_US * _HOUR_US)
                checks = [("verify_minutes", *each) for each in _parts(ticks, since, _FEW_MINUTES)]
                checks += [("verify_hours", *each) for each in _parts(candles, since, _HOUR)]
                checks += [("verify_days", *each) for each in _parts(candles, since - _LONGEST_DAY, None)]
            for done, (name, start, end) in enumerate(checks, 1):
                began = time.monotonic()
                differences += await _check(connection, name, start, end)
                if progress is not None:
                    progress(done, len(checks))
                if breathe is not None:
                    await breathe(time.monotonic() - began)
    return differences


def _parts(
    ranges: Sequence[tuple[datetime, datetime]], since: datetime, width: timedelta | None
) -> Iterator[tuple[datetime, datetime]]:
    """What of the ranges is not before `since`, in parts of `width` as far as there can be any tick."""
    until = datetime.now(UTC) + _AHEAD
    for start, end in ranges:
        at = max(start, since)
        while at < end:
            stop = end if width is None or at >= until else min(end, at + width)
            yield at, stop
            at = stop


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
