"""Reads the watchlist's rows: of each symbol its last tick and the day so far, now or as of any instant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tickdeck.db.archive.read import archived_sides, fetch
from tickdeck.db.lookback import horizon_us, looking_back
from tickdeck.db.market.types import (
    DAY_US,
    EARLIEST_US,
    LATEST_US,
    MINUTE_US,
    Candle,
    Quote,
    floor_us,
    from_us,
)
from tickdeck.db.session import Connection, Source, reading
from tickdeck.db.statements import statement

_RECENT_US: Final = 4 * DAY_US
"""Where most symbols' last ticks are looked for first: a long weekend."""
_TOGETHER_US: Final = 7 * DAY_US


async def usual_volumes(source: Source, at_us: int) -> dict[str, float]:
    """The mean volume of a day of each symbol that has any, over the newest 20 days that were over by `at_us`.

    At the most 60 days back.  Raises `DatabaseError`.
    """
    async with reading(source) as connection:
        rows = await connection.fetch(statement("usual_volumes"), from_us(at_us))
    return {row[0]: row[1] for row in rows}


class _Last(NamedTuple):
    """A tick that updated the last price."""

    price: float
    time_us: int
    seq: int


@dataclass(frozen=True, slots=True)
class _Day:
    label_us: int
    first_us: int


async def read_quotes(
    source: Source,
    symbols: Sequence[str] | None = None,
    *,
    at: tuple[int, int] | None = None,
) -> list[Quote]:
    """The quotes of `symbols` (None: of all) by symbol; symbols without ticks have none.

    What is dated more than 5 minutes after now does not count.  With `at` = (time_us, seq) as if there were no tick after that one: what a watchlist showed at that instant.
    Raises `DatabaseError` and its kinds where the database fails.
    """
    cut_us = horizon_us() if at is None else max(floor_us(at[0], MINUTE_US), EARLIEST_US)
    async with reading(source) as connection:
        # One symbol's chunk is known when its statement is planned: choosing again at each would cost more.
        await connection.execute("set local timescaledb.enable_chunk_append = off")
        wanted = None if symbols is None else list(symbols)
        known = [row[0] for row in await connection.fetch(statement("quote_instruments"), wanted)]
        forming = {} if at is None else await _forming(connection, known, cut_us, at)
        newest = {symbol: candle.time_us for symbol, candle in forming.items()}
        newest |= await _newest_minutes(connection, set(known) - newest.keys(), cut_us)
        days = await _days(connection, newest)
        candles = await _day_candles(connection, days, cut_us)
        for symbol, candle in forming.items():
            candles[symbol] = candle.merge(candles[symbol]) if symbol in candles else candle
        previous = await _previous_lasts(connection, days)
        lasts = {
            symbol: _Last(candle.close, candle.last_us, candle.last_seq)
            for symbol, candle in candles.items()
            if candle.priced
        }
        lasts = previous | lasts
        sides = await _sides(connection, {symbol: (last.time_us, last.seq) for symbol, last in lasts.items()})
        await connection.execute("set local timescaledb.enable_chunk_append = on")
    return [
        _quote(
            symbol,
            candles[symbol],
            days[symbol].label_us,
            lasts.get(symbol),
            sides.get(symbol, (None, None)),
            previous.get(symbol),
        )
        for symbol in sorted(candles)
    ]


def _quote(
    symbol: str,
    day: Candle,
    day_us: int,
    last: _Last | None,
    sides: tuple[float | None, float | None],
    previous: _Last | None,
) -> Quote:
    price, last_us, last_seq = (None, None, None) if last is None else last
    return Quote(
        symbol, price, *sides, last_us, last_seq, day_us, day.open, day.high, day.low,
        day.volume, day.turnover, day.trades, day.first_us, day.first_seq,
        None if previous is None else previous.price,
    )  # fmt: skip


async def _forming(
    connection: Connection, symbols: Sequence[str], cut_us: int, at: tuple[int, int]
) -> dict[str, Candle]:
    """The minute in progress of each symbol that has ticks in it by then."""
    rows = await fetch(
        connection,
        "quote_forming",
        symbols,
        from_us(cut_us),
        from_us(min(at[0], LATEST_US)),
        at[1],
        symbols=symbols,
        low_us=cut_us,
        high_us=at[0] + 1,
    )
    return {row[0]: Candle(cut_us, *row[1:]) for row in rows}


