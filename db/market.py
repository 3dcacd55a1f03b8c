"""The market's own words as types: intervals, candles, batches of ticks.

Pure Python and NumPy; no driver, no clock, no I/O.  All times are UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from db.errors import MarketDataError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MIN_TIME_US: Final = 0
"""The first instant a tick may have: 1970-01-01T00:00Z, in µs since the epoch."""
MAX_TIME_US: Final = 7_258_118_400_000_000
"""The first instant a tick may not have any more: 2200-01-01T00:00Z."""
MAX_SYMBOL_LENGTH: Final = 32

Interval = Literal["1s", "5s", "15s", "1m", "5m", "15m", "1h", "1d"]
INTERVALS: Final[tuple[Interval, ...]] = get_args(Interval)
INTERVAL_SECONDS: Final[Mapping[Interval, int]] = {
    "1s": 1, "5s": 5, "15s": 15, "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86400,
}  # fmt: skip
"""Seconds of each interval; a day is 86,400 s only where the zone has no clock change that day."""


def parse_interval(text: str) -> Interval:
    """Return `text` as an interval; raise `MarketDataError` naming the ones there are."""
    for interval in INTERVALS:
        if interval == text:
            return interval
    raise MarketDataError(f"interval {text!r} is unknown; use one of {', '.join(INTERVALS)}")


def to_us(moment: datetime) -> int:
    """Microseconds since the epoch of an aware `moment`; raise `MarketDataError` if it is naive."""
    if moment.tzinfo is None:
        raise MarketDataError(f"time {moment.isoformat()} has no time zone")
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_us(time_us: int) -> datetime:
    """The UTC instant `time_us` microseconds after the epoch."""
    return EPOCH + timedelta(microseconds=time_us)


@dataclass(frozen=True, slots=True)
class Candle:
    """One OHLCV bar over the half-open `[time, time + interval)`, labelled by its start.

    `turnover` is Σ price·size, `trades` the number of ticks.  `first_*` and `last_*` are the (time, seq)
    of the ticks that gave `open` and `close`: with them two candles of one bucket merge in any order.
    """

    time_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    turnover: float
    trades: int
    first_us: int
    first_seq: int
    last_us: int
    last_seq: int

    def merge(self, other: Candle) -> Candle:
        """The candle of both sets of ticks, labelled like `self`; commutative and associative."""
        first = self if (self.first_us, self.first_seq) <= (other.first_us, other.first_seq) else other
        last = self if (self.last_us, self.last_seq) >= (other.last_us, other.last_seq) else other
        return Candle(
            self.time_us, first.open, max(self.high, other.high), min(self.low, other.low), last.close,
            self.volume + other.volume, self.turnover + other.turnover, self.trades + other.trades,
            first.first_us, first.first_seq, last.last_us, last.last_seq,
        )  # fmt: skip

    def at(self, time_us: int) -> Candle:
        """The same candle labelled by another bucket start, as one part of a longer bucket."""
        return replace(self, time_us=time_us)


@dataclass(frozen=True, slots=True)
class TickBatch:
    """Ticks as columns of one length, in the feed's order.

    `time_us`: int64 µs since the epoch (UTC).  `symbol`: object array of str.  `seq`: int64.
    `price`, `size`, `bid`, `ask`: float64; NaN in `bid` or `ask` means none.
    `exchange`, `conditions`: object arrays of str or None, or None where the feed has no such column.
    Identity of a tick is (symbol, time, seq).
    """

    time_us: NDArray[np.int64]
    symbol: NDArray[np.object_]
    seq: NDArray[np.int64]
    price: NDArray[np.float64]
    size: NDArray[np.float64]
    bid: NDArray[np.float64]
    ask: NDArray[np.float64]
    exchange: NDArray[np.object_] | None = None
    conditions: NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.time_us)

    def take(self, where: NDArray[np.bool_] | NDArray[np.intp] | slice) -> TickBatch:
        """The rows that `where` (mask, positions or slice) picks, in its order."""
        return TickBatch(
            self.time_us[where], self.symbol[where], self.seq[where], self.price[where], self.size[where],
            self.bid[where], self.ask[where],
            None if self.exchange is None else self.exchange[where],
            None if self.conditions is None else self.conditions[where],
        )  # fmt: skip

    def chunks(self, rows: int) -> Iterator[TickBatch]:
        """This batch in pieces of at most `rows` ticks, in order."""
        for start in range(0, len(self), rows):
            yield self.take(slice(start, start + rows))


def concat(batches: Sequence[TickBatch]) -> TickBatch:
    """One batch of all, in order.  A text column that only some have is None elsewhere."""

    def text(name: Literal["exchange", "conditions"]) -> NDArray[np.object_] | None:
        columns = [getattr(batch, name) for batch in batches]
        if all(column is None for column in columns):
            return None
        return np.concatenate(
            [
                np.full(len(batch), None, dtype=object) if column is None else column
                for batch, column in zip(batches, columns, strict=True)
            ]
        )

    return TickBatch(
        np.concatenate([b.time_us for b in batches]),
        np.concatenate([b.symbol for b in batches]),
        np.concatenate([b.seq for b in batches]),
        np.concatenate([b.price for b in batches]),
        np.concatenate([b.size for b in batches]),
        np.concatenate([b.bid for b in batches]),
        np.concatenate([b.ask for b in batches]),
        text("exchange"),
        text("conditions"),
    )
