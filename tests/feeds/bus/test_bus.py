"""Over the bus comes what comes without it: with a real server, that is killed as well."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
import pyarrow as pa
import pytest

from tests.feeding import Tickdeck
from tests.feeds.bus.nats_server import NatsServer, NoServerError, find_server
from tests.paths import ROOT
from tickdeck.db.candles.verify import verify
from tickdeck.db.errors import FeedRunsError
from tickdeck.db.feed_gaps import FeedGap, list_gaps
from tickdeck.db.feeds_status import FeedRow, list_feeds
from tickdeck.db.market.corrections import Correction
from tickdeck.db.market.types import TickBatch
from tickdeck.db.session import Pool, open_pool
from tickdeck.db.ticks.store import TickStore
from tickdeck.feeds.base import Feed, FeedBatch
from tickdeck.feeds.bus import publish
from tickdeck.feeds.bus.connection import Bus, cancellation_kept
from tickdeck.feeds.bus.ingest import BusFeed
from tickdeck.feeds.bus.journal import Journal, unpacked
from tickdeck.feeds.bus.messages import Message, decoded, encoded, parted, partition_of
from tickdeck.feeds.bus.publish import publish_feed
from tickdeck.feeds.bus.settings import BusSettings, address_of
from tickdeck.feeds.exchange.plugin import recall_apart
from tickdeck.feeds.live import run_live
from tickdeck.feeds.rejects import RejectsFile
from tickdeck.feeds.spill import SpillSettings
from tickdeck.feeds.writer import FeedWriter
from tickdeck.testing.feed_contract import FeedContract, Happened, until, until_async

START_US = 1_700_000_000_000_000
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG")


@pytest.fixture(scope="module")
def _binary() -> None:
    try:
        find_server()
    except NoServerError as exc:
        pytest.skip(str(exc))


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    """A connection that nobody closed is told by the test that made it, and not by another one later."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last word of a feed is said on a machine that is busy with other things as well."""
    monkeypatch.setattr(publish, "_FAREWELL_S", 60.0)


@pytest.fixture
def nats(tmp_path: Path, _binary: None) -> Iterator[NatsServer]:
    with NatsServer(tmp_path / "nats") as server:
        yield server


def made(first: int, count: int) -> TickBatch:
    """Ticks number `first` and so on, by turns of all symbols; some have an exchange and conditions."""
    number = np.arange(first, first + count)
    texts = np.array(["X" if each % 3 else None for each in number], dtype=object)
    return TickBatch(
        START_US + number * 50_000,
        np.array([SYMBOLS[each % len(SYMBOLS)] for each in number], dtype=object),
        number,
        (number % 17).astype(float) + 100,
        (number % 5).astype(float) + 1,
        np.full(count, np.nan),
        np.full(count, np.nan),
        exchange=texts,
        conditions=np.array([each and "@" for each in texts], dtype=object),
        side=(number % 3 - 1).astype(np.int16),
    )


@dataclass
class Made:
    """A feed of batches that a test hands it; `end` lets it end."""

    name: str = "made"
    kind: str = "walk"
    given: asyncio.Queue[FeedBatch | None] = field(default_factory=asyncio.Queue)

    def happen(self, first: int, count: int, **more: Any) -> None:
        self.given.put_nowait(FeedBatch(made(first, count), **more))

    def end(self) -> None:
        self.given.put_nowait(None)

    async def batches(self) -> AsyncIterator[FeedBatch]:
        while (batch := await self.given.get()) is not None:
            yield batch


def bus_at(server: NatsServer) -> Bus:
    settings = BusSettings()
    return Bus(address_of(server.url, settings), settings, name="test")


async def published(
    server: NatsServer,
    feed: Made,
    folder: Path,
    *,
    spill: Path | None = None,
    watch: list[FeedWriter] | None = None,
) -> Any:
    bus = bus_at(server)
    try:
        with RejectsFile(folder / "published-rejects.csv", numbered=True) as rejects:
            return await publish_feed(
                feed,
                Journal(),
                bus,
                rejects,
                spill=SpillSettings(spill),
                watch=None if watch is None else watch.append,
            )
    finally:
        await bus.close()


