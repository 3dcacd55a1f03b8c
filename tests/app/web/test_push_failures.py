"""The push when viewers do not read, leave, or answer nothing."""

from __future__ import annotations

import asyncio
import base64
import random
import socket
import string
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import orjson
import psycopg
import pytest
from websockets.frames import Frame, Opcode

from tests.live_server import PATIENCE_S, LiveServer, insert, live_server
from tickdeck.app.config import LiveSettings
from tickdeck.app.push.outlets import MAX_UNSENT_BYTES, DirectOutlet

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
T0 = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
SEND_BUFFER = 65_536


async def holds(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


class RawViewer:
    """A socket that has subscribed and from then on only reads when told, and answers no ping."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def message(self) -> dict[str, object]:
        """The next text message."""
        while True:
            head = await self.reader.readexactly(2)
            length = head[1]
            if length >= 126:
                length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8))
            payload = await self.reader.readexactly(length)
            if head[0] == 0x81:
                message: dict[str, object] = orjson.loads(payload)
                return message


@asynccontextmanager
async def raw_viewer(
    server: LiveServer, subscribe: object, *, compress: bool = False
) -> AsyncIterator[RawViewer]:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", server.port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=4096)
    key = base64.b64encode(bytes(16)).decode()
    writer.write(
        f"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        f"{DEFLATE if compress else ''}\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    writer.write(Frame(Opcode.TEXT, orjson.dumps({"subscribe": subscribe})).serialize(mask=True))
    try:
        yield RawViewer(reader, writer)
    finally:
        writer.close()


def insert_many(url: str, price: float, symbols: int = 300) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "insert into ticks (time, symbol, price) select %s + %s * interval '1 s', 'LONG-SYMBOL-NAME-' || k, %s "
            "from generate_series(1, %s) k",
            (T0, price, price, symbols),
        )


def insert_noise(url: str, symbols: int = 300) -> None:
    """Prices that no compression makes smaller."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "insert into ticks (time, symbol, price) select %s, 'LONG-SYMBOL-NAME-' || k, random() "
            "from generate_series(1, %s) k",
            (T0, symbols),
        )


async def test_a_slow_viewer_gets_fewer_newer_frames_in_bounded_memory(tickdeck_db: str) -> None:
    insert_many(tickdeck_db, 1)
    settings = LiveSettings(grid_rate=60, dead_after_s=3600)
    async with (
        live_server(tickdeck_db, settings, send_buffer=SEND_BUFFER, ws_ping_interval=None) as server,
        server.viewer(watchlist="all") as quick,
        raw_viewer(server, {"watchlist": "all"}) as slow,
    ):
        await quick.next()
        await holds(lambda: server.hub.viewers == 2)
        buffered = 0
        price, missed = 1, 0
        conflated = server.hub.metrics.conflated
        while missed < 30:
            price += 1
            insert_many(tickdeck_db, price)
            await quick.until(lambda v, price=price: v.last("LONG-SYMBOL-NAME-300") == price)  # type: ignore[misc]
            buffered = max(buffered, unsent(server))
            missed += conflated._value.get() > 0
        longest = max(len(text) for text in quick.raw)
        assert buffered <= MAX_UNSENT_BYTES + 2 * longest
        shown = []
        while price not in shown:
            shown += prices(await slow.message())
        assert len(shown) <= price - 20, "of the last thirty frames it got one or two"
        assert shown == sorted(shown)


def unsent(server: LiveServer) -> int:
    """The most that waits for any viewer in the server's process, in bytes."""
    outlets = [
        viewer.outlet for each in server.hub.audience.broadcast._groups.values() for viewer in each.viewers
    ]
    return max(each._connection.unsent_bytes() for each in outlets if isinstance(each, DirectOutlet))


def prices(message: dict[str, object]) -> list[float]:
    """The price that the message shows, if it shows any."""
    watchlist = message.get("watchlist")
    rows = watchlist["rows"] if isinstance(watchlist, dict) else []
    return [row["last"] for row in rows if row["symbol"] == "LONG-SYMBOL-NAME-300"]


