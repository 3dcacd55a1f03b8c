"""Reads that see one moment, and the windows in which they look back."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import asyncpg

from db.connect import translate
from db.market import MAX_TIME_US, MIN_TIME_US, from_us
from db.pool import Connection, PoolOrConnection
from db.statements import statement

MINUTE_US: Final = 60_000_000
HOUR_US: Final = 3_600_000_000
DAY_US: Final = 86_400_000_000
EARLIEST_US: Final = MIN_TIME_US - 2 * DAY_US
"""Before the start of every candle: the day of the first possible tick starts earlier in some zones."""
LATEST_US: Final = MAX_TIME_US
MAX_SEQ: Final = 2**63 - 1


@asynccontextmanager
async def reading(source: PoolOrConnection) -> AsyncIterator[Connection]:
    """A connection whose reads all see one moment; the caller's own transaction where it has one already."""
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


async def any_older(connection: Connection, symbol: str, low: int, start_us: int, width_us: int = 0) -> bool:
    """Whether candles of `width_us` in [low, start_us) may have been missed by a window that starts at `start_us`.

    Costs next to nothing where there are no older chunks, and saves the same read over a longer window.
    """
    if start_us <= low:
        return False
    reach_us = start_us + (width_us + 2 * HOUR_US if width_us else 0)  # days may have 25 hours
    first, last = from_us(low), from_us(min(reach_us, LATEST_US))
    older: bool = await connection.fetchval(statement("candles_older"), symbol, first, last)
    return older


def floor_us(time_us: int, width_us: int) -> int:
    return time_us - time_us % width_us


def ceil_us(time_us: int, width_us: int) -> int:
    return -(-time_us // width_us) * width_us
