"""Alpaca: US shares from IEX or the consolidated tape; needs a key.

Stream: https://docs.alpaca.markets/docs/real-time-stock-pricing-data; REST:
https://docs.alpaca.markets/reference/stocktrades-1.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal

import orjson
from pydantic import Field, SecretStr

from tickdeck.db.market.bars import Bar
from tickdeck.db.market.corrections import Correction
from tickdeck.db.market.moments import iso
from tickdeck.db.market.types import DAY_US, Instrument, Interval
from tickdeck.feeds.exchange.adapter import Exchange, ExchangeOptions, Page
from tickdeck.feeds.exchange.plugin import plugin
from tickdeck.feeds.exchange.rest import Rest
from tickdeck.feeds.exchange.tape import Gap
from tickdeck.feeds.exchange.trades import (
    Heard,
    Mark,
    MessageError,
    Trade,
    iso_us,
    number,
    part,
    read_trades,
    text,
    whole,
)

PAGE: Final = 10_000
LATE_US: Final = 10_000_000
"""Trades are reported so late: a gap is asked for from before its beginning, and what is known of that comes out."""
ALIASES: Final = 100_000
_FRAMES: Final[Mapping[Interval, tuple[str, int]]] = {
    "1m": ("1Min", 5), "15m": ("15Min", 40), "1h": ("1Hour", 120), "1d": ("1Day", 5 * 365),
}  # fmt: skip
"""Their name of each interval, and how many days back it is asked for."""
BARS: Final = 1_000
_FATAL: Final = frozenset({402, 409})
"""Wrong keys, and a source that the account has no right to."""
_WITHDRAWN: Final = frozenset({"canceled", "incorrect"})


class AlpacaOptions(ExchangeOptions):
    """What Alpaca can be told besides."""

    key: Annotated[SecretStr, Field(description="The account's key.")]
    secret: Annotated[SecretStr, Field(description="Its secret.")]
    source: Annotated[
        Literal["iex", "sip", "delayed_sip"],
        Field(
            description="Where trades are from: iex (free), sip (all exchanges), delayed_sip (15 minutes later)."
        ),
    ] = "iex"


class Alpaca(Exchange):
    """One connection an account; trade numbers do not count, so that what is lost within a connection cannot be told."""

    name = "alpaca"
    venue = "ALPACA"
    socket = "wss://stream.data.alpaca.markets"
    rest = "https://data.alpaca.markets"
    requests_per_second: ClassVar[float] = 3.0
    numbered = False
    notation = "sip"
    connections = 1
    settles_s = 5.0

    def __init__(self, options: AlpacaOptions) -> None:
        super().__init__(options)
        self._alpaca = options
        self._aliases: OrderedDict[tuple[str, int], int] = OrderedDict()
        """The first number of each trade that was corrected, by the number that the correction gave it."""

    def headers(self) -> Mapping[str, str]:
        """The key."""
        return {
            "APCA-API-KEY-ID": self._alpaca.key.get_secret_value(),
            "APCA-API-SECRET-KEY": self._alpaca.secret.get_secret_value(),
        }

    def native(self, pair: str) -> str:
        """AAPL."""
        return pair.upper()

    def address(self, symbols: Sequence[str]) -> str:
        """By source."""
        del symbols
        return f"{self.socket_url}/v2/{self._alpaca.source}"

    def hello(self) -> list[str]:
        """The key."""
        key, secret = self._alpaca.key.get_secret_value(), self._alpaca.secret.get_secret_value()
        return [orjson.dumps({"action": "auth", "key": key, "secret": secret}).decode()]

    def subscribe(self, symbols: Sequence[str]) -> list[str]:
        """Corrections and cancels come with the trades."""
        return [orjson.dumps({"action": "subscribe", "trades": list(symbols)}).decode()]

    def unsubscribe(self, symbols: Sequence[str]) -> list[str]:
        """See `Exchange.unsubscribe`."""
        return [orjson.dumps({"action": "unsubscribe", "trades": list(symbols)}).decode()]

    def hear(self, heard: Heard, message: dict[str, Any]) -> None:
        """A list of messages: `t` trades, `c` corrections, `x` cancels, and what is said of the connection."""
        kind = message.get("T")
        if kind == "t":
            read_trades(heard, [message], lambda item: _trade(item, text(part(item, "S"), "S")))
        elif kind == "c":
            heard.corrections.append(self._correction(message))
        elif kind == "x":
            heard.corrections.append(self._cancel(message))
        elif kind == "subscription":
            heard.subscribed = True
        elif kind == "success":
            heard.greeted |= message.get("msg") == "authenticated"
        elif kind == "error":
            heard.refused = f"{message.get('msg', '')} ({message.get('code')})"
            heard.fatal |= message.get("code") in _FATAL
        else:
            raise MessageError("T", f"{kind!r} is no kind that is known")

    async def fill(self, rest: Rest, symbol: str, gap: Gap) -> AsyncIterator[Page]:
        """By time, a page after the other."""
        asked: dict[str, str | int] = {
            "start": iso(gap.after.time_us - LATE_US),
            "end": iso(gap.before.time_us),
            "feed": "sip" if self._alpaca.source == "delayed_sip" else self._alpaca.source,
            "limit": PAGE,
        }
        while True:
            answer = await rest.get(f"/v2/stocks/{symbol}/trades", asked)
            heard = Heard()
            items = [each for each in part(answer, "trades") or [] if self._counts(each, symbol)]
            read_trades(heard, items, lambda item: _trade(item, symbol))
            token = answer.get("next_page_token")
            newest = max((each.time_us for each in heard.trades), default=gap.after.time_us)
            # Trades of one time may lie on two pages.
            yield Page(heard, gap.after.time_us, gap.before.time_us if token is None else newest - 1)
            if token is None:
                return
            asked["page_token"] = text(token, "next_page_token")

    async def newest(self, rest: Rest, symbol: str) -> Mark | None:
        """Numbers do not count, so nothing follows from it."""
        del rest, symbol
        return None

    async def instruments(self, rest: Rest, symbols: Mapping[str, str]) -> list[Instrument]:
        """US shares, which all trade in New York time and dollars."""
        del rest
        return [Instrument(each, None, "XNYS", "America/New_York", "USD", 2) for each in symbols.values()]

    async def candles(self, rest: Rest, symbol: str, interval: Interval, now_us: int) -> list[Bar]:
        """`bars`, as traded, of the source that trades come from; delayed_sip: of the tape, as old as it may be."""
        frame, days = _FRAMES[interval]
        delayed = self._alpaca.source == "delayed_sip"
        asked: dict[str, str | int] = {
            "timeframe": frame,
            "start": iso(now_us - days * DAY_US),
            "end": iso(now_us - (16 * 60_000_000 if delayed else 0)),
            "feed": "sip" if delayed else self._alpaca.source,
            "adjustment": "raw",
            "sort": "desc",
            "limit": BARS,
        }
        answer = await rest.get(f"/v2/stocks/{symbol}/bars", asked)
        return [_bar(each, symbol, interval) for each in reversed(part(answer, "bars") or [])]

    def _counts(self, item: Any, symbol: str) -> bool:
        """Whether a trade of REST is one: it was not withdrawn, and is not one that came and was then corrected."""
        if isinstance(item, dict) and item.get("u") in _WITHDRAWN:
            return False
        return not (isinstance(item, dict) and (symbol, item.get("i")) in self._aliases)

    def _correction(self, message: Mapping[str, Any]) -> Correction:
        symbol = text(part(message, "S"), "S")
        first = whole(part(message, "oi"), "oi")
        number_of_it = self._aliases.get((symbol, first), first)
        self._aliases[symbol, whole(part(message, "ci"), "ci")] = number_of_it
        if len(self._aliases) > ALIASES:
            self._aliases.popitem(last=False)
        at_us = iso_us(part(message, "t"), "t")
        return Correction(
            symbol=symbol,
            time_us=at_us,
            seq=number_of_it,
            kind="correct",
            price=number(part(message, "cp"), "cp"),
            size=number(part(message, "cs"), "cs"),
            exchange=message.get("x"),
            conditions=_conditions(message.get("cc")),
            notation=self.notation,
            exact_time=False,
            known_us=at_us,
        )

    def _cancel(self, message: Mapping[str, Any]) -> Correction:
        symbol = text(part(message, "S"), "S")
        cancelled = whole(part(message, "i"), "i")
        at_us = iso_us(part(message, "t"), "t")
        return Correction(
            symbol=symbol,
            time_us=at_us,
            seq=self._aliases.get((symbol, cancelled), cancelled),
            kind="cancel",
            exact_time=False,
            known_us=at_us,
            reason={"C": "cancelled", "E": "in error"}.get(str(message.get("a")), ""),
        )


PLUGIN: Final = plugin(Alpaca, "Trades of US shares by Alpaca (IEX or SIP), such as AAPL", AlpacaOptions)


def _bar(item: Any, symbol: str, interval: Interval) -> Bar:
    open_, high, low, close, volume, vwap = (
        number(part(item, each), each) for each in ("o", "h", "l", "c", "v", "vw")
    )
    return Bar(
        symbol, interval, iso_us(part(item, "t"), "t"), open_, high, low, close, volume, vwap * volume,
        whole(part(item, "n"), "n"),
    )  # fmt: skip


def _trade(item: Any, symbol: str) -> Trade:
    return Trade(
        symbol,
        whole(part(item, "i"), "i"),
        iso_us(part(item, "t"), "t"),
        number(part(item, "p"), "p"),
        number(part(item, "s"), "s"),
        None,
        text(part(item, "x"), "x"),
        _conditions(item.get("c")),
    )


def _conditions(value: Any) -> str | None:
    """The tape's letters in one text, as `@FTI`."""
    if value is None:
        return None
    if not isinstance(value, list):
        raise MessageError("c", f"{value!r} is no list of conditions")
    return "".join(str(each).strip() for each in value) or None
