"""What every feed must keep to, as tests: subclass `FeedContract`, or for a live source `LiveFeedContract`, and pytest runs them.

```python
class TestMyFeed(LiveFeedContract):
    @asynccontextmanager
    async def source(self, folder):
        async with MyLocalServer() as server:
            yield MySource(server)
```
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import pytest

from tickdeck.db.feed_gaps import FeedGap, list_gaps
from tickdeck.db.feed_positions import FeedPosition
from tickdeck.db.market.types import TickBatch, to_us
from tickdeck.db.session import Pool, open_pool
from tickdeck.db.ticks.store import TickStore, Written
from tickdeck.feeds.base import Feed, FeedBatch, LiveFeed
from tickdeck.feeds.errors import FeedError
from tickdeck.feeds.rejects import RejectsFile
from tickdeck.feeds.writer import FeedWriter, GapStore, WriterLimits
from tickdeck.testing.pace import Stopwatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SOON_S: Final = 30.0
"""What is awaited comes within this, on a machine that is busy with other things as well."""
STOP_S: Final = 5.0
FILLED_BY: Final = 5
"""So often a test's ticks happen, at the most, until a feed asks for no more: how they lie in batches is its own
affair, and one batch may wait for room beside those that are held."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Happened:
    """A tick as the source counts it."""

    symbol: str
    time_us: int
    seq: int
    price: float
    size: float


class FeedSource(Protocol):
    """Where a feed's ticks come from, in the hands of a test."""

    def feed(self, pool: Pool) -> Feed:
        """A new feed on the source, that goes on from what is stored in the database of `pool`."""
        ...

    async def happen(self, count: int) -> None:
        """Let `count` more ticks happen; a source whose ticks are all there already does nothing."""
        ...

    def happened(self) -> Sequence[Happened]:
        """All ticks there were until now, in their order."""
        ...

    async def spoil(self) -> str | None:
        """Let the source say something that is no tick, and return a part of it; None: that cannot be."""
        ...


class LiveSource(FeedSource, Protocol):
    """A source that may be lost."""

    async def cut(self) -> None:
        """End all connections, without a word."""
        ...

    async def lose(self, count: int) -> None:
        """The next `count` ticks happen, and are not told."""
        ...

    async def go_silent(self) -> None:
        """The connections stay, and nothing comes any more."""
        ...


