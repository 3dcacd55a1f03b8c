"""Ways to a viewer: straight into the socket's buffer where the server lets us, else through ASGI `send`."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

from tickdeck.app.push.connections import BoundedHttp

MAX_UNSENT_BYTES: Final = 65_536
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
        return self._connection.unsent_bytes() <= MAX_UNSENT_BYTES

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

    def __init__(self, websocket: WebSocket, cut: Callable[[], None] | None = None) -> None:
        self._websocket = websocket
        self._cut = cut
        self._queue: deque[Message] = deque()
        self._wanted = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._task = asyncio.get_running_loop().create_task(self._send_all())

    def ready(self) -> bool:
        return not self._queue

    def write(self, message: Message) -> None:
        if self._task.done() or self._task.cancelling():
            return  # the connection is gone; its reader is about to notice
        self._queue.append(message)
        self._empty.clear()
        self._wanted.set()

    async def drained(self) -> None:
        await self._empty.wait()

    def abort(self) -> None:
        """Cut the connection; where the server has no way to (plain ASGI) its unanswered pings do that."""
        self.close()
        if self._cut is not None:
            self._cut()

    def close(self) -> None:
        self._task.cancel()
        self._forget()

    async def _send_all(self) -> None:
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                while self._queue:
                    await self._websocket.send_text(self._queue[0].text)
                    self._queue.popleft()
                self._empty.set()
        except (WebSocketDisconnect, RuntimeError, OSError):
            pass  # the connection's end is the reader's to notice; what cannot be sent any more is dropped
        finally:
            self._forget()

    def _forget(self) -> None:
        """Nothing will be sent any more: whoever waits for that must not wait for ever."""
        self._queue.clear()
        self._empty.set()


def outlet_of(websocket: WebSocket) -> DirectOutlet | TaskOutlet:
    """The quickest way to the viewer behind an accepted `websocket`."""
    connection = websocket.scope.get("extensions", {}).get(EXTENSION)
    if not isinstance(connection, DirectWebSocket):
        return TaskOutlet(websocket)
    return TaskOutlet(websocket, connection.abort) if connection.compressed else DirectOutlet(connection)


def cut_of(scope: Scope) -> Callable[[], None]:
    """What cuts the connection of a WebSocket's scope off, whether its peer reads or not; nothing where there is no way."""
    connection = scope.get("extensions", {}).get(EXTENSION)
    return connection.abort if isinstance(connection, DirectWebSocket) else _leave_open


def _leave_open() -> None:
    """Plain ASGI has no way to cut a connection off."""


EXTENSION: Final = "tickdeck.direct"
SEND_BUFFER_BYTES: Final = 131_072
"""What the kernel may hold for one viewer: frames in there can no longer be replaced by newer ones."""
CLOSE_GRACE_S: Final = 1.0
"""How long a closing handshake may take with a peer that answered no ping."""
MOST_FRAGMENTS: Final = 1_024
"""Frames that one message of a viewer may come in: empty ones count nothing against its length."""


def server_options(*, compress: bool = False, max_message_bytes: int = 65_536) -> dict[str, Any]:
    """Keyword arguments for `uvicorn.Config`: ping each 5 s, dead after 10 s, small messages from viewers, heads in time."""
    return {
        "http": BoundedHttp,
        "ws": DirectWebSocket,
        "ws_ping_interval": 5.0,
        "ws_ping_timeout": 5.0,
        "ws_max_size": max_message_bytes,
        "ws_per_message_deflate": compress,
    }


def text_frame(payload: bytes) -> bytes:
    """`payload` (UTF-8) as one unmasked WebSocket text frame (RFC 6455, section 5.2)."""
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2) + payload
    return b"\x81\x7f" + length.to_bytes(8) + payload


RESTARTS: Final = 1012
"""The close code of a server that stops, of which there may be another soon."""


class DirectWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol; the ASGI scope's extension `tickdeck.direct` is the connection itself."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)  # starts the application's task, which runs after this
        if hasattr(self, "scope"):
            extensions = cast("dict[str, object]", self.scope["extensions"])
            extensions[EXTENSION] = self
            sock = self.transport.get_extra_info("socket")
            if sock is not None and sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
                # Else a frame that follows another waits for the other's acknowledgement: 40 ms on Linux.  asyncio
                # does this itself only where the listening socket was made with the protocol's number.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    _late_pong = b""

    def handle_ping(self) -> None:
        """Answer at once, or when the peer has read enough: who pings and does not read would fill the memory."""
        pong = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(pong)
        else:
            self._late_pong = pong  # of several the last is answered (RFC 6455, 5.5.3)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._late_pong and not self.close_sent:
            self.transport.write(self._late_pong)
        self._late_pong = b""

    def handle_cont(self, event: Frame) -> None:
        if self.close_sent:
            return
        if len(self.frames) < MOST_FRAGMENTS:
            super().handle_cont(event)
            return
        self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
        self.handle_parser_exception()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:  # the peer's fault, of which the log need not be told at length
                self.frames = []
                self.conn.fail(CloseCode.INVALID_DATA, "no UTF-8")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def shutdown(self) -> None:
        """The server stops: viewers are told so."""
        if not self.handshake_complete or self.close_sent or self.disconnected:
            super().shutdown()
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": RESTARTS})
        self.conn.send_close(RESTARTS, "the server stops")
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.close()

    @property
    def compressed(self) -> bool:
        """Whether this connection negotiated compression: then frames cannot be shared."""
        return bool(self.conn.extensions)

    def unsent_bytes(self) -> int:
        """How much is waiting in this process for the socket to take it."""
        return int(self.transport.get_write_buffer_size())

    def write_frame(self, frame: bytes) -> None:
        """Append a whole frame to what is sent; nothing where the connection is closing."""
        if self.handshake_complete and not self.close_sent and not self.disconnected:
            self.transport.write(frame)

    async def drained(self) -> None:
        """Wait until the write buffer is below its limit or the connection is gone."""
        await self.writable.wait()

    def abort(self) -> None:
        """End the connection now: a peer that reads nothing would keep a polite close waiting for ever."""
        self.transport.abort()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.loop.call_later(CLOSE_GRACE_S, self.transport.abort)
