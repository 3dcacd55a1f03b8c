"""One symbol's row of the watchlist, kept up to date from delta bars."""

from __future__ import annotations

from tickdeck.db.market.buckets import local_day
from tickdeck.db.market.messages import Bar, Snapshot
from tickdeck.db.market.types import NEVER_FIRST_US, NEVER_LAST_US, Candle, Instrument, Quote


class QuoteRow:
    """The newest trading day of one symbol that has ticks, and its last price, which may be of an earlier day.

    `version` is the state's at the row's last change, `edges_version` that of the last change of what rarely
    changes (open, high, low, previous close).  `as_of` is the database snapshot the row was read in: what that
    sees is in the row already.  `encoded` belongs to the protocol: the row's bytes by form, dropped at each change.
    """

    __slots__ = (
        "_day", "as_of", "ask", "bid", "day", "edges_version", "encoded", "instrument", "last", "last_seq", "last_us",
        "previous_close", "symbol", "version",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, as_of: Snapshot | None, version: int, day: Candle) -> None:
        self.symbol = instrument.symbol
        self.instrument = instrument
        self.as_of = as_of
        self.day = day
        self.last: float | None = None
        self.last_us: int | None = None
        self.last_seq: int | None = None
        self.bid: float | None = None
        self.ask: float | None = None
        self.previous_close: float | None = None
        self._day = local_day(day.time_us, instrument.days)
        self.changed(version, edges=True)

    @classmethod
    def of_quote(cls, instrument: Instrument, quote: Quote, as_of: Snapshot | None, version: int) -> QuoteRow:
        """The row of a quote read from the database."""
        row = cls(instrument, as_of, version, _day_candle(quote))
        row.last, row.last_us, row.last_seq = quote.last, quote.last_us, quote.last_seq
        row.bid, row.ask, row.previous_close = quote.bid, quote.ask, quote.previous_close
        return row

    @classmethod
    def of_bar(cls, instrument: Instrument, bar: Bar, as_of: Snapshot | None, version: int) -> QuoteRow:
        """The row of a symbol whose first ticks these are."""
        day = local_day(bar.candle.time_us, instrument.days)
        row = cls(instrument, as_of, version, bar.candle.at(day.label_us))
        row._take_last(bar)
        return row

    def changed(self, version: int, *, edges: bool) -> None:
        """Remember that the row is different since `version`."""
        self.version = version
        if edges:
            self.edges_version = version
        self.encoded: dict[str, bytes] = {}

    def sees(self, xid: int | None) -> bool:
        """Whether the row holds already what transaction `xid` wrote (None: what no read can hold yet)."""
        return self.as_of is not None and xid is not None and self.as_of.sees(xid)

    def merge(self, bar: Bar, version: int) -> bool:
        """Merge a delta bar; False where only a new read of the row can tell (a tick of an earlier day)."""
        candle = bar.candle
        before = self.day
        if not self._day.holds(candle.time_us):
            day = local_day(candle.time_us, self.instrument.days)
            if day.label_us < before.time_us:
                return False
            self._day = day
            self.previous_close = self.last
            self.day = candle.at(day.label_us)
            self._take_last(bar)
            self.changed(version, edges=True)
            return True
        if (candle.last_us, candle.last_seq) > (before.last_us, before.last_seq):
            self._take_last(bar)
        self.day = after = before.merge(candle)
        self.changed(
            version,
            edges=(after.high, after.low, after.open, after.priced)
            != (before.high, before.low, before.open, before.priced),
        )
        return True

    def _take_last(self, bar: Bar) -> None:
        candle = bar.candle
        if candle.priced:
            self.last, self.last_us, self.last_seq = candle.close, candle.last_us, candle.last_seq
            self.bid, self.ask = bar.bid, bar.ask

    def same_as(self, other: QuoteRow) -> bool:
        """Whether both rows show the same."""
        return (
            self.day == other.day
            and (self.last, self.last_us, self.last_seq) == (other.last, other.last_us, other.last_seq)
            and self.bid == other.bid
            and self.ask == other.ask
            and self.previous_close == other.previous_close
            and self.instrument == other.instrument
        )

    def quote(self) -> Quote:
        """The row in the words of the database."""
        day = self.day
        return Quote(
            symbol=self.symbol, last=self.last, bid=self.bid, ask=self.ask,
            last_us=self.last_us, last_seq=self.last_seq, day_us=day.time_us,
            open=day.open, high=day.high, low=day.low, volume=day.volume, turnover=day.turnover,
            trades=day.trades, first_us=day.first_us, first_seq=day.first_seq,
            previous_close=self.previous_close,
        )  # fmt: skip


def _day_candle(quote: Quote) -> Candle:
    close, last_us, last_seq = 0.0, NEVER_LAST_US, 0
    if quote.first_us != NEVER_FIRST_US and quote.last is not None:
        close, last_us, last_seq = quote.last, quote.last_us or 0, quote.last_seq or 0
    return Candle(
        quote.day_us, quote.open, quote.high, quote.low, close, quote.volume, quote.turnover, quote.trades,
        quote.first_us, quote.first_seq, last_us, last_seq,
    )  # fmt: skip
