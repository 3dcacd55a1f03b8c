"""The writer: soon, in bulk where there is much, and nothing lost or doubled while the database is away."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
import pytest

from tickdeck.db.candles.verify import verify
from tickdeck.db.embedded import EmbeddedServer
from tickdeck.db.errors import DatabaseError
from tickdeck.db.feed_positions import FeedPosition
from tickdeck.db.market.corrections import Correction
from tickdeck.db.market.types import TickBatch, concat
from tickdeck.db.migrate import upgrade
from tickdeck.db.session import Pool, open_pool
from tickdeck.db.ticks.store import TickStore, Written
from tickdeck.feeds import run
from tickdeck.feeds.base import NO_TICKS, FeedBatch
from tickdeck.feeds.clock import PacedClock
from tickdeck.feeds.csv.load import CsvLoad
from tickdeck.feeds.csv.options import parse_options
from tickdeck.feeds.errors import FeedError
from tickdeck.feeds.rejects import RejectsFile
from tickdeck.feeds.run import run_feed
from tickdeck.feeds.spill import Spill
from tickdeck.feeds.walk.feed import RandomWalk
from tickdeck.feeds.writer import FeedWriter, WriterLimits

START_US = 1_700_000_000_000_000


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

    async def write(self, batch: TickBatch, position: FeedPosition | None = None) -> Written:
        self.sizes.append(len(batch))
        self.together += 1
        self.most_together = max(self.most_together, self.together)
        await self.gate.wait()
        try:
            return await super().write(batch, position)
        finally:
            self.together -= 1


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last word of a feed is written on a machine that is busy with other things as well."""
    monkeypatch.setattr(run, "_FAREWELL_S", 60.0)


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
    async with asyncio.timeout(60):
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
            assert writer.counters.blocked_s > 0
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
        limits = WriterLimits(drain_s=60)
        running = asyncio.create_task(run_feed(walk, pool, rejects, limits=limits, watch=writers.append))
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
    assert len(kept(rejects)) == 7


def kept(rejects: RejectsFile) -> pd.DataFrame:
    """The ticks that went into a file as no database took them."""
    return pd.read_csv(rejects.path.with_name(f"{rejects.path.stem}-not-stored.csv"))


async def test_a_feed_that_is_over_says_what_no_database_took(
    own_server: EmbeddedServer, rejects: RejectsFile, tmp_path: Path
) -> None:
    """Stopped twice, even; what is kept is loaded once the database is there."""
    url = await asyncio.to_thread(own_server.up)
    await asyncio.to_thread(upgrade, url)
    writers: list[FeedWriter] = []

    class Short:
        name, kind = "short", "test"

        async def batches(self) -> AsyncIterator[FeedBatch]:
            for number in range(5):
                yield ticks(100, 1 + 100 * number)

    async with pool_on(url) as pool:
        await asyncio.to_thread(own_server.down)
        limits = WriterLimits(drain_s=60, flush_ticks=150)
        running = asyncio.create_task(run_feed(Short(), pool, rejects, limits=limits, watch=writers.append))
        await until(lambda: writers and writers[0].waiting_for_database)
        running.cancel()
        done, _ = await asyncio.wait([running], timeout=0.2)
        assert not done, "it has its time"
        running.cancel()
        with pytest.raises(
            FeedError, match=r"500 ticks could not be stored before the end; they are in .*load"
        ):
            await running
    assert sorted(kept(rejects)["seq"]) == [*range(1, 501)]
    assert await asyncio.to_thread(own_server.up) == url
    path = rejects.path.with_name(f"{rejects.path.stem}-not-stored.csv")
    async with pool_on(url) as pool:
        with RejectsFile(tmp_path / "second.csv") as second:
            counters = await run_feed(CsvLoad([path], parse_options()), pool, second)
    assert (counters.stored, counters.rejected) == (500, 0)
    with psycopg.connect(url) as connection:
        row = connection.execute("select count(*), min(time), max(price), sum(size) from ticks").fetchone()
    assert row == (500, datetime.fromtimestamp(START_US / 1e6 + 0.001, UTC), 10.0, 500.0)


