"""Order flow: exactly a plain fold of the ticks, whatever of it is stored already, and at any place in time."""

from __future__ import annotations

import asyncio
import json
import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pytest

from tests.flow import Row, assert_same, plain_fold
from tests.reference import utc
from tickdeck.db import frames
from tickdeck.db.candles.build import build_candles
from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.flowfold import MOST_PRINTS, FlowFold
from tickdeck.db.market.orderflow import FlowCells, footprint_of, profile_of, stepped
from tickdeck.db.market.types import HOUR_US, MAX_SEQ, MINUTE_US, from_us
from tickdeck.db.orderflow import OrderFlowBuilder, read_cells, read_flow, read_prints
from tickdeck.db.session import Pool, open_pool, reading
from tickdeck.db.statements import statement
from tickdeck.db.tick_columns import read_tick_columns

START = utc("2024-03-04T13:40")


def made_up(count: int = 4000, seed: int = 3) -> list[Row]:
    dice = random.Random(seed)
    rows: list[Row] = []
    now, price = START, 100.0
    for seq in range(count):
        now += dice.choice([0, 0, 1, 700_000, 3_000_000, 20_000_000])
        price = round(price + dice.choice([-0.01, 0, 0, 0, 0.01]), 2)
        quoted = dice.random() < 0.3
        bid, ask = (
            (price - dice.choice([0.0, 0.01]), price + dice.choice([0.0, 0.01])) if quoted else (None, None)
        )
        updates = dice.choice([None, None, None, 7, 4, 3, 0, 6, 1])
        side = dice.choice([None, None, None, 1, -1])
        rows.append((now, seq, price, float(dice.randrange(1, 900)), bid, ask, updates, side))
    return rows


def store(url: str, rows: Sequence[Row], symbol: str = "A") -> None:
    columns = "time, symbol, seq, price, size, bid, ask, updates, side"
    with (
        psycopg.connect(url, autocommit=True) as connection,
        connection.cursor().copy(f"copy ticks ({columns}) from stdin".encode()) as copy,
    ):
        for row in rows:
            copy.write_row((from_us(row[0]), symbol, *row[1:]))


async def build(pool: Any) -> int:
    while await build_candles(pool, most=500):
        pass
    return await OrderFlowBuilder(pool).drain()


async def assert_goes_on(pool: Pool, rows: Sequence[Row], at: tuple[int, int]) -> None:
    """What is read at a place, and folded on from there, are the newest cells of a plain fold."""
    async with reading(pool) as connection:
        fold, from_us = await read_flow(connection, "A", at=at)
        before = plain_fold([r for r in rows if r[:2] <= at])[0]
        assert fold.cells == {key: cell for key, cell in before.items() if key[0] >= from_us}
        later = await read_tick_columns(
            connection, "A", from_us, rows[-1][0] + 1, after=fold.position, limit=700
        )
    fold.fold(later)
    whole = plain_fold([r for r in rows if r[:2] <= fold.position])[0]
    oldest_us = max(from_us, fold.oldest_us)
    assert fold.cells == {key: cell for key, cell in whole.items() if key[0] >= oldest_us}


