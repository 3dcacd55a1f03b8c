"""The market of a replay: a MarketState that holds what the ticks up to one place tell, and nothing later."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from tickdeck.app.market.charts import Chart
from tickdeck.app.market.flow import Flow
from tickdeck.app.market.fold import fold_seconds
from tickdeck.app.market.state import TAPE_LIMIT, MarketState
from tickdeck.app.replay.clock import FIRST_SEQ, Position
from tickdeck.app.replay.profile import NOTHING, Profile
from tickdeck.app.replay.reader import ReplayReader
from tickdeck.app.replay.ticks import ReadAhead
from tickdeck.db.market.messages import Bar
from tickdeck.db.market.types import Instrument, TickBatch

TICKS_AT_ONCE: Final = 2048
"""Ticks applied without letting the event loop do anything else (some milliseconds)."""


class ReplayMarket:
    """`state` at `position`, and the ticks that come next; knows places, but no clock.

    `on_ticks` is called with each batch once it is applied, `on_bars` with what was folded of it, `on_loaded` once it stands
    anywhere else.  Calls must not overlap (see `Player`).
    """

    def __init__(
        self, instruments: Sequence[Instrument], reader: ReplayReader, position: Position, *, block_ticks: int
    ) -> None:
        self.state = MarketState()
        self.state.load_instruments(instruments)
        self.position = position
        self.profile: Profile = NOTHING
        """Of the whole range, as it is known at `position`; another object once it is another one."""
        self.on_ticks: Callable[[TickBatch], None] = lambda _: None
        self.on_bars: Callable[[Sequence[Bar]], None] = lambda _: None
        self.on_loaded: Callable[[], None] = lambda: None
        self._reader = reader
        self._known: deque[int] = deque()
        """When cancels and corrections of ticks up to then become known, µs: what they restate is read anew then."""
        self._ticks = ReadAhead(reader.block, block_ticks=block_ticks)

    def set_block(self, ticks: int) -> None:
        """Read so many ticks at a time from now on."""
        self._ticks.block_ticks = ticks

    def next_place(self) -> Position | None:
        """Where something happens next: a tick, or one becomes known to be otherwise; None: not read yet, or nothing does."""
        tick = self._ticks.next()
        if tick is None and not self._ticks.finished:
            return None
        return min((place for place in (tick, self._next_known()) if place is not None), default=None)

    async def wait_next_place(self) -> Position | None:
        """As `next_place`, waiting for the database; None where nothing happens any more."""
        await self._ticks.wait()
        return self.next_place()

    async def load(self, position: Position) -> None:
        """Stand anywhere: rebuild everything from candles before it and the ticks of the buckets in progress."""
        state = self.state
        charts = list(state.charts.values())
        read = await self._reader.market_at(
            position, charts, list(state.tapes), TAPE_LIMIT, list(state.flows)
        )
        state.load_quotes(read.quotes)
        for chart, candles, lead, fold in read.charts:  # one that was closed meanwhile is nobody's
            state.load_chart(chart, candles, lead=lead, fold=fold)
        for symbol, ticks in read.tapes.items():
            if symbol in state.tapes:
                state.load_tape(symbol, ticks)
        for symbol, (flow, from_us) in read.flows.items():
            if symbol in state.flows:
                state.load_flow(state.flows[symbol], flow, from_us)
        self.position, self.profile = position, read.profile
        self._known = deque(read.known_us)
        self._ticks.start(position)
        self.on_loaded()

    async def load_chart(self, chart: Chart) -> None:
        """Read the candles of one chart of the state."""
        _, candles, lead, fold = await self._reader.chart(chart, self.position)
        self.state.load_chart(chart, candles, lead=lead, fold=fold)

    async def load_flow(self, flow: Flow) -> None:
        """Read the order flow of one symbol of the state."""
        self.state.load_flow(flow, *await self._reader.flow(flow.symbol, self.position))

    async def load_tape(self, symbol: str) -> None:
        """Read one tape of the state."""
        ticks = await self._reader.tape(symbol, self.position, TAPE_LIMIT)
        if symbol in self.state.tapes:
            self.state.load_tape(symbol, ticks)

    async def advance(self, to: Position) -> None:
        """Apply every tick up to `to`, however long the database takes; never backwards."""
        while self.position < to:
            if await self.apply_due(to) is not None:
                await asyncio.sleep(0)

    async def advance_places(self, count: int, end: Position) -> None:
        """Apply the ticks of the next `count` places; where there are fewer, stand at `end`."""
        while count > 0:
            edge, known = self._edge(end)
            batch = await self._ticks.take(edge, min(count, TICKS_AT_ONCE))  # so many have no more places
            if batch is not None:
                moved = (batch.time_us[1:] != batch.time_us[:-1]) | (batch.seq[1:] != batch.seq[:-1])
                count -= 1 + int(np.count_nonzero(moved))
                self._apply(batch)
                await asyncio.sleep(0)
            elif not self._ticks.finished and self._ticks.next() is None:
                await self._ticks.wait()
            elif known:
                await self.load(edge)
            else:
                self._skip_to(end)
                return

    async def apply_due(self, limit: Position) -> int | None:
        """Apply some of what happens up to `limit`; how much, or None where it had to be waited for."""
        edge, known = self._edge(limit)
        batch = await self._ticks.take(edge, TICKS_AT_ONCE)
        if batch is None and self._ticks.next() is None and not self._ticks.finished:
            await self._ticks.wait()
            return None
        if batch is not None:
            self._apply(batch)
        applied = 0 if batch is None else len(batch)
        following = self._ticks.next()
        if (following is not None and following > edge) or self._ticks.finished:
            if known:
                await self.load(edge)  # as a seek to there would
                return applied + 1
            self._skip_to(limit)
        return applied

    async def close(self) -> None:
        """End the reading."""
        await self._ticks.stop()

    def _apply(self, batch: TickBatch) -> None:
        """Let the next ticks happen, in (time, seq) order; the position is then that of the last."""
        self.position = Position(int(batch.time_us[-1]), int(batch.seq[-1]))
        bars = fold_seconds(batch)
        self.state.merge(bars)
        for symbol in self.state.followed():
            if len(ticks := batch.take(batch.symbol == symbol)):
                self.state.extend(symbol, ticks)
        self.state.settle(self.position.time_us)
        for symbol, tape in self.state.tapes.items():
            if not tape.loaded:
                continue
            newest = np.flatnonzero(batch.symbol == symbol)[: -TAPE_LIMIT - 1 : -1]
            if len(newest):
                self.state.extend_tape(symbol, batch.take(newest))
        self.on_bars(bars)
        self.on_ticks(batch)

    def _next_known(self) -> Position | None:
        """Before all ticks of the instant at which a cancel or correction of an earlier one becomes known."""
        return Position(self._known[0], FIRST_SEQ) if self._known else None

    def _edge(self, limit: Position) -> tuple[Position, bool]:
        """Up to where ticks can be applied one after the other, and whether something becomes known there."""
        known = self._next_known()
        return (limit, False) if known is None or known > limit else (known, True)

    def _skip_to(self, position: Position) -> None:
        """Move on to a place up to which nothing happens."""
        self.position = max(self.position, position)
