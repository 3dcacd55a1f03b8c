"""Whatever reads ticks says the same after their days were archived as before."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from tests.reference import utc
from tickdeck.app.replay.clock import Position
from tickdeck.app.replay.reader import ReplayReader
from tickdeck.db.archive.move import archive_days
from tickdeck.db.candles.bars import read_bars
from tickdeck.db.candles.build import build_candles
from tickdeck.db.candles.read import read_candles, read_candles_at
from tickdeck.db.feed_gaps import last_ticks
from tickdeck.db.market.bar_types import BarType, parse_chart_interval
from tickdeck.db.market.flowfold import FlowFold
from tickdeck.db.market.orderflow import FlowCells
from tickdeck.db.market.types import DAY_US, HOUR_US, MAX_SEQ, MINUTE_US, Candle, TickBatch, from_us
from tickdeck.db.orderflow import read_cells, read_flow, read_prints
from tickdeck.db.quotes import read_quotes
from tickdeck.db.replay_reads import (
    first_tick,
    place_before,
    read_ticks_before,
    symbols_with_ticks,
    tick_chunks,
)
from tickdeck.db.session import Pool, open_pool, reading
from tickdeck.db.tick_columns import tick_column_pages
from tickdeck.db.ticks.read import read_ticks, tape, tick_pages

DAY = utc("2024-03-04T00:00")
"""A Monday; ticks are on it, and on the day after."""
NOON = DAY + 12 * HOUR_US
SYMBOLS = ["A", "B/C"]
THIRTY = BarType("tick", 30.0, "30t")
COLUMNS = "time, symbol, seq, price, size, bid, ask, exchange, conditions, updates, side"


def made_up(seed: int = 3) -> Iterator[tuple[Any, ...]]:
    """Ticks of two symbols, some at one time, with every kind of value and null, over midnight."""
    dice = random.Random(seed)
    price = 100.0
    for day in (0, 1):
        now = DAY + day * DAY_US + (23 * HOUR_US if day == 0 else 0)
        for seq in range(900):
            now += dice.choice([0, 1, 300_000, 2_000_000, 9_000_000])
            price = round(price + dice.choice([-0.01, 0, 0, 0.01]), 2)
            quoted = dice.random() < 0.5
            yield (
                from_us(min(now, DAY + (day + 1) * DAY_US - 1)), SYMBOLS[seq % 3 == 0], seq + 10_000 * day, price,
                float(dice.randrange(0, 900)), price - 0.01 if quoted else None, price + 0.01 if quoted else None,
                dice.choice(["N", "Q", None]), dice.choice([None, "", "@ T", '"quoted", 1']),
                dice.choice([None, None, 7, 4, 3, 0, 6, 1]), dice.choice([None, 1, -1]),
            )  # fmt: skip


@pytest.fixture
def stored(tickdeck_db: str) -> str:
    with psycopg.connect(tickdeck_db) as connection:
        places = ", ".join(["%s"] * 11)
        connection.cursor().executemany(f"insert into ticks ({COLUMNS}) values ({places})", list(made_up()))
    return tickdeck_db


def plain(value: Any) -> Any:
    """Something that `==` compares, whatever a read returns; NaN is None."""
    if isinstance(value, TickBatch | FlowCells):
        if isinstance(value, FlowCells):
            value = value.take(np.lexsort((value.price, value.minute_us)))
        return [plain(getattr(value, each.name)) for each in fields(value)]
    if isinstance(value, np.ndarray):
        return [None if isinstance(each, float) and math.isnan(each) else each for each in value.tolist()]
    if isinstance(value, Candle):  # sums of floats depend on the order in which the server adds them up
        return replace(value, turnover=round(value.turnover, 6))
    if isinstance(value, FlowFold):
        return value.cells, value.sides, value.position
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


async def everything(pool: Pool) -> dict[str, Any]:
    """What each way to read ticks says, over ranges that lie in a day, begin in one and end in the other, and have none."""
    found: dict[str, Any] = {}
    middle = DAY + DAY_US + 10 * MINUTE_US
    ranges = [
        (DAY, DAY + 2 * DAY_US),
        (DAY + 23 * HOUR_US + 1, DAY + DAY_US - 1),
        (middle, middle + HOUR_US),
        (NOON, NOON + 1),
    ]
    found["tape"] = await tape(pool, SYMBOLS, 50)
    found["last"] = await last_ticks(pool, SYMBOLS)
    found["quotes"] = await read_quotes(pool)
    found["bars of ticks"] = await read_candles(pool, "A", parse_chart_interval("50t"), limit=30)
    for number, (low, high) in enumerate(ranges):
        found[f"pages {number}"] = [page async for page in tick_pages(pool, SYMBOLS, low, high, limit=70)]
        found[f"all {number}"] = await read_ticks(pool, SYMBOLS[:1], low, high, limit=10_000)
        found[f"seconds {number}"] = await read_candles(pool, "A", "5s", start_us=low, end_us=high, limit=400)
        found[f"has {number}"] = await symbols_with_ticks(pool, SYMBOLS, low, high)
        found[f"flow {number}"] = await read_cells(pool, "A", low, high)
        found[f"flow at {number}"] = await read_cells(pool, "A", low, high, at=(high - 5 * MINUTE_US, 700))
        async with reading(pool) as connection:
            found[f"columns {number}"] = [
                page async for page in tick_column_pages(connection, "A", low, high)
            ]
            found[f"prints {number}"] = await read_prints(connection, "A", low, high, share=0.9)
            found[f"bars {number}"] = (
                await read_bars(connection, "A", THIRTY, low_us=low, high_us=high)
            ).bars
    for place in ((middle, 10_100), (DAY + DAY_US, 0), (DAY + 23 * HOUR_US + 20 * MINUTE_US, MAX_SEQ)):
        found[f"quotes at {place}"] = await read_quotes(pool, SYMBOLS, at=place)
        found[f"tape at {place}"] = await read_ticks_before(pool, "A", place, 40)
        found[f"place {place}"] = await place_before(pool, SYMBOLS, place, 30, start_us=DAY)
        for interval in ("1s", "1m", "1h"):
            found[f"{interval} at {place}"] = await read_candles_at(
                pool, "A", interval, at=place, limit=100, unpriced=True
            )
        async with reading(pool) as connection:
            found[f"first {place}"] = await first_tick(
                connection, "A", place, (place[0] + HOUR_US, 0), 100.02, None
            )
            found[f"flow until {place}"] = await read_flow(connection, "A", at=place)
    replay = ReplayReader(pool, SYMBOLS, DAY, DAY + 2 * DAY_US - 1)
    await replay.check()
    blocks = []
    after = Position(DAY - 1, MAX_SEQ)
    while len(block := await replay.block(after, 200)):
        blocks.append(block)
        after = Position(int(block.time_us[-1]), int(block.seq[-1]))
    found["replay"] = blocks
    found["kept"] = await tick_chunks(pool, DAY, DAY + 2 * DAY_US)
    return {name: plain(value) for name, value in found.items()}


@pytest.mark.parametrize("archived", ["all", "the first day"])
async def test_every_read_is_the_same_after_archiving(
    stored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archived: str
) -> None:
    monkeypatch.setenv("TICKDECK_ARCHIVE_DIR", str(tmp_path))
    pool = await open_pool(stored, role="reader", size=2)
    try:
        while await build_candles(pool, most=500):
            pass
        before = await everything(pool)
        now = from_us(DAY) + timedelta(days=2 if archived == "the first day" else 3)
        done = await asyncio.to_thread(archive_days, stored, tmp_path, 1, now=now)
        assert (done.days, done.in_use) == ((2, 0) if archived == "the first day" else (4, 0))
        after = await everything(pool)
    finally:
        await pool.close()
    assert [name for name, value in before.items() if after[name] != value] == []
