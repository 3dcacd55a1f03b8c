"""Reads the tables into a MarketState, so that no message is missed and none counts twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from app.live.charts import Chart
from app.live.state import TAPE_LIMIT, MarketState
from db.candles import read_candles
from db.feeds_status import list_feeds
from db.instruments import list_instruments
from db.market import Candle
from db.pool import Connection, Pool, snapshot
from db.quotes import read_quotes
from db.ticks_read import tape

SILENT_AFTER_S: Final = 15.0
"""A feed that runs says so more often than this."""


class StateReader:
    """Every method reads in one snapshot and raises `DatabaseError` where that fails; the state is then as before."""

    def __init__(self, pool: Pool, state: MarketState) -> None:
        self._pool = pool
        self._state = state
        self._tapes = asyncio.Lock()  # two reads of a tape must not be taken in the wrong order

    async def everything(self) -> None:
        """Instruments, all quotes, and the charts and tapes that are open."""
        state = self._state
        with state.reading() as pending:
            async with snapshot(self._pool) as (connection, guard):
                instruments = await list_instruments(connection)
                quotes = await read_quotes(connection)
                charts = [(chart, await _candles(connection, chart)) for chart in list(state.charts.values())]
            state.load_instruments(instruments)
            state.load_quotes(quotes, guard, pending)
            for chart, candles in charts:
                state.load_chart(chart, candles, guard, pending)
        await self.tapes(state.tapes)

    async def symbols(self, symbols: set[str]) -> None:
        """The quotes and open charts of `symbols` and of all whose instrument is new, changed or gone."""
        state = self._state
        with state.reading() as pending:
            async with snapshot(self._pool) as (connection, guard):
                instruments = await list_instruments(connection)
                wanted = symbols | state.outdated(instruments)
                quotes = await read_quotes(connection, sorted(wanted)) if wanted else []
                charts = [
                    (chart, await _candles(connection, chart))
                    for chart in list(state.charts.values())
                    if chart.symbol in wanted
                ]
            state.load_instruments(instruments)
            state.load_quotes(quotes, guard, pending, symbols=wanted)
            for chart, candles in charts:
                state.load_chart(chart, candles, guard, pending)

    async def chart(self, chart: Chart) -> None:
        """One chart."""
        with self._state.reading() as pending:
            async with snapshot(self._pool) as (connection, guard):
                candles = await _candles(connection, chart)
            self._state.load_chart(chart, candles, guard, pending)

    async def tapes(self, symbols: Iterable[str]) -> None:
        """The tapes of `symbols` that are open, in one round trip."""
        async with self._tapes:
            wanted = [symbol for symbol in symbols if symbol in self._state.tapes]
            if not wanted:
                return
            read = await tape(self._pool, wanted, TAPE_LIMIT)
            for symbol in wanted:
                if symbol in self._state.tapes and symbol in read:
                    self._state.load_tape(symbol, read[symbol])

    async def instruments_changed(self) -> bool:
        """Whether there is anything to read about instruments; `symbols` does."""
        return bool(self._state.outdated(await list_instruments(self._pool)))

    async def feeds(self) -> dict[str, dict[str, str]]:
        """What the status shows of each feed, by name."""
        feeds = await list_feeds(self._pool)
        return {
            feed.name: {
                "name": feed.name,
                "kind": feed.kind,
                "state": "silent"
                if feed.state == "running" and feed.silent_s > SILENT_AFTER_S
                else feed.state,
            }
            for feed in feeds
        }


async def _candles(connection: Connection, chart: Chart) -> list[Candle]:
    return await read_candles(connection, chart.symbol, chart.interval, limit=chart.limit)
