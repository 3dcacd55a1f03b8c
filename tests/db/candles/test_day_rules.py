"""Days, weeks and months by each instrument's own rule: at every place what one pandas reference says."""

from __future__ import annotations

from itertools import count
from typing import Any

import asyncpg
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.feeding import Tickdeck
from tests.reference import MINUTE, Tick, distinct, store, utc
from tickdeck import frames
from tickdeck.app.market.fold import fold_seconds
from tickdeck.app.market.state import MarketState
from tickdeck.db.candles.imported import store_bars
from tickdeck.db.candles.indicated import values_of
from tickdeck.db.candles.read import read_candles, read_candles_at
from tickdeck.db.candles.verify import verify
from tickdeck.db.instruments import days_of, describe_instruments, list_instruments, upsert_instruments
from tickdeck.db.market.bars import Bar
from tickdeck.db.market.corrections import Correction
from tickdeck.db.market.indicators import parse_all
from tickdeck.db.market.orderflow import footprint_of
from tickdeck.db.market.sessions import TradingCalendar
from tickdeck.db.market.types import Candle, Instrument, Interval
from tickdeck.db.orderflow import read_cells
from tickdeck.db.quotes import read_quotes
from tickdeck.db.session import open_pool
from tickdeck.db.ticks.corrections import restate_ticks
from tickdeck.db.ticks.read import read_ticks

HOUR = 60 * MINUTE
QUARTER = 15 * MINUTE
NUMBERS = count()
# Of each: its zone, when its days start, and from their date's midnight on, how long that is.
RULES = {
    "currencies": ("America/New_York", "17:00", "-7h"),
    "coins": ("UTC", "00:00", "0h"),
    "shares": ("America/New_York", "00:00", "0h"),
    "half an hour": ("Asia/Kolkata", "05:30", "5h30min"),
    "small hours": (
        "America/New_York",
        "02:00",
        "2h",
    ),  # they are skipped in March, and come twice in November
    "night": ("Australia/Lord_Howe", "21:30", "-2h30min"),
}
ANCHORS = (
    "2024-03-10T07:00", "2024-03-10T21:00", "2024-03-08T22:00", "2024-11-03T06:00", "2024-11-03T22:00",
    "2024-02-29T22:00", "2024-03-01T00:00", "2024-04-06T15:00",
)  # fmt: skip
PERIODS = {"1w": "W-SUN", "1M": "M"}


def labels(time_us: Any, rule: str, interval: str) -> Any:
    """The start of the bucket of each instant, µs."""
    zone, _, shift = RULES[rule]
    local = pd.DatetimeIndex(pd.to_datetime(time_us, unit="us", utc=True)).tz_convert(zone).tz_localize(None)
    dates = (local - pd.Timedelta(shift)).normalize()
    if interval != "1d":
        dates = dates.to_period(PERIODS[interval]).start_time
    starts = (dates + pd.Timedelta(shift)).tz_localize(
        zone, ambiguous=np.zeros(len(dates), dtype=bool), nonexistent="shift_forward"
    )
    return starts.tz_convert("UTC").as_unit("us").asi8


def folded(ticks: list[Tick], rule: str, interval: str) -> list[tuple[Any, ...]]:
    """Each bucket's start, open, high, low, close, volume and number of ticks."""
    if not ticks:
        return []
    table = pd.DataFrame([(t.time_us, t.price, t.size) for t in ticks], columns=["time", "price", "size"])
    grouped = table.groupby(labels(table["time"], rule, interval))
    found = grouped["price"].agg(["first", "max", "min", "last"]).join(grouped["size"].agg(["sum", "size"]))
    return [tuple(row) for row in found.itertuples()]


def shown(candles: list[Candle]) -> list[tuple[Any, ...]]:
    return [(c.time_us, c.open, c.high, c.low, c.close, c.volume, c.trades) for c in candles]


ticks_around = st.builds(
    Tick,
    time_us=st.builds(
        lambda text, offset: utc(text) + offset,
        st.sampled_from(ANCHORS),
        st.one_of(st.integers(-2 * MINUTE, 2 * MINUTE), st.integers(-30, 30).map(lambda n: n * HOUR)),
    ),
    seq=st.integers(0, 3),
    price=st.integers(9_900, 10_100).map(lambda cents: cents / 100),
    size=st.integers(1, 1000).map(float),
)


