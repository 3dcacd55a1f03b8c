"""What follows a trend and turns with it: Supertrend, parabolic SAR, ADX by TA-Lib; Ichimoku."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import talib

from tickdeck.db.market.columns import CandleColumns, Floats
from tickdeck.db.market.indicators.averages import Length, wilder_warm_up
from tickdeck.db.market.indicators.channels import Width
from tickdeck.db.market.indicators.kinds import Between, Line, indicator

TURNS = 500
"""Candles within which a trend has turned, after which it does not matter where the computation began."""
Step = Annotated[float, Between(0.0001, 1)]


@indicator(warm_up=lambda period, **_: wilder_warm_up(period) + TURNS, lines=[Line("supertrend", "steps")])
def supertrend(candles: CandleColumns, period: Length = 10, multiple: Width = 3.0) -> Floats:
    """Supertrend: a stop of average true ranges that only moves with the trend"""
    return talib.SUPERTREND(candles.high, candles.low, candles.close, period, multiple)[0]


@indicator(lines=[Line("psar", "dots")], warm_up=TURNS)
def psar(candles: CandleColumns, step: Step = 0.02, most: Step = 0.2) -> Floats:
    """Parabolic SAR"""
    return talib.SAR(candles.high, candles.low, step, most)


@indicator(
    pane="own",
    lines=("adx", "plus", "minus"),
    levels=(25,),
    warm_up=lambda period: 2 * wilder_warm_up(period),
)
def adx(candles: CandleColumns, period: Length = 14) -> Sequence[Floats]:
    """Average directional index, with +DI and -DI"""
    prices = candles.high, candles.low, candles.close, period
    return talib.ADX(*prices), talib.PLUS_DI(*prices), talib.MINUS_DI(*prices)


def _ichimoku_lines(displacement: int, **_: Any) -> list[Line]:
    return [
        Line("conversion"),
        Line("base"),
        Line("lead_a", shift=displacement),
        Line("lead_b", shift=displacement),
        Line("lagging", shift=-displacement),
    ]


@indicator(
    lines=_ichimoku_lines, warm_up=lambda base, lead, displacement, **_: max(base, lead) + displacement
)
def ichimoku(
    candles: CandleColumns,
    conversion: Length = 9,
    base: Length = 26,
    lead: Length = 52,
    displacement: Length = 26,  # noqa: ARG001 - says where the lines are drawn
) -> Sequence[Floats]:
    """Ichimoku: conversion and base line, the two leading spans, the lagging span"""
    tenkan = talib.MIDPRICE(candles.high, candles.low, conversion)
    kijun = talib.MIDPRICE(candles.high, candles.low, base)
    senkou_b = talib.MIDPRICE(candles.high, candles.low, lead)
    return tenkan, kijun, (tenkan + kijun) / 2, senkou_b, candles.close


KINDS = (supertrend, psar, adx, ichimoku)
