"""A real New York day: every candle of every interval equals a pandas resample of the file.

The file lies beside the repository, never in it; without it the small sample in tests/data stands for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import asyncpg
import numpy as np
import pandas as pd
import pytest

from db import frames
from db.candles import read_candles_at
from db.market import INTERVALS, TickBatch
from db.pool import open_pool
from db.quotes import read_quotes
from db.rollup import Builder
from db.ticks import TickStore
from db.verify import verify

ROOT: Final = Path(__file__).parents[2]
REAL: Final = ROOT.parent / "shared" / "data" / "us-equities-2013-10-07-trades.csv.gz"
SAMPLE: Final = ROOT / "tests" / "data" / "sample-trades.csv"
NEW_YORK: Final = "America/New_York"
RULES: Final[Mapping[str, str]] = {
    "1s": "1s", "5s": "5s", "15s": "15s", "1m": "1min", "5m": "5min", "15m": "15min", "1h": "1h", "1d": "1D",
}  # fmt: skip


@pytest.fixture(scope="module")
def trades() -> pd.DataFrame:
    """The file's rows in its order, `seq` their number, times in New York."""
    rows = pd.read_csv(
        REAL if REAL.exists() else SAMPLE, dtype={"symbol": str, "exchange": str, "conditions": str}
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
    grouped = by_time.resample(rule)
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
        store = TickStore(writer)
        for batch in batch_of(trades).chunks(50_000):
            assert (await store.write(batch)).stored == len(batch)
        for built in (False, True):
            if built:
                assert await Builder(reader).drain() > 0
            for symbol in symbols:
                rows = trades[trades["symbol"] == symbol]
                for interval, rule in RULES.items():
                    if built and interval not in {"1h", "1d"}:
                        continue  # only these read otherwise once built
                    found = frames.candles(symbol, interval)
                    pd.testing.assert_frame_equal(
                        found, resampled(rows, rule), check_freq=False, check_names=False, rtol=1e-12, atol=0
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
