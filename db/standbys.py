"""Reads of history on standbys of the primary: only on one that has all that the primary had when the read began."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import asyncpg

from tickdeck.db.backoff import Backoff
from tickdeck.db.errors import DatabaseError, DatabaseUnavailableError
from tickdeck.db.faults import Fault
from tickdeck.db.session import (
    Connection,
    Pool,
    Readers,
    close_pool,
    is_lost,
    open_pool,
    translate,
    within,
)
from tickdeck.db.statements import statement
from tickdeck.db.url import place_of

CATCHES_UP_S: Final = 0.2
"""How long a read waits for a standby to get as far as the primary is; then the primary answers it."""
ANSWERS_S: Final = 1.0
"""How long it waits for one that says nothing at all."""
BEHIND_S: Final = 1.0
"""How long one that was waited for in vain is left alone: not every read is to wait for it."""
LOOK_S: Final = 1.0
"""Seconds between two looks at a standby that is used."""
LOOK_TIMEOUT_S: Final = 10.0
LONGEST_PAUSE_S: Final = 30.0
_ASK_AGAIN_S: Final = 0.002


@dataclass(frozen=True, slots=True)
class StandbyState:
    """How a standby fares; `reads`: those that it has answered.  `lag_bytes` of the log and `lag_s` as of the last look."""

    place: str
    reason: str
    """Why it is not used; empty: it is."""
    lag_bytes: int
    lag_s: float
    reads: int


@dataclass(slots=True)
class _Standby:
    url: str
    place: str
    fault: Fault = field(default_factory=lambda: Fault("standby_not_used", "standby_used"))
    look: asyncio.Event = field(default_factory=asyncio.Event)
    """Set where something about it went wrong."""
    pool: Pool | None = None
    timeline: int = 0
    """The history of the log that it follows, which is another one after each promotion."""
    reason: str = "not looked at yet"
    alone_until: float = 0.0
    lag_bytes: int = 0
    lag_s: float = 0.0
    reads: int = 0

    @property
    def usable(self) -> bool:
        return not self.reason and time.monotonic() >= self.alone_until


class Standbys(Readers):
    """Gives reads a connection to one of the standbys at `urls` where that is as good as one to `primary`, else to that.

    As good: its log has been replayed as far as the primary's was written when the read began, so that it shows
    whatever anybody can have seen by then.  With `run` going on, each is looked at; until then, and with no `urls`, the
    primary answers everything.  `revision`: the schema's that this code needs.
    """

    def __init__(
        self,
        primary: Pool,
        urls: Sequence[str] = (),
        *,
        revision: str,
        size: int = 8,
        statement_timeout_s: float = 30.0,
    ) -> None:
        self._primary = primary
        self._revision = revision
        self._size = size
        self._statement_timeout_s = statement_timeout_s
        self._standbys = [_Standby(url, place_of(url)) for url in urls]
        self._turns = count()
        self.primary_reads = 0
        """Reads that the primary has answered."""

    def states(self) -> list[StandbyState]:
        """How each fares, in the order of `urls`."""
        return [
            StandbyState(each.place, each.reason, each.lag_bytes, each.lag_s, each.reads)
            for each in self._standbys
        ]

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for one read; raises what the driver does, as a pool's would."""
        usable = [each for each in self._standbys if each.usable]
        if usable:
            standby = usable[next(self._turns) % len(usable)]
            found = await self._caught_up(standby)
            if found is not None:
                pool, connection = found
                standby.reads += 1
                try:
                    yield connection
                except Exception as exc:
                    if is_lost(exc):  # whoever tries again is answered by another
                        self._set_aside(standby, str(exc))
                    raise
                finally:
                    await pool.release(connection)
                return
        self.primary_reads += 1
        async with self._primary.acquire() as connection:
            yield connection

    async def run(self) -> None:
        """Look at the standbys for ever."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for each in self._standbys:
                    tasks.create_task(self._watch(each))
                await asyncio.Event().wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """Let go of their connections; the primary's pool is not ours."""
        for each in self._standbys:
            pool, each.pool, each.reason = each.pool, None, each.reason or "not looked at"
            if pool is not None:
                await close_pool(pool)

    # -- one read -------------------------------------------------------------------------------------------

    async def _caught_up(self, standby: _Standby) -> tuple[Pool, Any] | None:
        """A connection to the standby once it is where the primary is; None where that is not to be."""
        checking = asyncio.ensure_future(self._checked(standby))
        try:
            done, _ = await asyncio.wait({checking}, timeout=ANSWERS_S)
            if done:
                return checking.result()
            self._set_aside(standby, "no answer in time")
        except (DatabaseError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
            self._set_aside(standby, str(exc) or type(exc).__name__)
        except BaseException:
            checking.add_done_callback(_give_back)  # who asked has gone; it may have come this very moment
            raise
        finally:
            checking.cancel()
        checking.add_done_callback(_give_back)
        return None

    async def _checked(self, standby: _Standby) -> tuple[Pool, Any] | None:
        pool = standby.pool
        if pool is None:
            return None
        position = asyncio.ensure_future(self._primary.fetchrow(statement("primary_position")))
        try:
            connection = await pool.acquire()
        except BaseException:
            position.cancel()
            raise
        try:
            reached = await self._reaches(standby, connection, position)
        except BaseException:
            position.cancel()
            connection.terminate()  # in the middle of an answer, or dead
            await pool.release(connection)
            raise
        if reached:
            return pool, connection
        await pool.release(connection)
        return None

    async def _reaches(
        self, standby: _Standby, connection: Connection, position: asyncio.Future[Any]
    ) -> bool:
        """Whether the standby comes to the place where the primary is, in the time it has for that."""
        deadline = time.monotonic() + CATCHES_UP_S
        # Asked for at the same time as the primary's, which costs no more than the slower of both.
        replayed = await connection.fetchval(statement("standby_position"))
        try:
            wanted, timeline = await position
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False  # the primary is the one to say what is wrong with it
        while True:
            if replayed is None:
                raise DatabaseUnavailableError(_PROMOTED)
            if timeline != standby.timeline:
                raise DatabaseUnavailableError(_other_timeline(standby.timeline, timeline))
            if replayed >= wanted:
                return True
            if time.monotonic() >= deadline:
                standby.alone_until = time.monotonic() + BEHIND_S
                return False
            await asyncio.sleep(_ASK_AGAIN_S)
            replayed = await connection.fetchval(statement("standby_position"))

    def _set_aside(self, standby: _Standby, reason: str) -> None:
        """Do not use it before it was looked at."""
        standby.reason = reason
        standby.look.set()

    # -- looking at one -------------------------------------------------------------------------------------

    async def _watch(self, standby: _Standby) -> None:
        backoff = Backoff(longest_s=LONGEST_PAUSE_S)
        while True:
            standby.look.clear()
            try:
                await within(LOOK_TIMEOUT_S, self._look(standby))
            except Exception as exc:  # noqa: BLE001 - whatever it is: the primary answers meanwhile
                standby.reason = str(exc) or "no answer in time"
                standby.fault.failed(standby.reason, standby=standby.place)
                pool, standby.pool = standby.pool, None
                if pool is not None:
                    pool.terminate()
                await backoff.pause()
                continue
            standby.reason = ""
            standby.fault.over()
            backoff.reset()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await standby.look.wait()

    async def _look(self, standby: _Standby) -> None:
        """See what it is and how far it has got; raises `DatabaseError` where it is none to read from."""
        if standby.pool is None:
            standby.pool = await open_pool(
                standby.url,
                role="reader",
                size=self._size,
                statement_timeout_s=self._statement_timeout_s,
            )
        with translate():
            theirs = await standby.pool.fetchrow(statement("standby_facts"))
            ours = await self._primary.fetchrow(statement("primary_facts"))
        if ours is None:
            raise DatabaseUnavailableError("the primary takes nothing that is written")
        if theirs["replayed"] is None:
            raise DatabaseUnavailableError(_PROMOTED)
        if (theirs["system"], theirs["database"]) != (ours["system"], ours["database"]):
            raise DatabaseUnavailableError("it is no copy of this database")
        if theirs["timeline"] != ours["timeline"]:
            raise DatabaseUnavailableError(_other_timeline(theirs["timeline"], ours["timeline"]))
        with translate():
            revision = await standby.pool.fetchval(statement("schema_revision"))
        if revision != self._revision:
            raise DatabaseUnavailableError(
                f"its schema is at revision {revision}, {self._revision} is needed"
            )
        standby.timeline = theirs["timeline"]
        standby.lag_bytes = max(0, ours["written"] - theirs["replayed"])
        standby.lag_s = theirs["silent_s"] if standby.lag_bytes else 0.0


def _give_back(checked: asyncio.Future[tuple[Pool, Any] | None]) -> None:
    """Let go of a connection that nobody waits for any more."""
    if not checked.cancelled() and checked.exception() is None and (found := checked.result()) is not None:
        found[1].terminate()


_PROMOTED: Final = "it is no standby, or has been promoted"


def _other_timeline(theirs: int, ours: int) -> str:
    return f"it follows timeline {theirs}, and the primary is on {ours}"
