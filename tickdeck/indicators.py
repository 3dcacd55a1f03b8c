"""What an indicator of your own is made with; docs/indicators.md shows one."""

from __future__ import annotations

from tickdeck.db.market.indicators import (
    Between,
    CandleColumns,
    Indicator,
    IndicatorError,
    Kind,
    Line,
    compute,
    indicator,
    kinds,
    parse,
)

__all__ = [
    "Between",
    "CandleColumns",
    "Indicator",
    "IndicatorError",
    "Kind",
    "Line",
    "compute",
    "indicator",
    "kinds",
    "parse",
]
