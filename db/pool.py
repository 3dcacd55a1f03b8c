"""The pool of connections of one process, and reads that see one moment."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from db.connect import CONNECT_TIMEOUT_S, Role, server_settings, translate, translate_connecting
from db.messages import Snapshot
from db.statements import statement
from db.url import libpq_url

__all__ = ["Connection", "Pool", "PoolOrConnection", "open_pool", "snapshot", "translate"]

Pool: TypeAlias = asyncpg.Pool
Connection: TypeAlias = asyncpg.Connection | PoolConnectionProxy
PoolOrConnection: TypeAlias = Pool | Connection

# While the server is away it logs a traceback at each try to connect again; whoever uses the pool gets the error.
logging.getLogger("asyncpg.pool").setLevel(logging.CRITICAL)


async def open_pool(url: str, *, role: Role, size: int = 8, statement_timeout_s: float = 30.0) -> Pool:
    """Connect a pool of at most `size` connections that act as tickdeck_reader or tickdeck_writer.

    Every connection is opened on demand but the first, which is opened here so that a wrong address fails at
    once.  Close it with `await pool.close()`.  Raises `DatabaseUnavailableError` where the server cannot be
    reached, `ConfigurationError` where it refuses the login and `SchemaError` where it was never migrated.
    """
    with translate_connecting(role):
        return await asyncpg.create_pool(
            libpq_url(url),
            min_size=1,
            max_size=size,
            timeout=CONNECT_TIMEOUT_S,
            server_settings=server_settings(role, statement_timeout_s),
            reset=_leave_as_is,
        )


async def _leave_as_is(_: asyncpg.Connection) -> None:
    """Spare the round trip of a reset: nothing here outlives its transaction, not even a setting."""


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[tuple[Connection, Snapshot]]:
    """A connection inside a read-only REPEATABLE READ transaction, and the snapshot all its reads share.

    Everything read through it is of one moment; a notification whose `xid` the snapshot sees is part of what
    was read already, in chunks that it made, too.  Keep it short: it holds a connection and keeps the server from
    cleaning up.
    """
    with translate():
        connection = await pool.acquire()
    try:
        transaction = connection.transaction(isolation="repeatable_read", readonly=True)
        with translate():
            await transaction.start()
        try:
            with translate():
                seen = await _settled_snapshot(connection)
            yield connection, seen
        finally:
            if not connection.is_closed():
                await transaction.rollback()  # nothing was written
    finally:
        await pool.release(connection)


async def _settled_snapshot(connection: Connection) -> Snapshot:
    """The transaction's snapshot, once whatever plans the next statement knows all chunks of which it sees rows."""
    while True:
        text, ending = await connection.fetchrow(statement("take_snapshot"))
        if not ending:  # else it ends while we ask again: neither its disk nor a lock can hold it up any more
            return Snapshot.parse(text)