async def test_what_is_held_as_the_database_refuses_is_kept(tickdeck_db: str, rejects: RejectsFile) -> None:
    async with pool_on(tickdeck_db) as pool:
        store = SlowStore(pool, opened=False)

        async def feed() -> None:
            async with FeedWriter(store, rejects, limits=WriterLimits(flush_ticks=50)) as writer:
                await writer.put(ticks(120))
                with psycopg.connect(tickdeck_db, autocommit=True) as owner:
                    owner.execute("revoke insert on ticks from tickdeck_writer")
                store.gate.set()

        with pytest.raises(
            DatabaseError, match=r"permission denied.*120 ticks could not be stored.*not-stored"
        ):
            await feed()
    assert len(kept(rejects)) == 120


@pytest.mark.parametrize("trouble", ["read-only", "lock", "too slow"])
async def test_what_the_database_cannot_do_now_is_waited_for(
    tickdeck_db: str, rejects: RejectsFile, trouble: str
) -> None:
    """A standby after a failover, a lock that is not to be had in time, statements that take too long."""
    with psycopg.connect(tickdeck_db, autocommit=True) as owner, psycopg.connect(tickdeck_db) as locker:
        name = owner.info.dbname
        settings = {"read-only": "default_transaction_read_only = on", "lock": "lock_timeout = '50ms'"}
        if trouble in settings:
            owner.execute(f"alter database {name} set {settings[trouble]}".encode())
        if trouble != "read-only":
            locker.execute("lock table ticks in access exclusive mode")
        pool = await open_pool(tickdeck_db, role="writer", size=4, statement_timeout_s=0.2)
        async with pool, FeedWriter(TickStore(pool), rejects) as writer:
            await writer.put(ticks(100))
            await until(lambda: writer.counters.retries >= 3)
            assert writer.waiting_for_database
            owner.execute(f"alter database {name} reset all".encode())
            locker.rollback()
            if trouble == "lock":
                await pool.expire_connections()
        assert (writer.counters.stored, writer.counters.rejected) == (100, 0)
        assert not writer.waiting_for_database


@pytest.fixture
def small_disk(own_server: EmbeddedServer) -> Iterator[Path]:
    """A file system of a few MB, where whoever runs the tests may mount one."""
    folder = own_server.data_dir.parent / "small"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m,mode=777", "tmpfs", folder], check=False, capture_output=True
    ).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield folder
    finally:
        own_server.down()
        subprocess.run(["umount", folder], check=True)


@pytest.mark.fault("the database's disk is full", "the writer holds, and goes on when there is room")
async def test_a_full_disk_is_waited_for(
    own_server: EmbeddedServer, small_disk: Path, rejects: RejectsFile
) -> None:
    url = await asyncio.to_thread(own_server.up)
    await asyncio.to_thread(upgrade, url)
    with psycopg.connect(url, autocommit=True) as owner:
        account = next(own_server.data_dir.glob("postgresql-*")).stat()
        os.chown(small_disk, account.st_uid, account.st_gid)
        owner.execute(f"create tablespace small location '{small_disk}'".encode())
        owner.execute("select attach_tablespace('small', 'ticks')")
        filler = small_disk / "filler"
        async with pool_on(url) as pool, FeedWriter(TickStore(pool), rejects) as writer:
            with suppress(OSError):
                filler.write_bytes(bytes(8 * 2**20))
            await writer.put(ticks(20_000))
            await until(lambda: writer.counters.retries >= 2)
            filler.unlink()
        assert (writer.counters.stored, writer.counters.rejected) == (20_000, 0)


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


