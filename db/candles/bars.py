"""Reads bars that are not of time: a trading session at a time, from its start, the newest session first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Final, NamedTuple

from tickdeck.db.instruments import venue_of
from tickdeck.db.lookback import horizon_us
from tickdeck.db.market.bar_types import BarFold, BarType
from tickdeck.db.market.sessions import TradingCalendar
from tickdeck.db.market.types import (
    EARLIEST_US,
    LATEST_US,
    MAX_SEQ,
    MINUTE_US,
    Candle,
    ceil_us,
    floor_us,
    from_us,
)
from tickdeck.db.session import Connection
from tickdeck.db.statements import statement
from tickdeck.db.tick_columns import tick_column_pages

MOST_SESSIONS: Final = 60
"""So many trading sessions are looked through for one answer, which then has fewer bars than were asked for."""
MOST_EMPTY: Final = 5
_IN_THREAD: Final = 5_000
"""More ticks than that are folded beside the event loop."""


class BarsRead(NamedTuple):
    """Bars, oldest first, and the fold that goes on with the newest of them."""

    bars: list[Candle]
    fold: BarFold


async def read_bars(
    connection: Connection,
    symbol: str,
    bar_type: BarType,
    *,
    low_us: int = EARLIEST_US,
    high_us: int = LATEST_US,
    at: tuple[int, int] | None = None,
    limit: int = 500,
) -> BarsRead:
    """The newest `limit` bars that are labelled in [low_us, high_us), priced or not, of the ticks up to and including `at`.

    Without `at` what is dated after the horizon of `db.lookback` does not count.  Bars there are as far back as ticks.
    """
    calendar = await calendar_of(connection, symbol)
    up_to = (horizon_us() - 1, MAX_SEQ) if at is None else (min(at[0], LATEST_US), at[1])
    end_us = min(high_us, up_to[0] + 1)
    newest: BarFold | None = None
    found: list[Candle] = []
    empty = 0
    for _ in range(MOST_SESSIONS):
        if len(found) >= limit or end_us <= low_us:
            break
        minute_us: int | None = await connection.fetchval(
            statement("candles_older"),
            symbol,
            from_us(max(floor_us(low_us, MINUTE_US), EARLIEST_US)),
            from_us(min(ceil_us(end_us, MINUTE_US), LATEST_US)),
        )
        if minute_us is None:
            break
        inside_us = min(max(minute_us, low_us), end_us - 1)
        start_us, stop_us = await asyncio.to_thread(calendar.session_bounds, inside_us)
        fold = BarFold(bar_type, calendar.session_bounds)
        bars = await _session(connection, symbol, fold, start_us, stop_us, high_us, up_to, limit)
        newest = fold if newest is None else newest
        if fold.position[0] < 0:  # retention has dropped its ticks, or they are later than `at`
            empty += 1
            if empty > MOST_EMPTY:
                break
        found = [*(bar for bar in bars if low_us <= bar.time_us < high_us), *found]
        end_us = start_us
    return BarsRead(found[-limit:], newest or BarFold(bar_type, calendar.session_bounds))


async def bar_pages(
    connection: Connection, symbol: str, bar_type: BarType, low_us: int, high_us: int
) -> AsyncIterator[list[Candle]]:
    """All bars labelled in [low_us, high_us), oldest first: a trading session's at a time."""
    calendar = await calendar_of(connection, symbol)
    begin_us, _ = await asyncio.to_thread(calendar.session_bounds, low_us)
    while begin_us < high_us:
        minute_us: int | None = await connection.fetchval(
            statement("candles_next"),
            symbol,
            from_us(floor_us(begin_us, MINUTE_US)),
            from_us(ceil_us(high_us, MINUTE_US)),
        )
        if minute_us is None:
            return
        start_us, stop_us = await asyncio.to_thread(calendar.session_bounds, max(begin_us, minute_us))
        fold = BarFold(bar_type, calendar.session_bounds)
        up_to = (LATEST_US, MAX_SEQ)
        bars = await _session(connection, symbol, fold, start_us, stop_us, high_us, up_to, None)
        yield [bar for bar in bars if low_us <= bar.time_us < high_us]
        begin_us = stop_us


async def calendar_of(connection: Connection, symbol: str) -> TradingCalendar:
    """When the symbol trades."""
    return await asyncio.to_thread(_calendar, *await venue_of(connection, symbol))


@lru_cache(maxsize=256)
def _calendar(exchange: str | None, days: str) -> TradingCalendar:
    return TradingCalendar(exchange, days)


async def _session(
    connection: Connection,
    symbol: str,
    fold: BarFold,
    start_us: int,
    stop_us: int,
    high_us: int,
    up_to: tuple[int, int],
    limit: int | None,
) -> list[Candle]:
    """The bars of one trading session; with a limit only the newest of those labelled before `high_us`.

    The reading ends once one begins at `high_us` or later: then those before it are whole.
    """
    bars: list[Candle] = []
    async for ticks in tick_column_pages(connection, symbol, start_us, stop_us, up_to=up_to):
        more = fold.fold(ticks) if len(ticks) < _IN_THREAD else await asyncio.to_thread(fold.fold, ticks)
        if bars and more and bars[-1].time_us == more[0].time_us:
            bars.pop()
        bars += more
        if limit is not None and len(bars) > 2 * limit + 2:
            before = [bar for bar in bars if bar.time_us < high_us]
            bars = [*before[-limit:], *bars[len(before) :]]
        if bars and bars[-1].time_us >= high_us:
            break
    return bars
