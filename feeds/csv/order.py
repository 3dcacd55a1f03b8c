"""What a row's place in its file tells: its number among rows of equal time, and which of two equal hours it is of."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickdeck.db.market.types import TickBatch

_WIDEST: Final = 1 << 63
_FEW_OF: Final = 8
REMEMBERED: Final = 1_000_000
"""So many pairs of symbol and time are remembered, the latest that were read."""


def runs_newest_first(time_us: NDArray[np.int64]) -> bool:
    """Whether times go down much more often than up."""
    steps = np.diff(time_us)
    down, up = int((steps < 0).sum()), int((steps > 0).sum())
    return down > 4 * up


class _Page:
    """Pairs of symbol and time that were read together, and how many rows there were of each so far."""

    def __init__(
        self, symbol: NDArray[np.intp], time_us: NDArray[np.int64], count: NDArray[np.int64]
    ) -> None:
        self.symbol = symbol
        self.time_us = time_us
        self.first_us, self.last_us = int(time_us.min()), int(time_us.max())
        self._count = count
        self._key: NDArray[np.uint64] | None = None  # sorted with the rest once it is asked for

    def __len__(self) -> int:
        return len(self.time_us)

    def find(
        self, of: NDArray[np.intp], at: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The counts of some pairs (at least one), and which of them are here."""
        key, count = self._key, self._count
        if key is None:
            near = np.flatnonzero((self.time_us >= at.min()) & (self.time_us <= at.max()))
            few = _FEW_OF * len(near) < len(self)
            if few and not len(near):
                return np.zeros(len(at), dtype=np.int64), np.zeros(len(at), dtype=np.bool_)
            # As a rule only the last time of the block before is asked for.
            rows = near if few else slice(None)
            key = _keys(self.symbol[rows], self.time_us[rows])
            order = np.argsort(key)
            key, count = key[order], self._count[rows][order]
            if not few:
                self._key, self._count = key, count
                self.symbol, self.time_us = self.symbol[order], self.time_us[order]
        wanted = _keys(of, at)
        place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
        return count[place], key[place] == wanted


