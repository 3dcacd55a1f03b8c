"""Publishes a feed to the bus: what `feeds.run` is for a database, with the bus in the place of the tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, Final, Literal
from uuid import uuid4

import numpy as np
import orjson
import structlog

from tickdeck.db.backoff import Backoff
from tickdeck.db.errors import FeedRunsError
from tickdeck.db.faults import Fault
from tickdeck.db.feed_gaps import FeedGap
from tickdeck.db.feed_positions import FeedPosition
from tickdeck.db.market.corrections import Correction
from tickdeck.db.market.rules import TickReject
from tickdeck.db.market.types import UPDATES_ALL, Instrument, TickBatch
from tickdeck.db.ticks.corrections import Restated
from tickdeck.db.ticks.store import Moved, Written
from tickdeck.feeds.base import NO_TICKS, Feed, Resumes
from tickdeck.feeds.bus.connection import Bus, BusAwayError, StateTakenError
from tickdeck.feeds.bus.journal import Journal, packed, unpacked
from tickdeck.feeds.bus.messages import Message, by_partition, encoded, parted
from tickdeck.feeds.rejects import RejectsFile
from tickdeck.feeds.run import HEARTBEAT_S, facts_of, pump, waiting_said
from tickdeck.feeds.spill import SpillSettings, opened
from tickdeck.feeds.writer import Counters, FeedWriter, WriterLimits

LIMITS: Final = WriterLimits(lanes=1, flush_age_s=0.005)
"""What is published is always all that came up to some moment.  Whoever stores it gathers it again, so it waits for little."""
OTHER_LOOKS_S: Final = 3 * HEARTBEAT_S
"""Within this a process that runs the feed has said so again."""
LARGEST: Final = 900_000
"""Bytes of a message; servers take 1 MiB as they come."""
INSTRUMENTS_S: Final = 3600.0
_FAREWELL_S: Final = 2.0

log = structlog.get_logger(__name__)


class BusSink:
    """Publishes what a `FeedWriter` is given; `written` means: the bus has it.

    A batch goes as a message for each partition and 2,000 ticks, in order.  What is written again after a failure has the
    same bytes, and so the same id: the bus takes it once.
    """

    def __init__(self, bus: Bus, feed: str, journal: Journal) -> None:
        self.messages = 0
        self._bus = bus
        self._feed = feed
        self._journal = journal
        self._moved = Moved()

    async def write(self, batch: TickBatch, position: FeedPosition | None = None) -> Written:
        """See `feeds.writer.TickSink`."""
        await self._bus.connect()  # tells the partitions
        ticks = self._moved(batch)
        if (
            ticks.conditions is not None and ticks.updates is None
        ):  # the other end asks no conditions of us again
            ticks = replace(ticks, updates=np.full(len(ticks), UPDATES_ALL, np.int16))
        messages: list[tuple[int, bytes]] = []
        refused = 0
        for partition, part in parted(ticks, self._bus.partitions) if len(ticks) else ():
            for data in self._sized(part):
                if data is None:
                    refused += 1
                else:
                    messages.append((partition, data))
        await self._publish(messages)
        self._journal.published(batch)
        if position is not None:
            self._journal.reached(position.source, position.at)
        rejects = self._too_large(batch) if refused else ()
        return Written(len(batch) - len(rejects), 0, rejects)

    async def open(self, gaps: Sequence[FeedGap]) -> None:
        """See `feeds.writer.GapSink`."""
        await self._tell(gaps=gaps)

    async def change(self, gaps: Sequence[FeedGap]) -> None:
        """See `feeds.writer.GapSink`."""
        await self._tell(gaps=gaps)

    async def restate(self, corrections: Sequence[Correction]) -> Restated:
        """Publish corrections: the writer at the other end applies them."""
        await self._tell(corrections=corrections)
        return Restated(len(corrections), 0)

    async def _tell(self, *, gaps: Sequence[FeedGap] = (), corrections: Sequence[Correction] = ()) -> None:
        await self._bus.connect()
        count = self._bus.partitions
        messages = [
            (partition, encoded(Message(self._feed, NO_TICKS, gaps=its)))
            for partition, its in by_partition(gaps, count)
        ]
        messages += [
            (partition, encoded(Message(self._feed, NO_TICKS, corrections=its)))
            for partition, its in by_partition(corrections, count)
        ]
        await self._publish(messages)
        self._journal.told(gaps)

    async def _publish(self, messages: Sequence[tuple[int, bytes]]) -> None:
        await self._bus.publish(messages, feed=self._feed)
        self.messages += len(messages)

    def _sized(self, ticks: TickBatch) -> list[bytes | None]:
        """As messages that the bus takes; None for each tick that alone is too large."""
        data = encoded(Message(self._feed, ticks))
        if len(data) <= LARGEST:
            return [data]
        if len(ticks) == 1:
            return [None]
        half = len(ticks) // 2
        return [*self._sized(ticks.take(slice(half))), *self._sized(ticks.take(slice(half, None)))]

    def _too_large(self, batch: TickBatch) -> tuple[TickReject, ...]:
        alone = (self._sized(batch.take(slice(index, index + 1))) for index in range(len(batch)))
        return tuple(
            TickReject(index, "message", f"is larger than {LARGEST:,} bytes")
            for index, data in enumerate(alone)
            if data == [None]
        )


async def publish_feed(
    feed: Feed,
    journal: Journal,
    bus: Bus,
    rejects: RejectsFile,
    *,
    instruments: Callable[[], Awaitable[list[Instrument]]] | None = None,
    watch: Callable[[FeedWriter], None] | None = None,
    restarts: int = 0,
    spill: SpillSettings | None = None,
) -> Counters:
    """Publish all that a feed yields, until it ends; returns what became of it: `stored` is what the bus has.

    `journal` has what it has published before, once it is asked for batches.  `spill`: where ticks wait on disk for a bus
    that is away; what is there is published before the feed begins.  `instruments`: those of the feed, again and
    again.  Raises `FeedRunsError` where another process publishes the feed, and `FeedError` where it cannot go on.  Cancellation publishes what is held and passes through.
    """
    keeper = _Keeper(bus, feed, journal, restarts)
    await keeper.begin()
    with opened(spill or SpillSettings(), feed.name) as spilled:
        sink = BusSink(bus, feed.name, journal)
        writer = FeedWriter(sink, rejects, limits=LIMITS, gaps=sink, restate=sink.restate, spill=spilled)
        if watch is not None:
            watch(writer)
        async with keeper.saying(writer, sink, instruments), writer:
            await writer.unspilled()
            if isinstance(feed, Resumes) and feed.source is not None:
                at = journal.position(feed.source)
                if at is not None:
                    feed.resume(at)
            await pump(feed, writer)
        return writer.counters


class _Keeper:
    """Keeps the feed's state on the bus, as the only process that does."""

    def __init__(self, bus: Bus, feed: Feed, journal: Journal, restarts: int) -> None:
        self._bus = bus
        self._feed = feed
        self._journal = journal
        self._restarts = restarts
        self._run = uuid4().hex
        self._number = 0
        """Of the newest state, which is ours."""
        self._told: list[Instrument] = []
        """What was said of its instruments."""
        self._fault = Fault("bus_is_away", "bus_is_back")

    async def begin(self) -> None:
        """Read what an earlier run has said, waiting for a bus that is away; raises `FeedRunsError`."""
        found = await self._patiently(self._bus.read_state)
        if found is None:
            return
        try:
            said = unpacked(found[1])
        except ValueError as exc:
            log.warning("state_not_read", feed=self._feed.name, reason=str(exc))
            self._number = found[0]
            return
        if said.state == "running":
            await asyncio.sleep(OTHER_LOOKS_S)  # one that was killed says no more
            again = await self._patiently(self._bus.read_state)
            if again is not None and again[0] != found[0]:
                raise FeedRunsError(self._feed.name)
        self._number = found[0]
        self._journal.restore(said)

    async def _patiently(self, ask: Callable[[str], Any]) -> Any:
        backoff = Backoff()
        while True:
            try:
                found = await ask(self._feed.name)
            except BusAwayError as exc:
                self._fault.failed(str(exc))
                await backoff.pause()
            else:
                self._fault.over()
                return found

    @asynccontextmanager
    async def saying(
        self,
        writer: FeedWriter,
        sink: BusSink,
        instruments: Callable[[], Awaitable[list[Instrument]]] | None,
    ) -> AsyncIterator[None]:
        """The feed's state says that it runs, and in the end how it ended."""
        state: Literal["ended", "failed"] = "failed"
        detail = ""
        body = asyncio.current_task()
        assert body is not None  # noqa: S101 - whoever awaits is a task
        beside = [asyncio.create_task(self._beat(writer, sink), name="feed heartbeat")]
        beside[0].add_done_callback(lambda task: None if task.cancelled() else body.cancel())
        if instruments is not None:
            beside.append(asyncio.create_task(self._keep_instruments(instruments), name="feed instruments"))
        try:
            yield
            state = "ended"
        except asyncio.CancelledError:
            if beside[0].done() and not beside[0].cancelled() and (lost := beside[0].exception()) is not None:
                body.uncancel()
                detail = str(lost)
                raise lost from None
            state, detail = "ended", "stopped"
            raise
        except Exception as exc:
            detail = str(exc)
            raise
        finally:
            for each in beside:
                each.cancel()
            await asyncio.wait(beside, timeout=_FAREWELL_S)
            with suppress(BusAwayError, FeedRunsError, TimeoutError):
                async with asyncio.timeout(_FAREWELL_S):
                    if instruments is not None:  # a feed that ends at once has not come to it
                        await self._say_instruments(instruments)
                    await self._say(writer, sink, state, detail)

    async def _beat(self, writer: FeedWriter, sink: BusSink) -> None:
        while True:
            with suppress(BusAwayError):  # the writer says it
                await self._say(writer, sink, "running", waiting_said(writer))
            await asyncio.sleep(HEARTBEAT_S)

    async def _say(
        self, writer: FeedWriter, sink: BusSink, state: Literal["running", "ended", "failed"], detail: str
    ) -> None:
        facts = facts_of(self._feed, writer, self._restarts)
        facts.pop("commit_ms", None)  # that is the way to the bus only
        facts.pop("symbols", None)  # others are asked for in a database, which it does not have
        facts["messages"] = {"published": sink.messages}
        said = self._journal.as_said(
            feed=self._feed.name, kind=self._feed.kind, run=self._run, state=state, detail=detail,
            published=writer.counters.stored, rejected=writer.counters.rejected, health=facts,
        )  # fmt: skip
        try:
            self._number = await self._bus.write_state(self._feed.name, packed(said), after=self._number)
        except StateTakenError:
            # What was written before a connection was lost, or a wait was given up, may have arrived.
            newest = await self._bus.read_state(self._feed.name)
            if newest is not None and unpacked(newest[1]).run != self._run:
                raise FeedRunsError(self._feed.name) from None
            after = 0 if newest is None else newest[0]
            self._number = await self._bus.write_state(self._feed.name, packed(said), after=after)

    async def _keep_instruments(self, instruments: Callable[[], Awaitable[list[Instrument]]]) -> None:
        """Say what the source knows of its instruments, and again where it changes."""
        while True:
            with suppress(BusAwayError):
                await self._say_instruments(instruments)
            await asyncio.sleep(INSTRUMENTS_S if self._told else HEARTBEAT_S)

    async def _say_instruments(self, instruments: Callable[[], Awaitable[list[Instrument]]]) -> None:
        found = await instruments()
        if found and found != self._told:
            await self._bus.write_state(self._feed.name, orjson.dumps(found), "instruments")
            self._told = found
