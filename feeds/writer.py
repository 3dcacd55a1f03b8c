"""Brings a feed's ticks into the database: bounded buffer, flushed by age or size, nothing lost or doubled."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Final, Protocol, Self

import structlog

from tickdeck.db.backoff import Backoff
from tickdeck.db.errors import DatabaseError, DatabaseUnavailableError
from tickdeck.db.faults import Fault
from tickdeck.db.feed_gaps import FeedGap, change_gaps, open_gaps
from tickdeck.db.feed_positions import FeedPosition
from tickdeck.db.latency import Window
from tickdeck.db.market.corrections import Correction
from tickdeck.db.market.types import TickBatch
from tickdeck.db.session import Pool
from tickdeck.db.ticks.corrections import Restated
from tickdeck.db.ticks.store import Written
from tickdeck.feeds.base import FeedBatch, join
from tickdeck.feeds.errors import FeedError
from tickdeck.feeds.rejects import Reject, RejectsFile
from tickdeck.feeds.spill import Spill

CANCEL_S: Final = 1.0
"""How long a transaction may take to be cancelled."""
LOOK_S: Final = 0.25
"""How often it is looked whether what is spilled, or the disk, has room again."""

log = structlog.get_logger(__name__)


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
    `spill_after_s`: where so long nothing could be stored, what is held is spilled, and again whenever so long has passed.
    """

    flush_age_s: float = 0.05
    flush_ticks: int = 20_000
    buffer_ticks: int = 100_000
    lanes: int = 2
    drain_s: float = 4.0
    spill_after_s: float = 1.0
    when_full: WhenFull = WhenFull.BLOCK


BULK: Final = WriterLimits(buffer_ticks=60_000)
"""For what is stored as fast as possible: less is held, for more would only be memory."""


@dataclass(slots=True)
class Counters:
    """What became of a feed's ticks since its start.

    `flush_lag_s`: from the oldest tick's arrival to its commit, at the last flush.  `blocked_s`: how long the
    feed had to wait for room.  `restated`: ticks that were cancelled or corrected.
    """

    stored: int = 0
    already: int = 0
    rejected: int = 0
    restated: int = 0
    flushes: int = 0
    retries: int = 0
    flush_lag_s: float = 0.0
    blocked_s: float = 0.0
    first_us: int | None = None
    last_us: int | None = None

    @property
    def done(self) -> int:
        return self.stored + self.already + self.rejected


class TickSink(Protocol):
    """Where ticks go: the database's `TickStore`, or what stands in its place."""

    async def write(self, batch: TickBatch, position: FeedPosition | None = None) -> Written:
        """All of `batch` and its `position`, or nothing of it where `DatabaseUnavailableError` is raised."""
        ...


class GapSink(Protocol):
    """Where gaps go; both raise `DatabaseUnavailableError` where trying again may help."""

    async def open(self, gaps: Sequence[FeedGap]) -> None:
        """Those that are not known yet."""
        ...

    async def change(self, gaps: Sequence[FeedGap]) -> None:
        """What has become of gaps that are known."""
        ...


