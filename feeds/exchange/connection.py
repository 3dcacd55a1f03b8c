"""One WebSocket connection to an exchange: it reads into the feed's inbox, and ends where no data comes any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI, WebSocketException

from tickdeck.feeds.exchange.adapter import Exchange

OPEN_TIMEOUT_S: Final = 10.0
LARGEST_MESSAGE: Final = 16 * 2**20
LEAST_SILENCE_S: Final = 10.0
MOST_SILENCE_S: Final = 300.0
USUAL_GAPS: Final = 30
"""Silence is suspicious after so many times the usual pause between messages."""
_WEIGHT: Final = 0.05


class ConnectionLostError(Exception):
    """The connection ended, or is of no use any more; the text says why."""


@dataclass(slots=True)
class Message:
    """A message as it came, and when: the wall clock, µs since the epoch."""

    connection: Connection
    received_us: int
    raw: bytes


class Pulse:
    """How often data usually comes, and so how long silence may last."""

    def __init__(self, fixed_s: float | None, heartbeat_s: float | None) -> None:
        self._fixed_s = fixed_s
        self._heartbeat_s = heartbeat_s
        self._usual_s: float | None = None
        self._at = time.monotonic()

    @property
    def silent_s(self) -> float:
        return time.monotonic() - self._at

    @property
    def usual_s(self) -> float | None:
        """The usual time between two beats; None before there were two."""
        return self._usual_s

    @property
    def limit_s(self) -> float:
        """Longer silence means that something is wrong."""
        if self._fixed_s is not None:
            return self._fixed_s
        if self._heartbeat_s is not None:
            return max(5.0, 4 * self._heartbeat_s)
        usual_s = 2.0 if self._usual_s is None else self._usual_s
        return min(MOST_SILENCE_S, max(LEAST_SILENCE_S, USUAL_GAPS * usual_s))

    def beat(self) -> None:
        """Data came."""
        passed_s = self.silent_s
        self._usual_s = (
            passed_s if self._usual_s is None else self._usual_s + _WEIGHT * (passed_s - self._usual_s)
        )
        self._at = time.monotonic()

    def restart(self) -> None:
        """A new connection: silence counts from now; one that ended for silence may have been quiet by nature."""
        if self._usual_s is not None and self.silent_s > self.limit_s:
            self._usual_s = max(self._usual_s, 2 * self.silent_s / USUAL_GAPS)
        self._at = time.monotonic()


class Connection:
    """One connection for `symbols`; `run` until it is lost.

    Messages go to `inbox`, which is bounded: where the feed cannot follow, the socket is not read, and the exchange
    will cut it off; what is missed then is filled by its numbers.
    """

    def __init__(
        self, exchange: Exchange, symbols: Sequence[str], inbox: asyncio.Queue[Any], pulse: Pulse
    ) -> None:
        self.ready = asyncio.Event()
        """It serves trades."""
        self.ends_soon = asyncio.Event()
        self.seen: set[str] = set()
        """Symbols of which a trade came."""
        self.unread = 0
        """Messages in the inbox that nobody has looked at yet."""
        self.opened_at = time.monotonic()
        self.refused: str | None = None
        self._exchange = exchange
        self._symbols = list(symbols)
        self._inbox = inbox
        self._pulse = pulse
        self._socket: ClientConnection | None = None
        self._closing: asyncio.Task[None] | None = None
        self._subscribing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Raises `ConnectionLostError`, always."""
        try:
            async with connect(
                self._exchange.address(self._symbols),
                open_timeout=OPEN_TIMEOUT_S,
                close_timeout=0.5,
                ping_interval=20,
                ping_timeout=20,
                max_size=LARGEST_MESSAGE,
            ) as socket:
                self._socket = socket
                self._pulse.restart()
                for request in self._exchange.hello() or self._exchange.subscribe(self._symbols):
                    await socket.send(request)
                await self._read(socket)
        except ConnectionClosed as exc:
            said = exc.rcvd.reason or f"code {exc.rcvd.code}" if exc.rcvd is not None else "without a word"
            raise ConnectionLostError(self.refused or f"the exchange cut the connection ({said})") from exc
        except InvalidURI as exc:
            raise ConnectionLostError(f"no address: {exc}") from exc
        except TimeoutError as exc:
            raise ConnectionLostError("the exchange does not answer") from exc
        except (InvalidHandshake, WebSocketException) as exc:
            raise ConnectionLostError(f"the exchange does not let us in: {exc}") from exc
        except OSError as exc:
            raise ConnectionLostError(f"the exchange cannot be reached: {exc.strerror or exc}") from exc

    def greeted(self) -> None:
        """The exchange has answered the hello: now it can be subscribed."""
        self._subscribing = asyncio.create_task(self.send(self._exchange.subscribe(self._symbols)))

    def close(self) -> None:
        """It is of no use: `run` ends soon."""
        if self._socket is not None and self._closing is None:
            self._closing = asyncio.create_task(self._socket.close())

    async def send(self, requests: list[str]) -> None:
        """Send requests; a connection that is not open, or being lost, says it all again when it is made anew."""
        if self._socket is None:
            return
        try:
            for request in requests:
                await self._socket.send(request)
        except ConnectionClosed:
            return

    async def _read(self, socket: ClientConnection) -> None:
        while True:
            limit_s = self._pulse.limit_s
            if self.unread == 0 and self._pulse.silent_s > limit_s:
                raise ConnectionLostError(f"no data for {self._pulse.silent_s:.1f} s")
            try:
                async with asyncio.timeout(limit_s / 4):
                    raw = await socket.recv(decode=False)
            except TimeoutError:
                continue
            self.unread += 1
            await self._inbox.put(Message(self, time.time_ns() // 1000, raw))
