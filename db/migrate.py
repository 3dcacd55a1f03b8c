"""Brings a database's schema to this code's revision and says where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.exc import DBAPIError

from db.errors import DatabaseUnavailableError, SchemaError
from db.url import sqlalchemy_url

MINIMUM_TIMESCALEDB = (2, 17)
MINIMUM_POSTGRESQL = 15
MIGRATION_LOCK = 7455000002
"""Several starters at once: one migrates, the others wait for it and find nothing left to do."""


def migrations_dir() -> Path:
    """The migrations inside an installed package, or beside it in a checkout."""
    packaged = Path(__file__).parent / "_migrations"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "migrations"


def config(url: str) -> Config:
    """Alembic's configuration for the server at `url` (any form that `DATABASE_URL` may have)."""
    made = Config()
    made.set_main_option("script_location", str(migrations_dir()))
    made.set_main_option("sqlalchemy.url", sqlalchemy_url(url).replace("%", "%%"))
    return made


def run_sql(name: str) -> None:
    """Inside a migration: execute its sql/`name`.sql as it stands (no parameters, `%` and `:` mean themselves)."""
    statements = (migrations_dir() / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(statements)


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


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate the database at `url` up to `revision`; several callers at once are fine.

    Raises `DatabaseUnavailableError` where no connection can be made and `SchemaError` where the server has no
    TimescaleDB, is too old, refuses the rights, or has a schema newer than this code.  Each migration is one
    transaction: a refused one leaves nothing behind.
    """
    _prepare(url)
    try:
        command.upgrade(config(url), revision)
    except DBAPIError as exc:
        raise SchemaError(f"the migration was refused and rolled back: {exc.orig}") from exc


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
    return ServerFacts(postgresql, timescaledb, edition, revision)


def _prepare(url: str) -> None:
    """Refuse what cannot carry the schema, and create the extension where it is only not there yet."""
    engine = create_engine(sqlalchemy_url(url), poolclass=pool.NullPool)
    try:
        with engine.connect() as connection:
            _require_server(connection)
            connection.commit()
    except DBAPIError as exc:
        if exc.connection_invalidated or "connection" in str(exc.orig).lower():
            raise DatabaseUnavailableError(f"cannot connect to the database: {exc.orig}") from exc
        raise SchemaError(f"the server cannot carry Tickdeck's schema: {exc.orig}") from exc


def _require_server(connection: Connection) -> None:
    number = int(connection.execute(text("show server_version_num")).scalar_one())
    if number < MINIMUM_POSTGRESQL * 10000:
        raise SchemaError(
            f"PostgreSQL {MINIMUM_POSTGRESQL} or newer is needed; the server is {number // 10000}"
        )
    if server_facts(connection).timescaledb is None:
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
    facts = server_facts(connection)
    if timescaledb_version(facts.timescaledb or "0") < MINIMUM_TIMESCALEDB:
        wanted = ".".join(map(str, MINIMUM_TIMESCALEDB))
        raise SchemaError(f"TimescaleDB {wanted} or newer is needed; the server has {facts.timescaledb}")
    if facts.revision is not None and facts.revision not in revisions():
        raise SchemaError(
            f"the database's schema is at revision {facts.revision}, newer than this Tickdeck ({head()}): "
            "install a newer Tickdeck"
        )