quarters = st.builds(
    lambda text, quarter, prices, volume: (utc(text) + quarter * QUARTER, prices, float(volume)),
    st.sampled_from(ANCHORS),
    st.integers(-120, 120),
    st.lists(st.integers(9_900, 10_100).map(lambda cents: cents / 100), min_size=4, max_size=4),
    st.integers(0, 900),
)


async def assert_imported(
    connection: Any, symbol: str, rule: str, ticks: list[Tick], drawn: list[tuple[int, list[float], float]]
) -> None:
    """Bars of a quarter of an hour, where no tick is, are of the same days: each as if it were four ticks."""
    taken = {tick.time_us // QUARTER for tick in ticks}
    bars, every = [], list(ticks)
    for start_us, prices, volume in {each[0]: each for each in drawn}.values():
        if start_us // QUARTER in taken:
            continue
        first, last = prices[0], prices[-1]
        bars.append(
            Bar(symbol, "15m", start_us, first, max(prices), min(prices), last, volume, None, len(prices))
        )
        places = [start_us, start_us + 1, start_us + 2, start_us + QUARTER - 1]
        sizes = [volume, 0.0, 0.0, 0.0]
        every += [Tick(*row) for row in zip(places, range(4), prices, sizes, strict=True)]
    every.sort()
    days = await days_of(connection, symbol)
    stored = await store_bars(connection, bars, days, "test")
    assert stored.stored == len(bars)
    intervals: list[Interval] = ["1d", "1w", "1M"]
    for interval in intervals:
        assert shown(await read_candles(connection, symbol, interval)) == folded(every, rule, interval)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rule=st.sampled_from(sorted(RULES)),
    drawn=st.lists(ticks_around, min_size=1, max_size=40),
    built=st.sampled_from([0, 3, 1000]),
    bars=st.lists(quarters, max_size=20),
    data=st.data(),
)
async def test_every_place_has_the_days_of_the_reference(
    tickdeck_db: str,
    rule: str,
    drawn: list[Tick],
    built: int,
    bars: list[tuple[int, list[float], float]],
    data: st.DataObject,
) -> None:
    zone, start, _ = RULES[rule]
    ticks = distinct(drawn)
    symbol = f"D{next(NUMBERS)}"
    instrument = Instrument(symbol, timezone=zone, day_start=start)
    connection = await asyncpg.connect(tickdeck_db)
    pool = await open_pool(tickdeck_db, role="writer", size=1)
    try:
        await upsert_instruments(pool, [instrument])
        await store(connection, symbol, ticks)
        await connection.fetchval("select tickdeck_build_candles_v1($1)", built)
        state = MarketState()
        state.load_instruments([instrument])
        intervals: list[Interval] = ["1d", "1w", "1M"]
        for interval in intervals:
            state.load_chart(state.open_chart(symbol, interval), [])
        state.merge(
            fold_seconds(await read_ticks(pool, [symbol], ticks[0].time_us, ticks[-1].time_us + 1, limit=100))
        )
        at = data.draw(st.sampled_from(ticks))
        until = [tick for tick in ticks if (tick.time_us, tick.seq) <= (at.time_us, at.seq)]
        for interval in intervals:
            wanted = folded(ticks, rule, interval)
            assert shown(await read_candles(pool, symbol, interval)) == wanted
            assert shown(state.charts[symbol, interval].candles()) == wanted
            then = await read_candles_at(pool, symbol, interval, at=(at.time_us, at.seq))
            assert shown(then) == folded(until, rule, interval)

        days = folded(ticks, rule, "1d")
        row = state.row(symbol)
        assert row is not None
        for quote in (row.quote(), *await read_quotes(pool, [symbol])):
            assert (
                quote.day_us,
                quote.open,
                quote.high,
                quote.low,
                quote.last,
                quote.volume,
                quote.trades,
            ) == days[-1]
            assert quote.previous_close == (days[-2][4] if len(days) > 1 else None)

        hours = await read_candles(pool, symbol, "1h")
        if all(each[0] % HOUR == 0 for each in days):  # else an hour is of two days
            of_day = labels([c.time_us for c in hours], rule, "1d")
            sums = pd.DataFrame([(c.turnover, c.volume) for c in hours]).groupby(of_day).cumsum()
            vwap = (await values_of(connection, symbol, "1h", parse_all(["vwap"]), hours))["vwap"]
            np.testing.assert_allclose(vwap, sums[0] / sums[1])
        cells = await read_cells(pool, symbol, ticks[0].time_us - HOUR, ticks[-1].time_us + HOUR)
        flow = footprint_of(cells, "1d", await days_of(connection, symbol))
        assert [each.time_us for each in flow] == [each[0] for each in days]
        assert all(each.cumulative == each.delta for each in flow)

        gone = data.draw(st.sampled_from(ticks))
        cancel = Correction(symbol=symbol, time_us=gone.time_us, seq=gone.seq, kind="cancel")
        assert (await restate_ticks(pool, [cancel], actor="test")).done == 1
        for most in (0, 1000):
            await connection.fetchval("select tickdeck_build_candles_v1($1)", most)
            left = [tick for tick in ticks if tick is not gone]
            assert shown(await read_candles(pool, symbol, "1d")) == folded(left, rule, "1d")
        await assert_imported(connection, symbol, rule, left, bars)
        if built:
            assert [each for each in await verify(pool) if each.symbol == symbol] == []
    finally:
        await pool.close()
        await connection.close()


