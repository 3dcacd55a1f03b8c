"""The listener hears everything while it is connected, says when it was not, and a snapshot parts old from new."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import asyncpg
import pytest

from app.testing.ticks import START, TickFactory
from db.errors import ConfigurationError, DatabaseError, DatabaseUnavailableError, SchemaError
from db.feeds_status import list_feeds, report_feed
from db.listener import Bars, Snapshot
from db.migrate import downgrade
from db.pool import open_pool, snapshot
from db.ticks import TickStore
from tests.heard import hearing


async def test_reconnects_and_says_so(tickdeck_db: str, tick_factory: TickFactory) -> None:
    admin = await asyncpg.connect(tickdeck_db)
    pool = await open_pool(tickdeck_db, role="writer", size=1)
    async with hearing(tickdeck_db) as heard:
        for cuts in range(1, 4):
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where query like 'LISTEN%' and datname = current_database()"
            )
            await heard.until(lambda: heard.connects == len(heard.losses) + 1 > cuts)  # noqa: B023
            assert len(heard.losses) == cuts
            await TickStore(pool).write(tick_factory.batch(10))
            await heard.up_to_now(pool)
            assert len(heard.told) == cuts
    await pool.close()
    await admin.close()


async def test_what_is_not_ours_stops_nothing(tickdeck_db: str, tick_factory: TickFactory) -> None:
    pool = await open_pool(tickdeck_db, role="writer", size=1)
    async with hearing(tickdeck_db) as heard:
        for payload in ("", "no json", "[]", "{}", '{"x": 1, "t": 2, "bars": [[1]]}', '{"feed": 7}'):
            await pool.execute("select pg_notify('tickdeck_v1', $1)", payload)
        await TickStore(pool).write(tick_factory.batch(10))
        await heard.up_to_now(pool)
        assert len(heard.told) == 1
        assert (heard.connects, heard.losses) == (1, [])
    await pool.close()


async def test_snapshot_sees_exactly_what_was_read(tickdeck_db: str, tick_factory: TickFactory) -> None:
    """Under concurrent commits, the messages a snapshot sees count the very ticks that it read, in new chunks too."""
    writers = await open_pool(tickdeck_db, role="writer", size=5)
    readers = await open_pool(tickdeck_db, role="reader", size=4)
    randomness = random.Random(5)
    days = [START + timedelta(days=number) for number in range(240)]
    batches = [tick_factory.batch(randomness.randrange(1, 40), symbols=["A", "B"], start=day) for day in days]
    reads: list[tuple[Snapshot, int]] = []

    async def write(number: int) -> None:
        for batch in batches[number::4]:
            await TickStore(writers).write(batch)

    async def read() -> None:
        while True:
            async with snapshot(readers) as (connection, seen):
                reads.append((seen, await connection.fetchval("select count(*) from ticks")))

    async with (
        writers,
        readers,
        hearing(tickdeck_db) as heard,
        writers.acquire() as slow,
        slow.transaction(),
    ):
        await slow.fetchval("select pg_current_xact_id()::text")  # in progress in every snapshot
        reading = [asyncio.create_task(read()) for _ in range(4)]
        await asyncio.gather(*(write(number) for number in range(4)))
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        await heard.up_to_now(writers)

    told = [
        (message.xid, sum(bar.candle.trades for bar in message.bars))
        for message in heard.told
        if isinstance(message, Bars)
    ]
    assert sum(trades for _, trades in told) == sum(map(len, batches))
    assert len({count for _, count in reads}) > 10
    assert any(seen.in_progress for seen, _ in reads)
    for seen, count in reads:
        assert count == sum(trades for xid, trades in told if seen.sees(xid))


def test_snapshot_by_the_book() -> None:
    """As in PostgreSQL's manual: 10:20:10,14,15."""
    seen = Snapshot.parse("10:20:10,14,15")
    assert [xid for xid in range(8, 22) if seen.sees(xid)] == [8, 9, 11, 12, 13, 16, 17, 18, 19]
    assert Snapshot.parse("7:7:").sees(6)
    with pytest.raises(DatabaseError, match="not a snapshot"):
        Snapshot.parse("nonsense")


async def test_feeds_say_how_they_are(tickdeck_db: str) -> None:
    pool = await open_pool(tickdeck_db, role="writer", size=1)
    await report_feed(pool, "walk", kind="walk", state="running", starting=True)
    (first,) = await list_feeds(pool)
    await report_feed(pool, "walk", kind="walk", state="failed", detail="d" * 9000, stored=5, rejected=2)
    (last,) = await list_feeds(pool)
    assert (last.state, last.stored, last.rejected) == ("failed", 5, 2)
    assert last.started_at == first.started_at < last.seen_at
    assert last.silent_s >= 0
    with pytest.raises(DatabaseError, match="cannot report feed 'walk'"):
        await report_feed(pool, "walk", kind="walk", state="lost")  # type: ignore[arg-type]
    await pool.close()


async def test_a_wrong_address_fails_at_once_and_clearly(tickdeck_db: str) -> None:
    with pytest.raises(DatabaseUnavailableError, match="cannot connect"):
        await open_pool("postgresql://nobody@127.0.0.1:1/none", role="reader")
    with pytest.raises(ConfigurationError):
        await open_pool("mysql://nobody@127.0.0.1/none", role="reader")
    await asyncio.to_thread(downgrade, tickdeck_db, "base")
    pool = await open_pool(tickdeck_db, role="writer", size=1)
    with pytest.raises(SchemaError, match="tickdeck db migrate"):
        await list_feeds(pool)
    await pool.close()
