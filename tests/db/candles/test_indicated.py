"""Indicators of stored candles are those of all candles there are, wherever the range begins."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pandas as pd
import pytest
import talib

from tests.reference import utc
from tickdeck.db import frames
from tickdeck.db.candles import indicated
from tickdeck.db.market.indicators import IndicatorError, parse_all
from tickdeck.db.market.types import MINUTE_US
from tickdeck.db.session import open_pool, reading
from tickdeck.testing.ticks import START, TickFactory

ALL = ["ema(20)", "macd", "vwap(session, 2)", "obv", "rsi(5)", "pivots"]


@pytest.fixture
def days(tickdeck_db: str, tick_factory: TickFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three days of 400 minutes with ticks."""
    monkeypatch.setenv("DATABASE_URL", tickdeck_db)
    for day in (0, 1, 4):
        tick_factory(1200, start=START + timedelta(days=day), every=timedelta(seconds=20))


@pytest.mark.usefixtures("days")
def test_a_part_has_the_values_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = frames.candles("SPY", "1m", indicators=ALL)
    assert len(whole) == 1200
    assert (whole["ema(20)"].dropna() == talib.EMA(whole["close"].to_numpy(), 20)[19:]).all()
    monkeypatch.setattr(indicated, "_PAGE", 70)
    for first, last in ((1150, 1200), (800, 801), (790, 810), (3, 30)):
        start, end = whole.index[first], whole.index[last - 1] + timedelta(minutes=1)
        part = frames.candles("SPY", "1m", start, end, indicators=ALL)
        pd.testing.assert_frame_equal(part, whole.iloc[first:last], rtol=1e-9, atol=1e-8)
    empty = frames.candles("SPY", "1m", "2030-01-01", indicators=ALL)
    assert (len(empty), list(empty.columns)) == (0, list(whole.columns))


@pytest.mark.usefixtures("days")
def test_what_would_count_too_far_back_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indicated, "MOST_BEFORE", 300)
    start = START + timedelta(minutes=290)
    assert len(frames.candles("SPY", "1m", start, indicators=["vwap(all)"])) == 910
    with pytest.raises(IndicatorError, match=r"vwap\(anchor=all\): .* more than 300 1m candles to count"):
        frames.candles("SPY", "1m", START + timedelta(days=1), indicators=["vwap(all)"])


def test_only_what_is_needed_is_read(tickdeck_db: str, days: None) -> None:
    async def read() -> list[int]:
        pool = await open_pool(tickdeck_db, role="reader")
        counts = []
        try:
            async with reading(pool) as connection:
                at_us = utc((START + timedelta(days=4, minutes=10)).isoformat())
                for texts in (
                    ["sma(5)"],
                    ["vwap"],
                    ["vwap", "sma(20)"],
                    ["vwap(2026-01-06T14:00Z)"],
                    ["obv(all)"],
                ):
                    before = await indicated.read_before(
                        connection, "SPY", "1m", parse_all(texts), at_us, "UTC"
                    )
                    counts.append(len(before))
                    assert all(a.time_us < b.time_us for a, b in pairwise(before))
                    assert not before or before[-1].time_us == at_us - MINUTE_US
        finally:
            await pool.close()
        return counts

    assert asyncio.run(read()) == [5, 10, 20, 410, 810]
