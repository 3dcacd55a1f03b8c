"""Candles as columns, which is how indicators take them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tickdeck.db.market.bar_types import ChartInterval
from tickdeck.db.market.buckets import bucket_of
from tickdeck.db.market.types import Candle, Interval

Floats = NDArray[np.float64]
Source = Literal["close", "open", "high", "low", "hl2", "hlc3", "ohlc4", "volume"]
"""One number of each candle; hl2 is the middle of high and low, and so on."""
SOURCES: Final[tuple[Source, ...]] = get_args(Source)
Period = Literal["day", "week", "month"]
_PERIODS: Final[dict[Period, Interval]] = {"day": "1d", "week": "1w", "month": "1M"}


@dataclass(frozen=True, slots=True)
class CandleColumns:
    """Candles of one symbol and interval, oldest first; the last may be forming.

    `time_us` are the starts, int64 µs since the epoch (UTC); the others float64.  `turnover` is Σ price·size.  `timezone`
    is the instrument's IANA zone, whose midnights begin its days.
    """

    time_us: NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    turnover: Floats
    interval: ChartInterval = "1m"
    timezone: str = "UTC"

    @classmethod
    def of(cls, candles: Sequence[Candle], interval: ChartInterval, timezone: str) -> CandleColumns:
        """The columns of `candles`, all of which have a price."""
        time_us = np.array([c.time_us for c in candles], dtype=np.int64)
        open_, high, low, close, volume, turnover = (
            np.array(
                [(c.open, c.high, c.low, c.close, c.volume, c.turnover) for c in candles], dtype=np.float64
            )
            .reshape(-1, 6)
            .T.copy()
        )
        return cls(time_us, open_, high, low, close, volume, turnover, interval, timezone)

    def __len__(self) -> int:
        return len(self.time_us)

    def take(self, where: slice) -> CandleColumns:
        """Some of the candles."""
        return CandleColumns(
            self.time_us[where], self.open[where], self.high[where], self.low[where], self.close[where],
            self.volume[where], self.turnover[where], self.interval, self.timezone,
        )  # fmt: skip

    def then(self, later: CandleColumns) -> CandleColumns:
        """These and `later` ones of the same symbol and interval."""
        return CandleColumns(
            np.concatenate([self.time_us, later.time_us]), np.concatenate([self.open, later.open]),
            np.concatenate([self.high, later.high]), np.concatenate([self.low, later.low]),
            np.concatenate([self.close, later.close]), np.concatenate([self.volume, later.volume]),
            np.concatenate([self.turnover, later.turnover]), self.interval, self.timezone,
        )  # fmt: skip

    def source(self, name: Source) -> Floats:
        """The numbers that `name` says."""
        if name == "hl2":
            return (self.high + self.low) / 2
        if name == "hlc3":
            return (self.high + self.low + self.close) / 3
        if name == "ohlc4":
            return (self.open + self.high + self.low + self.close) / 4
        column: Floats = getattr(self, name)
        return column

    def runs(self, period: Period) -> list[slice]:
        """The candles of each day, week (from Monday) or month of the zone that has any, in order."""
        found: list[slice] = []
        first = 0
        while first < len(self):
            end_us = bucket_of(int(self.time_us[first]), _PERIODS[period], self.timezone).end_us
            last = int(np.searchsorted(self.time_us, end_us))
            found.append(slice(first, last))
            first = last
        return found

    def in_runs(self, period: Period, compute: Callable[[CandleColumns], Sequence[Floats]]) -> list[Floats]:
        """What `compute` makes of each run alone, put together again; it returns arrays as long as what it got."""
        parts = [compute(self.take(run)) for run in self.runs(period)]
        return [np.concatenate(columns) for columns in zip(*parts, strict=True)]


def period_start(time_us: int, period: Period, timezone: str) -> int:
    """The first µs of the day, week or month of the zone that holds `time_us`."""
    return bucket_of(time_us, _PERIODS[period], timezone).first_us
