"""A local Coinbase Exchange, by its public documentation of channels and of `/products/{id}/trades`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Self

from websockets.datastructures import Headers

from tests.exchanges.local import Client, LocalExchange, Made, RefusedError
from tickdeck.db.market.moments import iso


class LocalCoinbase(LocalExchange):
    """Symbols are BTC/USD; the exchange calls them BTC-USD."""

    name = "coinbase"
    heartbeat_s = 0.2

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.go_on(self._beat())
        return self

    async def asked(self, client: Client, request: Any) -> None:
        """`subscribe` and `unsubscribe`, of channels by name."""
        named = {self._pair(each) for each in request.get("product_ids", [])}
        if None in named:
            said = {"type": "error", "message": "Failed to subscribe", "reason": "a product is not valid"}
            await self.say(client, json.dumps(said))
            return
        pairs = {each for each in named if each is not None}
        if request.get("type") == "subscribe":
            new = pairs - client.symbols
            client.symbols |= pairs
        else:
            new = set()
            client.symbols -= pairs
        products = sorted(_id(each) for each in client.symbols)
        channels = [{"name": name, "product_ids": products} for name in request.get("channels", [])]
        await self.say(client, json.dumps({"type": "subscriptions", "channels": channels}))
        for pair in sorted(new):
            if self.tapes[pair]:
                await self.say(client, json.dumps(self._match(self.tapes[pair][-1]) | {"type": "last_match"}))

    def message(self, trades: Sequence[Made], client: Client) -> list[str]:
        """A message a trade; several as a list."""
        said = [self._match(each) for each in trades]
        return [json.dumps(said[0] if len(said) == 1 else said)]

    def rest(self, path: str, query: dict[str, str], headers: Headers) -> Any:
        """Products, candles, trades by cursor, time."""
        if path == "/time":
            return {"iso": iso(self.now_us), "epoch": self.now_us / 1e6}
        if path == "/products":
            return [_product(each) for each in self.symbols]
        parts = path.strip("/").split("/")
        pair = self._pair(parts[1]) if len(parts) == 3 else None
        if pair is not None and parts[2] == "candles":
            found_candles = reversed(self.candles(pair, int(query["granularity"]), 300))
            return [
                [start, *(float(each) for each in (low, high, first, close, volume))]
                for start, (first, high, low, close, volume) in found_candles
            ]
        if pair is None or parts[0] != "products" or parts[2] != "trades":
            raise RefusedError(404, {"message": "NotFound"})
        limit = min(1000, int(query.get("limit", "1000")))
        after = int(query["after"]) if "after" in query else None
        found = [each for each in self.asked_for(pair) if after is None or each.number < after][-limit:]
        return [
            {
                "trade_id": each.number,
                "side": "sell" if each.taker_buys else "buy",
                "size": f"{each.size:.8f}",
                "price": f"{each.price:.2f}",
                "time": iso(each.time_us),
            }
            for each in reversed(found)
        ]

    def _match(self, each: Made) -> dict[str, Any]:
        return {
            "type": "match",
            "trade_id": each.number,
            "maker_order_id": "ac928c66-ca53-498f-9c13-a110027a60e8",
            "taker_order_id": "132fb6ae-456b-4654-b4e0-d681ac05cea1",
            "side": "sell" if each.taker_buys else "buy",
            "size": f"{each.size:.8f}",
            "price": f"{each.price:.2f}",
            "product_id": _id(each.symbol),
            "sequence": each.number * 3,
            "time": iso(each.time_us),
        }

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.heartbeat_s)
            await self.say_to_all(lambda client: [self._heartbeat(each) for each in sorted(client.symbols)])

    def _heartbeat(self, pair: str) -> str:
        newest = self.tapes[pair][-1].number if self.tapes[pair] else 0
        return json.dumps(
            {
                "type": "heartbeat",
                "sequence": newest * 3,
                "last_trade_id": newest,
                "product_id": _id(pair),
                "time": iso(self.now_us),
            }
        )

    def _pair(self, product: str) -> str | None:
        return next((each for each in self.symbols if _id(each) == product), None)


def _id(pair: str) -> str:
    return pair.replace("/", "-")


def _product(pair: str) -> dict[str, Any]:
    base, quote = pair.split("/")
    return {
        "id": _id(pair),
        "base_currency": base,
        "quote_currency": quote,
        "quote_increment": "0.01",
        "base_increment": "0.00000001",
        "display_name": pair,
        "status": "online",
    }
