"""Watches for prices whose unit changes inside a file: dollars that go on as cents, where another file was appended."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickdeck.db.market.rules import LARGEST, SMALLEST
from tickdeck.db.market.types import HOUR_US, TickBatch
from tickdeck.feeds.csv.columns import Coded

FAR: Final = 80.0
"""A step by less is never another unit."""
_LEAST: Final = 2
_NEAR: Final = float(np.log10(1.1))
"""How far from a power of ten a step may be that is one of units: between neighbours, a market hardly moves."""
_NEARLY: Final = float(np.log10(1.25))
"""The same where the notation changes as well, or what is compared is not of the same hour."""
_LEVEL: Final = 5
_STEADY: Final = 2.0
_OFTEN: Final = 6
_BEFORE: Final = 3
_FEW: Final = 2
_SHARE: Final = 10
"""More rows than one of so many are no slips of a few."""


@dataclass(frozen=True, slots=True)
class Change:
    """From `row` on (of the batch that was looked at) the prices of `symbol` are 10**`power` times what they were.

    `alone`: it is refused by itself: too few rows like it follow to tell a change from a bad print.
    """

    row: int
    symbol: str
    power: int
    price: float
    before: float
    alone: bool = False

    def words(self) -> str:
        """What happened, for a message."""
        times = f"{10**self.power:,} times" if self.power > 0 else f"a {10**-self.power:,}th of"
        return f"{self.price:.12g} is {times} what {self.symbol} had before ({self.before:.12g})"


def power_of(now: float, before: float, *, near: float = _NEARLY) -> int:
    """The power of ten, 2 and above or -2 and below, by which two prices differ; 0: they differ otherwise, or less."""
    if not (now > 0 and before > 0):
        return 0
    exponent = float(np.log10(now / before))
    power = round(exponent)
    return power if abs(power) >= _LEAST and abs(exponent - power) <= near else 0


@dataclass(slots=True)
class Scales:
    """The last price of each symbol, and what was noticed: `said` has the steps over more than an hour, as after a split.

    A change is a step by a power of ten, 100 or more, between neighbours of one symbol, to prices that stay there (five of
    them) and came from a level that stayed; or many steps there and back.  A crash, a squeeze or an auction moves through other
    prices or by other factors; a single bad print is followed by its neighbours again; a split lies between two days.  Where
    the notation changes as well, as from 187.15 to 18715, fewer than five rows that are followed by their neighbours again are of
    another unit, and `alone`.
    """

    said: list[str] = field(default_factory=list)
    _last: dict[str, tuple[float, int]] = field(default_factory=dict)

    def look(
        self, ticks: TickBatch, good: NDArray[np.bool_], coded: Coded | None, pointed: Callable[[int], bool]
    ) -> list[Change]:
        """The changes among the next rows, those that are `alone` and at most one other, which is the last.

        `pointed` tells whether a row's price is written with a decimal mark.
        """
        # What cannot be stored is refused elsewhere, and would overflow here.
        rows = np.flatnonzero(good & (ticks.price >= SMALLEST) & (ticks.price <= LARGEST))
        if not len(rows):
            return []
        codes, names = pd.factorize(ticks.symbol[rows]) if coded is None else (coded[0][rows], coded[1])
        if len(names) > 1:
            rows, codes = (each[np.argsort(codes, kind="stable")] for each in (rows, codes))
        price, time_us = ticks.price[rows], ticks.time_us[rows]
        first = np.flatnonzero(np.diff(codes, prepend=-1))
        symbols = names[codes[first]].tolist()
        before = np.empty(len(rows))
        before[1:] = price[:-1]
        known = [self._last.get(symbol, (np.nan, 0)) for symbol in symbols]
        before[first] = [each[0] for each in known]
        last = np.append(first[1:], len(rows)) - 1
        self._last.update(
            zip(symbols, zip(price[last].tolist(), time_us[last].tolist(), strict=True), strict=True)
        )
        step = price / before
        hits = np.flatnonzero((step >= FAR) | (step <= 1 / FAR))
        if not len(hits):
            return []
        earlier = np.empty(len(rows), dtype=np.int64)
        earlier[1:] = time_us[:-1]
        earlier[first] = [each[1] for each in known]
        found: list[Change] = []
        gap_us = time_us - earlier
        for group in np.split(hits, np.flatnonzero(np.diff(codes[hits])) + 1):
            at = int(np.searchsorted(first, group[0], side="right")) - 1
            here = slice(int(first[at]), int(last[at]) + 1)
            found += self._of_one(
                _Stretch(symbols[at], rows[here], price[here], before[here], gap_us[here], pointed),
                (group - here.start).tolist(),
            )
        found.sort(key=lambda change: change.row)
        sure = next((place for place, change in enumerate(found) if not change.alone), None)
        return found if sure is None else found[: sure + 1]

    def _of_one(self, its: _Stretch, hits: list[int]) -> list[Change]:
        """The changes of one symbol, which are among its steps at `hits`."""
        slips, over, level_at = _slips(its, hits)
        if len(slips) > _FEW and len(slips) * _SHARE > len(its.price):
            return [replace(slips[0], alone=False)]  # which of both is the file's unit, nobody knows
        if slips:
            price = its.price.copy()
            for each, level in level_at.items():
                price[each] = level
            its = replace(its, price=price)
            if len(price) - 1 in level_at:
                # What follows is to be measured by what was before.
                self._last[its.symbol] = level_at[len(price) - 1], self._last[its.symbol][1]
            hits = [hit for hit in hits if hit not in over]
        return slips + self._steps(its, hits)

    def _steps(self, its: _Stretch, hits: list[int]) -> list[Change]:
        """The changes of one symbol that are no slips of a few rows."""
        found = []
        price, before = its.price, its.before
        there_and_back = [hit for hit in hits if power_of(price[hit], before[hit], near=_NEAR)]
        for hit in hits:
            now, was = price[hit : hit + _LEVEL], price[max(0, hit - _LEVEL) : hit]
            level = its.level(hit)
            power = power_of(float(np.median(now)), level)
            far = not power_of(float(np.median(now)), level, near=_NEAR)
            if not power or not _steady(now) or not _steady(was):
                continue
            other = len(was) > 0 and _other_notation(
                its.pointed_at(range(hit - len(was), hit)), its.pointed_at(range(hit, hit + len(now)))
            )
            if far and not other:
                continue
            change = its.change(hit, power, level)
            if other and len(now) == _LEVEL:
                found.append(change)
                break
            if hit > 0 and len(was) < _BEFORE and np.isnan(before[0]):
                continue  # the first prints of a file may be bad ones
            if abs(int(its.gap_us[hit])) >= HOUR_US:
                self.said.append(
                    f"{change.words()}, hours or days earlier, as after a split: or it is another unit"
                )
            elif len(now) == _LEVEL:
                found.append(change)
                break
            elif hit + len(now) == len(price):
                found += [its.change(each, power, level, alone=True) for each in range(hit, len(price))]
                self._last[its.symbol] = level, self._last[its.symbol][1]
        if not any(not each.alone for each in found) and len(there_and_back) >= _OFTEN:
            hit = there_and_back[0]
            found = [its.change(hit, power_of(price[hit], before[hit]), float(before[hit]))]
        return found


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The next prices of one symbol, in the file's order.

    `rows`: their places in the batch.  `before`: the price before each, NaN for the first of a file; `gap_us`: how much later
    each is than that.  `pointed` tells of a place in the batch whether the price there is written with a decimal mark.
    """

    symbol: str
    rows: NDArray[np.intp]
    price: NDArray[np.float64]
    before: NDArray[np.float64]
    gap_us: NDArray[np.int64]
    pointed: Callable[[int], bool]

    def level(self, hit: int) -> float:
        """What the prices were before a step."""
        was = self.price[max(0, hit - _LEVEL) : hit]
        return float(np.median(was)) if len(was) else float(self.before[hit])

    def pointed_at(self, places: Iterable[int]) -> list[bool]:
        """Which of the prices there are written with a decimal mark."""
        return [self.pointed(int(self.rows[place])) for place in places]

    def change(self, place: int, power: int, level: float, *, alone: bool = False) -> Change:
        """What is said of the price at `place`."""
        return Change(int(self.rows[place]), self.symbol, power, float(self.price[place]), level, alone)


