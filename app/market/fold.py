"""Ticks folded into delta bars of one (symbol, second) each: a block at a time instead of tick by tick."""

from __future__ import annotations

from math import inf, nan
from typing import Any, Final

import numpy as np

from tickdeck.db.market.messages import Bar
from tickdeck.db.market.runs import MOVES_RANGE, fold_runs
from tickdeck.db.market.types import (
    NEVER_FIRST_US,
    NEVER_LAST_US,
    UPDATES_ALL,
    UPDATES_LAST,
    UPDATES_VOLUME,
    Candle,
    TickBatch,
)

SECOND_US: Final = 1_000_000
FEW_TICKS: Final = 100
"""Up to so many ticks a plain loop is quicker than some twenty calls into numpy."""
_OPEN, _HIGH, _LOW, _CLOSE, _VOLUME, _TURNOVER, _TRADES, _FIRST, _LAST = 1, 2, 3, 4, 5, 6, 7, 8, 10


def fold_seconds(batch: TickBatch) -> list[Bar]:
    """What `batch` adds to each second of each symbol, in (second, symbol) order.

    `batch` is in (time, seq) order.  Merging the bars into a state gives what merging its ticks one by one
    gives, but for the rounding of the sums `volume` and `turnover` (float64, in the order of the ticks).
    """
    if len(batch) <= FEW_TICKS:
        return _fold_few(batch)
    names = sorted(set(batch.symbol))
    number = {name: n for n, name in enumerate(names)}
    codes = np.fromiter((number[name] for name in batch.symbol), dtype=np.int64, count=len(batch))
    seconds = batch.time_us // SECOND_US
    key = (seconds - seconds[0]) * len(names) + codes
    order = np.argsort(key, kind="stable")  # keeps (time, seq) order within a bar
    sorted_key = key[order]
    starts = np.flatnonzero(np.r_[True, sorted_key[1:] != sorted_key[:-1]])
    ticks = batch.take(order)
    runs = fold_runs(ticks, starts)
    labels = (codes[order[starts]].tolist(), (seconds[order[starts]] * SECOND_US).tolist())
    quotes = (np.where(runs.priced, each[runs.last], np.nan).tolist() for each in (ticks.bid, ticks.ask))
    return [
        Bar(names[code], Candle(*candle), None if bid != bid else bid, None if ask != ask else ask)  # noqa: PLR0124
        for code, *candle, bid, ask in zip(*labels, *runs.columns, *quotes, strict=True)
    ]


def _fold_few(batch: TickBatch) -> list[Bar]:
    """As `fold_seconds`, tick by tick."""
    found: dict[tuple[int, str], list[Any]] = {}
    updates = np.full(len(batch), UPDATES_ALL, dtype=np.int16) if batch.updates is None else batch.updates
    columns = (batch.time_us, batch.symbol, batch.seq, batch.price, batch.size, batch.bid, batch.ask, updates)
    for time_us, symbol, seq, price, size, bid, ask, moves in zip(
        *(each.tolist() for each in columns), strict=True
    ):
        key = (time_us - time_us % SECOND_US, symbol)
        bar = found.get(key)
        if bar is None:
            found[key] = bar = [
                key[0], 0.0, -inf, inf, 0.0, 0.0, 0.0, 0, NEVER_FIRST_US, 0, NEVER_LAST_US, 0, nan, nan,
            ]  # fmt: skip
        bar[_TRADES] += 1
        if moves & UPDATES_VOLUME:
            bar[_VOLUME] += size
            bar[_TURNOVER] += price * size
        if moves & MOVES_RANGE:
            bar[_HIGH] = max(bar[_HIGH], price)
            bar[_LOW] = min(bar[_LOW], price)
        if moves & UPDATES_LAST:
            if bar[_FIRST] == NEVER_FIRST_US:
                bar[_OPEN], bar[_FIRST : _FIRST + 2] = price, (time_us, seq)
            bar[_CLOSE] = price
            bar[_LAST:] = time_us, seq, bid, ask
    return [
        Bar(symbol, Candle(*candle), None if bid != bid else bid, None if ask != ask else ask)  # noqa: PLR0124
        for (_, symbol), (*candle, bid, ask) in sorted(found.items())
    ]
