"""One process at a time runs a feed: it holds an advisory lock of the database, by the feed's name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from asyncpg.pool import PoolConnectionProxy

from tickdeck.db.backoff import Backoff
from tickdeck.db.errors import DatabaseError, FeedRunsError
from tickdeck.db.session import Pool, translate, within
from tickdeck.db.statements import statement

TAKE_S: Final = 5.0
"""How long a process that was killed may hold its lock still, until another is told that the feed runs."""
TAKE_AGAIN_S: Final = 90.0
"""The same after a lost connection: the server lets go of one that is half open after a minute."""
_RELEASE_S: Final = 1.0


@asynccontextmanager
async def feed_lock(pool: Pool, name: str) -> AsyncIterator[None]:
    """Be the only one to run the feed `name` on this database until the block ends; holds a connection of the pool.

    Raises `FeedRunsError` where another process does, also out of the block where the connection was lost and
    another has taken the lock meanwhile, and `DatabaseError`.  A database that is away meanwhile is waited for.
    """
    lock = _Lock(pool, name)
    await lock.take(TAKE_S)
    body = asyncio.current_task()
    assert body is not None  # noqa: S101 - whoever awaits is a task
    keeping = asyncio.create_task(lock.keep(), name=f"lock of feed {name}")
    keeping.add_done_callback(lambda task: None if task.cancelled() else body.cancel())
    try:
        yield
    except asyncio.CancelledError:
        if keeping.done() and not keeping.cancelled() and (lost := keeping.exception()) is not None:
            body.uncancel()
            raise lost from None
        raise
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})
        await lock.release()


class _Lock:
    def __init__(self, pool: Pool, name: str) -> None:
        self._pool = pool
        self._name = name
        self._connection: PoolConnectionProxy | None = None
        self._gone = asyncio.Event()

    async def take(self, seconds: float) -> None:
        """Take it; raise `FeedRunsError` where another has it for so long, `DatabaseError` where it cannot be asked."""
        with translate("cannot lock the feed"):
            self._connection = connection = await self._pool.acquire()
            try:
                is_ours = await self._locked(connection, seconds)
            except BaseException:
                await self.release()
                raise
        if not is_ours:
            await self.release()
            raise FeedRunsError(self._name)
        self._gone.clear()
        connection.add_termination_listener(self._lost)

    async def _locked(self, connection: PoolConnectionProxy, seconds: float) -> bool:
        """Whether the lock was to be had within so long."""
        deadline = time.monotonic() + seconds
        backoff = Backoff(first_s=0.05, longest_s=1.0)
        while not await connection.fetchval(statement("lock_feed"), self._name):
            if time.monotonic() > deadline:
                return False
            await backoff.pause()
        return True

    async def keep(self) -> None:
        """Take it again wherever the connection is lost; raises `FeedRunsError` where another was quicker."""
        while True:
            await self._gone.wait()
            await self.release()
            backoff = Backoff(first_s=0.1, longest_s=5.0)
            while self._connection is None:
                with suppress(DatabaseError):  # one that is away is said by the writer
                    await self.take(TAKE_AGAIN_S)
                    break
                await backoff.pause()

    async def release(self) -> None:
        """Let it go, where it is held."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with suppress(DatabaseError, TimeoutError), translate("cannot unlock the feed"):
            if not connection.is_closed():
                connection.remove_termination_listener(self._lost)
                await within(_RELEASE_S, connection.execute(statement("unlock_feed"), self._name))
        with suppress(DatabaseError, TimeoutError), translate():
            await within(_RELEASE_S, self._pool.release(connection))

    def _lost(self, _: Any) -> None:
        self._gone.set()
