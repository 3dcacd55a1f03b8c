"""What swings in a pane below the prices, by TA-Lib."""

from __future__ import annotations

from collections.abc import Sequence

import talib

from tickdeck.db.market.columns import CandleColumns, Floats, Source
from tickdeck.db.market.indicators.averages import Length, exponential_warm_up, wilder_warm_up
from tickdeck.db.market.indicators.kinds import Line, indicator


@indicator(pane="own", levels=(30, 70), warm_up=lambda period, **_: wilder_warm_up(period))
def rsi(candles: CandleColumns, period: Length = 14, source: Source = "close") -> Floats:
    """Relative strength index"""
    return talib.RSI(candles.source(source), period)


@indicator(
    pane="own",
    lines=[Line("macd"), Line("signal"), Line("histogram", "histogram")],
    levels=(0,),
    warm_up=lambda fast, slow, signal, **_: (
        exponential_warm_up(max(fast, slow)) + exponential_warm_up(signal)
    ),
)
def macd(
    candles: CandleColumns, fast: Length = 12, slow: Length = 26, signal: Length = 9, source: Source = "close"
) -> Sequence[Floats]:
    """Moving average convergence/divergence"""
    return talib.MACD(candles.source(source), fast, slow, signal)


@indicator(pane="own", lines=("k", "d"), levels=(20, 80), warm_up=lambda period, k, d: period + k + d)
def stochastic(candles: CandleColumns, period: Length = 14, k: int = 3, d: int = 3) -> Sequence[Floats]:
    """Stochastic oscillator"""
    return talib.STOCH(candles.high, candles.low, candles.close, period, k, slowd_period=d)


@indicator(pane="own", warm_up=wilder_warm_up)
def atr(candles: CandleColumns, period: Length = 14) -> Floats:
    """Average true range"""
    return talib.ATR(candles.high, candles.low, candles.close, period)


@indicator(pane="own", levels=(20, 80), warm_up=lambda period: period + 1)
def mfi(candles: CandleColumns, period: Length = 14) -> Floats:
    """Money flow index"""
    return talib.MFI(candles.high, candles.low, candles.close, candles.volume, period)


@indicator(pane="own", levels=(-100, 100), warm_up=lambda period: period)
def cci(candles: CandleColumns, period: Length = 20) -> Floats:
    """Commodity channel index"""
    return talib.CCI(candles.high, candles.low, candles.close, period)


KINDS = (rsi, macd, stochastic, atr, mfi, cci)
