"""Where a database's schema stands, beside this code's revisions: reads only, and needs neither Alembic nor SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Final

import psycopg

from tickdeck.db.errors import DatabaseUnavailableError, ForeignDatabaseError, SchemaError
from tickdeck.db.statements import statement
from tickdeck.db.url import libpq_url, safe_url

MINIMUM_TIMESCALEDB = (2, 17)
MINIMUM_POSTGRESQL = 15


def migrations_dir() -> Path:
    """The folder of the migrations."""
    return Path(__file__).parent.parent / "migrations"


@cache
def revisions() -> tuple[str, ...]:
    """Every revision that this code knows, the newest last: a migration's file begins with its own."""
    return tuple(sorted(path.name[:4] for path in (migrations_dir() / "versions").glob("[0-9]*.py")))


def head() -> str:
    """The revision that this code needs."""
    if not revisions():
        raise SchemaError("this installation has no migrations")
    return revisions()[-1]


def timescaledb_version(text: str) -> tuple[int, ...]:
    """The first two numbers of a version such as "2.19.3" or "2.20.0-dev"."""
    return tuple(int(part) for part in text.split("-", maxsplit=1)[0].split(".")[:2])


@contextmanager
def looking_over(url: str) -> Iterator[psycopg.Connection]:
    """A connection to look the database over, in one transaction; what the server then refuses is a `SchemaError`.

    Raises `DatabaseUnavailableError` where it cannot be made, or is lost.
    """
    try:
        connection = psycopg.connect(libpq_url(url))
    except psycopg.Error as exc:
        raise DatabaseUnavailableError(f"cannot connect to the database: {exc}") from exc
    try:
        with connection:
            yield connection
    except psycopg.Error as exc:
        if connection.broken:
            raise DatabaseUnavailableError(f"cannot connect to the database: {exc}") from exc
        raise SchemaError(f"the server cannot carry Tickdeck's schema: {exc}") from exc


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server is: versions, edition (`apache` or `timescale`), and the schema's revision, if any."""

    postgresql: str
    postgresql_number: int
    """The major version."""
    timescaledb: str | None
    edition: str | None
    revision: str | None


def server_facts(connection: psycopg.Connection) -> ServerFacts:
    """Read the facts of the connected server; changes nothing."""
    version, number, timescaledb, edition, has_revision = _row(connection, "server_facts")
    revision = _row(connection, "schema_revision")[0] if has_revision else None
    return ServerFacts(version, number // 10000, timescaledb, edition, revision)


def _row(connection: psycopg.Connection, name: str) -> Sequence[Any]:
    """The first row of a statement; one of None where it has none."""
    return connection.execute(statement(name).encode()).fetchone() or (None,)


class Contents(Enum):
    """What a database holds."""

    EMPTY = "no table of anybody's"
    TICKDECK = "Tickdeck's schema, of whatever revision, perhaps beside other tables"
    FOREIGN = "other tables only"


def is_current(url: str) -> bool:
    """Whether the database at `url` has this code's schema already; writes nothing.

    So a login that may not write, or a standby, will do.  Raises as `looking_over`, and `SchemaError` where the server
    cannot carry the schema.
    """
    with looking_over(url) as connection:
        facts = server_facts(connection)
        current = _contents(connection, facts) is Contents.TICKDECK and facts.revision == head()
        if current:
            require_server(facts)
        return current


def require_schema(url: str) -> None:
    """Make sure that the database at `url` has this code's schema; writes nothing.

    Raises `DatabaseUnavailableError`, and `SchemaError` naming the command that helps.
    """
    with looking_over(url) as connection:
        facts = server_facts(connection)
        contents = _contents(connection, facts)
        if contents is Contents.EMPTY:
            raise SchemaError(
                f"the database {safe_url(url)} is empty: `tickdeck run` or `tickdeck db migrate` makes the schema"
            )
        if contents is Contents.FOREIGN:
            raise ForeignDatabaseError(
                f"the database {safe_url(url)} is not Tickdeck's: it holds {_named(_tables(connection))}; "
                "is DATABASE_URL (or a .env file in this folder) right?"
            )
        require_known(facts.revision)
        if facts.revision != head():
            raise SchemaError(
                f"the schema of {safe_url(url)} is at revision {facts.revision}, {head()} is needed: "
                "run `tickdeck db migrate`"
            )


def require_known(revision: str | None) -> None:
    """Raise `SchemaError` where a database at `revision` is newer than this code."""
    if revision is not None and revision not in revisions():
        raise SchemaError(
            f"the database's schema is at revision {revision}, newer than this Tickdeck ({head()}): "
            "install a newer Tickdeck"
        )


def require_server(facts: ServerFacts) -> None:
    """Raise `SchemaError` for what cannot carry the schema, or has a newer one."""
    if facts.postgresql_number < MINIMUM_POSTGRESQL:
        raise SchemaError(
            f"PostgreSQL {MINIMUM_POSTGRESQL} or newer is needed; the server is {facts.postgresql_number}"
        )
    if timescaledb_version(facts.timescaledb or "0") < MINIMUM_TIMESCALEDB:
        wanted = ".".join(map(str, MINIMUM_TIMESCALEDB))
        raise SchemaError(f"TimescaleDB {wanted} or newer is needed; the server has {facts.timescaledb}")
    require_known(facts.revision)


def allow_migration(connection: psycopg.Connection, *, beside_others: bool) -> None:
    """Raise `ForeignDatabaseError` where the connected database is neither empty nor Tickdeck's.

    `beside_others`: tables of others are no hindrance, but another program's `alembic_version` always is one.
    """
    facts = server_facts(connection)
    contents = _contents(connection, facts)
    if contents is Contents.FOREIGN and (facts.revision is not None or not beside_others):
        found = _named(_tables(connection))
        if facts.revision is not None:
            raise ForeignDatabaseError(
                f"the database holds the tables of another program that keeps its revision ({facts.revision}) in "
                f"alembic_version, where Tickdeck would: {found}; give Tickdeck a database of its own"
            )
        raise ForeignDatabaseError(
            f"the database is not Tickdeck's, it holds {found}: is DATABASE_URL (or a .env file in this folder) right?  "
            "`tickdeck db migrate --yes` puts Tickdeck's tables beside those"
        )


def _contents(connection: psycopg.Connection, facts: ServerFacts) -> Contents:
    found = _tables(connection)
    if facts.revision is not None and set(found) >= _OWN_TABLES:
        return Contents.TICKDECK
    if facts.revision is None:
        found = [each for each in found if each != _ALEMBIC]  # empty, as a downgrade to nothing leaves it
    return Contents.FOREIGN if found else Contents.EMPTY


_ALEMBIC: Final = ("public", "alembic_version")
_OWN_TABLES: Final = {("public", name) for name in ("ticks", "candles", "instruments")}


def _tables(connection: psycopg.Connection) -> list[tuple[str, str]]:
    """(schema, name) of all tables and views but those of extensions."""
    return [(row[0], row[1]) for row in connection.execute(statement("tables").encode())]


def _named(tables: Sequence[tuple[str, str]]) -> str:
    names = [name if schema == "public" else f"{schema}.{name}" for schema, name in tables]
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"the table{'s' if len(names) > 1 else ''} {', '.join(names[:3])}{more}"