def _slips(its: _Stretch, hits: list[int]) -> tuple[list[Change], set[int], dict[int, float]]:
    """The rows of one symbol, fewer than five together, that are of another unit by their price and their notation.

    With them the steps that they explain, and for each the level around it.
    """
    found: list[Change] = []
    over: set[int] = set()
    level_at: dict[int, float] = {}
    price, count = its.price, len(its.price)
    for place, hit in enumerate(hits):
        if hit in over:
            continue
        end = hits[place + 1] if place + 1 < len(hits) else count
        run, level = range(hit, end), its.level(hit)
        if np.isnan(its.before[0]) and hit < _BEFORE and end >= hit + _LEVEL:
            # The first rows of a file are measured by what follows them.
            run, level = range(hit), float(np.median(price[hit : hit + _LEVEL]))
        power = power_of(float(np.median(price[run.start : run.stop])), level)
        if len(run) >= _LEVEL or not power or not _steady(price[run.start : run.stop]):
            continue
        near = (
            *range(max(0, run.start - _LEVEL), run.start),
            *range(run.stop, min(count, run.stop + _LEVEL)),
        )
        around = its.pointed_at(each for each in near if 1 / _STEADY < price[each] / level < _STEADY)
        own = its.pointed_at(run)
        # One price beside another tells nothing of which of both is of the other unit.
        if len(around) >= _FEW and ((not any(own) and any(around)) or (all(own) and not any(around))):
            found += [its.change(each, power, level, alone=True) for each in run]
            over |= {hit, end}
            level_at |= dict.fromkeys(run, level)
    return found, over, level_at


def _steady(prices: NDArray[np.float64]) -> bool:
    return not len(prices) or float(prices.max()) <= _STEADY * float(prices.min())


def _other_notation(was: list[bool], now: list[bool]) -> bool:
    """Whether all were written with a point before and none is now, or the other way round."""
    return (all(was) and not any(now)) or (all(now) and not any(was))
