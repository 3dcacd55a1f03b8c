"""How every asyncpg connection of Tickdeck is made, and the one place that translates the driver's errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import asyncpg

from db.errors import ConfigurationError, DatabaseError, DatabaseUnavailableError, SchemaError
from db.url import libpq_url

Role = Literal["reader", "writer"]
CONNECT_TIMEOUT_S: Final = 10.0

_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,  # class 08, "connection was closed in the middle of operation" too
    asyncpg.OperatorInterventionError,  # 57P01 shutdown, 57P02 crash, 57P03 starting up
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,  # the driver's own: connection or pool is closed
    asyncpg.InternalClientError,  # the connection ended in the middle of what the driver was about to do
    OSError,  # refused, unreachable, timed out
)
_SCHEMA = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InvalidCatalogNameError,
)


def server_settings(role: Role, statement_timeout_s: float) -> dict[str, str]:
    """Startup parameters of a connection: what it may do, for how long, and how it shows in pg_stat_activity."""
    settings = {
        "role": f"tickdeck_{role}",
        "application_name": f"tickdeck {role}",
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

    `doing` opens the message, such as "cannot write ticks".
    """
    opening = f"{doing}: " if doing else ""
    try:
        yield
    except asyncpg.QueryCanceledError as exc:
        raise DatabaseError(f"{opening}{exc} (the limit is TICKDECK_STATEMENT_TIMEOUT_S)") from exc
    except _SCHEMA as exc:
        raise SchemaError(f"{opening}{exc}; run `tickdeck db migrate`") from exc
    except asyncpg.DataError as exc:
        raise DatabaseError(f"{opening}{exc}") from exc
    except _UNAVAILABLE as exc:
        raise DatabaseUnavailableError(f"{opening}{_reason(exc)}") from exc
    except asyncpg.PostgresError as exc:
        raise DatabaseError(f"{opening}{exc}") from exc


@contextmanager
def translate_connecting(role: Role) -> Iterator[None]:
    """As `translate`, for the moment of connecting, where a role that is missing means a schema that is missing."""
    try:
        with translate("cannot connect to the database"):
            yield
    except DatabaseError as exc:
        cause = exc.__cause__
        if isinstance(cause, asyncpg.InvalidAuthorizationSpecificationError):
            raise ConfigurationError(f"the database refused the login: {cause}") from cause
        if isinstance(cause, asyncpg.InsufficientPrivilegeError | asyncpg.InvalidParameterValueError) and (
            "role" in str(cause)
        ):
            raise SchemaError(
                f"{cause}: run `tickdeck db migrate`, or grant tickdeck_{role} to this login"
            ) from cause
        raise


async def connect(url: str, *, role: Role, statement_timeout_s: float = 30.0) -> asyncpg.Connection:
    """One connection outside any pool; raise as `translate_connecting`."""
    with translate_connecting(role):
        return await asyncpg.connect(
            libpq_url(url),
            timeout=CONNECT_TIMEOUT_S,
            server_settings=server_settings(role, statement_timeout_s),
        )


def _reason(exc: BaseException) -> str:
    if isinstance(exc, TimeoutError) and not str(exc):
        return "no answer in time"
    return str(exc) or type(exc).__name__
