"""The market as the viewers see it: quotes, the charts and tapes somebody watches, and what changed since when.

Pure and synchronous: no I/O, no clock.  The live hub feeds it notifications of the database and what it reads
there; a replay feeds it the ticks up to its own clock.  Both ways it equals a fresh read of the same ticks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from app.live.charts import Chart
from app.live.quotes import QuoteRow
from app.live.tapes import Tape
from db.instruments import Instrument
from db.market import Candle, Interval, TickBatch
from db.messages import Bar, Bars, Snapshot
from db.quotes import Quote

CANDLE_LIMIT: Final = 500
TAPE_LIMIT: Final = 100


class MarketState:
    """Quotes by symbol, open charts and tapes; every change gets the next `version`.

    `version` only grows; start it above any an earlier state had, and viewers of that one can tell.
    `reset_version` is that of the last change that "changed since" cannot tell (something vanished): whoever
    is older needs all of it.  `unsure` are the symbols whose quotes only a new read can put right.
    """

    def __init__(self, *, version: int = 0) -> None:
        self.version = version
        self.reset_version = version
        self.quotes_version = version
        self.charts_version = version
        self.tapes_version = version
        self.sent_us: int | None = None
        """The database's clock at the newest message applied, µs since the epoch."""
        self.ticks = 0
        """Ticks told by messages so far."""
        self.unsure: set[str] = set()
        self.instruments: dict[str, Instrument] = {}
        self.charts: dict[tuple[str, Interval], Chart] = {}
        self.tapes: dict[str, Tape] = {}
        self._rows: dict[str, QuoteRow] = {}  # the one that changed last is last
        self._charts_of: dict[str, list[Chart]] = {}
        self._guard: Snapshot | None = None
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
        """Merge the message's bars into everything that does not hold them yet."""
        version = self._next()
        for reading in self._readings:
            reading.append(message)
        self.sent_us = message.sent_us
        for bar in message.bars:
            self.ticks += bar.candle.trades
            self._apply_quote(bar, message.xid, version)
            for chart in self._charts_of.get(bar.symbol, ()):
                self._apply_chart(chart, bar, message.xid, version)

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

        It collects the messages that arrive during the read: those that the snapshot does not see are merged
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
        guard: Snapshot | None = None,
        pending: Sequence[Bars] = (),
        *,
        symbols: set[str] | None = None,
    ) -> None:
        """Take the quotes of `symbols` (None: of all) as read in the snapshot `guard`.

        Rows that did not change keep their version.  `pending` comes from `reading`.
        """
        version = self._next()
        read = {quote.symbol: quote for quote in quotes if quote.symbol in self.instruments}
        known = self._rows.keys() if symbols is None else symbols & self._rows.keys()
        for symbol in known - read.keys():
            del self._rows[symbol]
            self.reset_version = version
        for symbol, quote in read.items():
            new = QuoteRow.of_quote(self.instruments[symbol], quote, guard, version)
            old = self._rows.get(symbol)
            if old is not None and old.same_as(new):
                old.guard = guard
            else:
                self._put(new, version)
        if symbols is None:
            self._guard = guard
            self.unsure.clear()
        else:
            self.unsure -= symbols
        for message in pending:
            for bar in message.bars:
                if symbols is None or bar.symbol in symbols:
                    self._apply_quote(bar, message.xid, version)

    def open_chart(self, symbol: str, interval: Interval) -> Chart:
        """Keep the candles of (symbol, interval) from now on; empty until loaded.  The symbol must be known."""
        chart = self.charts.get((symbol, interval))
        if chart is None:
            chart = Chart(self.instruments[symbol], interval, CANDLE_LIMIT)
            self.charts[symbol, interval] = chart
            self._charts_of.setdefault(symbol, []).append(chart)
        return chart

    def load_chart(
        self,
        chart: Chart,
        candles: Sequence[Candle],
        guard: Snapshot | None = None,
        pending: Sequence[Bars] = (),
    ) -> None:
        """Take the newest candles, oldest first, as read in the snapshot `guard`; `pending` from `reading`."""
        version = self._next()
        instrument = self.instruments.get(chart.symbol, chart.instrument)
        if not chart.load(candles, guard, version) or instrument != chart.instrument:
            self.reset_version = version
        chart.instrument = instrument
        self.charts_version = version
        for message in pending:
            for bar in message.bars:
                if bar.symbol == chart.symbol:
                    self._apply_chart(chart, bar, message.xid, version)

    def close_chart(self, symbol: str, interval: Interval) -> None:
        """Forget the chart; nothing where it is not open."""
        chart = self.charts.pop((symbol, interval), None)
        if chart is not None:
            self._charts_of[symbol].remove(chart)

    def open_tape(self, symbol: str) -> Tape:
        """Keep the tape of `symbol` from now on; empty until loaded."""
        return self.tapes.setdefault(symbol, Tape(symbol, TAPE_LIMIT))

    def load_tape(self, symbol: str, newest: TickBatch) -> None:
        """Take the newest ticks, newest first."""
        version = self._next()
        if not self.tapes[symbol].load(newest, version):
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

    def _apply_quote(self, bar: Bar, xid: int, version: int) -> None:
        row = self._rows.get(bar.symbol)
        if row is None:
            instrument = self.instruments.get(bar.symbol)
            if instrument is None:
                self.unsure.add(bar.symbol)
            elif self._guard is None or not self._guard.sees(xid):
                self._put(QuoteRow.of_bar(instrument, bar, self._guard, version), version)
        elif not row.sees(xid):
            if row.merge(bar, version):
                self._put(row, version)
            else:
                self.unsure.add(bar.symbol)

    def _apply_chart(self, chart: Chart, bar: Bar, xid: int, version: int) -> None:
        if chart.loaded and not chart.sees(xid) and chart.merge(bar, version):
            self.charts_version = version
