"""Indicators: equal to TA-Lib and to pandas, the same wherever the candles begin, and clear about what cannot be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import talib

from tests.reference import utc
from tickdeck.db.market.columns import CandleColumns, Floats
from tickdeck.db.market.indicators import (
    MOST,
    Between,
    IndicatorError,
    Line,
    compute,
    indicator,
    kinds,
    looks_back,
    parse,
    parse_all,
)
from tickdeck.db.market.types import DAY_US, MINUTE_US

NEW_YORK = "America/New_York"


def walk(count: int = 1500, *, seed: int = 7, start: str = "2024-03-04") -> CandleColumns:
    """Candles of 1m from 14:30 to 21:00 UTC of each day, with gaps, and some without volume."""
    random = np.random.default_rng(seed)
    close = 100 + random.normal(0, 0.05, count).cumsum().round(2)
    open_ = close + random.normal(0, 0.03, count).round(2)
    high = np.maximum(open_, close) + random.random(count).round(2) / 10
    low = np.minimum(open_, close) - random.random(count).round(2) / 10
    volume = random.integers(0, 500, count).astype(np.float64)
    minute = np.arange(count)
    time_us = utc(start) + minute // 390 * DAY_US + (870 + minute % 390) * MINUTE_US
    typical = (high + low + 2 * close) / 4
    return CandleColumns(
        time_us.astype(np.int64), open_, high, low, close, volume, typical * volume, "1m", NEW_YORK
    )


CANDLES = walk()
H, L, C, V = CANDLES.high, CANDLES.low, CANDLES.close, CANDLES.volume


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sma(10)", [talib.SMA(C, 10)]),
        ("ema(20)", [talib.EMA(C, 20)]),
        ("ema(20, source=hl2)", [talib.EMA((H + L) / 2, 20)]),
        ("wma(9)", [talib.WMA(C, 9)]),
        ("hma(16)", [talib.HMA(C, 16)]),
        ("volume_average(20)", [talib.SMA(V, 20)]),
        ("bollinger(20, 2.5)", talib.BBANDS(C, 20, 2.5, 2.5)),
        ("keltner(20, 10, 1.5)", talib.KC(H, L, C, 20, 10, 1.5)),
        ("donchian(20)", talib.DONCHIAN(H, L, 20)),
        ("supertrend(10, 3)", [talib.SUPERTREND(H, L, C, 10, 3)[0]]),
        ("psar(0.02, 0.2)", [talib.SAR(H, L, 0.02, 0.2)]),
        ("adx(14)", [talib.ADX(H, L, C, 14), talib.PLUS_DI(H, L, C, 14), talib.MINUS_DI(H, L, C, 14)]),
        ("rsi(14)", [talib.RSI(C, 14)]),
        ("macd(12, 26, 9)", talib.MACD(C, 12, 26, 9)),
        ("stochastic(14, 3, 3)", talib.STOCH(H, L, C, 14, 3, slowd_period=3)),
        ("atr(14)", [talib.ATR(H, L, C, 14)]),
        ("mfi(14)", [talib.MFI(H, L, C, V, 14)]),
        ("cci(20)", [talib.CCI(H, L, C, 20)]),
        ("obv(all)", [talib.OBV(C, V)]),
    ],
)
def test_values_are_those_of_talib(text: str, expected: list[Floats]) -> None:
    found = parse(text).compute(CANDLES)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.isfinite(one[-1])


def test_averages_are_those_of_pandas() -> None:
    close = pd.Series(C)
    np.testing.assert_allclose(parse("sma(10)").compute(CANDLES)[0], close.rolling(10).mean(), rtol=1e-12)
    seeded = close.copy()
    seeded[19], seeded[:19] = close[:20].mean(), np.nan
    expected = seeded[19:].ewm(span=20, adjust=False).mean()
    np.testing.assert_allclose(parse("ema(20)").compute(CANDLES)[0][19:], expected, rtol=1e-12)


def days_of(candles: CandleColumns) -> pd.Series[str]:
    times = pd.to_datetime(candles.time_us, unit="us", utc=True).tz_convert(NEW_YORK)
    return pd.Series(times.strftime("%Y-%m-%d"))


def test_vwap_begins_anew_with_each_trading_day_and_has_bands() -> None:
    day = days_of(CANDLES)
    turnover, volume = pd.Series(CANDLES.turnover), pd.Series(V)
    sums = volume.groupby(day).cumsum()
    expected = turnover.groupby(day).cumsum() / sums
    mean, upper, lower = parse("vwap(session, 2)").compute(CANDLES)
    np.testing.assert_allclose(mean, expected, rtol=1e-12)
    last = day == day.iloc[-1]
    own = (turnover / volume)[last & (volume > 0)]
    weights = volume[last & (volume > 0)]
    deviation = np.sqrt(np.average((own - np.average(own, weights=weights)) ** 2, weights=weights))
    np.testing.assert_allclose([upper[-1], lower[-1]], mean[-1] + np.array([2, -2]) * deviation, rtol=1e-9)
    assert parse("vwap(day, bands=2)") == parse("vwap(session, 2)")


def test_an_anchored_vwap_begins_at_its_instant() -> None:
    anchored = parse("vwap(2024-03-05T15:00Z)")
    (found,) = anchored.compute(CANDLES)
    first = int(np.searchsorted(CANDLES.time_us, utc("2024-03-05T15:00Z")))
    assert np.isnan(found[:first]).all()
    part = slice(first, None)
    expected = CANDLES.turnover[part].cumsum() / V[part].cumsum()
    np.testing.assert_allclose(found[part], expected, rtol=1e-12)
    before = CANDLES.take(slice(0, 10))
    assert np.isnan(anchored.compute(before)[0]).all()


def test_obv_begins_anew_each_day_at_a_minute_and_each_month_at_an_hour() -> None:
    day = days_of(CANDLES).to_numpy()
    (found,) = parse("obv").compute(CANDLES)
    for each in np.unique(day):
        np.testing.assert_array_equal(found[day == each], talib.OBV(C[day == each], V[day == each]))
    assert parse("obv").since(int(CANDLES.time_us[-1]), "1m", NEW_YORK) == utc("2024-03-07T05:00Z")
    assert parse("obv").since(int(CANDLES.time_us[-1]), "1h", NEW_YORK) == utc("2024-03-01T05:00Z")


def test_pivots_are_those_of_the_day_before() -> None:
    day = days_of(CANDLES)
    table = pd.DataFrame({"h": H, "l": L, "c": C}).groupby(day).agg({"h": "max", "l": "min", "c": "last"})
    found = dict(zip(parse("pivots").columns, parse("pivots").compute(CANDLES), strict=True))
    assert np.isnan(found["pivots.p"][:390]).all()
    high, low, close = table.iloc[1]
    pivot = (high + low + close) / 3
    third_day = 800
    assert found["pivots.p"][third_day] == pytest.approx(pivot)
    assert found["pivots.r1"][third_day] == pytest.approx(2 * pivot - low)
    assert found["pivots.s2"][third_day] == pytest.approx(pivot - (high - low))
    assert parse("pivots(form=fibonacci)").compute(CANDLES)[1][third_day] == pytest.approx(
        pivot + 0.382 * (high - low)
    )


def test_ichimoku_is_made_of_midpoints_and_says_where_they_are_drawn() -> None:
    cloud = parse("ichimoku")
    high, low = pd.Series(H), pd.Series(L)
    middle = {n: (high.rolling(n).max() + low.rolling(n).min()) / 2 for n in (9, 26, 52)}
    expected = [middle[9], middle[26], (middle[9] + middle[26]) / 2, middle[52], pd.Series(C)]
    for one, other in zip(cloud.compute(CANDLES), expected, strict=True):
        np.testing.assert_allclose(one, other.to_numpy(), rtol=1e-12)
    assert [line.shift for line in cloud.lines] == [0, 0, 26, 26, -26]


@pytest.mark.parametrize(
    "text", [kind.name for kind in kinds()[0]] + ["ema(100)", "adx(50)", "vwap(week, 2)"]
)
def test_values_do_not_depend_on_where_the_candles_begin(text: str) -> None:
    """Of as many candles as it says it looks back, the first wanted value is right."""
    candles = walk(9000)
    each = parse(text)
    first = len(candles) - 100
    warm_up, since = looks_back([each], int(candles.time_us[first]), "1m", NEW_YORK)
    begin = first - warm_up
    if since is not None:
        begin = min(begin, int(np.searchsorted(candles.time_us, since)))
    part = each.compute(candles.take(slice(begin, None)))
    for one, other in zip(part, each.compute(candles), strict=True):
        np.testing.assert_allclose(one[first - begin :], other[first:], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("text", [kind.name for kind in kinds()[0]])
@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_few_candles_give_few_values_and_no_error(text: str, count: int) -> None:
    for column in parse(text).compute(CANDLES.take(slice(0, count))):
        assert column.shape == (count,)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("ema", "ema(20)"),
        (" EMA( 9 ) ", "ema(9)"),
        ("ema(period=9, source=close)", "ema(9)"),
        ("bollinger(20,2.50)", "bollinger(20, 2.5)"),
        ("vwap", "vwap"),
        ("vwap(bands=2)", "vwap(bands=2)"),
        ("vwap(anchor=2024-03-05)", "vwap(anchor=2024-03-05T00:00:00Z)"),
        ("psar(0.0213456789)", "psar(0.0213456789, 0.2)"),
    ],
)
def test_one_spelling_for_each(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical
    assert parse(canonical) == parse(text)
    assert hash(parse(canonical)) == hash(parse(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("foo", "'foo' is unknown; there are adx"),
        ("ema(0)", "ema: period must be from 2 to 2000, not 0"),
        ("ema(2.5)", "ema: period must be a whole number"),
        ("ema(1e3)", "ema: period must be a whole number"),
        ("ema(20, 30)", "ema: source must be one of close, open"),
        ("ema(20, close, 1)", "ema: it has 2 parameters, not 3"),
        ("ema(length=20)", "ema: there is no parameter 'length'; it has period, source"),
        ("ema(20, period=20)", "ema: period is given twice"),
        ("bollinger(20, nan)", "bollinger: deviations must be a number"),
        ("bollinger(20, inf)", "bollinger: deviations must be a number"),
        ("vwap(noon)", "vwap: anchor must be day, week, month, all, or an instant"),
        ("ema(20", "is not a name with its parameters"),
        ("", "is not a name with its parameters"),
        ("ema(" + "9" * 300 + ")", "at most 200 characters"),
    ],
)
def test_what_cannot_be_is_named(text: str, reason: str) -> None:
    with pytest.raises(IndicatorError) as refused:
        parse(text)
    assert reason in str(refused.value)


def test_several_at_once() -> None:
    assert [str(each) for each in parse_all(["ema(9), macd(12, 26, 9)", "rsi", "EMA(9)"])] == [
        "ema(9)", "macd(12, 26, 9)", "rsi(14)",
    ]  # fmt: skip
    assert list(compute(parse_all(["ema(9),macd"]), CANDLES)) == [
        "ema(9)", "macd(12, 26, 9).macd", "macd(12, 26, 9).signal", "macd(12, 26, 9).histogram",
    ]  # fmt: skip
    with pytest.raises(IndicatorError, match="21 indicators are more than 20"):
        parse_all([f"ema({n})" for n in range(2, MOST + 3)])


def test_what_an_indicator_returns_is_checked() -> None:
    def made(compute_it: Callable[[CandleColumns], object]) -> str:
        @indicator(name="mine", lines=["a", Line("b", "dots")])
        def mine(candles: CandleColumns, width: int = 3, share: float = 0.5) -> Floats:
            return compute_it(candles)  # type: ignore[return-value]

        with pytest.raises(IndicatorError) as refused:
            mine.with_values({}).compute(CANDLES)
        return str(refused.value)

    assert made(lambda _: 1 / 0) == "mine(3, 0.5) cannot be computed: ZeroDivisionError: division by zero"
    assert "must give 2 arrays of 1500 numbers, not (1500,)" in made(lambda candles: candles.close)
    assert "must give 2 arrays of 1500 numbers, not (1500,), (3,)" in made(
        lambda candles: (candles.close, np.ones(3))
    )
    with pytest.raises(IndicatorError, match="parameter width of broken needs a default"):

        @indicator()
        def broken(candles: CandleColumns, width: int) -> Floats:
            return candles.close


def test_bounds_are_those_of_the_annotation() -> None:
    rsi = next(kind for kind in kinds()[0] if kind.name == "rsi")
    assert rsi.parameters[0].bounds == Between(2, 2000)
    assert rsi.title == "Relative strength index"
    assert (rsi.pane, rsi.levels) == ("own", (30, 70))
