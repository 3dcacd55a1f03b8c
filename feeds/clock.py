"""Paces a feed: market time that passes at a chosen speed, or not at all."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Final, Self

from tickdeck.db.market.moments import parse_speed

MIN_STEP_S: Final = 0.01
"""Waits are never shorter, so that a fast feed yields batches and not single ticks."""
MIN_SPEED: Final = 0.001
MAX_SPEED: Final = 100_000.0


class PacedClock:
    """Market time since `start`, in µs, passing `speed` times as fast as real time (None: no pacing at all).

    `monotonic` (seconds) and `sleep` are the time it lives in; tests bring their own.
    """

    def __init__(
        self,
        speed: float | None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.speed = speed
        self._monotonic = monotonic
        self._sleep = sleep
        self._started = monotonic()

    @classmethod
    def of(cls, speed: str) -> Self:
        """One at the speed that users have written; raises `MarketDataError` where it is none."""
        given = parse_speed(speed, "--speed", least=MIN_SPEED, most=MAX_SPEED)
        return cls(None if math.isinf(given) else given)

    def start(self, passed_us: int = 0) -> None:
        """Set market time to `passed_us`."""
        self._started = self._monotonic() - passed_us / 1_000_000 / (self.speed or 1.0)

    def passed_us(self) -> int | None:
        """Market time since the start; None where nothing is paced, so everything is due."""
        if self.speed is None:
            return None
        return int((self._monotonic() - self._started) * self.speed * 1_000_000)

    async def until(self, market_us: int) -> None:
        """Return at `market_us` or at most MIN_STEP_S after it; at once where that has passed already."""
        if self.speed is None:
            await self._sleep(0)
            return
        due = self._started + market_us / 1_000_000 / self.speed
        await self._sleep(max(MIN_STEP_S, due - self._monotonic()))
