"""The one door to the database: connections and pools, reads that see one moment, and the driver's errors."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from tickdeck.db.backoff import Backoff
from tickdeck.db.errors import ConfigurationError, DatabaseError, DatabaseUnavailableError, SchemaError
from tickdeck.db.market.messages import Snapshot
from tickdeck.db.market.types import LATEST_US, from_us
from tickdeck.db.statements import statement
from tickdeck.db.url import as_role, each_server

Role = Literal["reader", "writer", "settings"]
CONNECT_TIMEOUT_S: Final = 10.0
EACH_TIMEOUT_S: Final = 3.0
"""The same of each server where an address names several."""
CLOSE_TIMEOUT_S: Final = 2.0
T = TypeVar("T")

_TRY_AGAIN: Final = (
    "08",  # the connection could not be made, or ended
    "25006",  # read-only: a standby, after a failover or before its promotion
    "25P03", "25P04",  # a transaction that idled or lasted too long was ended
    "28",  # the login was refused: at the start that is an error, later it is a password that is being changed
    "3D000",  # there is no such database: it is being restored
    "40",  # deadlock, serialisation
    "53",  # no disk, no memory, no connection left
    "55P03",  # a lock was not to be had in time
    "57",  # cancelled (statement timeout), shut down, crashed, starting up
    "58",  # the server's disk fails
)  # fmt: skip
"""Beginnings of SQLSTATEs: what the server refuses now and may take later, whatever is asked of it."""

_DRIVER: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""All that only the driver raises."""

_SCHEMA: Final = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidSchemaNameError,
)


def server_settings(role: Role, statement_timeout_s: float) -> dict[str, str]:
    """Startup parameters of a connection: what it may do, for how long, and how it shows in pg_stat_activity."""
    settings = {
        "role": f"tickdeck_{role}",
        "application_name": f"tickdeck {role}",
        "search_path": "public, pg_temp",  # what somebody made temporarily is never found first
        "statement_timeout": str(round(statement_timeout_s * 1000)),
        "timezone": "GMT",  # not 'UTC': a server without zoneinfo only knows this one
        "jit": "off",  # our statements are short; compiling them costs more than it saves
        # Starting workers takes longer than our statements, and the processors belong to the writers.
        "max_parallel_workers_per_gather": "0",
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
    }
    if role == "reader":
        # Each statement is planned for its values: a plan for any values would open every chunk there is.
        settings["plan_cache_mode"] = "force_custom_plan"
    return settings


@contextmanager
def translate(doing: str = "") -> Iterator[None]:
    """Raise the driver's errors as `DatabaseUnavailableError`, `SchemaError` or `DatabaseError`, with their cause.

    For a block that calls the driver and nothing else: an `OSError`, too, is taken for the network's.  `doing` opens
    the message, such as "cannot write ticks".
    """
    with _translate_driver(doing):
        try:
            yield
        except OSError as exc:  # refused, unreachable, timed out
            raise DatabaseUnavailableError(_message(doing, exc)) from exc


@contextmanager
def _translate_driver(doing: str = "") -> Iterator[None]:
    """As `translate`, for a block that also runs its caller's code: of that, nothing is touched."""
    try:
        yield
    except _DRIVER as exc:
        raise _translated(exc, doing) from exc


def _translated(exc: BaseException, doing: str) -> DatabaseError:
    if isinstance(exc, asyncpg.InternalClientError):  # it was in the middle of something when the server went
        none = isinstance(exc, asyncpg.TargetServerAttributeNotMatched)
        why = "no server that answers takes what is written" if none else f"the connection was lost ({exc})"
        return DatabaseUnavailableError(_message(doing, ConnectionError(why)))
    message = _message(doing, exc)
    if isinstance(exc, asyncpg.InvalidCachedStatementError | asyncpg.OutdatedSchemaCacheError):
        return DatabaseUnavailableError(message)  # the schema was changed just now; asked anew, it is known
    if not isinstance(exc, asyncpg.PostgresError):
        return DatabaseUnavailableError(message)  # the driver's own: the connection or the pool is closed
    if isinstance(exc, asyncpg.QueryCanceledError) and "statement timeout" in str(exc):
        message += " (the limit is TICKDECK_STATEMENT_TIMEOUT_S)"
    if isinstance(exc, _SCHEMA):
        return SchemaError(f"{message}; run `tickdeck db migrate`")
    if (exc.sqlstate or "").startswith(_TRY_AGAIN):
        return DatabaseUnavailableError(message)
    return DatabaseError(message)


