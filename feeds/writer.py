"""Brings a feed's ticks into the database: bounded buffer, flushed by age or size, nothing lost or doubled."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Final, Self

from db.errors import DatabaseUnavailableError
from db.ticks import TickStore
from feeds.base import FeedBatch, join
from feeds.errors import FeedError
from feeds.rejects import Reject, RejectsFile

_FIRST_WAIT_S: Final = 0.1
_LONGEST_WAIT_S: Final = 5.0

log = logging.getLogger(__name__)


class WhenFull(Enum):
    """What happens to a feed whose ticks come faster than they can be stored."""

    BLOCK = "block"
    """It waits: `put` returns once there is room."""


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """`flush_age_s`: the longest a tick waits for others; a lone tick after a pause goes at once.
    `flush_ticks`: as many are stored in one transaction at the most.  `buffer_ticks`: as many are held.
    `lanes`: so many transactions at once.  The second one is used where the first takes longer than
    `flush_age_s`, and then uses the server's second processor; candles and pages do not mind the order.
    `drain_s`: how long the last flush may take when the feed is stopped.
    """

    flush_age_s: float = 0.05
    flush_ticks: int = 20_000
    buffer_ticks: int = 100_000
    lanes: int = 2
    drain_s: float = 4.0
    when_full: WhenFull = WhenFull.BLOCK


BULK: Final = WriterLimits(buffer_ticks=60_000)
"""For what is stored as fast as possible: less is held, for more would only be memory."""


@dataclass(slots=True)
class Counters:
    """What became of a feed's ticks since its start.

    `flush_lag_s`: from the oldest tick's arrival to its commit, at the last flush.  `blocked_s`: how long the
    feed had to wait for room.
    """

    stored: int = 0
    already: int = 0
    rejected: int = 0
    flushes: int = 0
    retries: int = 0
    flush_lag_s: float = 0.0
    blocked_s: float = 0.0
    first_us: int | None = None
    last_us: int | None = None

    @property
    def done(self) -> int:
        return self.stored + self.already + self.rejected


class FeedWriter:
    """Writes what is `put`, oldest first, in a few transactions at once; an async context manager.

    While the database is away it tries again for ever, with growing pauses; the buffer holds meanwhile.  A
    transaction whose outcome was lost is written again, and what of it was stored is found already there.
    Leaving the block stores all that is held; where it is left by cancellation, for `drain_s` at the most.
    `prepare` is awaited before each transaction, under the same rule.
    """

    def __init__(
        self,
        store: TickStore,
        rejects: RejectsFile,
        *,
        limits: WriterLimits | None = None,
        prepare: Callable[[FeedBatch], Awaitable[None]] | None = None,
    ) -> None:
        self.counters = Counters()
        self.waiting_for_database = False
        self._store = store
        self._rejects = rejects
        self._limits = limits or WriterLimits()
        self._prepare = prepare
        self._held: deque[tuple[float, FeedBatch]] = deque()
        self._held_ticks = 0  # in the buffer and in the transactions in progress
        self._changed = asyncio.Condition()
        self._flushed = 0.0  # when the last transaction was begun
        self._closing = False
        self._failure: BaseException | None = None
        self._lanes: list[asyncio.Task[None]] = []

    async def put(self, batch: FeedBatch) -> None:
        """Take over `batch`, waiting while the buffer is full; raises what ended the writing."""
        self._reject(batch.rejects)
        if not len(batch):
            return
        async with self._changed:
            if self._held_ticks >= self._limits.buffer_ticks:
                began = time.monotonic()
                await self._changed.wait_for(
                    lambda: self._failure is not None or self._held_ticks < self._limits.buffer_ticks
                )
                self.counters.blocked_s += time.monotonic() - began
            if self._failure is not None:
                raise self._failure
            self._held.append((time.monotonic(), batch))
            self._held_ticks += len(batch)
            self._changed.notify_all()

    async def __aenter__(self) -> Self:
        self._lanes = [
            asyncio.create_task(self._run(), name=f"feed writer {lane}") for lane in range(self._limits.lanes)
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._changed:
            self._closing = True
            self._changed.notify_all()
        stopped = isinstance(error, asyncio.CancelledError)
        _, late = await asyncio.wait(self._lanes, timeout=self._limits.drain_s if stopped else None)
        for lane in late:
            lane.cancel()
        if late:
            await asyncio.wait(late)
            raise FeedError(f"{self._held_ticks:,} ticks could not be stored before the end") from error
        if self._failure is not None and error is None:
            raise self._failure

    async def _run(self) -> None:
        try:
            while True:
                async with self._changed:
                    await self._changed.wait_for(lambda: self._held or self._closing)
                    if not self._held or self._failure is not None:
                        return
                    rest = self._flushed + self._limits.flush_age_s - time.monotonic()
                    if rest > 0:
                        with suppress(TimeoutError):
                            await asyncio.wait_for(self._changed.wait_for(self._is_due), rest)
                    if not self._held:
                        continue  # another lane has taken it
                    arrived, batch = self._take()
                    self._flushed = time.monotonic()
                await self._flush(batch)
                self.counters.flush_lag_s = time.monotonic() - arrived
                async with self._changed:
                    self._held_ticks -= len(batch)
                    self._changed.notify_all()
        except Exception as exc:  # noqa: BLE001 - handed on to the feed, which waits in put
            async with self._changed:
                self._failure = exc
                self._changed.notify_all()

    def _is_due(self) -> bool:
        return self._closing or self._held_ticks >= self._limits.flush_ticks

    def _take(self) -> tuple[float, FeedBatch]:
        """The oldest of what is held, as much as one transaction may have, and when its first tick came."""
        arrived = self._held[0][0]
        taken: list[FeedBatch] = []
        room = self._limits.flush_ticks
        while self._held and room > 0:
            came, batch = self._held.popleft()
            if len(batch) > room:
                self._held.appendleft((came, batch.take(slice(room, None))))
                batch = batch.take(slice(room))
            taken.append(batch)
            room -= len(batch)
        return arrived, join(taken)

    async def _flush(self, batch: FeedBatch) -> None:
        """Store `batch`, however long the database takes to come back."""
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                if self._prepare is not None:
                    await self._prepare(batch)
                written = await self._store.write(batch.ticks)
                break
            except DatabaseUnavailableError as exc:
                if not self.waiting_for_database:
                    log.warning("the database is away, ticks are held: %s", exc)
                self.waiting_for_database = True
                self.counters.retries += 1
                await asyncio.sleep(wait_s * random.uniform(0.8, 1.2))  # noqa: S311 - spreads the retries
                wait_s = min(_LONGEST_WAIT_S, 2 * wait_s)
        if self.waiting_for_database:
            log.warning("the database is back, ticks are stored again")
            self.waiting_for_database = False
        counters = self.counters
        counters.stored += written.stored
        counters.already += written.already
        counters.flushes += 1
        first, last = int(batch.ticks.time_us.min()), int(batch.ticks.time_us.max())
        counters.first_us = first if counters.first_us is None else min(first, counters.first_us)
        counters.last_us = last if counters.last_us is None else max(last, counters.last_us)
        self._reject(tuple(_named(batch, each.index, each.field, each.reason) for each in written.rejects))

    def _reject(self, rejects: tuple[Reject, ...]) -> None:
        self._rejects.add(rejects)
        self.counters.rejected += len(rejects)


def _named(batch: FeedBatch, index: int, field: str, reason: str) -> Reject:
    if batch.origins is not None:
        return batch.origins.reject(index, field, reason)
    tick = batch.ticks.take(slice(index, index + 1))
    raw = ",".join(
        str(column[0])
        for column in (tick.time_us, tick.symbol, tick.seq, tick.price, tick.size, tick.bid, tick.ask)
    )
    return Reject("", 0, field, reason, raw)
