"""The TimescaleDB a test run uses: a throw-away embedded one, a container, or a server given by its address."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psycopg
from psycopg import sql

from tickdeck.db.embedded import EmbeddedServer
from tickdeck.db.errors import ConfigurationError, DatabaseUnavailableError
from tickdeck.db.url import libpq_url, safe_url, with_database
from tickdeck.testing import containers

CHOICE_ENV: Final = "TICKDECK_TEST_DB"
_FOLDER: Final = "tickdeck-test-"
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the run's own folder there is made as everywhere
_ROOM_IN_MEMORY: Final = 4 << 30
"""Bytes that must be free for a run's databases to lie in memory; a whole run of Tickdeck's own tests takes about one."""
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
    _clear_after_dead_runs()
    # The server may run as another account, which must be able to reach its own folder inside this one.
    base = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-", dir=_fastest_folder()))
    base.chmod(0o711)
    server = EmbeddedServer(base / "data", durable=False)
    try:
        yield with_database(server.up(), "postgres")
    finally:
        server.down()
        shutil.rmtree(base, ignore_errors=True)


def _fastest_folder() -> Path:
    """In memory where there is room: hundreds of databases are copied and dropped, which a disk makes several times slower."""
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
        if min(available, shutil.disk_usage(_MEMORY).free) >= _ROOM_IN_MEMORY and os.access(_MEMORY, os.W_OK):
            return _MEMORY
    return Path(tempfile.gettempdir())


def _clear_after_dead_runs() -> None:
    """Stop the servers of runs that were killed, and remove their folders, which are named after the run."""
    folders = {Path(tempfile.gettempdir()), _MEMORY}
    for base in (base for folder in folders for base in folder.glob(f"{_FOLDER}*-*")):
        owner = base.name.removeprefix(_FOLDER).split("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            with suppress(FileNotFoundError):  # another run has cleared it meanwhile
                if base.stat().st_uid == os.geteuid():
                    EmbeddedServer(base / "data").down()
                    shutil.rmtree(base, ignore_errors=True)


def _facts(url: str, kind: Kind, image: str | None = None) -> TimescaleServer:
    """Ask the server what it is, in a database made for the question: only the extension knows its edition."""
    database = f"tickdeck_test_{uuid.uuid4().hex[:12]}"
    name = sql.Identifier(database)
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as maintenance:
            maintenance.execute(sql.SQL("create database {}").format(name))
            try:
                with psycopg.connect(with_database(url, database), autocommit=True) as asked:
                    asked.execute("create extension if not exists timescaledb")
                    row = asked.execute(
                        "select current_setting('server_version'), extversion,"
                        " current_setting('timescaledb.license', true)"
                        " from pg_extension where extname = 'timescaledb'"
                    ).fetchone()
            finally:
                maintenance.execute(sql.SQL("drop database {} with (force)").format(name))
    except psycopg.Error as exc:
        raise DatabaseUnavailableError(f"tests cannot run on the server {safe_url(url)}: {exc}") from exc
    if row is None:
        raise DatabaseUnavailableError(f"the server {safe_url(url)} made no extension timescaledb")
    return TimescaleServer(url, kind, row[0].split()[0], row[1], row[2], image)
