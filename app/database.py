"""The database of one command: the one that DATABASE_URL names, else the embedded server, migrated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, pool
from sqlalchemy.engine import make_url

from db.config import DatabaseSettings
from db.embedded import EmbeddedServer, Progress
from db.migrate import server_facts, upgrade
from db.url import sqlalchemy_url


def embedded_server(settings: DatabaseSettings, progress: Progress | None = None) -> EmbeddedServer:
    """The embedded server of the settings' data folder, up or not."""
    return EmbeddedServer(settings.data_dir, progress=progress)


@contextmanager
def database(settings: DatabaseSettings, *, progress: Progress | None = None) -> Iterator[str]:
    """Have a migrated database until the block ends and yield its address.

    DATABASE_URL wins.  The embedded server is started, or joined where another process has started it, and
    stopped by the last who uses it.  Raises `EmbeddedUnavailable`, `DatabaseUnavailableError`,
    `SchemaError` or `ConfigurationError`.
    """
    if settings.database_url is not None:
        upgrade(settings.database_url)
        yield settings.database_url
        return
    with embedded_server(settings, progress) as url:
        upgrade(url)
        yield url


def describe(settings: DatabaseSettings, url: str) -> str:
    """The database in a few words for the status line, such as `embedded · TimescaleDB 2.19.3`."""
    engine = create_engine(sqlalchemy_url(url), poolclass=pool.NullPool)
    with engine.connect() as connection:
        facts = server_facts(connection)
    where = "embedded" if settings.database_url is None else make_url(url).host or "local"
    return f"{where} · TimescaleDB {facts.timescaledb}"
