"""Binance spot.

Streams: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams#trade-streams;
REST: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints#old-trade-lookup.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar, Final

import orjson

from tickdeck.db.market.bars import Bar
from tickdeck.db.market.types import Instrument, Interval
from tickdeck.feeds.exchange.adapter import Exchange, Page, decimals_of, of_gap
from tickdeck.feeds.exchange.plugin import plugin
from tickdeck.feeds.exchange.rest import Rest
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

PAGE: Final = 1000
_FIRST_IN_US: Final = 10**14
"""Times below are in ms (until the year 5138), from there on in µs (since 1973)."""


class Binance(Exchange):
    """Trades (`@trade`), not aggregate trades, whose numbers are another count; times in µs."""

    name = "binance"
    venue = "BINANCE"
    socket = "wss://stream.binance.com:9443"
    rest = "https://api.binance.com"
    requests_per_second: ClassVar[float] = 4.0  # 25 of the weight of 6,000 a minute each
    lifetime_s = 24 * 3600.0

    def headers(self) -> Mapping[str, str]:
        """Times of REST in µs, as those of the streams: a trade has one time on both ways."""
        return {"X-MBX-TIME-UNIT": "MICROSECOND"}

    def native(self, pair: str) -> str:
        """BTCUSDT for BTC/USDT."""
        return pair.replace("/", "").replace("-", "").upper()

    def address(self, symbols: Sequence[str]) -> str:
        """The combined stream of all of them."""
        streams = "/".join(_stream(symbol) for symbol in symbols)
        return f"{self.socket_url}/stream?streams={streams}&timeUnit=MICROSECOND"

    def subscribe(self, symbols: Sequence[str]) -> list[str]:
        """Asks also for what the address has said already: the answer tells that the connection serves."""
        return [_request("SUBSCRIBE", symbols)]

    def unsubscribe(self, symbols: Sequence[str]) -> list[str]:
        """See `Exchange.unsubscribe`."""
        return [_request("UNSUBSCRIBE", symbols)]

    def hear(self, heard: Heard, message: dict[str, Any]) -> None:
        """A combined stream's event, a plain one, or the answer to a request."""
        if "stream" in message and "data" not in message:
            raise MessageError("data", "is missing")
        event = message.get("data", message)
        if not isinstance(event, dict):
            raise MessageError("data", f"{event!r} is no object")
        kind = event.get("e")
        if kind == "trade":
            read_trades(heard, [event], _streamed)
        elif kind == "serverShutdown":
            heard.ends_soon = True
        elif "error" in event:
            heard.refused = str(event["error"])[:200]
        elif "id" in event and "result" in event:
            heard.subscribed = True
        else:
            raise MessageError("e", f"{kind!r} is no event that is known")

    async def fill(self, rest: Rest, symbol: str, gap: Gap) -> AsyncIterator[Page]:
        """Upwards from the gap's first number: an answer begins with the first trade that there is from it on."""
        first = gap.after.number + 1
        while first < gap.before.number:
            answer = await rest.get(
                "/api/v3/historicalTrades",
                {"symbol": symbol, "fromId": first, "limit": min(PAGE, gap.before.number - first + 1)},
            )
            if not isinstance(answer, list):
                raise MessageError("answer", "is no list of trades")
            heard = Heard()
            read_trades(heard, answer, lambda item: _asked(item, symbol))
            inside, numbers = of_gap(heard, gap)
            last = max(numbers, default=first - 1)
            yield Page(inside, first, last)
            if last < first:
                return
            first = last + 1

    async def newest(self, rest: Rest, symbol: str) -> Mark | None:
        """The last of the recent trades."""
        answer = await rest.get("/api/v3/trades", {"symbol": symbol, "limit": 1})
        return _asked(answer[-1], symbol).mark if answer else None

    async def instruments(self, rest: Rest, symbols: Mapping[str, str]) -> list[Instrument]:
        """From `exchangeInfo`."""
        answer = await rest.get("/api/v3/exchangeInfo", {"symbols": orjson.dumps(sorted(symbols)).decode()})
        found = []
        for each in part(answer, "symbols"):
            name = part(each, "symbol")
            if name not in symbols:
                continue
            steps = {f["filterType"]: f for f in each.get("filters", [])}
            step = steps.get("PRICE_FILTER", {}).get("tickSize", "0.01")
            base, quote = part(each, "baseAsset"), part(each, "quoteAsset")
            found.append(
                Instrument(symbols[name], f"{base} / {quote}", None, "UTC", quote, decimals_of(step))
            )
        return found

    async def candles(self, rest: Rest, symbol: str, interval: Interval, now_us: int) -> list[Bar]:
        """`klines`."""
        del now_us
        answer = await rest.get("/api/v3/klines", {"symbol": symbol, "interval": interval, "limit": PAGE})
        if not isinstance(answer, list):
            raise MessageError("answer", "is no list of klines")
        return [_kline(each, symbol, interval) for each in answer]

    async def clock_us(self, rest: Rest) -> int | None:
        """`serverTime`."""
        return _us(part(await rest.get("/api/v3/time"), "serverTime"), "serverTime")


def _stream(symbol: str) -> str:
    return f"{symbol.lower()}@trade"


def _request(method: str, symbols: Sequence[str]) -> str:
    return orjson.dumps({"method": method, "params": [_stream(each) for each in symbols], "id": 1}).decode()


def _streamed(event: dict[str, Any]) -> Trade:
    return Trade(
        text(part(event, "s"), "s"),
        whole(part(event, "t"), "t"),
        _us(part(event, "T"), "T"),
        number(part(event, "p"), "p"),
        number(part(event, "q"), "q"),
        "sell" if _flag(part(event, "m"), "m") else "buy",
    )


def _asked(item: dict[str, Any], symbol: str) -> Trade:
    return Trade(
        symbol,
        whole(part(item, "id"), "id"),
        _us(part(item, "time"), "time"),
        number(part(item, "price"), "price"),
        number(part(item, "qty"), "qty"),
        "sell" if _flag(part(item, "isBuyerMaker"), "isBuyerMaker") else "buy",
    )


def _kline(item: Any, symbol: str, interval: Interval) -> Bar:
    open_, high, low, close, volume = (
        number(part(item, at), name)
        for at, name in enumerate(("open", "high", "low", "close", "volume"), start=1)
    )
    turnover = number(part(item, 7), "quote volume")
    trades = whole(part(item, 8), "trades")
    return Bar(
        symbol, interval, _us(part(item, 0), "time"), open_, high, low, close, volume, turnover, trades
    )


def _us(value: Any, name: str) -> int:
    time = whole(value, name)
    return time if time >= _FIRST_IN_US else time * 1000


def _flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise MessageError(name, f"{value!r} is neither true nor false")
    return value


PLUGIN: Final = plugin(Binance, "Trades of Binance spot, such as BTC/USDT")
