"""The windows in which reads look back for the newest rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, TypeVar

from tickdeck.db.latency import server_now_us
from tickdeck.db.market.types import HOUR_US, LATEST_US, MINUTE_US, ceil_us, from_us
from tickdeck.db.session import Connection
from tickdeck.db.statements import statement

T = TypeVar("T")

AHEAD_US: Final = 5 * MINUTE_US
"""What is dated further after now, by the database's clock, is not read as the newest: a stored tick of 2099 is no last price
before 2099.
"""


def horizon_us() -> int:
    """The minute up to which the newest is looked for, where nothing else is asked for: a little after now."""
    return min(ceil_us(server_now_us() + AHEAD_US, MINUTE_US), LATEST_US)


def looking_back(start_us: int, end_us: int, first_us: int) -> Iterator[int]:
    """Ever earlier starts of the window in which to look for the newest rows of [start_us, end_us).

    Few chunks are planned and opened as long as they hold what is looked for: first `first_us` back from the
    end (from now where that is earlier), then six times as far, then all.
    """
    newest = min(end_us, server_now_us())
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
    newest_us = min(high, server_now_us())
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