async def test_it_is_a_fold_of_the_ticks_whatever_is_stored_of_it(tickdeck_db: str) -> None:
    rows = made_up()
    late = [rows[1000], rows[2500]]
    first = [row for row in rows if row not in late]
    await asyncio.to_thread(store, tickdeck_db, first)
    pool = await open_pool(tickdeck_db, role="reader", size=2)
    try:
        end = rows[-1][0] + 1
        cells, sides = plain_fold(first)
        found = await read_cells(pool, "A", START, end)
        assert_same(found, cells)
        assert found.sides == sides
        hours = len({row[0] // HOUR_US for row in rows})
        assert await build(pool) == hours
        assert await build(pool) == 0
        found = await read_cells(pool, "A", START, end)
        assert_same(found, cells)
        assert found.sides == sides
        assert await pool.fetchval("select count(*) from order_flow") == len(cells)
        await asyncio.to_thread(
            store, tickdeck_db, late
        )  # the hours of these are folded from the ticks again
        cells, sides = plain_fold(rows)
        assert_same(await read_cells(pool, "A", START, end), cells)
        assert await build(pool) == 2
        found = await read_cells(pool, "A", START, end)
        assert_same(found, cells)
        assert found.sides == sides
        low, high = START + 95 * MINUTE_US, START + 217 * MINUTE_US  # part of hours
        part = {key: value for key, value in cells.items() if low <= key[0] < high}
        assert_same(await read_cells(pool, "A", low, high), part)
        for place in rows[7 :: len(rows) // 9]:  # as a replay asks: nothing after the place is in it
            at = place[0], place[1]
            happened = plain_fold([row for row in rows if row[:2] <= at])[0]
            assert_same(await read_cells(pool, "A", START, end, at=at), happened)
            await assert_goes_on(pool, rows, at)
        assert_same(await read_cells(pool, "A", START, end, at=(START - 1, MAX_SEQ)), {})
        assert len(await read_cells(pool, "NONE", START, end)) == 0
    finally:
        await pool.close()


async def test_it_stays_where_its_ticks_are_dropped_and_says_where_it_never_was(tickdeck_db: str) -> None:
    rows = made_up(1500)
    await asyncio.to_thread(store, tickdeck_db, rows)
    pool = await open_pool(tickdeck_db, role="reader", size=2)
    owner = psycopg.connect(tickdeck_db, autocommit=True)
    try:
        while await build_candles(pool, most=500):
            pass
        end = rows[-1][0] + 1
        middle = (START // HOUR_US + 1) * HOUR_US
        await OrderFlowBuilder(pool).drain(START - HOUR_US, middle)
        owner.execute("delete from ticks")
        assert await OrderFlowBuilder(pool).drain() > 0
        found = await read_cells(pool, "A", START, end)
        assert_same(found, {key: value for key, value in plain_fold(rows)[0].items() if key[0] < middle})
        assert found.missing_us == tuple(range(middle, end, HOUR_US))
    finally:
        owner.close()
        await pool.close()


def test_profiles_have_their_point_of_control_and_value_area() -> None:
    cells = FlowCells.of(
        [
            [0, 10.00, 5, 1, 0, 2], [MINUTE_US, 10.00, 4, 0, 0, 1], [0, 10.01, 3, 20, 1, 5], [0, 10.02, 9, 9, 0, 4],
            [0, 10.03, 0, 2, 0, 1], [0, 10.04, 1, 0, 0, 1],
        ]
    )  # fmt: skip
    made = profile_of(cells)
    assert made.price.tolist() == [10.0, 10.01, 10.02, 10.03, 10.04]
    assert made.volume.tolist() == [10, 24, 18, 2, 1]
    assert made.minutes.tolist() == [2, 1, 1, 1, 1]
    assert made.trades.tolist() == [3, 5, 4, 1, 1]
    assert made.point_of_control == 10.01
    assert made.value_area == (10.01, 10.02)  # 42 of 55 are 76 %
    coarse = profile_of(cells, 0.02)
    assert coarse.price.tolist() == [10.0, 10.02, 10.04]
    assert coarse.volume.tolist() == [34, 20, 1]
    empty = profile_of(FlowCells.of([]))
    assert (len(empty.price), empty.point_of_control, empty.value_area) == (0, None, None)


@pytest.mark.parametrize(
    ("price", "step", "wanted"), [(0.3, 0.1, 0.3), (0.29, 0.1, 0.2), (168.9, 0.05, 168.9), (7, None, 7)]
)
def test_steps_are_as_decimals_are(price: float, step: float | None, wanted: float) -> None:
    assert stepped(np.array([price]), step)[0] == wanted


def test_footprints_have_delta_that_begins_with_each_day() -> None:
    day = utc("2024-03-04T05:00")
    cells = FlowCells.of(
        [
            [day + 25 * HOUR_US, 9, 1, 0, 0, 1], [day - MINUTE_US, 10, 7, 2, 0, 3], [day, 10, 1, 5, 0, 2],
            [day + 4 * MINUTE_US, 11, 0, 0, 3, 1], [day + 5 * MINUTE_US, 11, 2, 0, 0, 1],
        ]
    )  # fmt: skip
    made = footprint_of(cells, "5m", "America/New_York")
    assert [(each.delta, each.cumulative) for each in made] == [(5, 5), (-4, -4), (2, -2), (1, 1)]
    assert [each.time_us for each in made] == [
        day - 5 * MINUTE_US,
        day,
        day + 5 * MINUTE_US,
        day + 25 * HOUR_US,
    ]
    assert made[1].profile.volume.tolist() == [6, 3]


def test_notebooks_get_tables(tickdeck_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = made_up(600)
    store(tickdeck_db, rows)
    monkeypatch.setenv("DATABASE_URL", tickdeck_db)
    cells, sides = plain_fold(rows)
    table = pd.DataFrame(
        [(*key, *values) for key, values in cells.items()],
        columns=["minute", "price", "bought", "sold", "unsided", "trades"],
    )
    wanted = table.groupby("price")[["bought", "sold", "unsided", "trades"]].sum()
    found = frames.profile("A")
    pd.testing.assert_frame_equal(found[["bought", "sold", "unsided", "trades"]], wanted)
    assert found.attrs["point_of_control"] == found["volume"].idxmax()
    assert found.attrs["sides"]["feed"] == sides.feed
    by_candle = frames.footprint("A", "5m")
    table["time"] = pd.to_datetime(table["minute"] // (5 * MINUTE_US) * 5 * MINUTE_US, unit="us", utc=True)
    wanted = table.groupby(["time", "price"])[["bought", "sold", "unsided", "trades"]].sum()
    pd.testing.assert_frame_equal(
        by_candle[["bought", "sold", "unsided", "trades"]], wanted, check_index_type=False
    )
    with pytest.raises(MarketDataError, match="order flow is kept by the minute: 5s is shorter"):
        frames.footprint("A", "5s")


async def test_large_trades_are_those_of_a_fold_tick_by_tick(tickdeck_db: str) -> None:
    rows = made_up()
    await asyncio.to_thread(store, tickdeck_db, rows)
    start, end = rows[0][0], rows[-1][0] + 1
    pool = await open_pool(tickdeck_db, role="reader", size=1)
    try:
        async with reading(pool) as connection:
            ticks = await read_tick_columns(connection, "A", start, end)
            fold = FlowFold(hours=10_000)
            fold.fold(ticks)
            kept = [each for heap in fold.prints.values() for each in heap]
            assert all(len(heap) <= MOST_PRINTS for heap in fold.prints.values())
            wanted = sorted((at, seq, price, size, by) for size, at, seq, price, by in kept if size >= 860)
            assert len(wanted) > 50
            assert {by for *_, by in wanted} == {-1, 1} or {by for *_, by in wanted} == {-1, 0, 1}
            found = await read_prints(connection, "A", start, end, least=860, limit=2_000)
            assert [tuple(each) for each in found.prints] == wanted
            assert found.least == 860
            few = await read_prints(connection, "A", start, end, least=0, limit=7)
            assert min(each.size for each in few.prints) >= sorted(size for size, *_ in kept)[-7]
            middle = rows[len(rows) // 2]
            until = await read_prints(connection, "A", start, end, least=860, at=middle[:2])
            assert [tuple(each) for each in until.prints] == [
                each for each in wanted if each[:2] <= middle[:2]
            ]
            sizes = sorted(row[3] for row in rows if row[6] is None or (row[6] & 4 and row[6] & 3))
            share = await read_prints(connection, "A", start, end, share=0.99, limit=2_000)
            assert share.least == sizes[math.ceil(0.99 * len(sizes)) - 1]
            assert (await read_prints(connection, "A", end, end)).prints == []
    finally:
        await pool.close()


async def test_how_large_a_large_trade_is_is_found_out_once(tickdeck_db: str) -> None:
    """Of ticks that came since the chunk was last analysed, too: there the planner expects a single row."""
    rows = made_up(600)
    await asyncio.to_thread(store, tickdeck_db, rows)
    pool = await open_pool(tickdeck_db, role="reader", size=1)
    try:
        plan = json.loads(
            await pool.fetchval(
                f"explain (analyze, format json) {statement('large_prints')}",
                "A", from_us(rows[0][0]), from_us(rows[-1][0] + 1), from_us(rows[-1][0]), MAX_SEQ, None, 0.99, 500,
            )
        )  # fmt: skip
    finally:
        await pool.close()
    loops = [each["Actual Loops"] for each in nodes(plan[0]["Plan"]) if each["Node Type"] == "Aggregate"]
    assert loops == [1]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's node and all below it."""
    yield plan
    for each in plan.get("Plans", []):
        yield from nodes(each)
