"""Brings a database's schema to this code's revision and says where it stands."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.exc import DBAPIError

from tickdeck.db.errors import DatabaseUnavailableError, ForeignDatabaseError, SchemaError
from tickdeck.db.statements import statement
from tickdeck.db.url import safe_url, sqlalchemy_url

MINIMUM_TIMESCALEDB = (2, 17)
MINIMUM_POSTGRESQL = 15
MIGRATION_LOCK = 7455000002
"""Several starters at once: one migrates, the others wait for it and find nothing left to do."""


def migrations_dir() -> Path:
    """The folder of the migrations."""
    return Path(__file__).parent.parent / "migrations"


def config(url: str) -> Config:
    """Alembic's configuration for the server at `url` (any form that `DATABASE_URL` may have)."""
    made = Config()
    made.set_main_option("script_location", str(migrations_dir()))
    made.set_main_option("sqlalchemy.url", sqlalchemy_url(url).replace("%", "%%"))
    return made


def run_sql(name: str) -> None:
    """Inside a migration: execute its sql/`name`.sql as it stands (no parameters, `%` and `:` mean themselves).

    Older TimescaleDB add no constraint to a hypertable with compressed chunks (2.19 does not, 2.29 does).  Where that
    is why one is refused, the chunks of ticks are decompressed for it and compressed again, in the same transaction.
    """
    statements = (migrations_dir() / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    connection = op.get_bind().execution_options(no_parameters=True)
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(statements)
    except DBAPIError as exc:
        if getattr(exc.orig, "sqlstate", None) != _NOT_SUPPORTED:
            raise
        chunks = connection.exec_driver_sql(statement("compressed_chunks")).scalars().all()
        if not chunks:
            raise
        for chunk in chunks:
            connection.execute(text("select decompress_chunk(cast(:chunk as regclass))"), {"chunk": chunk})
        connection.exec_driver_sql(statements)
        for chunk in chunks:
            connection.execute(text("select compress_chunk(cast(:chunk as regclass))"), {"chunk": chunk})


_NOT_SUPPORTED: Final = "0A000"
_BUSY: Final = frozenset({"40P01", "55P03"})
"""A deadlock that this transaction was chosen to end, a lock that was not to be had in time."""
_TRIES: Final = 10


def head() -> str:
    """The revision that this code needs."""
    revision = ScriptDirectory(str(migrations_dir())).get_current_head()
    if revision is None:
        raise SchemaError("this installation has no migrations")
    return revision


def revisions() -> frozenset[str]:
    """Every revision that this code knows."""
    return frozenset(script.revision for script in ScriptDirectory(str(migrations_dir())).walk_revisions())


def timescaledb_version(text: str) -> tuple[int, ...]:
    """The first two numbers of a version such as "2.19.3" or "2.20.0-dev"."""
    return tuple(int(part) for part in text.split("-", maxsplit=1)[0].split(".")[:2])


def upgrade(url: str, revision: str = "head", *, beside_others: bool = False) -> None:
    """Migrate the database at `url` up to `revision`; several callers at once are fine.

    Only a database that is empty or has Tickdeck's schema is written to, any other with `beside_others` only.
    Raises `ForeignDatabaseError` for such a one, `DatabaseUnavailableError` where no connection can be made and
    `SchemaError` where the server has no TimescaleDB, is too old, refuses the rights, or has a schema newer than this
    code.  Each migration is one transaction: a refused one leaves nothing behind, and one that running feeds were in the
    way of is tried again.
    """
    with _inspecting(url) as connection:
        facts = server_facts(connection)
        if (
            _contents(connection, facts) is Contents.TICKDECK
            and facts.revision == head()
            and revision == "head"
        ):
            _require_server(facts)
            return  # there is nothing to write, so also a login that may not, or a standby, will do
        allow_migration(connection, beside_others=beside_others)
        _make_extension(connection, facts)
        _require_server(server_facts(connection))
        connection.commit()
    made = config(url)
    made.attributes["beside_others"] = beside_others
    for left in reversed(range(_TRIES)):
        try:
            command.upgrade(made, revision)
        except DBAPIError as exc:
            # Feeds that write meanwhile hold what a migration wants, and may want what it holds: it goes on where it was.
            if left and getattr(exc.orig, "sqlstate", None) in _BUSY:
                time.sleep(random.uniform(0.05, 0.5))  # noqa: S311 - to be out of step
                continue
            raise SchemaError(f"the migration was refused and rolled back: {exc.orig}") from exc
        return


def require_schema(url: str) -> None:
    """Make sure that the database at `url` has this code's schema; writes nothing.

    Raises `DatabaseUnavailableError`, and `SchemaError` naming the command that helps.
    """
    with _inspecting(url) as connection:
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


def downgrade(url: str, revision: str) -> None:
    """Migrate the database at `url` down to `revision` (`base`: nothing left); data that has no place is gone."""
    try:
        command.downgrade(config(url), revision)
    except DBAPIError as exc:
        raise SchemaError(f"the migration was refused and rolled back: {exc.orig}") from exc


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server is: versions, edition (`apache` or `timescale`), and the schema's revision, if any."""

    postgresql: str
    postgresql_number: int
    """The major version."""
    timescaledb: str | None
    edition: str | None
    revision: str | None


def server_facts(connection: Connection) -> ServerFacts:
    """Read the facts of the connected server; changes nothing."""
    postgresql = connection.execute(text("show server_version")).scalar_one()
    timescaledb = connection.execute(
        text("select extversion from pg_extension where extname = 'timescaledb'")
    ).scalar()
    edition = connection.execute(text("select current_setting('timescaledb.license', true)")).scalar()
    revision = None
    if connection.execute(text("select to_regclass('public.alembic_version')")).scalar():
        revision = connection.execute(text("select version_num from alembic_version")).scalar()
    number = int(connection.execute(text("show server_version_num")).scalar_one()) // 10000
    return ServerFacts(postgresql, number, timescaledb, edition, revision)


class Contents(Enum):
    """What a database holds."""

    EMPTY = "no table of anybody's"
    TICKDECK = "Tickdeck's schema, of whatever revision, perhaps beside other tables"
    FOREIGN = "other tables only"


def allow_migration(connection: Connection, *, beside_others: bool) -> None:
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


def _contents(connection: Connection, facts: ServerFacts) -> Contents:
    found = _tables(connection)
    if facts.revision is not None and set(found) >= _OWN_TABLES:
        return Contents.TICKDECK
    if facts.revision is None:
        found = [each for each in found if each != _ALEMBIC]  # empty, as a downgrade to nothing leaves it
    return Contents.FOREIGN if found else Contents.EMPTY


_ALEMBIC: Final = ("public", "alembic_version")
_OWN_TABLES: Final = {("public", name) for name in ("ticks", "candles", "instruments")}


def _tables(connection: Connection) -> list[tuple[str, str]]:
    """(schema, name) of all tables and views but those of extensions."""
    return [(row[0], row[1]) for row in connection.execute(text(statement("tables")))]


def _named(tables: Sequence[tuple[str, str]]) -> str:
    names = [name if schema == "public" else f"{schema}.{name}" for schema, name in tables]
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"the table{'s' if len(names) > 1 else ''} {', '.join(names[:3])}{more}"


@contextmanager
def _inspecting(url: str) -> Iterator[Connection]:
    """A connection to look the database over; what the server then refuses is a `SchemaError`."""
    engine = create_engine(sqlalchemy_url(url), poolclass=pool.NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as exc:
        if exc.connection_invalidated or "connection" in str(exc.orig).lower():
            raise DatabaseUnavailableError(f"cannot connect to the database: {exc.orig}") from exc
        raise SchemaError(f"the server cannot carry Tickdeck's schema: {exc.orig}") from exc


def _make_extension(connection: Connection, facts: ServerFacts) -> None:
    """Create TimescaleDB in the database where it is only not there yet."""
    if facts.timescaledb is not None or facts.postgresql_number < MINIMUM_POSTGRESQL:
        return
    available = connection.execute(
        text("select default_version from pg_available_extensions where name = 'timescaledb'")
    ).scalar()
    if available is None:
        raise SchemaError(
            "the server has no TimescaleDB: install the timescaledb extension there, "
            "or unset DATABASE_URL to use the embedded one, or run `docker compose up`"
        )
    # Two that make an extension at once would both find it missing, "if not exists" or not.
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    connection.execute(text("create extension if not exists timescaledb"))


def _require_server(facts: ServerFacts) -> None:
    """Refuse what cannot carry the schema."""
    if facts.postgresql_number < MINIMUM_POSTGRESQL:
        raise SchemaError(
            f"PostgreSQL {MINIMUM_POSTGRESQL} or newer is needed; the server is {facts.postgresql_number}"
        )
    if timescaledb_version(facts.timescaledb or "0") < MINIMUM_TIMESCALEDB:
        wanted = ".".join(map(str, MINIMUM_TIMESCALEDB))
        raise SchemaError(f"TimescaleDB {wanted} or newer is needed; the server has {facts.timescaledb}")
    require_known(facts.revision)


def require_known(revision: str | None) -> None:
    """Raise `SchemaError` where a database at `revision` is newer than this code."""
    if revision is not None and revision not in revisions():
        raise SchemaError(
            f"the database's schema is at revision {revision}, newer than this Tickdeck ({head()}): "
            "install a newer Tickdeck"
        )
