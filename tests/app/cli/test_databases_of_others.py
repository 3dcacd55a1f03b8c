"""No command writes into a database that is something else's, and reading commands write into none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.feeding import Tickdeck
from tests.paths import SAMPLE
from tickdeck.db import frames
from tickdeck.db.errors import ForeignDatabaseError, SchemaError
from tickdeck.db.migrate import downgrade
from tickdeck.db.revisions import head
from tickdeck.db.url import with_database
from tickdeck.testing.servers import TimescaleServer

SHOP = """
    create table orders (id integer primary key);
    create schema stock;
    create table stock.shelves (id integer);
    create view customers as select 1 as id;
"""
ALL_OBJECTS = """
    select 'table', relnamespace::regnamespace::text, relname::text, relfilenode::text from pg_class
    union all select 'function', pronamespace::regnamespace::text, proname::text, '' from pg_proc
    union all select 'extension', '', extname::text, extversion from pg_extension
    order by 1, 2, 3, 4
"""
READING = [
    ("verify",),
    ("export", "--symbols", "SPY"),
    ("replay", "--symbols", "SPY", "--from", "2013-10-07T13:30Z"),
    ("db", "retention", "--keep-days", "1"),
    ("db", "retention", "--keep-days", "1", "--dry-run"),
    ("db", "compress"),
]
WRITING = [
    ("load", SAMPLE),
    ("feed", "csv", SAMPLE, "--speed", "max"),
    ("feed", "walk", "--start", "2024-01-01T00:00Z", "--duration", "1s", "--speed", "max"),
    ("serve", "--port", "0"),
    ("run", "--port", "0"),
]


def objects(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(ALL_OBJECTS).fetchall()


@pytest.fixture(scope="module")
def empty(timescale: TimescaleServer) -> Iterator[str]:
    """A database that was never migrated, and that no test here changes."""
    with never_migrated(timescale) as url:
        yield url


@pytest.fixture(scope="module")
def shop(timescale: TimescaleServer) -> Iterator[str]:
    """A database with tables of another program, of which no test here changes anything."""
    with never_migrated(timescale) as url:
        open_shop(url)
        yield url


@pytest.fixture
def new_shop(timescale: TimescaleServer) -> Iterator[str]:
    """A shop of the test's own."""
    with never_migrated(timescale) as url:
        open_shop(url)
        yield url


@pytest.fixture
def commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], Tickdeck]:
    """`tickdeck` on the database at an address."""
    return lambda url: Tickdeck(url, tmp_path / "data", monkeypatch, capsys)


def open_shop(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(SHOP)


@contextmanager
def never_migrated(timescale: TimescaleServer) -> Iterator[str]:
    name = f"tickdeck_test_{uuid4().hex[:12]}"
    with psycopg.connect(timescale.url, autocommit=True) as admin:
        admin.execute(f"create database {name} template template0")
        try:
            yield with_database(timescale.url, name)
        finally:
            admin.execute(f"drop database {name} with (force)")


@pytest.fixture(autouse=True)
def _nothing_checked_before() -> Iterator[None]:
    frames._require_schema.cache_clear()
    yield
    frames._require_schema.cache_clear()


@pytest.mark.parametrize(
    "command", [*READING, *WRITING, ("db", "migrate")], ids=lambda each: " ".join(map(str, each[:2]))
)
def test_the_database_of_a_shop_is_left_alone(
    shop: str, commands: Callable[[str], Tickdeck], command: tuple[str | Path, ...]
) -> None:
    before = objects(shop)
    ran = commands(shop)(*command)
    assert ran.code == 1
    assert ran.err.count("\n") == 1
    assert "is not Tickdeck's" in ran.err
    assert "customers, orders, stock.shelves" in ran.err
    assert "DATABASE_URL" in ran.err
    assert objects(shop) == before


def test_frames_refuse_it_too(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", shop)
    with pytest.raises(ForeignDatabaseError):
        frames.candles("SPY", "1m")


@pytest.mark.parametrize("command", READING, ids=lambda each: " ".join(map(str, each[:2])))
def test_reading_commands_make_no_schema(
    empty: str, commands: Callable[[str], Tickdeck], command: tuple[str, ...]
) -> None:
    before = objects(empty)
    ran = commands(empty)(*command)
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "is empty" in ran.err
    assert "tickdeck db migrate" in ran.err
    assert objects(empty) == before


def test_reading_commands_do_not_migrate(tickdeck: Tickdeck, monkeypatch: pytest.MonkeyPatch) -> None:
    downgrade(tickdeck.url, "0003")
    for command in READING:
        ran = tickdeck(*command)
        assert ran.code == 1
        assert f"revision 0003, {head()} is needed: run `tickdeck db migrate`" in ran.err
    monkeypatch.setenv("DATABASE_URL", tickdeck.url)
    with pytest.raises(SchemaError, match="run `tickdeck db migrate`"):
        frames.ticks("SPY")
    assert tickdeck.rows("select version_num from alembic_version") == [("0003",)]
    assert tickdeck("load", SAMPLE).code in {0, 2}
    assert tickdeck.rows("select version_num from alembic_version") == [(head(),)]
    assert tickdeck("verify").code == 0


def test_yes_puts_the_tables_beside_those_of_others(
    new_shop: str, commands: Callable[[str], Tickdeck]
) -> None:
    tickdeck = commands(new_shop)
    assert tickdeck("db", "migrate", "--yes").code == 0
    assert tickdeck("verify").code == 0, "once there, it is Tickdeck's database too"
    assert tickdeck("load", SAMPLE).code in {0, 2}
    assert tickdeck.rows("select count(*) from orders") == [(0,)]


@pytest.mark.parametrize("revision", ["0001", "5f2c8a3b9d10"])
def test_another_programs_alembic_is_never_taken_for_ones_own(
    new_shop: str, commands: Callable[[str], Tickdeck], revision: str
) -> None:
    """Numbers of revisions are not unique: 0001 may be anybody's."""
    tickdeck = commands(new_shop)
    with psycopg.connect(new_shop) as connection:
        connection.execute("create table alembic_version (version_num varchar(32) primary key)")
        connection.execute("insert into alembic_version values (%s)", (revision,))
    before = objects(new_shop)
    for command in (("db", "migrate", "--yes"), ("db", "migrate"), ("verify",), ("load", SAMPLE)):
        ran = tickdeck(*command)
        assert ran.code == 1
        assert "newer" not in ran.err
    assert objects(new_shop) == before
