"""What a replay asks the database besides quotes, candles and blocks of ticks.

Places among ticks are (time_us, seq), times µs since the epoch (UTC).  Raises `DatabaseError` and its kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np

from db.candles import read_candles, read_candles_at
from db.errors import UnknownSymbolError
from db.instruments import Instrument, list_instruments
from db.market import Candle, TickBatch, from_us
from db.pool import PoolOrConnection
from db.reading import LATEST_US, MAX_SEQ, MINUTE_US, floor_us, reading
from db.sessions import TradingCalendar
from db.statements import statement

MOST_DAYS = 20_000
MOST_MINUTES = 25 * 60


class DataDay(NamedTuple):
    """A day on which at least one of the symbols asked for has ticks: how many, and their summed size."""

    day: date
    ticks: int
    volume: float


async def instruments_of(source: PoolOrConnection, symbols: Sequence[str]) -> list[Instrument]:
    """The instruments of `symbols`, in that order; raise `UnknownSymbolError` for the first that is none."""
    known = {each.symbol: each for each in await list_instruments(source)}
    for symbol in symbols:
        if symbol not in known:
            raise UnknownSymbolError(symbol)
    return [known[symbol] for symbol in symbols]


async def read_ticks_before(
    source: PoolOrConnection, symbol: str, at: tuple[int, int], limit: int
) -> TickBatch:
    """The newest `limit` ticks of `symbol` that are not after `at`, newest first."""
    time_us, seq = at
    minute_us = floor_us(time_us, MINUTE_US)
    async with reading(source) as connection:
        # The minutes' candles tell how far back so many ticks reach: only their chunks are looked into.
        minutes = await read_candles(connection, symbol, "1m", end_us=time_us + 1, limit=limit + 1)
        start_us = minute_us
        missing = limit
        for candle in reversed(minutes):
            if missing <= 0:
                break
            if candle.time_us < minute_us:  # the minute in progress may hold ticks after `at` only
                missing -= candle.trades
            start_us = candle.time_us
        rows = await connection.fetch(
            statement("replay_ticks_before"), symbol, from_us(start_us), from_us(time_us), seq, limit
        )
    return _batch(symbol, rows)


async def previous_place(
    source: PoolOrConnection, symbols: Sequence[str], before: tuple[int, int]
) -> tuple[int, int] | None:
    """The place of the last tick of any of `symbols` before `before`; None where there is none."""
    time_us, seq = before
    upto = (time_us, seq - 1) if seq > -MAX_SEQ - 1 else (time_us - 1, MAX_SEQ)
    async with reading(source) as connection:
        batches = [await read_ticks_before(connection, symbol, upto, 1) for symbol in symbols]
    return max(((int(b.time_us[0]), int(b.seq[0])) for b in batches if len(b)), default=None)


async def symbols_with_ticks(
    source: PoolOrConnection, symbols: Sequence[str], start_us: int, end_us: int
) -> set[str]:
    """Those of `symbols` that have a tick in [start_us, end_us)."""
    async with reading(source) as connection:
        rows = await connection.fetch(
            statement("replay_has_ticks"), list(symbols), from_us(start_us), from_us(end_us)
        )
    return {row[0] for row in rows}


async def stored_range(source: PoolOrConnection, symbols: Sequence[str]) -> tuple[int, int] | None:
    """From when until when there are candles of any of `symbols`, to the minute; None where there are none."""
    async with reading(source) as connection:
        row = await connection.fetchrow(statement("replay_stored_range"), list(symbols))
    return None if row is None or row[0] is None else (row[0], row[1])


async def tick_chunks(source: PoolOrConnection, start_us: int, end_us: int) -> list[tuple[int, int]]:
    """The stretches `[start, end)` that meet the range and for which ticks are kept, oldest first."""
    async with reading(source) as connection:
        rows = await connection.fetch(
            statement("replay_tick_chunks"), from_us(start_us), from_us(min(end_us, LATEST_US))
        )
    return [(row[0], row[1]) for row in rows]


async def data_days(source: PoolOrConnection, instruments: Sequence[Instrument]) -> list[DataDay]:
    """The days, of each instrument's own zone, that have ticks, oldest first.

    Read from day candles, never from ticks.
    """
    totals: dict[date, tuple[int, float]] = {}
    async with reading(source) as connection:
        for each in instruments:
            zone = TradingCalendar(None, each.timezone)
            for candle in await read_candles(connection, each.symbol, "1d", limit=MOST_DAYS):
                day = zone.day(candle.time_us)
                ticks, volume = totals.get(day, (0, 0.0))
                totals[day] = (ticks + candle.trades, volume + candle.volume)
    return [DataDay(day, *totals[day]) for day in sorted(totals)]


async def read_regular_day(
    source: PoolOrConnection, symbol: str, calendar: TradingCalendar, at_us: int
) -> Candle | None:
    """One candle of all ticks in regular hours of the day of `at_us`, up to that instant; None where there are none.

    Opens and closes stand on whole minutes, so whole minutes fold.
    """
    start_us, _ = calendar.day_bounds(calendar.day(at_us))
    hours = calendar.regular_hours(start_us, at_us + 1)
    candles = await read_candles_at(
        source, symbol, "1m", at=(at_us, MAX_SEQ), start_us=start_us, limit=MOST_MINUTES
    )
    found: Candle | None = None
    for candle in candles:
        if any(opened <= candle.time_us < closed for opened, closed in hours):
            found = candle.at(start_us) if found is None else found.merge(candle)
    return found


def _batch(symbol: str, rows: Sequence[Any]) -> TickBatch:
    columns = list(zip(*rows, strict=True)) or [()] * 8
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
    )  # fmt: skip
