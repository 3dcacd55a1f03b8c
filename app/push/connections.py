"""What a connection may do before it has said what it wants: how much, and for how long.

Whoever reaches the port may open connections, before any gate can ask who it is.  uvicorn's parser itself has no bound for
the head of a request, neither of bytes nor of time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import ClassVar, Final

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES: Final = 65_536
"""The longest head of a request: its line and all its headers."""
HEAD_S: Final = 15.0
"""How long a head may take; a connection that says nothing is cut off as well."""
BODY_S: Final = 60.0
"""How long a body may take."""
WRITE_S: Final = 60.0
"""How long somebody may take nothing of an answer that waits for him."""
HALF_OPEN_PER_ADDRESS: Final = 256
"""Connections of one address of which no whole request has come yet; those beyond have less time."""
CROWDED_S: Final = 2.0
"""How much: enough for a crowd that comes back at once, by a proxy say."""
MOST_HALF_OPEN: Final = 4_096
"""Beyond these none has any."""

log = structlog.get_logger(__name__)


class RefusedHeadError(Exception):
    """The head of a request is longer than it may be, or names two servers; uvicorn answers 400 and closes."""


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol, which cuts off whoever sends a head that is too long, or one too slowly."""

    _half_open: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self._counted = False
        self._timer: asyncio.TimerHandle | None = None
        self._stuck: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head_bytes = self._read_bytes = 0
        self._wait_for_head()
        if self._half_open[self._address] > MOST_HALF_OPEN:
            log.warning("too_many_half_open", address=self._address)
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_whole()
        self._time(None)
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stuck is None:
            self._look_again()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:  # what the parser holds of it is told to nobody
                self.send_400_response("The head of the request is too long.")

    def _look_again(self) -> None:
        waits = self.transport.get_write_buffer_size()
        self._stuck = self.loop.call_later(WRITE_S, self._is_stuck, waits)

    def _is_stuck(self, waited: int) -> None:
        """Cut off whoever has taken nothing of what waited for him."""
        if self.transport.get_write_buffer_size() >= waited:
            self._cut_off()
        else:
            self._look_again()

    def on_message_begin(self) -> None:
        self._head_bytes = self._read_bytes = 0
        self._target = b""
        self._in_head = True
        self._wait_for_head()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._take(len(url))
        self._target += url
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._take(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        crowded = self._half_open[self._address] > HALF_OPEN_PER_ADDRESS
        self._time(CROWDED_S if crowded else BODY_S)
        if not self._target.startswith((b"/", b"*")):
            # A whole address names the server, whatever `Host` says (RFC 9112, 3.2.2), by which everything here goes.
            server = self._target.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0]
            if any(value.lower() != server.lower() for name, value in self.headers if name == b"host"):
                raise RefusedHeadError
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_whole()
        self._time(None)
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._is_whole()
        self._time(None)
        super().handle_websocket_upgrade()

    def _take(self, count: int) -> None:
        self._read_bytes += count
        if self._read_bytes > HEAD_BYTES:
            raise RefusedHeadError

    def _wait_for_head(self) -> None:
        if not self._counted:
            self._counted = True
            self._half_open[self._address] += 1
            crowded = self._half_open[self._address] > HALF_OPEN_PER_ADDRESS
            self._time(CROWDED_S if crowded else HEAD_S)

    def _is_whole(self) -> None:
        if self._counted:
            self._counted = False
            self._half_open[self._address] -= 1
            if not self._half_open[self._address]:
                del self._half_open[self._address]

    def _time(self, seconds: float | None) -> None:
        """Cut the connection off after so long; None: not any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._cut_off)

    def _cut_off(self) -> None:
        log.debug("slow_request_cut_off", address=self._address)
        self.transport.abort()
