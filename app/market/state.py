"""The market as the viewers see it: quotes, the charts and tapes somebody watches, and what changed since when.

Pure and synchronous: no I/O, no clock.  The live hub feeds it notifications of the database and what it reads
there; a replay feeds it the ticks up to its own clock.  Both ways it equals a fresh read of the same ticks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from tickdeck.app.market.charts import NO_LEAD, BarChart, Chart, SpreadChart, SpreadLeg
from tickdeck.app.market.flow import Flow
from tickdeck.app.market.quotes import QuoteRow
from tickdeck.app.market.tapes import Tape
from tickdeck.db.market.bar_types import BarFold, BarType, ChartInterval
from tickdeck.db.market.flowfold import FlowFold
from tickdeck.db.market.indicators import Indicator, Lead
from tickdeck.db.market.messages import Bar, Bars, Snapshot
from tickdeck.db.market.spreads import SpreadFold, parse_formula, spread_instrument
from tickdeck.db.market.types import Candle, Instrument, Quote, TickBatch

CANDLE_LIMIT: Final = 500
TAPE_LIMIT: Final = 100


class MarketState:
    """Quotes by symbol, open charts and tapes; every change gets the next `version`.

    `version` only grows; start it above any an earlier state had, and viewers of that one can tell.
    `reset_version` is that of the last change that "changed since" cannot tell (something vanished): whoever
    is older needs all of it.  `needs_read` are the symbols whose quotes or charts only a new read can put right.
    """

    def __init__(self, *, version: int = 0) -> None:
        self.version = version
        self.reset_version = version
        self.quotes_version = version
        self.charts_version = version
        self.tapes_version = version
        self.sent_us: int | None = None
        """The database's clock at the newest notification applied, µs since the epoch; None in a replay."""
        self.ticks = 0
        """Ticks merged so far."""
        self.needs_read: set[str] = set()
        self.instruments: dict[str, Instrument] = {}
        self.charts: dict[tuple[str, ChartInterval], Chart] = {}
        self.tapes: dict[str, Tape] = {}
        self.flows: dict[str, Flow] = {}
        """The newest order flow of symbols; it goes with their charts and has no version of its own."""
        self._rows: dict[str, QuoteRow] = {}  # the one that changed last is last
        self._charts_of: dict[str, list[Chart]] = {}
        self._legs_of: dict[str, list[SpreadLeg]] = {}
        self._quotes_as_of: Snapshot | None = None
        self._readings: list[list[Bars]] = []

    # -- what changed ---------------------------------------------------------------------------------------

    def rows_since(self, version: int) -> list[QuoteRow]:
        """The rows that changed after `version`, the newest change first."""
        changed = []
        if self.quotes_version > version:
            for row in reversed(self._rows.values()):
                if row.version <= version:
                    break
                changed.append(row)
        return changed

    def row(self, symbol: str) -> QuoteRow | None:
        """The row of `symbol`, if it ever had a tick."""
        return self._rows.get(symbol)

    def rows(self) -> list[QuoteRow]:
        """All rows, by symbol."""
        return [self._rows[symbol] for symbol in sorted(self._rows)]

    # -- what happens ---------------------------------------------------------------------------------------

    def apply(self, message: Bars) -> None:
        """Merge a notification's bars into everything that was not read with them in it."""
        for reading in self._readings:
            reading.append(message)
        self.sent_us = message.sent_us
        self.merge(message.bars, message.xid)

    def merge(self, bars: Sequence[Bar], xid: int | None = None) -> None:
        """Merge delta bars: those of transaction `xid`, or (None) of ticks that nothing read holds yet."""
        version = self._next()
        for bar in bars:
            self.ticks += bar.candle.trades
            self._apply_quote(bar, xid, version)
            if xid is not None and (flow := self.flows.get(bar.symbol)) is not None:
                flow.following.told(xid, bar.candle.trades)
            if xid is not None:
                for leg in self._legs_of.get(bar.symbol, ()):
                    leg.following.told(xid, bar.candle.trades)
            for chart in self._charts_of.get(bar.symbol, ()):
                self._apply_chart(chart, bar, xid, version)

    def reset(self) -> None:
        """Make everything count as changed in ways that only a whole snapshot can tell."""
        self.reset_version = self._next()

    def touch(self) -> int:
        """A new version, for a change outside the market (such as the status)."""
        return self._next()

    # -- what is read ---------------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[list[Bars]]:
        """Open before a read's snapshot is taken; what is yielded goes to the `load_…` that takes the result.

        It collects the notifications that arrive during the read: those that the snapshot does not see are merged
        into what was read.
        """
        messages: list[Bars] = []
        self._readings.append(messages)
        try:
            yield messages
        finally:
            self._readings = [each for each in self._readings if each is not messages]

    def outdated(self, instruments: Sequence[Instrument]) -> set[str]:
        """The symbols that are not as these, all instruments there are, say: their quotes need a new read."""
        now = {each.symbol: each for each in instruments}
        known = self.instruments
        return {symbol for symbol in known.keys() | now.keys() if known.get(symbol) != now.get(symbol)}

    def load_instruments(self, instruments: Sequence[Instrument]) -> None:
        """Take all instruments, before the quotes and charts that were read with them."""
        self.instruments = {each.symbol: each for each in instruments}

    def load_quotes(
        self,
        quotes: Sequence[Quote],
        as_of: Snapshot | None = None,
        pending: Sequence[Bars] = (),
        *,
        symbols: set[str] | None = None,
    ) -> None:
        """Take the quotes of `symbols` (None: of all) as read in the snapshot `as_of`.

        Rows that did not change keep their version.  `pending` comes from `reading`.
        """
        version = self._next()
        read = {quote.symbol: quote for quote in quotes if quote.symbol in self.instruments}
        known = self._rows.keys() if symbols is None else symbols & self._rows.keys()
        for symbol in known - read.keys():
            del self._rows[symbol]
            self.reset_version = version
        for symbol, quote in read.items():
            new = QuoteRow.of_quote(self.instruments[symbol], quote, as_of, version)
            old = self._rows.get(symbol)
            if old is not None and old.same_as(new):
                old.as_of = as_of
            else:
                self._put(new, version)
        if symbols is None:
            self._quotes_as_of = as_of
            self.needs_read.clear()
        else:
            self.needs_read -= symbols
        for message in pending:
            for bar in message.bars:
                if symbols is None or bar.symbol in symbols:
                    self._apply_quote(bar, message.xid, version)

    def finish_quotes(
        self, symbols: set[str], as_of: Snapshot | None = None, pending: Sequence[Bars] = ()
    ) -> None:
        """The quotes of `symbols` were loaded in parts, all that there are: whatever else is here is gone."""
        later = {bar.symbol for message in pending for bar in message.bars}
        self._quotes_as_of = as_of
        self.load_quotes([], as_of, pending, symbols=self._rows.keys() - symbols)
        self.needs_read &= symbols | later

    def open_chart(self, symbol: str, interval: ChartInterval) -> Chart:
        """Keep the candles of (symbol, interval) from now on; empty until loaded.

        The symbol must be known, or a formula of known ones.
        """
        chart = self.charts.get((symbol, interval))
        if chart is None and symbol not in self.instruments and not isinstance(interval, BarType):
            formula = parse_formula(symbol, self.instruments)
            chart = SpreadChart(formula, spread_instrument(formula, self.instruments), interval, CANDLE_LIMIT)
            self.charts[symbol, interval] = chart
            for leg in chart.legs.values():
                self._legs_of.setdefault(leg.symbol, []).append(leg)
        elif chart is None:
            instrument = self.instruments[symbol]
            if isinstance(interval, BarType):
                chart = BarChart(instrument, interval, CANDLE_LIMIT)
            else:
                chart = Chart(instrument, interval, CANDLE_LIMIT)
            self.charts[symbol, interval] = chart
            self._charts_of.setdefault(symbol, []).append(chart)
        return chart

    def load_chart(
        self,
        chart: Chart,
        candles: Sequence[Candle],
        as_of: Snapshot | None = None,
        pending: Sequence[Bars] = (),
        *,
        lead: Lead = NO_LEAD,
        fold: BarFold | SpreadFold | None = None,
    ) -> None:
        """Take the newest candles, oldest first, as read in the snapshot `as_of`; `pending` from `reading`.

        `lead` is what was read for its indicators, `fold` what goes on with bars that are not of time, and with spreads.
        """
        version = self._next()
        instrument = self.instruments.get(chart.symbol, chart.instrument)
        if isinstance(chart, SpreadChart) and all(leg in self.instruments for leg in chart.legs):
            instrument = spread_instrument(chart.formula, self.instruments)
        if not chart.load(candles, as_of, version, lead) or instrument != chart.instrument:
            self.reset_version = version
        chart.instrument = instrument
        self.charts_version = version
        if isinstance(chart, BarChart) and isinstance(fold, BarFold):
            chart.load_fold(fold, as_of)
        if isinstance(chart, SpreadChart) and isinstance(fold, SpreadFold):
            chart.load_fold(fold, as_of)
        for message in pending:
            for bar in message.bars:
                if bar.symbol == chart.symbol and not isinstance(
                    chart, BarChart | SpreadChart
                ):  # which were told as they came
                    self._apply_chart(chart, bar, message.xid, version)

    def following(self, symbol: str) -> list[BarChart | SpreadLeg | Flow]:
        """What is made of the symbol's ticks alone: charts of bars that are not of time, of spreads, order flow."""
        charts = [chart for chart in self._charts_of.get(symbol, ()) if isinstance(chart, BarChart)]
        legs = self._legs_of.get(symbol, ())
        return [*charts, *legs, self.flows[symbol]] if symbol in self.flows else [*charts, *legs]

    def charts_with(self, symbols: set[str]) -> list[Chart]:
        """The open charts that any of these symbols is in."""
        return [
            chart
            for chart in self.charts.values()
            if chart.symbol in symbols or (isinstance(chart, SpreadChart) and symbols & chart.legs.keys())
        ]

    def settle(self, time_us: int, symbols: set[str] | None = None) -> None:
        """Ticks before this instant are all here: of all symbols, or of spreads that any of `symbols` is in."""
        for chart in self.charts.values():
            if isinstance(chart, SpreadChart) and (symbols is None or symbols & chart.legs.keys()):
                chart.settle(time_us)

    def followed(self) -> set[str]:
        """The symbols of which something is open that is made of ticks alone."""
        bars = {symbol for symbol, interval in self.charts if isinstance(interval, BarType)}
        return bars | self._legs_of.keys() | self.flows.keys()

    def open_flow(self, symbol: str) -> Flow:
        """Keep the order flow of `symbol` from now on; empty until loaded."""
        return self.flows.setdefault(symbol, Flow(symbol))

    def load_flow(self, flow: Flow, fold: FlowFold, from_us: int, as_of: Snapshot | None = None) -> None:
        """Take the newest order flow, of ticks from `from_us` on, as read in the snapshot `as_of`."""
        version = self._next()
        if not flow.load(fold, from_us, as_of, version):
            self.reset_version = version
        self.charts_version = version

    def close_flow(self, symbol: str) -> None:
        """Forget the order flow; nothing where it is not open."""
        self.flows.pop(symbol, None)

    def extend(self, symbol: str, ticks: TickBatch) -> None:
        """Let the next ticks of `symbol`, in (time, seq) order, happen in what is made of ticks alone."""
        version = self._next()
        for chart in self.following(symbol):
            if chart.loaded and chart.extend(ticks, version):
                self.charts_version = version

    def open_indicator(self, symbol: str, interval: ChartInterval, indicator: Indicator) -> None:
        """Keep its values in the chart, which is opened; there are none until the chart is loaded with its lead."""
        self.open_chart(symbol, interval).indicators.setdefault(indicator, False)

    def close_indicator(self, symbol: str, interval: ChartInterval, indicator: Indicator) -> None:
        """Forget its values; nothing where they are not kept."""
        chart = self.charts.get((symbol, interval))
        if chart is not None:
            chart.indicators.pop(indicator, None)

    def close_chart(self, symbol: str, interval: ChartInterval) -> None:
        """Forget the chart; nothing where it is not open."""
        chart = self.charts.pop((symbol, interval), None)
        if isinstance(chart, SpreadChart):
            for leg in chart.legs.values():
                self._legs_of[leg.symbol].remove(leg)
                if not self._legs_of[leg.symbol]:
                    del self._legs_of[leg.symbol]
        elif chart is not None:
            self._charts_of[symbol].remove(chart)

    def open_tape(self, symbol: str) -> Tape:
        """Keep the tape of `symbol` from now on; empty until loaded."""
        return self.tapes.setdefault(symbol, Tape(symbol, TAPE_LIMIT))

    def load_tape(self, symbol: str, newest: TickBatch) -> None:
        """Take the newest ticks, newest first, instead of what is there."""
        version = self._next()
        if not self.tapes[symbol].load(newest, version):
            self.reset_version = version
        if self.tapes[symbol].version == version:
            self.tapes_version = version

    def merge_tape(self, symbol: str, since_us: int, newest: TickBatch) -> None:
        """Take the newest ticks from `since_us` on, newest first, as many as a tape holds if there are so many."""
        version = self._next()
        if not self.tapes[symbol].merge(since_us, newest, version):
            self.reset_version = version
        if self.tapes[symbol].version == version:
            self.tapes_version = version

    def extend_tape(self, symbol: str, newer: TickBatch) -> None:
        """Take ticks that are all later than those of the tape, newest first; at least one."""
        self.tapes_version = self._next()
        self.tapes[symbol].extend(newer, self.tapes_version)

    def close_tape(self, symbol: str) -> None:
        """Forget the tape; nothing where it is not open."""
        self.tapes.pop(symbol, None)

    # -- inside ---------------------------------------------------------------------------------------------

    def _next(self) -> int:
        self.version += 1
        return self.version

    def _put(self, row: QuoteRow, version: int) -> None:
        self._rows.pop(row.symbol, None)
        self._rows[row.symbol] = row
        self.quotes_version = version

    def _apply_quote(self, bar: Bar, xid: int | None, version: int) -> None:
        row = self._rows.get(bar.symbol)
        if row is None:
            instrument = self.instruments.get(bar.symbol)
            if instrument is None:
                self.needs_read.add(bar.symbol)
            elif self._quotes_as_of is None or xid is None or not self._quotes_as_of.sees(xid):
                self._put(QuoteRow.of_bar(instrument, bar, self._quotes_as_of, version), version)
        elif not row.sees(xid):
            if row.merge(bar, version):
                self._put(row, version)
            else:
                self.needs_read.add(bar.symbol)

    def _apply_chart(self, chart: Chart, bar: Bar, xid: int | None, version: int) -> None:
        if isinstance(chart, BarChart):
            if xid is not None:
                chart.following.told(xid, bar.candle.trades)
        elif chart.loaded and not chart.sees(xid) and chart.merge(bar, version):
            self.charts_version = version
            if bar.candle.time_us < chart.imported_until_us:
                self.needs_read.add(chart.symbol)