class _Gate(TickStore):
    """The real store, that waits while it is closed."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self.open = asyncio.Event()
        self.open.set()
        self.asked = 0

    async def write(self, batch: TickBatch, position: FeedPosition | None = None) -> Written:
        self.asked += len(batch)
        await self.open.wait()
        return await super().write(batch, position)


@dataclass(slots=True)
class Run:
    """A feed that runs into the database."""

    feed: Feed
    writer: FeedWriter
    rejects: RejectsFile
    store: _Gate
    task: asyncio.Task[None]
    batches: list[FeedBatch]

    def check(self) -> None:
        """Raise what ended it."""
        if self.task.done():
            self.task.result()


class FeedContract(ABC):
    """Order, identity, exactly once, back-pressure, the end, and what is no tick."""

    ticks = 60
    """As many happen in a test, at least."""

    @abstractmethod
    def source(self, folder: Path) -> AbstractAsyncContextManager[FeedSource]:
        """The source; `folder` is a test's own."""

    # -- the tests ------------------------------------------------------------------------------------------------

    def test_every_tick_is_stored_as_it_happened(self, tickdeck_db: str, tmp_path: Path) -> None:
        """Once each, with its identity and its values; read back in the order in which they happened."""

        async def story(pool: Pool, source: FeedSource) -> None:
            async with self.running(pool, source, tmp_path) as run:
                await source.happen(self.ticks)
                await self.until_stored(pool, source, run)
                for batch in run.batches:
                    assert _in_order(batch.ticks), "a batch has a symbol's ticks out of their order"
            rows = await self.stored(pool)
            expected = sorted(source.happened(), key=lambda each: (each.symbol, each.time_us, each.seq))
            assert rows == expected

        self.play(tickdeck_db, tmp_path, story)

    def test_a_feed_that_runs_again_stores_nothing_twice(self, tickdeck_db: str, tmp_path: Path) -> None:
        """What came before the first end is there once, and what came between the two runs, too."""

        async def story(pool: Pool, source: FeedSource) -> None:
            for turn in range(2):
                async with self.running(pool, source, tmp_path, f"run{turn}") as run:
                    await source.happen(self.ticks)
                    await self.until_stored(pool, source, run)
                    assert run.rejects.count == 0, run.rejects.first
                await source.happen(5)
            async with self.running(pool, source, tmp_path, "last") as run:
                await source.happen(5)
                await self.until_stored(pool, source, run)
            await self.nothing_doubled(pool, source)

        self.play(tickdeck_db, tmp_path, story)

    def test_a_database_that_is_slow_makes_the_feed_wait(self, tickdeck_db: str, tmp_path: Path) -> None:
        """The feed is not asked for more than is held, and nothing is lost by that."""

        async def story(pool: Pool, source: FeedSource) -> None:
            limits = WriterLimits(buffer_ticks=10, flush_ticks=10, lanes=1)
            async with self.running(pool, source, tmp_path, limits=limits) as run:
                run.store.open.clear()
                await source.happen(self.ticks)
                await until(lambda: run.store.asked > 0 or run.task.done())
                for _ in range(FILLED_BY):
                    taken = sum(map(len, run.batches))
                    await source.happen(self.ticks)
                    await asyncio.sleep(0.2)  # that nothing more is taken shows in time only
                    if sum(map(len, run.batches)) == taken:
                        break
                else:
                    pytest.fail(f"{taken} ticks are taken, and still it is asked for more")
                run.store.open.set()
                await self.until_stored(pool, source, run)
            await self.nothing_doubled(pool, source)

        self.play(tickdeck_db, tmp_path, story)

    def test_it_stops_at_once(self, tickdeck_db: str, tmp_path: Path) -> None:
        """Within five seconds; what was taken is stored, and no task is left."""

        async def story(pool: Pool, source: FeedSource) -> None:
            before = asyncio.all_tasks()
            async with self.running(pool, source, tmp_path) as run:
                await source.happen(self.ticks)
                await until(lambda: run.writer.counters.stored > 0 or run.task.done())
                watch = Stopwatch()
                run.task.cancel()
                await asyncio.wait({run.task})
                assert watch.seconds() < STOP_S
                left = {each for each in asyncio.all_tasks() - before if not each.done() and _of_feed(each)}
                assert not left
                assert len(await self.stored(pool)) == run.writer.counters.stored

        self.play(tickdeck_db, tmp_path, story)

    def test_what_is_no_tick_is_kept_with_its_text(self, tickdeck_db: str, tmp_path: Path) -> None:
        """It goes into the rejects with a reason, and the feed goes on."""

        async def story(pool: Pool, source: FeedSource) -> None:
            async with self.running(pool, source, tmp_path) as run:
                await source.happen(5)
                await until(lambda: run.writer.counters.stored > 0 or run.task.done())
                raw = await source.spoil()
                if raw is None:
                    pytest.skip("this source cannot say what is no tick")
                await source.happen(5)
                await until(lambda: run.rejects.count > 0 or run.task.done())
                assert raw in run.rejects.first[0].raw
                assert run.rejects.first[0].reason
                await self.until_stored(pool, source, run)

        self.play(tickdeck_db, tmp_path, story)

    # -- what they are made of ------------------------------------------------------------------------------------

    def play(self, url: str, folder: Path, story: Callable[[Pool, Any], Coroutine[Any, Any, None]]) -> None:
        """Run `story` on the source, with a pool on the database at `url`."""

        async def played() -> None:
            pool = await open_pool(url, role="writer", size=4)
            try:
                async with self.source(folder) as source:
                    await story(pool, source)
            finally:
                await pool.close()

        asyncio.run(played())

    @asynccontextmanager
    async def running(
        self,
        pool: Pool,
        source: FeedSource,
        folder: Path,
        name: str = "rejects",
        *,
        limits: WriterLimits | None = None,
    ) -> AsyncIterator[Run]:
        """Run a new feed of `source` until the block ends."""
        feed = source.feed(pool)
        store = _Gate(pool)
        batches: list[FeedBatch] = []
        with RejectsFile(folder / f"{name}.csv") as rejects:
            limits = limits or WriterLimits(lanes=1, flush_age_s=0.01)
            writer = FeedWriter(store, rejects, limits=limits, gaps=GapStore(pool))

            async def work() -> None:
                coming = feed.batches()
                try:
                    async with writer:
                        async for batch in coming:
                            batches.append(batch)
                            await writer.put(batch)
                finally:
                    close = getattr(coming, "aclose", None)
                    if close is not None:
                        await close()

            run = Run(feed, writer, rejects, store, asyncio.create_task(work()), batches)
            try:
                yield run
            finally:
                run.task.cancel()
                with suppress(asyncio.CancelledError, FeedError):
                    await run.task

    async def until_stored(self, pool: Pool, source: FeedSource, run: Run) -> None:
        """Wait until all that happened is stored."""

        async def all_there() -> bool:
            run.check()
            return len(await self.stored(pool)) >= len(source.happened())

        await until_async(all_there, lambda: f"{len(source.happened())} happened; {run.rejects.first}")

    async def nothing_doubled(self, pool: Pool, source: FeedSource) -> None:
        """Every tick is stored exactly once, or lies in a gap that is stored."""
        gaps = await list_gaps(pool)
        rows = await self.stored(pool)
        counted = Counter((each.symbol, each.seq) for each in rows)
        assert not {identity: count for identity, count in counted.items() if count > 1}
        assert set(rows) <= set(source.happened())
        lost = set(source.happened()) - set(rows)
        assert not {each for each in lost if not any(_lies_in(each, gap) for gap in gaps)}

    async def stored(self, pool: Pool) -> list[Happened]:
        """What is stored, by symbol, time and seq."""
        rows = await pool.fetch(
            'select symbol, time, seq, price, size from ticks order by symbol collate "C", time, seq'
        )
        return [Happened(row[0], to_us(row[1]), row[2], row[3], row[4]) for row in rows]


