"""Candles below a minute: folded from just the ticks that they need, which the minutes' own candles tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from tickdeck.db.archive.read import fetch
from tickdeck.db.lookback import read_back
from tickdeck.db.market.types import DAY_US, LATEST_US, MAX_SEQ, MINUTE_US, Candle, ceil_us, floor_us, from_us
from tickdeck.db.session import Connection
from tickdeck.db.statements import statement

WINDOW_US: Final = 32 * DAY_US
"""About one chunk of candles: where a chart is looked for first."""


async def read_minutes(connection: Connection, symbol: str, low: int, high: int, limit: int) -> list[Candle]:
    """The newest `limit` one-minute candles that start in [low, high), priced or not, oldest first."""
    return [minute.candle for minute in await _read_minutes(connection, symbol, low, high, limit)]


class _Minute(NamedTuple):
    candle: Candle
    bounded: bool
    """Whether all of its ticks lie between its first and its last one."""


async def _read_minutes(
    connection: Connection, symbol: str, low: int, high: int, limit: int
) -> list[_Minute]:
    last = from_us(ceil_us(high, MINUTE_US))

    async def read(start_us: int) -> Sequence[Any]:
        first = from_us(ceil_us(start_us, MINUTE_US))
        rows: Sequence[Any] = await connection.fetch(statement("candles_1m"), symbol, first, last, limit)
        return rows

    rows = await read_back(
        connection, symbol, low, high, span_us=WINDOW_US, width_us=MINUTE_US, limit=limit, read=read
    )
    return [_Minute(Candle(*row[:-1]), row[-1]) for row in reversed(rows)]


async def read_fine(
    connection: Connection,
    symbol: str,
    width_us: int,
    low: int,
    high: int,
    limit: int,
) -> list[Candle]:
    """The newest `limit` candles of `width_us` (below a minute) that start in [low, high), oldest first."""
    low, high = ceil_us(low, width_us), ceil_us(high, width_us)
    found: list[Candle] = []
    end_us = high
    while len(found) < limit:
        missing = limit - len(found)
        minutes = await _read_minutes(connection, symbol, floor_us(low, MINUTE_US), end_us, missing)
        taken = _enough(minutes, missing, MINUTE_US // width_us)
        if not taken:
            break
        start_us = max(taken[0].candle.time_us, low)
        older, ticks_gone = await _fold(connection, symbol, width_us, taken, start_us, end_us)
        found = older + found
        if ticks_gone or len(taken) == len(minutes) < missing:
            break
        end_us = start_us
        if end_us <= low:
            break
    return found[-limit:]


async def fold_ticks(
    connection: Connection,
    symbol: str,
    width_us: int,
    low: int,
    high: int,
    *,
    up_to: tuple[int, int] = (LATEST_US, MAX_SEQ),
) -> list[Candle]:
    """The candles of `width_us` of the ticks in [low, high) up to and including (time_us, seq), oldest first."""
    width = from_us(width_us) - from_us(0)
    rows = await fetch(
        connection,
        "candles_from_ticks",
        symbol,
        from_us(low),
        from_us(high),
        width,
        from_us(up_to[0]),
        up_to[1],
        symbols=[symbol],
        low_us=low,
        high_us=min(high, up_to[0] + 1),
    )
    return [Candle(*row) for row in rows]


def _enough(minutes: Sequence[_Minute], wanted: int, slots: int) -> Sequence[_Minute]:
    """The newest minutes that hold about `wanted` candles, where a minute has room for `slots`.

    n ticks spread at random fill slots·(1 - (1 - 1/slots)^n) of them; too few costs one more round, too many
    ticks that are read in vain.
    """
    expected = 0.0
    for position in range(len(minutes) - 1, -1, -1):
        expected += slots * (1 - (1 - 1 / slots) ** minutes[position].candle.trades)
        if expected >= wanted * 1.05 + 1:
            return minutes[position:]
    return minutes


async def _fold(
    connection: Connection,
    symbol: str,
    width_us: int,
    minutes: Sequence[_Minute],
    low: int,
    high: int,
) -> tuple[list[Candle], bool]:
    """The candles of these minutes within [low, high), and whether their ticks were dropped since (retention).

    A minute whose ticks all lie in one candle is that candle, so only the others' ticks are read: a symbol
    that trades now and then costs no look into the ticks of many days.
    """
    alone: list[Candle] = []
    crowded: list[Candle] = []
    for minute, bounded in minutes:
        start_us = floor_us(minute.first_us, width_us)
        if bounded and start_us == floor_us(minute.last_us, width_us):
            alone.append(minute.at(start_us))
        else:
            crowded.append(minute)
    if not crowded:
        return [candle for candle in alone if low <= candle.time_us < high], False
    first_us = max(crowded[0].time_us, low)
    last_us = min(crowded[-1].time_us + MINUTE_US, high)
    folded = await fold_ticks(connection, symbol, width_us, first_us, last_us)
    before = [candle for candle in alone if low <= candle.time_us < first_us]
    after = [candle for candle in alone if last_us <= candle.time_us < high]
    whole = any(low <= minute.time_us and minute.time_us + MINUTE_US <= high for minute in crowded)
    return [*before, *folded, *after], whole and not folded
