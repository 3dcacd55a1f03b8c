"""Candles of consecutive ticks: whoever cuts ticks into bars, by a clock or by what is traded, folds them here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tickdeck.db.market.types import (
    NEVER_FIRST_US,
    NEVER_LAST_US,
    UPDATES_ALL,
    UPDATES_LAST,
    UPDATES_RANGE,
    UPDATES_VOLUME,
    TickBatch,
)

MOVES_RANGE: Final = UPDATES_LAST | UPDATES_RANGE


@dataclass(frozen=True, slots=True)
class Runs:
    """What ticks fold to, a row a run."""

    columns: tuple[list[Any], ...]
    """The fields of `Candle` behind its time, in their order."""
    priced: NDArray[np.bool_]
    """Whether any tick of it moves the last price."""
    last: NDArray[np.intp]
    """The place of the tick that has it; any where none has."""


def fold_runs(ticks: TickBatch, starts: NDArray[np.intp]) -> Runs:
    """Fold the ticks from each start to the next; `starts` rise, from 0.

    Sums are float64, in the order of the ticks.
    """
    ends = np.r_[starts[1:], len(ticks)]
    price, size = ticks.price, ticks.size
    first, last = starts, ends - 1
    high = low = price
    priced = np.ones(len(starts), dtype=np.bool_)
    moves = ticks.updates
    if moves is not None and not (moves == UPDATES_ALL).all():
        high = np.where(moves & MOVES_RANGE, price, -np.inf)
        low = np.where(moves & MOVES_RANGE, price, np.inf)
        size = np.where(moves & UPDATES_VOLUME, size, 0)
        place = np.arange(len(ticks))
        moves_last = (moves & UPDATES_LAST) != 0
        firsts = np.minimum.reduceat(np.where(moves_last, place, len(ticks)), starts)
        lasts = np.maximum.reduceat(np.where(moves_last, place, -1), starts)
        priced = lasts >= 0
        first, last = np.where(priced, firsts, 0), np.where(priced, lasts, 0)
    columns = (
        np.where(priced, price[first], 0),
        np.maximum.reduceat(high, starts), np.minimum.reduceat(low, starts), np.where(priced, price[last], 0),
        np.add.reduceat(size, starts), np.add.reduceat(price * size, starts), ends - starts,
        np.where(priced, ticks.time_us[first], NEVER_FIRST_US), np.where(priced, ticks.seq[first], 0),
        np.where(priced, ticks.time_us[last], NEVER_LAST_US), np.where(priced, ticks.seq[last], 0),
    )  # fmt: skip
    return Runs(tuple(column.tolist() for column in columns), priced, last)
