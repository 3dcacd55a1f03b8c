"""Brings in what is on the bus: a feed whose messages are acknowledged once they are committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import structlog
from numpy.typing import NDArray
from pydantic import TypeAdapter

from tickdeck.db.backoff import Backoff
from tickdeck.db.errors import DatabaseError, TickdeckError
from tickdeck.db.faults import Fault
from tickdeck.db.feeds_status import report_feed
from tickdeck.db.instruments import describe_instruments
from tickdeck.db.market.types import Instrument, TickBatch, concat
from tickdeck.db.session import Pool
from tickdeck.db.writer_shares import WriterShares
from tickdeck.feeds.base import NO_TICKS, FeedBatch, FeedHealth
from tickdeck.feeds.bus.connection import Bus, BusAwayError, cancellation_kept
from tickdeck.feeds.bus.journal import unpacked
from tickdeck.feeds.bus.messages import Message, MessageError, decoded
from tickdeck.feeds.rejects import Reject, shown

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

LOOK_S: Final = 1.0
"""How often it is looked who has which partition, and how much waits."""
AHEAD: Final = 64
"""Messages of a partition that are asked for before they are taken."""
LET_GO_S: Final = 10.0
"""How long a partition is kept for what of it is not committed yet."""
_INSTRUMENTS: Final = TypeAdapter(list[Instrument])

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stream:
    """Where ticks of the bus came from: the feed, and the message's number in the stream."""

    ticks: TickBatch
    feed: NDArray[np.object_]
    number: NDArray[np.int64]

    def take(self, where: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Self:
        """See `Origins`."""
        return type(self)(self.ticks.take(where), self.feed[where], self.number[where])

    def join(self, others: Sequence[Self]) -> Self:
        """See `Origins`."""
        all_of = (self, *others)
        return type(self)(
            concat([each.ticks for each in all_of]),
            np.concatenate([each.feed for each in all_of]),
            np.concatenate([each.number for each in all_of]),
        )

    def line(self, index: int) -> int:
        """See `Origins`."""
        return int(self.number[index])

    def reject(self, index: int, field: str, reason: str) -> Reject:
        """See `Origins`."""
        ticks = self.ticks
        columns = (ticks.time_us, ticks.symbol, ticks.seq, ticks.price, ticks.size, ticks.bid, ticks.ask)
        raw = ",".join(str(column[index]) for column in columns)
        return Reject(str(self.feed[index]), self.line(index), field, reason, raw)


class _Partition:
    """A partition that is ours, over one connection."""

    def __init__(self, number: int, inbox: Subscription) -> None:
        self.number = number
        self.inbox = inbox
        self.over = False
        """Nothing of it is taken or acknowledged any more."""
        self.asked = 0
        """Messages that were asked for and are not taken yet."""
        self.unacknowledged = 0
        """Of those that are taken."""
        self.settled = asyncio.Event()
        """Set while there are none of them."""
        self.settled.set()
        self.pending = 0


class BusFeed:
    """A `LiveFeed` of a stream's messages: an async context manager, entered before `batches` and left after the writer.

    The partitions that it reads are those that `WriterShares` deals it.  A message is acknowledged once its batch is
    committed, so what a writer that is killed has not acknowledged comes again, to whoever has the partition then, in its
    order and before anything newer.  What is no message is a reject, and is never sent again.
    """

    kind = "bus"

    def __init__(self, bus: Bus, pool: Pool) -> None:
        self.name = f"ingest {bus.stream}"
        self.acknowledged = 0
        self.redelivered = 0
        self.refused = 0
        self._bus = bus
        self._pool = pool
        self._shares = WriterShares(pool, bus.stream)
        self._partitions: dict[int, _Partition] = {}
        self._inbox: asyncio.Queue[tuple[_Partition, Msg] | BaseException] = asyncio.Queue()
        self._acks: asyncio.Queue[tuple[_Partition, Msg, bool]] = asyncio.Queue()
        self._acking: asyncio.Task[None] | None = None
        self._told: dict[str, Any] = {}
        self._reconnects = -1
        self._relaying = False
        self._last_us: int | None = None
        self._fault = Fault("bus_is_away", "bus_is_back")
        self._fault_said = ""

    async def __aenter__(self) -> Self:
        """Take a number among the writers, which is part of the name; raises `DatabaseError`."""
        await self._shares.look(1)
        self.name = f"ingest {self._bus.stream} {(self._shares.number or 0) + 1}"
        self._acking = asyncio.create_task(self._acknowledge_all(), name="bus acknowledgements")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Have what is committed acknowledged."""
        try:
            with suppress(TimeoutError, BusAwayError):
                async with asyncio.timeout(2.0):
                    await self._acks.join()
                    if not self._bus.lost.is_set():
                        await self._bus.flush()
            if self._acking is not None:
                self._acking.cancel()
                await asyncio.wait({self._acking})
        finally:
            await self._bus.close()
            await self._shares.close()

    def health(self) -> FeedHealth:
        """See `LiveFeed`."""
        return FeedHealth(
            connected=not self._bus.lost.is_set(),
            last_us=self._last_us,
            reconnects=max(0, self._reconnects),
            fault=self._fault_said,
            messages={
                "pending": sum(each.pending for each in self._partitions.values()),
                "unacknowledged": sum(each.unacknowledged for each in self._partitions.values()),
                "acknowledged": self.acknowledged,
                "redelivered": self.redelivered,
                "refused": self.refused,
                "partitions": len(self._partitions),
            },
        )

    async def batches(self) -> AsyncIterator[FeedBatch]:
        """Yield what comes, for ever."""
        staying = asyncio.create_task(self._stay(), name="bus connection")
        staying.add_done_callback(self._ended)
        try:
            while True:
                item = await self._inbox.get()
                if isinstance(item, BaseException):
                    raise item
                partition, message = item
                if partition.over:
                    continue  # who has it now gets it, too
                partition.asked -= 1
                partition.unacknowledged += 1
                partition.settled.clear()
                if not self._bus.lost.is_set():
                    with suppress(BusAwayError):
                        await self._ask_for_more(partition)
                done = partial(self._acks.put_nowait, (partition, message, True))
                number = message.metadata.sequence.stream
                try:
                    said = decoded(message.data)
                except MessageError as exc:
                    self.refused += 1
                    reject = Reject(
                        self._bus.stream, number, "message", f"message {exc}", shown(message.data)
                    )
                    drop = partial(self._acks.put_nowait, (partition, message, False))
                    yield FeedBatch(NO_TICKS, rejects=(reject,), acknowledge=(drop,))
                    continue
                if said.corrections:
                    yield _batch_of(said, number)  # returns once they are applied
                    done()
                else:
                    yield _batch_of(said, number, acknowledge=(done,))
                if len(said.ticks):
                    self._last_us = int(said.ticks.time_us[-1])
        finally:
            staying.remove_done_callback(self._ended)
            staying.cancel()
            await asyncio.wait({staying})
            for each in self._partitions.values():
                with suppress(Exception):
                    await each.inbox.unsubscribe()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (exc := task.exception()) is not None:
            self._inbox.put_nowait(exc)

    # -- which partitions --------------------------------------------------------------------------------------

    async def _stay(self) -> None:
        """Be connected, and have the partitions that are ours."""
        backoff = Backoff()
        while True:
            try:
                await self._bus.connect()
                connection = self._bus.connection
                self._reconnects += 1
                self._relaying = False
                self._fault.over()
                backoff.reset()
                while not self._bus.lost.is_set() and self._bus.connection == connection:
                    await self._share()
                    await self._count()
                    await self._relay()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_S):
                            await self._bus.lost.wait()
                self._fault_said = "the connection to the bus was lost"
            except BusAwayError as exc:
                self._fault_said = str(exc)
                self._fault.failed(str(exc))
                await backoff.pause()
            for each in self._partitions.values():
                each.over = True
            self._partitions.clear()

    async def _share(self) -> None:
        try:
            wanted = await self._shares.look(self._bus.partitions)
            for number in (
                set(self._partitions) - self._shares.held
            ):  # the database was lost, and the lock with it
                await self._leave(number)
            for number in set(self._partitions) - wanted:
                await self._leave(number)
            for number in sorted(self._shares.held - wanted):
                await self._shares.let_go(number)
            for number in sorted(wanted - set(self._partitions)):
                if await self._shares.take(number):
                    await self._begin(number)
        except DatabaseError as exc:
            log.debug("partitions_not_shared", reason=str(exc))  # the writer says that the database is away

    async def _begin(self, number: int) -> None:
        self.redelivered += await self._bus.begin_anew(number)

        async def came(message: Msg) -> None:
            status = (message.headers or {}).get("Status")
            if status is None:
                self._inbox.put_nowait((partition, message))
            elif status != "100" and not partition.over:
                log.warning("partition_is_over", partition=number, reason=f"{status} {_description(message)}")
                partition.over = True
                self._partitions.pop(number, None)

        inbox = await self._bus.listen(came)
        self._partitions[number] = partition = _Partition(number, inbox)
        await self._ask_for_more(partition)
        log.info("partition_taken", stream=self._bus.stream, partition=number)

    async def _leave(self, number: int) -> None:
        """Take no more of it, and wait for the commit of what was taken."""
        partition = self._partitions.pop(number)
        with suppress(Exception):
            await partition.inbox.unsubscribe()
        with suppress(TimeoutError):
            async with asyncio.timeout(LET_GO_S):
                await partition.settled.wait()
        partition.over = True
        log.info("partition_left", stream=self._bus.stream, partition=number)

    async def _ask_for_more(self, partition: _Partition) -> None:
        if partition.asked <= AHEAD // 2:
            more = AHEAD - partition.asked
            partition.asked += more
            await self._bus.pull(partition.number, more, partition.inbox)

    async def _count(self) -> None:
        for number, partition in list(self._partitions.items()):
            info = await self._bus.partition_info(number)
            partition.pending = (info.num_pending or 0) + (info.num_ack_pending or 0)

    # -- what was committed ------------------------------------------------------------------------------------

    async def _acknowledge_all(self) -> None:
        while True:
            partition, message, good = await self._acks.get()
            try:
                if not partition.over:
                    with cancellation_kept():
                        await (message.ack() if good else message.term())
                    self.acknowledged += 1
                    partition.unacknowledged -= 1
                    if not partition.unacknowledged:
                        partition.settled.set()
            except Exception as exc:  # noqa: BLE001 - of a lost connection, in whichever way; it comes again
                log.debug("not_acknowledged", reason=str(exc))
            finally:
                self._acks.task_done()

    # -- what feeds say of themselves --------------------------------------------------------------------------

    async def _relay(self) -> None:
        """One of the writers brings into the table of feeds how those fare that publish, and their instruments."""
        if self._shares.first and not self._relaying:
            self._relaying = True
            await self._bus.states(self._relayed)

    async def _relayed(self, what: str, data: bytes, *, is_new: bool) -> None:
        try:
            if what == "state":
                said = unpacked(data)
                if said.state == "running" and not is_new:
                    return  # one that runs says so again
                await report_feed(
                    self._pool, said.feed, kind=said.kind, state=said.state, detail=said.detail,
                    stored=said.published, rejected=said.rejected, health=said.health,
                    starting=self._told.get(said.feed) != said.run,
                )  # fmt: skip
                self._told[said.feed] = said.run
            elif what == "instruments":
                await describe_instruments(self._pool, _INSTRUMENTS.validate_json(data))
        except (TickdeckError, ValueError) as exc:
            log.warning("state_of_feed_not_stored", what=what, reason=str(exc).splitlines()[0])


def _batch_of(said: Message, number: int, *, acknowledge: tuple[Any, ...] = ()) -> FeedBatch:
    count = len(said.ticks)
    origins = Stream(said.ticks, np.full(count, said.feed, dtype=object), np.full(count, number, np.int64))
    return FeedBatch(
        said.ticks, origins, gaps=said.gaps, corrections=said.corrections, acknowledge=acknowledge
    )


def _description(message: Msg) -> str:
    return str((message.headers or {}).get("Description", ""))
