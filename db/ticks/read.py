"""Reads ticks back: pages in time order, and the tapes of many symbols."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tickdeck.db.archive.read import archived_ticks, fetch, joined, too_young
from tickdeck.db.errors import MarketDataError
from tickdeck.db.lookback import horizon_us, looking_back
from tickdeck.db.market.types import (
    DAY_US,
    EARLIEST_US,
    LATEST_US,
    MAX_TIME_US,
    MIN_TIME_US,
    MINUTE_US,
    UPDATES_ALL,
    TickBatch,
    ceil_us,
    concat,
    floor_us,
    from_us,
)
from tickdeck.db.session import Connection, PoolOrConnection, Source, reading, translate
from tickdeck.db.statements import statement

_FIRST_LOOK_US: Final = MINUTE_US
_FURTHER: Final = 8
_RECENT_US: Final = 4 * DAY_US
"""Where most symbols' newest ticks are looked for first: a long weekend."""


async def read_ticks(
    source: Source,
    symbols: Sequence[str],
    start_us: int,
    end_us: int,
    *,
    after: tuple[int, int] | None = None,
    limit: int,
) -> TickBatch:
    """The first `limit` ticks of `symbols` in [start_us, end_us), by (time, seq, symbol).

    `after` = (time_us, seq) leaves out what is not after it: pass the last tick of one page to read the next one.
    Ticks of several symbols with one (time, seq) stay together, so a page may be that much longer than `limit`;
    one that is shorter is the last.  At most about a page and a minute of ticks are read, however long the range.
    Raises `MarketDataError` for a limit below 1, `DatabaseError` and its kinds where the database fails.
    """
    if limit < 1:
        raise MarketDataError(f"limit {limit} is below 1")
    position = after if after is not None else (MIN_TIME_US - 1, 0)
    low, high = max(start_us, position[0], MIN_TIME_US), min(end_us, MAX_TIME_US)
    if low >= high or not symbols:
        return _batch([])
    pages: list[TickBatch] = []
    missing = limit
    async with reading(source) as connection:
        while low < high and missing > 0:
            until_us = await _page_end(connection, symbols, low, high, missing)
            page: list[Any] = await connection.fetch(
                statement("ticks_page"),
                list(symbols),
                from_us(low),
                from_us(until_us),
                from_us(position[0]),
                position[1],
                missing,
            )
            archived = await archived_ticks(connection, symbols, low, until_us, after=position, limit=missing)
            pages.append(_first(joined(_batch(page), archived), missing))
            missing -= len(pages[-1])
            low = until_us
            if low < high and missing > 0:  # candles there count ticks that retention dropped
                low = await _next_kept(connection, low, high)
    return pages[0] if len(pages) == 1 else concat(pages)


async def tick_pages(
    source: Source, symbols: Sequence[str], start_us: int, end_us: int, *, limit: int
) -> AsyncIterator[TickBatch]:
    """All ticks of `symbols` in [start_us, end_us), by (time, seq, symbol), in pages as `read_ticks` reads them; the last may be empty.

    They are of one moment where `source` is a connection in a snapshot (`db.session.reading`).
    """
    after: tuple[int, int] | None = None
    while True:
        page = await read_ticks(source, symbols, start_us, end_us, after=after, limit=limit)
        yield page
        if len(page) < limit:
            return
        after = (int(page.time_us[-1]), int(page.seq[-1]))


async def tape(source: Source, symbols: Sequence[str], limit: int = 100) -> dict[str, TickBatch]:
    """The newest `limit` ticks of each of `symbols`, newest first; a symbol without ticks has an empty batch.

    What is dated more than 5 minutes after now does not count.  The number of statements does not depend on the number of symbols.  Raises as `read_ticks`.
    """
    if limit < 1:
        raise MarketDataError(f"limit {limit} is below 1")
    found = dict.fromkeys(symbols, _batch([]))
    async with reading(source) as connection:
        sinces = await newest_since(connection, list(found), limit, end_us=horizon_us())
        return found | await tape_since(connection, sinces, limit)


