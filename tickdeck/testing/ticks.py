"""Makes ticks for tests, and stores them as a feed would."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Concatenate, ParamSpec

import numpy as np

from tickdeck.db.market.types import TickBatch, to_us
from tickdeck.db.session import open_pool
from tickdeck.db.ticks.store import TickStore, Written

P = ParamSpec("P")

START = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
"""Where made-up ticks begin unless told otherwise: the New York opening of a Monday."""


@dataclass(frozen=True, slots=True)
class Row:
    """One tick spelled out; `seq` None: its place in the list."""

    symbol: str
    time: datetime
    price: float
    size: float = 1.0
    seq: int | None = None
    bid: float | None = None
    ask: float | None = None


def _stored(
    make: Callable[Concatenate[TickFactory, P], TickBatch],
) -> Callable[Concatenate[TickFactory, P], TickBatch]:
    """`make`, which also stores what it makes."""

    @functools.wraps(make)
    def stored(factory: TickFactory, /, *args: P.args, **kwargs: P.kwargs) -> TickBatch:
        batch = make(factory, *args, **kwargs)
        factory.write(batch)
        return batch

    return stored


class TickFactory:
    """Ticks for the database at `url`; a call of it makes and stores a batch."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._seq = 0

    def batch(
        self,
        count: int = 100,
        *,
        symbols: Sequence[str] = ("SPY",),
        start: datetime = START,
        every: timedelta = timedelta(milliseconds=100),
        seed: int = 0,
    ) -> TickBatch:
        """`count` ticks, one `every` so often from the aware `start` on, the symbols taking turns.

        Prices walk at random around 100 in cents, reproducibly for a `seed`; bid and ask are a cent beside.
        `seq` counts up over the life of the factory.
        """
        randomness = np.random.default_rng(seed)
        price = np.round(100 * np.exp(np.cumsum(randomness.normal(0, 1e-4, count))), 2)
        first = self._seq
        self._seq += count
        return TickBatch(
            time_us=to_us(start) + np.arange(count, dtype=np.int64) * (every // timedelta(microseconds=1)),
            symbol=np.array([symbols[n % len(symbols)] for n in range(count)], dtype=object),
            seq=np.arange(first, first + count, dtype=np.int64),
            price=price,
            size=100 * randomness.integers(1, 10, count).astype(np.float64),
            bid=np.round(price - 0.01, 2),
            ask=np.round(price + 0.01, 2),
        )

    __call__ = _stored(batch)
    """Make `batch(…)`, store it, and return it."""

    def rows(self, rows: Iterable[Row]) -> TickBatch:
        """Exactly these ticks, in this order."""
        listed = list(rows)
        nan = float("nan")
        first = self._seq
        self._seq += len(listed)
        return TickBatch(
            time_us=np.array([to_us(row.time) for row in listed], dtype=np.int64),
            symbol=np.array([row.symbol for row in listed], dtype=object),
            seq=np.array(
                [first + n if row.seq is None else row.seq for n, row in enumerate(listed)], dtype=np.int64
            ),
            price=np.array([row.price for row in listed], dtype=np.float64),
            size=np.array([row.size for row in listed], dtype=np.float64),
            bid=np.array([nan if row.bid is None else row.bid for row in listed], dtype=np.float64),
            ask=np.array([nan if row.ask is None else row.ask for row in listed], dtype=np.float64),
        )

    def write(self, batch: TickBatch) -> Written:
        """Store the batch in one transaction, from plain and from async tests alike; raise `DatabaseError`."""
        # A thread of its own: the test's thread may have an event loop running.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(self.write_async(batch))).result()

    async def write_async(self, batch: TickBatch) -> Written:
        """`write`, without holding up the event loop."""
        pool = await open_pool(self._url, role="writer", size=1)
        try:
            return await TickStore(pool).write(batch)
        finally:
            await pool.close()
