"""A local Kraken, by its public documentation of WebSocket v2 and of `Trades`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Self

import orjson
from websockets.datastructures import Headers

from tests.exchanges.local import Client, LocalExchange, Made
from tickdeck.db.market.moments import iso


class LocalKraken(LocalExchange):
    """Symbols are BTC/USD; over REST they are XBTUSD."""

    name = "kraken"
    heartbeat_s = 0.2
    snapshot = 50

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.go_on(self._beat())
        return self

    def arrived(self, client: Client, path: str, query: dict[str, str]) -> list[str]:
        """The status of the system."""
        online = {"system": "online", "api_version": "v2", "connection_id": 1, "version": "2.0.0"}
        return [json.dumps({"channel": "status", "type": "update", "data": [online]})]

    async def asked(self, client: Client, request: Any) -> None:
        """`subscribe`, with an answer for each symbol and a snapshot; `unsubscribe`; `ping`."""
        method, parameters = request.get("method"), request.get("params", {})
        if method == "ping":
            await self.say(client, json.dumps({"method": "pong"}))
            return
        for symbol in parameters.get("symbol", []):
            known = symbol in self.symbols and parameters.get("channel") == "trade"
            said: dict[str, Any] = {"method": method, "success": known}
            if known:
                said["result"] = {"channel": "trade", "snapshot": True, "symbol": symbol}
            else:
                said |= {"error": f"Currency pair not supported {symbol}", "symbol": symbol}
            await self.say(client, json.dumps(said))
            if known and method == "subscribe":
                client.symbols.add(symbol)
                tape = self.asked_for(symbol)[-self.snapshot :]
                if parameters.get("snapshot", True) and tape:
                    await self.say(client, json.dumps(_trades(tape, "snapshot")))
            else:
                client.symbols.discard(symbol)

    def message(self, trades: Sequence[Made], client: Client) -> list[str]:
        """All of them in one message, as a taker's order fills."""
        return [json.dumps(_trades(trades, "update"))]

    def rest(self, path: str, query: dict[str, str], headers: Headers) -> Any:
        """Errors are in the answer, which is 200 then too."""
        if path == "/0/public/Time":
            return {"error": [], "result": {"unixtime": self.now_us // 1_000_000, "rfc1123": ""}}
        if path == "/0/public/AssetPairs":
            asked = query["pair"].split(",") if "pair" in query else [_name(each) for each in self.symbols]
            return {
                "error": [],
                "result": {_name(each): _pair(each) for each in self.symbols if _name(each) in asked},
            }
        if path == "/0/public/Assets":
            return {"error": [], "result": {}}
        pair = next((each for each in self.symbols if _name(each) == query.get("pair")), None)
        if path == "/0/public/OHLC" and pair is not None:
            candles = self.candles(pair, 60 * int(query["interval"]), 720)
            rows = [
                [start, *map(str, values[:4]), str(values[3]), str(values[4]), 7] for start, values in candles
            ]
            return {"error": [], "result": {_name(pair): rows, "last": candles[-2][0]}}
        if path != "/0/public/Trades" or pair is None:
            return {"error": ["EQuery:Unknown asset pair"]}
        count = min(1000, int(query.get("count", "1000")))
        if "since" in query:
            found = [each for each in self.asked_for(pair) if _ns(each) > _since_ns(query["since"])][:count]
        else:
            found = self.asked_for(pair)[-count:]
        last = str(_ns(found[-1])) if found else query.get("since", "0")
        listed = [
            [
                f"{each.price:.5f}",
                f"{each.size:.8f}",
                _seconds(_ns(each)),
                "b" if each.taker_buys else "s",
                "m",
                "",
                each.number,
            ]
            for each in found
        ]
        return {"error": [], "result": {_name(pair): listed, "last": last}}

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.heartbeat_s)
            await self.say_to_all(lambda _: [json.dumps({"channel": "heartbeat"})])


def _since_ns(since: str) -> int:
    """Nanoseconds, or seconds with a point."""
    return int(Decimal(since) * (1 if Decimal(since) > 10**14 else 10**9))


def _seconds(ns: int) -> orjson.Fragment:
    """Nanoseconds, written as seconds with all of their digits, of which a float has not enough."""
    return orjson.Fragment(f"{ns // 10**9}.{ns % 10**9:09d}".encode())


def _ns(each: Made) -> int:
    return each.time_us * 1000 + each.nanosecond


def _name(pair: str) -> str:
    return pair.replace("BTC", "XBT").replace("DOGE", "XDG").replace("/", "")


def _pair(pair: str) -> dict[str, Any]:
    return {
        "altname": _name(pair),
        "base": _name(pair.partition("/")[0]),
        "quote": pair.partition("/")[2],
        "wsname": pair.replace("BTC", "XBT").replace("DOGE", "XDG"),
        "pair_decimals": 2,
        "lot_decimals": 8,
        "tick_size": "0.01",
        "status": "online",
    }


def _trades(trades: Sequence[Made], kind: str) -> dict[str, Any]:
    return {
        "channel": "trade",
        "type": kind,
        "data": [
            {
                "symbol": each.symbol,
                "side": "buy" if each.taker_buys else "sell",
                "price": float(each.price),
                "qty": float(each.size),
                "ord_type": "market",
                "trade_id": each.number,
                "timestamp": iso(each.time_us),
            }
            for each in trades
        ],
    }
