"""Listens on the database's channel over one connection of its own, for ever."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, NoReturn

import structlog

from tickdeck.db.backoff import Backoff
from tickdeck.db.errors import DatabaseError, DatabaseUnavailableError, TickdeckError
from tickdeck.db.faults import Fault
from tickdeck.db.latency import Skew, server_is_ahead
from tickdeck.db.market.messages import CHANNEL, Message, parse_message
from tickdeck.db.session import CONNECT_TIMEOUT_S, Connection, connect, translate
from tickdeck.db.statements import statement

PING_EVERY_S: Final = 1.0
LATE_AFTER_S: Final = 1.5
PING_TIMEOUT_S: Final = 5.0
LONGEST_PAUSE_S: Final = 2.0
SAY_REFUSED_EVERY_S: Final = 10.0

log = structlog.get_logger(__name__)


class Listener:
    """Hands each message to `on_message` as soon as it arrives, in commit order, on the running event loop.

    `on_connected` is awaited after each connect and reconnect, once LISTEN is active, and where a clock was set: what was
    notified before is lost, so read the tables there; messages go on arriving meanwhile.  Where it raises, the connection counts as
    lost.  `on_lost` gets the reason, once for each loss and each failed attempt, which is tried again whatever the
    reason, at least every `LONGEST_S` of `db.backoff`: a refused login or a missing database, too.  `on_late` is
    called where the server has not answered for a moment, `on_answer` once it has then.  `on_refused` is
    called for each message that is none of Tickdeck's, which is dropped.  `others` get the payloads of more channels.
    `clock` is the server's, against ours.
    """

    def __init__(
        self,
        url: str,
        *,
        on_message: Callable[[Message], None],
        on_connected: Callable[[], Awaitable[None]],
        on_lost: Callable[[str], None],
        on_late: Callable[[], None] = lambda: None,
        on_answer: Callable[[], None] = lambda: None,
        on_refused: Callable[[], None] = lambda: None,
        others: Mapping[str, Callable[[str], None]] = MappingProxyType({}),
    ) -> None:
        self._url = url
        self._on_message = on_message
        self._on_connected = on_connected
        self._on_lost = on_lost
        self._on_late = on_late
        self._on_answer = on_answer
        self._on_refused = on_refused
        self._others = others
        self._backoff = Backoff(longest_s=LONGEST_PAUSE_S)
        self._fault = Fault("database_lost", "database_back")
        self.clock = Skew()
        self._refused = 0
        self._said_refused = -math.inf

    async def run(self) -> None:
        """Listen until cancelled; reconnect with back-off and jitter, for ever."""
        while True:
            try:
                await self._listen()
            except (TickdeckError, OSError) as exc:  # OSError: whatever the system has against a connection
                reason = str(exc)
            except Exception as exc:  # whatever it is, who listens is deaf now and has to know
                log.exception("listening_failed")
                reason = f"{type(exc).__name__}: {exc}"
            self._fault.failed(reason)
            self._on_lost(reason)
            await self._backoff.pause()

    async def _listen(self) -> NoReturn:
        """One connection's life; always ends with an exception."""
        lost = asyncio.Event()
        self.clock.forget()
        connection = await connect(self._url, role="reader")
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await self._ask(connection)  # whoever reads then wants to know what the server takes for now
            with translate("cannot listen"):
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await connection.add_listener(CHANNEL, self._receive)
                    for channel in self._others:
                        await connection.add_listener(channel, self._pass_on)
            await self._on_connected()
            self._backoff.reset()
            self._fault.over()
            while not lost.is_set():
                try:
                    async with asyncio.timeout(PING_EVERY_S):
                        await lost.wait()
                except TimeoutError:  # a peer that vanished without a word is only found by asking
                    if await self._ask(connection):
                        await self._on_connected()
            raise DatabaseUnavailableError("the listening connection was lost")
        finally:
            connection.terminate()

    async def _ask(self, connection: Connection) -> bool:
        """See that the server answers; raises `DatabaseError` where it does not, after a while.

        True where its clock or ours was set since the last time: what is new is other ticks then.
        """
        asked_us = time.time_ns() // 1000
        asked = asyncio.ensure_future(connection.fetchval(statement("server_clock"), timeout=PING_TIMEOUT_S))
        late = False
        try:
            done, _ = await asyncio.wait({asked}, timeout=LATE_AFTER_S)
            if not done:
                late = True
                self._on_late()
            with translate("the listening connection is dead"):
                theirs_us = await asked
            was_set = self.clock.heard(asked_us, time.time_ns() // 1000, theirs_us)
            server_is_ahead(self.clock.seconds or 0.0)
            if late:
                self._on_answer()
            return was_set
        finally:
            asked.cancel()

    def _receive(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        try:
            message = parse_message(payload)
        except DatabaseError as exc:  # anybody may NOTIFY on the channel; one bad message stops nothing
            self._refuse(str(exc))
            return
        self._on_message(message)

    def _pass_on(self, _connection: object, _pid: int, channel: str, payload: str) -> None:
        self._others[channel](payload)

    def _refuse(self, reason: str) -> None:
        self._refused += 1
        self._on_refused()
        if time.monotonic() >= self._said_refused + SAY_REFUSED_EVERY_S:  # many must not fill the log
            self._said_refused = time.monotonic()
            log.warning("message_refused", reason=reason, refused=self._refused)
