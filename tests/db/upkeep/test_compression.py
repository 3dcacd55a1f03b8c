"""Compressed or not, ticks are read, replayed, written and refused alike; where the edition cannot, it says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import cycle

import psycopg
import pytest

from tests.flow import assert_same, plain_fold
from tests.reference import Tick
from tests.replaying import (
    DAY_US,
    END_US,
    START_US,
    ZONES,
    Seconds,
    assert_shows,
    expected_candles,
    made_up_ticks,
    places,
    store,
)
from tickdeck.app.replay.clock import Position
from tickdeck.app.replay.player import Player
from tickdeck.db.candles.build import build_candles
from tickdeck.db.candles.read import read_candles
from tickdeck.db.candles.verify import verify
from tickdeck.db.market.corrections import Correction
from tickdeck.db.market.types import INTERVALS, TickBatch
from tickdeck.db.migrate import downgrade, upgrade
from tickdeck.db.orderflow import OrderFlowBuilder, read_cells
from tickdeck.db.replay_reads import instruments_of
from tickdeck.db.session import Pool, open_pool
from tickdeck.db.ticks.corrections import restate_ticks
from tickdeck.db.ticks.read import read_ticks
from tickdeck.db.ticks.store import TickStore
from tickdeck.db.upkeep import compression
from tickdeck.db.upkeep.schema import described
from tickdeck.testing.servers import TimescaleServer

Ticks = dict[str, list[Tick]]


@pytest.fixture
def old_ticks(tickdeck_db: str, timescale: TimescaleServer) -> Ticks:
    """A stored market of March 2024, all its chunks of ticks compressed by the policy where the server can."""
    ticks = made_up_ticks()
    store(tickdeck_db, ticks)
    compress(tickdeck_db, timescale)
    return ticks


def compress(url: str, timescale: TimescaleServer) -> None:
    """Have the policy compress the stored ticks, all of them old, where the server can."""
    sentence = compression.apply(url, 7)
    if timescale.edition != "timescale":
        assert "needs the columnstore of TimescaleDB's Community edition" in sentence
        return
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "select job_id from timescaledb_information.jobs where hypertable_name = 'ticks'"
        ).fetchone()
        assert row is not None
        connection.execute(f"call run_job({row[0]})".encode())
        assert compressed(connection) == (True, True)


def compressed(connection: psycopg.Connection) -> tuple[bool, bool]:
    """Whether any, and whether all, chunks of ticks are compressed."""
    rows = connection.execute(
        "select is_compressed from timescaledb_information.chunks where hypertable_name = 'ticks'"
    ).fetchall()
    return any(row[0] for row in rows), all(row[0] for row in rows)


@pytest.fixture
async def pool(tickdeck_db: str) -> AsyncIterator[Pool]:
    pool = await open_pool(tickdeck_db, role="reader", size=4)
    yield pool
    await pool.close()


async def test_candles_of_every_interval_are_a_fold_of_the_ticks(old_ticks: Ticks, pool: Pool) -> None:
    for symbol, rows in old_ticks.items():
        for interval in INTERVALS:
            wanted = expected_candles(rows, interval, ZONES[symbol][1])
            assert await read_candles(pool, symbol, interval) == wanted, (symbol, interval)
    assert await verify(pool) == []


async def test_a_replay_shows_what_the_ticks_make(old_ticks: Ticks, pool: Pool) -> None:
    seconds = Seconds()
    player = Player(
        pool, await instruments_of(pool, sorted(ZONES)), START_US, END_US, monotonic=seconds, block_ticks=64
    )
    await player.open()
    for symbol, interval in zip(cycle(["NYSE", "DELHI"]), INTERVALS, strict=False):
        await player.read_chart(player.state.open_chart(symbol, interval))
    player.state.open_tape("NYSE")
    await player.read_tapes(["NYSE"])
    within = [place for place in places(old_ticks) if START_US <= place.time_us <= END_US]
    for place in within[:: len(within) // 4]:
        await player.seek(place)
        assert_shows(player.state, old_ticks, place)
    await player.seek(START_US)
    player.set_speed(1000)
    await player.play()
    while player.position < Position.at(END_US - 1) and player.status == "playing":
        seconds.now += 40
        while player.clock.playing and player.position < Position.at(player.clock.now_us()):
            await player._play_on()
        assert_shows(player.state, old_ticks, player.position)
    await player.close()


async def test_what_is_stored_is_known_and_late_ticks_count(
    old_ticks: Ticks, pool: Pool, tickdeck_db: str
) -> None:
    everything = await read_ticks(pool, sorted(ZONES), START_US, END_US, limit=100_000)
    writer = await open_pool(tickdeck_db, role="writer", size=2)
    try:
        again = await TickStore(writer).write(everything)
        assert (again.stored, again.already, again.rejects) == (0, len(everything), ())
        other = replace(everything.take(slice(0, 1)), price=everything.price[:1] + 1)
        (reject,) = (await TickStore(writer).write(other)).rejects
        assert "stored already with other values" in reject.reason
        late = moved(everything.take(slice(0, 1)), seq=-5)
        assert (await TickStore(writer).write(late)).stored == 1
    finally:
        await writer.close()
    symbol = str(late.symbol[0])
    tick = Tick(int(late.time_us[0]), -5, float(late.price[0]), float(late.size[0]))
    rows = sorted([*old_ticks[symbol], tick], key=lambda t: (t.time_us, t.seq))
    for interval in INTERVALS:
        wanted = expected_candles(rows, interval, ZONES[symbol][1])
        assert await read_candles(pool, symbol, interval) == wanted, interval
    assert await verify(pool) == []


async def test_the_setting_can_be_taken_back(
    old_ticks: Ticks, tickdeck_db: str, timescale: TimescaleServer
) -> None:
    taken_back = await asyncio.to_thread(compression.apply, tickdeck_db, None)
    if timescale.edition != "timescale":
        assert taken_back == "ticks are not compressed"
        return
    assert taken_back == "no more ticks are compressed; those that are stay so"
    assert compression.apply(tickdeck_db, None) == "ticks are not compressed"
    assert compression.apply(tickdeck_db, 3) == compression.apply(tickdeck_db, 3)


def moved(batch: TickBatch, *, seq: int) -> TickBatch:
    return replace(batch, seq=batch.seq * 0 + seq)


def test_migrations_there_and_back_over_old_ticks(old_ticks: Ticks, tickdeck_db: str) -> None:
    """Constraints and columns come and go on chunks that are compressed too: no tick or candle is another afterwards."""
    ticks = "select time, symbol, seq, price, size, bid, ask from ticks order by symbol, time, seq"
    candles = "select * from candles order by symbol, interval, bucket"
    symbol = min(old_ticks)
    with psycopg.connect(tickdeck_db, autocommit=True) as connection:
        connection.execute("update ticks set side = -1 where symbol = %s and seq %% 2 = 0", (symbol,))
        objects, was_compressed = described(connection), compressed(connection)
        before = [connection.execute(query.encode()).fetchall() for query in (ticks, candles)]
    downgrade(tickdeck_db, "0005")
    upgrade(tickdeck_db)
    with psycopg.connect(tickdeck_db, autocommit=True) as connection:
        assert (described(connection), compressed(connection)) == (objects, was_compressed)
        assert [connection.execute(query.encode()).fetchall() for query in (ticks, candles)] == before
        assert connection.execute("select count(side) from ticks").fetchone() == (0,)


@pytest.mark.parametrize("revision", ["0001", "0011"])
async def test_an_older_database_comes_up_with_all_it_has(
    revision: str, tickdeck_db: str, timescale: TimescaleServer
) -> None:
    """Ticks that an older version stored and compressed make the candles and the order flow that a plain fold makes."""
    ticks = made_up_ticks(1_000)
    await asyncio.to_thread(downgrade, tickdeck_db, revision)
    store(tickdeck_db, ticks)
    compress(tickdeck_db, timescale)
    await asyncio.to_thread(upgrade, tickdeck_db)
    with psycopg.connect(tickdeck_db, autocommit=True) as connection:
        assert compressed(connection)[1] is (timescale.edition == "timescale")
    pool = await open_pool(tickdeck_db, role="writer", size=2)
    try:
        for built in (False, True):
            for symbol, rows in ticks.items():
                for interval in INTERVALS:
                    wanted = expected_candles(rows, interval, ZONES[symbol][1])
                    assert await read_candles(pool, symbol, interval) == wanted, (symbol, interval)
                flow = plain_fold(
                    [(t.time_us, t.seq, t.price, t.size, t.bid, t.ask, t.updates, None) for t in rows]
                )
                found = await read_cells(pool, symbol, 0, END_US + DAY_US)
                assert_same(found, flow[0])
                assert found.sides == flow[1]
            assert await verify(pool) == []
            stored = await read_ticks(pool, sorted(ZONES), 0, END_US + DAY_US, limit=100_000)
            again = await TickStore(pool).write(stored)
            assert (again.stored, again.already) == (0, sum(map(len, ticks.values())))
            if not built:
                while await build_candles(pool, most=500):
                    pass
                assert await OrderFlowBuilder(pool).drain()
    finally:
        await pool.close()


async def test_old_ticks_are_corrected_and_cancelled(old_ticks: Ticks, pool: Pool, tickdeck_db: str) -> None:
    symbol = min(old_ticks)
    gone, other, *left = sorted(old_ticks[symbol], key=lambda tick: (tick.time_us, tick.seq))
    writer = await open_pool(tickdeck_db, role="writer", size=1)
    try:
        done = await restate_ticks(
            writer,
            [
                Correction(symbol=symbol, time_us=gone.time_us, seq=gone.seq, kind="cancel"),
                Correction(
                    symbol=symbol, time_us=other.time_us, seq=other.seq, kind="correct", price=other.price + 5
                ),
            ],
            actor="test",
        )
        assert (done.done, done.rejects) == (2, ())
    finally:
        await writer.close()
    rows = [replace(other, price=other.price + 5), *left]
    for interval in INTERVALS:
        wanted = expected_candles(rows, interval, ZONES[symbol][1])
        assert await read_candles(pool, symbol, interval) == wanted, interval
    assert await verify(pool) == []
