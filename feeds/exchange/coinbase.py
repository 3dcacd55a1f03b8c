"""Coinbase Exchange.

Channels: https://docs.cdp.coinbase.com/exchange/websocket-feed/channels; REST:
https://docs.cdp.coinbase.com/api-reference/exchange-api/rest-api/products/get-product-trades.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar, Final

import orjson

from tickdeck.db.market.bars import Bar
from tickdeck.db.market.types import INTERVAL_SECONDS, Instrument, Interval
from tickdeck.feeds.exchange.adapter import Exchange, Page, decimals_of, of_gap
from tickdeck.feeds.exchange.plugin import plugin
from tickdeck.feeds.exchange.rest import Rest
from tickdeck.feeds.exchange.tape import Gap
from tickdeck.feeds.exchange.trades import (
    Heard,
    Mark,
    MessageError,
    Side,
    Trade,
    iso_us,
    number,
    part,
    read_trades,
    text,
    whole,
)

PAGE: Final = 1000
_CHANNELS: Final = ["matches", "heartbeat"]
_TAKERS: Final[Mapping[str, Side]] = {"sell": "buy", "buy": "sell"}
"""The exchange tells the maker's side; the taker's is the other one."""


class Coinbase(Exchange):
    """Channel `matches`; each second `heartbeat` tells the newest trade's number, so that what is lost shows at once."""

    name = "coinbase"
    venue = "COINBASE"
    socket = "wss://ws-feed.exchange.coinbase.com"
    rest = "https://api.exchange.coinbase.com"
    requests_per_second: ClassVar[float] = 5.0
    heartbeat_s = 1.0

    def native(self, pair: str) -> str:
        """BTC-USD for BTC/USD."""
        return pair.replace("/", "-").upper()

    def subscribe(self, symbols: Sequence[str]) -> list[str]:
        """See `Exchange.subscribe`."""
        return [_request("subscribe", symbols)]

    def unsubscribe(self, symbols: Sequence[str]) -> list[str]:
        """See `Exchange.unsubscribe`."""
        return [_request("unsubscribe", symbols)]

    def hear(self, heard: Heard, message: dict[str, Any]) -> None:
        """`match`, `last_match` (the newest one, on subscribing), `heartbeat`, `subscriptions`, `error`."""
        kind = message.get("type")
        if kind in {"match", "last_match"}:
            read_trades(
                heard, [message], lambda item: _trade(item, text(part(item, "product_id"), "product_id"))
            )
        elif kind == "heartbeat":
            heard.alive = True
            symbol = text(part(message, "product_id"), "product_id")
            newest = whole(part(message, "last_trade_id"), "last_trade_id")
            heard.newest[symbol] = Mark(iso_us(part(message, "time"), "time"), newest)
        elif kind == "subscriptions":
            heard.subscribed = True
        elif kind == "error":
            heard.refused = f"{message.get('message', '')} {message.get('reason', '')}".strip()[:200]
        else:
            raise MessageError("type", f"{kind!r} is no type that is known")

    async def fill(self, rest: Rest, symbol: str, gap: Gap) -> AsyncIterator[Page]:
        """Downwards from the gap's last number: `after` has the trades before it, newest first."""
        after = gap.before.number
        while after > gap.after.number + 1:
            answer = await rest.get(f"/products/{symbol}/trades", {"after": after, "limit": PAGE})
            if not isinstance(answer, list):
                raise MessageError("answer", "is no list of trades")
            heard = Heard()
            read_trades(heard, answer, lambda item: _trade(item, symbol))
            inside, numbers = of_gap(heard, gap)
            first = max(min(numbers, default=0), gap.after.number + 1)
            yield Page(inside, first, after - 1)
            after = first

    async def newest(self, rest: Rest, symbol: str) -> Mark | None:
        """The first of the trades."""
        answer = await rest.get(f"/products/{symbol}/trades", {"limit": 1})
        return _trade(answer[0], symbol).mark if answer else None

    async def instruments(self, rest: Rest, symbols: Mapping[str, str]) -> list[Instrument]:
        """From `/products`."""
        found = []
        for each in await rest.get("/products"):
            symbol = symbols.get(part(each, "id"))
            if symbol is not None:
                quote = part(each, "quote_currency")
                decimals = decimals_of(str(part(each, "quote_increment")))
                name = f"{part(each, 'base_currency')} / {quote}"
                found.append(Instrument(symbol, name, None, "UTC", quote, decimals))
        return found

    async def candles(self, rest: Rest, symbol: str, interval: Interval, now_us: int) -> list[Bar]:
        """`candles`: time in seconds, low, high, open, close, volume; the newest first."""
        del now_us
        answer = await rest.get(f"/products/{symbol}/candles", {"granularity": INTERVAL_SECONDS[interval]})
        if not isinstance(answer, list):
            raise MessageError("answer", "is no list of candles")
        return [_candle(each, symbol, interval) for each in reversed(answer)]

    async def clock_us(self, rest: Rest) -> int | None:
        """`/time`."""
        return iso_us(part(await rest.get("/time"), "iso"), "iso")


PLUGIN: Final = plugin(Coinbase, "Trades of Coinbase Exchange, such as BTC/USD")


def _request(kind: str, symbols: Sequence[str]) -> str:
    return orjson.dumps({"type": kind, "product_ids": list(symbols), "channels": _CHANNELS}).decode()


def _candle(item: Any, symbol: str, interval: Interval) -> Bar:
    low, high, open_, close, volume = (
        number(part(item, at), name)
        for at, name in enumerate(("low", "high", "open", "close", "volume"), start=1)
    )
    time_us = whole(part(item, 0), "time") * 1_000_000
    return Bar(symbol, interval, time_us, open_, high, low, close, volume)


def _trade(item: Any, symbol: str) -> Trade:
    side = part(item, "side")
    if side not in _TAKERS:
        raise MessageError("side", f"{side!r} is neither buy nor sell")
    return Trade(
        symbol,
        whole(part(item, "trade_id"), "trade_id"),
        iso_us(part(item, "time"), "time"),
        number(part(item, "price"), "price"),
        number(part(item, "size"), "size"),
        _TAKERS[side],
    )
