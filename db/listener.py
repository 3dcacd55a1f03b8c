"""Listens on the database's channel over one connection of its own, for ever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from db.connect import connect, translate
from db.errors import DatabaseError, DatabaseUnavailableError
from db.messages import CHANNEL, Bar, Bars, FeedStatus, Message, Reload, Snapshot, parse_message

__all__ = ["Bar", "Bars", "FeedStatus", "Listener", "Message", "Reload", "Snapshot"]

PING_AFTER_S: Final = 5.0
PING_TIMEOUT_S: Final = 5.0
FIRST_DELAY_S: Final = 0.1
LONGEST_DELAY_S: Final = 5.0

log = structlog.get_logger(__name__)


class Listener:
    """Hands each message to `on_message` as soon as it arrives, in commit order, on the running event loop.

    `on_connected` is awaited after each connect and reconnect, once LISTEN is active: what was notified before
    is lost, so read the tables there; messages go on arriving meanwhile.  Where it raises a `DatabaseError`
    the connection counts as lost.  `on_lost` gets the reason, once for each loss and each failed attempt.
    """

    def __init__(
        self,
        url: str,
        *,
        on_message: Callable[[Message], None],
        on_connected: Callable[[], Awaitable[None]],
        on_lost: Callable[[str], None],
    ) -> None:
        self._url = url
        self._on_message = on_message
        self._on_connected = on_connected
        self._on_lost = on_lost
        self._failures = 0

    async def run(self) -> None:
        """Listen until cancelled; reconnect with back-off and jitter, for ever."""
        while True:
            try:
                await self._listen()
            except DatabaseError as exc:
                self._on_lost(str(exc))
            longest = min(FIRST_DELAY_S * 2.0**self._failures, LONGEST_DELAY_S)
            self._failures += 1
            await asyncio.sleep(random.uniform(longest / 2, longest))  # noqa: S311 - spreads load, no secret

    async def _listen(self) -> None:
        """One connection's life; always ends with an exception."""
        lost = asyncio.Event()
        connection = await connect(self._url, role="reader")
        try:
            connection.add_termination_listener(lambda _: lost.set())
            with translate("cannot listen"):
                await connection.add_listener(CHANNEL, self._receive)
            await self._on_connected()
            self._failures = 0
            while not lost.is_set():
                try:
                    async with asyncio.timeout(PING_AFTER_S):
                        await lost.wait()
                except TimeoutError:  # a peer that vanished without a word is only found by asking
                    with translate("the listening connection is dead"):
                        await connection.execute("select 1", timeout=PING_TIMEOUT_S)
            raise DatabaseUnavailableError("the listening connection was lost")
        finally:
            connection.terminate()

    def _receive(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        try:
            message = parse_message(payload)
        except DatabaseError as exc:  # anybody may NOTIFY on the channel; one bad message stops nothing
            log.warning("message_refused", reason=str(exc))
            return
        self._on_message(message)
