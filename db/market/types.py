"""The market's own words as types: intervals, candles, batches of ticks.

Pure Python and NumPy; no driver, no clock, no I/O.  All times are UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tickdeck.db.errors import MarketDataError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MIN_TIME_US: Final = 0
"""The first instant a tick may have: 1970-01-01T00:00Z, in µs since the epoch."""
MAX_TIME_US: Final = 7_258_118_400_000_000
"""The first instant a tick may not have any more: 2200-01-01T00:00Z."""
MAX_SYMBOL_LENGTH: Final = 64
MINUTE_US: Final = 60_000_000
HOUR_US: Final = 3_600_000_000
DAY_US: Final = 86_400_000_000
EARLIEST_US: Final = MIN_TIME_US - 33 * DAY_US
"""Before the start of every candle: the month of the first possible tick starts earlier in some zones."""
LATEST_US: Final = MAX_TIME_US
MAX_SEQ: Final = 2**63 - 1
NEVER_FIRST_US: Final = MAX_TIME_US
"""`first_us` of a candle none of whose ticks updates the last price."""
NEVER_LAST_US: Final = MIN_TIME_US - 1
"""`last_us` of such a candle."""
UPDATES_LAST: Final = 1
"""A tick with this bit updates the last price, and with it open and close, high and low."""
UPDATES_RANGE: Final = 2
"""A tick with this bit updates high and low."""
UPDATES_VOLUME: Final = 4
"""A tick with this bit counts in volume and turnover."""
UPDATES_ALL: Final = UPDATES_LAST | UPDATES_RANGE | UPDATES_VOLUME
BUY: Final = 1
"""`side` of a tick whose buyer took the price that was there."""
SELL: Final = -1
"""`side` of a tick whose seller did."""
SIDES: Final[Mapping[int, str | None]] = {BUY: "buy", SELL: "sell", 0: None}
"""The names of the sides; 0 is not known."""

Interval = Literal[
    "1s", "5s", "15s", "30s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1M"
]
INTERVALS: Final[tuple[Interval, ...]] = get_args(Interval)
Repeat = Literal["once", "bar", "rearm"]
"""When an alert rule fires: once; at most once a bar; each time the condition becomes true after it was not."""
ShareRole = Literal["view", "edit"]
"""What a link to somebody's own is good for: to look; to change it, too."""
INTERVAL_SECONDS: Final[Mapping[Interval, int]] = {
    "1s": 1, "5s": 5, "15s": 15, "30s": 30, "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800,
    "1h": 3600, "2h": 7200, "4h": 14_400, "1d": 86_400, "1w": 7 * 86_400, "1M": 31 * 86_400,
}  # fmt: skip
"""Seconds of each interval: the most a month has, and a day without a change of the zone's clocks."""
CALENDAR_INTERVALS: Final[frozenset[Interval]] = frozenset({"1d", "1w", "1M"})
"""Those that follow the calendar of the instrument's zone; weeks begin on Monday, months on the 1st."""


def parse_interval(text: str) -> Interval:
    """Return `text` as an interval; raise `MarketDataError` naming the ones there are."""
    for interval in INTERVALS:
        if interval == text:
            return interval
    raise MarketDataError(f"interval {text!r} is unknown; use one of {', '.join(INTERVALS)}")


def to_us(moment: datetime) -> int:
    """Microseconds since the epoch of an aware `moment`; raise `MarketDataError` if it is naive."""
    if moment.tzinfo is None:
        raise MarketDataError(f"time {moment.isoformat()} has no time zone")
    return (moment - EPOCH) // timedelta(microseconds=1)


def from_us(time_us: int) -> datetime:
    """The UTC instant `time_us` microseconds after the epoch."""
    return EPOCH + timedelta(microseconds=time_us)


def floor_us(time_us: int, width_us: int) -> int:
    return time_us - time_us % width_us


