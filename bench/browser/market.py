"""A market of the browser benchmark's own: stored candles for a chart, then ticks of now, lone or many."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tickdeck.db.market.types import TickBatch
from tickdeck.db.session import Pool
from tickdeck.db.ticks.store import TickStore

SYMBOLS: Final = 100
CHARTED: Final = "S000"

TICKS_PER_S: Final = 1_000
BATCHES_PER_S: Final = 20
MINUTES: Final = 2_600
"""How far back the charted symbol goes: 500 candles and more of 1 s, 1 min and 5 min."""
SECONDS: Final = 700
MOVE: Final = 2e-5
"""Of a price from tick to tick, relative: 0.07 % in a minute."""

Integers: TypeAlias = NDArray[np.int64]
Numbers: TypeAlias = NDArray[np.float64]


class Market:
    """Writes through `pool` (role writer); every tick's time is the moment it is written."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._store = TickStore(pool)
        self._random = np.random.default_rng(7)
        self._prices: Numbers = np.exp(self._random.normal(4, 0.5, SYMBOLS)).round(2)
        self._seq = 0

    async def seed(self) -> None:
        """The past of the charted symbol, four ticks a minute and then one a second; one tick of each other."""
        now_us = time.time_ns() // 1000
        old = now_us - np.arange(MINUTES * 60, SECONDS, -15) * 1_000_000
        new = now_us - np.arange(SECONDS, 0, -1) * 1_000_000
        times = np.concatenate([old, new])
        # As much as `trade` makes of the charted symbol in as long, so that the forming candle is like the others.
        stands_for = np.repeat([15 * BATCHES_PER_S, BATCHES_PER_S], [len(old), len(new)])
        steps = self._random.normal(0, MOVE * np.sqrt(stands_for))
        prices: Numbers = (self._prices[0] * np.exp(np.cumsum(steps) - np.sum(steps))).round(2)
        past = self._batch(times, np.zeros(len(times), dtype=np.int64), prices)
        await self._store.write(dataclasses.replace(past, size=past.size * stands_for))
        every = np.arange(SYMBOLS)
        await self._store.write(self._batch(np.full(SYMBOLS, now_us), every, self._prices))

    async def trade(self, seconds: float) -> None:
        """1,000 ticks a second over all symbols; a late batch does not delay those after it."""
        size = TICKS_PER_S // BATCHES_PER_S
        start = time.monotonic()
        for number in range(int(seconds * BATCHES_PER_S)):
            await asyncio.sleep(max(0, start + number / BATCHES_PER_S - time.monotonic()))
            which = self._random.integers(0, SYMBOLS, size)
            which[0] = 0  # each batch moves the chart
            moves = np.exp(self._random.normal(0, MOVE, size))
            self._prices[which] = np.round(self._prices[which] * moves, 2)
            times = time.time_ns() // 1000 + np.arange(size)
            await self._store.write(self._batch(times, which, self._prices[which]))

    async def insert(self, price: float) -> float:
        """One tick of the charted symbol by a plain INSERT; returns `time.monotonic()` of its start."""
        began = time.monotonic()
        await self._pool.execute(
            "insert into ticks (time, symbol, price, size) values (now(), $1, $2, 100)", CHARTED, price
        )
        return began

    def _batch(self, times: Integers, which: Integers, prices: Numbers) -> TickBatch:
        count = len(times)
        self._seq += count
        return TickBatch(
            times,
            np.array([f"S{index:03}" for index in which], dtype=object),
            np.arange(self._seq - count, self._seq),
            prices,
            self._random.uniform(1, 50, count).round() * 100,
            (prices - 0.01).round(2),
            (prices + 0.01).round(2),
        )
