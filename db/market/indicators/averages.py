"""Moving averages over the prices, by TA-Lib."""

from __future__ import annotations

from math import ceil, isqrt
from typing import Annotated

import talib

from tickdeck.db.market.columns import CandleColumns, Floats, Source
from tickdeck.db.market.indicators.kinds import MAX_PERIOD, Between, indicator

Length = Annotated[int, Between(2, MAX_PERIOD)]


def exponential_warm_up(period: int) -> int:
    """Candles after which what an exponential average began with weighs less than 1e-10: (1 - 2/(n+1))^(12n) < e^-24."""
    return ceil(12.5 * period) + 1


def wilder_warm_up(period: int) -> int:
    """The same for Wilder's average, whose weight is 1/n."""
    return 25 * period + 1


@indicator(warm_up=lambda period, **_: period)
def sma(candles: CandleColumns, period: Length = 20, source: Source = "close") -> Floats:
    """Simple moving average"""
    return talib.SMA(candles.source(source), period)


@indicator(warm_up=lambda period, **_: exponential_warm_up(period))
def ema(candles: CandleColumns, period: Length = 20, source: Source = "close") -> Floats:
    """Exponential moving average"""
    return talib.EMA(candles.source(source), period)


@indicator(warm_up=lambda period, **_: period)
def wma(candles: CandleColumns, period: Length = 20, source: Source = "close") -> Floats:
    """Weighted moving average"""
    return talib.WMA(candles.source(source), period)


@indicator(warm_up=lambda period, **_: period + isqrt(period) + 1)
def hma(candles: CandleColumns, period: Length = 20, source: Source = "close") -> Floats:
    """Hull moving average"""
    return talib.HMA(candles.source(source), period)


@indicator(pane="own", warm_up=lambda period: period)
def volume_average(candles: CandleColumns, period: Length = 20) -> Floats:
    """Simple moving average of the volume"""
    return talib.SMA(candles.volume, period)


KINDS = (sma, ema, wma, hma, volume_average)
