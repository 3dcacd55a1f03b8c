"""Brings a database's schema to this code's revision, and back."""

from __future__ import annotations

import random
import time
from typing import Final

import psycopg
from alembic import command, op
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tickdeck.db.errors import SchemaError
from tickdeck.db.revisions import (
    MINIMUM_POSTGRESQL,
    ServerFacts,
    allow_migration,
    is_current,
    looking_over,
    migrations_dir,
    require_server,
    server_facts,
)
from tickdeck.db.statements import statement
from tickdeck.db.url import sqlalchemy_url

MIGRATION_LOCK = 7455000002
"""Several starters at once: one migrates, the others wait for it and find nothing left to do."""


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


def upgrade(url: str, revision: str = "head", *, beside_others: bool = False) -> None:
    """Migrate the database at `url` up to `revision`; several callers at once are fine.

    Only a database that is empty or has Tickdeck's schema is written to, any other with `beside_others` only.
    Raises `ForeignDatabaseError` for such a one, `DatabaseUnavailableError` where no connection can be made and
    `SchemaError` where the server has no TimescaleDB, is too old, refuses the rights, or has a schema newer than this
    code.  Each migration is one transaction: a refused one leaves nothing behind, and one that running feeds were in the
    way of is tried again.
    """
    if revision == "head" and is_current(url):
        return
    with looking_over(url) as connection:
        allow_migration(connection, beside_others=beside_others)
        _make_extension(connection, server_facts(connection))
        require_server(server_facts(connection))
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


def downgrade(url: str, revision: str) -> None:
    """Migrate the database at `url` down to `revision` (`base`: nothing left); data that has no place is gone."""
    try:
        command.downgrade(config(url), revision)
    except DBAPIError as exc:
        raise SchemaError(f"the migration was refused and rolled back: {exc.orig}") from exc


def _make_extension(connection: psycopg.Connection, facts: ServerFacts) -> None:
    """Create TimescaleDB in the database where it is only not there yet."""
    if facts.timescaledb is not None or facts.postgresql_number < MINIMUM_POSTGRESQL:
        return
    available = connection.execute(
        "select from pg_available_extensions where name = 'timescaledb'"
    ).fetchone()
    if available is None:
        raise SchemaError(
            "the server has no TimescaleDB: install the timescaledb extension there, "
            "or unset DATABASE_URL to use the embedded one, or run `docker compose up`"
        )
    # Two that make an extension at once would both find it missing, "if not exists" or not.
    connection.execute("select pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
    connection.execute("create extension if not exists timescaledb")
