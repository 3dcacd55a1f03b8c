"""Reads the tables into a MarketState, so that no notification is missed and none counts twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from tickdeck.app.market.charts import BarChart, Chart, SpreadChart, SpreadLeg
from tickdeck.app.market.flow import Flow
from tickdeck.app.market.following import after as after_place
from tickdeck.app.market.state import TAPE_LIMIT, MarketState
from tickdeck.app.push.broadcast import next_turn
from tickdeck.app.push.metrics import Metrics
from tickdeck.db.candles.bars import read_bars
from tickdeck.db.candles.imported import imported_until
from tickdeck.db.candles.indicated import read_lead
from tickdeck.db.candles.read import read_candles
from tickdeck.db.candles.spreads import read_spread
from tickdeck.db.errors import DatabaseError
from tickdeck.db.faults import Fault
from tickdeck.db.feeds_status import FeedRow, list_feeds
from tickdeck.db.instruments import list_instruments
from tickdeck.db.lookback import horizon_us
from tickdeck.db.market.bar_types import BarFold, BarType
from tickdeck.db.market.indicators import Lead
from tickdeck.db.market.messages import Bar, Bars
from tickdeck.db.market.spreads import SpreadFold
from tickdeck.db.market.types import Candle, TickBatch
from tickdeck.db.orderflow import read_flow
from tickdeck.db.quotes import read_quotes
from tickdeck.db.session import Connection, Pool, snapshot
from tickdeck.db.tick_columns import tick_column_pages
from tickdeck.db.ticks.read import tape, tape_since

QUOTES_AT_ONCE: Final = 500
"""Quotes taken without letting the event loop do anything else (some milliseconds)."""
SETTLED_US: Final = 30_000_000
"""Ticks of one symbol of a spread that are that much older than another's newest ones are taken to have come."""
REREAD_PAUSE_S: Final = 0.25
REREAD_PAUSE_FACTOR: Final = 3
"""Between two reads of everything: at least the pause, and this many times what the last one took."""

ASTRAY_PAUSE_S: Final = 0.5
"""After what is made of a symbol's ticks alone was read anew, as some came late."""


@dataclass(slots=True)
class _NewTicks:
    """The ticks of one symbol that were notified of and that its tape does not hold yet."""

    since_us: int
    """The first of them."""
    expected: set[tuple[int, int]] = field(default_factory=set)
    """(time_us, seq) of some of them: a read without them missed a chunk that was being made."""

    def add(self, bar: Bar) -> None:
        candle = bar.candle
        self.since_us = min(self.since_us, candle.first_us)
        self.expected.add((candle.last_us, candle.last_seq))

    def all_in(self, ticks: TickBatch) -> bool:
        """Whether `ticks`, newest first and as many as a tape holds if there are so many, has all that is expected."""
        read = set(zip(ticks.time_us.tolist(), ticks.seq.tolist(), strict=True))
        if len(read) < TAPE_LIMIT:
            return self.expected <= read
        oldest = min(read)
        return all(tick in read for tick in self.expected if tick > oldest)


