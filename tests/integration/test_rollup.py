"""The builder leaves nothing stale, keeps out of the writers' way, and `verify` finds what is wrong."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest

from db.candles import read_candles
from db.market import INTERVALS
from db.pool import Pool, open_pool
from db.quotes import read_quotes
from db.rollup import Builder, build_candles
from db.verify import verify
from tests.reference import MINUTE, Tick, store, utc

BASE = utc("2024-03-09T20:00")


@pytest.fixture
async def pool(tickdeck_db: str) -> AsyncIterator[Pool]:
    pool = await open_pool(tickdeck_db, role="reader")
    yield pool
    await pool.close()


@pytest.fixture
async def owner(tickdeck_db: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(tickdeck_db)
    yield connection
    await connection.close()


def some_ticks(count: int, seed: int) -> list[Tick]:
    chance = random.Random(seed)
    return [
        Tick(BASE + chance.randrange(40 * 60 * MINUTE), seed * count + n, chance.randrange(99, 103), 7.0)
        for n in range(count)
    ]


async def stale_hours(owner: asyncpg.Connection) -> int:
    hours: int = await owner.fetchval("select count(*) from stale_hours")
    return hours


async def test_the_builder_drains_what_is_stale(pool: Pool, owner: asyncpg.Connection) -> None:
    await store(owner, "A", some_ticks(500, 1))
    assert await build_candles(pool, most=3) == 3
    builder = Builder(pool)
    left = await stale_hours(owner)
    assert left > 3
    assert await builder.drain() == left
    assert await stale_hours(owner) == 0
    assert await build_candles(pool) == 0
    assert await owner.fetchval("select count(*) from candles where interval = '1h'") == left + 3
    assert await verify(pool) == []


async def test_what_a_turn_reads_does_not_grow_with_what_is_stored(owner: asyncpg.Connection) -> None:
    await owner.execute(
        "insert into ticks (time, symbol, price) select t, symbol, 5"
        " from unnest('{A,B,C}'::text[]) symbol,"
        " generate_series(timestamptz '2024-01-01 00:00+00', '2024-06-01 00:00+00', '10 minutes') t"
    )
    async with owner.transaction():
        before = await rows_read(owner)
        assert await owner.fetchval("select tickdeck_build_candles_v1(12)") == 12
        read = await rows_read(owner) - before
    hours = await owner.fetch("select symbol, bucket from candles where interval = '1h'")
    assert len(hours) == 12
    # Of each hour six minutes, as many of 5 and four of 15; and at the most the 24 hours of its one or two days.
    assert 12 * 16 <= read <= 12 * (16 + 2 * 24)


async def rows_read(owner: asyncpg.Connection) -> int:
    """How many rows of candles this transaction has read, by scans of tables and of indexes."""
    rows: int = await owner.fetchval(
        "select sum(pg_stat_get_xact_tuples_returned(each) + pg_stat_get_xact_tuples_fetched(each))::bigint"
        " from (select format('%I.%I', chunk_schema, chunk_name)::regclass as chunk"
        "       from timescaledb_information.chunks where hypertable_name = 'candles') chunks,"
        " lateral (select chunk union all select indexrelid from pg_index where indrelid = chunk) parts (each)"
    )
    return rows


async def test_a_running_builder_takes_what_came_late(pool: Pool, owner: asyncpg.Connection) -> None:
    builder = Builder(pool, every_s=0.01)
    running = asyncio.create_task(builder.run())
    try:
        for seed in (1, 2):
            await store(owner, "A", some_ticks(50, seed))
            async with asyncio.timeout(20):
                while await stale_hours(owner):  # noqa: ASYNC110 - what the server holds sets no event
                    await asyncio.sleep(0.01)
        assert await verify(pool) == []
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_writers_in_the_way_are_let_through(pool: Pool, owner: asyncpg.Connection) -> None:
    await store(owner, "A", some_ticks(5, 1))
    async with owner.transaction():
        await store(owner, "A", some_ticks(5, 2))
        assert await build_candles(pool) is None
    assert await build_candles(pool) != 0


async def test_building_beside_writers_leaves_every_interval_right(
    tickdeck_db: str, pool: Pool, owner: asyncpg.Connection
) -> None:
    async def write(symbol: str, seed: int) -> None:
        connection = await asyncpg.connect(tickdeck_db)
        try:
            for turn in range(12):
                await store(connection, symbol, some_ticks(40, 100 * seed + turn))
        finally:
            await connection.close()

    builder = Builder(pool, every_s=0.01)
    running = asyncio.create_task(builder.run())
    try:
        await asyncio.gather(write("A", 1), write("A", 2), write("B", 3))
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert await verify(pool) == []
    before = [await read_candles(pool, symbol, each) for symbol in ("A", "B") for each in INTERVALS]
    quotes = await read_quotes(pool)
    await builder.drain()
    assert await verify(pool) == []
    after = [await read_candles(pool, symbol, each) for symbol in ("A", "B") for each in INTERVALS]
    assert after == before  # whole prices and sizes: the sums are exact in any order
    assert await read_quotes(pool) == quotes


@pytest.mark.parametrize("interval", ["1m", "5m", "15m", "1h", "1d"])
async def test_verify_names_the_candles_that_are_wrong(
    pool: Pool, owner: asyncpg.Connection, interval: str
) -> None:
    await store(owner, "A", some_ticks(300, 1))
    await store(owner, "B", some_ticks(300, 2))
    await Builder(pool).drain()
    bucket = await owner.fetchval(
        "select max(bucket) from candles where symbol = 'A' and interval = $1", interval
    )
    wrong = "where symbol = 'A' and interval = $1 and bucket = $2"
    await owner.execute(f"update candles set high = high + 1, volume = volume + 1 {wrong}", interval, bucket)
    (found,) = [each for each in await verify(pool) if each.interval == interval]
    assert (found.symbol, found.time_us) == ("A", int(bucket.timestamp()) * 1_000_000)
    assert found.stored is not None
    assert found.folded is not None
    assert found.stored["high"] == found.folded["high"] + 1

    await owner.execute(f"delete from candles {wrong}", interval, bucket)
    (found,) = [each for each in await verify(pool) if each.interval == interval]
    assert found.stored is None
    assert found.folded is not None
