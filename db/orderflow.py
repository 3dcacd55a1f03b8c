"""Order flow of stored ticks: read from what is folded, and from the ticks where it is not; and folded in the background."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tickdeck.db.archive.read import archived_days, fetch
from tickdeck.db.errors import DatabaseError, MarketDataError
from tickdeck.db.faults import Fault
from tickdeck.db.lookback import horizon_us
from tickdeck.db.market.flowfold import FlowFold
from tickdeck.db.market.orderflow import FlowCells, Sides
from tickdeck.db.market.types import (
    DAY_US,
    EARLIEST_US,
    HOUR_US,
    LATEST_US,
    MAX_SEQ,
    MINUTE_US,
    ceil_us,
    floor_us,
    from_us,
)
from tickdeck.db.session import Connection, Pool, Source, reading, translate
from tickdeck.db.statements import statement
from tickdeck.db.tick_columns import EPOCH_2000_US, read_columns, tick_column_pages

MOST_HOURS: Final = 24 * 400
"""The longest range that is read at once, in hours with ticks."""
_IN_THREAD: Final = 5_000
"""More ticks than that are folded beside the event loop."""
_CELL: Final = (
    ("minute", ">i8"), ("price", ">f8"), ("bought", ">f8"), ("sold", ">f8"), ("unsided", ">f8"), ("trades", ">i8"),
)  # fmt: skip
_RECENT_US: Final = 3 * DAY_US
_WINDOW_US: Final = 30 * DAY_US
_LOCK_TIMEOUT_MS: Final = 50
_EVERY_S: Final = 20.0
_PAUSE: Final = 3
"""Turns that would have fitted into the pause after each."""


async def read_cells(
    source: Source,
    symbol: str,
    start_us: int,
    end_us: int,
    *,
    at: tuple[int, int] | None = None,
) -> FlowCells:
    """What was bought and sold in [start_us, end_us), whole minutes, of the ticks up to and including `at` (None: all).

    Exactly a fold of the ticks stored at that moment: an hour that is folded already is read, any other is folded now.
    `sides` counts the hours that the range lies in.  Raises `MarketDataError` for a range of more than `MOST_HOURS`,
    `DatabaseError` and its kinds.
    """
    low = max(floor_us(start_us, MINUTE_US), EARLIEST_US)
    high = min(ceil_us(end_us, MINUTE_US), LATEST_US)
    up_to = (LATEST_US, MAX_SEQ) if at is None else (min(max(at[0], EARLIEST_US), LATEST_US), at[1])
    high = min(high, ceil_us(up_to[0] + 1, MINUTE_US))
    if low >= high:
        return FlowCells.of([])
    first_us = floor_us(low, HOUR_US)
    async with reading(source) as connection:
        hours = await connection.fetch(
            statement("order_flow_hours"), symbol, from_us(first_us), from_us(ceil_us(high, HOUR_US))
        )
        if len(hours) > MOST_HOURS:
            raise MarketDataError(f"the range has {len(hours):,} hours with ticks, more than {MOST_HOURS:,}")
        folded, fresh, missing, sides = [], [], [], Sides()
        for hour_us, is_folded, is_gone, *by in hours:
            whole = hour_us + HOUR_US <= up_to[0]
            if is_gone:
                missing.append(hour_us)
            elif is_folded and whole:
                folded.append(from_us(hour_us))
                sides += Sides(*by)
            else:
                fresh.append(hour_us)
        fresh, in_files = await _parted(connection, symbol, fresh)
        rows: list[Any] = []
        cells = FlowCells.of([])
        if folded:
            cells = _cells(
                await read_columns(
                    connection, "order_flow_cells", _CELL, symbol, from_us(low), from_us(high), folded, what="the order flow",
                )
            )  # fmt: skip
        if fresh:
            found = await connection.fetch(
                statement("order_flow_fold"),
                symbol,
                [from_us(each) for each in fresh],
                from_us(high),
                from_us(up_to[0]),
                up_to[1],
            )
            for *cell, by_feed, by_quotes, by_ticks, by_nothing in found:
                sides += Sides(by_feed, by_quotes, by_ticks, by_nothing)
                if low <= cell[0] < high:
                    rows.append(cell)
        unfolded, more = await _fold_hours(connection, symbol, in_files, high, up_to)
        rows += [cell for cell in unfolded if cell[0] >= low]
    return replace(cells + FlowCells.of(rows), sides=sides + more, missing_us=tuple(missing))


async def _parted(connection: Connection, symbol: str, hours: Sequence[int]) -> tuple[list[int], list[int]]:
    """Hours, in order, of days whose ticks are in the table, and those of days that are archived."""
    if not hours:
        return [], []
    archived = await archived_days(connection, [symbol], hours[0], hours[-1] + HOUR_US)
    days = {floor_us(day.first_us, DAY_US) for day in archived}
    in_files = [hour_us for hour_us in hours if floor_us(hour_us, DAY_US) in days]
    return [hour_us for hour_us in hours if floor_us(hour_us, DAY_US) not in days], in_files


async def _fold_hours(
    connection: Connection, symbol: str, hours: Sequence[int], high: int, up_to: tuple[int, int]
) -> tuple[list[Any], Sides]:
    """The cells of hours, before `high`, of days that are archived: their ticks are not where the server could fold them."""
    rows: list[Any] = []
    sides = Sides()
    for start_us in hours:
        fold = FlowFold(hours=1)
        end_us = min(start_us + HOUR_US, high)
        async for ticks in tick_column_pages(connection, symbol, start_us, end_us, up_to=up_to):
            await asyncio.to_thread(fold.fold, ticks) if len(ticks) > _IN_THREAD else fold.fold(ticks)
        sides += Sides(*fold.sides)
        rows += [(*place, *cell) for place, cell in fold.cells.items()]
    return rows, sides


def _cells(rows: NDArray[np.void]) -> FlowCells:
    """Rows of `_CELL` as cells."""
    price, bought, sold, unsided = (
        rows[name].astype(np.float64) for name in ("price", "bought", "sold", "unsided")
    )
    return FlowCells(
        rows["minute"].astype(np.int64) + EPOCH_2000_US,
        price,
        bought,
        sold,
        unsided,
        rows["trades"].astype(np.int64),
    )


class Print(NamedTuple):
    """One large trade; `by` says who took the price: 1 the buyer, -1 the seller, 0: not known."""

    time_us: int
    seq: int
    price: float
    size: float
    by: int


class Prints(NamedTuple):
    """Large trades in (time, seq) order, and the size from which they were chosen; None: nothing traded."""

    prints: list[Print]
    least: float | None


async def read_prints(
    connection: Connection,
    symbol: str,
    start_us: int,
    end_us: int,
    *,
    at: tuple[int, int] | None = None,
    least: float | None = None,
    share: float = 0.999,
    limit: int = 500,
) -> Prints:
    """The largest trades in [start_us, end_us) of the ticks up to and including `at` (None: all), at most `limit`.

    Of size `least` and above, or (None) of the size that the `share` of all trades there does not exceed.  Which trades count
    and their sides as in `read_cells`.  Raises `DatabaseError` and its kinds.
    """
    up_to = (LATEST_US, MAX_SEQ) if at is None else (min(max(at[0], EARLIEST_US), LATEST_US), at[1])
    low, high = max(start_us, EARLIEST_US), min(end_us, up_to[0] + 1, LATEST_US)
    if low >= high:
        return Prints([], least)
    with translate("cannot read the large trades"):
        rows = await fetch(
            connection, "large_prints",
            symbol, from_us(low), from_us(high), from_us(up_to[0]), up_to[1], least, share, limit,
            # The tick rule looks back to the start of the hour.
            symbols=[symbol], low_us=floor_us(low, HOUR_US), high_us=min(high, up_to[0] + 1),
        )  # fmt: skip
    return Prints([Print(*row[:-1]) for row in rows], rows[0][-1] if rows else least)


async def read_flow(
    connection: Connection, symbol: str, *, at: tuple[int, int] | None = None
) -> tuple[FlowFold, int]:
    """What traded in the newest hour (UTC) with ticks up to and including `at`, and that hour's start; the fold goes on with it.

    Without `at` what is dated after the horizon of `db.lookback` does not count.  Raises `DatabaseError` and its kinds.
    """
    up_to = (horizon_us() - 1, MAX_SEQ) if at is None else (min(at[0], LATEST_US), at[1])
    end_us = min(up_to[0] + 1, LATEST_US)
    newest_us: int | None = await connection.fetchval(
        statement("candles_older"), symbol, from_us(EARLIEST_US), from_us(ceil_us(end_us, MINUTE_US))
    )
    from_hour_us = floor_us(max(0, end_us - 1 if newest_us is None else newest_us), HOUR_US)
    fold = FlowFold()
    async for ticks in tick_column_pages(connection, symbol, from_hour_us, end_us, up_to=up_to):
        await asyncio.to_thread(fold.fold, ticks) if len(ticks) > _IN_THREAD else fold.fold(ticks)
    return fold, from_hour_us


async def build_order_flow(pool: Pool, first_us: int, until_us: int, *, most: int = 20) -> int | None:
    """Fold up to `most` hours of [first_us, until_us) that are over; how many: 0: none is left, None: somebody else is at it.

    Raises `DatabaseError` and its kinds.
    """
    with translate("cannot fold the order flow"):
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(f"set local lock_timeout = {_LOCK_TIMEOUT_MS}")
            hours: int | None = await connection.fetchval(
                statement("build_order_flow"), from_us(first_us), from_us(until_us), most
            )
    return hours


class OrderFlowBuilder:
    """Folds the hours that are over: those of the last days again and again, all others once, the newest first.

    Each turn is short and followed by a pause three times as long.  Reads do not need it: they fold what is not folded yet,
    which only takes them longer.
    """

    def __init__(self, pool: Pool, *, every_s: float = _EVERY_S) -> None:
        self._pool = pool
        self._every_s = every_s

    async def run(self) -> None:
        """Build until cancelled; a database that fails is logged and tried again."""
        older_us: int | None = None
        # A database that is away is said by others.
        fault = Fault("order_flow_not_built", "order_flow_built_again", after_s=60)
        while True:
            try:
                now_us = time.time_ns() // 1000
                await self.drain(now_us - _RECENT_US, now_us + HOUR_US)
                older_us = now_us - _RECENT_US if older_us is None else older_us
                first_us = await self._oldest()
                while first_us is not None and older_us > first_us:
                    await self.drain(max(older_us - _WINDOW_US, EARLIEST_US), older_us)
                    older_us -= _WINDOW_US
                fault.over()
            except DatabaseError as exc:
                fault.failed(str(exc))
            # Several dashboards on one database are not in step.
            await asyncio.sleep(self._every_s * random.uniform(0.8, 1.2))  # noqa: S311

    async def drain(self, first_us: int = EARLIEST_US, until_us: int = LATEST_US) -> int:
        """Build all of [first_us, until_us) that is over; returns how many hours were built."""
        built = 0
        most = 2
        while True:
            started = time.monotonic()
            hours = await build_order_flow(self._pool, first_us, until_us, most=most)
            took_s = time.monotonic() - started
            if hours == 0:
                return built
            if hours is not None:
                built += hours
                most = max(1, min(50, round(hours * min(2.0, 0.1 / max(took_s, 0.001)))))
            await asyncio.sleep(max(0.01, _PAUSE * took_s))

    async def _oldest(self) -> int | None:
        """The first hour there is."""
        with translate("cannot fold the order flow"):
            found: int | None = await self._pool.fetchval(statement("order_flow_oldest"))
        return found