def is_lost(exc: BaseException) -> bool:
    """Whether an error of the driver is about the server or the connection to it, and not about what was asked.

    So is the end of a read on a standby that stood in the way of what had to be replayed.
    """
    if not isinstance(exc, _DRIVER) or isinstance(exc, asyncpg.QueryCanceledError):
        return False
    return isinstance(_translated(exc, ""), DatabaseUnavailableError)


def _message(doing: str, exc: BaseException) -> str:
    reason = str(exc) or ("no answer in time" if isinstance(exc, TimeoutError) else type(exc).__name__)
    return f"{doing}: {reason}" if doing else reason


@contextmanager
def translate_connecting(role: Role) -> Iterator[None]:
    """As `translate`, for the first connection: a refused login is a wrong setting there, a role that is missing a
    schema that is missing.
    """
    try:
        with translate("cannot connect to the database"):
            yield
    except DatabaseError as exc:
        cause = exc.__cause__
        if isinstance(cause, asyncpg.InvalidAuthorizationSpecificationError):
            raise ConfigurationError(f"the database refused the login: {cause}") from cause
        if isinstance(cause, asyncpg.InvalidCatalogNameError):
            raise SchemaError(f"{exc}; run `tickdeck db migrate` once it is made") from cause
        if isinstance(cause, asyncpg.InsufficientPrivilegeError | asyncpg.InvalidParameterValueError) and (
            "role" in str(cause)
        ):
            raise SchemaError(
                f"{cause}: run `tickdeck db migrate`, or grant tickdeck_{role} to this login"
            ) from cause
        raise


def _quiet_driver() -> None:
    """Keep asyncio from reporting what the driver leaves behind of a connection that was cut.

    A COPY that fails while it sends raises what stopped it.  The future of the server's answer, which gets the loss of the
    connection, is let go then without having been looked at, and so is the task that would cancel the statement.
    """
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    if getattr(before, "quiets_driver", False):
        return

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        future, task = context.get("future"), context.get("task")
        answer = isinstance(context.get("exception"), _DRIVER) and not isinstance(future, asyncio.Task)
        cancelling = isinstance(task, asyncio.Task) and "Connection._cancel" in repr(task.get_coro())
        said = context.get("message", "")
        if (answer and "never retrieved" in said) or (cancelling and "destroyed" in said):
            return
        if before is not None:
            before(loop, context)
        else:
            loop.default_exception_handler(context)

    handle.quiets_driver = True  # type: ignore[attr-defined]
    loop.set_exception_handler(handle)


class _Servers:
    """Connects to whichever of the servers that an address names is the right one, for asyncpg's pools too.

    The driver's own way of trying several has one limit of time for all of them: where the first is a machine that
    vanished and says nothing, it would never come to the second.
    """

    def __init__(self, url: str, role: Role) -> None:
        self._urls = each_server(url)
        self._role = role

    async def __call__(self, _dsn: None = None, **options: Any) -> asyncpg.Connection:
        """A connection to the first that takes it, beginning with the one that took the last; raises as the driver does."""
        limit_s = CONNECT_TIMEOUT_S if len(self._urls) == 1 else EACH_TIMEOUT_S
        failed: Exception | None = None
        for url in list(self._urls):
            try:
                connection = await asyncpg.connect(as_role(url, self._role), timeout=limit_s, **options)
            except (OSError, *_DRIVER) as exc:
                # Why the last standby is not the one says less than why the server before it did not answer.
                if failed is None or isinstance(failed, asyncpg.TargetServerAttributeNotMatched):
                    failed = exc
            else:
                self._urls.remove(url)
                self._urls.insert(0, url)
                return connection
        assert failed is not None  # noqa: S101 - an address names one server at least
        raise failed


async def connect(url: str, *, role: Role, statement_timeout_s: float = 30.0) -> asyncpg.Connection:
    """One connection outside any pool; raise as `translate_connecting`."""
    _quiet_driver()
    with translate_connecting(role):
        return await _Servers(url, role)(server_settings=server_settings(role, statement_timeout_s))


Pool: TypeAlias = asyncpg.Pool
Connection: TypeAlias = asyncpg.Connection | PoolConnectionProxy
PoolOrConnection: TypeAlias = Pool | Connection


class Readers(ABC):
    """What has connections for reads only, as a pool has for whatever there is to do: see db/standbys.py."""

    @abstractmethod
    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """One connection, in no transaction, for a read that begins with it; raises what the driver does."""


