"""Kraken spot, WebSocket v2.

Channel: https://docs.kraken.com/exchange/api-reference/spot-websocket-v2/trade; REST:
https://docs.kraken.com/api/docs/rest-api/get-recent-trades.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Final

import orjson

from tickdeck.db.market.bars import Bar
from tickdeck.db.market.types import INTERVAL_SECONDS, Instrument, Interval
from tickdeck.feeds.exchange.adapter import Exchange, Page, of_gap
from tickdeck.feeds.exchange.plugin import plugin
from tickdeck.feeds.exchange.rest import Rest, RestAwayError, RestRefusedError
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
_SIDES: Final[Mapping[str, Side]] = {"buy": "buy", "sell": "sell", "b": "buy", "s": "sell"}
"""The taker's."""
_TOO_MANY: Final = ("Too many requests", "Rate limit exceeded")


class Kraken(Exchange):
    """Channel `trade` with its snapshot; times cut to the µs, of which REST has more decimals."""

    name = "kraken"
    venue = "KRAKEN"
    socket = "wss://ws.kraken.com"
    socket_path = "/v2"
    rest = "https://api.kraken.com"
    requests_per_second: ClassVar[float] = 1.0
    heartbeat_s = 1.0

    def native(self, pair: str) -> str:
        """BTC/USD, as v2 has it."""
        return pair.replace("-", "/").upper()

    def subscribe(self, symbols: Sequence[str]) -> list[str]:
        """With the last trades before now, which a reconnect then need not ask for."""
        return [_request("subscribe", {"symbol": list(symbols), "snapshot": True})]

    def unsubscribe(self, symbols: Sequence[str]) -> list[str]:
        """See `Exchange.unsubscribe`."""
        return [_request("unsubscribe", {"symbol": list(symbols)})]

    def hear(self, heard: Heard, message: dict[str, Any]) -> None:
        """`trade`, `heartbeat`, `status`, and answers to requests."""
        channel = message.get("channel")
        if channel == "trade":
            data = part(message, "data")
            if not isinstance(data, list):
                raise MessageError("data", f"{data!r} is no list")
            read_trades(heard, data, _streamed)
        elif channel == "heartbeat":
            heard.alive = True
        elif channel == "status":
            _read_status(heard, message)
        elif message.get("method") in {"subscribe", "unsubscribe"}:
            if message.get("success") is True:
                heard.subscribed = True
            else:
                heard.refused = str(message.get("error"))[:200]
        elif message.get("method") == "pong":
            heard.alive = True
        else:
            raise MessageError("channel", f"{channel!r} is no channel that is known")

    async def fill(self, rest: Rest, symbol: str, gap: Gap) -> AsyncIterator[Page]:
        """Upwards from the time before the gap; `last` of an answer is where the next one begins."""
        since = str(gap.after.time_us * 1000 - 1)
        covered = gap.after.number
        while covered < gap.before.number - 1:
            items, last = await _trades(rest, symbol, {"since": since, "count": PAGE})
            heard = Heard()
            read_trades(heard, items, lambda item: _asked(item, symbol))
            inside, numbers = of_gap(heard, gap)
            newest = max(numbers, default=covered)
            yield Page(inside, covered + 1, newest)
            if not items or last == since:
                return
            covered, since = max(covered, newest), last

    async def newest(self, rest: Rest, symbol: str) -> Mark | None:
        """The last one of the recent trades."""
        items, _ = await _trades(rest, symbol, {"count": 1})
        return _asked(items[-1], symbol).mark if items else None

    async def instruments(self, rest: Rest, symbols: Mapping[str, str]) -> list[Instrument]:
        """From `AssetPairs`."""
        pairs = await _result(
            rest, "/0/public/AssetPairs", {"pair": ",".join(map(_rest_name, sorted(symbols)))}
        )
        names = {_rest_name(symbol): symbol for symbol in symbols}
        found = []
        for each in pairs.values():
            native = names.get(_plain(part(each, "wsname")))
            if native is not None:
                base, quote = native.split("/")
                decimals = whole(part(each, "pair_decimals"), "pair_decimals")
                found.append(Instrument(symbols[native], f"{base} / {quote}", None, "UTC", quote, decimals))
        return found

    async def candles(self, rest: Rest, symbol: str, interval: Interval, now_us: int) -> list[Bar]:
        """`OHLC`: time in seconds, open, high, low, close, VWAP, volume, number of trades."""
        del now_us
        minutes = INTERVAL_SECONDS[interval] // 60
        result = await _result(rest, "/0/public/OHLC", {"pair": _rest_name(symbol), "interval": minutes})
        lists = [each for name, each in result.items() if name != "last"]
        if len(lists) != 1 or not isinstance(lists[0], list):
            raise MessageError("result", "has no list of candles")
        return [_candle(each, symbol, interval) for each in lists[0]]


