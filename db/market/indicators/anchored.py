"""What counts from an instant on: VWAP with bands, on-balance volume; and pivots, which a whole day or more gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

import numpy as np
import talib

from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.bar_types import ChartInterval, time_interval
from tickdeck.db.market.columns import CandleColumns, Floats, Period, period_start
from tickdeck.db.market.indicators.kinds import Between, IndicatorError, Line, Text, indicator
from tickdeck.db.market.moments import parse_moment
from tickdeck.db.market.types import DAY_US, EARLIEST_US, INTERVAL_SECONDS, from_us

_PERIODS: Final[tuple[Period, ...]] = ("day", "week", "month")


def _anchor(text: str) -> str:
    """`day`, `week`, `month`, `all`, or an instant in one spelling."""
    if text in {*_PERIODS, "all"}:
        return text
    if text == "session":
        return "day"
    try:
        return from_us(parse_moment(text, "anchor")).isoformat().replace("+00:00", "Z")
    except MarketDataError as exc:
        raise IndicatorError(f"anchor must be day, week, month, all, or an instant: {exc}") from None


Anchor = Annotated[str, Text(_anchor)]
"""From where it counts: each trading day, week or month of the instrument's zone, the first candle, or an instant."""


def _since(time_us: int, _interval: ChartInterval, timezone: str, *, anchor: str, **_: Any) -> int | None:
    if anchor == "all":
        return EARLIEST_US
    for period in _PERIODS:
        if anchor == period:
            return period_start(time_us, period, timezone)
    start_us = parse_moment(anchor, "anchor")
    return start_us if start_us <= time_us else None


def _count(
    candles: CandleColumns, anchor: str, count: Callable[[CandleColumns], Sequence[Floats]]
) -> Sequence[Floats]:
    """`count` over the candles of each stretch that the anchor makes; NaN before an instant."""
    if anchor == "all":
        return count(candles)
    for period in _PERIODS:
        if anchor == period:
            return candles.in_runs(period, count)
    first = int(np.searchsorted(candles.time_us, parse_moment(anchor, "anchor")))
    before = np.full(first, np.nan)
    if first == len(candles):
        return [before for _ in count(candles.take(slice(0, 1)))]
    return [np.concatenate([before, column]) for column in count(candles.take(slice(first, None)))]


def _vwap_lines(bands: float, **_: Any) -> list[Line]:
    return [Line("vwap"), Line("upper"), Line("lower")] if bands else [Line("vwap")]


@indicator(lines=_vwap_lines, since=_since)
def vwap(
    candles: CandleColumns, anchor: Anchor = "day", bands: Annotated[float, Between(0, 100)] = 0.0
) -> Sequence[Floats]:
    """Volume-weighted average price, with bands of so many standard deviations

    Σ price·size / Σ size of the trades themselves, not of (high + low + close) / 3; the deviation is that of the candles'
    own averages, weighted by volume.
    """

    def count(run: CandleColumns) -> Sequence[Floats]:
        volume = np.cumsum(run.volume)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.cumsum(run.turnover) / volume
            if not bands:
                return [mean]
            own = np.where(run.volume > 0, run.turnover / run.volume, 0.0)
            shifted = (
                own - own[np.argmax(run.volume > 0)]
            )  # squares of prices themselves lose the digits that count
            first = np.cumsum(run.volume * shifted) / volume
            spread = np.cumsum(run.volume * shifted * shifted) / volume - first * first
            deviation = bands * np.sqrt(np.maximum(spread, 0.0))
        return [mean, mean + deviation, mean - deviation]

    return _count(candles, anchor, count)


def _obv_anchor(text: str) -> str:
    return text if text == "auto" else _anchor(text)


def _obv_since(time_us: int, interval: ChartInterval, timezone: str, *, anchor: str) -> int | None:
    return _since(time_us, interval, timezone, anchor=_of_interval(anchor, interval))


def _of_interval(anchor: str, interval: ChartInterval) -> str:
    if anchor != "auto":
        return anchor
    seconds = INTERVAL_SECONDS[time_interval(interval)]
    return "day" if seconds <= 60 else "month" if seconds <= 3600 else "all"


@indicator(pane="own", since=_obv_since)
def obv(candles: CandleColumns, anchor: Annotated[str, Text(_obv_anchor)] = "auto") -> Sequence[Floats]:
    """On-balance volume

    Its level means nothing by itself, so it counts anew from each `anchor`: by default each day up to one minute, each month
    up to one hour, and the first candle beyond, which makes it the same whatever part of a chart is read.
    """

    def count(run: CandleColumns) -> Sequence[Floats]:
        return [talib.OBV(run.close, run.volume)]

    return _count(candles, _of_interval(anchor, candles.interval), count)


_PIVOTS: Final = ("p", "r1", "s1", "r2", "s2", "r3", "s3")


def _pivots_since(time_us: int, _interval: ChartInterval, timezone: str, *, period: Period, **_: Any) -> int:
    start_us = period_start(time_us, period, timezone)
    # The one before may lie some closed days back: a market that is closed for longer has none of these.
    return start_us - {"day": 12, "week": 21, "month": 62}[period] * DAY_US


@indicator(lines=[Line(name, "steps") for name in _PIVOTS], since=_pivots_since)
def pivots(
    candles: CandleColumns,
    period: Literal["day", "week", "month"] = "day",
    form: Literal["classic", "fibonacci"] = "classic",
) -> Sequence[Floats]:
    """Pivot points of the trading day, week or month before"""
    found = [np.full(len(candles), np.nan) for _ in _PIVOTS]
    runs = candles.runs(period)
    for before, run in pairwise(runs):
        high, low = float(candles.high[before].max()), float(candles.low[before].min())
        for column, value in zip(
            found, _levels(high, low, float(candles.close[before][-1]), form), strict=True
        ):
            column[run] = value
    return found


def _levels(high: float, low: float, close: float, form: str) -> tuple[float, ...]:
    pivot, width = (high + low + close) / 3, high - low
    if form == "fibonacci":
        steps = (0.382 * width, 0.618 * width, width)
        return (pivot, *(pivot + sign * step for step in steps for sign in (1, -1)))
    return (
        pivot, 2 * pivot - low, 2 * pivot - high, pivot + width, pivot - width,
        high + 2 * (pivot - low), low - 2 * (high - pivot),
    )  # fmt: skip


KINDS = (vwap, obv, pivots)
