"""Ticks folded into delta bars of one (symbol, second) each: a block at a time instead of tick by tick."""

from __future__ import annotations

from typing import Final

import numpy as np

from db.market import Candle, TickBatch
from db.messages import Bar

SECOND_US: Final = 1_000_000


def fold_seconds(batch: TickBatch) -> list[Bar]:
    """What `batch` adds to each second of each symbol, in (second, symbol) order.

    `batch` is in (time, seq) order.  Merging the bars into a state gives what merging its ticks one by one
    gives, but for the rounding of the sums `volume` and `turnover` (float64, in the order of the ticks).
    """
    if len(batch) == 0:
        return []
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
