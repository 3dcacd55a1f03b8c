"""Massive (Polygon.io until 2025): US shares from the consolidated tapes; needs a key.

Stream: https://massive.com/docs/websocket/stocks/trades; REST: https://massive.com/docs/rest/stocks/trades-quotes/trades.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal
from urllib.parse import parse_qs, quote, urlsplit

import orjson
from pydantic import Field, SecretStr

from tickdeck.db.market.bars import Bar
from tickdeck.db.market.types import DAY_US, Instrument, Interval
from tickdeck.feeds.exchange.adapter import Exchange, ExchangeOptions, Page
from tickdeck.feeds.exchange.plugin import plugin
from tickdeck.feeds.exchange.rest import Rest, RestRefusedError
from tickdeck.feeds.exchange.tape import Gap
from tickdeck.feeds.exchange.trades import (
    Heard,
    Mark,
    MessageError,
    Trade,
    number,
    part,
    read_trades,
    text,
    whole,
)

PAGE: Final = 50_000
LATE_US: Final = 10_000_000
"""A gap is asked for from so long before its beginning, and what is known of that comes out."""
BARS: Final = 1_000
_FRAMES: Final[Mapping[Interval, tuple[int, str, int]]] = {
    "1m": (1, "minute", 5), "15m": (15, "minute", 40), "1h": (1, "hour", 120), "1d": (1, "day", 5 * 365),
}  # fmt: skip
"""How many of which span an interval is, and how many days back it is asked for."""
_REFUSALS: Final = frozenset({"auth_failed", "auth_timeout", "error", "max_connections", "not_authorized"})
_FATAL: Final = frozenset({"auth_failed", "not_authorized"})
_NO_TRADES: Final = frozenset({7, 8, 10, 11})
"""Corrections that make a row none: a trade that was in error or cancelled later, and the records that say so."""


class MassiveOptions(ExchangeOptions):
    """What Massive can be told besides."""

    key: Annotated[SecretStr, Field(description="The account's key.")]
    source: Annotated[
        Literal["real-time", "delayed"],
        Field(
            description="Which of its streams: real-time, or delayed (15 minutes later), as the plan has it."
        ),
    ] = "real-time"


class Massive(Exchange):
    """One connection an account; numbers grow and do not count up by one, so that what is lost within a connection cannot
    be told.  Times are whole milliseconds over the socket: those of REST are cut to them.
    """

    name = "massive"
    venue = "MASSIVE"
    socket = "wss://socket.massive.com"
    rest = "https://api.massive.com"
    requests_per_second: ClassVar[float] = 5.0
    numbered = False
    notation = "polygon"
    connections = 1
    settles_s = 5.0

    def __init__(self, options: MassiveOptions) -> None:
        super().__init__(options)
        self._massive = options
        if options.url is None and options.source == "delayed":
            self.socket_url = "wss://delayed.massive.com"

    def headers(self) -> Mapping[str, str]:
        """The key."""
        return {"Authorization": f"Bearer {self._massive.key.get_secret_value()}"}

    def native(self, pair: str) -> str:
        """AAPL; case tells shares apart (BRK.A, ABRpD)."""
        return pair

    def address(self, symbols: Sequence[str]) -> str:
        """Shares."""
        del symbols
        return f"{self.socket_url}/stocks"

    def hello(self) -> list[str]:
        """The key."""
        return [_asks("auth", self._massive.key.get_secret_value())]

    def subscribe(self, symbols: Sequence[str]) -> list[str]:
        """Trades."""
        return [_asks("subscribe", ",".join(f"T.{each}" for each in symbols))]

    def unsubscribe(self, symbols: Sequence[str]) -> list[str]:
        """See `Exchange.unsubscribe`."""
        return [_asks("unsubscribe", ",".join(f"T.{each}" for each in symbols))]

    def hear(self, heard: Heard, message: dict[str, Any]) -> None:
        """A list of messages: `T` trades, and `status`, what is said of the connection."""
        kind = message.get("ev")
        if kind == "T":
            read_trades(heard, [message], _heard)
        elif kind == "status":
            status, said = message.get("status"), str(message.get("message", ""))
            heard.greeted |= status == "auth_success"
            heard.subscribed |= status == "success" and said.startswith("subscribed to")
            if status in _REFUSALS:
                heard.refused = f"{said} ({status})"
                heard.fatal |= status in _FATAL
        else:
            raise MessageError("ev", f"{kind!r} is no kind that is known")

    async def fill(self, rest: Rest, symbol: str, gap: Gap) -> AsyncIterator[Page]:
        """By time, a page after the other."""
        path = f"/v3/trades/{quote(symbol, safe='')}"
        asked: dict[str, str | int] = {
            "timestamp.gte": 1000 * (gap.after.time_us - LATE_US),
            "timestamp.lte": 1000 * (gap.before.time_us + 1000) - 1,
            "order": "asc",
            "limit": PAGE,
        }
        while True:
            answer = await rest.get(path, asked)
            heard = Heard()
            items = [each for each in part(answer, "results") or [] if _counts(each)]
            read_trades(heard, items, lambda item: _answered(item, symbol))
            cursor = _cursor(answer)
            newest = max((each.time_us for each in heard.trades), default=gap.after.time_us)
            # Trades of one time may lie on two pages.
            yield Page(heard, gap.after.time_us, gap.before.time_us if cursor is None else newest - 1)
            if cursor is None:
                return
            asked = {"cursor": cursor}

    async def newest(self, rest: Rest, symbol: str) -> Mark | None:
        """Numbers do not count, so nothing follows from it."""
        del rest, symbol
        return None

    async def instruments(self, rest: Rest, symbols: Mapping[str, str]) -> list[Instrument]:
        """Shares' names; all trade in New York time."""
        found = []
        for native, symbol in symbols.items():
            try:
                answer = await rest.get(f"/v3/reference/tickers/{quote(native, safe='')}")
            except RestRefusedError:  # such as a plan without the right to them
                found.append(Instrument(symbol, None, "XNYS", "America/New_York", "USD", 2))
                continue
            told = part(answer, "results")
            name, currency = told.get("name"), told.get("currency_name")
            found.append(
                Instrument(
                    symbol,
                    name if isinstance(name, str) else None,
                    "XNYS",
                    "America/New_York",
                    currency.upper() if isinstance(currency, str) else "USD",
                    2,
                )
            )
        return found

    async def candles(self, rest: Rest, symbol: str, interval: Interval, now_us: int) -> list[Bar]:
        """`aggs`, as traded."""
        count, span, days = _FRAMES[interval]
        start_ms, end_ms = (now_us - days * DAY_US) // 1000, now_us // 1000
        answer = await rest.get(
            f"/v2/aggs/ticker/{quote(symbol, safe='')}/range/{count}/{span}/{start_ms}/{end_ms}",
            {"adjusted": "false", "sort": "desc", "limit": BARS},
        )
        bars = answer.get("results") if isinstance(answer, dict) else None
        return [_bar(each, symbol, interval) for each in reversed((bars or [])[:BARS])]


