"""Reads that see one moment, and the windows in which they look back."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, TypeVar

import asyncpg

from db.connect import translate
from db.market import MAX_TIME_US, MIN_TIME_US, from_us
from db.pool import Connection, PoolOrConnection
from db.statements import statement

T = TypeVar("T")

MINUTE_US: Final = 60_000_000
HOUR_US: Final = 3_600_000_000
DAY_US: Final = 86_400_000_000
EARLIEST_US: Final = MIN_TIME_US - 2 * DAY_US
"""Before the start of every candle: the day of the first possible tick starts earlier in some zones."""
LATEST_US: Final = MAX_TIME_US
MAX_SEQ: Final = 2**63 - 1


@asynccontextmanager
async def reading(source: PoolOrConnection) -> AsyncIterator[Connection]:
    """A connection whose reads all see one moment; the caller's own transaction where it has one already.

    Of what was committed in that very moment a chunk that is new may be missing (`db.pool.snapshot` waits for it).
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(translate())
        connection: Connection
        if isinstance(source, asyncpg.Pool):
            connection = await stack.enter_async_context(source.acquire())
        else:
            connection = source
        if not connection.is_in_transaction():
            moment = connection.transaction(isolation="repeatable_read", readonly=True)
            await stack.enter_async_context(moment)
        yield connection


def looking_back(start_us: int, end_us: int, first_us: int) -> Iterator[int]:
    """Ever earlier starts of the window in which to look for the newest rows of [start_us, end_us).

    Few chunks are planned and opened as long as they hold what is looked for: first `first_us` back from the
    end (from now where that is earlier), then six times as far, then all.
    """
    newest = min(end_us, time.time_ns() // 1000)
    for span in (first_us, 6 * first_us):
        if newest - span > start_us:
            yield newest - span
    yield start_us


async def read_back(
    connection: Connection,
    symbol: str,
    low: int,
    high: int,
    *,
    span_us: int,
    width_us: int,
    limit: int,
    read: Callable[[int], Awaitable[Sequence[T]]],
) -> Sequence[T]:
    """The newest `limit` rows of [low, high), where `read(start_us)` gives those of [start_us, high).

    Few chunks are planned and opened as long as they hold enough: first `span_us` back from the end (from now where
    that is earlier), then as far back from the newest minute before that, or six times as far where some was found,
    then all.  Rows are candles of `symbol` of `width_us`.
    """
    newest_us = min(high, time.time_ns() // 1000)
    for _ in range(2):
        start_us = newest_us - span_us
        if start_us <= low:
            break
        rows = await read(start_us)
        if len(rows) == limit:
            return rows
        # A candle that starts before may have minutes after it; days may have 25 hours.
        reach_us = min(start_us + width_us + 2 * HOUR_US, LATEST_US)
        older_us = await connection.fetchval(
            statement("candles_older"), symbol, from_us(low), from_us(reach_us)
        )
        if older_us is None:
            return rows
        newest_us = older_us
        if rows:
            span_us *= 6
    return await read(low)


def floor_us(time_us: int, width_us: int) -> int:
    return time_us - time_us % width_us


def ceil_us(time_us: int, width_us: int) -> int:
    return -(-time_us // width_us) * width_us
