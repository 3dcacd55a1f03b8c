"""Compressed or not, ticks are read, replayed, written and refused alike; where the edition cannot, it says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest

from app.live.replay import Player
from app.live.replay_clock import Position
from app.testing.servers import TimescaleServer
from db import compression
from db.candles import read_candles
from db.market import INTERVALS, TickBatch
from db.pool import Pool, open_pool
from db.replay_reads import instruments_of
from db.ticks import TickStore
from db.ticks_read import read_ticks
from db.verify import verify
from tests.reference import Tick
from tests.replaying import (
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

Ticks = dict[str, list[Tick]]


@pytest.fixture
def old_ticks(tickdeck_db: str, timescale: TimescaleServer) -> Ticks:
    """A stored market of March 2024, all its chunks of ticks compressed by the policy where the server can."""
    ticks = made_up_ticks()
    store(tickdeck_db, ticks)
    sentence = compression.apply(tickdeck_db, 7)
    with psycopg.connect(tickdeck_db, autocommit=True) as connection:
        if timescale.edition != "timescale":
            assert "needs the columnstore of TimescaleDB's Community edition" in sentence
            return ticks
        row = connection.execute(
            "select job_id from timescaledb_information.jobs where hypertable_name = 'ticks'"
        ).fetchone()
        assert row is not None
        connection.execute(f"call run_job({row[0]})".encode())
        assert compressed(connection) == (True, True)
    return ticks


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
    for symbol, interval in zip(["NYSE", "DELHI"] * 4, INTERVALS, strict=True):
        await player.chart(player.state.open_chart(symbol, interval))
    player.state.open_tape("NYSE")
    await player.tapes(["NYSE"])
    within = [place for place in places(old_ticks) if START_US <= place.time_us <= END_US]
    for place in within[:: len(within) // 10]:
        await player.seek(place)
        assert_shows(player.state, old_ticks, place)
    await player.seek(START_US)
    player.set_speed(1000)
    await player.play()
    while player.position < Position.at(END_US - 1) and player.status == "playing":
        seconds.now += 20
        while player.clock.playing and player.position < Position.at(player.clock.now_us()):
            await player._pump()
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