@dataclass
class Writing:
    feed: BusFeed
    rejects: RejectsFile
    task: asyncio.Task[Any]


@asynccontextmanager
async def writing(server: NatsServer, pool: Pool, folder: Path) -> AsyncIterator[Writing]:
    """A writer that runs until the block ends."""
    with RejectsFile(folder / "rejects.csv", numbered=True) as rejects:
        async with BusFeed(bus_at(server), pool) as feed:
            task = asyncio.create_task(run_live(feed, pool, rejects))
            try:
                yield Writing(feed, rejects, task)
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


@asynccontextmanager
async def pooled(url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(url, role="writer", size=6)
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def other_writer(
    server: NatsServer, url: str, commits: int = 0
) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A writer in another process, which dies after so many commits."""
    process = subprocess.Popen(  # noqa: ASYNC220 - to start one does not wait
        [sys.executable, "-m", "tests.feeds.bus.writer_process", url, server.url, str(commits)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        assert await asyncio.to_thread(process.stdout.readline)  # it runs, however long it took to load
        yield process
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)
        process.stdout.close()


TICKS = """
    select symbol, time, seq, price, size, bid, ask, exchange, conditions, coalesce(updates, 7), side
    from ticks order by symbol, seq
"""
CANDLES = "select * from candles order by symbol, interval, bucket"


async def all_of(pool: Pool) -> list[tuple[Any, ...]]:
    return [tuple(row) for query in (TICKS, CANDLES) for row in await pool.fetch(query)]


async def until_stored(pool: Pool, count: int) -> None:
    async def there() -> bool:
        return bool(await pool.fetchval("select count(*) from ticks") >= count)

    await until_async(there, lambda: f"{count} ticks are not stored")


async def nothing_is_lost_or_doubled(pool: Pool, count: int) -> None:
    assert await pool.fetchval("select count(*) from ticks") == count
    assert await pool.fetchval("select sum(trades) from candles where interval = '1m'") == count
    assert await verify(pool) == []


async def feeds_once(pool: Pool, *names: str) -> dict[str, FeedRow]:
    """What is said of all feeds, once something is said of these."""
    found: dict[str, FeedRow] = {}

    async def said() -> bool:
        found.update({each.name: each for each in await list_feeds(pool)})
        return found.keys() >= {*names}

    await until_async(said, lambda: f"of {names} only {[*found]} are told")
    return found


async def messages_left(server: NatsServer) -> int:
    bus = bus_at(server)
    try:
        info = await (await bus.connect()).stream_info("tickdeck")
        return info.state.messages
    finally:
        await bus.close()


async def until_all_acknowledged(server: NatsServer) -> None:
    async def none_left() -> bool:
        return await messages_left(server) == 0

    await until_async(none_left, lambda: "messages stay on the bus")


async def test_what_comes_over_the_bus_is_what_is_stored_directly(
    nats: NatsServer, tickdeck_db: str, tmp_path: Path
) -> None:
    async with pooled(tickdeck_db) as pool:
        await TickStore(pool).write(made(0, 5_000))
        directly = await all_of(pool)
        with psycopg.connect(tickdeck_db) as admin:
            admin.execute("truncate ticks, candles, stale_hours")
        feed = Made()
        for first in range(0, 5_000, 100):
            feed.happen(first, 100)
        feed.end()
        assert (await published(nats, feed, tmp_path)).stored == 5_000
        async with writing(nats, pool, tmp_path) as run:
            await until_stored(pool, 5_000)
            assert await all_of(pool) == directly
            await until_all_acknowledged(nats)
            assert run.feed.health().messages is not None
            assert run.rejects.count == 0
            # How the publisher fares stands where those stand that have a database; it comes on a way of its own.
            rows = await feeds_once(pool, "ingest tickdeck 1", "made")
        assert rows["ingest tickdeck 1"].kind == "bus"
        assert rows["made"].stored == 5_000
        assert rows["made"].state == "ended"


async def test_gaps_and_corrections_come_after_the_ticks_that_they_are_about(
    nats: NatsServer, tickdeck_db: str, tmp_path: Path
) -> None:
    gap = FeedGap(uuid4(), "made", "AAA", START_US, START_US + 9, 1, 3, "missing", "a test")
    wrong = Correction(symbol="BBB", time_us=START_US + 50_000, seq=1, kind="cancel")
    unknown = Correction(symbol="BBB", time_us=START_US + 50_000, seq=2, kind="cancel")
    feed = Made()
    feed.happen(0, 10, gaps=(gap,))
    feed.happen(10, 10, corrections=(wrong, unknown))
    feed.end()
    await published(nats, feed, tmp_path)
    async with pooled(tickdeck_db) as pool, writing(nats, pool, tmp_path) as run:
        await until_all_acknowledged(nats)
        assert await list_gaps(pool) == [gap]
        assert await pool.fetchval("select count(*) from ticks") == 19
        assert run.rejects.count == 1


async def test_a_writer_killed_between_commit_and_acknowledgement_loses_and_doubles_nothing(
    nats: NatsServer, tickdeck_db: str, tmp_path: Path
) -> None:
    feed = Made()
    for first in range(0, 10_000, 50):
        feed.happen(first, 50)
    feed.end()
    await published(nats, feed, tmp_path)
    async with pooled(tickdeck_db) as pool:
        for commits in (1, 3):
            async with other_writer(nats, tickdeck_db, commits) as process:
                assert await asyncio.to_thread(process.wait) == -signal.SIGKILL
        stored = await pool.fetchval("select count(*) from ticks")
        assert 0 < stored < 10_000
        async with writing(nats, pool, tmp_path) as run:
            await until_stored(pool, 10_000)
            await until_all_acknowledged(nats)
            assert run.rejects.count == 0
            assert run.feed.redelivered > 0
        await nothing_is_lost_or_doubled(pool, 10_000)


async def test_a_second_writer_has_its_share_and_takes_over_what_one_that_dies_had(
    nats: NatsServer, tickdeck_db: str, tmp_path: Path
) -> None:
    feed = Made()
    async with pooled(tickdeck_db) as pool, writing(nats, pool, tmp_path) as run:
        publishing = asyncio.create_task(published(nats, feed, tmp_path))

        def partitions() -> int:
            messages = run.feed.health().messages
            assert messages is not None
            return messages["partitions"]

        await until(lambda: partitions() == 4)
        async with other_writer(nats, tickdeck_db) as process:
            await until(lambda: partitions() == 2)
            feed.happen(0, 700)
            await until_stored(pool, 700)
            process.kill()
            feed.happen(700, 700)
            await until(lambda: partitions() == 4)
        feed.happen(1_400, 700)
        feed.end()
        await publishing
        await until_stored(pool, 2_100)
        await until_all_acknowledged(nats)
        await nothing_is_lost_or_doubled(pool, 2_100)


async def test_while_the_bus_is_away_ticks_wait_on_disk_and_come_first(
    nats: NatsServer, tickdeck_db: str, tmp_path: Path
) -> None:
    feed, writers = Made(), list[FeedWriter]()
    publishing = asyncio.create_task(published(nats, feed, tmp_path, spill=tmp_path / "spill", watch=writers))
    feed.happen(0, 300)
    await until(lambda: writers and writers[0].counters.stored == 300)
    nats.kill()
    count = 300

    def spilled() -> bool:
        nonlocal count
        feed.happen(count, 10)  # it is spilled where something comes
        count += 10
        return bool(writers[0].spill)

    await until(spilled)
    nats.start()
    await until(lambda: writers[0].counters.stored >= count and not writers[0].spill)
    feed.happen(count, 100)
    count += 100
    feed.end()
    await publishing
    last: dict[str, int] = {}
    bus = bus_at(nats)
    stream = await bus.connect()
    for number in range(1, await messages_left(nats) + 1):
        ticks = decoded((await stream.get_msg("tickdeck", number)).data or b"").ticks
        for symbol, seq in zip(ticks.symbol, ticks.seq, strict=True):
            assert last.get(symbol, -1) < seq, "out of order"
            last[symbol] = seq
    await bus.close()
    async with pooled(tickdeck_db) as pool, writing(nats, pool, tmp_path):
        await until_stored(pool, count)
        await until_all_acknowledged(nats)
        await nothing_is_lost_or_doubled(pool, count)


async def test_a_writer_comes_back_to_a_bus_that_was_away(
    nats: NatsServer, tickdeck_db: str, tmp_path: Path
) -> None:
    async with pooled(tickdeck_db) as pool, writing(nats, pool, tmp_path) as run:
        for first in (0, 100):
            feed = Made()
            feed.happen(first, 100)
            feed.end()
            await published(nats, feed, tmp_path)
            await until_stored(pool, first + 100)
            await until_all_acknowledged(nats)
            nats.kill()
            await until(lambda: not run.feed.health().connected)
            nats.start()
        assert not run.task.done()


async def test_what_is_published_again_is_on_the_bus_once(nats: NatsServer) -> None:
    bus = bus_at(nats)
    messages = [(partition, encoded(Message("made", ticks))) for partition, ticks in parted(made(0, 100), 4)]
    for _ in range(3):
        await bus.publish(messages, feed="made")
    await bus.close()
    assert await messages_left(nats) == len(messages)


def of_version(version: int, data: bytes) -> bytes:
    with pa.ipc.open_stream(data) as stream:
        table = stream.read_all()
    told = table.schema.metadata | {b"tickdeck": str(version).encode()}
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema.with_metadata(told)) as stream:
        stream.write_table(table)
    return bytes(out.getvalue())


async def test_what_is_no_message_is_refused_with_its_bytes_and_holds_nothing_up(
    nats: NatsServer, tickdeck_db: str, tmp_path: Path
) -> None:
    bus = bus_at(nats)
    good = encoded(Message("made", made(0, 1)))
    newer = of_version(9, good)
    bad = [b"price,size\n1,2\xff", newer, good[:-40]]
    for data in bad:
        await bus.publish([(partition_of("AAA", 4), data)], feed="made")
    await bus.publish([(partition_of("AAA", 4), good)], feed="made")
    await bus.close()
    async with pooled(tickdeck_db) as pool, writing(nats, pool, tmp_path) as run:
        await until_stored(pool, 1)
        await until_all_acknowledged(nats)
        assert run.rejects.count == 3
        first, second, _ = run.rejects.first
        assert first.raw == "price,size\n1,2\\xff"
        assert (first.file, first.line) == ("tickdeck", 1)
        assert "version 9" in second.reason


async def test_a_tick_that_is_refused_names_its_feed_and_message(
    nats: NatsServer, tickdeck_db: str, tmp_path: Path
) -> None:
    ticks = made(0, 3)
    ticks.price[1] = -1
    feed = Made()
    feed.given.put_nowait(FeedBatch(ticks))
    feed.end()
    await published(nats, feed, tmp_path)
    async with pooled(tickdeck_db) as pool, writing(nats, pool, tmp_path) as run:
        await until_stored(pool, 2)
        await until(lambda: run.rejects.count)
        assert run.rejects.first[0].file == "made"
        assert run.rejects.first[0].line > 0
        assert run.rejects.first[0].field == "price"


async def test_a_feed_that_another_process_publishes_is_refused(nats: NatsServer, tmp_path: Path) -> None:
    feed, writers = Made(), list[FeedWriter]()
    publishing = asyncio.create_task(published(nats, feed, tmp_path, watch=writers))
    feed.happen(0, 1)
    await until(lambda: writers and writers[0].counters.stored == 1)
    bus = bus_at(nats)
    await until_async(lambda: bus.read_state("made"), lambda: "it says nothing of itself")
    await bus.close()
    with pytest.raises(FeedRunsError):
        await published(nats, Made(), tmp_path)
    feed.end()
    await publishing


async def test_a_feed_goes_on_behind_what_it_has_published(nats: NatsServer, tmp_path: Path) -> None:
    gap = FeedGap(uuid4(), "made", "AAA", START_US, START_US + 9, 1, 3, "missing", "a test")
    for first in (0, 70):
        feed = Made()
        feed.happen(first, 70, gaps=(gap,))
        feed.end()
        await published(nats, feed, tmp_path)
    bus = bus_at(nats)
    found = await bus.read_state("made")
    await bus.close()
    assert found is not None
    journal = Journal()
    journal.restore(unpacked(found[1]))
    newest = int(made(133, 1).time_us[0]), 133
    assert made(133, 1).symbol[0] == "AAA"
    assert journal.newest("AAA") == newest
    recalled = await recall_apart(journal)("AAA")
    assert recalled.top is not None
    assert (recalled.top.time_us, recalled.top.number) == newest
    assert [each.id for each in recalled.gaps] == [gap.id]


async def test_a_cancellation_that_meets_an_answer_is_kept() -> None:
    async def asks(answer: asyncio.Future[None]) -> None:
        with cancellation_kept():
            await asyncio.wait_for(answer, 60)

    for meets in (True, False):
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(asks(answer))
        await asyncio.sleep(0)  # it waits now
        if meets:
            answer.set_result(None)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    # A limit of time that meets an answer is one still, and what failed otherwise says how.
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await asks(asyncio.get_running_loop().create_future())
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    failed.set_exception(ConnectionResetError())
    with pytest.raises(ConnectionResetError):
        await asks(failed)


def test_commands_publish_without_a_database_and_store_with_two_processes(
    nats: NatsServer, tickdeck: Tickdeck, tmp_path: Path
) -> None:
    walk = (
        "feed",
        "walk",
        "--symbols",
        "20",
        "--duration",
        "1s",
        "--speed",
        "max",
        "--start",
        "2024-03-08T12:00Z",
    )
    ran = tickdeck(*walk, "--to", nats.url)
    assert ran.code == 0, ran.err
    assert "published 1,000" in ran.err
    process = subprocess.Popen(
        [sys.executable, "-m", "tickdeck.app.cli.child", "ingest", "--from", nats.url, "--writers", "2"],
        env={**os.environ, "DATABASE_URL": tickdeck.url, "TICKDECK_DATA_DIR": str(tmp_path / "writers")},
    )
    try:
        # What the feed knows of its instruments comes as well, on a way of its own.
        described = "select 1 from instruments where currency = 'USD' offset 19"
        while not (tickdeck.rows("select 1 from ticks offset 999") and tickdeck.rows(described)):
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    finally:
        process.kill()
        process.wait()


class Bused:
    """Messages on a bus, for the tests of all feeds."""

    def __init__(self, server: NatsServer) -> None:
        self._server = server
        self._count = 0

    def feed(self, pool: Pool) -> Feed:
        return _Entered(BusFeed(bus_at(self._server), pool))

    async def happen(self, count: int) -> None:
        bus = bus_at(self._server)
        ticks = made(self._count, count)
        await bus.publish([(p, encoded(Message("made", each))) for p, each in parted(ticks, 4)], feed="made")
        await bus.close()
        self._count += count

    def happened(self) -> Sequence[Happened]:
        ticks = made(0, self._count)
        columns = (ticks.symbol, ticks.time_us, ticks.seq, ticks.price, ticks.size)
        return [Happened(*each) for each in zip(*(column.tolist() for column in columns), strict=True)]

    async def spoil(self) -> str | None:
        bus = bus_at(self._server)
        await bus.publish([(0, b"no message")], feed="made")
        await bus.close()
        return "no message"


@dataclass
class _Entered:
    """The feed with what is around it."""

    feed: BusFeed
    name: str = "ingest"
    kind: str = "bus"

    async def batches(self) -> AsyncIterator[FeedBatch]:
        async with self.feed as feed:
            coming = feed.batches()
            try:
                async for batch in coming:
                    yield batch
            finally:
                await coming.aclose()  # type: ignore[attr-defined]


class TestBusFeed(FeedContract):
    @pytest.fixture(autouse=True)
    def _server(self, _binary: None) -> None:
        """It is there, or they are skipped."""

    @asynccontextmanager
    async def source(self, folder: Path) -> AsyncIterator[Bused]:
        with NatsServer(folder / "nats") as server:
            yield Bused(server)
