"""A real New York day: every candle of every interval equals a pandas resample of the file.

The file lies beside the repository, never in it; without it the small sample in tests/data stands for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import asyncpg
import numpy as np
import pandas as pd
import pytest

from tests.feeding import Tickdeck
from tests.paths import REAL_DAY, SAMPLE
from tests.reference import utc
from tickdeck.db import frames
from tickdeck.db.candles.build import Builder
from tickdeck.db.candles.read import read_candles, read_candles_at
from tickdeck.db.candles.verify import verify
from tickdeck.db.market.orderflow import FlowCells, profile_of
from tickdeck.db.market.sessions import TradingCalendar
from tickdeck.db.market.types import INTERVALS, TickBatch
from tickdeck.db.orderflow import OrderFlowBuilder, read_cells
from tickdeck.db.quotes import read_quotes
from tickdeck.db.replay_reads import read_regular_day
from tickdeck.db.session import open_pool
from tickdeck.db.ticks.store import TickStore
from tickdeck.testing.databases import Databases

DAY: Final = REAL_DAY if REAL_DAY.exists() else SAMPLE
NEW_YORK: Final = "America/New_York"
RULES: Final[Mapping[str, str]] = {
    "1s": "1s", "5s": "5s", "15s": "15s", "30s": "30s", "1m": "1min", "3m": "3min", "5m": "5min", "15m": "15min",
    "30m": "30min", "1h": "1h", "2h": "2h", "4h": "4h", "1d": "1D", "1w": "W-MON", "1M": "MS",
}  # fmt: skip


@pytest.fixture(scope="module")
def trades() -> pd.DataFrame:
    """The file's rows in order, times in New York; `seq` as Tickdeck numbers rows that have none."""
    rows = pd.read_csv(DAY, dtype={"symbol": str, "exchange": str, "conditions": str})
    if "seq" not in rows:
        rows["seq"] = rows.groupby(["symbol", "time"]).cumcount() + 1
    rows["time"] = pd.to_datetime(rows["time"], format="ISO8601").dt.tz_convert(NEW_YORK)
    return rows.sort_values(["time", "seq"], ignore_index=True, kind="stable")


def batch_of(rows: pd.DataFrame) -> TickBatch:
    return TickBatch(
        rows["time"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64),
        rows["symbol"].to_numpy(object),
        rows["seq"].to_numpy(np.int64),
        rows["price"].to_numpy(np.float64),
        rows["size"].to_numpy(np.float64),
        np.full(len(rows), np.nan),
        np.full(len(rows), np.nan),
    )


def resampled(rows: pd.DataFrame, rule: str) -> pd.DataFrame:
    by_time = rows.set_index("time").assign(turnover=lambda each: each["price"] * each["size"])
    grouped = by_time.resample(rule, label="left", closed="left")
    wanted: pd.DataFrame = grouped["price"].ohlc()
    wanted["volume"] = grouped["size"].sum().astype(float)
    wanted["turnover"] = grouped["turnover"].sum()
    wanted["trades"] = grouped["price"].count()
    wanted["first_seq"], wanted["last_seq"] = grouped["seq"].first(), grouped["seq"].last()
    wanted.index = pd.DatetimeIndex(wanted.index).tz_convert("UTC").as_unit("us")
    return wanted[wanted["trades"] > 0]


