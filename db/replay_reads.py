"""What a replay asks the database besides quotes, candles and blocks of ticks.

Places among ticks are (time_us, seq), times µs since the epoch (UTC).  Raises `DatabaseError` and its kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np

from tickdeck.db.archive.read import archived_days, archived_ticks, fetch
from tickdeck.db.candles.read import read_candles, read_candles_at
from tickdeck.db.errors import UnknownSymbolError
from tickdeck.db.instruments import days_of, list_instruments
from tickdeck.db.lookback import horizon_us
from tickdeck.db.market.buckets import bucket_of
from tickdeck.db.market.sessions import TradingCalendar
from tickdeck.db.market.types import (
    LATEST_US,
    MAX_SEQ,
    MINUTE_US,
    Candle,
    Instrument,
    TickBatch,
    floor_us,
    from_us,
)
from tickdeck.db.session import Connection, Source, reading
from tickdeck.db.statements import statement
from tickdeck.db.ticks.read import newest_since

MOST_DAYS = 20_000
MOST_OF_DAY = 100
"""Candles of 15 minutes: a day of 25 hours."""
MOST_MINUTES = 25 * 60


class DataDay(NamedTuple):
    """A day on which at least one of the symbols asked for has ticks: how many, and their summed size."""

    day: date
    ticks: int
    volume: float


async def instruments_of(source: Source, symbols: Sequence[str]) -> list[Instrument]:
    """The instruments of `symbols`, in that order; raise `UnknownSymbolError` for the first that is none."""
    async with reading(source) as connection:
        known = {each.symbol: each for each in await list_instruments(connection)}
    for symbol in symbols:
        if symbol not in known:
            raise UnknownSymbolError(symbol)
    return [known[symbol] for symbol in symbols]


async def read_day_line(source: Source, symbol: str, at: tuple[int, int] | None) -> list[float]:
    """The closes of the 15-minute candles of the newest day with ticks, not after `at` (None: now), oldest first."""
    async with reading(source) as connection:
        if at is None:
            candles = await read_candles(connection, symbol, "15m", limit=MOST_OF_DAY, imported=False)
        else:
            candles = await read_candles_at(
                connection, symbol, "15m", at=at, limit=MOST_OF_DAY, imported=False
            )
        if not candles:
            return []
        day = bucket_of(candles[-1].time_us, "1d", await days_of(connection, symbol))
    return [each.close for each in candles if each.time_us >= day.first_us]


async def read_ticks_before(source: Source, symbol: str, at: tuple[int, int], limit: int) -> TickBatch:
    """The newest `limit` ticks of `symbol` that are not after `at`, newest first."""
    time_us, seq = at
    minute_us = floor_us(time_us, MINUTE_US)
    async with reading(source) as connection:
        # The minutes' candles tell how far back so many ticks reach: only their chunks are looked into.
        minutes = await read_candles(
            connection, symbol, "1m", end_us=time_us + 1, limit=limit + 1, unpriced=True, imported=False
        )
        start_us = minute_us
        missing = limit
        for candle in reversed(minutes):
            if missing <= 0:
                break
            if candle.time_us < minute_us:  # the minute in progress may hold ticks after `at` only
                missing -= candle.trades
            start_us = candle.time_us
        rows = await fetch(
            connection, "replay_ticks_before", symbol, from_us(start_us), from_us(time_us), seq, limit,
            symbols=[symbol], low_us=start_us, high_us=time_us + 1,
        )  # fmt: skip
    return _batch(symbol, rows)


async def place_before(
    source: Source, symbols: Sequence[str], at: tuple[int, int], number: int, *, start_us: int
) -> tuple[int, int] | None:
    """The `number`-th place of ticks of any of `symbols`, counted back from the last that is not after `at`.

    Ticks of several symbols may share a place.  None where there are fewer since `start_us`.
    """
    time_us, seq = at
    minute_us = max(start_us, floor_us(time_us, MINUTE_US))
    async with reading(source) as connection:
        # The minute in progress may hold ticks after `at` only: it does not count.
        starts = await newest_since(connection, symbols, number, floor_us(start_us, MINUTE_US), minute_us)
        sinces = [max(start_us, starts.get(symbol, minute_us)) for symbol in symbols]
        rows = await fetch(
            connection,
            "replay_place_before",
            list(symbols),
            [from_us(since) for since in sinces],
            from_us(time_us),
            seq,
            from_us(min(sinces)),
            number,
            symbols=symbols,
            low_us=min(sinces),
            high_us=time_us + 1,
        )
    return (rows[0][0], rows[0][1]) if rows else None


async def symbols_with_ticks(source: Source, symbols: Sequence[str], start_us: int, end_us: int) -> set[str]:
    """Those of `symbols` that have a tick in [start_us, end_us)."""
    async with reading(source) as connection:
        rows = await connection.fetch(
            statement("replay_has_ticks"), list(symbols), from_us(start_us), from_us(end_us)
        )
        found = {row[0] for row in rows}
        missing = [symbol for symbol in symbols if symbol not in found]
        days = await archived_days(connection, missing, start_us, end_us) if missing else []
        found |= {
            day.symbol
            for day in days
            if start_us <= day.first_us < end_us or start_us <= day.last_us < end_us
        }
        for day in days:
            if day.symbol not in found:  # the range lies within the day
                ticks = await archived_ticks(connection, [day.symbol], start_us, end_us, limit=1)
                found |= {day.symbol} if ticks is not None and len(ticks) else set()
    return found


async def known_moments(source: Source, symbols: Sequence[str], after_us: int, end_us: int) -> list[int]:
    """When in (after_us, end_us] something was said of ticks of `symbols` that were before then, in order."""
    async with reading(source) as connection:
        rows = await connection.fetch(
            statement("known_moments"), list(symbols), from_us(after_us), from_us(min(end_us, LATEST_US))
        )
    return [row[0] for row in rows]


async def restated_in_archive(
    source: Source, symbols: Sequence[str], start_us: int, end_us: int
) -> tuple[str, str] | None:
    """Symbol and day of the first archived day in [start_us, end_us] with a cancelled or corrected tick; None: there is none.

    Its file has the ticks as they are: as they were known they are in the table only.
    """
    async with reading(source) as connection:
        row = await connection.fetchrow(
            statement("archive/restated"), list(symbols), from_us(start_us), from_us(min(end_us, LATEST_US))
        )
    return None if row is None else (row[0], row[1])


async def first_tick(
    connection: Connection,
    symbol: str,
    after: tuple[int, int],
    up_to: tuple[int, int],
    least: float | None,
    most: float | None,
) -> tuple[int, int, float] | None:
    """(time_us, seq, price) of the first tick after a place, up to another, that updates the last price.

    To a price from `least` to `most` (None: any).
    """
    rows = await fetch(
        connection,
        "replay_first_tick",
        symbol,
        from_us(after[0]),
        after[1],
        from_us(min(up_to[0], LATEST_US)),
        up_to[1],
        least,
        most,
        symbols=[symbol],
        low_us=after[0],
        high_us=up_to[0] + 1,
    )
    return (rows[0][0], rows[0][1], rows[0][2]) if rows else None


async def stored_range(
    source: Source, symbols: Sequence[str], *, imported: bool = False
) -> tuple[int, int] | None:
    """From when until when there are candles of any of `symbols`, to the minute; None where there are none.

    With `imported` imported ones too.
    """
    async with reading(source) as connection:
        row = await connection.fetchrow(
            statement("replay_stored_range"), list(symbols), from_us(horizon_us()), imported
        )
    return None if row is None or row[0] is None else (row[0], row[1])


async def tick_chunks(source: Source, start_us: int, end_us: int) -> list[tuple[int, int]]:
    """The stretches `[start, end)` that meet the range and for which ticks are kept, oldest first."""
    async with reading(source) as connection:
        rows = await connection.fetch(
            statement("replay_tick_chunks"), from_us(start_us), from_us(min(end_us, LATEST_US))
        )
    return [(row[0], row[1]) for row in rows]


async def data_days(source: Source, instruments: Sequence[Instrument]) -> list[DataDay]:
    """The days, by each instrument's own rule, that have ticks, oldest first.

    Read from day candles, never from ticks.
    """
    totals: dict[date, tuple[int, float]] = {}
    async with reading(source) as connection:
        for each in instruments:
            calendar = TradingCalendar(None, each.days)
            for candle in await read_candles(
                connection, each.symbol, "1d", limit=MOST_DAYS, unpriced=True, imported=False
            ):
                day = calendar.day(candle.time_us)
                ticks, volume = totals.get(day, (0, 0.0))
                totals[day] = (ticks + candle.trades, volume + candle.volume)
    return [DataDay(day, *totals[day]) for day in sorted(totals)]


async def read_regular_day(
    source: Source, symbol: str, calendar: TradingCalendar, at_us: int
) -> Candle | None:
    """One candle of all ticks in regular hours of the day of `at_us`, up to that instant; None where there are none.

    Opens and closes stand on whole minutes, so whole minutes fold.
    """
    start_us, _ = calendar.day_bounds(calendar.day(at_us))
    hours = calendar.regular_hours(start_us, at_us + 1)
    candles = await read_candles_at(
        source,
        symbol,
        "1m",
        at=(at_us, MAX_SEQ),
        start_us=start_us,
        limit=MOST_MINUTES,
        unpriced=True,
        imported=False,
    )
    found: Candle | None = None
    for candle in candles:
        if any(opened <= candle.time_us < closed for opened, closed in hours):
            found = candle.at(start_us) if found is None else found.merge(candle)
    return found if found is not None and found.priced else None


def _batch(symbol: str, rows: Sequence[Any]) -> TickBatch:
    columns = list(zip(*rows, strict=True)) or [()] * 9
    price, size, bid, ask = (
        np.array([np.nan if value is None else value for value in column], dtype=np.float64)
        for column in columns[2:6]
    )
    return TickBatch(
        np.array(columns[0], dtype=np.int64),
        np.full(len(rows), symbol, dtype=object),
        np.array(columns[1], dtype=np.int64),
        price, size, bid, ask,
        np.array(columns[6], dtype=object),
        np.array(columns[7], dtype=object),
        side=np.array([each or 0 for each in columns[8]], dtype=np.int16),
    )  # fmt: skip