PLUGIN: Final = plugin(
    Massive, "Trades of US shares by Massive (once Polygon.io), such as AAPL", MassiveOptions
)


def _asks(action: str, parameters: str) -> str:
    return orjson.dumps({"action": action, "params": parameters}).decode()


def _cursor(answer: Any) -> str | None:
    """Where the next page begins; the address that is told has it, and is not followed: it may be another host's."""
    following = answer.get("next_url")
    if following is None:
        return None
    found = parse_qs(urlsplit(text(following, "next_url")).query).get("cursor")
    if not found:
        raise MessageError("next_url", f"{following!r} has no cursor")
    return found[0]


def _counts(item: Any) -> bool:
    """Whether a trade of REST is one: it was not withdrawn."""
    return not (isinstance(item, dict) and item.get("correction") in _NO_TRADES)


def _heard(item: Any) -> Trade:
    return Trade(
        text(part(item, "sym"), "sym"),
        whole(part(item, "q"), "q"),
        1000 * whole(part(item, "t"), "t"),
        number(part(item, "p"), "p"),
        _size(item, "ds", "s"),
        None,
        _exchange(item.get("x"), "x"),
        _conditions(item.get("c"), "c"),
    )


def _answered(item: Any, symbol: str) -> Trade:
    return Trade(
        symbol,
        whole(part(item, "sequence_number"), "sequence_number"),
        1000 * (whole(part(item, "sip_timestamp"), "sip_timestamp") // 1_000_000),
        number(part(item, "price"), "price"),
        _size(item, "decimal_size", "size"),
        None,
        _exchange(item.get("exchange"), "exchange"),
        _conditions(item.get("conditions"), "conditions"),
    )


def _size(item: Any, exact: str, rounded: str) -> float:
    """Fractions of shares are told beside the whole number of them."""
    told = item.get(exact)
    return number(part(item, rounded), rounded) if told is None else number(told, exact)


def _exchange(value: Any, name: str) -> str | None:
    """The vendor's number of the exchange."""
    return None if value is None else str(whole(value, name))


def _conditions(value: Any, name: str) -> str | None:
    """The vendor's numbers in one text, as `14,41`."""
    if value is None:
        return None
    if not isinstance(value, list):
        raise MessageError(name, f"{value!r} is no list of conditions")
    return ",".join(str(whole(each, name)) for each in value) or None


def _bar(item: Any, symbol: str, interval: Interval) -> Bar:
    open_, high, low, close, volume = (number(part(item, each), each) for each in ("o", "h", "l", "c", "v"))
    vwap = item.get("vw")
    return Bar(
        symbol, interval, 1000 * whole(part(item, "t"), "t"), open_, high, low, close, volume,
        (close if vwap is None else number(vwap, "vw")) * volume, whole(item.get("n", 0), "n"),
    )  # fmt: skip
