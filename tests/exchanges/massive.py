"""A local Massive, by its public documentation of the stock stream and of historical trades, and as its own client reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from websockets.datastructures import Headers

from tests.exchanges.local import Client, LocalExchange, Made, RefusedError
from tickdeck.db.market.buckets import bucket_of

KEY = "not a key of anybody"
PAGE = 100


class LocalMassive(LocalExchange):
    """One connection at a time; trades after the right key only.  Numbers grow by more than one."""

    name = "massive"

    def arrived(self, client: Client, path: str, query: dict[str, str]) -> list[str]:
        """`connected`."""
        client.facts["path"] = path
        return [_status("connected", "Connected Successfully")]

    async def asked(self, client: Client, request: Any) -> None:
        """`auth`, `subscribe`, `unsubscribe`."""
        action, parameters = request.get("action"), str(request.get("params"))
        if action == "auth":
            await self._authenticate(client, parameters)
            return
        if not client.facts.get("known"):
            await self.say(client, _status("not_authorized", "not authorized"))
            return
        for each in parameters.split(","):
            symbol = each.removeprefix("T.")
            if action == "subscribe" and symbol in self.symbols:
                client.symbols.add(symbol)
                await self.say(client, _status("success", f"subscribed to: {each}"))
            elif action == "unsubscribe":
                client.symbols.discard(symbol)
                await self.say(client, _status("success", f"unsubscribed to: {each}"))
            else:
                await self.say(client, _status("error", f"unknown channel {each}"))

    def message(self, trades: Sequence[Made], client: Client) -> list[str]:
        """Always a list."""
        return [
            json.dumps(
                [
                    {
                        "ev": "T", "sym": each.symbol, "x": 4, "i": str(each.number), "z": 3, "p": float(each.price),
                        "s": int(each.size), "ds": str(each.size), "c": [37], "t": each.time_us // 1000,
                        "q": number_of(each),
                    }
                    for each in trades
                ]
            )
        ]  # fmt: skip

    def rest(self, path: str, query: dict[str, str], headers: Headers) -> Any:
        """`/v3/trades/{ticker}`, a page after the other, `/v2/aggs`, `/v3/reference/tickers/{ticker}`."""
        if headers.get("Authorization") != f"Bearer {KEY}":
            raise RefusedError(401, {"status": "ERROR", "error": "Unknown API Key"})
        parts = path.strip("/").split("/")
        if parts[:2] == ["v2", "aggs"] and parts[3] in self.symbols:
            return {"ticker": parts[3], "adjusted": False, "status": "OK", "results": self._bars(parts)}
        if parts[0] != "v3" or parts[-1] not in self.symbols:
            raise RefusedError(404, {"status": "NOT_FOUND", "message": "Ticker not found."})
        symbol = parts[-1]
        if parts[1] == "reference":
            return {
                "status": "OK",
                "results": {"ticker": symbol, "name": f"{symbol} Inc.", "currency_name": "usd"},
            }
        asked = json.loads(query["cursor"]) if "cursor" in query else query | {"first": 0}
        low, high = int(asked["timestamp.gte"]), int(asked["timestamp.lte"])
        found = [each for each in self.asked_for(symbol) if low <= _nanoseconds(each) <= high]
        first = int(asked["first"])
        page = found[first : first + PAGE]
        answer: dict[str, Any] = {"status": "OK", "results": [_trade(each) for each in page]}
        if first + PAGE < len(found):
            cursor = json.dumps(asked | {"first": first + PAGE}, separators=(",", ":"))
            answer["next_url"] = f"https://api.massive.com/v3/trades/{symbol}?cursor={cursor}"
        return answer

    def _bars(self, parts: list[str]) -> list[dict[str, Any]]:
        """The newest first; days begin at New York's midnight."""
        width_s = int(parts[5]) * {"minute": 60, "hour": 3600, "day": 86_400}[parts[6]]
        bars = {}
        for start, (first, high, low, close, volume) in self.candles(parts[3], width_s, 100):
            at = start * 1_000_000
            if width_s == 86_400:
                at = bucket_of(at, "1d", "America/New_York").label_us
            bars[at] = {
                "t": at // 1000, "o": float(first), "h": float(high), "l": float(low), "c": float(close),
                "v": float(volume), "n": 7, "vw": float(close),
            }  # fmt: skip
        return [bars[at] for at in sorted(bars, reverse=True)]

    async def _authenticate(self, client: Client, key: str) -> None:
        if key != KEY:
            await self.say(client, _status("auth_failed", "authentication failed"))
        elif any(each.facts.get("known") for each in self.clients if each is not client and not each.deaf):
            await self.say(
                client, _status("max_connections", "Maximum number of websocket connections exceeded.")
            )
        else:
            client.facts["known"] = True
            await self.say(client, _status("auth_success", "authenticated"))


def number_of(each: Made) -> int:
    """The number that the tape gives a trade: larger than that before, by more than one."""
    return 3 * each.number


def _status(status: str, message: str) -> str:
    return json.dumps([{"ev": "status", "status": status, "message": message}])


def _nanoseconds(each: Made) -> int:
    return 1000 * each.time_us + each.nanosecond


def _trade(each: Made) -> dict[str, Any]:
    return {
        "conditions": [37], "exchange": 4, "id": str(each.number), "participant_timestamp": _nanoseconds(each) - 21_000,
        "price": float(each.price), "sequence_number": number_of(each), "sip_timestamp": _nanoseconds(each),
        "size": int(each.size), "decimal_size": str(each.size), "tape": 3,
    }  # fmt: skip
