"""A proxy in front of the dashboard that lets HTTP through, and WebSockets only while it is told to."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Final, Literal, Self

CHUNK: Final = 65_536
REFUSAL: Final = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Proxy:
    """`with Proxy(port) as proxy`: forwards `proxy.url` to that port until the block ends.

    `websockets` says what becomes of a WebSocket that is opened from now on: "pass", "refuse" (as some companies'
    proxies do), or "swallow": it opens, and nothing comes through it.
    """

    def __init__(
        self, target_port: int, *, websockets: Literal["pass", "refuse", "swallow"] = "refuse"
    ) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.websockets = websockets
        self.refused = 0
        self._open: set[socket.socket] = set()
        self._sockets: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def cut_websockets(self) -> None:
        """End every WebSocket that is open."""
        self._shut(self._sockets)
        self._sockets.clear()

    def _accept(self) -> None:
        with suppress(OSError):  # closed at the end
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            head = client.recv(CHUNK)  # a browser opens a connection of its own for a WebSocket
            upgrade = b"upgrade: websocket" in head.lower()
            swallow = upgrade and self.websockets == "swallow"
            if upgrade and self.websockets == "refuse":
                self.refused += 1
                client.sendall(REFUSAL)
                return
            with socket.create_connection(self._target) as server:
                self._open |= {client, server}
                if upgrade:
                    self._sockets |= {client, server}
                server.sendall(head)
                back = threading.Thread(target=self._copy, args=(server, client, swallow), daemon=True)
                back.start()
                self._copy(client, server)
                back.join()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket, swallow: bool = False) -> None:
        """Hand on what comes; of a server whose WebSocket is swallowed only the answer that opens it."""
        with suppress(OSError):
            if swallow:
                target.sendall(source.recv(CHUNK))
            while data := source.recv(CHUNK):
                if not swallow:
                    target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    @staticmethod
    def _shut(which: set[socket.socket]) -> None:
        for one in list(which):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self._shut(self._open)
