"""A real New York day: every candle of every interval equals a pandas resample of the file.

The file lies beside the repository, never in it; without it the small sample in tests/data stands for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import asyncpg
import numpy as np
import pandas as pd
import pytest

from tests.paths import REAL_DAY, SAMPLE
from tickdeck.db import frames
from tickdeck.db.candles.build import Builder
from tickdeck.db.candles.read import read_candles_at
from tickdeck.db.candles.verify import verify
from tickdeck.db.market.sessions import TradingCalendar
from tickdeck.db.market.types import INTERVALS, TickBatch
from tickdeck.db.quotes import read_quotes
from tickdeck.db.replay_reads import read_regular_day
from tickdeck.db.session import open_pool
from tickdeck.db.ticks.store import TickStore

NEW_YORK: Final = "America/New_York"
RULES: Final[Mapping[str, str]] = {
    "1s": "1s", "5s": "5s", "15s": "15s", "30s": "30s", "1m": "1min", "3m": "3min", "5m": "5min", "15m": "15min",
    "30m": "30min", "1h": "1h", "2h": "2h", "4h": "4h", "1d": "1D", "1w": "W-MON", "1M": "MS",
}  # fmt: skip


@pytest.fixture(scope="module")
def trades() -> pd.DataFrame:
    """The file's rows in its order, `seq` their number, times in New York."""
    rows = pd.read_csv(
        REAL_DAY if REAL_DAY.exists() else SAMPLE, dtype={"symbol": str, "exchange": str, "conditions": str}
    )
    rows["seq"] = np.arange(len(rows))
    rows["time"] = pd.to_datetime(rows["time"], format="ISO8601").dt.tz_convert(NEW_YORK)
    return rows.sort_values(["time", "seq"], ignore_index=True)


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
    wanted.index = pd.DatetimeIndex(wanted.index).tz_convert("UTC").as_unit("us")
    return wanted[wanted["trades"] > 0]


async def test_the_day_reads_as_pandas_resamples_it(
    tickdeck_db: str, trades: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", tickdeck_db)
    owner = await asyncpg.connect(tickdeck_db)
    symbols = sorted(trades["symbol"].unique())
    await owner.executemany(
        "insert into instruments (symbol, timezone) values ($1, $2)", [(each, NEW_YORK) for each in symbols]
    )
    await owner.close()
    writer = await open_pool(tickdeck_db, role="writer")
    reader = await open_pool(tickdeck_db, role="reader")
    try:
        candles = {
            (symbol, interval): resampled(trades[trades["symbol"] == symbol], rule)
            for symbol in symbols
            for interval, rule in RULES.items()
        }
        store = TickStore(writer)
        for batch in batch_of(trades).chunks(50_000):
            assert (await store.write(batch)).stored == len(batch)
        for built in (False, True):
            if built:
                assert await Builder(reader).drain() > 0
            for (symbol, interval), wanted in candles.items():
                if built and interval.endswith("s"):
                    continue  # these read the same once built
                found = frames.candles(symbol, interval)
                pd.testing.assert_frame_equal(
                    found, wanted, check_freq=False, check_names=False, rtol=1e-12, atol=0
                )
        assert await verify(reader) == []
        await _check_instants(reader, trades, symbols)
    finally:
        await reader.close()
        await writer.close()


async def _check_instants(reader: Any, trades: pd.DataFrame, symbols: list[str]) -> None:
    """The day as it was at some instants, in the middle of ticks that share their time too."""
    whole = batch_of(trades)
    for position in np.random.default_rng(7).integers(0, len(trades), 8):
        row = trades.iloc[int(position)]
        at = (int(whole.time_us[position]), int(row["seq"]))
        past = trades.iloc[: int(position) + 1]
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


@pytest.mark.skipif(not REAL_DAY.exists(), reason="the real day lies beside the repository only")
async def test_average_prices_and_late_reports_move_no_price(tickdeck_db: str, trades: pd.DataFrame) -> None:
    """SPY's evening is the market's, without the reports of a million shares at 168.90 agreed on at noon."""
    owner = await asyncpg.connect(tickdeck_db)
    await owner.execute("insert into instruments (symbol, timezone) values ('SPY', $1)", NEW_YORK)
    await owner.close()
    writer = await open_pool(tickdeck_db, role="writer")
    try:
        rows = trades[trades["symbol"] == "SPY"]
        batch = batch_of(rows)
        batch = replace(
            batch, exchange=rows["exchange"].to_numpy(object), conditions=rows["conditions"].to_numpy(object)
        )
        store = TickStore(writer)
        for part in batch.chunks(50_000):
            await store.write(part)
        (day,) = await read_candles_at(writer, "SPY", "1d", at=(int(batch.time_us[-1]), 2**63 - 1))
        assert (day.open, day.high, day.low, day.close) == (167.41, 168.45, 167.01, 167.3)
        official = rows["conditions"].map(lambda mask: int(mask, 16) & (1 << 24 | 1 << 26) != 0)
        assert official.any()
        assert (day.volume, day.trades) == (rows["size"][~official].sum(), len(rows))
        minutes = await read_candles_at(writer, "SPY", "1m", at=(int(batch.time_us[-1]), 2**63 - 1))
        close_us = pd.Timestamp("2013-10-07 16:00", tz=NEW_YORK).value // 1000
        evening = [candle for candle in minutes if candle.time_us >= close_us]
        assert len(evening) > 100
        assert max(candle.high for candle in evening) < 168.2
        minutes = await read_candles_at(
            writer, "SPY", "1m", at=(int(batch.time_us[-1]), 2**63 - 1), limit=2_000
        )
        opens_us = pd.Timestamp("2013-10-07 09:30", tz=NEW_YORK).value // 1000
        regular = [candle for candle in minutes if opens_us <= candle.time_us < close_us]
        calendar = TradingCalendar("XNYS", NEW_YORK)
        for at_us in (
            close_us - 1,
            int(batch.time_us[-1]),
        ):  # at the close, and after all that was printed since
            shown = await read_regular_day(writer, "SPY", calendar, at_us)
            assert shown is not None
            assert (shown.open, shown.high, shown.low, shown.close) == (
                regular[0].open, max(c.high for c in regular), min(c.low for c in regular), regular[-1].close,
            )  # fmt: skip
            assert (shown.open, shown.low, shown.close) == (167.42, 167.25, 167.45)
        assert await verify(writer) == []
    finally:
        await writer.close()
