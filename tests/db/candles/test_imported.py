"""Imported bars stand where no tick is, at every interval, and nothing counts twice."""

from __future__ import annotations

from itertools import count
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzzing import examples
from tests.reference import Tick, distinct, fold_all, store, utc
from tickdeck.db.candles.imported import list_imported, store_bars
from tickdeck.db.candles.read import candle_pages, read_candles, read_candles_at
from tickdeck.db.market.bars import IMPORTABLE, PARTS, Bar, bar_fault, bucket_of_bar
from tickdeck.db.market.buckets import bucket_of
from tickdeck.db.market.types import (
    CALENDAR_INTERVALS,
    INTERVAL_SECONDS,
    LATEST_US,
    MAX_SEQ,
    MAX_TIME_US,
    Candle,
    Interval,
)

SYMBOL_NUMBERS = count()
ZONES = {
    "UTC": ("2024-02-29T00:00", "2024-03-01T00:00"),
    "Asia/Kolkata": ("2024-02-29T18:30", "2024-02-29T12:00"),
    "America/New_York": ("2024-03-10T05:00", "2024-03-11T04:00", "2024-11-03T04:00"),
}
HOUR = 3_600_000_000


@st.composite
def markets(draw: st.DrawFn) -> tuple[str, list[Tick], list[Bar]]:
    zone = draw(st.sampled_from(sorted(ZONES)))
    anchors = [utc(text) for text in ZONES[zone]]
    near = st.builds(
        lambda anchor, offset: anchor + offset,
        st.sampled_from(anchors),
        st.one_of(st.integers(-30 * HOUR, 30 * HOUR), st.integers(-HOUR, HOUR)),
    )
    cents = st.integers(9_900, 10_100).map(lambda each: each / 100)
    ticks = st.builds(
        Tick, near, st.integers(0, 2), cents, st.integers(0, 9).map(float),
        updates=st.one_of(st.none(), st.sampled_from(range(8))),
    )  # fmt: skip

    def bar(interval: Interval, at: int, prices: list[float], volume: int) -> Bar:
        start = bucket_of(at, interval, zone).label_us
        return Bar(
            "", interval, start, prices[0], max(prices), min(prices), prices[-1], volume, volume * 100.5, 3
        )

    bars = st.builds(
        bar, st.sampled_from(IMPORTABLE), near, st.lists(cents, min_size=2, max_size=4), st.integers(0, 9)
    )
    one_each = {(each.interval, each.time_us): each for each in draw(st.lists(bars, max_size=40))}
    return zone, distinct(draw(st.lists(ticks, max_size=12))), list(one_each.values())


