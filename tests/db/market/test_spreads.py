"""Ratios and spreads: how they are written, and that their candles are what pandas makes of the ticks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickdeck.db.errors import MarketDataError, TickdeckError, UnknownSymbolError
from tickdeck.db.market.spreads import (
    NO_TICKS,
    LegTicks,
    SpreadFold,
    candles_of,
    parse_formula,
    parts_of,
    spread_values,
)
from tickdeck.db.market.types import INTERVAL_SECONDS, Candle, Interval, TickBatch

KNOWN = {"A", "B", "C", "BRK-B", "BTC/USDT", "ETH/USDT", "XYZ Ltd", "a"}
START_US = 1_381_104_000_000_000  # 2013-10-07T00:00Z


def worth(text: str, **prices: float) -> float:
    formula = parse_formula(text, KNOWN)
    given = {"BTC/USDT": 60_000.0, "ETH/USDT": 3_000.0, "BRK-B": 400.0, "XYZ Ltd": 5.0, "a": 7.0} | prices
    return float(formula.value({name: np.array([price]) for name, price in given.items()})[0])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A/B", 2.0),
        ("A-2*B", 0.0),
        ("A - 2 * B", 0.0),
        ("A-B-C", 2.0),
        ("A-(B-C)", 8.0),
        ("A/B/C", 2 / 3),
        ("-A+B", -5.0),
        ("0.5*(A+B)", 7.5),
        (".5*A*-1", -5.0),
        ("BTC/USDT/ETH/USDT", 20.0),
        ('"BTC/USDT"-A', 59_990.0),
        ("BRK-B-A", 390.0),
        ("XYZ Ltd*2", 10.0),
        ("a+A", 17.0),
    ],
)
def test_what_a_formula_is_worth(text: str, value: float) -> None:
    assert worth(text, A=10.0, B=5.0, C=3.0) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "A/",
        "A B",
        "(A",
        "A)",
        "",
        "2*3",
        "A**B",
        "A//B",
        '"A',
        "A^2",
        "__import__('os')",
        "A" * 201,
        "(" * 30 + "A" + ")" * 30,
        "1e5*A",
    ],
)
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(TickdeckError):
        parse_formula(text, KNOWN)


def test_symbols_are_named_that_are_not_known() -> None:
    with pytest.raises(UnknownSymbolError, match="'ZZZ'"):
        parse_formula("A/ZZZ", KNOWN)
    with pytest.raises(MarketDataError, match="more than 6 symbols"):
        parse_formula("+".join("BCDEFGH"), set("BCDEFGH"))


ticks: st.SearchStrategy[list[tuple[int, float, int]]] = st.lists(
    st.tuples(
        st.integers(0, 40_000),  # tenths of a second, so that instants are shared
        st.sampled_from([0.0, 1.0, 1.25, 2.5, 3.0, 1e6]),
        st.sampled_from([7, 4, 6]),  # whether it updates the last price
    ),
    max_size=40,
).map(lambda rows: sorted(rows, key=lambda row: row[0]))


nonzero = ticks.map(lambda rows: [(at, price or 2.0, moves) for at, price, moves in rows])


def batch(symbol: str, rows: list[tuple[int, float, int]]) -> TickBatch:
    count = len(rows)
    nothing = np.full(count, np.nan)
    return TickBatch(
        START_US + 100_000 * np.array([row[0] for row in rows], dtype=np.int64),
        np.full(count, symbol, dtype=object),
        np.arange(count, dtype=np.int64),
        np.array([row[1] for row in rows], dtype=np.float64),
        np.ones(count),
        nothing,
        nothing,
        updates=np.array([row[2] for row in rows], dtype=np.int16),
    )


def by_pandas(one: TickBatch, other: TickBatch, interval: Interval) -> pd.DataFrame:
    """Last prices of both as of each instant (or the end of each part), their ratio, and its candles."""
    part = parts_of(interval)
    series = []
    for each in (one, other):
        moves = (each.updates & 1) != 0 if each.updates is not None else slice(None)
        times = pd.to_datetime(each.time_us[moves], unit="us", utc=True)
        if part is not None:
            times = times.floor(f"{INTERVAL_SECONDS[part]}s")
        prices = pd.Series(each.price[moves], index=times, dtype=float)
        series.append(prices.groupby(level=0).last())
    table = pd.concat(series, axis=1, join="outer", sort=True).ffill()
    with np.errstate(all="ignore"):
        ratio = (table[0] / table[1]).replace([np.inf, -np.inf], np.nan).dropna()
    if ratio.empty:
        return pd.DataFrame(columns=["open", "high", "low", "close", "count"], dtype=float)
    grouped = ratio.groupby(pd.DatetimeIndex(ratio.index).floor(f"{INTERVAL_SECONDS[interval]}s"))
    return pd.concat([grouped.ohlc(), grouped.count().rename("count")], axis=1)


def same(candles: list[Candle], wanted: pd.DataFrame) -> None:
    rows = [(each.open, each.high, each.low, each.close, each.trades) for each in candles]
    assert rows == [tuple(row) for row in wanted.itertuples(index=False)]
    assert [each.time_us for each in candles] == [moment.value // 1_000 for moment in wanted.index]


@given(ticks, ticks, st.sampled_from(["1s", "15s", "1m", "5m", "30m", "1h"]))
def test_candles_are_those_of_pandas(
    first: list[tuple[int, float, int]], second: list[tuple[int, float, int]], interval: Interval
) -> None:
    one, other = batch("A", first), batch("B", second)
    formula = parse_formula("A/B", KNOWN)
    part = parts_of(interval)
    part_us = 0 if part is None else INTERVAL_SECONDS[part] * 1_000_000
    times, values = spread_values(formula, {"A": LegTicks.of(one), "B": LegTicks.of(other)}, {}, part_us)
    same(candles_of(times, values, interval, "UTC"), by_pandas(one, other, interval))


@given(nonzero, nonzero, st.sampled_from(["1s", "1m", "5m"]), st.data())
def test_ticks_that_come_bit_by_bit_give_the_same(
    first: list[tuple[int, float, int]],
    second: list[tuple[int, float, int]],
    interval: Interval,
    data: st.DataObject,
) -> None:
    """In whatever order the symbols' ticks come, and wherever what is before is settled meanwhile."""
    legs = {"A": batch("A", first), "B": batch("B", second)}
    formula = parse_formula("A/B", KNOWN)
    fold = SpreadFold(
        formula,
        interval,
        "UTC",
        START_US,
        {},
        None,
        dict.fromkeys("AB", (-1, 0)),
        dict.fromkeys("AB", NO_TICKS),
    )
    found: dict[int, Candle] = {}
    taken = {"A": 0, "B": 0}
    while any(taken[name] < len(legs[name]) for name in "AB"):
        name: str = data.draw(st.sampled_from([each for each in "AB" if taken[each] < len(legs[each])]))
        upto: int = data.draw(st.integers(taken[name] + 1, len(legs[name])))
        assert fold.put(name, legs[name].take(slice(taken[name], upto)))
        taken[name] = upto
        found |= {each.time_us: each for each in fold.candles()}
        waiting = [int(legs[each].time_us[taken[each]]) for each in "AB" if taken[each] < len(legs[each])]
        settles: bool = data.draw(st.booleans())
        if waiting and settles:
            fold.settle(min(waiting))
    same([found[time_us] for time_us in sorted(found)], by_pandas(legs["A"], legs["B"], interval))


def test_a_tick_before_what_is_settled_is_told() -> None:
    formula = parse_formula("A-B", KNOWN)
    fold = SpreadFold(
        formula, "1m", "UTC", START_US, {}, None, dict.fromkeys("AB", (-1, 0)), dict.fromkeys("AB", NO_TICKS)
    )
    assert fold.put("A", batch("A", [(10, 5.0, 7), (900, 6.0, 7)]))
    fold.settle(START_US + 60_000_000)
    assert not fold.put("B", batch("B", [(20, 1.0, 7)]))
