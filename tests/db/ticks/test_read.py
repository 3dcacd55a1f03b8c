"""Ticks come back in order, page by page without loss or repetition, and newest first on the tape."""

from __future__ import annotations

from datetime import timedelta

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzzing import examples
from tests.reference import MINUTE, Tick, distinct, store, utc
from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.types import TickBatch
from tickdeck.db.ticks.read import read_ticks, tape
from tickdeck.db.upkeep.retention import drop_expired
from tickdeck.testing.ticks import START, TickFactory

DAY = 24 * 60 * MINUTE
BASE = utc("2024-03-10T05:00")
SYMBOLS = ("AAA", "BB", "C")

ticks = st.builds(
    Tick,
    time_us=st.builds(
        lambda base, offset: BASE + base + offset,
        st.sampled_from([0, 3 * 60 * MINUTE, 2 * DAY, -400 * DAY]),
        st.one_of(st.integers(0, 3), st.integers(0, 5 * MINUTE)),
    ),
    seq=st.integers(-2, 3),
    price=st.integers(9_900, 10_100).map(lambda cents: cents / 100),
    size=st.integers(0, 1000).map(float),
    bid=st.one_of(st.none(), st.just(99.5)),
    ask=st.one_of(st.none(), st.just(100.5)),
)
on_a_database = settings(
    max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
Key = tuple[int, int, str, float, float, float | None, float | None]


def key(symbol: str, tick: Tick) -> Key:
    return tick.time_us, tick.seq, symbol, tick.price, tick.size, tick.bid, tick.ask


def keys(batch: TickBatch) -> list[Key]:
    columns = (batch.time_us, batch.seq, batch.symbol, batch.price, batch.size, batch.bid, batch.ask)
    return [
        (*row[:5], *(None if side != side else side for side in row[5:]))  # noqa: PLR0124 - NaN means none
        for row in zip(*(column.tolist() for column in columns), strict=True)
    ]


@on_a_database
@given(
    stored=st.tuples(*[st.lists(ticks, max_size=25) for _ in SYMBOLS]),
    wanted=st.lists(st.sampled_from([*SYMBOLS, "NONE"]), unique=True),
    limit=st.integers(1, 9),
    start=st.sampled_from([0, BASE, BASE + 1, BASE + 3 * MINUTE]),
    end=st.sampled_from([BASE, BASE + 2, BASE + 4 * MINUTE, BASE + 10 * DAY, 2**60]),
)
async def test_pages_hold_every_tick_once_in_order(
    tickdeck_db: str, stored: tuple[list[Tick], ...], wanted: list[str], limit: int, start: int, end: int
) -> None:
    connection = await asyncpg.connect(tickdeck_db)
    try:
        await connection.execute("truncate ticks, candles, stale_hours")
        for symbol, each in zip(SYMBOLS, stored, strict=True):
            await store(connection, symbol, distinct(each))
        expected = sorted(
            key(symbol, tick)
            for symbol, each in zip(SYMBOLS, stored, strict=True)
            if symbol in wanted
            for tick in distinct(each)
            if start <= tick.time_us < end
        )
        found: list[Key] = []
        after: tuple[int, int] | None = None
        while True:
            page = keys(await read_ticks(connection, wanted, start, end, after=after, limit=limit))
            found += page
            if len(page) < limit:
                break
            assert len({row[:2] for row in page}) <= limit
            after = page[-1][:2]
        assert found == expected

        tapes = await tape(connection, wanted, limit)
        assert list(tapes) == wanted
        for symbol, each in zip(SYMBOLS, stored, strict=True):
            newest = [key(symbol, tick) for tick in distinct(each)][::-1]
            if symbol in wanted:
                assert keys(tapes[symbol]) == newest[:limit]
    finally:
        await connection.close()


@pytest.mark.parametrize("limit", [7, 60, 1000])
async def test_ticks_that_retention_dropped_do_not_end_the_reading(
    tickdeck_db: str, tick_factory: TickFactory, limit: int
) -> None:
    """Their candles stay, and are what a page's end is told by."""
    today = START.replace(hour=0, minute=0)
    tick_factory(500, start=START - timedelta(days=9))
    kept = [tick_factory(50, start=START + timedelta(days=days)) for days in (0, 1, 5)]
    tick_factory(500, start=START - timedelta(days=5))
    assert drop_expired(tickdeck_db, 0.001, now=today).chunks == 2
    connection = await asyncpg.connect(tickdeck_db)
    try:
        # A day amid the kept ones is gone, too.
        await connection.execute(
            "select drop_chunks('ticks', older_than => $1::timestamptz, newer_than => $2::timestamptz)",
            today + timedelta(days=2),
            today + timedelta(days=1),
        )
        found: list[Key] = []
        after: tuple[int, int] | None = None
        while page := keys(await read_ticks(connection, ["SPY"], 0, 2**60, after=after, limit=limit)):
            found += page
            assert len(page) == min(limit, 100 - len(found) + len(page))
            after = page[-1][:2]
        assert found == keys(kept[0]) + keys(kept[2])
    finally:
        await connection.close()


async def test_texts_come_back_and_impossible_limits_are_refused(tickdeck_db: str) -> None:
    connection = await asyncpg.connect(tickdeck_db)
    try:
        await connection.execute(
            "insert into ticks (symbol, time, seq, price, exchange, conditions) "
            "values ('X', '2024-03-10T05:00Z', 1, 5, 'P', '20002000'), ('X', '2024-03-10T05:00Z', 2, 5, null, null)"
        )
        for batch in (
            await read_ticks(connection, ["X"], 0, 2**60, limit=10),
            (await tape(connection, ["X"], 10))["X"].take(slice(None, None, -1)),
        ):
            assert batch.exchange is not None
            assert batch.conditions is not None
            assert batch.exchange.tolist() == ["P", None]
            assert batch.conditions.tolist() == ["20002000", None]
        with pytest.raises(MarketDataError, match="limit 0"):
            await read_ticks(connection, ["X"], 0, 2**60, limit=0)
        with pytest.raises(MarketDataError, match="limit -1"):
            await tape(connection, ["X"], -1)
    finally:
        await connection.close()