PLUGIN: Final = plugin(Kraken, "Trades of Kraken spot, such as BTC/USD")


def _request(method: str, parameters: Mapping[str, Any]) -> str:
    return orjson.dumps({"method": method, "params": {"channel": "trade", **parameters}}).decode()


def _read_status(heard: Heard, message: Mapping[str, Any]) -> None:
    for each in part(message, "data"):
        system = part(each, "system")
        if system != "online":
            heard.refused = f"its system is in {system}"


async def _trades(rest: Rest, symbol: str, parameters: Mapping[str, str | int]) -> tuple[list[Any], str]:
    """Trades, oldest first, and what the next question's `since` is."""
    result = await _result(rest, "/0/public/Trades", {"pair": _rest_name(symbol), **parameters})
    lists = [each for name, each in result.items() if name != "last"]
    if len(lists) != 1 or not isinstance(lists[0], list):
        raise MessageError("result", "has no list of trades")
    return lists[0], str(result.get("last", ""))


async def _result(rest: Rest, path: str, parameters: Mapping[str, str | int]) -> dict[str, Any]:
    answer = await rest.get(path, parameters)
    errors = part(answer, "error")
    if errors and any(each in str(errors) for each in (*_TOO_MANY, "Unavailable", "Busy")):
        raise RestAwayError(f"{path}: {errors}")
    if errors:
        raise RestRefusedError(f"{path}: {errors}")
    result = part(answer, "result")
    if not isinstance(result, dict):
        raise MessageError("result", "is no object")
    return result


def _candle(item: Any, symbol: str, interval: Interval) -> Bar:
    open_, high, low, close, vwap, volume = (
        number(part(item, at), name)
        for at, name in enumerate(("open", "high", "low", "close", "vwap", "volume"), start=1)
    )
    time_us = whole(part(item, 0), "time") * 1_000_000
    trades = whole(part(item, 7), "count")
    return Bar(symbol, interval, time_us, open_, high, low, close, volume, vwap * volume, trades)


def _rest_name(symbol: str) -> str:
    """REST keeps the names of old: XBTUSD for BTC/USD."""
    return _plain("/".join({"BTC": "XBT", "DOGE": "XDG"}.get(each, each) for each in symbol.split("/")))


def _plain(name: str) -> str:
    return name.replace("/", "")


def _streamed(item: Any) -> Trade:
    return Trade(
        text(part(item, "symbol"), "symbol"),
        whole(part(item, "trade_id"), "trade_id"),
        iso_us(part(item, "timestamp"), "timestamp"),
        number(part(item, "price"), "price"),
        number(part(item, "qty"), "qty"),
        _side(part(item, "side")),
    )


def _asked(item: Any, symbol: str) -> Trade:
    if not isinstance(item, list) or len(item) < 7:
        raise MessageError("trade", f"{item!r} has not seven parts")
    price, size, time, side, _, _, trade_id = item[:7]
    if not isinstance(time, (Decimal, int)):
        raise MessageError("time", f"{time!r} is no number")
    return Trade(
        symbol,
        whole(trade_id, "trade_id"),
        int(time * 1_000_000),
        number(price, "price"),
        number(size, "volume"),
        _side(side),
    )


def _side(value: Any) -> Side:
    if value not in _SIDES:
        raise MessageError("side", f"{value!r} is no side")
    return _SIDES[value]
