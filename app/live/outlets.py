"""Ways to a viewer: straight into the socket's buffer where the server lets us, else through ASGI `send`."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from app.live.wire import EXTENSION, DirectWebSocket, text_frame

ROOM_BYTES: Final = 65_536
"""A viewer with more than this still unsent gets no further frames until it has read."""


class Message:
    """One message's JSON, in the forms that the outlets need, each made once for all viewers."""

    __slots__ = ("_frame", "_text", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._frame: bytes | None = None
        self._text: str | None = None

    @property
    def frame(self) -> bytes:
        """The message as an unmasked WebSocket text frame."""
        if self._frame is None:
            self._frame = text_frame(self.data)
        return self._frame

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = self.data.decode()
        return self._text


class Outlet(Protocol):
    """Where a viewer's messages go.  `write` never waits; ask `ready` before, or `await drained()`.

    `abort` gives up a peer that takes nothing; `close` comes after the connection's end.
    """

    def ready(self) -> bool: ...
    def write(self, message: Message) -> None: ...
    async def drained(self) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...


class DirectOutlet:
    """Writes finished WebSocket frames to the transport: no task is woken, nothing is encoded twice."""

    def __init__(self, connection: DirectWebSocket) -> None:
        self._connection = connection

    def ready(self) -> bool:
        return self._connection.unsent_bytes() <= ROOM_BYTES

    def write(self, message: Message) -> None:
        self._connection.write_frame(message.frame)

    async def drained(self) -> None:
        await self._connection.drained()

    def abort(self) -> None:
        self._connection.abort()

    def close(self) -> None:
        """Nothing is left to do."""


class TaskOutlet:
    """Hands messages to a task that awaits ASGI `send`: for any server, and for compressed connections."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._queue: deque[Message] = deque()
        self._wanted = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def ready(self) -> bool:
        return not self._queue

    def write(self, message: Message) -> None:
        self._queue.append(message)
        self._empty.clear()
        self._wanted.set()

    async def drained(self) -> None:
        await self._empty.wait()

    def abort(self) -> None:
        """ASGI has no way to cut a connection: stop sending, the server's unanswered pings do the rest."""
        self.close()

    def close(self) -> None:
        self._task.cancel()
        self._queue.clear()
        self._empty.set()

    async def _run(self) -> None:
        # The connection's end is the reader's to notice; what cannot be sent any more is dropped.
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                while self._queue:
                    await self._websocket.send_text(self._queue[0].text)
                    self._queue.popleft()
                self._empty.set()


def outlet_of(websocket: WebSocket) -> DirectOutlet | TaskOutlet:
    """The quickest way to the viewer behind an accepted `websocket`."""
    connection = websocket.scope.get("extensions", {}).get(EXTENSION)
    if isinstance(connection, DirectWebSocket) and not connection.compressed:
        return DirectOutlet(connection)
    return TaskOutlet(websocket)
