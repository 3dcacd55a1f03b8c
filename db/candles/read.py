"""Reads candles of every interval, each exactly a fold of the ticks stored at that moment, and of imported bars where no tick is.

1m is kept with the ticks; 5m, 15m, 1h and 1d are kept where nothing came late (see stale_hours in the schema); the
other ones of more than a minute fold from the coarsest of these that divides them; and those below a minute fold from
just the ticks that they need.  What was imported is merged with the candles of the ticks at the end (`imported`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from tickdeck.db.candles.bars import bar_pages, read_bars
from tickdeck.db.candles.fine import WINDOW_US, fold_ticks, read_fine, read_minutes
from tickdeck.db.candles.imported import first_imported, read_imported
from tickdeck.db.errors import MarketDataError
from tickdeck.db.instruments import days_of
from tickdeck.db.lookback import horizon_us, read_back
from tickdeck.db.market.bar_types import BarType, ChartInterval
from tickdeck.db.market.buckets import bucket_of, next_label
from tickdeck.db.market.types import (
    CALENDAR_INTERVALS,
    DAY_US,
    EARLIEST_US,
    HOUR_US,
    INTERVAL_SECONDS,
    LATEST_US,
    MINUTE_US,
    Candle,
    Interval,
    ceil_us,
    floor_us,
    from_us,
)
from tickdeck.db.session import Connection, Source, reading
from tickdeck.db.statements import statement

_FINER: Final[Mapping[Interval, Interval]] = {
    "3m": "1m", "30m": "15m", "2h": "1h", "4h": "1h", "1w": "1d", "1M": "1d",
}  # fmt: skip
"""What the intervals that are not kept fold from."""


async def read_candles(
    source: Source,
    symbol: str,
    interval: ChartInterval,
    *,
    start_us: int | None = None,
    end_us: int | None = None,
    limit: int = 500,
    unpriced: bool = False,
    imported: bool = True,
) -> list[Candle]:
    """The newest `limit` candles of `symbol` that start in [start_us, end_us), oldest first.

    Only those that have a price, or with `unpriced` all (see `Candle`): whoever merges candles needs all of them.
    Without `imported` of ticks only.

    Times are µs since the epoch (UTC); None is open, but where `end_us` is, what is dated more than 5 minutes after now does
    not count.  A bucket without ticks and imported bars has no candle and does not count.
    Days start as the instrument's day rule says, mostly at its midnight, weeks on its Mondays, months on its firsts.  Of a bar
    type there are as
    many as 60 trading sessions have (`db.candles.bars`).  An unknown symbol has no candles.  Raises
    `MarketDataError` for a limit below 1, `DatabaseError` and its kinds where the database fails.
    """
    low, high = _range(start_us, end_us, limit)
    cut_us = horizon_us() if end_us is None else LATEST_US
    if low >= high:
        return []
    if isinstance(interval, BarType):
        return await _bars(source, symbol, interval, low, high, None, limit, unpriced=unpriced)
    async with reading(source) as connection:

        async def read(kept: Interval, low: int, high: int, limit: int) -> list[Candle]:
            return await _read(
                connection, symbol, kept, low, min(high, _label_end(kept, cut_us)), cut_us, limit
            )

        ended_us = LATEST_US if imported else None
        return await _fold(connection, symbol, interval, low, high, limit, read, ended_us, unpriced=unpriced)


async def candle_pages(
    source: Source,
    symbol: str,
    interval: ChartInterval,
    start_us: int,
    end_us: int,
    *,
    limit: int,
    imported: bool = True,
) -> AsyncIterator[list[Candle]]:
    """All candles of `symbol` that start in [start_us, end_us), oldest first, about `limit` at a time; of a bar type a session.

    As `read_candles` otherwise.  They are of one moment where `source` is a connection in a snapshot.
    """
    low, high = _range(start_us, end_us, limit)
    if isinstance(interval, BarType):
        async with reading(source) as connection:
            async for bars in bar_pages(connection, symbol, interval, low, high):
                yield [bar for bar in bars if bar.priced]
        return
    width_us = INTERVAL_SECONDS[interval] * 1_000_000
    # A candle's minutes lie from so long before its start to so long after it, a day's from -1 hour to 25.
    before_us, after_us = MINUTE_US, width_us
    if interval in CALENDAR_INTERVALS:
        before_us, after_us = 2 * HOUR_US, width_us + DAY_US
    while low < high:
        async with reading(source) as connection:
            within = max(low - before_us, EARLIEST_US), min(high + after_us, LATEST_US)
            minute_us = await connection.fetchval(statement("candles_next"), symbol, *map(from_us, within))
            bar_us = await first_imported(connection, symbol, *within) if imported else None
            next_us = min((each for each in (minute_us, bar_us) if each is not None), default=None)
            if next_us is None:
                return
            low = max(low, floor_us(next_us, width_us) - after_us)  # over what has none in one step
            page_end = min(low + limit * width_us, high)
            page = await read_candles(  # all that start there: a month may be shorter than the longest
                connection,
                symbol,
                interval,
                start_us=low,
                end_us=page_end,
                limit=2 * limit + 2,
                imported=imported,
            )
        yield page
        low = page_end


async def read_candles_at(
    source: Source,
    symbol: str,
    interval: ChartInterval,
    *,
    at: tuple[int, int],
    start_us: int | None = None,
    end_us: int | None = None,
    limit: int = 500,
    unpriced: bool = False,
    imported: bool = True,
) -> list[Candle]:
    """What `read_candles` would have returned had there been no tick after `at` = (time_us, seq), and no bar that ends later.

    The last candle is the one in progress at that instant, made of the ticks up to and including `at` only.
    """
    place = min(max(at[0], EARLIEST_US), LATEST_US), at[1]
    low, high = _range(start_us, end_us, limit)
    if low >= high:
        return []
    if isinstance(interval, BarType):
        return await _bars(source, symbol, interval, low, high, place, limit, unpriced=unpriced)
    async with reading(source) as connection:

        async def read(kept: Interval, low: int, high: int, limit: int) -> list[Candle]:
            return await _read_at(connection, symbol, kept, place, low, high, limit)

        ended_us = place[0] if imported else None
        return await _fold(connection, symbol, interval, low, high, limit, read, ended_us, unpriced=unpriced)


async def _bars(
    source: Source,
    symbol: str,
    bar_type: BarType,
    low: int,
    high: int,
    at: tuple[int, int] | None,
    limit: int,
    *,
    unpriced: bool,
) -> list[Candle]:
    async with reading(source) as connection:
        read = await read_bars(
            connection,
            symbol,
            bar_type,
            low_us=low,
            high_us=high,
            at=at,
            limit=limit if unpriced else limit + 1,
        )
    # Only the newest bar of a session can be without a price.
    return read.bars if unpriced else [bar for bar in read.bars if bar.priced][-limit:]


def _label_end(interval: Interval, cut_us: int) -> int:
    """Before which the candles are labelled that have minutes before `cut_us`."""
    # Where the clock comes back over midnight, a day in progress may have a label that is yet to come.
    return min(cut_us + HOUR_US, LATEST_US) if interval == "1d" else cut_us


def _range(start_us: int | None, end_us: int | None, limit: int) -> tuple[int, int]:
    if limit < 1:
        raise MarketDataError(f"limit {limit} is below 1")
    low = EARLIEST_US if start_us is None else min(max(start_us, EARLIEST_US), LATEST_US)
    high = LATEST_US if end_us is None else min(max(end_us, EARLIEST_US), LATEST_US)
    return low, high


_Read = Callable[[Interval, int, int, int], Awaitable[list[Candle]]]
"""The newest candles of (interval, low, high, limit) that is kept or folds from ticks, oldest first."""


async def _fold(
    connection: Connection,
    symbol: str,
    interval: Interval,
    low: int,
    high: int,
    limit: int,
    read: _Read,
    ended_us: int | None,
    *,
    unpriced: bool,
) -> list[Candle]:
    """The newest `limit` candles of any interval that start in [low, high), oldest first.

    With the imported bars that had ended at `ended_us`; None: without them.
    """
    found: list[Candle] = []
    while True:
        ticks = await _fold_all(connection, symbol, interval, low, high, limit, read)
        page = ticks
        if ended_us is not None:
            since = ticks[0].time_us if len(ticks) == limit else low
            bars = await read_imported(connection, symbol, interval, since, high, limit, ended_us)
            page = _merged(ticks, bars)[-limit:]
        if unpriced:
            return page
        found = [*(candle for candle in page if candle.priced), *found]
        if len(found) >= limit or len(page) < limit:
            return found[-limit:]
        high = page[0].time_us


def _merged(ticks: list[Candle], bars: list[Candle]) -> list[Candle]:
    """The candles of both, oldest first."""
    if not bars:
        return ticks
    merged = {candle.time_us: candle for candle in bars}
    for candle in ticks:
        bar = merged.get(candle.time_us)
        merged[candle.time_us] = candle if bar is None else candle.merge(bar)
    return [merged[time_us] for time_us in sorted(merged)]


async def _fold_all(
    connection: Connection, symbol: str, interval: Interval, low: int, high: int, limit: int, read: _Read
) -> list[Candle]:
    finer = _FINER.get(interval)
    if finer is None:
        return await read(interval, low, high, limit)
    days = await days_of(connection, symbol) if interval in CALENDAR_INTERVALS else "UTC"
    first_us, end_us = next_label(low, interval, days), next_label(high, interval, days)
    most_parts = INTERVAL_SECONDS[interval] // INTERVAL_SECONDS[finer]
    found: list[Candle] = []
    bucket = None
    for candle in await read(finer, first_us, end_us, limit * most_parts):
        if bucket is not None and bucket.holds(candle.time_us):
            found[-1] = found[-1].merge(candle)
        else:
            bucket = bucket_of(candle.time_us, interval, days)
            found.append(candle.at(bucket.label_us))
    return found[-limit:]  # one more is one that begins before the first part that was read


async def _read_at(
    connection: Connection,
    symbol: str,
    interval: Interval,
    at: tuple[int, int],
    low: int,
    high: int,
    limit: int,
) -> list[Candle]:
    time_us = at[0]
    cut_us = floor_us(time_us, MINUTE_US)
    candles = await _read(
        connection, symbol, interval, low, min(high, _label_end(interval, cut_us)), cut_us, limit
    )
    width_us = min(INTERVAL_SECONDS[interval] * 1_000_000, MINUTE_US)
    forming = await fold_ticks(connection, symbol, width_us, cut_us, time_us + 1, up_to=at)
    if forming and width_us == MINUTE_US:
        label_us = await _bucket_start(connection, symbol, interval, cut_us)
        forming = [forming[0].at(label_us)]
    for candle in forming:
        if candles and candles[-1].time_us == candle.time_us:
            candles[-1] = candles[-1].merge(candle)
        elif low <= candle.time_us < high:
            candles.append(candle)
    return candles[-limit:]


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
