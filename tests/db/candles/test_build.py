"""The builder leaves nothing stale, keeps out of the writers' way, and `verify` finds what is wrong."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest
from structlog.testing import capture_logs

from tests.reference import MINUTE, Tick, store, utc
from tickdeck.db.candles import watch as watch_module
from tickdeck.db.candles.build import Builder, build_candles
from tickdeck.db.candles.read import read_candles
from tickdeck.db.candles.repair import repair, verify_and_repair
from tickdeck.db.candles.verify import Difference, verify
from tickdeck.db.candles.watch import CandleWatch
from tickdeck.db.market.types import INTERVALS
from tickdeck.db.quotes import read_quotes
from tickdeck.db.session import Pool, open_pool

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
        " generate_series(timestamptz '2024-01-01 00:00+00', '2024-02-20 00:00+00', '10 minutes') t"
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
            async with asyncio.timeout(60):
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


@pytest.mark.parametrize("interval", ["1m", "5m", "15m", "1h", "1d"])
@pytest.mark.fault("a candle is not what its ticks fold to (a hand in the tables, a damaged disk)")
async def test_what_differs_is_folded_again_and_listeners_are_told(
    tickdeck_db: str, pool: Pool, owner: asyncpg.Connection, interval: str
) -> None:
    await store(owner, "A", some_ticks(300, 1))
    await Builder(pool).drain()
    before = [await read_candles(pool, "A", each) for each in INTERVALS]
    wrong = "where symbol = 'A' and interval = $1"
    await owner.execute(f"update candles set high = high + 1, volume = volume + 1 {wrong}", interval)
    await owner.execute(
        f"delete from candles {wrong} and bucket = (select max(bucket) from candles {wrong})", interval
    )
    told: list[str] = []
    await owner.add_listener("tickdeck_v2", lambda *said: told.append(said[-1]))
    found: list[Difference] = []
    writer = await open_pool(tickdeck_db, role="writer", size=1)
    try:
        assert await verify_and_repair(pool, writer, actor="me", found=found.append) == []
    finally:
        await writer.close()
    assert interval in {each.interval for each in found}
    assert await verify(pool) == []  # also before anything is built anew
    assert [await read_candles(pool, "A", each) for each in INTERVALS] == before
    await Builder(pool).drain()
    assert await verify(pool) == []
    assert [await read_candles(pool, "A", each) for each in INTERVALS] == before
    await owner.fetchval("select 1")
    assert '"restated":["A"]' in told[0]
    assert (
        await owner.fetchval("select actor from audit_log where event = 'candles_repaired' limit 1") == "me"
    )


async def test_a_candle_whose_ticks_are_gone_is_not_repaired_away(
    pool: Pool, owner: asyncpg.Connection
) -> None:
    await store(owner, "A", [Tick(BASE, 1, 5.0, 1.0)])
    before = await read_candles(pool, "A", "1m")
    # As retention does, between the look and the repair.
    await owner.execute("insert into dropped_ticks values ('2024-03-09 00:00+00', '2024-03-10 00:00+00')")
    await owner.execute("delete from ticks")
    (found,) = await verify(pool)
    await repair(owner, [found], actor="me")
    assert await read_candles(pool, "A", "1m") == before


@pytest.mark.fault(
    "a candle is not what its ticks fold to (a hand in the tables, a damaged disk)",
    "log, `/healthz`, metrics and status line say so; `tickdeck verify --repair` folds it again",
    within="half an hour",
)
async def test_the_last_hours_are_watched_and_trouble_is_said_once(
    pool: Pool, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "_PAUSE", 0)  # nobody else is to feel it here
    await owner.execute(
        "insert into ticks (time, symbol, price) select now() - n * interval '1 minute', 'A', 5"
        " from generate_series(0, 90) n"
    )
    await store(owner, "A", some_ticks(20, 1))
    told: list[Sequence[Difference]] = []
    watch = CandleWatch(pool, told.append, hours=1, every_s=60)
    assert await watch.look() == []
    old = await owner.fetchval("select min(bucket) from candles where interval = '1m'")
    new = await owner.fetchval(
        "select max(bucket) from candles where interval = '1m' and bucket < now() - interval '5 min'"
    )
    spoil = "update candles set high = high + 1 where interval = '1m' and bucket = $1"
    await owner.execute(spoil, old)
    assert await watch.look() == []  # not of these hours
    await owner.execute(spoil, new)
    with capture_logs() as logs:
        (found,) = await watch.look()
        assert await watch.look() == [found]
        await repair(owner, [found], actor="me")
        assert await watch.look() == []
    assert (found.interval, found.time_us) == ("1m", int(new.timestamp()) * 1_000_000)
    assert [each["event"] for each in logs] == ["candles_differ", "candles_right_again"]
    assert [len(each) for each in told] == [0, 0, 1, 1, 0]
