"""A feed that makes its ticks up: seeded, reproducible, at a rate that it holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

import numpy as np

from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.types import Instrument, TickBatch
from tickdeck.feeds.base import FeedBatch, ahead
from tickdeck.feeds.clock import PacedClock
from tickdeck.feeds.walk.history import history
from tickdeck.feeds.walk.market import Market
from tickdeck.feeds.walk.symbols import MOST, sector_of

MAX_RATE: Final = 1_000_000.0
_CHUNK_US: Final = 500_000
"""Simulated time that is made at once; part of the definition of a walk: another one gives other ticks."""


class RandomWalk:
    """A walk of `symbols` symbols at `rate` ticks a second on average, from `start_us` (µs since the epoch) on.

    The same symbols, rate, seed, start and `resume` give the same ticks, at whatever speed they are paced.
    `resume`: symbol to its last (time_us, price), from where the walk goes on.  Ends after `duration_us`.
    `wall_us` (µs since the epoch) is the time of day the ticks keep to: what was missed before the feed came to
    run comes at once.  Without it the first tick is due when the feed starts.
    """

    kind = "walk"
    name = "random walk"

    def __init__(
        self,
        clock: PacedClock,
        start_us: int,
        *,
        symbols: int = 100,
        rate: float = 1000.0,
        seed: int = 7,
        resume: dict[str, tuple[int, float]] | None = None,
        duration_us: int | None = None,
        wall_us: Callable[[], int] | None = None,
    ) -> None:
        if not 1 <= symbols <= MOST:
            raise ConfigurationError(f"--symbols {symbols}: 1 to {MOST:,} are possible")
        if not 0 < rate <= MAX_RATE:
            raise ConfigurationError(
                f"--rate {rate:g}: above 0 and up to {MAX_RATE:,.0f} ticks a second are possible"
            )
        self._clock = clock
        self._start_us = start_us
        self._rate = rate
        self._duration_us = duration_us
        self._wall_us = wall_us
        self._since_us = 0
        self._market = Market(symbols, seed)
        if resume:
            self._since_us = max(time_us for time_us, _ in resume.values())
            self._market.set_prices({symbol: price for symbol, (_, price) in resume.items()}, self._since_us)

    def instruments(self) -> list[Instrument]:
        """The walk's symbols: they trade around the clock, their days are those of UTC."""
        symbols = self._market.symbols.tolist()
        return [
            Instrument(symbol, name, None, "UTC", "USD", 2, sector=sector_of(name))
            for symbol, name in zip(symbols, self._market.names, strict=True)
        ]

    def past(self) -> WalkPast:
        """The time before the start, after the newest of `resume`: to be stored before the walk itself."""
        return WalkPast(history(self._market, self._start_us, since_us=self._since_us, rate=self._rate))

    async def batches(self) -> AsyncIterator[FeedBatch]:
        """Yield ticks when they are due."""
        self._clock.start(0 if self._wall_us is None else self._wall_us() - self._start_us)
        async for chunk in ahead(map(FeedBatch, self.chunks())):
            done = 0
            due_us = chunk.ticks.time_us - self._start_us
            while done < len(chunk):
                passed_us = self._clock.passed_us()
                ready = len(chunk) if passed_us is None else int(np.searchsorted(due_us, passed_us, "right"))
                if ready > done:
                    yield chunk.take(slice(done, ready))
                    done = ready
                else:
                    await self._clock.until(int(due_us[done]))
            await asyncio.sleep(0)

    def chunks(self) -> Iterator[TickBatch]:
        """The ticks from the start on, a stretch of simulated time after the other, however long that takes."""
        made, passed_us = 0, 0
        while self._duration_us is None or passed_us < self._duration_us:
            length_us = _CHUNK_US
            if self._duration_us is not None:
                length_us = min(_CHUNK_US, self._duration_us - passed_us)
            # Counted from the start, so that no rounding adds up and the rate is held.
            count = int(self._rate * (passed_us + length_us) / 1e6) - made
            if count:
                yield self._market.span(self._start_us + passed_us, length_us, count)
            made += count
            passed_us += length_us


class WalkPast:
    """The past of a random walk, as a feed that ends."""

    kind = "walk"
    name = "random walk, past"

    def __init__(self, ticks: Iterator[TickBatch]) -> None:
        self._ticks = ticks

    async def batches(self) -> AsyncIterator[FeedBatch]:
        """Yield all of it, as fast as it is taken."""
        async for batch in ahead(map(FeedBatch, self._ticks)):
            yield batch
