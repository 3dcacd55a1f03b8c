"""Builds the 5m, 15m, 1h and 1d candles of hours that are over, in the background and out of the feeds' way."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Final

from tickdeck.db.errors import DatabaseError
from tickdeck.db.faults import Fault
from tickdeck.db.session import Pool, translate
from tickdeck.db.statements import statement

_LOCK_TIMEOUT_MS: Final = 50
"""The longest a turn waits for a row or table that somebody else holds; writers may queue behind it as long."""
_TURN_S: Final = 0.04
"""What a turn should take: writers wait for as long."""
_PAUSE: Final = 3
"""Turns that would have fitted into the pause after each."""
_MOST: Final = 2_000


async def build_candles(pool: Pool, *, most: int = 500) -> int | None:
    """Build the 5m, 15m, 1h and 1d candles of up to `most` stale hours that are over, oldest first.

    Returns how many hours were built: 0 where nothing is left to do, None where writers were in the way, so that
    nothing was done and trying again a moment later helps.  Raises `DatabaseError` and its kinds.
    """
    with translate("cannot build candles"):
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(f"set local lock_timeout = {_LOCK_TIMEOUT_MS}")
            hours: int | None = await connection.fetchval(statement("build_candles"), most)
    return hours


class Builder:
    """Keeps the stale hours few: looks for some every few seconds, and builds them all.

    Each turn is short and followed by a pause three times as long, so that writers, whose bulk load may be what makes
    hours stale, wait for a moment only and keep three quarters of the time.
    Reads do not need it: they fold what is not built yet, which only takes them longer.
    """

    def __init__(self, pool: Pool, *, every_s: float = 5.0) -> None:
        self._pool = pool
        self._every_s = every_s
        self._most = 20

    async def run(self) -> None:
        """Build until cancelled; a database that fails is logged and tried again."""
        fault = Fault(
            "candles_not_built", "candles_built_again", after_s=60
        )  # one that is away is said by others
        while True:
            try:
                await self.drain()
                fault.over()
            except DatabaseError as exc:
                fault.failed(str(exc))
            # Several dashboards on one database are not in step.
            await asyncio.sleep(self._every_s * random.uniform(0.8, 1.2))  # noqa: S311

    async def drain(self) -> int:
        """Build until nothing is stale that is over; returns how many hours were built."""
        built = 0
        while True:
            started = time.monotonic()
            hours = await build_candles(self._pool, most=self._most)
            took_s = time.monotonic() - started
            if hours == 0:
                return built
            if hours is None:  # a writer is at work: its transactions are short, but follow one another
                await asyncio.sleep(random.uniform(0.005, 0.05))  # noqa: S311
                continue
            built += hours
            if hours == self._most:
                self._most = max(1, min(_MOST, round(hours * min(2.0, _TURN_S / max(took_s, 0.001)))))
            await asyncio.sleep(_PAUSE * took_s)
