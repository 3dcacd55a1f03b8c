"""Reads candles of every interval, each exactly a fold of the ticks stored at that moment.

1m is kept with the ticks, coarser ones are kept where nothing came late (see stale_hours in the schema), and below a
minute candles fold from just the ticks that they need.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from db.errors import MarketDataError
from db.fine_candles import WINDOW_US, fold_ticks, read_fine, read_minutes
from db.market import INTERVAL_SECONDS, Candle, Interval, from_us
from db.pool import Connection, PoolOrConnection
from db.reading import (
    DAY_US,
    EARLIEST_US,
    HOUR_US,
    LATEST_US,
    MINUTE_US,
    ceil_us,
    floor_us,
    read_back,
    reading,
)
from db.statements import statement


async def read_candles(
    source: PoolOrConnection,
    symbol: str,
    interval: Interval,
    *,
    start_us: int | None = None,
    end_us: int | None = None,
    limit: int = 500,
) -> list[Candle]:
    """The newest `limit` candles of `symbol` that start in [start_us, end_us), oldest first.

    Times are µs since the epoch (UTC); None is open.  A bucket without ticks has no candle and does not count.
    Day candles start at midnight of the instrument's zone.  An unknown symbol has no candles.  Raises
    `MarketDataError` for a limit below 1, `DatabaseError` and its kinds where the database fails.
    """
    low, high = _range(start_us, end_us, limit)
    if low >= high:
        return []
    async with reading(source) as connection:
        return await _read(connection, symbol, interval, low, high, LATEST_US, limit)


async def candle_pages(
    source: PoolOrConnection, symbol: str, interval: Interval, start_us: int, end_us: int, *, limit: int
) -> AsyncIterator[list[Candle]]:
    """All candles of `symbol` that start in [start_us, end_us), oldest first, about `limit` at a time.

    As `read_candles` otherwise.  They are of one moment where `source` is a connection in a snapshot.
    """
    low, high = _range(start_us, end_us, limit)
    width_us = INTERVAL_SECONDS[interval] * 1_000_000
    # A candle's minutes lie from so long before its start to so long after it, a day's from -1 hour to 25.
    before_us, after_us = (2 * HOUR_US, 2 * DAY_US) if interval == "1d" else (MINUTE_US, width_us)
    while low < high:
        async with reading(source) as connection:
            next_us: int | None = await connection.fetchval(
                statement("candles_next"),
                symbol,
                from_us(max(low - before_us, EARLIEST_US)),
                from_us(min(high + after_us, LATEST_US)),
            )
            if next_us is None:
                return
            low = max(low, floor_us(next_us, width_us) - after_us)  # over what has none in one step
            page_end = min(low + limit * width_us, high)
            page = await read_candles(
                connection, symbol, interval, start_us=low, end_us=page_end, limit=limit + 2
            )
        yield page
        low = page_end


async def read_candles_at(
    source: PoolOrConnection,
    symbol: str,
    interval: Interval,
    *,
    at: tuple[int, int],
    start_us: int | None = None,
    end_us: int | None = None,
    limit: int = 500,
) -> list[Candle]:
    """What `read_candles` would have returned had there been no tick after `at` = (time_us, seq).

    The last candle is the one in progress at that instant, made of the ticks up to and including `at` only.
    """
    time_us, seq = min(max(at[0], EARLIEST_US), LATEST_US), at[1]
    low, high = _range(start_us, end_us, limit)
    if low >= high:
        return []
    cut_us = floor_us(time_us, MINUTE_US)
    # Where the clock comes back over midnight, a day in progress may have a label that is yet to come.
    label_end_us = cut_us + HOUR_US if interval == "1d" else cut_us
    async with reading(source) as connection:
        candles = await _read(connection, symbol, interval, low, min(high, label_end_us), cut_us, limit)
        width_us = min(INTERVAL_SECONDS[interval] * 1_000_000, MINUTE_US)
        forming = await fold_ticks(connection, symbol, width_us, cut_us, time_us + 1, up_to=(time_us, seq))
        if forming and width_us == MINUTE_US:
            label_us = await _bucket_start(connection, symbol, interval, cut_us)
            forming = [forming[0].at(label_us)]
    for candle in forming:
        if candles and candles[-1].time_us == candle.time_us:
            candles[-1] = candles[-1].merge(candle)
        elif low <= candle.time_us < high:
            candles.append(candle)
    return candles[-limit:]


def _range(start_us: int | None, end_us: int | None, limit: int) -> tuple[int, int]:
    if limit < 1:
        raise MarketDataError(f"limit {limit} is below 1")
    low = EARLIEST_US if start_us is None else min(max(start_us, EARLIEST_US), LATEST_US)
    high = LATEST_US if end_us is None else min(max(end_us, EARLIEST_US), LATEST_US)
    return low, high


async def _read(
    connection: Connection, symbol: str, interval: Interval, low: int, high: int, cut_us: int, limit: int
) -> list[Candle]:
    """The newest candles that start in [low, high), of the ticks before the minute that starts at `cut_us` only."""
    width_us = INTERVAL_SECONDS[interval] * 1_000_000
    if width_us < MINUTE_US:
        return await read_fine(connection, symbol, width_us, low, high, limit)
    if interval == "1m":
        return await read_minutes(connection, symbol, low, high, limit)

    async def read(start_us: int) -> Sequence[Any]:
        which: tuple[Any, ...] = ()
        if interval == "1d":
            name, first_us, last_us = "candles_1d", start_us, high
        else:
            name, first_us, last_us = "candles_built", ceil_us(start_us, width_us), ceil_us(high, width_us)
            which = (interval, from_us(width_us) - from_us(0))
        asked = (symbol, from_us(first_us), from_us(last_us), from_us(cut_us))
        span = await connection.fetchrow(statement("stale_span"), *asked)
        rows: Sequence[Any] = await connection.fetch(statement(name), *asked, limit, *span, *which)
        return rows

    # An exchange that opens for 6.5 hours on 252 days a year takes about so long for its candles.
    span_us = max(WINDOW_US, round(limit * width_us * (1.5 if interval == "1d" else 5.5)))
    rows = await read_back(
        connection, symbol, low, high, span_us=span_us, width_us=width_us, limit=limit, read=read
    )
    return [Candle(*row) for row in reversed(rows)]


async def _bucket_start(connection: Connection, symbol: str, interval: Interval, time_us: int) -> int:
    if interval == "1d":
        row = await connection.fetchrow(statement("days_of"), [symbol], [from_us(time_us)])
        label_us: int = row[1]
        return label_us
    return floor_us(time_us, INTERVAL_SECONDS[interval] * 1_000_000)
