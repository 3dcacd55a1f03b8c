"""What differs from exchange to exchange: addresses, messages, and how a gap is asked for.

An adapter is a `Exchange` of some sixty lines; `feeds.exchange.feed` does the rest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tickdeck.db.market.bars import Bar
from tickdeck.db.market.conditions import Family
from tickdeck.db.market.types import Instrument, Interval
from tickdeck.feeds.exchange.rest import Rest
from tickdeck.feeds.exchange.tape import Gap
from tickdeck.feeds.exchange.trades import Fault, Heard, Mark, MessageError, objects_of, shown_json

SLACK_US: Final = 60_000_000
"""Trades of neighbouring numbers are no further apart in time than the ends of their gap and this."""
HISTORY: Final[tuple[Interval, ...]] = ("1d", "1h", "15m", "1m")
"""The intervals of the candles that a symbol begins with."""
_SCHEMES: Final = frozenset({"http", "https", "ws", "wss"})


class ExchangeOptions(BaseModel):
    """What every exchange can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[
        str | None,
        Field(description="Where the exchange is, for REST and WebSocket alike (default: the real one)."),
    ] = None

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str | None) -> str | None:
        if url is not None and (urlsplit(url).scheme not in _SCHEMES or not urlsplit(url).netloc):
            raise ValueError(f"{url!r} is no address: write https://host or http://127.0.0.1:9000")
        return url

    fill_hours: Annotated[
        float, Field(ge=0, description="How far back gaps are filled; older ones are kept as missing.")
    ] = 24.0
    history: Annotated[
        bool, Field(description="Whether a new symbol begins with the exchange's own candles.")
    ] = True
    silence: Annotated[
        float | None,
        Field(
            gt=0,
            description="Seconds without data after which a connection is made anew (default: what suits).",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class Page:
    """Trades of a gap as one REST answer has them.

    All that the exchange has from `low` to `high` (numbers, else times in µs), both included, are among them and those
    of the pages before.  `low` above `high`: nothing can be said yet.
    """

    trades: Heard
    low: int
    high: int


class Exchange(ABC):
    """One exchange, as the feed sees it.  Symbols here are the exchange's own names."""

    name: str
    """Such as binance; the feed's name on the command line."""
    venue: str
    """What stands before the colon of a symbol: BINANCE."""
    socket: ClassVar[str]
    """Where its WebSocket is."""
    socket_path: ClassVar[str] = ""
    """The path there, also on a server of one's own."""
    rest: ClassVar[str]
    """Where its REST interface is."""
    requests_per_second: ClassVar[float]
    numbered: ClassVar[bool] = True
    """Whether it counts a symbol's trades up by one."""
    notation: ClassVar[Family | None] = None
    """That of its trades' conditions, which say what a trade moves; None: it has none, or the texts are to tell."""
    heartbeat_s: ClassVar[float | None] = None
    """How often it says that it is there, by a message that stands for data; None: it does not."""
    lifetime_s: ClassVar[float | None] = None
    """How long it lets a connection live; None: for ever."""
    settles_s: ClassVar[float] = 0.5
    """How long after a trade its REST interface has it, and after a gap it was not only late."""
    connections: ClassVar[int] = 2
    """How many an account may have at once."""

    def __init__(self, options: ExchangeOptions) -> None:
        self.options = options
        url = options.url
        self.rest_url = self.rest if url is None else _scheme(url, {"ws": "http", "wss": "https"})
        self.socket_url = self.socket if url is None else _scheme(url, {"http": "ws", "https": "wss"})

    @abstractmethod
    def native(self, pair: str) -> str:
        """The exchange's name of what users write, such as BTCUSDT for BTC/USDT."""

    def address(self, symbols: Sequence[str]) -> str:
        """Where to connect to for trades of `symbols`; the same for all unless an exchange has it otherwise."""
        del symbols
        return self.socket_url + self.socket_path

    def headers(self) -> Mapping[str, str]:
        """Headers of REST requests, such as a key."""
        return {}

    def hello(self) -> list[str]:
        """What to send first on a new connection; what is subscribed to is sent once that was greeted."""
        return []

    @abstractmethod
    def subscribe(self, symbols: Sequence[str]) -> list[str]:
        """The messages by which trades of `symbols` are asked for; none where the address has said it."""

    @abstractmethod
    def unsubscribe(self, symbols: Sequence[str]) -> list[str]:
        """The messages by which they are not wanted any more."""

    def read(self, raw: bytes) -> Heard:
        """What a message says, or each of a list of them; raises `MessageError` where it is no such thing.

        What cannot be read is a fault there, and takes nothing else with it.
        """
        heard = Heard()
        for message in objects_of(raw):
            try:
                self.hear(heard, message)
            except MessageError as exc:
                heard.faults.append(Fault(exc.field, exc.reason, shown_json(message)))
        return heard

    @abstractmethod
    def hear(self, heard: Heard, message: dict[str, Any]) -> None:
        """Add what `message` says to `heard`; raises `MessageError`."""

    @abstractmethod
    def fill(self, rest: Rest, symbol: str, gap: Gap) -> AsyncIterator[Page]:
        """Ask for a gap's trades, a page after the other; raises what `rest` raises, and `MessageError`."""

    @abstractmethod
    async def newest(self, rest: Rest, symbol: str) -> Mark | None:
        """The newest trade there is, which may have come while nobody listened; None where nothing is known of it."""

    @abstractmethod
    async def instruments(self, rest: Rest, symbols: Mapping[str, str]) -> list[Instrument]:
        """What the exchange knows of `symbols` (its names, with the instruments' symbols); unknown ones are left out."""

    async def candles(self, rest: Rest, symbol: str, interval: Interval, now_us: int) -> list[Bar]:
        """The newest candles of one of `HISTORY`, as many as one answer has, that under way among them; none: not to be had.

        Raises what `rest` raises, and `MessageError`.
        """
        del rest, symbol, interval, now_us
        return []

    async def clock_us(self, rest: Rest) -> int | None:
        """The exchange's clock, µs since the epoch; None where it does not tell."""
        del rest
        return None


def of_gap(answered: Heard, gap: Gap) -> tuple[Heard, list[int]]:
    """Those of the trades that were answered which are in the gap, and the numbers of all that are of its count.

    Raises `MessageError` where the exchange means other trades by these numbers than it did, so that nothing follows
    from what it has or has not.
    """
    low, high = gap.after.time_us - SLACK_US, gap.before.time_us + SLACK_US
    inside = [each for each in answered.trades if gap.after.number < each.number < gap.before.number]
    known = [each.number for each in answered.trades if low <= each.time_us <= high]
    if any(not low <= each.time_us <= high for each in inside) or (answered.trades and not known):
        raise MessageError("number", "is by now that of another trade")
    return Heard(inside, answered.faults), known


def _scheme(url: str, schemes: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(scheme=schemes.get(parts.scheme, parts.scheme))).rstrip("/")


def decimals_of(step: str) -> int:
    """How many decimals a price step such as 0.01000000 has."""
    whole, _, fraction = step.partition(".")
    del whole
    return len(fraction.rstrip("0"))
