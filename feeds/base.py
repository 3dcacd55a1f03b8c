"""What a feed is: a source of ticks that yields them when they are due."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any, Final, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tickdeck.db.feed_gaps import FeedGap
from tickdeck.db.feed_positions import FeedPosition
from tickdeck.db.market.corrections import Correction
from tickdeck.db.market.types import TickBatch, concat
from tickdeck.feeds.rejects import Reject


class Origins(Protocol):
    """Where each tick of a batch came from, in the batch's order."""

    def take(self, where: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Self:
        """Those of the ticks that `where` picks."""
        ...

    def join(self, others: Sequence[Self]) -> Self:
        """These and those of the batches that follow."""
        ...

    def line(self, index: int) -> int:
        """The line number, from 1, of the tick at `index` in its file."""
        ...

    def reject(self, index: int, field: str, reason: str) -> Reject:
        """The tick at `index` as a reject."""
        ...


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """Ticks in the feed's order, and the rows that were refused among them.

    `origins` says where each tick came from; None for a feed without files.  `gaps`: those that were found, or are
    not what they were.  A gap is stored before these ticks are, what has become of it after they are stored.
    `corrections`: cancels and corrections of ticks by their identity, of this batch or of earlier ones, in the order in
    which the source said them.  The writer applies them once all ticks that it was given before them are stored; one
    whose tick is not stored is a reject.
    `position`: up to where the source is read with this batch; it is stored in the transaction of its last tick (see
    `Resumes`).  `acknowledge`: called once each, in order, when all of the batch is committed and would survive the
    database's crash: a source that keeps what is not acknowledged may forget it then.
    """

    ticks: TickBatch
    origins: Origins | None = None
    rejects: tuple[Reject, ...] = ()
    gaps: tuple[FeedGap, ...] = ()
    corrections: tuple[Correction, ...] = ()
    position: FeedPosition | None = None
    acknowledge: tuple[Callable[[], None], ...] = ()

    def __len__(self) -> int:
        return len(self.ticks)

    def take(self, where: NDArray[np.bool_] | NDArray[np.intp] | slice) -> FeedBatch:
        """The ticks that `where` picks, without all that is of the batch as a whole."""
        return FeedBatch(self.ticks.take(where), None if self.origins is None else self.origins.take(where))

    def split(self, count: int) -> tuple[FeedBatch, FeedBatch]:
        """The first `count` ticks, and the others with the position and the acknowledgements, which are true after those."""
        rest = replace(self.take(slice(count, None)), position=self.position, acknowledge=self.acknowledge)
        return self.take(slice(count)), rest


NO_TICKS: Final = TickBatch(
    np.empty(0, dtype=np.int64), np.empty(0, dtype=object), np.empty(0, dtype=np.int64),
    np.empty(0), np.empty(0), np.empty(0), np.empty(0),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """How the source of a live feed fares.

    `connected`: trades can come.  `lag_s`: from the source's time of the newest tick to here, the difference of the two
    clocks taken off, which is estimated as `skew_s` (the source's minus ours); `lag_p99_s`: the 99th percentile of the
    newest ones.  `last_us`: time of the newest tick.
    `venue`: what its symbols begin with, as `BINANCE:`.  `silent_s`: since the last sign of life.  `filling`, `missing`: gaps that are being filled, that could not be.
    `reconnects` and `duplicates` count since the start; `fault`: why the source was last lost.
    """

    connected: bool
    venue: str = ""
    symbols: tuple[str, ...] = ()
    lag_s: float | None = None
    lag_p99_s: float | None = None
    skew_s: float | None = None
    last_us: int | None = None
    silent_s: float | None = None
    filling: int = 0
    missing: int = 0
    filled: int = 0
    reconnects: int = 0
    duplicates: int = 0
    fault: str = ""
    messages: Mapping[str, int] | None = None
    """Of a bus: how many messages are `pending`, were `acknowledged`, …; see docs/bus.md."""


class Feed(Protocol):
    """A source of ticks.  Adapters for exchanges and buses implement this and nothing else."""

    @property
    def name(self) -> str:
        """Unique among the feeds that run; shown in the status line."""
        ...

    @property
    def kind(self) -> str:
        """What sort of feed it is: csv, walk, …"""
        ...

    def batches(self) -> AsyncIterator[FeedBatch]:
        """Yield batches when they are due, until the feed ends; raises `FeedError` where it cannot go on.

        The caller may be slow: a feed that reads from a source that cannot wait must bound what it keeps.
        """
        ...


@runtime_checkable
class LiveFeed(Feed, Protocol):
    """A feed whose source may be lost, and that tells how it fares."""

    def health(self) -> FeedHealth:
        """As of now; asked for every few seconds."""
        ...


@runtime_checkable
class Resumes(Feed, Protocol):
    """A feed that is told up to where its source is stored: its batches say so by their `position`."""

    @property
    def source(self) -> str | None:
        """What is read, such as paths; positions are kept for each apart.  None: what it yields says none."""
        ...

    def resume(self, at: Mapping[str, Any]) -> None:
        """Go on behind `at`, the newest position that is stored.  Called before `batches`, if there is one."""
        ...


def join(batches: Sequence[FeedBatch]) -> FeedBatch:
    """One batch of all, in order; origins are kept where all batches with ticks have them, the last position counts."""
    if len(batches) == 1:
        return batches[0]
    rejects = tuple(reject for batch in batches for reject in batch.rejects)
    gaps = tuple(gap for batch in batches for gap in batch.gaps)
    acknowledge = tuple(each for batch in batches for each in batch.acknowledge)
    position = next((batch.position for batch in reversed(batches) if batch.position is not None), None)
    batches = [batch for batch in batches if len(batch)]
    ticks = concat([batch.ticks for batch in batches]) if batches else NO_TICKS
    origins = [batch.origins for batch in batches if batch.origins is not None]
    joined = origins[0].join(origins[1:]) if origins and len(origins) == len(batches) else None
    return FeedBatch(ticks, joined, rejects, gaps, position=position, acknowledge=acknowledge)


async def ahead(batches: Iterator[FeedBatch]) -> AsyncIterator[FeedBatch]:
    """`batches`, made in a thread of its own, one ahead of the one that is worked on.

    Making one may take for ever, as when it is read from a pipe into which nobody writes.  Whoever stops asking leaves
    the thread behind: it keeps neither the event loop nor the process from ending.
    """
    loop = asyncio.get_running_loop()
    asked: SimpleQueue[asyncio.Future[FeedBatch | None] | None] = SimpleQueue()

    def answer(future: asyncio.Future[FeedBatch | None], give: Callable[[Any], None], what: object) -> None:
        if not future.done():  # else nobody waits for it any more
            give(what)

    def make() -> None:
        while (future := asked.get()) is not None:
            give: Callable[[Any], None]
            what: object
            try:
                give, what = future.set_result, next(batches, None)
            except BaseException as exc:  # noqa: BLE001 - raised where the batch is waited for
                give, what = future.set_exception, exc
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(answer, future, give, what)

    def ask() -> asyncio.Future[FeedBatch | None]:
        future: asyncio.Future[FeedBatch | None] = loop.create_future()
        asked.put(future)
        return future

    threading.Thread(target=make, name="feed, one batch ahead", daemon=True).start()
    coming = ask()
    try:
        while (batch := await coming) is not None:
            coming = ask()
            yield batch
    finally:
        coming.cancel()
        asked.put(None)
