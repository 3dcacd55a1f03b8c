"""A local Binance spot, by its public documentation of streams and market data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from websockets.datastructures import Headers

from tests.exchanges.local import Client, LocalExchange, Made, RefusedError

_WIDTHS = {"1m": 60, "15m": 900, "1h": 3600, "1d": 86_400}


class LocalBinance(LocalExchange):
    """Symbols are BTC/USDT; the exchange calls them BTCUSDT."""

    name = "binance"

    def arrived(self, client: Client, path: str, query: dict[str, str]) -> list[str]:
        """`/stream?streams=…` and `/ws/…`."""
        client.facts["combined"] = path.startswith("/stream")
        client.facts["us"] = query.get("timeUnit", "").upper() == "MICROSECOND"
        named = query.get("streams", "") if client.facts["combined"] else path.removeprefix("/ws").strip("/")
        for stream in filter(None, named.split("/")):
            self._listen(client, stream)
        return []

    async def asked(self, client: Client, request: Any) -> None:
        """SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS."""
        method, streams = request.get("method"), request.get("params", [])
        if method == "SUBSCRIBE":
            for stream in streams:
                self._listen(client, stream)
        elif method == "UNSUBSCRIBE":
            for stream in streams:
                client.symbols.discard(self._pair(stream.partition("@")[0]) or "")
        result = sorted(client.symbols) if method == "LIST_SUBSCRIPTIONS" else None
        await self.say(client, json.dumps({"result": result, "id": request.get("id")}))

    def message(self, trades: Sequence[Made], client: Client) -> list[str]:
        """One event a trade; several of one symbol as a list of events."""
        events = [self._event(each, client) for each in trades]
        return [json.dumps(events[0] if len(events) == 1 else events, separators=(",", ":"))]

    def ends_soon(self) -> str:
        """`serverShutdown`."""
        return json.dumps({"e": "serverShutdown", "E": self.now_us // 1000})

    def rest(self, path: str, query: dict[str, str], headers: Headers) -> Any:
        """Time, exchangeInfo, klines, historicalTrades, trades."""
        us = headers.get("X-MBX-TIME-UNIT", "").upper() == "MICROSECOND"
        unit = 1 if us else 1000
        if path == "/api/v3/time":
            return {"serverTime": self.now_us // unit}
        if path == "/api/v3/exchangeInfo":
            return {
                "timezone": "UTC",
                "serverTime": self.now_us // unit,
                "rateLimits": [],
                "exchangeFilters": [],
                "symbols": [_info(symbol) for symbol in self.symbols],
            }
        if path in {"/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo"}:
            return {"symbols": []}  # there are no futures
        if path == "/api/v3/klines":
            return self._klines(query, unit)
        if path not in {"/api/v3/historicalTrades", "/api/v3/trades"}:
            raise RefusedError(404, {"code": -1, "msg": f"no {path}"})
        pair = self._pair(query.get("symbol", ""))
        if pair is None:
            raise RefusedError(400, {"code": -1121, "msg": "Invalid symbol."})
        limit = min(1000, int(query.get("limit", "500")))
        tape = self.asked_for(pair)
        if "fromId" in query:
            first = int(query["fromId"])
            found = [each for each in tape if each.number >= first][:limit]
        else:
            found = tape[-limit:]
        return [
            {
                "id": each.number,
                "price": f"{each.price:.8f}",
                "qty": f"{each.size:.8f}",
                "quoteQty": f"{each.price * each.size:.8f}",
                "time": each.time_us // unit,
                "isBuyerMaker": not each.taker_buys,
                "isBestMatch": True,
            }
            for each in found
        ]

    def _klines(self, query: dict[str, str], unit: int) -> list[list[Any]]:
        width_s, count = _WIDTHS[query["interval"]], min(1000, int(query.get("limit", "500")))
        pair = self._pair(query["symbol"])
        if pair is None:
            raise RefusedError(400, {"code": -1121, "msg": "Invalid symbol."})
        return [
            [
                start * 1_000_000 // unit, *(f"{each:.8f}" for each in values),
                ((start + width_s) * 1_000_000 - unit) // unit, f"{values[3] * values[4]:.8f}", 7, "0", "0", "0",
            ]
            for start, values in self.candles(pair, width_s, count)
        ]  # fmt: skip

    def _event(self, each: Made, client: Client) -> dict[str, Any]:
        unit = 1 if client.facts["us"] else 1000
        symbol = each.symbol.replace("/", "")
        event = {
            "e": "trade",
            "E": self.now_us // unit,
            "s": symbol,
            "t": each.number,
            "p": f"{each.price:.8f}",
            "q": f"{each.size:.8f}",
            "T": each.time_us // unit,
            "m": not each.taker_buys,
            "M": True,
        }
        return {"stream": f"{symbol.lower()}@trade", "data": event} if client.facts["combined"] else event

    def _listen(self, client: Client, stream: str) -> None:
        symbol, _, kind = stream.partition("@")
        pair = self._pair(symbol)
        if pair is not None and kind == "trade":
            client.symbols.add(pair)

    def _pair(self, symbol: str) -> str | None:
        return next((each for each in self.symbols if each.replace("/", "").lower() == symbol.lower()), None)


def _info(symbol: str) -> dict[str, Any]:
    base, quote = symbol.split("/")
    return {
        "symbol": base + quote,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "permissions": ["SPOT"],
        "permissionSets": [["SPOT"]],
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": "0.01",
                "maxPrice": "1000000.00",
                "tickSize": "0.01000000",
            },
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001000"},
        ],
    }
