"""`tickdeck bench replay`: ticks/s as fast as possible, seek times, pacing, and replays beside the live market."""

from __future__ import annotations

import asyncio
import math
import random
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from bench.ingest.ticks import real_day
from bench.machine import machine
from bench.replay.live import beside_live, spread
from bench.report import Row, report
from bench.scratch import scratch_database
from tickdeck.app.replay.clock import Position
from tickdeck.app.replay.opening import ReplayRequest, open_replay
from tickdeck.app.replay.player import Player
from tickdeck.app.replay.reader import ReplayReader
from tickdeck.app.replay.ticks import BLOCK_TICKS
from tickdeck.db.candles.build import build_candles
from tickdeck.db.instruments import upsert_instruments
from tickdeck.db.market.types import Instrument, Interval, TickBatch, concat, to_us
from tickdeck.db.session import Pool, open_pool
from tickdeck.db.ticks.store import TickStore

SYMBOLS: Final = ("AIG", "BAC", "IBM", "SPY")
DAY: Final = date(2013, 10, 7)
OPEN_US: Final = to_us(datetime(2013, 10, 7, 13, 30, tzinfo=UTC))
REAL_TICKS: Final = 388_417
MADE_UP_TICKS: Final = 100_000
YEAR_TICKS_A_DAY: Final = 1_000
SEEKS: Final = 30
PACED_S: Final = 8.0


def run(url: str, *, as_json: bool, day: Path | None = None, year: bool = True) -> list[Row]:
    """Measure on the server at `url`, in a database that is dropped again; print and return the rows.

    `day`: a file of real trades, else made-up ones; `year`: 252 days of made-up ticks before it as well.
    """
    with scratch_database(url) as scratch:
        facts = machine(scratch)
        rows = asyncio.run(_measure(scratch, day, year=year))
    report("replay", facts, rows, as_json=as_json)
    return rows


async def _measure(url: str, day: Path | None, *, year: bool) -> list[Row]:
    writer = await open_pool(url, role="writer", size=2, statement_timeout_s=120)
    pool = await open_pool(url, role="reader", size=8)
    try:
        await upsert_instruments(
            writer, [Instrument(s, exchange="XNYS", timezone="America/New_York") for s in SYMBOLS]
        )
        ticks = _day_ticks(DAY, MADE_UP_TICKS) if day is None else real_day(day, REAL_TICKS)
        await _store(writer, ticks)
        rows = [await _fast(pool) for _ in range(3)]
        rows += await _seeks(pool, "one day")
        rows += [await _paced(pool, speed) for speed in (1.0, 10.0, 60.0, 100.0)]
        rows += await beside_live(url, pool, writer, list(SYMBOLS), DAY)
        if year:
            days = [DAY - timedelta(days=back) for back in range(365, 0, -1)]
            weekdays = [before for before in days if before.weekday() < 5]
            await _store(writer, concat([_day_ticks(before, YEAR_TICKS_A_DAY) for before in weekdays]))
            rows += await _seeks(pool, "a year")
        return rows
    finally:
        await pool.close()
        await writer.close()


def _day_ticks(day: date, count: int) -> TickBatch:
    """`count` made-up ticks between 04:00 and 20:00 in New York, as a random walk; the same in every run."""
    dice = np.random.default_rng(day.toordinal())
    start_us = to_us(datetime(day.year, day.month, day.day, 9, tzinfo=UTC))
    nothing = np.full(count, np.nan)
    return TickBatch(
        start_us + np.sort(dice.integers(0, 14 * 3_600_000, count)) * 1000,
        np.array(SYMBOLS, dtype=object)[dice.integers(0, len(SYMBOLS), count)],
        np.arange(count, dtype=np.int64),
        np.round(100 + np.cumsum(dice.normal(0, 0.01, count)), 2).clip(1),
        dice.integers(1, 500, count).astype(np.float64),
        nothing,
        nothing,
    )


async def _store(writer: Pool, ticks: TickBatch) -> None:
    store = TickStore(writer)
    for batch in ticks.chunks(10_000):
        await store.write(batch)
    while await build_candles(writer, most=500):
        pass


async def _open(pool: Pool, speed: float, *, at_us: int | None = None) -> Player:
    request = ReplayRequest(list(SYMBOLS), None, None, at_us, speed, DAY, from_open=False)
    return (await open_replay(pool, request)).player


async def _watch(player: Player, interval: Interval) -> None:
    for key in list(player.state.charts):
        player.state.close_chart(*key)
    await player.read_chart(player.state.open_chart("SPY", interval))
    player.state.open_tape("SPY")
    await player.read_tapes(["SPY"])


async def _fast(pool: Pool) -> Row:
    """The whole day with a chart and a tape open, against only reading the same blocks."""
    player = await _open(pool, math.inf)
    await _watch(player, "1m")
    reader = ReplayReader(pool, SYMBOLS, player.clock.start_us, player.clock.end_us)
    began = time.perf_counter()
    after, read = Position(player.clock.start_us, -1), 0
    while len(block := await reader.block(after, BLOCK_TICKS)):
        read += len(block)
        after = Position(int(block.time_us[-1]), int(block.seq[-1]))
    reading_s = time.perf_counter() - began
    ended = asyncio.Event()
    player.on_change = lambda: ended.set() if player.status != "playing" else None
    playing = asyncio.create_task(player.run())
    began = time.perf_counter()
    await player.play()
    await ended.wait()
    took_s = time.perf_counter() - began
    playing.cancel()
    await player.close()
    return {
        "case": "as fast as possible",
        "ticks": read,
        "seconds": took_s,
        "ticks_per_s": player.state.ticks / took_s,
        "baseline": "reading the blocks",
        "ratio": reading_s / took_s,
    }


async def _seeks(pool: Pool, stored: str) -> list[Row]:
    dice = random.Random(5)
    rows = []
    player = await _open(pool, 1.0)
    for interval in ("1s", "1m", "1h", "1d"):
        await _watch(player, interval)
        times = []
        for _ in range(SEEKS):
            target = dice.randrange(player.clock.start_us, player.clock.end_us)
            began = time.perf_counter()
            await player.seek(target)
            times.append((time.perf_counter() - began) * 1000)
        rows.append({"case": f"seek, {interval} chart, {stored} stored", **spread(times)})
    await player.close()
    return rows


async def _paced(pool: Pool, speed: float) -> Row:
    """How late each tick is applied against the clock, in real time; how true the clock is to the wall."""
    player = await _open(pool, speed, at_us=OPEN_US)
    await _watch(player, "1m")
    late: list[float] = []
    playing = asyncio.create_task(player.run())
    await asyncio.sleep(0.5)  # the read-ahead has its first blocks, as on a page before somebody presses play
    began = time.monotonic()

    def applied(batch: TickBatch) -> None:
        due = began + (batch.time_us - OPEN_US) / 1e6 / speed
        late.extend(((time.monotonic() - due) * 1000).tolist())

    player.market.on_ticks = applied
    await player.play()
    await asyncio.sleep(PACED_S)
    wall_s = time.monotonic() - began
    market_s = (player.clock.now_us() - OPEN_US) / 1e6
    playing.cancel()
    await player.close()
    return {
        "case": f"pacing at {speed:g}",
        "ticks": len(late),
        **spread(late),
        "clock_error_percent": 100 * (market_s / speed / wall_s - 1),
    }