def test_the_day_is_stored_once_and_reads_as_pandas_resamples_it(
    tickdeck: Tickdeck, trades: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    symbols = sorted(trades["symbol"].unique())
    first = tickdeck("load", DAY, "--conditions", "all", "--json")
    assert (first.code, first.summary["stored"], first.summary["rejected"]) == (0, len(trades), 0)
    assert first.summary["assumed_us_equities"] == symbols
    monkeypatch.setenv("DATABASE_URL", tickdeck.url)
    candles = {
        (symbol, interval): resampled(trades[trades["symbol"] == symbol], rule)
        for symbol in symbols
        for interval, rule in RULES.items()
    }
    for (symbol, interval), wanted in candles.items():
        found = frames.candles(symbol, interval)
        pd.testing.assert_frame_equal(
            found, wanted[found.columns], check_freq=False, check_names=False, rtol=1e-12, atol=0
        )
    asyncio.run(_build_and_check(tickdeck.url, trades, candles))
    again = tickdeck("load", DAY, "--conditions", "all", "--json")
    assert (again.code, again.summary["stored"], again.summary["rejected"]) == (0, 0, 0)
    assert again.summary["already"] == len(trades)


async def _build_and_check(
    url: str, trades: pd.DataFrame, candles: Mapping[tuple[str, str], pd.DataFrame]
) -> None:
    """Once built they are the same; those of seconds are never built."""
    reader = await open_pool(url, role="reader")
    try:
        assert await Builder(reader).drain() > 0
        for symbol in sorted({symbol for symbol, _ in candles}):
            for interval in INTERVALS:
                if interval.endswith("s"):
                    continue
                wanted = candles[symbol, interval]
                found = await read_candles(reader, symbol, interval, limit=100_000)
                assert [c.time_us for c in found] == wanted.index.astype("int64").tolist()
                for name in wanted.columns:
                    stored = [getattr(candle, name) for candle in found]
                    np.testing.assert_allclose(stored, wanted[name], rtol=1e-12, atol=0)
        assert await verify(reader) == []
        await _check_instants(reader, trades, sorted({symbol for symbol, _ in candles}))
    finally:
        await reader.close()


async def _check_instants(reader: Any, trades: pd.DataFrame, symbols: list[str]) -> None:
    """The day as it was at some instants, in the middle of ticks that share their time too."""
    whole = batch_of(trades)
    for position in np.random.default_rng(7).integers(0, len(trades), 4):
        at = (int(whole.time_us[position]), int(whole.seq[position]))
        past = trades[(whole.time_us < at[0]) | ((whole.time_us == at[0]) & (whole.seq <= at[1]))]
        quotes = {quote.symbol: quote for quote in await read_quotes(reader, at=at)}
        assert sorted(quotes) == sorted(past["symbol"].unique())
        for symbol in sorted(quotes):
            mine = past[past["symbol"] == symbol]
            mine = mine[mine["time"].dt.date == mine["time"].iloc[-1].date()]
            quote = quotes[symbol]
            assert (quote.last, quote.last_seq, quote.trades) == (
                mine["price"].iloc[-1], mine["seq"].iloc[-1], len(mine),
            )  # fmt: skip
            assert (quote.open, quote.high, quote.low) == (
                mine["price"].iloc[0], mine["price"].max(), mine["price"].min(),
            )  # fmt: skip
            assert quote.volume == mine["size"].sum()
        symbol = symbols[int(position) % len(symbols)]
        mine = past[past["symbol"] == symbol]
        for interval in INTERVALS:
            candles = await read_candles_at(reader, symbol, interval, at=at, limit=100_000)
            wanted = resampled(mine, RULES[interval])
            assert [(c.open, c.high, c.low, c.close, c.trades) for c in candles] == list(
                wanted[["open", "high", "low", "close", "trades"]].itertuples(index=False, name=None)
            )


@pytest.fixture(scope="module")
def spy(trades: pd.DataFrame) -> tuple[pd.DataFrame, TickBatch]:
    """SPY's rows, and the ticks that they are, with exchanges and conditions."""
    rows = trades[trades["symbol"] == "SPY"]
    ticks = replace(
        batch_of(rows),
        exchange=rows["exchange"].to_numpy(object),
        conditions=rows["conditions"].to_numpy(object),
    )
    return rows, ticks


@pytest.fixture(scope="module")
def stored(_tickdeck_databases: Databases, spy: tuple[pd.DataFrame, TickBatch]) -> Iterator[str]:
    """The address of a database with SPY's day, each tick moving what its conditions say."""

    async def store(url: str) -> None:
        owner = await asyncpg.connect(url)
        await owner.execute("insert into instruments (symbol, timezone) values ('SPY', $1)", NEW_YORK)
        await owner.close()
        writer = await open_pool(url, role="writer")
        for part in spy[1].chunks(50_000):
            assert (await TickStore(writer).write(part)).stored == len(part)
        await writer.close()

    with _tickdeck_databases.copy() as url:
        asyncio.run(store(url))
        yield url


@pytest.mark.skipif(not REAL_DAY.exists(), reason="the real day lies beside the repository only")
async def test_average_prices_and_late_reports_move_no_price(
    stored: str, spy: tuple[pd.DataFrame, TickBatch]
) -> None:
    """SPY's evening is the market's, without the reports of a million shares at 168.90 agreed on at noon."""
    rows, batch = spy
    reader = await open_pool(stored, role="reader")
    try:
        (day,) = await read_candles_at(reader, "SPY", "1d", at=(int(batch.time_us[-1]), 2**63 - 1))
        assert (day.open, day.high, day.low, day.close) == (167.41, 168.45, 167.01, 167.3)
        official = rows["conditions"].map(lambda mask: int(mask, 16) & (1 << 24 | 1 << 26) != 0)
        assert official.any()
        assert (day.volume, day.trades) == (rows["size"][~official].sum(), len(rows))
        minutes = await read_candles_at(reader, "SPY", "1m", at=(int(batch.time_us[-1]), 2**63 - 1))
        close_us = pd.Timestamp("2013-10-07 16:00", tz=NEW_YORK).value // 1000
        evening = [candle for candle in minutes if candle.time_us >= close_us]
        assert len(evening) > 100
        assert max(candle.high for candle in evening) < 168.2
        minutes = await read_candles_at(
            reader, "SPY", "1m", at=(int(batch.time_us[-1]), 2**63 - 1), limit=2_000
        )
        opens_us = pd.Timestamp("2013-10-07 09:30", tz=NEW_YORK).value // 1000
        regular = [candle for candle in minutes if opens_us <= candle.time_us < close_us]
        calendar = TradingCalendar("XNYS", NEW_YORK)
        for at_us in (
            close_us - 1,
            int(batch.time_us[-1]),
        ):  # at the close, and after all that was printed since
            shown = await read_regular_day(reader, "SPY", calendar, at_us)
            assert shown is not None
            assert (shown.open, shown.high, shown.low, shown.close) == (
                regular[0].open, max(c.high for c in regular), min(c.low for c in regular), regular[-1].close,
            )  # fmt: skip
            assert (shown.open, shown.low, shown.close) == (167.42, 167.25, 167.45)
        assert await verify(reader) == []
    finally:
        await reader.close()


@pytest.mark.skipif(not REAL_DAY.exists(), reason="the real day lies beside the repository only")
async def test_the_day_has_its_point_of_control_without_average_prices(stored: str) -> None:
    """Its order flow, folded from the ticks and once built, is what pandas makes of what the conditions say."""
    reader = await open_pool(stored, role="reader")
    try:
        ticks = pd.DataFrame(
            [
                tuple(row)
                for row in await reader.fetch(
                    "select time, price, size, updates from ticks order by time, seq"
                )
            ],
            columns=["time", "price", "size", "updates"],
        )
        start, end = utc("2013-10-07"), utc("2013-10-08")
        fresh = await read_cells(reader, "SPY", start, end)
        await Builder(reader).drain()
        await OrderFlowBuilder(reader).drain()
        both: list[FlowCells] = [fresh, await read_cells(reader, "SPY", start, end)]
    finally:
        await reader.close()
    updates = ticks["updates"].fillna(7).astype(int)
    counted = ticks[(updates & 4 > 0) & (updates & 3 > 0)].copy()
    hour = counted["time"].dt.floor("h")
    moved = np.sign(counted.groupby(hour)["price"].diff()).replace(0, np.nan)
    counted["side"] = moved.groupby(hour).ffill().fillna(0)
    for side, name in ((1, "bought"), (-1, "sold"), (0, "unsided")):
        counted[name] = counted["size"].where(counted["side"] == side, 0.0)
    wanted = counted.groupby("price")[["bought", "sold", "unsided"]].sum()
    for cells in both:
        made = profile_of(cells)
        assert made.price.tolist() == wanted.index.tolist()
        for name in ("bought", "sold", "unsided"):
            assert getattr(made, name).tolist() == wanted[name].tolist()
        assert cells.sides.ticks == int((counted["side"] != 0).sum())
        assert made.point_of_control == wanted.sum(axis=1).idxmax()
        assert made.point_of_control != 168.90  # one print of a million shares at an average price
