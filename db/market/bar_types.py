"""Bars that are not of time: cut by trades, volume, price range or Renko bricks, straight from the ticks.

Each trading session begins anew, so a bar does not depend on where the reading of ticks began: a chart that is live, a
replay after a seek and a read of a session that is over have the same bars.  Pure; times are µs since the epoch (UTC).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor, inf
from typing import Final, Literal, TypeAlias

import numpy as np

from tickdeck.db.errors import MarketDataError, excerpt
from tickdeck.db.market.runs import fold_runs
from tickdeck.db.market.types import (
    INTERVALS,
    UPDATES_ALL,
    UPDATES_LAST,
    UPDATES_VOLUME,
    Candle,
    Interval,
    TickBatch,
    parse_interval,
)

BarKind = Literal["tick", "volume", "range", "renko"]
UNITS: Final[dict[str, BarKind]] = {"t": "tick", "v": "volume", "r": "range", "renko": "renko"}
MOST_TRADES: Final = 1_000_000
_DIGITS: Final = 12
_NOTATION: Final = re.compile(rf"(\d{{1,{_DIGITS}}}(?:\.\d{{1,{_DIGITS}}})?)({'|'.join(UNITS)})")
_CLOSE: Final = 1e-6
"""A price that far from the edge of a bar, in sizes of a bar, is on it: 100.3 - 100.2 is not quite 0.1."""


@dataclass(frozen=True, slots=True)
class BarType:
    """How bars are cut: of `size` trades or units of volume, or so high in price; written as `100t`, `5000v`, `0.1r`, `0.25renko`."""

    kind: BarKind
    size: float
    text: str

    def __str__(self) -> str:
        return self.text


ChartInterval: TypeAlias = Interval | BarType
"""What one candle of a chart covers: a length of time, or what a bar type cuts."""
Sessions: TypeAlias = Callable[[int], tuple[int, int]]
"""`[start, end)` of the trading session that an instant belongs to; sessions leave no time between them."""


def parse_chart_interval(text: str) -> ChartInterval:
    """An interval such as `1m`, or a bar type such as `100t`, in its one spelling; raises `MarketDataError`."""
    found = _NOTATION.fullmatch(text)
    if found is None:
        if text[:1].isdigit() and text.endswith(tuple(UNITS)):
            raise MarketDataError(
                f"bars {excerpt(text)} are none; write them as 100t, 5000v, 0.1r or 0.25renko"
            )
        if text not in INTERVALS:
            raise MarketDataError(
                f"interval {text!r} is unknown; use one of {', '.join(INTERVALS)}, or bars of ticks (100t), "
                "of volume (5000v), of a range (0.1r) or Renko bricks (0.25renko)"
            )
        return parse_interval(text)
    size, unit = Decimal(found[1]), found[2]
    kind = UNITS[unit]
    if size == 0 or (kind == "tick" and (size % 1 or size > MOST_TRADES)):
        wanted = f"a whole number from 1 to {MOST_TRADES:,}" if kind == "tick" else "more than 0"
        raise MarketDataError(f"bars {text!r}: their size must be {wanted}")
    written = f"{size:f}"
    return BarType(
        kind, float(size), (written.rstrip("0").rstrip(".") if "." in written else str(int(size))) + unit
    )


def time_interval(interval: ChartInterval) -> Interval:
    """The interval itself; of bars that are not of time a minute, for what counts over stretches of time."""
    return "1m" if isinstance(interval, BarType) else interval


class BarFold:
    """Folds ticks of one symbol, given in (time, seq) order, into bars; `position` is the last one's place.

    A bar begins with a tick that updates the last price; others belong to the bar before them, or begin a session's first:

    - `tick`: it has so many ticks that update the last price;
    - `volume`: it has at least so much volume; no tick is parted;
    - `range`: with the tick that begins the next one its highest and lowest last price would be further apart;
    - `renko`: bricks between neighbouring multiples of the size.  One more in the same direction once the price is on its
      far edge, against it two edges away.  One tick may complete several: the first has the volume, the others none.
      The brick that is forming goes from the edge of the last one to the price.

    A bar is labelled by the time of its first tick, or 1 µs after the one before where that is as late: labels of one
    session are different and in order.
    """

    def __init__(self, bar_type: BarType, sessions: Sessions) -> None:
        self.bar_type = bar_type
        self.position: tuple[int, int] = (-1, 0)
        self._sessions = sessions
        self._end_us = -1
        """Of the session that `position` is in."""
        self._label_us = -1
        """Of the newest bar."""
        self._forming: Candle | None = None
        self._count = 0  # of its ticks that update the last price
        self._volume = 0.0
        self._high, self._low = -inf, inf  # of their prices
        self._levels: tuple[int, int] | None = None
        """Edges of the last brick, in sizes; alike before the first."""
        self._edge = 0.0

    def fold(self, ticks: TickBatch) -> list[Candle]:
        """The bars that `ticks`, all later than `position`, changed or began, oldest first.

        The first of them may be one that was returned before: it went on.  The last is forming, or was just completed.
        """
        found: list[Candle] = []
        first = 0
        while first < len(ticks):
            start_us = int(ticks.time_us[first])
            if start_us >= self._end_us:
                begin_us, self._end_us = self._sessions(start_us)
                self._begin_session(begin_us)
            last = int(np.searchsorted(ticks.time_us, self._end_us))
            part = ticks.take(slice(first, last)) if first or last < len(ticks) else ticks
            found += self._bricks(part) if self.bar_type.kind == "renko" else self._bars(part)
            first = last
        if len(ticks):
            self.position = int(ticks.time_us[-1]), int(ticks.seq[-1])
        return found

    def _begin_session(self, start_us: int) -> None:
        self._label_us = start_us - 1
        self._forming = None
        self._levels = None
        self._clear()

    def _clear(self) -> None:
        self._count, self._volume = 0, 0.0
        self._high, self._low = -inf, inf

    def _label(self, time_us: int) -> int:
        self._label_us = max(time_us, self._label_us + 1)
        return self._label_us

    # -- bars of trades, volume, range ------------------------------------------------------------------------

    def _bars(self, ticks: TickBatch) -> list[Candle]:
        starts = self._starts(ticks)
        goes_on = not starts or starts[0] > 0
        found = _candles(ticks, [0, *starts] if goes_on else starts)
        made: list[Candle] = []
        for candle in found:
            if goes_on and not made and self._forming is not None:
                made.append(self._forming.merge(candle))
            else:
                made.append(candle.at(self._label(candle.time_us)))
        self._forming = made[-1]
        return made

    def _starts(self, ticks: TickBatch) -> list[int]:
        """Where in `ticks` a bar begins."""
        starts = [0] if self._forming is None else []
        if self.bar_type.kind == "tick":
            updates = ticks.updates
            priced = np.arange(len(ticks)) if updates is None else np.flatnonzero(updates & UPDATES_LAST)
            size = int(self.bar_type.size)
            left = size - self._count  # so many go into the bar in progress; 0: it is full
            begins = priced[left::size].tolist()
            self._count = (self._count + len(priced) - 1) % size + 1 if self._count + len(priced) else 0
            return [*starts, *begins]
        if self.bar_type.kind == "volume":
            return starts + self._volume_starts(ticks)
        return starts + self._range_starts(ticks)

    def _volume_starts(self, ticks: TickBatch) -> list[int]:
        starts: list[int] = []
        wanted, volume, count = self.bar_type.size, self._volume, self._count
        for place, (size, moves) in enumerate(zip(ticks.size.tolist(), _updates(ticks), strict=True)):
            if moves & UPDATES_LAST:
                if volume >= wanted and count:
                    starts.append(place)
                    volume = 0.0
                count = 1
            if moves & UPDATES_VOLUME:
                volume += size
        self._volume, self._count = volume, count
        return starts

    def _range_starts(self, ticks: TickBatch) -> list[int]:
        starts: list[int] = []
        most = self.bar_type.size * (1 + _CLOSE)
        high, low = self._high, self._low
        for place, (price, moves) in enumerate(zip(ticks.price.tolist(), _updates(ticks), strict=True)):
            if not moves & UPDATES_LAST:
                continue
            if price > high:
                if price - low > most:
                    starts.append(place)
                    low = price
                high = price
                low = min(low, price)
            elif price < low:
                if high - price > most:
                    starts.append(place)
                    high = price
                low = price
        self._high, self._low = high, low
        return starts

    # -- Renko ------------------------------------------------------------------------------------------------

    def _bricks(self, ticks: TickBatch) -> list[Candle]:
        size = self.bar_type.size
        ends: list[tuple[int, int, int]] = []  # the tick that completes some, from which edge to which
        low, high = self._levels or (0, 0)
        known = self._levels is not None
        for place, (price, moves) in enumerate(zip(ticks.price.tolist(), _updates(ticks), strict=True)):
            if not moves & UPDATES_LAST:
                continue
            level = price / size
            if not known:
                low = high = floor(level + _CLOSE)
                known = True
            if level + _CLOSE >= high + 1:
                reached = floor(level + _CLOSE)
                ends.append((place, high, reached))
                low, high = reached - 1, reached
            elif level - _CLOSE <= low - 1:
                reached = ceil(level - _CLOSE)
                ends.append((place, low, reached))
                low, high = reached, reached + 1
        if known:
            if self._levels is None and not ends:
                self._edge = _edge(low, size)
            self._levels = low, high
        return self._completed(ticks, ends)

    def _completed(self, ticks: TickBatch, ends: list[tuple[int, int, int]]) -> list[Candle]:
        """The bricks that are completed by `ends`, and the one that forms after them."""
        size = self.bar_type.size
        made: list[Candle] = []
        starts = [0, *(place + 1 for place, _, _ in ends if place + 1 < len(ticks))]
        groups = _candles(ticks, starts)
        for number, group in enumerate(groups):
            whole = (
                group.at(self._label(group.time_us)) if self._forming is None else self._forming.merge(group)
            )
            if number >= len(ends):
                self._forming = whole
                made.append(self._shape(whole))
                break
            place, first, last = ends[number]
            step = 1 if last > first else -1
            at = int(ticks.time_us[place]), int(ticks.seq[place])
            for count, level in enumerate(range(first, last, step)):
                open_, close = _edge(level, size), _edge(level + step, size)
                edges = (open_, max(open_, close), min(open_, close), close)
                if count:
                    made.append(Candle(self._label(at[0]), *edges, 0.0, 0.0, 0, *at, *at))
                else:
                    sums = whole.volume, whole.turnover, whole.trades
                    made.append(Candle(whole.time_us, *edges, *sums, whole.first_us, whole.first_seq, *at))
            self._forming = None
            self._edge = _edge(last, size)
        return made

    def _shape(self, forming: Candle) -> Candle:
        """The brick that forms, from the edge of the last one."""
        if not forming.priced:
            return forming
        open_, close = self._edge, forming.close
        return Candle(
            forming.time_us, open_, max(open_, close), min(open_, close), close,
            forming.volume, forming.turnover, forming.trades,
            forming.first_us, forming.first_seq, forming.last_us, forming.last_seq,
        )  # fmt: skip


def _updates(ticks: TickBatch) -> list[int]:
    updates: list[int] = [UPDATES_ALL] * len(ticks) if ticks.updates is None else ticks.updates.tolist()
    return updates


def _edge(level: int, size: float) -> float:
    """A multiple of the size as decimals are: 3 · 0.1 is 0.3."""
    return round(level * size, _DIGITS)


def _candles(ticks: TickBatch, starts: list[int]) -> list[Candle]:
    """A candle of the ticks from each start to the next, labelled by its first one's time; `starts` begin with 0."""
    at = np.array(starts, dtype=np.intp)
    times = ticks.time_us[at].tolist()
    return [Candle(*row) for row in zip(times, *fold_runs(ticks, at).columns, strict=True)]