async def tape_since(
    source: PoolOrConnection, since_us: Mapping[str, int], limit: int = 100
) -> dict[str, TickBatch]:
    """The newest `limit` ticks of each symbol from its instant `since_us[symbol]` on, newest first, as `tape` has them.

    One statement, and one more where any of it may be archived; a symbol without ticks there has an empty batch.  Raises `DatabaseError` and its kinds.
    """
    found = dict.fromkeys(since_us, _batch([]))
    if not since_us:
        return found
    sinces = {symbol: min(max(since, EARLIEST_US), LATEST_US) for symbol, since in since_us.items()}
    low_us, high_us = min(sinces.values()), horizon_us()
    values = (
        list(sinces),
        [from_us(since) for since in sinces.values()],
        limit,
        from_us(low_us),
        from_us(high_us),
    )
    if too_young(low_us):  # as tapes are that are watched: one statement is of one moment by itself
        with translate():
            rows = await source.fetch(statement("tape"), *values)
    else:
        async with reading(source) as connection:
            rows = await fetch(
                connection,
                "tape",
                *values,
                symbols=list(sinces),
                low_us=low_us,
                high_us=high_us,
                newest=limit,
            )
    first = 0
    for position in range(1, len(rows) + 1):
        if position == len(rows) or rows[position][1] != rows[first][1]:
            found[rows[first][1]] = _batch(rows[first:position])
            first = position
    return found


async def _page_end(connection: Connection, symbols: Sequence[str], low: int, high: int, limit: int) -> int:
    """An instant up to which there are `limit` ticks from `low` on, not many more; `high` where there are fewer.

    The minutes' candles tell, so that ticks are read and sorted for one page and not for the whole range.
    """
    first_us, last_us = floor_us(low, MINUTE_US), ceil_us(high, MINUTE_US)
    look_us = _FIRST_LOOK_US
    while True:
        look_us *= _FURTHER
        until_us = min(first_us + look_us, last_us)
        end_us: int | None = await connection.fetchval(
            statement("ticks_until"), list(symbols), from_us(first_us), from_us(until_us), limit
        )
        if end_us is not None:
            return min(end_us, high)
        if until_us >= last_us:
            return high


async def _next_kept(connection: Connection, low: int, high: int) -> int:
    """The first instant of [low, high) for which ticks are kept; `high` where there is none."""
    chunks = await connection.fetch(statement("replay_tick_chunks"), from_us(low), from_us(high))
    return max(low, min(chunks[0][0], high)) if chunks else high


async def newest_since(
    connection: Connection,
    symbols: Sequence[str],
    limit: int,
    start_us: int = EARLIEST_US,
    end_us: int = LATEST_US,
) -> dict[str, int]:
    """Since which minute each symbol has its newest `limit` ticks of [start_us, end_us), whole minutes.

    Of a symbol that has fewer its first minute there; one that has none is left out.
    """
    starts: dict[str, int] = {}
    missing = list(symbols)
    for look_us in looking_back(start_us, end_us, _RECENT_US):
        if not missing:
            break
        rows = await connection.fetch(
            statement("tape_since"), missing, from_us(look_us), from_us(end_us), limit, look_us == start_us
        )
        starts |= {row[0]: row[1] for row in rows}
        missing = [symbol for symbol in missing if symbol not in starts]
    return starts


def _first(ticks: TickBatch, limit: int) -> TickBatch:
    """The first `limit` of them, and those that share the last one's (time, seq)."""
    end = limit
    while end < len(ticks) and (ticks.time_us[end], ticks.seq[end]) == (
        ticks.time_us[limit - 1],
        ticks.seq[limit - 1],
    ):
        end += 1
    return ticks if end >= len(ticks) else ticks.take(slice(0, end))


def _batch(rows: Sequence[Any]) -> TickBatch:
    columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * 11
    time_us, symbol, seq, price, size, bid, ask, exchange, conditions, updates, side = columns
    return TickBatch(
        np.array(time_us, dtype=np.int64),
        np.array(symbol, dtype=np.object_),
        np.array(seq, dtype=np.int64),
        np.array(price, dtype=np.float64),
        np.array(size, dtype=np.float64),
        np.array(bid, dtype=np.float64),
        np.array(ask, dtype=np.float64),
        np.array(exchange, dtype=np.object_),
        np.array(conditions, dtype=np.object_),
        _small(updates, UPDATES_ALL),
        _small(side, 0),
    )


def _small(column: Sequence[int | None], otherwise: int) -> NDArray[np.int16] | None:
    """The column with `otherwise` in the place of its nulls; None where it has nothing else."""
    if column.count(None) == len(column):
        return None
    return np.array([otherwise if value is None else value for value in column], dtype=np.int16)
