"""Every interval reads as a fold of the ticks, however they came and however much of it was built by then."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations, count, product
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzzing import examples
from tests.reference import MINUTE, Tick, distinct, fold, same, store, utc
from tickdeck.db.candles.read import read_candles, read_candles_at
from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.types import INTERVALS, Interval

HOUR = 60 * MINUTE
SYMBOL_NUMBERS = count()

# Around each of these instants a day, an hour or a clock change turns in one of the zones.
ANCHORS = {
    "UTC": ("2024-02-29T00:00", "2024-03-01T00:00", "2023-12-31T23:59:59"),
    "Asia/Kolkata": ("2024-02-28T18:30", "2024-02-29T18:30", "2024-02-29T12:00"),
    "America/New_York": ("2024-03-10T05:00", "2024-03-11T04:00", "2024-11-03T04:00", "2024-11-04T05:00"),
    "Pacific/Auckland": ("2024-04-06T11:00", "2024-04-07T12:00", "2024-09-28T12:00", "2024-09-29T11:00"),
    # Clocks that change over midnight: it comes twice, or not at all.
    "America/Havana": ("2024-11-03T04:00", "2024-11-03T05:00", "2024-11-04T05:00", "2024-03-10T05:00"),
    "America/Santiago": ("2024-04-07T03:00", "2024-04-07T04:00", "2024-09-08T04:00", "2024-09-09T03:00"),
    "Australia/Lord_Howe": ("2024-04-06T13:00", "2024-04-07T13:30", "2024-10-05T13:30", "2024-10-06T13:00"),
}


@dataclass
class Step:
    """Some ticks in one statement, then so many stale hours built."""

    ticks: list[Tick]
    build: int


@dataclass
class Story:
    timezone: str
    steps: list[Step]
    ticks: list[Tick] = field(init=False)

    def __post_init__(self) -> None:
        self.ticks = distinct(tick for step in self.steps for tick in step.ticks)


UPDATES = st.one_of(st.none(), st.sampled_from(range(8)))
"""What ticks move: half of them all."""


def ticks_around(anchors: list[int]) -> st.SearchStrategy[Tick]:
    nearby = st.one_of(
        st.integers(-90_000_000, 90_000_000),
        st.integers(-3, 3).map(lambda n: n * 15_000_000),
        st.integers(-30 * HOUR, 30 * HOUR),
    )
    return st.builds(
        Tick,
        time_us=st.builds(lambda anchor, offset: anchor + offset, st.sampled_from(anchors), nearby),
        seq=st.integers(0, 3),
        price=st.integers(9_900, 10_100).map(lambda cents: cents / 100),
        size=st.integers(0, 1000).map(float),
        bid=st.one_of(st.none(), st.just(99.5)),
        updates=UPDATES,
    )


@st.composite
def stories(draw: st.DrawFn) -> Story:
    timezone = draw(st.sampled_from(sorted(ANCHORS)))
    ticks = ticks_around([utc(text) for text in ANCHORS[timezone]])
    steps = st.builds(Step, ticks=st.lists(ticks, max_size=40), build=st.sampled_from([0, 0, 1, 3, 1000]))
    return Story(timezone, draw(st.lists(steps, min_size=1, max_size=5)))


async def play(connection: asyncpg.Connection, story: Story) -> str:
    """Write the story under a symbol of its own."""
    symbol = f"S{next(SYMBOL_NUMBERS)}"
    await connection.execute(
        "insert into instruments (symbol, timezone) values ($1, $2)", symbol, story.timezone
    )
    for step in story.steps:
        await store(connection, symbol, step.ticks)
        if step.build:
            await connection.fetchval("select tickdeck_build_candles_v1($1)", step.build)
    return symbol


# Each example is read at every interval.
on_a_database = settings(
    max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@on_a_database
@given(story=stories())
async def test_every_interval_is_a_fold_of_the_ticks(tickdeck_db: str, story: Story) -> None:
    connection = await asyncpg.connect(tickdeck_db)
    try:
        symbol = await play(connection, story)
        for interval in INTERVALS:
            wanted = [same(candle) for candle in fold(story.ticks, interval, ZoneInfo(story.timezone))]
            assert await read_candles(connection, symbol, interval) == wanted, interval
    finally:
        await connection.close()


@on_a_database
@given(story=stories(), data=st.data())
async def test_a_window_holds_the_newest_candles_that_start_in_it(
    tickdeck_db: str, story: Story, data: st.DataObject
) -> None:
    instants = [tick.time_us for tick in story.ticks] or [utc("2024-03-01")]
    edge = st.one_of(
        st.none(),
        st.sampled_from(instants),
        st.sampled_from(instants).map(lambda us: us - us % MINUTE),
        st.sampled_from(instants).map(lambda us: us - us % HOUR + HOUR),
    )
    start, end = data.draw(edge), data.draw(edge)
    limit = data.draw(st.integers(1, 12))
    connection = await asyncpg.connect(tickdeck_db)
    try:
        symbol = await play(connection, story)
        for interval in INTERVALS:
            wanted = [
                same(candle)
                for candle in fold(story.ticks, interval, ZoneInfo(story.timezone))
                if (start is None or candle.time_us >= start) and (end is None or candle.time_us < end)
            ]
            found = await read_candles(connection, symbol, interval, start_us=start, end_us=end, limit=limit)
            assert found == wanted[-limit:], interval
    finally:
        await connection.close()


@on_a_database
@given(story=stories(), data=st.data())
async def test_candles_at_an_instant_know_no_later_tick(
    tickdeck_db: str, story: Story, data: st.DataObject
) -> None:
    instants = [(tick.time_us, tick.seq) for tick in story.ticks] or [(utc("2024-03-01"), 0)]
    at = data.draw(
        st.one_of(
            st.sampled_from(instants),
            st.sampled_from(instants).map(lambda key: (key[0] - key[0] % MINUTE, 0)),
            st.sampled_from(instants).map(lambda key: (key[0] - 1, 9)),
        )
    )
    limit = data.draw(st.sampled_from([1, 3, 500]))
    start = data.draw(st.sampled_from(instants))[0] - data.draw(st.integers(0, 2 * HOUR))
    connection = await asyncpg.connect(tickdeck_db)
    try:
        symbol = await play(connection, story)
        for interval in INTERVALS:
            past = [tick for tick in story.ticks if (tick.time_us, tick.seq) <= at]
            wanted = [same(candle) for candle in fold(past, interval, ZoneInfo(story.timezone))]
            found = await read_candles_at(connection, symbol, interval, at=at, limit=limit)
            assert found == wanted[-limit:], interval
            inside = [candle for candle in wanted if start <= candle.time_us < start + 2 * HOUR]
            found = await read_candles_at(
                connection, symbol, interval, at=at, start_us=start, end_us=start + 2 * HOUR, limit=limit
            )
            assert found == inside[-limit:], interval
    finally:
        await connection.close()


async def test_windows_that_begin_and_end_within_an_hour_that_is_not_built(tickdeck_db: str) -> None:
    start = utc("2024-03-01T10:00")
    ticks = [Tick(start + n * MINUTE, n, 100 + n % 7, 1) for n in range(180)]
    late = [Tick(start + n * MINUTE + 1, n, 90 + n % 50, 1) for n in (20, 55, 100)]
    # In hours and on their edges; from the first into the third, there is a whole one between.
    quarters = [start + n * 15 * MINUTE for n in (0, 1, 3, 4, 5, 8, 10, 12)]
    ats = [(start + n * MINUTE, n) for n in (0, 44, 45, 120, 179)]
    intervals: list[Interval] = ["5m", "15m"]
    connection = await asyncpg.connect(tickdeck_db)
    try:
        await store(connection, "A", ticks)
        await connection.fetchval("select tickdeck_build_candles_v1(10)")
        await store(connection, "A", late)
        for interval, at in product(intervals, ats):
            past = [tick for tick in ticks + late if (tick.time_us, tick.seq) <= at]
            wanted = [same(candle) for candle in fold(past, interval, ZoneInfo("UTC"))]
            for (first, last), limit in product(combinations(quarters, 2), (1, 50)):
                window = [candle for candle in wanted if first <= candle.time_us < last][-limit:]
                asked: Any = {"start_us": first, "end_us": last, "limit": limit}
                assert await read_candles_at(connection, "A", interval, at=at, **asked) == window, interval
                if at == ats[-1]:
                    assert await read_candles(connection, "A", interval, **asked) == window, interval
    finally:
        await connection.close()


async def test_weeks_and_months_over_a_year_and_its_clock_changes(tickdeck_db: str) -> None:
    """In zones with and without such, as they are without anything built, with half of the hours, and with all."""
    start = utc("2023-11-27T17:45")
    zones = ("Asia/Kolkata", "America/New_York", "America/Havana", "UTC")
    ticks = [Tick(start + n * 7 * HOUR, n, 100 + n % 13, 1 + n % 3) for n in range(1400)]
    intervals: list[Interval] = ["1w", "1M"]
    folded = {
        (zone, each): [same(candle) for candle in fold(ticks, each, ZoneInfo(zone))]
        for zone in zones
        for each in intervals
    }
    connection = await asyncpg.connect(tickdeck_db)
    try:
        for zone in zones:  # each is the symbol of its instrument
            await connection.execute("insert into instruments (symbol, timezone) values ($1, $1)", zone)
            await store(connection, zone, ticks)
        for built in (0, 700 * len(zones), 10_000):
            await connection.fetchval("select tickdeck_build_candles_v1($1)", built)
            for (zone, interval), wanted in folded.items():
                assert await read_candles(connection, zone, interval) == wanted, (zone, interval)
                edges = [candle.time_us + shift for candle in wanted[5:7] for shift in (-HOUR, 0, 1)]
                for first, last in combinations(edges, 2):
                    window = [candle for candle in wanted if first <= candle.time_us < last][-2:]
                    asked: Any = {"start_us": first, "end_us": last, "limit": 2}
                    assert await read_candles(connection, zone, interval, **asked) == window, (zone, interval)
    finally:
        await connection.close()


async def test_a_sparse_symbol_fills_the_chart_across_years(tickdeck_db: str) -> None:
    days = [utc("2019-01-02T15:00") + n * 24 * HOUR for n in range(0, 1500, 50)]
    ticks = [
        Tick(day + offset, seq, 100 + seq, 1)
        for day in days
        for seq, offset in enumerate((0, 1_500_000, 7_000_000, 61_000_000, 300_000_000, 4 * HOUR))
    ]
    folded = {each: [same(candle) for candle in fold(ticks, each, ZoneInfo("UTC"))] for each in INTERVALS}
    connection = await asyncpg.connect(tickdeck_db)
    try:
        await store(connection, "RARE", ticks)
        for built in (0, 20, 1000):
            if built:
                await connection.fetchval("select tickdeck_build_candles_v1($1)", built)
            for (interval, wanted), limit in product(folded.items(), (1, 37, 1000)):
                found = await read_candles(connection, "RARE", interval, limit=limit)
                assert found == wanted[-limit:], interval
    finally:
        await connection.close()


async def test_unknown_symbols_and_empty_ranges_have_no_candles(tickdeck_db: str) -> None:
    connection = await asyncpg.connect(tickdeck_db)
    try:
        for interval in INTERVALS:
            assert await read_candles(connection, "NONE", interval) == []
            assert await read_candles_at(connection, "NONE", interval, at=(utc("2024-03-01"), 0)) == []
            assert await read_candles(connection, "NONE", interval, start_us=5, end_us=5) == []
        with pytest.raises(MarketDataError, match="limit 0"):
            await read_candles(connection, "NONE", "1m", limit=0)
    finally:
        await connection.close()