class StateReader:
    """Every method reads in one snapshot and raises `DatabaseError` where that fails; the state is then as before."""

    def __init__(self, pool: Pool, state: MarketState) -> None:
        self._pool = pool
        self._state = state
        self._follows = asyncio.Lock()  # as with tapes, for what is made of ticks alone
        self._tapes = asyncio.Lock()  # two reads of a tape must not be taken in the wrong order

    async def read_all(self) -> None:
        """Instruments, all quotes, and the charts and tapes that are open."""
        state = self._state
        async with self._follows:
            await self._read_all()
            for flow in list(state.flows.values()):
                await self._read_flow(flow)
        await self.read_tapes(state.tapes)

    async def _read_all(self) -> None:
        state = self._state
        with state.reading() as pending:
            async with snapshot(self._pool) as (connection, as_of):
                instruments = await list_instruments(connection)
                quotes = await read_quotes(connection)
                charts = [
                    (chart, *await _candles(connection, chart)) for chart in list(state.charts.values())
                ]
            state.load_instruments(instruments)
            for first in range(0, len(quotes), QUOTES_AT_ONCE):
                part = quotes[first : first + QUOTES_AT_ONCE]
                state.load_quotes(part, as_of, pending, symbols={quote.symbol for quote in part})
                await asyncio.sleep(0)
            state.finish_quotes({quote.symbol for quote in quotes}, as_of, pending)
            for chart, candles, lead, fold in charts:
                state.load_chart(chart, candles, as_of, pending, lead=lead, fold=fold)

    async def read_symbols(self, symbols: set[str]) -> None:
        """The quotes and open charts of `symbols` and of all whose instrument is new, changed or gone."""
        async with self._follows:
            await self._read_symbols(symbols)
            for flow in [self._state.flows[symbol] for symbol in symbols if symbol in self._state.flows]:
                await self._read_flow(flow)

    async def _read_symbols(self, symbols: set[str]) -> None:
        state = self._state
        with state.reading() as pending:
            async with snapshot(self._pool) as (connection, as_of):
                instruments = await list_instruments(connection)
                wanted = symbols | state.outdated(instruments)
                quotes = await read_quotes(connection, sorted(wanted)) if wanted else []
                charts = [(chart, *await _candles(connection, chart)) for chart in state.charts_with(wanted)]
            state.load_instruments(instruments)
            state.load_quotes(quotes, as_of, pending, symbols=wanted)
            for chart, candles, lead, fold in charts:
                state.load_chart(chart, candles, as_of, pending, lead=lead, fold=fold)

    async def read_chart(self, chart: Chart) -> None:
        """One chart."""
        if not isinstance(chart, BarChart | SpreadChart):
            await self._read_chart(chart)
            return
        async with self._follows:
            await self._read_chart(chart)

    async def _read_chart(self, chart: Chart) -> None:
        with self._state.reading() as pending:
            async with snapshot(self._pool) as (connection, as_of):
                candles, lead, fold = await _candles(connection, chart)
            self._state.load_chart(chart, candles, as_of, pending, lead=lead, fold=fold)

    async def read_flow(self, flow: Flow) -> None:
        """The newest order flow of a symbol."""
        async with self._follows:
            await self._read_flow(flow)

    async def _read_flow(self, flow: Flow) -> None:
        async with snapshot(self._pool) as (connection, as_of):
            fold, from_us = await read_flow(connection, flow.symbol)
        self._state.load_flow(flow, fold, from_us, as_of)

    async def read_tapes(self, symbols: Iterable[str]) -> None:
        """The tapes of `symbols` that are open, all of each."""
        async with self._tapes:
            wanted = [symbol for symbol in symbols if symbol in self._state.tapes]
            if not wanted:
                return
            read = await tape(self._pool, wanted, TAPE_LIMIT)
            for symbol in wanted:
                if symbol in self._state.tapes and symbol in read:
                    self._state.load_tape(symbol, read[symbol])

    async def read_new_ticks(self, new: dict[str, _NewTicks]) -> None:
        """The new ticks of open tapes: one statement, which leaves the older ticks where they are."""
        async with self._tapes:
            tapes = self._state.tapes
            sinces = {
                symbol: each.since_us
                for symbol, each in new.items()
                if symbol in tapes and tapes[symbol].loaded
            }
            read = await tape_since(self._pool, sinces, TAPE_LIMIT)
            missed = []
            for symbol, ticks in read.items():
                if symbol not in tapes:
                    continue
                self._state.merge_tape(symbol, sinces[symbol], ticks)
                if not new[symbol].all_in(ticks):
                    missed.append(symbol)
        await self.read_tapes(missed)

    async def follow(self, symbol: str) -> bool:
        """Read the ticks of `symbol` that were stored since, for what is made of ticks alone; all of what went astray.

        Returns whether any did.
        """
        async with self._follows:
            await self._read_on(symbol)
            astray = [each for each in self._state.following(symbol) if each.following.astray]
            for each in astray:
                if isinstance(each, Flow):
                    await self._read_flow(each)
                else:
                    await self._read_chart(each.chart if isinstance(each, SpreadLeg) else each)
        return bool(astray)

    async def _read_on(self, symbol: str) -> None:
        charts = [chart for chart in self._state.following(symbol) if chart.loaded]
        if not any(chart.following.behind for chart in charts):
            return
        before = {chart: chart.position for chart in charts}
        after = min(before.values())
        async with snapshot(self._pool) as (connection, as_of):
            pages = tick_column_pages(connection, symbol, max(after[0], 0), horizon_us(), after=after)
            batches = [ticks async for ticks in pages]
        for ticks in batches:
            self._state.extend(symbol, ticks)
            await asyncio.sleep(0)
        if batches:
            self._state.settle(int(batches[-1].time_us[-1]) - SETTLED_US, {symbol})
        for chart, place in before.items():
            chart.following.read(as_of, sum(len(after_place(ticks, place)) for ticks in batches))

    async def instruments_changed(self) -> bool:
        """Whether there is anything to read about instruments; `read_symbols` does."""
        return bool(self._state.outdated(await list_instruments(self._pool)))

    async def feeds(self) -> list[FeedRow]:
        """All feeds that ever wrote."""
        return await list_feeds(self._pool)


