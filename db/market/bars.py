"""Bars that were made elsewhere: what one must be before it is taken for candles whose ticks are not here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tickdeck.db.market.buckets import Bucket, bucket_of
from tickdeck.db.market.moments import iso
from tickdeck.db.market.rules import LARGEST, SMALLEST
from tickdeck.db.market.types import INTERVAL_SECONDS, INTERVALS, MAX_SEQ, MAX_TIME_US, MIN_TIME_US, Interval

IMPORTABLE: Final[tuple[Interval, ...]] = tuple(each for each in INTERVALS if INTERVAL_SECONDS[each] >= 60)
"""The intervals that imported bars may have, the shortest first."""

PARTS: Final[Mapping[Interval, tuple[Interval, ...]]] = {
    "1m": ("1m",),
    "3m": ("3m", "1m"),
    "5m": ("5m", "1m"),
    "15m": ("15m", "5m", "3m", "1m"),
    "30m": ("30m", "15m", "5m", "3m", "1m"),
    "1h": ("1h", "30m", "15m", "5m", "3m", "1m"),
    "2h": ("2h", "1h", "30m", "15m", "5m", "3m", "1m"),
    "4h": ("4h", "2h", "1h", "30m", "15m", "5m", "3m", "1m"),
    "1d": ("1d", "4h", "2h", "1h", "30m", "15m", "5m", "3m", "1m"),
    "1w": ("1w", "1d", "4h", "2h", "1h", "30m", "15m", "5m", "3m", "1m"),
    "1M": ("1M", "1d", "4h", "2h", "1h", "30m", "15m", "5m", "3m", "1m"),
}
"""The intervals whose buckets divide those of an interval, the longest first."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar over `[time_us, …)` of `interval`, labelled by its start, µs since the epoch (UTC).

    `turnover`: Σ price·size; None where its source does not say: then it is taken for volume times the mean of high, low
    and close.  `trades`: 0 where they are not known.
    """

    symbol: str
    interval: Interval
    time_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    turnover: float | None = None
    trades: int = 0

    @property
    def prices_and_volume(self) -> tuple[float, float, float, float, float]:
        """What makes two bars of one bucket the same."""
        return self.open, self.high, self.low, self.close, self.volume

    @property
    def turned_over(self) -> float:
        return (
            self.volume * ((self.high + self.low + self.close) / 3)
            if self.turnover is None
            else self.turnover
        )


def bar_fault(bar: Bar, zone: str, now_us: int, *, allow_negative: bool = False) -> tuple[str, str] | None:
    """The first field of `bar` that is wrong and why; None for a good one.

    `zone` is its instrument's.  A bar that has not ended at `now_us` is none yet.  `allow_negative`: prices of 0 and below
    are prices.
    """
    return next(_faults(bar, zone, now_us, allow_negative=allow_negative), None)


def _faults(bar: Bar, zone: str, now_us: int, *, allow_negative: bool) -> Iterator[tuple[str, str]]:
    yield from _price_faults(bar, allow_negative=allow_negative)
    if not 0 <= bar.volume <= LARGEST:
        yield "volume", f"volume {bar.volume:g} is negative or no number"
    if bar.turnover is not None and not abs(bar.turnover) <= LARGEST * LARGEST:
        yield "turnover", f"turnover {bar.turnover:g} is no number"
    if not 0 <= bar.trades <= MAX_SEQ:
        yield "trades", f"{bar.trades} is no number of trades"
    if not MIN_TIME_US <= bar.time_us < MAX_TIME_US:
        yield "time", "is out of range: 1970 to 2199 are allowed"
        return
    bucket = bucket_of(bar.time_us, bar.interval, zone)
    if bucket.label_us != bar.time_us:
        yield "time", f"{iso(bar.time_us)} is not where a bar of {bar.interval} begins in {zone}"
    if bucket.end_us > now_us:
        yield "time", f"the bar of {iso(bar.time_us)} has not ended yet"


def _price_faults(bar: Bar, *, allow_negative: bool) -> Iterator[tuple[str, str]]:
    for field in ("open", "high", "low", "close"):
        price = getattr(bar, field)
        if not math.isfinite(price) or abs(price) > LARGEST:
            yield field, f"{field} {price:g} is no price"
        if not allow_negative and price < SMALLEST:
            yield field, f"{field} {price:g} is not above 0"
    if bar.low > bar.high:
        yield "low", f"low {bar.low:g} is above high {bar.high:g}"
    for field in ("open", "close"):
        value = getattr(bar, field)
        if not bar.low <= value <= bar.high:
            yield field, f"{field} {value:g} is not between low {bar.low:g} and high {bar.high:g}"


def bucket_of_bar(bar: Bar, zone: str) -> Bucket:
    """What the bar covers."""
    return bucket_of(bar.time_us, bar.interval, zone)
