"""Private databases for tests: one migrated template a run, a copy of it for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg import sql

from tickdeck.db.migrate import upgrade
from tickdeck.db.url import with_database
from tickdeck.testing.servers import TimescaleServer


class Databases:
    """Makes the databases of one test run; several runs may share a server."""

    def __init__(self, server: TimescaleServer) -> None:
        self._server = server
        self._template = f"tickdeck_test_{uuid.uuid4().hex[:12]}"
        self._made = 0
        self._maintenance: psycopg.Connection | None = None

    @contextmanager
    def template(self) -> Iterator[None]:
        """Have the template, migrated to the newest schema, until the block ends."""
        name = sql.Identifier(self._template)
        self._execute(sql.SQL("create database {}").format(name))
        try:
            url = with_database(self._server.url, self._template)
            upgrade(url)
            with psycopg.connect(url, autocommit=True) as connection:
                # A database cannot be copied while TimescaleDB's own workers are connected to it.
                connection.execute("select _timescaledb_functions.stop_background_workers()")
            # What is marked so TimescaleDB never starts them in again, and nothing else connects to either.
            self._execute(sql.SQL("alter database {} is_template true allow_connections false").format(name))
            self._execute(
                sql.SQL(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = {}"
                ).format(self._template)
            )
            yield
        finally:
            try:
                self._execute(sql.SQL("alter database {} is_template false").format(name))
                self._drop(self._template)
            finally:
                self._disconnect()

    @contextmanager
    def copy(self) -> Iterator[str]:
        """Yield the address of a fresh copy of the template, dropped when the block ends."""
        self._made += 1
        name = f"{self._template}_{self._made}"
        # Files are copied faster than rows are logged where nothing waits for a disk; elsewhere it is the other way round.
        strategy = sql.SQL(" strategy file_copy" if self._server.kind == "embedded" else "")
        self._execute(
            sql.SQL("create database {} template {}{}").format(
                sql.Identifier(name), sql.Identifier(self._template), strategy
            )
        )
        try:
            yield with_database(self._server.url, name)
        finally:
            self._drop(name)

    def _drop(self, name: str) -> None:
        # A server that a test, or the end of the run, has taken away has nothing left to drop.
        with suppress(psycopg.OperationalError):
            self._execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        """Run it on a connection that is kept: a new one for each costs the server half as much as the copy itself."""
        kept = self._maintenance
        if kept is not None:
            try:
                kept.execute(statement)
            except psycopg.OperationalError:
                if not kept.broken:
                    raise
                self._disconnect()  # somebody has started the server anew meanwhile
            else:
                return
        self._maintenance = psycopg.connect(self._server.url, autocommit=True)
        self._maintenance.execute(statement)

    def _disconnect(self) -> None:
        if self._maintenance is not None:
            self._maintenance.close()
            self._maintenance = None
