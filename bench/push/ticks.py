"""The feed of the push benchmark."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

import numpy as np
import psycopg
from numpy.typing import NDArray

from tickdeck.db.market.types import TickBatch, to_us
from tickdeck.db.session import open_pool
from tickdeck.db.ticks.store import TickStore

SYMBOLS: Final = 100
START_US: Final = to_us(datetime(2024, 3, 4, 14, 30, tzinfo=UTC))


class Ticks:
    """Writes ticks as a feed does, and remembers when the INSERT of each symbol's n-th one began."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._random = np.random.default_rng(7)
        self._prices: NDArray[np.float64] = np.exp(self._random.normal(4, 1, SYMBOLS)).round(2)
        self._time_us = START_US
        self.counts = np.zeros(SYMBOLS, dtype=np.int64)
        self.began: dict[tuple[str, int], int] = {}

    def write(self, batches: int, size: int, every_s: float) -> None:
        """`batches` of `size` ticks, one each `every_s`; a late one does not delay those after it."""
        asyncio.run(self._write(batches, size, every_s))

    async def _write(self, batches: int, size: int, every_s: float) -> None:
        pool = await open_pool(self._url, role="writer", size=1)
        store = TickStore(pool)
        await store.write(self._batch(0))  # connect before the clock runs
        start = time.monotonic()
        for number in range(batches):
            await asyncio.sleep(max(0, start + number * every_s - time.monotonic()))
            batch = self._batch(size)
            began = time.monotonic_ns()
            for symbol in batch.symbol:
                index = int(symbol[1:])
                self.counts[index] += 1
                self.began[symbol, int(self.counts[index])] = began
            await store.write(batch)
        await pool.close()

    def _batch(self, size: int) -> TickBatch:
        which = self._random.integers(0, SYMBOLS, size)
        moved = self._prices[which] * np.exp(self._random.normal(0, 2e-4, size))
        self._prices[which] = moved.round(2)
        times = self._time_us + np.arange(1, size + 1) * 1_000
        self._time_us += size * 1_000
        price = self._prices[which]
        return TickBatch(
            times,
            np.array([f"S{index:03}" for index in which], dtype=object),
            times,
            price,
            self._random.integers(1, 50, size).astype(np.float64) * 100,
            (price - 0.01).round(2),
            (price + 0.01).round(2),
        )

    def seed(self) -> None:
        """One tick of each symbol, so that every row is there before anything is measured."""
        with psycopg.connect(self._url) as connection:
            connection.cursor().executemany(
                "insert into ticks (time, symbol, seq, price, size) values (to_timestamp(%s), %s, 0, %s, 100)",
                [(START_US / 1e6, f"S{i:03}", float(self._prices[i])) for i in range(SYMBOLS)],
            )
        self.counts[:] = 1
