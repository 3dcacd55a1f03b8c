"""Order flow tick by tick: the cells of `db.orderflow`, folded on as ticks come.  Pure; times are µs since the epoch (UTC)."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

from tickdeck.db.market.types import (
    HOUR_US,
    MINUTE_US,
    UPDATES_ALL,
    UPDATES_LAST,
    UPDATES_RANGE,
    UPDATES_VOLUME,
    TickBatch,
)

Cell = list[float]
"""Bought, sold, of unknown side, trades; of one minute and price."""


MOST_PRINTS: Final = 20
"""Of so many of its largest trades each minute is kept one by one."""
LargePrint = tuple[float, int, int, float, int]
"""Size, time_us, seq, price, and who took the price: 1 the buyer, -1 the seller, 0: not known."""


class FlowFold:
    """Folds ticks of one symbol, given in (time, seq) order from the start of an hour, exactly as the database does.

    `cells` holds those of the newest hours, at most `hours` of them, by (minute_us, price); `position` is the last tick's
    place, (time_us, seq).
    """

    def __init__(self, *, hours: int = 2) -> None:
        self.cells: dict[tuple[int, float], Cell] = {}
        self.sides = [0, 0, 0, 0]
        """How many trades have their side from the feed, quotes, the tick rule, or nowhere."""
        self.position: tuple[int, int] = (-1, 0)
        self.prints: dict[int, list[LargePrint]] = {}
        """The largest trades of each of those minutes, as a heap."""
        self.new_prints: list[LargePrint] = []
        """Those that the last `fold` took."""
        self.oldest_us = 0
        """Of no hour before there are cells."""
        self._hours = hours
        self._hour_us = -1
        self._last: float | None = None  # price of the last trade of this hour
        self._ticked = 0  # which way the price moved last in this hour

    def fold(self, ticks: TickBatch) -> set[tuple[int, float]]:
        """Take the next ticks; which cells they changed."""
        changed: set[tuple[int, float]] = set()
        self.new_prints = []
        for time_us, seq, price, size, bid, ask, side in _trades(ticks):
            if time_us - self._hour_us >= HOUR_US or self._hour_us < 0:
                self._begin_hour(time_us - time_us % HOUR_US)
            if self._last is not None and price != self._last:
                self._ticked = 1 if price > self._last else -1
            self._last = price
            quoted = 0
            if bid <= ask:  # not where one is NaN
                middle = (bid + ask) / 2
                quoted = (price > middle) - (price < middle)
            by = side or quoted or self._ticked
            self.sides[0 if side else 1 if quoted else 2 if self._ticked else 3] += 1
            key = time_us - time_us % MINUTE_US, price
            cell = self.cells.get(key)
            if cell is None:
                cell = self.cells[key] = [0.0, 0.0, 0.0, 0]
            cell[0 if by > 0 else 1 if by < 0 else 2] += size
            cell[3] += 1
            changed.add(key)
            heap = self.prints.setdefault(key[0], [])
            if len(heap) < MOST_PRINTS or size > heap[0][0]:
                large = (size, time_us, seq, price, (by > 0) - (by < 0))
                self.new_prints.append(large)
                (heapq.heappush if len(heap) < MOST_PRINTS else heapq.heapreplace)(heap, large)
        if len(ticks):
            self.position = int(ticks.time_us[-1]), int(ticks.seq[-1])
        return changed

    def _begin_hour(self, hour_us: int) -> None:
        self._hour_us, self._last, self._ticked = hour_us, None, 0
        self.oldest_us = hour_us - (self._hours - 1) * HOUR_US
        for key in [key for key in self.cells if key[0] < self.oldest_us]:
            del self.cells[key]
        self.prints = {minute: heap for minute, heap in self.prints.items() if minute >= self.oldest_us}


def _trades(ticks: TickBatch) -> Iterator[tuple[int, int, float, float, float, float, int]]:
    """Those at a price of their moment, which are what counts: by their conditions they move the volume, and last price or range."""
    count = len(ticks)
    updates = [UPDATES_ALL] * count if ticks.updates is None else ticks.updates.tolist()
    sides = [0] * count if ticks.side is None else ticks.side.tolist()
    columns = (ticks.time_us, ticks.seq, ticks.price, ticks.size, ticks.bid, ticks.ask)
    for moves, side, *values in zip(updates, sides, *(each.tolist() for each in columns), strict=True):
        if moves & UPDATES_VOLUME and moves & (UPDATES_LAST | UPDATES_RANGE):
            yield (*values, side)