def ceil_us(time_us: int, width_us: int) -> int:
    return -(-time_us // width_us) * width_us


@dataclass(frozen=True, slots=True)
class Instrument:
    """`exchange` is an ISO 10383 code such as XNYS (None: trades around the clock), `timezone` an IANA name, `currency` an
    ISO 4217 code, `price_decimals` how many the display shows.

    `day_start`: when, by the clocks of `timezone`, a day of its candles starts: `00:00`, its midnight; any time of day up to
    noon; a later one begins the day of the next date, as 17:00 in New York does for currencies.  `allow_negative`: prices
    of 0 and below are prices.  `sector`: what an overview puts it beside, such as Banks.
    """

    symbol: str
    name: str | None = None
    exchange: str | None = None
    timezone: str = "UTC"
    currency: str | None = None
    price_decimals: int = 2
    day_start: str = "00:00"
    allow_negative: bool = False
    sector: str | None = None

    @property
    def days(self) -> str:
        """Its day rule, as `db.market.buckets` has it: `America/New_York`, or `America/New_York 17:00`."""
        return self.timezone if self.day_start == "00:00" else f"{self.timezone} {self.day_start}"


@dataclass(frozen=True, slots=True)
class Quote:
    """The latest trading day of one symbol that has ticks; times in µs since the epoch (UTC).

    `last`, `bid` and `ask` are of the last tick that updates the last price, (last_us, last_seq), which may be
    of an earlier day; None where there is none, `bid` and `ask` also where it had none.  `day_us` labels the day,
    midnight in the instrument's zone, as the 1d candle does; `open` … `trades` fold the day's ticks, as in a
    `Candle`.  `previous_close` is the last price before that day, None where there is none.
    """

    symbol: str
    last: float | None
    bid: float | None
    ask: float | None
    last_us: int | None
    last_seq: int | None
    day_us: int
    open: float
    high: float
    low: float
    volume: float
    turnover: float
    trades: int
    first_us: int
    first_seq: int
    previous_close: float | None


@dataclass(frozen=True, slots=True)
class Candle:
    """One OHLCV bar over the half-open `[time, time + interval)`, labelled by its start.

    `turnover` is Σ price·size, `trades` the number of ticks.  `first_*` and `last_*` are the (time, seq)
    of the ticks that gave `open` and `close`: with them two candles of one bucket merge in any order.

    A candle none of whose ticks updates the last price is not `priced`, and not shown: its open and close are 0,
    first_us `NEVER_FIRST_US`, last_us `NEVER_LAST_US`, both seqs 0.  Where none updates high and low these are
    -inf and inf.  So it merges like any other, and counts in the longer candles that it is a part of.
    """

    time_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    turnover: float
    trades: int
    first_us: int
    first_seq: int
    last_us: int
    last_seq: int

    @property
    def priced(self) -> bool:
        """Whether any of its ticks updates the last price."""
        return self.first_us != NEVER_FIRST_US

    def merge(self, other: Candle) -> Candle:
        """The candle of both sets of ticks, labelled like `self`; commutative and associative."""
        first = self if (self.first_us, self.first_seq) <= (other.first_us, other.first_seq) else other
        last = self if (self.last_us, self.last_seq) >= (other.last_us, other.last_seq) else other
        return Candle(
            self.time_us, first.open, max(self.high, other.high), min(self.low, other.low), last.close,
            self.volume + other.volume, self.turnover + other.turnover, self.trades + other.trades,
            first.first_us, first.first_seq, last.last_us, last.last_seq,
        )  # fmt: skip

    def at(self, time_us: int) -> Candle:
        """The same candle labelled by another bucket start, as one part of a longer bucket."""
        return replace(self, time_us=time_us)


@dataclass(frozen=True, slots=True)
class TickBatch:
    """Ticks as columns of one length, in the feed's order.

    `time_us`: int64 µs since the epoch (UTC).  `symbol`: object array of str.  `seq`: int64.
    `price`, `size`, `bid`, `ask`: float64; NaN in `bid` or `ask` means none.
    `exchange`, `conditions`: object arrays of str or None, or None where the feed has no such column.
    `updates`: int16, what each tick moves as bits of `UPDATES_…`; None: all, or what its conditions say.
    `side`: int16, who took the price that was there: `BUY`, `SELL`, or 0 where it is not known; None: of no tick.
    Identity of a tick is (symbol, time, seq).
    """

    time_us: NDArray[np.int64]
    symbol: NDArray[np.object_]
    seq: NDArray[np.int64]
    price: NDArray[np.float64]
    size: NDArray[np.float64]
    bid: NDArray[np.float64]
    ask: NDArray[np.float64]
    exchange: NDArray[np.object_] | None = None
    conditions: NDArray[np.object_] | None = None
    updates: NDArray[np.int16] | None = None
    side: NDArray[np.int16] | None = None

    def __len__(self) -> int:
        return len(self.time_us)

    def take(self, where: NDArray[np.bool_] | NDArray[np.intp] | slice) -> TickBatch:
        """The rows that `where` (mask, positions or slice) picks, in its order."""
        return TickBatch(
            self.time_us[where], self.symbol[where], self.seq[where], self.price[where], self.size[where],
            self.bid[where], self.ask[where],
            None if self.exchange is None else self.exchange[where],
            None if self.conditions is None else self.conditions[where],
            None if self.updates is None else self.updates[where],
            None if self.side is None else self.side[where],
        )  # fmt: skip

    def side_names(self) -> list[str | None]:
        """`buy`, `sell` or None of each tick, in order."""
        return [None] * len(self) if self.side is None else [SIDES[each] for each in self.side.tolist()]

    def chunks(self, rows: int) -> Iterator[TickBatch]:
        """This batch in pieces of at most `rows` ticks, in order."""
        for start in range(0, len(self), rows):
            yield self.take(slice(start, start + rows))


def concat(batches: Sequence[TickBatch]) -> TickBatch:
    """One batch of all, in order.  A text column that only some have is None elsewhere."""

    def text(name: Literal["exchange", "conditions"]) -> NDArray[np.object_] | None:
        columns = [getattr(batch, name) for batch in batches]
        if all(column is None for column in columns):
            return None
        return np.concatenate(
            [
                np.full(len(batch), None, dtype=object) if column is None else column
                for batch, column in zip(batches, columns, strict=True)
            ]
        )

    def number(name: Literal["updates", "side"], otherwise: int) -> NDArray[np.int16] | None:
        columns = [getattr(batch, name) for batch in batches]
        if all(column is None for column in columns):
            return None
        return np.concatenate(
            [
                np.full(len(batch), otherwise, np.int16) if column is None else column
                for batch, column in zip(batches, columns, strict=True)
            ]
        )

    return TickBatch(
        np.concatenate([b.time_us for b in batches]),
        np.concatenate([b.symbol for b in batches]),
        np.concatenate([b.seq for b in batches]),
        np.concatenate([b.price for b in batches]),
        np.concatenate([b.size for b in batches]),
        np.concatenate([b.bid for b in batches]),
        np.concatenate([b.ask for b in batches]),
        text("exchange"),
        text("conditions"),
        number("updates", UPDATES_ALL),
        number("side", 0),
    )
