"""Writers of one stream share its partitions among themselves: who lives, and who has what, is kept in advisory locks."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from asyncpg.pool import PoolConnectionProxy

from tickdeck.db.errors import ConfigurationError, DatabaseError
from tickdeck.db.session import Pool, translate, within
from tickdeck.db.statements import statement

MOST_WRITERS: Final = 64
_PARTITIONS: Final = 1_000
_RELEASE_S: Final = 1.0


class WriterShares:
    """The share of one writer of the stream `stream`; holds a connection of `pool` from its first `look` to `close`.

    The partitions are dealt round to the writers that live.  One that dies, however it dies, has its locks taken by the
    database, and at their next look the others have its partitions.
    """

    def __init__(self, pool: Pool, stream: str) -> None:
        self.number: int | None = None
        """Of this writer, from 0; None: it has none now."""
        self.first = False
        """Whether no living writer has a lower one."""
        self.held: set[int] = set()
        """The partitions that nobody else can have now."""
        self._pool = pool
        self._stream = stream
        self._connection: PoolConnectionProxy | None = None

    async def look(self, partitions: int) -> set[int]:
        """The partitions that this writer should have now; raises `DatabaseError`, then it may hold none any more."""
        with translate("cannot share the partitions"):
            connection = await self._connected()
            rows = await connection.fetch(statement("living_writers"), self._stream)
            living = [row["number"] for row in rows]
            place = living.index(self.number)
            self.first = place == 0
        return {each for each in range(partitions) if each % len(living) == place}

    async def take(self, partition: int) -> bool:
        """Whether the partition is ours now: who had it may have to let it go first."""
        with translate("cannot share the partitions"):
            connection = await self._connected()
            # A second time it would have to be let go twice.
            if partition not in self.held and await connection.fetchval(
                statement("lock_share"), self._stream, _PARTITIONS + partition
            ):
                self.held.add(partition)
        return partition in self.held

    async def let_go(self, partition: int) -> None:
        """Others may have it."""
        self.held.discard(partition)
        with translate("cannot share the partitions"):
            connection = await self._connected()
            await connection.execute(statement("unlock_share"), self._stream, _PARTITIONS + partition)

    async def close(self) -> None:
        """Hold nothing any more."""
        connection, self._connection = self._connection, None
        self.number = None
        self.held.clear()
        if connection is None:
            return
        with suppress(DatabaseError, TimeoutError), translate():
            if not connection.is_closed():
                await within(_RELEASE_S, connection.execute(statement("unlock_shares")))
        with suppress(DatabaseError, TimeoutError), translate():
            await within(_RELEASE_S, self._pool.release(connection))

    async def _connected(self) -> PoolConnectionProxy:
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        before = self.number
        await self.close()
        self._connection = connection = await self._pool.acquire()
        # The number that it had, as long as nobody else has it.
        wanted = range(MOST_WRITERS) if before is None else [before, *range(MOST_WRITERS)]
        for number in wanted:
            if await connection.fetchval(statement("lock_share"), self._stream, number):
                self.number = number
                return connection
        await self.close()
        raise ConfigurationError(f"{MOST_WRITERS} writers of the stream {self._stream} run already")
