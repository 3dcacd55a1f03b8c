"""Folding a block of ticks must be what merging them one by one is."""

import math
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference import Tick, fold_all
from tickdeck.app.market import fold as replay_fold
from tickdeck.app.market.fold import fold_seconds
from tickdeck.db.market.types import Candle, TickBatch

Row = tuple[int, int, str, float, float, float, int]
# Quarters and small whole sizes: their sums are exact, so any order of adding gives the same float.
rows = st.lists(
    st.tuples(
        st.integers(1_000_000_000_000_000, 1_000_000_000_000_000 + 3_000_000),
        st.integers(0, 3),
        st.sampled_from(["AIG", "SPY", "ß"]),
        st.integers(1, 4000).map(lambda n: n / 4),
        st.integers(0, 1000).map(float),
        st.one_of(st.just(math.nan), st.floats(1, 2)),
        st.one_of(st.just(7), st.integers(0, 7)),
    ),
    max_size=60,
    unique_by=lambda row: row[:3],
)


def batch_of(ticks: list[Row]) -> TickBatch:
    columns = list(zip(*ticks, strict=True)) or [()] * 7
    bid = np.array(columns[5], dtype=np.float64)
    return TickBatch(
        np.array(columns[0], dtype=np.int64),
        np.array(columns[2], dtype=object),
        np.array(columns[1], dtype=np.int64),
        np.array(columns[3], dtype=np.float64),
        np.array(columns[4], dtype=np.float64),
        bid,
        bid + 1,
        updates=np.array(columns[6], dtype=np.int16),
    )


@pytest.mark.parametrize("few", [0, 100])
@given(rows)
def test_folding_equals_merging_tick_by_tick(few: int, ticks: list[Row]) -> None:
    ticks.sort()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(replay_fold, "FEW_TICKS", few)
        bars = fold_seconds(batch_of(ticks))
    expected: dict[tuple[int, str], tuple[Candle, float, float]] = {}
    for time_us, seq, symbol, price, size, bid, updates in ticks:
        second = time_us // 1_000_000 * 1_000_000
        one = fold_all([Tick(time_us, seq, price, size, updates=updates)], "1s", ZoneInfo("UTC"))[0]
        had = expected.get((second, symbol))
        sides = (bid, bid + 1) if one.priced else (math.nan, math.nan) if had is None else had[1:]
        expected[second, symbol] = (one if had is None else had[0].merge(one), *sides)

    assert [(bar.candle.time_us, bar.symbol) for bar in bars] == sorted(expected)
    for bar in bars:
        candle, bid, ask = expected[bar.candle.time_us, bar.symbol]
        assert bar.candle == candle
        assert bar.bid == (None if math.isnan(bid) else bid)
        assert bar.ask == (None if math.isnan(ask) else ask)


def test_values_are_plain_python() -> None:
    bar = fold_seconds(batch_of([(1_500_000, 7, "SPY", 2.0, 3.0, math.nan, 7)]))[0]
    assert bar.candle == Candle(1_000_000, 2.0, 2.0, 2.0, 2.0, 3.0, 6.0, 1, 1_500_000, 7, 1_500_000, 7)
    assert {type(value) for value in (bar.candle.time_us, bar.candle.trades, bar.candle.last_seq)} == {int}
    assert type(bar.candle.volume) is float


@pytest.mark.parametrize("count", [0, 1])
def test_small_batches(count: int) -> None:
    assert len(fold_seconds(batch_of([(0, 0, "A", 1.0, 1.0, math.nan, 7)][:count]))) == count