def wanted(zone: str, ticks: list[Tick], bars: list[Bar], interval: Interval) -> list[Candle]:
    """By the rule as it is written down, in pandas: bars without ticks, the earliest and then the longest first."""
    width = {each: INTERVAL_SECONDS[each] for each in INTERVAL_SECONDS}
    rows: list[Any] = []
    for bar in bars:
        span = bucket_of_bar(bar, zone)
        if bar.interval not in PARTS[interval]:
            continue
        # A minute is the finest that is known of where ticks are.
        if any(bar.time_us <= tick.time_us // 60_000_000 * 60_000_000 < span.end_us for tick in ticks):
            continue
        whole = bucket_of(bar.time_us, interval, zone)
        us = width[bar.interval] * 1_000_000
        if (
            interval in CALENDAR_INTERVALS
            and bar.interval not in CALENDAR_INTERVALS
            and (whole.label_us % us or whole.end_us % us)
        ):
            continue
        rows.append((bar.time_us, -us, span.end_us, bar, whole.label_us))
    frame: Any = pd.DataFrame(
        sorted(rows, key=itemgetter(0, 1)), columns=["start", "rank", "end", "bar", "label"]
    )
    frame = frame[~(frame["end"].cummax().shift(fill_value=-1) > frame["start"])]
    parts: dict[int, list[Candle]] = {
        each.time_us: [each] for each in fold_all(ticks, interval, ZoneInfo(zone))
    }
    for label, group in frame.groupby("label", sort=True):
        taken: list[Bar] = list(group["bar"])
        parts.setdefault(int(label), []).append(
            Candle(
                int(label), taken[0].open, max(each.high for each in taken), min(each.low for each in taken),
                taken[-1].close, sum(each.volume for each in taken), sum(each.turned_over for each in taken),
                sum(each.trades for each in taken), int(group["start"].iloc[0]), -MAX_SEQ - 1,
                int(group["end"].iloc[-1]) - 1, -MAX_SEQ - 1,
            )
        )  # fmt: skip
    whole_candles = [
        each[0] if len(each) == 1 else each[0].merge(each[1]) for _, each in sorted(parts.items())
    ]
    return [each for each in whole_candles if each.priced]


def rounded(candles: list[Candle]) -> list[Any]:
    return [
        (c.time_us, c.open, c.high, c.low, c.close, round(c.volume, 6), round(c.turnover, 4), c.trades, c.first_us, c.last_us)
        for c in candles
    ]  # fmt: skip


@settings(
    max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(market=markets(), data=st.data())
async def test_ticks_win_and_nothing_counts_twice_at_any_interval(
    tickdeck_db: str, market: tuple[str, list[Tick], list[Bar]], data: st.DataObject
) -> None:
    zone, ticks, bars = market
    symbol = f"I{next(SYMBOL_NUMBERS)}"
    connection = await asyncpg.connect(tickdeck_db)
    try:
        await connection.execute("insert into instruments (symbol, timezone) values ($1, $2)", symbol, zone)
        named = [Bar(symbol, *(getattr(each, name) for name in Bar.__slots__[1:])) for each in bars]
        assert all(bar_fault(each, zone, MAX_TIME_US) is None for each in named)
        stored = await store_bars(connection, named, zone, "test")
        assert (stored.stored, stored.already, stored.differing) == (len(named), 0, ())
        await store(connection, symbol, ticks)
        for interval in IMPORTABLE:
            expected = rounded(wanted(zone, ticks, named, interval))
            assert rounded(await read_candles(connection, symbol, interval)) == expected, interval
        for interval in data.draw(st.lists(st.sampled_from(IMPORTABLE), min_size=2, max_size=2)):
            expected = rounded(wanted(zone, ticks, named, interval))
            limit = data.draw(st.integers(1, 3))
            assert rounded(await read_candles(connection, symbol, interval, limit=limit)) == expected[-limit:]
            pages = candle_pages(connection, symbol, interval, 0, LATEST_US, limit=100)
            assert rounded([each async for page in pages for each in page]) == expected
        at = data.draw(st.sampled_from([utc(text) for text in ZONES[zone]]))
        before = [each for each in ticks if (each.time_us, each.seq) <= (at, MAX_SEQ)]
        over = [each for each in named if bucket_of_bar(each, zone).end_us <= at]
        for interval in ("1m", "1d"):
            seen = await read_candles_at(connection, symbol, interval, at=(at, MAX_SEQ))
            assert rounded(seen) == rounded(wanted(zone, before, over, interval)), interval
    finally:
        await connection.close()


async def test_a_bucket_keeps_its_first_bar(tickdeck_db: str) -> None:
    connection = await asyncpg.connect(tickdeck_db)
    try:
        await connection.execute("insert into instruments (symbol) values ('K')")
        one = Bar("K", "1h", utc("2024-03-01T00:00"), 10.0, 11.0, 9.0, 10.5, 5.0)
        other = Bar("K", "1h", utc("2024-03-01T00:00"), 10.0, 11.0, 9.0, 10.6, 5.0)
        new = Bar("K", "1h", utc("2024-03-01T01:00"), 10.0, 11.0, 9.0, 10.6, 5.0)
        assert (await store_bars(connection, [one], "UTC", "first")).stored == 1
        again = await store_bars(connection, [new, one, other], "UTC", "second")
        assert (again.stored, again.already, again.differing) == (1, 1, (2,))
        listed = await list_imported(connection, "K")
        assert [(each.source, each.bars) for each in listed] == [("first", 1), ("second", 1)]
        assert [each.close for each in await read_candles(connection, "K", "1h")] == [10.5, 10.6]
    finally:
        await connection.close()
