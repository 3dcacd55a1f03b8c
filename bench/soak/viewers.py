"""Viewers of a soak: some stay, some come and go, one reads nothing, one watches replays; each counts what it is shown."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
import websockets

AGAIN_S: Final = 0.1
COMES_FOR_S: Final = (0.5, 3.0)
REPLAY_S: Final = 5.0
GONE: Final = (OSError, websockets.WebSocketException, TimeoutError)


class Viewer:
    """Stays: subscribes to all, and again after each lost connection."""

    def __init__(self, page: str) -> None:
        self._url = page.rstrip("/").replace("http", "ws", 1) + "/ws"
        self.shown: dict[str, int] = {}
        """Ticks of the day that are shown, by symbol."""
        self.connections = 0

    async def run(self) -> None:
        while True:
            try:
                async with self._connected() as connection:
                    async for message in connection:
                        self._take(orjson.loads(message))
            except GONE:
                await asyncio.sleep(AGAIN_S)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[websockets.ClientConnection]:
        async with websockets.connect(self._url, max_size=2**24, open_timeout=5, proxy=None) as connection:
            self.connections += 1
            chart = {"symbol": "SOAK00", "interval": "1m"}
            await connection.send(orjson.dumps({"subscribe": {"watchlist": "all", "chart": chart}}).decode())
            yield connection

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("type") == "snapshot":
            self.shown = {}
        for row in message.get("watchlist", {}).get("rows", []):
            self.shown[row["symbol"]] = row["trades"]


class Visitor(Viewer):
    """Comes and goes."""

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(random.uniform(*COMES_FOR_S)):
                    await super().run()
            except TimeoutError:
                continue


class Sleeper(Viewer):
    """Connects, and reads nothing until it is cut off."""

    async def run(self) -> None:
        while True:
            try:
                async with self._connected() as connection:
                    connection.transport.pause_reading()
                    await connection.wait_closed()
            except GONE:
                await asyncio.sleep(AGAIN_S)


class Watcher(Viewer):
    """Opens replays of what was stored a moment ago, one after the other."""

    def __init__(self, page: str) -> None:
        super().__init__(page)
        self.replays = 0

    async def run(self) -> None:
        while True:
            try:
                async with self._connected() as connection, asyncio.timeout(REPLAY_S):
                    async for message in connection:
                        content = orjson.loads(message)
                        if content.get("type") == "snapshot" and "SOAK00" in orjson.dumps(content).decode():
                            until = content["time"]
                            opened = {
                                "symbols": ["SOAK00", "SOAK01"], "from": until - 20_000, "to": until, "speed": 10,
                                "play": True,
                            }  # fmt: skip
                            await connection.send(orjson.dumps({"replay": {"open": opened}}).decode())
                            break
                    async for message in connection:
                        if orjson.loads(message).get("type") == "replay":
                            self.replays += 1
                            break
                    async for _ in connection:
                        pass
            except GONE:
                await asyncio.sleep(AGAIN_S)
