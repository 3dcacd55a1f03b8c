"""Builds the 1h and 1d candles of hours that are over, in the background and out of the feeds' way."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Final

import structlog

from db.connect import translate
from db.errors import DatabaseError
from db.pool import Pool
from db.statements import statement

_LOCK_TIMEOUT_MS: Final = 50
"""The longest a turn waits for a row or table that somebody else holds; writers may queue behind it as long."""
_TURN_S: Final = 0.04
"""What a turn should take: writers wait for as long."""
_MOST: Final = 2_000

log = structlog.get_logger(__name__)


async def build_candles(pool: Pool, *, most: int = 500) -> int | None:
    """Build the 1h and 1d candles of up to `most` stale hours that are over, oldest first.

    Returns how many hours were built: 0 where nothing is left to do, None where writers were in the way, so that
    nothing was done and trying again a moment later helps.  Raises `DatabaseError` and its kinds.
    """
    with translate("cannot build candles"):
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(f"set local lock_timeout = {_LOCK_TIMEOUT_MS}")
            hours: int | None = await connection.fetchval(statement("build_candles"), most)
    return hours


class Builder:
    """Keeps the stale hours few: drains them now and then, and soon after `wake()`.

    Each turn is short and followed by a pause of the same length, so that writers never wait longer than a moment.
    Reads do not need it: they fold what is not built yet, which only takes them longer.
    """

    def __init__(self, pool: Pool, *, every_s: float = 30.0) -> None:
        self._pool = pool
        self._every_s = every_s
        self._most = 20
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look for stale hours now: call it after a bulk load."""
        self._wake.set()

    async def run(self) -> None:
        """Build until cancelled; a database that fails is logged and tried again."""
        while True:
            self._wake.clear()
            try:
                await self.drain()
            except DatabaseError as exc:
                log.warning("candles not built", reason=str(exc))
            wait_s = self._every_s * random.uniform(0.8, 1.2)  # noqa: S311 - several dashboards, not in step
            try:
                await asyncio.wait_for(self._wake.wait(), wait_s)
            except TimeoutError:
                continue

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
            await asyncio.sleep(took_s)
