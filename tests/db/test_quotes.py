"""A quote is its symbol's latest day of ticks, now and as of any instant."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzzing import examples
from tests.reference import MINUTE, Tick, day_start, distinct, fold_all, store, utc
from tickdeck.db.market.types import UPDATES_LAST, Quote
from tickdeck.db.quotes import read_quotes
from tickdeck.db.session import open_pool

HOUR = 60 * MINUTE
ZONES = ("UTC", "Asia/Kolkata", "America/New_York", "Pacific/Auckland")
ROUND_NUMBERS = count()

# Days, a clock change in New York and one in Auckland, a long gap, and minutes around each.
INSTANTS = (
    "2024-03-10T05:00",
    "2024-03-11T04:00",
    "2024-03-11T18:30",
    "2024-09-28T12:00",
    "2021-05-05T00:00",
)


def reference(symbol: str, ticks: Sequence[Tick], timezone: str) -> list[Quote]:
    if not ticks:
        return []
    zone = ZoneInfo(timezone)
    lasts = [tick for tick in distinct(ticks) if tick.moves(UPDATES_LAST)]
    last = lasts[-1] if lasts else None
    today = day_start(distinct(ticks)[-1].time_us, zone)
    before = [tick for tick in lasts if day_start(tick.time_us, zone) < today]
    day = fold_all(ticks, "1d", zone)[-1]
    volume: Any = pytest.approx(day.volume, rel=1e-12)
    turnover: Any = pytest.approx(day.turnover, rel=1e-12)
    price, bid, ask, last_us, last_seq = (
        (None, None, None, None, None)
        if last is None
        else (last.price, last.bid, last.ask, last.time_us, last.seq)
    )
    return [
        Quote(
            symbol, price, bid, ask, last_us, last_seq, today, day.open, day.high, day.low,
            volume, turnover, day.trades, day.first_us, day.first_seq, before[-1].price if before else None,
        )
    ]  # fmt: skip


offsets = st.one_of(st.integers(-2 * MINUTE, 2 * MINUTE), st.integers(-40 * HOUR, 40 * HOUR))
ticks = st.builds(
    Tick,
    time_us=st.builds(lambda text, offset: utc(text) + offset, st.sampled_from(INSTANTS), offsets),
    seq=st.integers(0, 3),
    price=st.integers(9_900, 10_100).map(lambda cents: cents / 100),
    size=st.integers(0, 1000).map(float),
    bid=st.one_of(st.none(), st.just(99.5)),
    ask=st.one_of(st.none(), st.just(100.5)),
    updates=st.one_of(st.none(), st.integers(0, 7)),
)
on_a_database = settings(
    max_examples=examples(16), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@on_a_database
@given(
    listed=st.lists(st.tuples(st.sampled_from(ZONES), st.lists(ticks, max_size=30)), min_size=1, max_size=4),
    build=st.sampled_from([0, 2, 10_000]),
    late=st.booleans(),
    data=st.data(),
)
async def test_quotes_are_the_latest_day_now_and_at_any_instant(
    tickdeck_db: str, listed: list[tuple[str, list[Tick]]], build: int, late: bool, data: st.DataObject
) -> None:
    number = next(ROUND_NUMBERS)
    stored = {f"R{number}_{n}": (zone, distinct(each)) for n, (zone, each) in enumerate(listed)}
    connection = await asyncpg.connect(tickdeck_db)
    try:
        for symbol, (zone, each) in stored.items():
            await connection.execute(
                "insert into instruments (symbol, timezone) values ($1, $2)", symbol, zone
            )
            await store(connection, symbol, each[::2] if late else each)
        if build:
            await connection.fetchval("select tickdeck_build_candles_v1($1)", build)
        for symbol, (_, each) in stored.items():
            await store(connection, symbol, each)

        live = [quote for symbol, (zone, each) in stored.items() for quote in reference(symbol, each, zone)]
        assert await read_quotes(connection, list(stored)) == live

        instants = [(tick.time_us, tick.seq) for _, each in stored.values() for tick in each]
        at = data.draw(st.sampled_from([*instants, (utc("2024-03-10"), 0), (utc("2024-09-28T12:00:30"), 2)]))
        past = [
            quote
            for symbol, (zone, each) in stored.items()
            for quote in reference(symbol, [tick for tick in each if (tick.time_us, tick.seq) <= at], zone)
        ]
        assert await read_quotes(connection, list(stored), at=at) == past
    finally:
        await connection.close()


@pytest.mark.parametrize("hours", [1, 2, 3])
async def test_ticks_without_a_price_count_once_in_a_day_that_begins_at_half_past(
    tickdeck_db: str, hours: int
) -> None:
    """Such a day folds from its minutes, those of hours that are not built yet among them; a candle without a price has no
    time of a last tick to tell that by.
    """
    zone = "Asia/Kolkata"
    listed = [
        [Tick(utc("2024-03-11T18:30"), 0, 99.0, 5.0, updates=4)],
        [Tick(utc("2024-03-12T01:00"), 0, 98.0, 3.0), Tick(utc("2024-03-12T02:00"), 0, 99.0, 7.0, updates=4)],
    ]
    connection = await asyncpg.connect(tickdeck_db)
    try:
        for number, each in enumerate(listed):
            await connection.execute(
                "insert into instruments (symbol, timezone) values ($1, $2)", f"S{number}", zone
            )
            await store(connection, f"S{number}", each)
        await connection.fetchval("select tickdeck_build_candles_v1($1)", hours)
        for number, each in enumerate(listed):
            assert await read_quotes(connection, [f"S{number}"]) == reference(f"S{number}", each, zone)
    finally:
        await connection.close()


async def test_all_symbols_are_quoted_in_order_and_those_without_ticks_are_not(tickdeck_db: str) -> None:
    connection = await asyncpg.connect(tickdeck_db)
    try:
        await connection.execute("insert into instruments (symbol) values ('SILENT')")
        for symbol in ("B", "A", "C"):
            await store(connection, symbol, [Tick(utc("2024-03-10T05:00"), 1, 5.0, 2.0)])
    finally:
        await connection.close()
    pool = await open_pool(tickdeck_db, role="reader")
    try:
        assert [quote.symbol for quote in await read_quotes(pool)] == ["A", "B", "C"]
        assert [quote.symbol for quote in await read_quotes(pool, ["C", "SILENT", "UNKNOWN"])] == ["C"]
        assert await read_quotes(pool, []) == []
        assert await read_quotes(pool, at=(utc("2024-03-10T04:59"), 9)) == []
    finally:
        await pool.close()