@pytest.mark.fault("the database restarts in the middle of a COPY, connections are cut")
async def test_nothing_is_lost_or_doubled_over_a_restart(
    own_server: EmbeddedServer, rejects: RejectsFile
) -> None:
    url = await asyncio.to_thread(own_server.up)
    await asyncio.to_thread(upgrade, url)
    made = concat(
        list(RandomWalk(PacedClock(None), START_US, symbols=20, rate=2000.0, duration_us=6_000_000).chunks())
    )
    assert len(made) == 12_000
    going_down, is_down = asyncio.Event(), asyncio.Event()

    class Restarted:
        """Half of the ticks while the server goes down, so that it is in the middle of them, and the rest after that."""

        name, kind = "restarted", "test"

        async def batches(self) -> AsyncIterator[FeedBatch]:
            for number, part in enumerate(made.chunks(100)):
                if number == 60:
                    await is_down.wait()
                elif number >= 20:
                    await going_down.wait()
                    await asyncio.sleep(0.01)
                yield FeedBatch(part)

    writers: list[FeedWriter] = []
    async with pool_on(url) as pool:
        limits = WriterLimits(buffer_ticks=2000)
        running = asyncio.create_task(
            run_feed(Restarted(), pool, rejects, limits=limits, watch=writers.append)
        )
        await until(lambda: writers and writers[0].counters.stored > 1000)
        going_down.set()
        await asyncio.to_thread(own_server.down)
        is_down.set()
        await until(lambda: writers[0].waiting_for_database and writers[0].counters.retries >= 3)
        assert not running.done()
        assert await asyncio.to_thread(own_server.up) == url
        counters = await running
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


class SaidLater:
    """A feed that cancels a tick in the batch that brings it, and corrects one of an earlier batch."""

    name, kind = "later", "test"

    async def batches(self) -> AsyncIterator[FeedBatch]:
        one, two = ticks(3, 1), ticks(3, 4)
        when = int(two.ticks.time_us[1])
        yield one
        yield replace(two, corrections=(Correction(symbol="ALS", time_us=when, seq=5, kind="cancel"),))
        yield FeedBatch(
            NO_TICKS,
            corrections=(
                Correction(
                    symbol="ALS", time_us=int(one.ticks.time_us[0]), seq=1, kind="correct", price=11.0
                ),
                Correction(symbol="ALS", time_us=when, seq=77, kind="cancel"),
            ),
        )


async def test_corrections_of_a_feed_come_after_the_ticks_that_they_are_of(
    tickdeck_db: str, rejects: RejectsFile
) -> None:
    async with pool_on(tickdeck_db) as pool:
        counters = await run_feed(SaidLater(), pool, rejects)
        assert (counters.stored, counters.restated, counters.rejected) == (6, 2, 1)
        assert rejects.first[0].field == "seq"
        assert "seq 77 is not stored" in rejects.first[0].reason
        rows = await pool.fetch("select seq, price from ticks order by seq")
        assert [tuple(row) for row in rows] == [(1, 11.0), (2, 10.0), (3, 10.0), (4, 10.0), (6, 10.0)]
        assert await pool.fetchval("select distinct actor from tick_history") == "test feed later"
        assert await verify(pool) == []


@pytest.mark.fault(
    "the database is away for long",
    "ticks wait in memory, then on disk, then the feed waits; stored in order, before anything newer",
    within="bounded by `TICKDECK_SPILL_MB`",
)
async def test_ticks_wait_on_disk_while_the_database_is_away(
    tickdeck_db: str, rejects: RejectsFile, tmp_path: Path
) -> None:
    """More than the buffer holds, without making the feed wait; stored in order, before anything newer."""
    async with pool_on(tickdeck_db) as pool:
        store = SlowStore(pool, opened=False)
        spill = Spill(tmp_path / "spill", sync=False)
        limits = WriterLimits(buffer_ticks=100, flush_ticks=50, lanes=1, flush_age_s=0.01, spill_after_s=0.05)
        async with FeedWriter(store, rejects, limits=limits, spill=spill) as writer:
            for number in range(100):
                await writer.put(ticks(20, 1 + 20 * number))
            assert spill.ticks > 1000
            store.gate.set()
            await until(lambda: writer.counters.stored == 2000)
        assert not spill
    with psycopg.connect(tickdeck_db) as connection:
        rows = connection.execute("select seq from ticks order by ctid").fetchall()
    assert [seq for (seq,) in rows] == list(range(1, 2001))


