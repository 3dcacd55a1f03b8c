"""The writer: soon, in bulk where there is much, and nothing lost or doubled while the database is away."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import psycopg
import pytest

from db.embedded import EmbeddedServer
from db.errors import DatabaseError
from db.market import TickBatch, concat
from db.migrate import upgrade
from db.pool import Pool, open_pool
from db.ticks import TickStore, Written
from feeds.base import FeedBatch
from feeds.clock import PacedClock
from feeds.errors import FeedError
from feeds.random_walk import RandomWalk
from feeds.rejects import RejectsFile
from feeds.run import run_feed
from feeds.writer import FeedWriter, WriterLimits

START_US = 1_800_000_000_000_000


def ticks(count: int, first_seq: int = 1, price: float = 10.0) -> FeedBatch:
    """`count` ticks of one symbol, a millisecond apart."""
    seq = np.arange(first_seq, first_seq + count, dtype=np.int64)
    nothing = np.full(count, np.nan)
    batch = TickBatch(
        START_US + seq * 1000, np.full(count, "ALS", dtype=object), seq, np.full(count, price), np.ones(count),
        nothing, nothing,
    )  # fmt: skip
    return FeedBatch(batch)


class SlowStore(TickStore):
    """The real store behind a gate, that notes how many ticks come at once and how many calls run together."""

    def __init__(self, pool: Pool, *, opened: bool = True) -> None:
        super().__init__(pool)
        self.gate = asyncio.Event()
        self.sizes: list[int] = []
        self.together = 0
        self.most_together = 0
        if opened:
            self.gate.set()

    async def write(self, batch: TickBatch) -> Written:
        self.sizes.append(len(batch))
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        await self.gate.wait()
        try:
            return await super().write(batch)
        finally:
            self.together -= 1


@pytest.fixture
def rejects(tmp_path: Path) -> Iterator[RejectsFile]:
    with RejectsFile(tmp_path / "rejects.csv") as file:
        yield file


@asynccontextmanager
async def pool_on(url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(url, role="writer", size=4)
    try:
        yield pool
    finally:
        await pool.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is awaited belongs to the database too
            await asyncio.sleep(0.005)


async def test_a_lone_tick_goes_at_once_and_the_next_ones_together(
    tickdeck_db: str, rejects: RejectsFile
) -> None:
    async with pool_on(tickdeck_db) as pool:
        store = SlowStore(pool)
        # Older than the test may become: what is stored before the end was not waited for.
        async with FeedWriter(store, rejects, limits=WriterLimits(flush_age_s=3600)) as writer:
            await writer.put(ticks(1))
            await until(lambda: writer.counters.stored == 1)
            for number in range(5):
                await writer.put(ticks(1, 2 + number))
        assert store.sizes == [1, 5]
        assert writer.counters.flushes == 2


async def test_what_is_held_goes_when_it_is_old_enough(tickdeck_db: str, rejects: RejectsFile) -> None:
    async with pool_on(tickdeck_db) as pool:
        limits = WriterLimits(flush_age_s=0.3)
        async with FeedWriter(TickStore(pool), rejects, limits=limits) as writer:
            await writer.put(ticks(1))
            await until(lambda: writer.counters.stored == 1)
            await writer.put(ticks(1, 2))
            await until(lambda: writer.counters.stored == 2)


async def test_much_is_flushed_before_its_age_and_cut_to_size(tickdeck_db: str, rejects: RejectsFile) -> None:
    async with pool_on(tickdeck_db) as pool:
        store = SlowStore(pool)
        limits = WriterLimits(flush_age_s=60, flush_ticks=100)
        async with FeedWriter(store, rejects, limits=limits) as writer:
            await writer.put(ticks(1))
            await writer.put(ticks(250, 2))
            await until(lambda: writer.counters.stored >= 200)
        assert writer.counters.stored == 251
        assert sum(store.sizes) == 251
        assert max(store.sizes) == 100


async def test_a_full_buffer_makes_the_feed_wait(tickdeck_db: str, rejects: RejectsFile) -> None:
    async with pool_on(tickdeck_db) as pool:
        store = SlowStore(pool, opened=False)
        limits = WriterLimits(buffer_ticks=100, flush_ticks=50)
        async with FeedWriter(store, rejects, limits=limits) as writer:
            for number in range(10):
                await writer.put(ticks(10, 1 + 10 * number))
            waiting = asyncio.create_task(writer.put(ticks(10, 101)))
            done, _ = await asyncio.wait([waiting], timeout=0.1)
            assert not done
            store.gate.set()
            await waiting
            assert writer.counters.blocked_s >= 0.1
        assert writer.counters.stored == 110


async def test_lanes_store_at_the_same_time(tickdeck_db: str, rejects: RejectsFile) -> None:
    async with pool_on(tickdeck_db) as pool:
        store = SlowStore(pool, opened=False)
        async with FeedWriter(store, rejects, limits=WriterLimits(flush_ticks=50, lanes=2)) as writer:
            await writer.put(ticks(200))
            await until(lambda: store.together == 2)
            store.gate.set()
        assert writer.counters.stored == 200
        assert store.most_together == 2


async def test_refused_ticks_are_counted_and_kept(tickdeck_db: str, rejects: RejectsFile) -> None:
    async with pool_on(tickdeck_db) as pool:
        async with FeedWriter(TickStore(pool), rejects) as writer:
            await writer.put(ticks(10))
        async with FeedWriter(TickStore(pool), rejects) as writer:
            await writer.put(ticks(10))
            await writer.put(ticks(3, price=11.0))
        assert (writer.counters.stored, writer.counters.already, writer.counters.rejected) == (0, 10, 3)
    assert rejects.count == 3
    assert {field for field, _ in rejects.reasons} == {"seq"}


async def test_what_the_database_refuses_ends_the_feed(tickdeck_db: str, rejects: RejectsFile) -> None:
    with psycopg.connect(tickdeck_db, autocommit=True) as owner:
        owner.execute("revoke insert on ticks from tickdeck_writer")
    async with pool_on(tickdeck_db) as pool:
        walk = RandomWalk(PacedClock(1.0), START_US, symbols=3, rate=1000.0)
        with pytest.raises(DatabaseError, match="ticks"):
            await run_feed(walk, pool, rejects)
    with psycopg.connect(tickdeck_db) as connection:
        row = connection.execute("select state, detail like '%ticks%' from feeds").fetchone()
    assert row == ("failed", True)


async def test_stopping_stores_what_is_held(tickdeck_db: str, rejects: RejectsFile) -> None:
    async with pool_on(tickdeck_db) as pool:
        writers: list[FeedWriter] = []
        walk = RandomWalk(PacedClock(1.0), START_US, symbols=3, rate=5000.0)
        running = asyncio.create_task(run_feed(walk, pool, rejects, watch=writers.append))
        await until(lambda: writers and writers[0].counters.stored > 500)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    stored = writers[0].counters.stored
    with psycopg.connect(tickdeck_db) as connection:
        rows = connection.execute("select count(*), max(seq) from ticks").fetchall()
        feeds = connection.execute("select kind, state, detail, stored from feeds").fetchall()
    assert rows == [(stored, stored)]
    assert feeds == [("walk", "ended", "stopped", stored)]


async def test_stopping_does_not_wait_for_a_database_that_is_away(
    tickdeck_db: str, rejects: RejectsFile
) -> None:
    async with pool_on(tickdeck_db) as pool:
        store = SlowStore(pool, opened=False)

        async def feed() -> None:
            async with FeedWriter(store, rejects, limits=WriterLimits(drain_s=0.2)) as writer:
                await writer.put(ticks(7))
                await asyncio.Event().wait()

        running = asyncio.create_task(feed())
        await until(lambda: store.together == 1)
        running.cancel()
        with pytest.raises(FeedError, match="7 ticks could not be stored"):
            await running


@pytest.fixture
def own_server() -> Iterator[EmbeddedServer]:
    """A server that a test may take down; not below pytest's folders, which the server's account cannot enter."""
    base = Path(tempfile.mkdtemp(prefix="tickdeck-writer-"))
    base.chmod(0o711)
    server = EmbeddedServer(base / "data", durable=False)
    try:
        yield server
    finally:
        server.down()
        shutil.rmtree(base, ignore_errors=True)


async def test_nothing_is_lost_or_doubled_over_a_restart(
    own_server: EmbeddedServer, rejects: RejectsFile
) -> None:
    url = await asyncio.to_thread(own_server.up)
    await asyncio.to_thread(upgrade, url)
    duration_us = 6_000_000
    walk = RandomWalk(PacedClock(1.0), START_US, symbols=20, rate=2000.0, duration_us=duration_us)
    writers: list[FeedWriter] = []
    async with pool_on(url) as pool:
        limits = WriterLimits(buffer_ticks=2000)
        running = asyncio.create_task(run_feed(walk, pool, rejects, limits=limits, watch=writers.append))
        await until(lambda: writers and writers[0].counters.stored > 1000)
        await asyncio.to_thread(own_server.down)
        await until(lambda: writers[0].waiting_for_database and writers[0].counters.retries >= 3)
        assert not running.done()
        assert await asyncio.to_thread(own_server.up) == url
        counters = await running
    made = concat(
        list(
            RandomWalk(PacedClock(None), START_US, symbols=20, rate=2000.0, duration_us=duration_us).chunks()
        )
    )
    assert len(made) == 12_000
    assert (counters.done, counters.rejected) == (12_000, 0)
    with psycopg.connect(url) as connection:
        connection.execute("set timezone = 'UTC'")
        stored = connection.execute(
            "select (extract(epoch from time) * 1000000)::bigint, symbol, seq, price, size from ticks order by seq"
        ).fetchall()
        trades = connection.execute(
            "select sum(trades)::bigint, sum(volume) from candles where interval = '1m'"
        )
        assert trades.fetchone() == (12_000, made.size.sum())
    columns = (made.time_us, made.symbol, made.seq, made.price, made.size)
    assert stored == list(zip(*(column.tolist() for column in columns), strict=True))
