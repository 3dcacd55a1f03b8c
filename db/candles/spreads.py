"""Reads the candles of ratios and spreads (`db.market.spreads`), each exactly what the ticks stored at that moment say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from tickdeck.db.candles.fine import read_minutes
from tickdeck.db.candles.read import read_candles
from tickdeck.db.instruments import days_of
from tickdeck.db.lookback import horizon_us
from tickdeck.db.market.buckets import next_label
from tickdeck.db.market.spreads import (
    NO_TICKS,
    Formula,
    LegTicks,
    SpreadFold,
    candles_of,
    parts_of,
    spread_values,
)
from tickdeck.db.market.types import (
    EARLIEST_US,
    INTERVAL_SECONDS,
    LATEST_US,
    MAX_SEQ,
    MINUTE_US,
    Candle,
    Interval,
    TickBatch,
    ceil_us,
    concat,
    floor_us,
    from_us,
)
from tickdeck.db.session import Connection
from tickdeck.db.statements import statement
from tickdeck.db.tick_columns import tick_column_pages

MOST_TICKS: Final = 2_000_000
"""So many ticks are read for one answer, which then has fewer candles than were asked for."""
MOST_PARTS: Final = 100_000
"""So many shorter candles of each symbol, for the longer intervals."""


class SpreadRead(NamedTuple):
    """Candles, oldest first, and what goes on with the newest of them."""

    candles: list[Candle]
    fold: SpreadFold


class _Newest(NamedTuple):
    """What is newest of each symbol: its ticks from `edge_us` on, and the last one's place."""

    edge_us: int
    legs: dict[str, LegTicks]
    positions: dict[str, tuple[int, int]]


async def read_spread(
    connection: Connection,
    formula: Formula,
    interval: Interval,
    *,
    low_us: int = EARLIEST_US,
    high_us: int = LATEST_US,
    at: tuple[int, int] | None = None,
    limit: int = 500,
    bounded: bool = True,
) -> SpreadRead:
    """The newest `limit` candles that are labelled in [low_us, high_us), of the ticks up to and including `at`.

    Without `at` what is dated after the horizon of `db.lookback` does not count.  With `bounded` there may be fewer, for as
    many ticks or candles of the symbols as `MOST_TICKS` and `MOST_PARTS` say.
    """
    days = await days_of(connection, formula.legs[0])
    up_to = (horizon_us() - 1, MAX_SEQ) if at is None else (min(at[0], LATEST_US), at[1])
    first_us = next_label(max(low_us, EARLIEST_US), interval, days)
    end_us = min(next_label(min(high_us, LATEST_US), interval, days), up_to[0] + 1)
    part = parts_of(interval)
    part_us = MINUTE_US if part is None else INTERVAL_SECONDS[part] * 1_000_000
    newest = await _newest(connection, formula, end_us, up_to, part_us)
    edge_us = newest.edge_us
    reading = _Reading(connection, formula, interval, days, first_us, limit, bounded)
    older = await _of_parts(reading, part, edge_us) if part is not None else await _of_ticks(reading, edge_us)
    before = older.before
    if not any(np.isfinite(each) for each in before.values()):  # nothing was read before the edge
        before = await _last_before(connection, formula, edge_us)
    candle = older.candles[-1] if older.candles else None
    fold = SpreadFold(formula, interval, days, edge_us, before, candle, newest.positions, newest.legs)
    tail = await asyncio.to_thread(fold.candles)
    if tail and older.candles and tail[0].time_us == older.candles[-1].time_us:
        older.candles.pop()
    found = [each for each in (*older.candles, *tail) if low_us <= each.time_us < high_us]
    return SpreadRead(found[-limit:], fold)


class _Reading(NamedTuple):
    connection: Connection
    formula: Formula
    interval: Interval
    days: str
    first_us: int
    limit: int
    bounded: bool


class _Older(NamedTuple):
    """The candles of what lies before the edge, the last one maybe in progress there, and the last prices there; NaN: none."""

    candles: list[Candle]
    before: dict[str, float]


async def _newest(
    connection: Connection, formula: Formula, end_us: int, up_to: tuple[int, int], part_us: int
) -> _Newest:
    """The ticks of the newest minute, and what of its part lies before it."""
    minutes = [
        await connection.fetchval(
            statement("candles_older"),
            leg,
            from_us(EARLIEST_US),
            from_us(min(ceil_us(end_us, MINUTE_US), LATEST_US)),
        )
        for leg in formula.legs
    ]
    minute_us = max((each for each in minutes if each is not None), default=floor_us(end_us, MINUTE_US))
    edge_us = floor_us(minute_us, part_us)
    legs: dict[str, LegTicks] = {}
    positions: dict[str, tuple[int, int]] = {}
    for leg in formula.legs:
        ticks = await _ticks(connection, leg, minute_us, end_us, up_to)
        positions[leg] = (minute_us - 1, MAX_SEQ)
        if ticks is not None:
            positions[leg] = int(ticks.time_us[-1]), int(ticks.seq[-1])
        part = await _closes(connection, leg, edge_us, minute_us)
        legs[leg] = part.then(NO_TICKS if ticks is None else LegTicks.of(ticks))
    return _Newest(edge_us, legs, positions)


