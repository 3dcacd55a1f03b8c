"""Ticks folded into delta bars of one (symbol, second) each: a block at a time instead of tick by tick."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from db.market import Candle, TickBatch
from db.messages import Bar

SECOND_US: Final = 1_000_000
FEW_TICKS: Final = 100
"""Up to so many ticks a plain loop is quicker than some twenty calls into numpy."""
_HIGH, _LOW, _CLOSE, _VOLUME, _TURNOVER, _TRADES, _LAST = 2, 3, 4, 5, 6, 7, 10


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
    first = order[starts]
    last = order[np.r_[starts[1:], len(batch)] - 1]
    price, size = batch.price[order], batch.size[order]
    columns = (
        codes[first].tolist(),
        (seconds[first] * SECOND_US).tolist(),
        batch.price[first].tolist(),
        np.maximum.reduceat(price, starts).tolist(),
        np.minimum.reduceat(price, starts).tolist(),
        batch.price[last].tolist(),
        np.add.reduceat(size, starts).tolist(),
        np.add.reduceat(price * size, starts).tolist(),
        np.diff(np.r_[starts, len(batch)]).tolist(),
        batch.time_us[first].tolist(),
        batch.seq[first].tolist(),
        batch.time_us[last].tolist(),
        batch.seq[last].tolist(),
    )
    quotes = zip(batch.bid[last].tolist(), batch.ask[last].tolist(), strict=True)
    return [
        Bar(names[code], Candle(*candle), None if bid != bid else bid, None if ask != ask else ask)  # noqa: PLR0124
        for (code, *candle), (bid, ask) in zip(zip(*columns, strict=True), quotes, strict=True)
    ]


def _fold_few(batch: TickBatch) -> list[Bar]:
    """As `fold_seconds`, tick by tick."""
    found: dict[tuple[int, str], list[Any]] = {}
    columns = (batch.time_us, batch.symbol, batch.seq, batch.price, batch.size, batch.bid, batch.ask)
    for time_us, symbol, seq, price, size, bid, ask in zip(*(each.tolist() for each in columns), strict=True):
        key = (time_us - time_us % SECOND_US, symbol)
        bar = found.get(key)
        if bar is None:
            found[key] = [
                key[0], price, price, price, price, size, price * size, 1, time_us, seq, time_us, seq, bid, ask,
            ]  # fmt: skip
            continue
        bar[_HIGH] = max(bar[_HIGH], price)
        bar[_LOW] = min(bar[_LOW], price)
        bar[_VOLUME] += size
        bar[_TURNOVER] += price * size
        bar[_TRADES] += 1
        bar[_CLOSE] = price
        bar[_LAST:] = time_us, seq, bid, ask
    return [
        Bar(symbol, Candle(*candle), None if bid != bid else bid, None if ask != ask else ask)  # noqa: PLR0124
        for (_, symbol), (*candle, bid, ask) in sorted(found.items())
    ]