@pytest.mark.fault("a feed is killed while its ticks wait on disk", "the next process stores them first")
async def test_what_was_spilled_is_stored_by_the_next_process_before_anything_newer(
    tickdeck_db: str, rejects: RejectsFile, tmp_path: Path
) -> None:
    limits = WriterLimits(lanes=1, flush_ticks=50, drain_s=0.1, spill_after_s=0.05)
    all_put = asyncio.Event()
    async with pool_on(tickdeck_db) as pool:

        async def feed() -> None:
            spill = Spill(tmp_path / "spill", sync=False)
            async with FeedWriter(
                SlowStore(pool, opened=False), rejects, limits=limits, spill=spill
            ) as writer:
                for number in range(10):
                    await writer.put(ticks(20, 1 + 20 * number))
                all_put.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(feed())
        await all_put.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        assert rejects.count == 0
        assert not [name for name in os.listdir(tmp_path) if "not-stored" in name]  # noqa: PTH208 - quick
        spill = Spill(tmp_path / "spill", sync=False)
        assert spill.ticks == 200
        async with FeedWriter(TickStore(pool), rejects, limits=limits, spill=spill) as writer:
            await writer.unspilled()
            assert writer.counters.stored == 200
            await writer.put(ticks(20, 201))
    with psycopg.connect(tickdeck_db) as connection:
        assert connection.execute("select count(*), max(seq) from ticks").fetchone() == (220, 220)


async def test_acknowledged_is_what_is_committed(
    tickdeck_db: str, rejects: RejectsFile, tmp_path: Path
) -> None:
    """Each once, in order, and nothing of it is spilled: its source has it still."""
    async with pool_on(tickdeck_db) as pool:
        store = SlowStore(pool, opened=False)
        spill = Spill(tmp_path / "spill", sync=False)
        acknowledged: list[int] = []
        limits = WriterLimits(buffer_ticks=100, flush_ticks=30, lanes=1, spill_after_s=0.0)
        async with FeedWriter(store, rejects, limits=limits, spill=spill) as writer:
            for number in range(5):
                batch = ticks(20, 1 + 20 * number)
                await writer.put(replace(batch, acknowledge=(partial(acknowledged.append, number),)))
            assert acknowledged == []
            assert not spill
            store.gate.set()
            await until(lambda: writer.counters.stored > 0)
            told = len(acknowledged)  # before the rows are counted: the writer goes on meanwhile
            rows = await pool.fetchval("select count(*) from ticks")
            assert told * 20 <= rows
        assert acknowledged == [0, 1, 2, 3, 4]


@pytest.mark.fault("the database is away for long")
async def test_a_spill_that_is_full_makes_the_feed_wait(
    tickdeck_db: str, rejects: RejectsFile, tmp_path: Path
) -> None:
    async with pool_on(tickdeck_db) as pool:
        store = SlowStore(pool, opened=False)
        spill = Spill(tmp_path / "spill", limit_bytes=20_000, sync=False)
        limits = WriterLimits(buffer_ticks=100, flush_ticks=50, lanes=1, spill_after_s=0.05)
        async with FeedWriter(store, rejects, limits=limits, spill=spill) as writer:
            put = 0

            async def feed() -> None:
                nonlocal put
                for number in range(50):
                    await writer.put(ticks(20, 1 + 20 * number))
                    put += 20

            feeding = asyncio.create_task(feed())
            await until(
                lambda: writer.counters.stored == 0 and spill.size > 15_000 and put - spill.ticks >= 100
            )
            assert not feeding.done()
            assert spill.size <= 20_000
            store.gate.set()
            await feeding
        assert writer.counters.stored == 1000
