"""Compares the first prices of each symbol in a file with those that are stored around them: cents beside dollars."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np
import pandas as pd

from tickdeck.db.candles.near import prices_near
from tickdeck.db.market.moments import iso
from tickdeck.db.market.types import DAY_US
from tickdeck.db.session import Pool
from tickdeck.feeds.base import FeedBatch
from tickdeck.feeds.csv.scales import power_of
from tickdeck.feeds.errors import FileError

WITHIN_US: Final = 4 * DAY_US
"""A weekend with a holiday; what is further away is another time, with splits in between."""
_FIRST: Final = 5


class Neighbours:
    """What is stored beside the files that are loaded, of symbols at `venue` where that is said."""

    def __init__(self, pool: Pool, venue: str | None) -> None:
        self._pool = pool
        self._venue = venue
        self._seen: defaultdict[str, set[str]] = defaultdict(set)

    async def fault(self, file: str, batch: FeedBatch) -> FileError | None:
        """Why the next rows of `file` are of another unit than what is stored; None: nothing tells that they are.

        Looks at the first rows of each symbol.  Raises `DatabaseError` and its kinds.
        """
        ticks, seen = batch.ticks, self._seen[file]
        codes, symbols = pd.factorize(ticks.symbol)
        fresh = [code for code, symbol in enumerate(symbols.tolist()) if symbol not in seen]
        seen.update(symbols.tolist())
        if not fresh:
            return None
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], fresh)
        first = {
            self._stored(symbols[code]): (code, int(order[at]))
            for code, at in zip(fresh, starts, strict=True)
        }
        stored = await prices_near(
            self._pool,
            {symbol: int(ticks.time_us[row]) for symbol, (_, row) in first.items()},
            within_us=WITHIN_US,
        )
        for symbol, near in stored.items():
            code, row = first[symbol]
            price = float(np.median(ticks.price[np.flatnonzero(codes == code)[:_FIRST]]))
            powers = [power_of(price, each.price) for each in near]
            if all(powers) and batch.origins is not None:
                times = f"{10 ** powers[0]:,} times" if powers[0] > 0 else f"a {10 ** -powers[0]:,}th of"
                say = (
                    f"say --price-scale {10 ** powers[0]}"
                    if powers[0] > 0
                    else "what is stored may be the one that is wrong"
                )
                return FileError(
                    file,
                    f"its first prices of {symbol} ({price:.12g}) are {times} what is stored of {iso(near[0].time_us)} "
                    f"({near[0].price:.12g}), as where one of both is in cents: where both are true prices, as after a split, "
                    f"--price-scale 1 takes them as they are written; else {say}",
                    line=batch.origins.line(row),
                    field="price",
                )
        return None

    def _stored(self, symbol: str) -> str:
        return symbol if self._venue is None or ":" in symbol else f"{self._venue}:{symbol}"
