"""A database of the benchmark's own on the configured server, gone afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from tickdeck.db.migrate import upgrade
from tickdeck.db.url import libpq_url, with_database


@contextmanager
def scratch_database(server_url: str) -> Iterator[str]:
    """Yield the address of a new migrated database beside the one at `server_url`; drop it at the end."""
    name = f"tickdeck_bench_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(libpq_url(server_url), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            url = with_database(server_url, name)
            upgrade(url)
            yield url
        finally:
            connection.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            )
