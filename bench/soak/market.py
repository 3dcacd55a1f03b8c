"""A market of which every tick is known beforehand: a file, so that what was sent can be told from what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tickdeck.db.market.moments import iso

FIRST_US: Final = 1_709_909_400_000_000
SYMBOLS: Final = 20


@dataclass(frozen=True, slots=True)
class Market:
    """`ticks` rows in the file at `path`, evenly `rate` a second, of `SYMBOLS` symbols in turn."""

    path: Path
    rate: int
    ticks: int

    @classmethod
    def written(cls, path: Path, rate: int, seconds: float) -> Market:
        """Make the file."""
        count = int(rate * seconds)
        prices = 100 + np.cumsum(np.random.default_rng(7).integers(-3, 4, count)) / 100
        with path.open("w", encoding="utf-8") as file:
            file.write("time,symbol,seq,price,size\n")
            for row, price in enumerate(prices.tolist()):
                time = iso(FIRST_US + row * 1_000_000 // rate)
                file.write(f"{time},SOAK{row % SYMBOLS:02},{row},{max(price, 1):.2f},{1 + row % 9}\n")
        return cls(path, rate, count)

    def due(self, started_us: int, at_us: int) -> int:
        """How many ticks have come by then, where the first one was dated `started_us` (µs since the epoch, UTC)."""
        return max(0, min(self.ticks, (at_us - started_us) * self.rate // 1_000_000))
