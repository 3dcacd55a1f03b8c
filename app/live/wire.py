"""A uvicorn WebSocket protocol that lets the push write finished frames straight to the socket.

Run uvicorn with the options of `server_options`.  Under another server or protocol the push works as well,
through ASGI's `send`, at a higher price for each viewer.
"""

from __future__ import annotations

import socket
from typing import Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

EXTENSION: Final = "tickdeck.direct"
SEND_BUFFER_BYTES: Final = 131_072
"""What the kernel may hold for one viewer: frames in there can no longer be replaced by newer ones."""
LAST_WORDS_S: Final = 1.0


def server_options(*, compress: bool = False, max_message_bytes: int = 65_536) -> dict[str, Any]:
    """Keyword arguments for `uvicorn.Config`: ping each 5 s, dead after 10 s, small messages from viewers."""
    return {
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
        self.loop.call_later(LAST_WORDS_S, self.transport.abort)