class GapStore:
    """Stores gaps through `pool`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open(self, gaps: Sequence[FeedGap]) -> None:
        """Those that are not stored yet."""
        await open_gaps(self._pool, gaps)

    async def change(self, gaps: Sequence[FeedGap]) -> None:
        """What has become of gaps that are stored."""
        await change_gaps(self._pool, gaps)


def first_of_each(gaps: Sequence[FeedGap]) -> list[FeedGap]:
    """Each gap as it was first said to be."""
    return list({gap.id: gap for gap in reversed(gaps)}.values())


def last_of_each(gaps: Sequence[FeedGap]) -> list[FeedGap]:
    """Each gap as it was last said to be."""
    return list({gap.id: gap for gap in gaps}.values())


class FeedWriter:
    """Writes what is `put`, oldest first, in a few transactions at once; an async context manager.

    While the database is away, or cannot take anything (its disk is full, it is a standby, a lock is not to be had), it
    tries again for ever, with growing pauses; the buffer holds meanwhile.  A transaction whose outcome was lost is written again, and what of it was stored is found already there.
    Leaving the block stores all that is held; where it is left by cancellation, or cancelled meanwhile, for `drain_s`
    at the most.  What then is not stored stays spilled, else goes into a file beside the rejects (see `RejectsFile.keep_unstored`), and
    the error that is raised says so.
    `spill`: what is held goes there while nothing can be stored, and is stored from there, before anything newer; what an
    earlier process has left in it, first of all.  So the buffer holds the newest only, and what fits neither there nor
    here makes the feed wait.  What is to be acknowledged stays with its source and is not spilled.
    `restate` applies the corrections that batches carry.
    `prepare` is awaited before each transaction, under the same rule.
    """

    def __init__(
        self,
        store: TickSink,
        rejects: RejectsFile,
        *,
        limits: WriterLimits | None = None,
        prepare: Callable[[FeedBatch], Awaitable[None]] | None = None,
        gaps: GapSink | None = None,
        restate: Callable[[Sequence[Correction]], Awaitable[Restated]] | None = None,
        spill: Spill | None = None,
    ) -> None:
        self.counters = Counters()
        self.committed = Window()
        """From the arrival of the oldest tick of a transaction to its commit."""
        self.waiting_for_database = False
        self._fault = Fault("ticks_held", "ticks_stored_again")
        self._store = store
        self._rejects = rejects
        self._limits = limits or WriterLimits()
        self._prepare = prepare
        self._gaps = gaps
        self._restate = restate
        self._spill = spill
        self._unspilling = False  # a lane is storing what was spilled
        self._stalled_at = -math.inf  # nothing could be stored since then
        self._spilled_at = -math.inf  # when that was tried last
        self._held: deque[tuple[float, FeedBatch]] = deque()
        self._writing: list[FeedBatch] = []  # what the lanes have taken from it
        self._held_ticks = 0  # in both
        self._changed = asyncio.Condition()
        self._flushed = -math.inf  # when the last transaction was begun
        self._closing = False
        self._failure: BaseException | None = None
        self._lanes: list[asyncio.Task[None]] = []

    async def put(self, batch: FeedBatch) -> None:
        """Take over `batch`, waiting while the buffer is full; raises what ended the writing."""
        self._reject(batch.rejects)
        if not (
            len(batch) or batch.gaps or batch.corrections or batch.position is not None or batch.acknowledge
        ):
            return
        async with self._changed:
            if self._is_full() or self._is_stalled():
                began = time.monotonic()
                while self._failure is None and not self._made_room():
                    await self._wait(LOOK_S)
                self.counters.blocked_s += time.monotonic() - began
            if self._failure is not None:
                raise self._failure
            if not self._held_ticks:
                self._stalled_at = time.monotonic()
            self._held.append((time.monotonic(), batch))
            self._held_ticks += len(batch)
            self._changed.notify_all()
        if batch.corrections:
            await self._correct(batch.corrections)

    @property
    def spill(self) -> Spill | None:
        """What waits on disk."""
        return self._spill

    async def unspilled(self) -> None:
        """Wait until what an earlier process has left is stored; raises what ended the writing."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._failure is not None or not self._spill)
            if self._failure is not None:
                raise self._failure

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
        cancelled = error if isinstance(error, asyncio.CancelledError) else None
        if cancelled is None:
            try:
                await asyncio.wait(self._lanes)
            except asyncio.CancelledError as exc:  # the feed is over, but the database is away
                cancelled = exc
        if cancelled is not None:
            with suppress(asyncio.CancelledError):  # asked a second time: not even that long
                await asyncio.wait(self._lanes, timeout=self._limits.drain_s)
        for lane in self._lanes:
            lane.cancel()
        # A server that does not answer is not waited for: what it was given is kept in the file, too.
        await asyncio.wait(self._lanes, timeout=CANCEL_S)
        if self._spill is not None and self._failure is None:
            self._spill_held()
            if self._spill:
                log.warning("ticks_stay_spilled", ticks=self._spill.ticks, until="the feed runs again")
        if self._held_ticks:
            self._give_up(cancelled or error)
        if cancelled is not None and cancelled is not error:
            raise cancelled
        if self._failure is not None and error is None:
            raise self._failure

    def _give_up(self, cause: BaseException | None) -> None:
        """Keep what is held in a file, and raise what says so."""
        unstored = join([*self._writing, *(batch for _, batch in self._held)])
        lost = f"{len(unstored):,} ticks could not be stored before the end"
        try:
            kept = f"{lost}; they are in {self._rejects.keep_unstored(unstored.ticks)}, for `tickdeck load`"
        except OSError as exc:
            kept = f"{lost}, and not be kept in a file either: {exc}"
        if isinstance(self._failure, DatabaseError):
            raise DatabaseError(f"{self._failure}; {kept}") from self._failure
        raise FeedError(kept) from self._failure or cause

    async def _run(self) -> None:
        try:
            while await self._has_something():
                if self._spill:
                    await self._store_spilled(self._spill)
                else:
                    await self._store_held()
        except Exception as exc:  # noqa: BLE001 - handed on to the feed, which waits in put
            async with self._changed:
                self._failure = exc
                self._changed.notify_all()

    async def _has_something(self) -> bool:
        """Wait for something to store; False where nothing is left, or the writing has failed.

        What was spilled belongs to the lane that is told of it, until `_store_spilled` is done.
        """

        def found() -> bool:
            return not self._unspilling if self._spill else bool(self._held)

        async with self._changed:
            await self._changed.wait_for(lambda: found() or self._closing)
            if not found() or self._failure is not None:
                return False
            self._unspilling = bool(self._spill)
            return True

    async def _store_spilled(self, spill: Spill) -> None:
        try:
            batch = spill.first()
            await self._flush(batch, lambda: True)
            spill.drop_first()
        finally:
            self._unspilling = False
        async with self._changed:
            self._changed.notify_all()

    async def _store_held(self) -> None:
        async with self._changed:
            rest = self._flushed + self._limits.flush_age_s - time.monotonic()
            if rest > 0:
                await self._wait(rest, self._is_due)
            if not self._held or self._spill:
                return  # another lane has taken it, or it is spilled
            arrived, batch = self._take()
            self._writing.append(batch)
            self._flushed = time.monotonic()

        def is_ours() -> bool:
            return any(each is batch for each in self._writing)

        if await self._flush(batch, is_ours):
            self.counters.flush_lag_s = time.monotonic() - arrived
            self.committed.add(self.counters.flush_lag_s)
        async with self._changed:
            if is_ours():
                self._writing = [each for each in self._writing if each is not batch]
                self._held_ticks -= len(batch)
            self._changed.notify_all()

    async def _wait(self, seconds: float, until: Callable[[], bool] | None = None) -> None:
        """Let go of the condition until it is notified (and `until` is true), for `seconds` at the most."""
        # Not asyncio.wait_for: before Python 3.12 it may swallow a cancellation.
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await (self._changed.wait() if until is None else self._changed.wait_for(until))

    def _is_full(self) -> bool:
        return self._held_ticks >= self._limits.buffer_ticks

    def _is_stalled(self) -> bool:
        """Whether it is time to spill what is held: nothing was stored, nor spilled, for a while."""
        if self._spill is None or not self._held_ticks:
            return False
        return time.monotonic() - max(self._stalled_at, self._spilled_at) >= self._limits.spill_after_s

    def _made_room(self) -> bool:
        """Whether there is room, where need be by spilling: while nothing can be stored, or until all that is spilled is."""
        if self._is_stalled() or (self._is_full() and self._spill):
            self._spill_held()
        return not self._is_full()

    def _spill_held(self) -> bool:
        """Spill what is held, oldest first, as much as fits; whether that was all."""
        spill = self._spill
        self._spilled_at = time.monotonic()
        if spill is None or any(
            batch.acknowledge for batch in (*self._writing, *(each for _, each in self._held))
        ):
            return False
        while self._writing:
            if not spill.append(self._writing[0]):
                return False
            self._held_ticks -= len(self._writing.pop(0))
        while self._held:
            arrived, batch = self._take()
            if not spill.append(batch):
                self._held.appendleft((arrived, batch))
                return False
            self._held_ticks -= len(batch)
        return True

    def _is_due(self) -> bool:
        return self._closing or self._held_ticks >= self._limits.flush_ticks

    def _take(self) -> tuple[float, FeedBatch]:
        """The oldest of what is held, as much as one transaction may have, and when its first tick came."""
        arrived = self._held[0][0]
        taken: list[FeedBatch] = []
        room = self._limits.flush_ticks
        while self._held and room > 0:
            came, batch = self._held.popleft()
            if (
                len(batch) > room and batch.gaps and taken
            ):  # what has become of a gap goes with all of its ticks
                self._held.appendleft((came, batch))
                break
            if len(batch) > room and not batch.gaps:
                batch, rest = batch.split(room)
                self._held.appendleft((came, rest))
            taken.append(batch)
            room -= len(batch)
        return arrived, join(taken)

    async def _flush(self, batch: FeedBatch, is_ours: Callable[[], bool]) -> bool:
        """Store `batch`, however long the database takes to come back; False where it is not ours any more meanwhile."""
        backoff = Backoff()
        while True:
            try:
                if self._gaps is not None and batch.gaps:
                    await self._gaps.open(first_of_each(batch.gaps))
                written = await self._write(batch)
                if self._gaps is not None and batch.gaps:
                    await self._gaps.change(last_of_each(batch.gaps))
                break
            except DatabaseUnavailableError as exc:
                self._fault.failed(str(exc), ticks=self._held_ticks)
                self.waiting_for_database = True
                self.counters.retries += 1
                await backoff.pause()
                if not is_ours():
                    return False
        self.waiting_for_database = False
        self._fault.over()
        self._stalled_at = time.monotonic()
        for acknowledge in batch.acknowledge:
            acknowledge()
        if not len(batch):
            return True
        counters = self.counters
        counters.stored += written.stored
        counters.already += written.already
        counters.flushes += 1
        first, last = int(batch.ticks.time_us.min()), int(batch.ticks.time_us.max())
        counters.first_us = first if counters.first_us is None else min(first, counters.first_us)
        counters.last_us = last if counters.last_us is None else max(last, counters.last_us)
        self._reject(tuple(_named(batch, each.index, each.field, each.reason) for each in written.rejects))
        return True

    async def _correct(self, corrections: Sequence[Correction]) -> None:
        """Apply `corrections` once all that was put before is stored: their ticks may be among it."""
        if self._restate is None:
            raise FeedError("this feed corrects ticks, and nobody takes that")
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._failure is not None or not (self._held or self._writing or self._spill)
            )
            if self._failure is not None:
                raise self._failure
        backoff = Backoff()
        while True:
            try:
                restated = await self._restate(corrections)
                break
            except DatabaseUnavailableError as exc:
                self._fault.failed(str(exc), corrections=len(corrections))
                self.waiting_for_database = True
                self.counters.retries += 1
                await backoff.pause()
        self.waiting_for_database = False
        self._fault.over()
        self.counters.restated += restated.done
        self._reject(
            tuple(
                Reject("", 0, each.field, each.reason, repr(corrections[each.index]))
                for each in restated.rejects
            )
        )

    async def _write(self, batch: FeedBatch) -> Written:
        if not len(batch) and batch.position is None:
            return Written(0, 0, ())
        if self._prepare is not None and len(batch):
            await self._prepare(batch)
        return await self._store.write(batch.ticks, batch.position)

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