class Occurrences:
    """Numbers the rows of equal symbol and time from 1, in the order of the file or, newest first, from its end.

    In a file whose equal times lie together only the latest are looked at.  Elsewhere the last REMEMBERED pairs
    are known exactly; a row from between those that were forgotten cannot be numbered.
    """

    def __init__(self, *, newest_first: bool) -> None:
        self.newest_first = newest_first
        self._ids: dict[str, int] = {}
        self._pages: deque[_Page] = deque()
        self._held = 0
        self._seen = _Spans()
        self._forgotten = _Spans()

    def number(
        self,
        symbol: NDArray[np.object_],
        time_us: NDArray[np.int64],
        coded: tuple[NDArray[np.intp], NDArray[np.object_]] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The numbers of the next rows, and the rows that cannot be numbered.

        `coded`: the symbols as places in an array of them, where that is known.  Newest first, all rows of one time that lie together must come in one call.
        """
        codes, symbols = pd.factorize(symbol) if coded is None else coded
        ids = np.array([self._ids.setdefault(each, len(self._ids)) for each in symbols], dtype=np.intp)
        self._seen.hold(len(self._ids))
        self._forgotten.hold(len(self._ids))
        which = ids[codes]
        order, fresh = _grouped(which, time_us, len(self._ids))
        of, at = which[order], time_us[order]
        start = np.flatnonzero(fresh)
        group = np.cumsum(fresh) - 1
        size = np.diff(np.append(start, len(order)))
        place = np.arange(len(order)) - start[group]
        if self.newest_first:
            place = size[group] - 1 - place
        before, unknown = self._before(of[start], at[start])
        number = np.empty(len(order), dtype=np.int64)
        number[order] = before[group] + place + 1
        lost = np.empty(len(order), dtype=np.bool_)
        lost[order] = unknown[group]
        self._remember(of[start], at[start], before + size)
        return number, lost

    def _before(
        self, of: NDArray[np.intp], at: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """How many rows of each pair came before, and for which pairs that is forgotten."""
        count = np.zeros(len(of), dtype=np.int64)
        left = np.flatnonzero(self._seen.inside(of, at))
        for page in reversed(self._pages):
            if not len(left):
                break
            if at[left].max() < page.first_us or at[left].min() > page.last_us:
                continue
            counts, found = page.find(of[left], at[left])
            count[left[found]] = counts[found]
            left = left[~found]
        unknown = np.zeros(len(of), dtype=np.bool_)
        unknown[left] = self._forgotten.inside(of[left], at[left])
        return count, unknown

    def _remember(self, of: NDArray[np.intp], at: NDArray[np.int64], count: NDArray[np.int64]) -> None:
        if not len(of):
            return
        self._seen.add(of, at)
        self._pages.append(_Page(of, at, count))
        self._held += len(of)
        while self._held > REMEMBERED and len(self._pages) > 1:
            page = self._pages.popleft()
            self._held -= len(page)
            self._forgotten.add(page.symbol, page.time_us)


FILL_STEP: Final = 1 << 48
"""What the seq of a further fill of one number is above that of the fill before."""


class Fills:
    """Tells the several fills of one number (symbol, time, seq) apart, which some sources write as rows of their own.

    The first keeps its seq, each further one that differs is FILL_STEP above the one before, in the order of the file
    or, newest first, from its end; a row that is equal in all is the same tick.  So the numbers do not depend on where
    a file begins.  Fills lie together in time; where they do not, the database tells that two ticks contradict.
    """

    def __init__(self, *, newest_first: bool) -> None:
        self.found = 0
        """How many further fills there were."""
        self._newest_first = newest_first
        self._time_us = -1
        self._held: dict[tuple[str, int, int], dict[bytes, int]] = {}  # of the newest time: value to place

    def number(self, ticks: TickBatch) -> NDArray[np.int64]:
        """The seq of the next rows."""
        if not len(ticks):
            return ticks.seq
        steps = np.diff(ticks.seq)
        again = np.flatnonzero(ticks.time_us == self._time_us)
        if ((steps > 0).all() or (steps < 0).all()) and not len(again):
            repeated = again
        else:
            keys = pd.DataFrame({"symbol": ticks.symbol, "time": ticks.time_us, "seq": ticks.seq})
            twice = keys.duplicated(keep=False).to_numpy(copy=True)
            twice[again] = True
            repeated = np.flatnonzero(twice)
        last_us = int(ticks.time_us[-1])
        ends = np.flatnonzero(ticks.time_us == last_us)
        rows = np.union1d(repeated, ends)
        seq = ticks.seq.copy() if len(repeated) else ticks.seq
        known = self._held
        values = np.stack([ticks.price, ticks.size, ticks.bid, ticks.ask], axis=1)[rows]
        pairs = list(zip(rows.tolist(), values, strict=True))
        for row, value in reversed(pairs) if self._newest_first else pairs:
            key = (ticks.symbol[row], int(ticks.time_us[row]), int(ticks.seq[row]))
            fills = known.setdefault(key, {})
            place = fills.setdefault(value.tobytes(), len(fills))
            if place and abs(key[2] + place * FILL_STEP) < _WIDEST:
                seq[row] += place * FILL_STEP
                self.found += 1
        self._time_us = last_us
        self._held = {key: fills for key, fills in known.items() if key[1] == last_us}
        return seq


class _Spans:
    """For each symbol, by number, the first and last time."""

    def __init__(self) -> None:
        self.first = np.empty(0, dtype=np.int64)
        self.last = np.empty(0, dtype=np.int64)

    def hold(self, symbols: int) -> None:
        more = symbols - len(self.first)
        if more > 0:
            most = np.iinfo(np.int64).max
            self.first = np.concatenate([self.first, np.full(more, most)])
            self.last = np.concatenate([self.last, np.full(more, -1, dtype=np.int64)])

    def add(self, of: NDArray[np.intp], at: NDArray[np.int64]) -> None:
        np.minimum.at(self.first, of, at)
        np.maximum.at(self.last, of, at)

    def inside(self, of: NDArray[np.intp], at: NDArray[np.int64]) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (at >= self.first[of]) & (at <= self.last[of])
        return found


def _grouped(
    which: NDArray[np.intp], time_us: NDArray[np.int64], symbols: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """An order that puts rows of equal symbol and time together, each as they come, and where a new pair begins."""
    first, last = (int(time_us.min()), int(time_us.max())) if len(time_us) else (0, 0)
    fresh = np.ones(len(time_us), dtype=np.bool_)
    if last - first < (1 << 62) // max(1, symbols):
        key = (time_us - first) * symbols + which
        # Nearly sorted as a rule, which this sort is quick with.
        order = np.argsort(key, kind="stable")
        key = key[order]
        fresh[1:] = key[1:] != key[:-1]
        return order, fresh
    order = np.lexsort((time_us, which))
    of, at = which[order], time_us[order]
    fresh[1:] = (of[1:] != of[:-1]) | (at[1:] != at[:-1])
    return order, fresh


def _keys(of: NDArray[np.intp], at: NDArray[np.int64]) -> NDArray[np.uint64]:
    """One number for each pair, different for different pairs of up to 2,048 symbols, and very likely beyond.

    A time has 53 bits.
    """
    symbol = of.astype(np.uint64)
    high = (symbol << np.uint64(53)) ^ ((symbol >> np.uint64(11)) * np.uint64(0x9E3779B97F4A7C15))
    return np.asarray(high ^ at.astype(np.uint64), dtype=np.uint64)


@dataclass(slots=True)
class _Hour:
    """The times of one symbol in an hour that its clock showed twice, in the order of the file."""

    last: datetime
    back: list[int] = field(default_factory=list)
    """Lines at which the clock goes back."""
    on: list[int] = field(default_factory=list)
    """Lines at which it goes on."""


class DoubleHours:
    """Tells the first from the second of two equal hours by the one place where the times of a symbol go back."""

    def __init__(self, *, newest_first: bool) -> None:
        self._newest_first = newest_first
        self._hours: dict[tuple[str, date], _Hour] = {}

    def see(self, line: int, symbol: str, wall: datetime) -> None:
        """Take in a row, in the order of the file: its line, and what its clock showed."""
        hour = self._hours.setdefault((symbol, wall.date()), _Hour(wall))
        if wall < hour.last:
            hour.back.append(line)
        elif wall > hour.last:
            hour.on.append(line)
        hour.last = wall

    def fold(self, line: int, symbol: str, wall: datetime) -> int | None:
        """0 for the first of the two instants, 1 for the second, None where the order does not tell."""
        hour = self._hours.get((symbol, wall.date()))
        if hour is None:
            return None
        turns = hour.on if self._newest_first else hour.back
        if len(turns) != 1:
            return None
        return int((line >= turns[0]) != self._newest_first)
