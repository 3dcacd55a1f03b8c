"""Candles that were made elsewhere, from an exchange or a file: they stand where no tick is stored.

Kept as they came, in a table of their own; folded into longer candles, and merged with those of the ticks, when they are
read.  Nothing of them is in the candles that follow from ticks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tickdeck.db.instruments import days_of
from tickdeck.db.market.bars import IMPORTABLE, PARTS, Bar, bucket_of_bar
from tickdeck.db.market.buckets import zone_and_start
from tickdeck.db.market.types import (
    CALENDAR_INTERVALS,
    DAY_US,
    EARLIEST_US,
    HOUR_US,
    INTERVAL_SECONDS,
    LATEST_US,
    MAX_SEQ,
    Candle,
    Interval,
    from_us,
)
from tickdeck.db.session import Connection, PoolOrConnection, reading, writing
from tickdeck.db.statements import statement

_UNITS: Final = {"1d": "day", "1w": "week", "1M": "month"}
_FIRST_SEQ: Final = -MAX_SEQ - 1


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of bars: how many are new, were there with the same values, and the places of those that contradict one."""

    stored: int
    already: int
    differing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """What is imported of a symbol, interval and source: how many bars, and the first instant and the end of all of them."""

    symbol: str
    interval: Interval
    source: str
    bars: int
    from_us: int
    until_us: int


async def store_bars(pool: PoolOrConnection, bars: Sequence[Bar], zone: str, source: str) -> Stored:
    """Store good bars (see `bar_fault`) of instruments with the day rule `zone`, as a writer; a bucket that has one keeps it.

    `source`: where they are from, such as `binance` or a file's name.  Open charts are read again.  Raises `DatabaseError`.
    """
    if not bars:
        return Stored(0, 0, ())
    spans = [bucket_of_bar(bar, zone) for bar in bars]
    columns: list[list[object]] = [
        [bar.symbol for bar in bars],
        [bar.interval for bar in bars],
        [from_us(bar.time_us) for bar in bars],
        [from_us(span.end_us) for span in spans],
        *([getattr(bar, name) for bar in bars] for name in ("open", "high", "low", "close", "volume")),
        [bar.turned_over for bar in bars],
        [bar.trades for bar in bars],
    ]
    async with writing(pool, "cannot store the bars"):
        rows = await pool.fetch(statement("store_imported"), *columns, source[:255])
        if len(rows) < len(bars):
            await pool.execute(statement("tell_imported"), sorted({bar.symbol for bar in bars}))
    differing = tuple(place for place, differs in rows if differs)
    return Stored(len(bars) - len(rows), len(rows) - len(differing), differing)


async def list_imported(source: PoolOrConnection, symbol: str | None = None) -> list[Imported]:
    """What is imported of `symbol`, None: of all, by symbol and interval, the shortest first."""
    async with reading(source) as connection:
        rows = await connection.fetch(statement("imported_sources"), symbol)
    return [Imported(*row) for row in rows]


async def imported_until(source: PoolOrConnection, symbol: str) -> int | None:
    """Where the last imported bar of `symbol` ends, µs since the epoch; None where there is none."""
    async with reading(source) as connection:
        until: int | None = await connection.fetchval(statement("imported_until"), symbol)
    return until


async def ticks_begin(source: PoolOrConnection, symbol: str) -> int | None:
    """The first minute of `symbol` with a tick, µs since the epoch; None where there is none."""
    async with reading(source) as connection:
        first: int | None = await connection.fetchval(statement("ticks_begin"), symbol)
    return first


async def first_imported(connection: Connection, symbol: str, low: int, high: int) -> int | None:
    """Where the first imported bar of any interval begins in [low, high); None: there is none."""
    first: int | None = await connection.fetchval(
        statement("imported_from"), symbol, list(IMPORTABLE), from_us(low), from_us(high)
    )
    return first


async def read_imported(
    connection: Connection, symbol: str, interval: Interval, low: int, high: int, limit: int, ended_us: int
) -> list[Candle]:
    """The newest `limit` candles that start in [low, high) of the imported bars that count, oldest first.

    Only bars that had ended at `ended_us`.  A bar counts where no tick is stored within it: merged with the candle of the
    ticks of its bucket it makes the whole.  Its open and close come before and after those of all ticks of its minutes.
    """
    parts = list(PARTS.get(interval, ()))
    found: list[Candle] = []
    if not parts:
        return found
    width_us = INTERVAL_SECONDS[interval] * 1_000_000
    calendar = interval in CALENDAR_INTERVALS
    days = ""
    span_us = round(limit * width_us * 1.6)
    while len(found) < limit and low < high:
        newest_us: int | None = await connection.fetchval(
            statement("imported_newest"), symbol, parts, from_us(min(high + width_us + DAY_US, LATEST_US))
        )
        if newest_us is None or newest_us + width_us + DAY_US < low:
            break
        days = days or (await days_of(connection, symbol) if calendar else "UTC")
        zone, start = zone_and_start(days)
        start_us = max(low, min(high, newest_us) - span_us)
        rows = await connection.fetch(
            statement("imported_candles"),
            symbol,
            from_us(start_us),
            from_us(high),
            parts,
            from_us(max(start_us - 2 * HOUR_US, EARLIEST_US)),
            from_us(min(high + width_us + DAY_US, LATEST_US)),
            from_us(min(ended_us, LATEST_US)),
            None if calendar else from_us(width_us) - from_us(0),
            _UNITS.get(interval),
            zone,
            start,
        )
        found = [*(_candle(*row) for row in rows), *found]
        high = start_us
        span_us *= 4
    return found[-limit:]


def _candle(
    time_us: int, open_: float, high: float, low: float, close: float, volume: float, turnover: float, trades: int,
    from_us: int, until_us: int,
) -> Candle:  # fmt: skip
    return Candle(
        time_us,
        open_,
        high,
        low,
        close,
        volume,
        turnover,
        trades,
        from_us,
        _FIRST_SEQ,
        until_us - 1,
        _FIRST_SEQ,
    )
