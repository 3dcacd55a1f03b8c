"""A local Alpaca, by its public documentation of the stock stream and of historical trades."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from websockets.datastructures import Headers

from tests.exchanges.local import Client, LocalExchange, Made, RefusedError
from tickdeck.db.market.buckets import bucket_of
from tickdeck.db.market.moments import iso
from tickdeck.db.market.types import to_us

KEY = "PKLOCAL"
SECRET = "not a secret of anybody"
PAGE = 100


class LocalAlpaca(LocalExchange):
    """One connection at a time; trades after the right key only."""

    name = "alpaca"

    def arrived(self, client: Client, path: str, query: dict[str, str]) -> list[str]:
        """`connected`."""
        client.facts["source"] = path.rpartition("/")[2]
        return [json.dumps([{"T": "success", "msg": "connected"}])]

    async def asked(self, client: Client, request: Any) -> None:
        """`auth`, `subscribe`, `unsubscribe`."""
        action = request.get("action")
        if action == "auth":
            await self._authenticate(client, request)
            return
        if not client.facts.get("known"):
            await self._error(client, 401, "not authenticated")
            return
        symbols = set(request.get("trades", [])) & set(self.symbols)
        if action == "subscribe":
            client.symbols |= symbols
        elif action == "unsubscribe":
            client.symbols -= symbols
        trades = sorted(client.symbols)
        said = {
            "T": "subscription",
            "trades": trades,
            "quotes": [],
            "bars": [],
            "corrections": trades,
            "cancelErrors": trades,
        }
        await self.say(client, json.dumps([said]))

    def message(self, trades: Sequence[Made], client: Client) -> list[str]:
        """Always a list."""
        return [json.dumps([{"T": "t", "S": each.symbol} | _trade(each) for each in trades])]

    async def correct(self, made: Made, price: float) -> None:
        """Say that a trade was at another price; it gets another number."""
        said = {
            "T": "c", "S": made.symbol, "x": "D",
            "oi": made.number, "op": float(made.price), "os": float(made.size), "oc": ["@"],
            "ci": made.number + 10**9, "cp": price, "cs": float(made.size), "cc": ["@"],
            "z": "C", "t": _time(made),
        }  # fmt: skip
        await self.say_to_all(lambda _: [json.dumps([said])])

    async def cancel(self, symbol: str, number: int, made: Made) -> None:
        """Say that a trade did not happen."""
        said = {
            "T": "x", "S": symbol, "i": number, "x": "D", "p": float(made.price), "s": float(made.size),
            "a": "C", "z": "C", "t": _time(made),
        }  # fmt: skip
        await self.say_to_all(lambda _: [json.dumps([said])])

    def rest(self, path: str, query: dict[str, str], headers: Headers) -> Any:
        """`/v2/stocks/{symbol}/trades`, a page after the other."""
        if headers.get("APCA-API-KEY-ID") != KEY or headers.get("APCA-API-SECRET-KEY") != SECRET:
            raise RefusedError(403, {"message": "forbidden."})
        parts = path.strip("/").split("/")
        if len(parts) != 4 or parts[:2] != ["v2", "stocks"] or parts[2] not in self.symbols:
            raise RefusedError(404, {"message": "not found"})
        if parts[3] == "bars":
            return {"bars": self._bars(parts[2], query), "symbol": parts[2], "next_page_token": None}
        start, end = (to_us(datetime.fromisoformat(query[name])) for name in ("start", "end"))
        found = [each for each in self.tapes[parts[2]] if start <= each.time_us <= end]
        first = int(query.get("page_token", "0"))
        limit = min(PAGE, int(query.get("limit", "1000")))
        more = first + limit < len(found)
        return {
            "trades": [_trade(each) for each in found[first : first + limit]],
            "symbol": parts[2],
            "next_page_token": str(first + limit) if more else None,
        }

    def _bars(self, symbol: str, query: dict[str, str]) -> list[dict[str, Any]]:
        """The newest first; days begin at New York's midnight."""
        width_s = {"1Min": 60, "15Min": 900, "1Hour": 3600, "1Day": 86_400}[query["timeframe"]]
        bars = {}
        for start, (first, high, low, close, volume) in self.candles(symbol, width_s, 100):
            at = start * 1_000_000
            if width_s == 86_400:
                at = bucket_of(at, "1d", "America/New_York").label_us
            bars[at] = {
                "t": iso(at), "o": float(first), "h": float(high), "l": float(low), "c": float(close),
                "v": float(volume), "n": 7, "vw": float(close),
            }  # fmt: skip
        return [bars[at] for at in sorted(bars, reverse=True)]

    async def _authenticate(self, client: Client, request: Any) -> None:
        if (request.get("key"), request.get("secret")) != (KEY, SECRET):
            await self._error(client, 402, "auth failed")
        elif any(each.facts.get("known") for each in self.clients if each is not client and not each.deaf):
            await self._error(client, 406, "connection limit exceeded")
        else:
            client.facts["known"] = True
            await self.say(client, json.dumps([{"T": "success", "msg": "authenticated"}]))

    async def _error(self, client: Client, code: int, said: str) -> None:
        await self.say(client, json.dumps([{"T": "error", "code": code, "msg": said}]))


def _time(each: Made) -> str:
    return f"{iso(each.time_us - each.time_us % 1_000_000)[:-1]}.{each.time_us % 1_000_000:06d}{each.nanosecond:03d}Z"


def _trade(each: Made) -> dict[str, Any]:
    return {
        "i": each.number, "x": "V", "p": float(each.price), "s": float(each.size), "c": [" ", "I"], "z": "B",
        "t": _time(each),
    }  # fmt: skip