@pytest.mark.parametrize("compress", [False, True], ids=["direct", "deflate"])
async def test_a_viewer_that_takes_nothing_is_cut_off_and_not_counted(
    tickdeck_db: str, *, compress: bool
) -> None:
    insert_many(tickdeck_db, 1)
    settings = LiveSettings(grid_rate=60, dead_after_s=0.3)
    async with (
        live_server(
            tickdeck_db,
            settings,
            send_buffer=SEND_BUFFER,
            ws_ping_interval=None,
            ws_per_message_deflate=compress,
        ) as server,
        raw_viewer(server, {"watchlist": "all"}, compress=compress),
    ):
        await holds(lambda: server.hub.viewers == 1)
        for _ in range(1000):
            await asyncio.to_thread(insert_noise, tickdeck_db)
            if server.hub.viewers == 0:
                break
        assert server.hub.viewers == 0


async def test_a_compressed_viewer_that_breaks_off_is_not_counted(tickdeck_db: str) -> None:
    insert_many(tickdeck_db, 1)
    settings = LiveSettings(dead_after_s=3600)
    async with live_server(
        tickdeck_db, settings, send_buffer=SEND_BUFFER, ws_ping_interval=None, ws_per_message_deflate=True
    ) as server:
        async with raw_viewer(server, {"watchlist": "all"}, compress=True) as viewer:
            await holds(lambda: server.hub.viewers == 1)
            text = orjson.dumps({"ping": "".join(random.choices(string.ascii_letters, k=900))})
            with suppress(TimeoutError):  # until the server answers no more, as nobody reads
                for _ in range(2_000):
                    viewer.writer.write(Frame(Opcode.TEXT, text).serialize(mask=True))
                    await asyncio.wait_for(viewer.writer.drain(), 1.0)
            viewer.writer.transport.abort()
        await holds(lambda: server.hub.viewers == 0)


async def test_a_quiet_market_costs_nothing(tickdeck_db: str) -> None:
    insert(tickdeck_db, (T0, "SPY", 1.0))
    async with live_server(tickdeck_db) as server, server.viewer(watchlist="all") as viewer:
        await viewer.next("snapshot")
        insert(tickdeck_db, (T0 + timedelta(seconds=1), "SPY", 2.0))
        await viewer.until(lambda v: v.last("SPY") == 2)
        broadcast = server.hub.audience.broadcast
        await holds(lambda: broadcast._timer is None)


async def test_a_viewer_that_leaves_leaves_nothing_behind(tickdeck_db: str) -> None:
    async with live_server(tickdeck_db, direct=False) as server:
        before = asyncio.all_tasks()
        async with server.viewer(watchlist="all") as viewer:
            await viewer.next("snapshot")
            assert asyncio.all_tasks() - before
        await holds(lambda: server.hub.viewers == 0)
        await holds(lambda: not asyncio.all_tasks() - before)


async def test_a_viewer_that_answers_no_ping_is_forgotten(tickdeck_db: str) -> None:
    async with (
        # In so long the living one answers also where the machine is busy: it is served by the same loop.
        live_server(tickdeck_db, ws_ping_interval=0.1, ws_ping_timeout=2.0) as server,
        server.viewer(watchlist="all") as alive,
        raw_viewer(server, {"watchlist": "all"}) as dead,
    ):
        await holds(lambda: server.hub.viewers == 2)
        await holds(lambda: server.hub.viewers == 1)
        insert(tickdeck_db, (T0, "SPY", 1.0))
        await alive.until(lambda v: v.last("SPY") == 1)
        assert dead.reader is not None


@pytest.mark.parametrize("grace_s", [0.0])
async def test_what_nobody_watches_is_closed(tickdeck_db: str, grace_s: float) -> None:
    insert(tickdeck_db, (T0, "SPY", 1.0))
    async with live_server(tickdeck_db, LiveSettings(chart_grace_s=grace_s)) as server:
        state = server.hub.state
        chart = {"symbol": "SPY", "interval": "1m"}
        async with server.viewer(chart=chart, tape="SPY") as one, server.viewer(chart=chart) as two:
            await one.next("snapshot")
            await two.next("snapshot")
            await one.subscribe(watchlist="all")
            await one.next("snapshot")
            await holds(lambda: not state.tapes)
            assert list(state.charts) == [("SPY", "1m")], "the other viewer still needs it"
        await holds(lambda: not state.charts)
