"""Bands around the price, by TA-Lib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import talib

from tickdeck.db.market.columns import CandleColumns, Floats, Source
from tickdeck.db.market.indicators.averages import Length, exponential_warm_up, wilder_warm_up
from tickdeck.db.market.indicators.kinds import Between, indicator

Width = Annotated[float, Between(0.01, 100)]
_LINES: Final = ("upper", "middle", "lower")


@indicator(lines=_LINES, warm_up=lambda period, **_: period)
def bollinger(
    candles: CandleColumns, period: Length = 20, deviations: Width = 2.0, source: Source = "close"
) -> Sequence[Floats]:
    """Bollinger bands: standard deviations around the simple average"""
    return talib.BBANDS(candles.source(source), period, deviations, deviations)


@indicator(
    lines=_LINES,
    warm_up=lambda period, atr, **_: max(exponential_warm_up(period), wilder_warm_up(atr)),
)
def keltner(
    candles: CandleColumns, period: Length = 20, atr: Length = 10, multiple: Width = 2.0
) -> Sequence[Floats]:
    """Keltner channel: average true ranges around the exponential average of (high + low + close) / 3"""
    return talib.KC(candles.high, candles.low, candles.close, period, atr, multiple)


@indicator(lines=_LINES, warm_up=lambda period: period)
def donchian(candles: CandleColumns, period: Length = 20) -> Sequence[Floats]:
    """Donchian channel: highest high and lowest low"""
    return talib.DONCHIAN(candles.high, candles.low, period)


KINDS = (bollinger, keltner, donchian)