async def _candles(
    connection: Connection, chart: Chart
) -> tuple[list[Candle], Lead, BarFold | SpreadFold | None]:
    """The chart's candles, what its indicators need besides, and what goes on with bars that are not of time, and spreads."""
    symbol, interval, days = chart.symbol, chart.interval, chart.instrument.days
    indicators = list(chart.indicators)
    fold: BarFold | SpreadFold | None = None
    if isinstance(chart, SpreadChart) and not isinstance(interval, BarType):
        candles, fold = await read_spread(connection, chart.formula, interval, limit=chart.limit)
        return candles, await read_lead(connection, chart.formula, interval, indicators, candles, days), fold
    if isinstance(interval, BarType):
        candles, fold = await read_bars(connection, symbol, interval, limit=chart.limit)
    else:
        candles = await read_candles(connection, symbol, interval, limit=chart.limit, unpriced=True)
    chart.imported_until_us = await imported_until(connection, symbol) or 0
    return candles, await read_lead(connection, symbol, interval, indicators, candles, days), fold


class CatchUp:
    """Reads what notifications alone cannot tell; what is requested during a read is read by the next one.

    A read that fails is tried again.  `paused` while there is no database: the whole read after reconnecting
    covers what was requested until it began.  `changed` is called after each read, `quotes_read` after those of quotes.
    """

    def __init__(
        self,
        state: MarketState,
        reader: StateReader,
        metrics: Metrics,
        *,
        tape_rate: float,
        chart_rate: float,
        changed: Callable[[], None],
        quotes_read: Callable[[], None] = lambda: None,
    ) -> None:
        self._state = state
        self._reader = reader
        self._quotes_read = quotes_read
        self._metrics = metrics
        self._tape_pause_s = 1 / tape_rate
        self._follow_pause_s = 1 / chart_rate
        self._followed: set[str] = set()
        self._follow_requested = asyncio.Event()
        self._changed = changed
        self._paused = True
        self._all = False
        self._quotes_requested = asyncio.Event()
        self._restated: set[str] = set()
        self._new_ticks: dict[str, _NewTicks] = {}
        self._ticks_requested = asyncio.Event()

    def begin_whole_read(self) -> None:
        """A read of everything begins: forget what was requested before, it covers that."""
        self._all = False
        self._restated.clear()
        self._new_ticks.clear()

    def pause(self) -> None:
        """The database is away."""
        self._paused = True

    def resume(self) -> None:
        """The whole read is done."""
        self._paused = False
        self._quotes_requested.set()
        self._ticks_requested.set()
        self._follow_requested.set()

    def request_all(self) -> None:
        """Read everything anew."""
        self._all = True
        self._quotes_requested.set()

    def request_symbols(self, symbols: Iterable[str]) -> None:
        """Read the quotes, open charts and tapes of `symbols` anew: their ticks were changed."""
        self._restated.update(symbols)
        self._quotes_requested.set()

    def request_after(self, message: Bars) -> None:
        """Read what the applied notification left open: quotes it could not tell, and the ticks of open tapes."""
        if self._state.needs_read:
            self._quotes_requested.set()
        if followed := self._state.followed():
            self._followed |= followed & {bar.symbol for bar in message.bars}
            if self._followed:
                self._follow_requested.set()
        if not self._state.tapes:
            return
        for bar in message.bars:
            if bar.symbol in self._state.tapes:
                new = self._new_ticks.setdefault(bar.symbol, _NewTicks(bar.candle.first_us))
                new.add(bar)
        if self._new_ticks:
            self._ticks_requested.set()

    @property
    def idle(self) -> bool:
        """Whether nothing is requested that was not begun to be read."""
        wanted = self._all or self._restated or self._state.needs_read or self._new_ticks
        return not (wanted or self._followed or self._quotes_requested.is_set())

    async def read_quotes(self) -> None:
        """Read quotes and charts as requested, one read at a time, until cancelled."""
        failures = 0
        fault = Fault(
            "read_failed", "read_again", after_s=3
        )  # a connection that is lost is said by the listener
        while True:
            await self._quotes_requested.wait()
            self._quotes_requested.clear()
            symbols = self._state.needs_read | self._restated
            if self._paused or not (self._all or symbols):
                continue
            everything, self._all = self._all, False
            restated, self._restated = self._restated, set()
            began = time.monotonic()
            failed = True
            try:
                self._metrics.reads.labels("reload" if everything else "symbols").inc()
                await (self._reader.read_all() if everything else self._reader.read_symbols(symbols))
                if restated and not everything:
                    await self._reader.read_tapes(restated)
                failed = False
                fault.over()
                self._quotes_read()
            except DatabaseError as exc:
                if not self._paused:
                    fault.failed(str(exc))
            finally:
                if failed:  # all of it next: whatever it was that one of the symbols made fail
                    self.request_all()
            failures = failures + 1 if failed else 0
            self._count_unknown(symbols)
            self._changed()
            took = time.monotonic() - began
            pause = REREAD_PAUSE_S * 2.0 ** min(failures, 5) if everything or failed else 0.0
            await asyncio.sleep(max(pause, took * REREAD_PAUSE_FACTOR))

    def _count_unknown(self, symbols: set[str]) -> None:
        """Those a read knows nothing of are not read again: whoever notified of them stored no tick."""
        unknown = symbols - self._state.instruments.keys() - self._state.needs_read
        self._metrics.unknown_symbols.inc(len(unknown))

    async def read_new_ticks(self) -> None:
        """Read the ticks of open tapes as notified, at the tapes' frame rate, until cancelled."""
        due = 0.0
        fault = Fault("tape_not_read", "tape_read_again", after_s=3)
        while True:
            await self._ticks_requested.wait()
            self._ticks_requested.clear()
            if self._paused or not self._new_ticks:
                continue
            new, self._new_ticks = self._new_ticks, {}
            try:
                await self._reader.read_new_ticks(new)
                fault.over()
            except DatabaseError as exc:
                if not self._paused:
                    fault.failed(str(exc))
                self._put_back(new)
            self._changed()
            now = time.monotonic()
            due = next_turn(due, now, self._tape_pause_s)
            await asyncio.sleep(due - now)

    async def follow(self) -> None:
        """Read the ticks of what is made of ticks alone as notified, at the charts' frame rate, until cancelled."""
        due = 0.0
        rested: dict[str, float] = {}
        fault = Fault("ticks_not_followed", "ticks_followed_again", after_s=3)
        while True:
            await self._follow_requested.wait()
            self._follow_requested.clear()
            if self._paused:
                continue
            began = time.monotonic()
            wanted = self._followed & self._state.followed()
            # A symbol whose ticks come late again and again is read anew now and then only.
            symbols = {symbol for symbol in wanted if rested.get(symbol, 0.0) <= began}
            self._followed = wanted - symbols
            if self._followed:
                self._follow_requested.set()
            for symbol in sorted(symbols):
                since = time.monotonic()
                rested.pop(symbol, None)
                try:
                    if await self._reader.follow(symbol):
                        took = time.monotonic() - since
                        rested[symbol] = since + took + max(ASTRAY_PAUSE_S, took * REREAD_PAUSE_FACTOR)
                    fault.over()
                except DatabaseError as exc:
                    if not self._paused:
                        fault.failed(str(exc))
                    self._followed.add(symbol)
                    self._follow_requested.set()
            self._changed()
            now = time.monotonic()
            due = max(next_turn(due, now, self._follow_pause_s), now + (now - began))
            await asyncio.sleep(due - now)

    def _put_back(self, new: dict[str, _NewTicks]) -> None:
        for symbol, each in new.items():
            since = self._new_ticks.setdefault(symbol, each)
            since.since_us = min(since.since_us, each.since_us)
            since.expected |= each.expected
        self._ticks_requested.set()