Source: TypeAlias = PoolOrConnection | Readers
"""Where `reading` reads."""


async def open_pool(
    url: str,
    *,
    role: Role,
    size: int = 8,
    statement_timeout_s: float = 30.0,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Pool:
    """Connect a pool of at most `size` connections that act as tickdeck_reader or tickdeck_writer.

    Every connection is opened on demand but the first, which is opened here so that a wrong address fails at
    once.  `settings` are more of the server's for each of them.  Close it with `await pool.close()`.  Raises `DatabaseUnavailableError` where the server cannot be
    reached, `ConfigurationError` where it refuses the login and `SchemaError` where it was never migrated.
    """
    # While the server is away the driver logs a traceback at each try; whoever uses the pool gets the error.
    logging.getLogger("asyncpg.pool").setLevel(logging.CRITICAL)
    _quiet_driver()
    with translate_connecting(role):
        return await asyncpg.create_pool(
            connect=_Servers(url, role),
            min_size=1,
            max_size=size,
            server_settings=server_settings(role, statement_timeout_s) | dict(settings),
            reset=_leave_as_is,
        )


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """What `work`, which talks to the database, returns; raises `TimeoutError` after so long.

    Unlike `asyncio.timeout` it does not wait for the end of what it cancels: the driver first has a statement cancelled by
    the server, and one that does not answer never does that.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if not done:
            raise TimeoutError
        return task.result()
    finally:
        task.cancel()


async def close_pool(pool: Pool) -> None:
    """Close it in order, or at once where the server does not answer."""
    try:
        await within(CLOSE_TIMEOUT_S, pool.close())
    except (TimeoutError, *_DRIVER):
        pool.terminate()


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
            with suppress(asyncpg.InterfaceError):  # the pool has taken a connection back that was cut
                if not connection.is_closed():
                    await transaction.rollback()  # nothing was written
    finally:
        await pool.release(connection)


SETTLING_S: Final = 5.0
"""How long a read waits for a commit that is just ending: neither its disk nor a lock can hold that up any more."""


async def _settled_snapshot(connection: Connection) -> Snapshot:
    """The transaction's snapshot, once whatever plans the next statement knows all chunks of which it sees rows.

    Raises `DatabaseUnavailableError` where that takes too long; a new transaction may do better.
    """
    backoff = Backoff(first_s=0.001, longest_s=0.1)
    deadline = time.monotonic() + SETTLING_S
    while True:
        text, ending = await connection.fetchrow(statement("take_snapshot"))
        if not ending:
            return Snapshot.parse(text)
        if time.monotonic() > deadline:
            raise DatabaseUnavailableError(
                f"no snapshot: a transaction that was committed {SETTLING_S:g} s ago is still ending"
            )
        await backoff.pause()


@asynccontextmanager
async def reading(source: Source, *, known_us: int | None = None) -> AsyncIterator[Connection]:
    """A connection whose reads all see one moment; the caller's own transaction where it has one already.

    Of what was committed in that very moment a chunk that is new may be missing (`snapshot` waits for it).  The
    driver's errors in the block are translated, the caller's own are not.

    With `known_us` (µs since the epoch, of what is stored) ticks and candles are, until the transaction ends, as they were
    known then: without the cancels and corrections that were said later.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(_translate_driver())
        connection: Connection
        with translate():
            if isinstance(source, asyncpg.Pool):
                connection = await stack.enter_async_context(source.acquire())
            elif isinstance(source, Readers):
                connection = await stack.enter_async_context(source.connection())
            else:
                connection = source
            if not connection.is_in_transaction():
                moment = connection.transaction(isolation="repeatable_read", readonly=True)
                await stack.enter_async_context(moment)
            if known_us is not None:
                await connection.fetch(statement("as_known"), from_us(min(known_us, LATEST_US)))
        yield connection


@asynccontextmanager
async def writing(target: PoolOrConnection, doing: str) -> AsyncIterator[None]:
    """`translate` around statements that write.

    Where the server only reads, the pool connects anew the next time: after a failover its address may lead to
    another server than the connections that are open.
    """
    try:
        with translate(doing):
            yield
    except DatabaseUnavailableError as exc:
        if isinstance(exc.__cause__, asyncpg.ReadOnlySQLTransactionError) and isinstance(
            target, asyncpg.Pool
        ):
            await target.expire_connections()
        raise