async def _closes(connection: Connection, leg: str, start_us: int, end_us: int) -> LegTicks:
    if start_us >= end_us:
        return NO_TICKS
    found = await read_minutes(connection, leg, start_us, end_us, (end_us - start_us) // MINUTE_US)
    return LegTicks.closes([each for each in found if each.priced])


async def _ticks(
    connection: Connection, leg: str, start_us: int, end_us: int, up_to: tuple[int, int]
) -> TickBatch | None:
    pages = [page async for page in tick_column_pages(connection, leg, start_us, end_us, up_to=up_to)]
    return concat(pages) if pages else None


async def _last_before(connection: Connection, formula: Formula, time_us: int) -> dict[str, float]:
    """The last prices before an instant, the start of a minute; NaN: there was none."""
    found = {}
    for leg in formula.legs:
        candles = await read_candles(connection, leg, "1m", end_us=time_us, limit=1, imported=False)
        found[leg] = candles[0].close if candles else np.nan
    return found


async def _of_parts(reading: _Reading, part: Interval, edge_us: int) -> _Older:
    """Of the last values of each part before the edge."""
    connection, formula, interval, days, first_us, limit, bounded = reading
    page = min(limit * (INTERVAL_SECONDS[interval] // INTERVAL_SECONDS[part]) + 1, MOST_PARTS)
    end_us, before = edge_us, dict.fromkeys(formula.legs, np.nan)
    found: list[Candle] = []
    read = 0
    while end_us > first_us:
        closes: dict[str, LegTicks] = {}
        begin_us = first_us
        for leg in formula.legs:
            candles = await read_candles(
                connection, leg, part, start_us=first_us, end_us=end_us, limit=page, imported=False
            )
            closes[leg] = LegTicks.closes(candles)
            if len(candles) == page:
                begin_us = max(begin_us, next_label(candles[0].time_us + 1, interval, days))
            read += len(candles)
        if begin_us >= end_us:  # all of it is within one candle: of months there is nothing shorter to read
            begin_us = first_us
        start = await _last_before(connection, formula, begin_us)
        legs = {leg: each.since(begin_us) for leg, each in closes.items()}
        made = await asyncio.to_thread(_fold, reading, legs, start)
        if end_us == edge_us:
            before = {leg: each.before(edge_us, start[leg]) for leg, each in legs.items()}
        found = made + found
        if len(found) > limit or begin_us == first_us or (bounded and read >= MOST_PARTS * len(formula.legs)):
            break
        end_us = begin_us
    return _Older(found[-limit - 1 :], before)


async def _of_ticks(reading: _Reading, edge_us: int) -> _Older:
    """Of all ticks before the edge, the newest minutes first."""
    connection, formula, interval, _, first_us, limit, bounded = reading
    low_us = floor_us(first_us, MINUTE_US)
    end_us, before = edge_us, dict.fromkeys(formula.legs, np.nan)
    found: list[Candle] = []
    read = 0
    while end_us > low_us:
        minutes: dict[int, int] = {}
        whole = True
        for leg in formula.legs:
            some = await read_minutes(connection, leg, low_us, end_us, limit)
            whole = whole and len(some) < limit
            for each in some:
                minutes[each.time_us] = minutes.get(each.time_us, 0) + each.trades
        begin_us, ticks = _enough(
            minutes, limit + 1 - len(found), MINUTE_US // (INTERVAL_SECONDS[interval] * 1_000_000)
        )
        if begin_us is None:
            break
        whole = whole and begin_us == min(minutes)
        start = await _last_before(connection, formula, begin_us)
        legs = {}
        for leg in formula.legs:
            batch = await _ticks(connection, leg, begin_us, end_us, (LATEST_US, MAX_SEQ))
            legs[leg] = NO_TICKS if batch is None else LegTicks.of(batch)
        made = await asyncio.to_thread(_fold, reading, legs, start)
        if end_us == edge_us:
            before = {leg: each.before(edge_us, start[leg]) for leg, each in legs.items()}
        found = made + found
        read += ticks
        if len(found) > limit or whole or (bounded and read >= MOST_TICKS):
            break
        end_us = begin_us
    return _Older(found[-limit - 1 :], before)


def _enough(minutes: Mapping[int, int], wanted: int, slots: int) -> tuple[int | None, int]:
    """The start of the newest minutes that hold about `wanted` candles, `slots` in each at the most, and their ticks."""
    begin_us: int | None = None
    expected, ticks = 0.0, 0
    for time_us in sorted(minutes, reverse=True):
        begin_us = time_us
        ticks += minutes[time_us]
        expected += slots * (1 - (1 - 1 / slots) ** minutes[time_us]) if slots > 1 else 1
        if expected >= wanted or ticks >= MOST_TICKS // 4:
            break
    return begin_us, ticks


def _fold(reading: _Reading, legs: Mapping[str, LegTicks], before: Mapping[str, float]) -> list[Candle]:
    part = parts_of(reading.interval)
    part_us = 0 if part is None else INTERVAL_SECONDS[part] * 1_000_000
    times, values = spread_values(reading.formula, legs, before, part_us)
    return candles_of(times, values, reading.interval, reading.days)


async def all_spread_candles(
    connection: Connection, formula: Formula, interval: Interval, low_us: int, high_us: int, *, limit: int
) -> list[Candle]:
    """All candles labelled in [low_us, high_us), oldest first, however many ticks they take."""
    pages: list[list[Candle]] = []
    while low_us < high_us:
        page = (
            await read_spread(
                connection, formula, interval, low_us=low_us, high_us=high_us, limit=limit, bounded=False
            )
        ).candles
        if not page:
            break
        pages.append(page)
        high_us = page[0].time_us
    return [candle for page in reversed(pages) for candle in page]
