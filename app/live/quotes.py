"""One symbol's row of the watchlist, kept up to date from delta bars."""

from __future__ import annotations

from app.live.buckets import local_day
from db.instruments import Instrument
from db.market import Candle
from db.messages import Bar, Snapshot
from db.quotes import Quote


class QuoteRow:
    """The newest trading day of one symbol.

    `version` is the state's at the row's last change, `edges_version` that of the last change of what rarely
    changes (open, high, low, previous close).  `guard` is the snapshot the row was read in: what that sees is
    in the row already.  `encoded` belongs to the protocol: the row's bytes by form, dropped at each change.
    """

    __slots__ = (
        "_day", "ask", "bid", "day", "edges_version", "encoded", "guard", "instrument", "previous_close",
        "symbol", "version",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, guard: Snapshot | None, version: int, day: Candle) -> None:
        self.symbol = instrument.symbol
        self.instrument = instrument
        self.guard = guard
        self.day = day
        self.bid: float | None = None
        self.ask: float | None = None
        self.previous_close: float | None = None
        self._day = local_day(day.last_us, instrument.timezone)
        self.changed(version, edges=True)

    @classmethod
    def of_quote(cls, instrument: Instrument, quote: Quote, guard: Snapshot | None, version: int) -> QuoteRow:
        """The row of a quote read from the database."""
        row = cls(instrument, guard, version, _day_candle(quote))
        row.bid, row.ask, row.previous_close = quote.bid, quote.ask, quote.previous_close
        return row

    @classmethod
    def of_bar(cls, instrument: Instrument, bar: Bar, guard: Snapshot | None, version: int) -> QuoteRow:
        """The row of a symbol whose first ticks these are."""
        day = local_day(bar.candle.time_us, instrument.timezone)
        row = cls(instrument, guard, version, bar.candle.at(day.label_us))
        row.bid, row.ask = bar.bid, bar.ask
        return row

    def changed(self, version: int, *, edges: bool) -> None:
        """Remember that the row is different since `version`."""
        self.version = version
        if edges:
            self.edges_version = version
        self.encoded: dict[str, bytes] = {}

    def sees(self, xid: int) -> bool:
        """Whether the row holds already what transaction `xid` wrote."""
        return self.guard is not None and self.guard.sees(xid)

    def merge(self, bar: Bar, version: int) -> bool:
        """Merge a delta bar; False where only a new read of the row can tell (a tick of an earlier day)."""
        candle = bar.candle
        before = self.day
        if not self._day.holds(candle.time_us):
            day = local_day(candle.time_us, self.instrument.timezone)
            if day.label_us < before.time_us:
                return False
            self._day = day
            self.previous_close = before.close
            self.day = candle.at(day.label_us)
            self.bid, self.ask = bar.bid, bar.ask
            self.changed(version, edges=True)
            return True
        if (candle.last_us, candle.last_seq) > (before.last_us, before.last_seq):
            self.bid, self.ask = bar.bid, bar.ask
        self.day = after = before.merge(candle)
        self.changed(
            version,
            edges=after.high != before.high or after.low != before.low or after.open != before.open,
        )
        return True

    def same_as(self, other: QuoteRow) -> bool:
        """Whether both rows show the same."""
        return (
            self.day == other.day
            and self.bid == other.bid
            and self.ask == other.ask
            and self.previous_close == other.previous_close
            and self.instrument == other.instrument
        )

    def quote(self) -> Quote:
        """The row in the words of the database."""
        day = self.day
        return Quote(
            symbol=self.symbol, last=day.close, bid=self.bid, ask=self.ask,
            last_us=day.last_us, last_seq=day.last_seq, day_us=day.time_us,
            open=day.open, high=day.high, low=day.low, volume=day.volume, turnover=day.turnover,
            trades=day.trades, first_us=day.first_us, first_seq=day.first_seq,
            previous_close=self.previous_close,
        )  # fmt: skip


def _day_candle(quote: Quote) -> Candle:
    return Candle(
        quote.day_us, quote.open, quote.high, quote.low, quote.last, quote.volume, quote.turnover, quote.trades,
        quote.first_us, quote.first_seq, quote.last_us, quote.last_seq,
    )  # fmt: skip
