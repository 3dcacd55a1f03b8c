"""What was bought and sold at which price: profiles, footprints and delta, made of cells of one minute and price each.

Pure NumPy.  Times are µs since the epoch (UTC).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.buckets import bucket_of
from tickdeck.db.market.columns import Floats
from tickdeck.db.market.types import INTERVAL_SECONDS, MINUTE_US, Interval

VALUE_AREA: Final = 0.7
"""The share of the volume that a value area holds."""


@dataclass(frozen=True, slots=True)
class Sides:
    """How many trades have their side from where."""

    feed: int = 0
    quotes: int = 0
    ticks: int = 0
    unknown: int = 0

    def __add__(self, other: Sides) -> Sides:
        return Sides(
            self.feed + other.feed,
            self.quotes + other.quotes,
            self.ticks + other.ticks,
            self.unknown + other.unknown,
        )


NO_SIDES: Final = Sides()


@dataclass(frozen=True, slots=True)
class FlowCells:
    """Columns of one length, a row for each (minute, price) that traded, in no order.

    `minute_us` are the starts, int64; `price`, `bought`, `sold` and `unsided` (by whom is not known) float64; `trades` int64.
    `sides` is of whole hours; `missing_us` are the hours whose ticks were gone before they were folded.
    """

    minute_us: NDArray[np.int64]
    price: Floats
    bought: Floats
    sold: Floats
    unsided: Floats
    trades: NDArray[np.int64]
    sides: Sides = field(default_factory=Sides)
    missing_us: tuple[int, ...] = ()

    @classmethod
    def of(
        cls, rows: Sequence[Sequence[float]], sides: Sides = NO_SIDES, missing_us: Sequence[int] = ()
    ) -> FlowCells:
        """The cells of rows in the order of the columns."""
        table = np.array(rows, dtype=np.float64).reshape(-1, 6).T
        minute_us, trades = table[0].astype(np.int64), table[5].astype(np.int64)  # below 2^53: exact
        return cls(minute_us, table[1], table[2], table[3], table[4], trades, sides, tuple(missing_us))

    def __len__(self) -> int:
        return len(self.minute_us)

    def __add__(self, other: FlowCells) -> FlowCells:
        """The rows of both, which have no (minute, price) in common."""
        if not len(other):
            return self
        return FlowCells(
            np.concatenate([self.minute_us, other.minute_us]),
            np.concatenate([self.price, other.price]),
            np.concatenate([self.bought, other.bought]),
            np.concatenate([self.sold, other.sold]),
            np.concatenate([self.unsided, other.unsided]),
            np.concatenate([self.trades, other.trades]),
            self.sides + other.sides,
            (*self.missing_us, *other.missing_us),
        )

    def take(self, where: NDArray[np.bool_] | NDArray[np.intp]) -> FlowCells:
        """Some of the rows."""
        return FlowCells(
            self.minute_us[where], self.price[where], self.bought[where], self.sold[where],
            self.unsided[where], self.trades[where], self.sides, self.missing_us,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Profile:
    """What traded at each price, the lowest first; columns of one length.

    `minutes` counts those in which the price traded: time at price.  The point of control is the price with the largest
    volume, of several the one nearest to the middle of the range.  The value area is what grows from it by the larger
    neighbour, the upper one where both are alike, until it holds `VALUE_AREA` of the volume.  None where nothing traded.
    """

    price: Floats
    bought: Floats
    sold: Floats
    unsided: Floats
    trades: NDArray[np.int64]
    minutes: NDArray[np.int64]
    point_of_control: float | None
    value_area: tuple[float, float] | None

    @property
    def volume(self) -> Floats:
        """All that traded at each price."""
        volume: Floats = self.bought + self.sold + self.unsided
        return volume


@dataclass(frozen=True, slots=True)
class FootprintCandle:
    """What traded at each price of one candle; `delta` is bought less sold, `cumulative` its sum since the day began."""

    time_us: int
    profile: Profile
    delta: float
    cumulative: float


def stepped(price: Floats, step: float | None) -> Floats:
    """Prices in steps, each the lowest of its own; rounded as decimals are, so that 0.1 + 0.2 is 0.3."""
    if step is None or not len(price):
        return price
    return np.round(np.floor(price / step + 1e-9) * step, 12)


def profile_of(cells: FlowCells, step: float | None = None) -> Profile:
    """All cells by price, in steps of `step` (None: as they are)."""
    prices = stepped(cells.price, step)
    levels, place = np.unique(prices, return_inverse=True)
    count = len(levels)

    def total(column: NDArray[np.float64]) -> Floats:
        return np.bincount(place, weights=column, minlength=count).astype(np.float64)

    minute = cells.minute_us // MINUTE_US
    first, span = (int(minute.min()), int(np.ptp(minute)) + 1) if count else (0, 1)
    met = np.unique(place.astype(np.int64) * span + (minute - first))  # a number for each level and minute
    bought, sold, unsided = total(cells.bought), total(cells.sold), total(cells.unsided)
    volume = bought + sold + unsided
    control = _point_of_control(volume)
    area = None if control is None else _value_area(volume, control)
    return Profile(
        levels,
        bought,
        sold,
        unsided,
        total(cells.trades.astype(np.float64)).astype(np.int64),
        np.bincount(met // span, minlength=count).astype(np.int64),
        None if control is None else float(levels[control]),
        None if area is None else (float(levels[area[0]]), float(levels[area[1]])),
    )


def _point_of_control(volume: Floats) -> int | None:
    if not len(volume) or volume.max() <= 0:
        return None
    largest = np.flatnonzero(volume == volume.max())
    return int(largest[np.argmin(np.abs(largest - (len(volume) - 1) / 2))])


def _value_area(volume: Floats, control: int) -> tuple[int, int]:
    low = high = control
    held, wanted = float(volume[control]), VALUE_AREA * float(volume.sum())
    while held < wanted and (low > 0 or high < len(volume) - 1):
        below = volume[low - 1] if low > 0 else -1.0
        above = volume[high + 1] if high < len(volume) - 1 else -1.0
        if above >= below:
            high += 1
            held += float(above)
        else:
            low -= 1
            held += float(below)
    return low, high


def require_minutes(interval: Interval) -> None:
    """Raise `MarketDataError` for an interval below a minute, which cells cannot tell apart."""
    if INTERVAL_SECONDS[interval] < 60:
        raise MarketDataError(f"order flow is kept by the minute: {interval} is shorter, use 1m or longer")


def footprint_of(
    cells: FlowCells,
    interval: Interval,
    timezone: str,
    step: float | None = None,
    *,
    with_prices: bool = True,
) -> list[FootprintCandle]:
    """A candle for each bucket of `interval` with cells, oldest first; the cumulative delta begins with each day.

    Without prices the profiles are empty.
    """
    found: list[FootprintCandle] = []
    day, cumulative = None, 0.0
    for time_us, part in _buckets(cells, interval, timezone):
        if day is None or not day.holds(time_us):
            day, cumulative = bucket_of(time_us, "1d", timezone), 0.0
        delta = float(part.bought.sum() - part.sold.sum())
        cumulative += delta
        profile = profile_of(part if with_prices else part.take(np.array([], np.intp)), step)
        found.append(FootprintCandle(time_us, profile, delta, cumulative))
    return found


def _buckets(cells: FlowCells, interval: Interval, timezone: str) -> Iterator[tuple[int, FlowCells]]:
    cells = cells.take(np.argsort(cells.minute_us, kind="stable"))
    first = 0
    while first < len(cells):
        bucket = bucket_of(int(cells.minute_us[first]), interval, timezone)
        last = int(np.searchsorted(cells.minute_us, bucket.end_us))
        yield bucket.label_us, cells.take(np.arange(first, last))
        first = last
