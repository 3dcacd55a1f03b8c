"""Notebooks get DataFrames that equal a pandas resample, from a plain call, whatever form a time has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg
import pandas as pd
import pytest

from tests.reference import MINUTE, Tick, store, utc
from tickdeck.db import frames
from tickdeck.db.errors import DatabaseUnavailableError, MarketDataError, UnknownSymbolError
from tickdeck.db.market.moments import Moment
from tickdeck.testing.databases import Databases

DAY = utc("2024-03-01")


@pytest.fixture(scope="module")
def market(_tickdeck_databases: Databases) -> Iterator[str]:
    """The address of a database with ticks of A and B/X, which no test changes."""
    ticks = [Tick(DAY + n * 7 * MINUTE // 3, n % 5, 100 + n % 13, n % 4, 99.0) for n in range(2000)]
    times = pd.Timestamp(DAY, unit="us", tz="UTC") + pd.to_timedelta([101 * n for n in range(2500)], unit="s")
    other = pd.DataFrame({"time": times, "price": [50 + n % 7 / 4 for n in range(2500)], "size": 1.0})

    async def fill(url: str) -> None:
        connection = await asyncpg.connect(url)
        try:
            await store(connection, "A", ticks)
        finally:
            await connection.close()

    with _tickdeck_databases.copy() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url)
        asyncio.run(fill(url))
        frames.store(other, "B/X")
        patch.undo()
        yield url


@pytest.fixture
def configured(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", market)


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("interval", "rule"),
    [
        ("1s", "1s"),
        ("15s", "15s"),
        ("30s", "30s"),
        ("3m", "3min"),
        ("4h", "4h"),
        ("5m", "5min"),
        ("1h", "1h"),
        ("1d", "1D"),
    ],
)
def test_candles_equal_a_resample_of_the_ticks(interval: str, rule: str) -> None:
    ticks = frames.ticks("A")
    assert len(ticks) == 2000
    grouped = ticks.resample(rule)
    wanted = grouped["price"].ohlc()
    wanted["volume"] = grouped["size"].sum()
    wanted["turnover"] = (ticks["price"] * ticks["size"]).resample(rule).sum()
    wanted["trades"] = grouped["price"].count()
    found = frames.candles("A", interval)
    pd.testing.assert_frame_equal(found, wanted[wanted["trades"] > 0], check_freq=False)
    assert found.index.name == "time"
    assert str(found.index.tz) == "UTC"  # type: ignore[attr-defined]


@pytest.mark.usefixtures("configured")
def test_long_results_come_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks, candles = frames.ticks("A"), frames.candles("A", "1s")
    monkeypatch.setattr(frames, "_TICKS_A_PAGE", 7)
    monkeypatch.setattr(frames, "_CANDLES_A_PAGE", 7)
    end = "2024-03-01T06:00Z"
    pd.testing.assert_frame_equal(frames.ticks("A", end=end), ticks[ticks.index < end])
    pd.testing.assert_frame_equal(frames.candles("A", "1s", end=end), candles[candles.index < end])


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("symbol", "interval"), [("A", "15s"), ("A", "1d"), ("A", "100t"), ("A-0.5*A", "15s"), ("A-0.5*A", "1d")]
)
def test_the_last_ones_are_those_at_the_end(symbol: str, interval: str) -> None:
    end, indicators = "2024-03-03T05:00Z", ["ema(3)"]
    whole = frames.candles(symbol, interval, end=end, indicators=indicators)
    assert len(whole) > 2
    last = frames.candles(symbol, interval, end=end, indicators=indicators, last=2)
    pd.testing.assert_frame_equal(last, whole[-2:])
    pd.testing.assert_frame_equal(frames.candles(symbol, interval, end=end, last=9_999), whole.iloc[:, :-1])
    with pytest.raises(MarketDataError, match="limit"):
        frames.candles("A", "1m", last=0)


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    "noon",
    [
        "2024-03-01T12:00:00Z",
        "2024-03-01T17:30:00+05:30",
        datetime(2024, 3, 1, 12, tzinfo=UTC),
        pd.Timestamp("2024-03-01 07:00", tz="America/New_York"),
    ],
)
def test_times_have_many_forms(noon: Moment) -> None:
    found = frames.candles("A", "1m", start="2024-03-01", end=noon)
    assert (found.index[0], found.index[-1]) == (
        pd.Timestamp("2024-03-01T00:00Z"),
        pd.Timestamp("2024-03-01T11:58Z"),
    )
    assert len(frames.ticks("A", date(2024, 3, 1), noon)) == len(found)


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: frames.candles("A", "2m"), "interval '2m' is unknown; use one of 1s"),
        (lambda: frames.candles("A", "1m", start="2024-03-01T12:00"), "start: .* has no time zone"),
        (lambda: frames.ticks("A", end=datetime(2024, 3, 1)), "end: .* has no time zone"),  # noqa: DTZ001
        (lambda: frames.ticks("A", end="yesterday"), "end: 'yesterday' is no time"),
        (lambda: frames.ticks("A", end="2500-01-01"), "end: .* is not between 1970 and 2199"),
        (lambda: frames.ticks("A", "2024-03-02", "2024-03-01"), "the range is reversed"),
    ],
)
def test_wrong_arguments_are_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(MarketDataError, match=message):
        call()


@pytest.mark.usefixtures("configured")
def test_an_unknown_symbol_is_refused_and_an_empty_range_is_empty() -> None:
    with pytest.raises(UnknownSymbolError, match="symbol 'NONE' is unknown"):
        frames.candles("NONE", "1m")
    empty = frames.candles("A", "1m", "2020-01-01", "2020-01-02")
    assert empty.empty
    assert list(empty.columns) == ["open", "high", "low", "close", "volume", "turnover", "trades"]
    assert frames.ticks("A", "2020-01-01", "2020-01-01").empty


@pytest.mark.usefixtures("configured")
async def test_it_works_where_an_event_loop_runs() -> None:
    assert len(frames.candles("A", "1d")) == 4  # as in a notebook's cell


def test_no_database_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("TICKDECK_DATA_DIR", str(tmp_path / "none"))
    with pytest.raises(DatabaseUnavailableError, match="tickdeck db up"):
        frames.candles("A", "1m")


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("interval", "rule", "part"),
    [
        ("1s", "1s", None),
        ("15s", "15s", None),
        ("1m", "1min", None),
        ("5m", "5min", "1min"),
        ("1h", "1h", "1min"),
        ("4h", "4h", "15min"),
        ("1d", "1D", "15min"),
    ],
)
def test_spreads_equal_last_prices_as_of_each_instant(interval: str, rule: str, part: str | None) -> None:
    last = []
    for symbol in ("A", "B/X"):
        prices = frames.ticks(symbol)["price"]
        if part is not None:
            prices.index = pd.DatetimeIndex(prices.index).floor(part)
        last.append(prices.groupby(level=0).last())
    table = pd.concat(last, axis=1, join="outer", sort=True).ffill().dropna()
    spread = table.iloc[:, 0] - 2 * table.iloc[:, 1]
    wanted = spread.resample(rule).ohlc().dropna()
    wanted["volume"] = wanted["turnover"] = 0.0
    wanted["trades"] = spread.resample(rule).count()
    found = frames.candles("A - 2*B/X", interval)
    pd.testing.assert_frame_equal(found, wanted, check_freq=False, check_exact=True)
    low, high = wanted.index[len(wanted) // 3], wanted.index[len(wanted) // 2]
    part_of = frames.candles("A - 2*B/X", interval, low, high, indicators=["sma(3)"])
    pd.testing.assert_frame_equal(
        part_of[wanted.columns], wanted[(wanted.index >= low) & (wanted.index < high)], check_freq=False
    )
    sma = wanted["close"].rolling(3).mean()
    pd.testing.assert_series_equal(part_of["sma(3)"], sma[part_of.index], check_freq=False, check_names=False)


@pytest.mark.usefixtures("configured")
def test_what_is_no_spread_is_named() -> None:
    with pytest.raises(UnknownSymbolError, match="'ZZZ'"):
        frames.candles("A/ZZZ", "1m")
    with pytest.raises(MarketDataError, match="candles of time only"):
        frames.candles("A/A", "100t")
