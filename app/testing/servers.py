"""The TimescaleDB a test run uses: a throw-away embedded one, a container, or a server given by its address."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psycopg

from app.testing import containers
from db.embedded import EmbeddedServer
from db.errors import ConfigurationError, DatabaseUnavailableError
from db.url import libpq_url, safe_url

CHOICE_ENV: Final = "TICKDECK_TEST_DB"
Kind = Literal["embedded", "container", "url"]


@dataclass(frozen=True, slots=True)
class TimescaleServer:
    """A running server that databases can be made on."""

    url: str
    """Address of its maintenance database, as a user who may create databases and roles."""
    kind: Kind
    postgresql: str
    timescaledb: str
    edition: str
    """`apache` or `timescale` (the Community edition)."""
    image: str | None = None
    """Name of the container's image."""

    def __str__(self) -> str:
        place = (
            f"container {self.image}" if self.image else {"url": "given by address"}.get(self.kind, self.kind)
        )
        edition = {"apache": "Apache", "timescale": "Community"}.get(self.edition, self.edition)
        return f"{place}, TimescaleDB {self.timescaledb} ({edition} edition), PostgreSQL {self.postgresql}"


@contextmanager
def running(choice: str | None = None) -> Iterator[TimescaleServer]:
    """Run the server that `choice` (default: $TICKDECK_TEST_DB, else `auto`) names, until the block ends.

    `embedded`; `container`; `auto`: a container where an engine answers and has or can pull the image, else
    embedded; or the address of a server, which is left running.  Raises `EmbeddedUnavailable`,
    `DatabaseUnavailableError` or `ConfigurationError`.
    """
    choice = choice or os.environ.get(CHOICE_ENV) or "auto"
    if "://" in choice:
        yield _facts(libpq_url(choice), "url")
        return
    if choice not in {"auto", "embedded", "container"}:
        raise ConfigurationError(
            f"{CHOICE_ENV} is auto, embedded, container or a server's address, not {choice!r}"
        )
    if choice == "container" or (choice == "auto" and containers.available()):
        with containers.running() as (url, image):
            yield _facts(url, "container", image)
        return
    with _embedded() as url:
        yield _facts(url, "embedded")


@contextmanager
def _embedded() -> Iterator[str]:
    # The server may run as another account, which must be able to reach its own folder inside this one.
    base = Path(tempfile.mkdtemp(prefix="tickdeck-test-"))
    base.chmod(0o711)
    server = EmbeddedServer(base / "data", durable=False)
    try:
        yield server.up()
    finally:
        server.down()
        shutil.rmtree(base, ignore_errors=True)


def _facts(url: str, kind: Kind, image: str | None = None) -> TimescaleServer:
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            row = connection.execute(
                "select current_setting('server_version'), default_version,"
                " current_setting('timescaledb.license', true)"
                " from pg_available_extensions where name = 'timescaledb'"
            ).fetchone()
    except psycopg.OperationalError as exc:
        raise DatabaseUnavailableError(
            f"no connection to the server of the tests, {safe_url(url)}: {exc}"
        ) from exc
    if row is None:
        raise ConfigurationError(f"the server of the tests, {safe_url(url)}, has no TimescaleDB")
    return TimescaleServer(url, kind, row[0].split()[0], row[1], row[2] or "unknown", image)
