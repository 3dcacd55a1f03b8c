"""The real push for tests: hub on a real database, uvicorn on a free port, and a client that follows the protocol."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import psycopg
import uvicorn
import websockets
from fastapi import FastAPI

from tickdeck.app.config import LiveSettings
from tickdeck.app.live.hub import Hub
from tickdeck.app.push.outlets import server_options
from tickdeck.app.web.errors import answer_errors
from tickdeck.app.web.push import router
from tickdeck.db.session import open_pool

PATIENCE_S = 60.0  # bounds what will never come, not what is slow


class _Server(uvicorn.Server):
    """Says when it accepts connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


class LiveServer:
    def __init__(self, hub: Hub, port: int, url: str) -> None:
        self.hub = hub
        self.port = port
        self.database = url
        self.ws = f"ws://127.0.0.1:{port}/ws"
        self.http = f"http://127.0.0.1:{port}"

    @asynccontextmanager
    async def viewer(self, **subscribe: Any) -> AsyncIterator[Viewer]:
        """A connected viewer that has sent its subscription, if any."""
        async with websockets.connect(self.ws, max_size=2**24, open_timeout=PATIENCE_S) as connection:
            viewer = Viewer(connection)
            if subscribe:
                await viewer.subscribe(**subscribe)
            yield viewer


@asynccontextmanager
async def live_server(
    url: str,
    settings: LiveSettings | None = None,
    *,
    direct: bool = True,
    send_buffer: int | None = None,
    **options: Any,
) -> AsyncIterator[LiveServer]:
    """Serve the database at `url`; `options` override uvicorn's.

    `send_buffer`: bytes that the system takes for each viewer who does not read, instead of megabytes.
    """
    pool = await open_pool(url, role="reader", size=4)
    try:
        async with Hub(url, pool, settings or LiveSettings(), database="test") as hub:
            app = FastAPI()
            answer_errors(app)
            app.include_router(router(hub))
            chosen = server_options() | ({} if direct else {"ws": "websockets-sansio"}) | options
            config = uvicorn.Config(app, port=0, log_level="warning", lifespan="off", **chosen)
            with socket.create_server(("127.0.0.1", 0)) as sock:
                if send_buffer is not None:  # what is accepted has it from the listening one
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
                server = _Server(config)
                serving = asyncio.create_task(server.serve(sockets=[sock]))
                await server.up.wait()
                async with asyncio.timeout(PATIENCE_S):
                    await hub.ready()
                try:
                    yield LiveServer(hub, sock.getsockname()[1], url)
                finally:
                    server.should_exit = server.force_exit = True
                    await serving
    finally:
        await asyncio.wait_for(pool.close(), PATIENCE_S)


class Viewer:
    """Merges what it gets as docs/protocol.md says; `rows`, `candles` and `ticks` are then what a page shows."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self.connection = connection
        self.messages: list[dict[str, Any]] = []
        self.raw: list[str] = []
        self.rows: dict[str, dict[str, Any]] = {}
        self.candles: dict[int, list[Any]] = {}
        self.ticks: dict[tuple[int, int], list[Any]] = {}
        self.status: dict[str, Any] = {}
        self.fields: list[str] = []

    async def send(self, message: object) -> None:
        text = message if isinstance(message, str | bytes) else orjson.dumps(message).decode()
        await self.connection.send(text)

    async def subscribe(self, **parts: Any) -> None:
        await self.send({"subscribe": parts})

    async def next(self, kind: str | None = None) -> dict[str, Any]:
        """The next message, or the next of the `kind`; each is merged."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                text = await self.connection.recv()
                message: dict[str, Any] = orjson.loads(text)
                self.raw.append(str(text))
                self.messages.append(message)
                self._merge(message)
                if kind in (None, message["type"]):
                    return message

    async def until(self, reached: Callable[[Viewer], Any]) -> None:
        """Take messages until `reached` holds of what is shown."""
        while not reached(self):
            await self.next()

    def last(self, symbol: str) -> Any:
        return self.rows.get(symbol, {}).get("last")

    def _merge(self, message: dict[str, Any]) -> None:
        if message["type"] == "snapshot":
            self.rows, self.candles, self.ticks = {}, {}, {}
        watchlist = message.get("watchlist", {})
        self.fields = watchlist.get("fields", self.fields)
        for row in watchlist.get("rows", []):
            if isinstance(row, dict):
                self.rows[row["symbol"]] = row
            else:
                self.rows.setdefault(row[0], {}).update(zip(self.fields, row, strict=False))
        for candle in message.get("chart", {}).get("candles", []):
            self.candles[candle[0]] = candle
        for start in sorted(self.candles)[:-500]:
            del self.candles[start]
        for tick in message.get("tape", {}).get("ticks", []):
            self.ticks[tick[0], int(tick[1])] = tick
        for identity in sorted(self.ticks)[:-100]:
            del self.ticks[identity]
        self.status = message.get("status", self.status)


def insert(url: str, *ticks: tuple[Any, ...]) -> None:
    """INSERT (time, symbol, price[, size]) in one statement, as psql would."""
    with psycopg.connect(url) as connection:
        rows = [(time, symbol, price, rest[0] if rest else 1.0) for time, symbol, price, *rest in ticks]
        values = ", ".join(["(%s::timestamptz, %s, %s::float8, %s::float8)"] * len(rows))
        connection.execute(
            f"insert into ticks (time, symbol, price, size) values {values}",
            [value for row in rows for value in row],
        )
