"""Moves a replay's market on through the stored ticks, forward by playing, anywhere by reading anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from app.live.replay_clock import Position
from app.live.replay_market import ReplayMarket
from app.live.replay_source import ReadAhead
from db.market import TickBatch

HELPING_TICKS: Final = 2048
"""Ticks applied without letting the event loop do anything else (some milliseconds)."""


class Engine:
    """The market of a replay with the ticks that come next; knows places, but no clock.

    `on_ticks` is called with each batch once it is applied.  Calls must not overlap.
    """

    def __init__(self, market: ReplayMarket, source: ReadAhead) -> None:
        self.market = market
        self.on_ticks: Callable[[TickBatch], None] = lambda _: None
        self._source = source

    def next(self) -> Position | None:
        """The place of the next tick; None where it is not read yet, or where there is none."""
        return self._source.next()

    async def next_known(self) -> Position | None:
        """The place of the next tick, waiting for the database; None where there is none."""
        await self._source.wait()
        return self._source.next()

    async def load(self, position: Position) -> None:
        """Stand anywhere."""
        await self.market.load(position)
        self._source.start(position)

    async def stop(self) -> None:
        """End the reading."""
        await self._source.stop()

    async def advance(self, to: Position) -> None:
        """Apply every tick up to `to`, however long the database takes; never backwards."""
        while self.market.position < to:
            batch = await self._source.take(to, HELPING_TICKS)
            if batch is not None:
                self._apply(batch)
                await asyncio.sleep(0)
            elif self._source.finished or self._source.next() is not None:
                self.market.nothing_until(to)
            else:
                await self._source.wait()

    async def help(self, limit: Position) -> int | None:
        """Apply one helping of the ticks up to `limit`; how many, or None where they had to be waited for."""
        batch = await self._source.take(limit, HELPING_TICKS)
        if batch is None and self._source.next() is None and not self._source.finished:
            await self._source.wait()
            return None
        if batch is not None:
            self._apply(batch)
        following = self._source.next()
        if (following is not None and following > limit) or self._source.finished:
            self.market.nothing_until(limit)
        return 0 if batch is None else len(batch)

    def _apply(self, batch: TickBatch) -> None:
        self.market.apply(batch)
        self.on_ticks(batch)