async def _newest_minutes(connection: Connection, symbols: Collection[str], cut_us: int) -> dict[str, int]:
    """The newest minute with ticks before the minute `cut_us` of each symbol."""
    missing = set(symbols)
    found: dict[str, int] = {}
    end_us = cut_us
    for start_us in looking_back(EARLIEST_US, cut_us, _RECENT_US):
        if not missing:
            break
        rows = await connection.fetch(
            statement("quote_latest"), sorted(missing), from_us(start_us), from_us(end_us)
        )
        found |= {row[0]: row[1] for row in rows}
        missing -= found.keys()
        end_us = start_us
    return found


async def _days(connection: Connection, newest: Mapping[str, int]) -> dict[str, _Day]:
    moments = [from_us(time_us) for time_us in newest.values()]
    rows = await connection.fetch(statement("days_of"), list(newest), moments)
    return {row[0]: _Day(row[1], row[2]) for row in rows}


async def _day_candles(connection: Connection, days: Mapping[str, _Day], cut_us: int) -> dict[str, Candle]:
    """The whole day of each symbol up to the minute `cut_us`."""
    candles: dict[str, Candle] = {}
    for group in _together(days):
        first_us = min(days[symbol].first_us for symbol in group)
        rows = await connection.fetch(
            statement("quote_day_candles"),
            group,
            [from_us(days[symbol].first_us) for symbol in group],
            from_us(first_us),
            from_us(cut_us),
            [from_us(days[symbol].label_us) for symbol in group],
        )
        candles |= {row[0]: Candle(days[row[0]].label_us, *row[1:]) for row in rows}
    return candles


async def _previous_lasts(connection: Connection, days: Mapping[str, _Day]) -> dict[str, _Last]:
    """The last price before the day of each symbol that has one."""
    closes: dict[str, _Last] = {}
    for group in _together(days):
        missing = group
        end_us = max(days[symbol].first_us for symbol in group)
        lowest_us = min(days[symbol].first_us for symbol in group)
        for start_us in looking_back(EARLIEST_US, lowest_us, _RECENT_US):
            firsts = [from_us(days[symbol].first_us) for symbol in missing]
            rows = await connection.fetch(
                statement("quote_previous"), missing, firsts, from_us(start_us), from_us(end_us)
            )
            closes |= {row[0]: _Last(*row[1:]) for row in rows}
            missing = [symbol for symbol in missing if symbol not in closes]
            end_us = start_us
            if not missing:
                break
    return closes


async def _sides(
    connection: Connection, lasts: Mapping[str, tuple[int, int]]
) -> dict[str, tuple[float | None, float | None]]:
    """Bid and ask of the last tick of each symbol whose ticks are still kept, one statement for each day (chunk) that has any."""
    by_day: defaultdict[int, list[str]] = defaultdict(list)
    for symbol, (time_us, _) in lasts.items():
        by_day[floor_us(time_us, DAY_US)].append(symbol)
    sides: dict[str, tuple[float | None, float | None]] = {}
    for day_us, group in by_day.items():
        rows: Sequence[Any] = await connection.fetch(
            statement("quote_sides"),
            group,
            [from_us(lasts[symbol][0]) for symbol in group],
            [lasts[symbol][1] for symbol in group],
            from_us(day_us),
            from_us(day_us + DAY_US),
        )
        sides |= {row[0]: (row[1], row[2]) for row in rows}
    missing = {symbol: place for symbol, place in lasts.items() if symbol not in sides}
    return sides | await archived_sides(connection, missing)


def _together(days: Mapping[str, _Day]) -> Iterator[list[str]]:
    """The symbols in groups whose days lie close together, so that one statement opens few chunks."""
    if not days:
        return
    newest_us = max(day.first_us for day in days.values())
    recent = [symbol for symbol, day in days.items() if newest_us - day.first_us <= _TOGETHER_US]
    older = [symbol for symbol, day in days.items() if newest_us - day.first_us > _TOGETHER_US]
    yield recent
    if older:
        yield older
