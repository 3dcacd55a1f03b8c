"""The market of a replay: a MarketState that holds what the ticks up to one place tell, and nothing later."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.live.charts import Chart
from app.live.replay_clock import Position
from app.live.replay_fold import fold_seconds
from app.live.replay_reader import Picture, ReplayReader
from app.live.state import TAPE_LIMIT, MarketState
from db.instruments import Instrument
from db.market import TickBatch
from db.messages import Bars


class ReplayMarket:
    """`state` at `position`; the caller keeps its calls apart (see `Player`)."""

    def __init__(self, instruments: Sequence[Instrument], reader: ReplayReader, position: Position) -> None:
        self.state = MarketState()
        self.state.load_instruments(instruments)
        self.position = position
        self._reader = reader

    def apply(self, batch: TickBatch) -> None:
        """Let the next ticks happen, in (time, seq) order; the position is then that of the last."""
        self.position = Position(int(batch.time_us[-1]), int(batch.seq[-1]))
        self.state.apply(Bars(0, self.position.time_us, tuple(fold_seconds(batch))))
        self.state.sent_us = None  # a latency against the wall clock means nothing here
        for symbol, tape in self.state.tapes.items():
            if not tape.loaded:
                continue
            newest = np.flatnonzero(batch.symbol == symbol)[: -TAPE_LIMIT - 1 : -1]
            if len(newest):
                self.state.extend_tape(symbol, batch.take(newest))

    def nothing_until(self, position: Position) -> None:
        """Move on to a place up to which nothing happens."""
        self.position = max(self.position, position)

    async def load(self, position: Position) -> None:
        """Rebuild everything at `position`, from candles before it and the ticks of the buckets in progress."""
        picture = await self._reader.all_at(
            position, list(self.state.charts), list(self.state.tapes), TAPE_LIMIT
        )
        self._take(picture)
        self.position = position

    async def load_chart(self, chart: Chart) -> None:
        """Read the candles of one chart of the state."""
        self.state.load_chart(chart, await self._reader.candles(chart.symbol, chart.interval, self.position))

    async def load_tape(self, symbol: str) -> None:
        """Read one tape of the state."""
        self.state.load_tape(symbol, await self._reader.tape(symbol, self.position, TAPE_LIMIT))

    def _take(self, picture: Picture) -> None:
        self.state.load_quotes(picture.quotes)
        for key, candles in picture.candles.items():
            self.state.load_chart(self.state.charts[key], candles)
        for symbol, ticks in picture.tapes.items():
            self.state.load_tape(symbol, ticks)