def test_calendars_have_the_same_days() -> None:
    for rule, (zone, start, _) in RULES.items():
        calendar = TradingCalendar(None, Instrument("A", timezone=zone, day_start=start).days)
        for text in ANCHORS:
            moment = utc(text)
            first_us, end_us = calendar.trading_day(calendar.day(moment))
            assert first_us <= moment < end_us
            assert labels([moment], rule, "1d")[0] in (first_us, first_us + HOUR, first_us + HOUR // 2)


def test_set_and_kept(tickdeck: Tickdeck, monkeypatch: pytest.MonkeyPatch) -> None:
    """By load or afterwards; days are built again; an exchange that describes its instruments leaves them."""
    file = tickdeck.folder / "fx.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("time,symbol,price,size\n2024-03-07T21:59Z,EUR/USD,1,1\n2024-03-07T22:01Z,EUR/USD,2,1\n")
    where = ("--exchange", "none", "--exchange-timezone", "America/New_York")
    assert tickdeck("load", file, *where).code == 0
    monkeypatch.setenv("DATABASE_URL", tickdeck.url)
    assert frames.candles("EUR/USD", "1d")["trades"].tolist() == [2]
    ran = tickdeck("instruments", "set", "EUR/USD", "--day-start", "17:00", "--name", "Euro")
    assert "Euro · around the clock · days from 17:00 America/New_York" in ran.out, ran
    days = frames.candles("EUR/USD", "1d", "2024-03-07", "2024-03-09")
    assert [str(each) for each in days.index] == ["2024-03-06 22:00:00+00:00", "2024-03-07 22:00:00+00:00"]
    assert frames.candles("EUR/USD", "1d", "2024-03-08")["close"].tolist() == [2]
    out = tickdeck("export", "--candles", "1d", "--from", "2024-03-08").out.splitlines()
    assert [line.split(",")[0] for line in out[1:]] == ["2024-03-07T22:00:00.000000Z"]
    assert tickdeck("load", file, "--venue", "A", *where, "--day-start", "17:00").code == 0
    assert frames.candles("A:EUR/USD", "1d")["trades"].tolist() == [1, 1]
    assert "days from 17:00" in tickdeck("instruments", "list").out


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("set", "X", "--day-start", "17:00"), "symbol 'X' is unknown"),
        (("set", "X"), "nothing to set"),
        (("set", "X", "--day-start", "25:00"), "'25:00' is no time of day"),
        (("set", "X", "--day-start", "02:30"), "at a whole hour"),
    ],
)
def test_what_cannot_be_set_is_said(tickdeck: Tickdeck, options: tuple[str, ...], why: str) -> None:
    ran = tickdeck("instruments", *options)
    assert ran.code == 1
    assert why in ran.err


async def test_what_an_exchange_says_leaves_the_days(tickdeck_db: str) -> None:
    pool = await open_pool(tickdeck_db, role="writer", size=1)
    ours = Instrument("A", timezone="America/New_York", day_start="17:00")
    await upsert_instruments(pool, [ours, Instrument("B")])
    await describe_instruments(pool, [Instrument("A", "Euro"), Instrument("B", timezone="Asia/Tokyo")])
    assert [(each.name, each.days) for each in await list_instruments(pool)] == [
        ("Euro", "America/New_York 17:00"),
        (None, "Asia/Tokyo"),
    ]
    await pool.close()