class LiveFeedContract(FeedContract):
    """What besides holds of a source that may be lost."""

    @abstractmethod
    def source(self, folder: Path) -> AbstractAsyncContextManager[LiveSource]:
        """See `FeedContract`."""

    def test_exactly_once_over_lost_connections(self, tickdeck_db: str, tmp_path: Path) -> None:
        """What happened while nobody was connected comes afterwards, or its gap is stored."""

        async def story(pool: Pool, source: LiveSource) -> None:
            async with self.running(pool, source, tmp_path) as run:
                await source.happen(10)
                await self.until_stored(pool, source, run)
                for _ in range(3):
                    await source.cut()
                    await source.happen(10)
                    await self.until_connected(run)
                    await source.happen(10)
                    await self.until_stored(pool, source, run)
                assert isinstance(run.feed, LiveFeed)
                assert run.feed.health().reconnects >= 3
            await self.nothing_doubled(pool, source)

        self.play(tickdeck_db, tmp_path, story)

    def test_what_is_left_out_is_filled_or_said(self, tickdeck_db: str, tmp_path: Path) -> None:
        """The connection stays, and some ticks do not come over it."""

        async def story(pool: Pool, source: LiveSource) -> None:
            async with self.running(pool, source, tmp_path) as run:
                await source.happen(10)
                await self.until_stored(pool, source, run)
                for count in (4, 3, 5):  # gaps that are open at the same time
                    await source.lose(count)
                    await source.happen(count + 6)
                await source.happen(10)
                await self.until_stored(pool, source, run)
            await self.nothing_doubled(pool, source)

        self.play(tickdeck_db, tmp_path, story)

    def test_what_was_handed_over_and_not_stored_comes_again(self, tickdeck_db: str, tmp_path: Path) -> None:
        """The process dies before a commit: the next one has it all again."""

        async def story(pool: Pool, source: LiveSource) -> None:
            async with self.running(pool, source, tmp_path, limits=WriterLimits(lanes=1, drain_s=0.0)) as run:
                await source.happen(10)
                await self.until_stored(pool, source, run)
                run.store.open.clear()
                await source.happen(20)
                await until(lambda: sum(map(len, run.batches)) >= 30)
            assert len(await self.stored(pool)) < len(source.happened())
            async with self.running(pool, source, tmp_path, "second") as run:
                await self.until_connected(run)
                await source.happen(10)
                await self.until_stored(pool, source, run)
            await self.nothing_doubled(pool, source)

        self.play(tickdeck_db, tmp_path, story)

    def test_silence_is_told_and_ended(self, tickdeck_db: str, tmp_path: Path) -> None:
        """A connection over which nothing comes is no connection: it is said, and made anew."""

        async def story(pool: Pool, source: LiveSource) -> None:
            async with self.running(pool, source, tmp_path) as run:
                assert isinstance(run.feed, LiveFeed)
                await source.happen(10)
                await self.until_stored(pool, source, run)
                await source.go_silent()
                await source.happen(10)
                reconnects = run.feed.health().reconnects
                await until(lambda: run.feed.health().reconnects > reconnects)  # type: ignore[attr-defined]
                assert "no data" in run.feed.health().fault
                await self.until_connected(run)
                await source.happen(10)
                await self.until_stored(pool, source, run)
            await self.nothing_doubled(pool, source)

        self.play(tickdeck_db, tmp_path, story)

    async def until_connected(self, run: Run) -> None:
        """Wait until the feed says that ticks can come."""
        assert isinstance(run.feed, LiveFeed)
        feed = run.feed

        def connected() -> bool:
            run.check()
            return feed.health().connected

        await until(connected)


async def until(condition: Callable[[], object], say: Callable[[], str] = str) -> None:
    """Wait for `condition`; where it does not come, fail with what `say` says."""

    async def asked() -> object:
        return condition()

    await until_async(asked, say)


async def until_async(condition: Callable[[], Awaitable[object]], say: Callable[[], str]) -> None:
    """Wait for `condition`; where it does not come, fail with what `say` says."""
    deadline = time.monotonic() + SOON_S
    while not await condition():
        assert time.monotonic() < deadline, f"waited for {SOON_S:g} s; {say()}"
        await asyncio.sleep(0.01)


def _in_order(ticks: TickBatch) -> bool:
    last: dict[str, tuple[int, int]] = {}
    for symbol, time_us, seq in zip(ticks.symbol, ticks.time_us.tolist(), ticks.seq.tolist(), strict=True):
        if last.get(symbol, (-1, -1)) > (time_us, seq):
            return False
        last[symbol] = (time_us, seq)
    return True


def _lies_in(tick: Happened, gap: FeedGap) -> bool:
    if gap.symbol != tick.symbol:
        return False
    if gap.from_seq is not None and gap.to_seq is not None:
        return gap.from_seq < tick.seq < gap.to_seq
    return gap.from_us <= tick.time_us <= gap.to_us


def _of_feed(task: asyncio.Task[Any]) -> bool:
    return "tickdeck" in repr(task.get_coro())
