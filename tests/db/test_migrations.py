"""Migrations in production: several starters, there and back with data in place, clear refusals."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tickdeck.db.errors import DatabaseUnavailableError, SchemaError
from tickdeck.db.migrate import downgrade, upgrade
from tickdeck.db.revisions import head
from tickdeck.db.upkeep.retention import drop_expired
from tickdeck.db.upkeep.schema import described
from tickdeck.db.url import with_database
from tickdeck.testing.servers import TimescaleServer

STARTERS = 3
UPGRADE = "import sys; from tickdeck.db.migrate import upgrade; upgrade(sys.argv[1])"


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


@pytest.fixture
def empty_db(tickdeck_db: str) -> str:
    """A database that was never migrated."""
    with psycopg.connect(tickdeck_db, autocommit=True) as connection:
        downgrade(tickdeck_db, "base")
        connection.execute("drop table alembic_version")
        connection.execute("drop extension timescaledb")
    return tickdeck_db


def test_several_starters_at_once(empty_db: str) -> None:
    """Processes, as in a deployment; one migrates, the others find nothing left to do."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADE, empty_db],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(STARTERS)
    ]
    said = [process.communicate(timeout=240)[0] for process in started]
    assert [process.returncode for process in started] == [0] * STARTERS, said
    with psycopg.connect(empty_db) as connection:
        assert "table ticks" in described(connection)


def test_down_and_up_again(tickdeck_db: str) -> None:
    """Nothing of ours is left below the first migration, and the way up makes the same objects again."""
    with psycopg.connect(tickdeck_db) as connection:
        objects = described(connection)
        connection.execute("insert into ticks (time, symbol, price) values (now(), 'SPY', 1)")
    downgrade(tickdeck_db, "base")
    with psycopg.connect(tickdeck_db) as connection:
        assert {name.split()[1] for name in described(connection)} == {"alembic_version"}
    upgrade(tickdeck_db)
    with psycopg.connect(tickdeck_db) as connection:
        assert described(connection) == objects
        connection.execute("insert into ticks (time, symbol, price) values (now(), 'SPY', 1)")
        assert connection.execute("select trades from candles").fetchall() == [(1,)]


def test_dropped_ticks_there_and_back_with_data_in_place(tickdeck_db: str) -> None:
    """Below 0002 the trigger is the first one again; on the way up the days that were dropped are found again."""
    with psycopg.connect(tickdeck_db) as connection:
        objects = described(connection)
        connection.execute(
            "insert into ticks (time, symbol, seq, price)"
            " select t, 'SPY', 1, 5"
            " from generate_series('2026-01-01 00:00+00'::timestamptz, '2026-01-09 23:00+00', '1 hour') t"
        )
    assert drop_expired(tickdeck_db, 2, now=datetime(2026, 1, 6, tzinfo=UTC)).chunks == 3
    stretches = rows(tickdeck_db, "select first, until from dropped_ticks")
    data = [rows(tickdeck_db, f"select * from {table} order by 1") for table in ("ticks", "candles")]

    downgrade(tickdeck_db, "0001")
    with psycopg.connect(tickdeck_db) as connection:
        older = described(connection)
        body = older["function tickdeck_on_ticks_v1"]
        assert body.endswith("9ec96dccc108e45e139122fec891c62e"), "not the function that 0001 makes"
        assert older["trigger ticks ticks_keep_candles"] == objects["trigger ticks ticks_keep_candles"]
        assert not any("dropped_ticks" in name for name in older)
        # As it was: a tick of a dropped day is taken, and counted.
        connection.execute("insert into ticks (time, symbol, price) values ('2026-01-01 10:00+00', 'SPY', 1)")
        counted = connection.execute("select trades from candles where bucket = '2026-01-01 10:00+00'")
        assert counted.fetchall() == [(2,)]
        connection.rollback()

    upgrade(tickdeck_db)
    with psycopg.connect(tickdeck_db) as connection:
        assert described(connection) == objects
    assert [rows(tickdeck_db, f"select * from {table} order by 1") for table in ("ticks", "candles")] == data
    found = rows(tickdeck_db, "select min(first), max(until), sum(until - first) from dropped_ticks")
    assert found == [(*stretches[0], timedelta(days=3))]


def test_the_builder_there_and_back(tickdeck_db: str) -> None:
    """Below 0003 the builder is the first one again, and builds as well."""
    downgrade(tickdeck_db, "0004")
    with psycopg.connect(tickdeck_db) as connection:
        objects = described(connection)
        connection.execute("insert into ticks (time, symbol, price) values ('2026-01-01 10:00+00', 'SPY', 1)")
    downgrade(tickdeck_db, "0002")
    with psycopg.connect(tickdeck_db) as connection:
        older = described(connection)
        changed = {name for name in {**objects, **older} if objects.get(name) != older.get(name)}
        assert changed == {
            "constraint candles candles_interval_check",
            "function tickdeck_build_candles_v1 _most integer",
            "index stale_hours stale_hours_by_hour",
        }
        assert connection.execute("select tickdeck_build_candles_v1(5)").fetchall() == [(1,)]
        connection.rollback()
    upgrade(tickdeck_db, "0004")
    with psycopg.connect(tickdeck_db) as connection:
        assert described(connection) == objects
        assert connection.execute("select tickdeck_build_candles_v1(5)").fetchall() == [(1,)]


def test_built_intervals_there_and_back_with_data_in_place(tickdeck_db: str) -> None:
    """Below 0004 nothing knows of 5m and 15m; on the way up what is built already is built again with them."""
    built = "select interval, count(*) from candles where interval <> '1m' group by 1 order by 1"
    with psycopg.connect(tickdeck_db) as connection:
        connection.execute(
            "insert into ticks (time, symbol, price)"
            " select t, 'SPY', 5 from generate_series('2026-01-01 10:00+00'::timestamptz, '2026-01-01 12:59+00', '1 min') t"
        )
        connection.execute("select tickdeck_build_candles_v1(2)")
    assert rows(tickdeck_db, built) == [("15m", 8), ("1d", 1), ("1h", 2), ("5m", 24)]
    downgrade(tickdeck_db, "0003")
    assert rows(tickdeck_db, built) == [("1d", 1), ("1h", 2)]
    assert rows(tickdeck_db, "select tickdeck_build_candles_v1(5)") == [(1,)]
    assert rows(tickdeck_db, built) == [("1d", 1), ("1h", 3)]
    upgrade(tickdeck_db)
    assert rows(tickdeck_db, "select tickdeck_build_candles_v1(5)") == [(3,)]
    assert rows(tickdeck_db, built) == [("15m", 12), ("1d", 1), ("1h", 3), ("5m", 36)]
    assert rows(tickdeck_db, "select * from stale_hours") == []


def test_conditions_there_and_back_with_data_in_place(tickdeck_db: str) -> None:
    """Below 0007 every tick moves everything, as it was; the ticks stay, what they moved is forgotten."""
    with psycopg.connect(tickdeck_db) as connection:
        connection.execute(
            "insert into ticks (time, symbol, seq, price, size, updates) values"
            " ('2026-01-01 10:00+00', 'SPY', 1, 5, 10, null), ('2026-01-01 10:00:01+00', 'SPY', 2, 9, 20, 4),"
            " ('2026-01-01 10:01+00', 'SPY', 3, 8, 30, 4), ('2026-01-01 10:02+00', 'AIG', 1, 7, 1, null)"
        )
        connection.execute("select tickdeck_build_candles_v1(5)")
    minutes = (
        "select symbol, high, close, volume, last_seq from candles where interval = '1m' order by 1, bucket"
    )
    aig = ("AIG", 7, 7, 1, 1)
    shown = [aig, ("SPY", 5, 5, 30, 1), ("SPY", float("-inf"), 0, 30, 0)]
    assert rows(tickdeck_db, minutes) == shown
    downgrade(tickdeck_db, "0006")
    assert rows(tickdeck_db, minutes) == [aig, ("SPY", 9, 9, 30, 2), ("SPY", 8, 8, 30, 3)]
    assert rows(tickdeck_db, "select symbol from stale_hours") == [("SPY",)]
    assert rows(tickdeck_db, "select tickdeck_build_candles_v1(5)") == [(1,)]
    upgrade(tickdeck_db)
    assert rows(tickdeck_db, minutes) == [aig, ("SPY", 9, 9, 30, 2), ("SPY", 8, 8, 30, 3)]
    assert rows(tickdeck_db, "select count(updates) from ticks") == [(0,)]


def test_upgrade_leaves_data_alone(tickdeck_db: str) -> None:
    with psycopg.connect(tickdeck_db) as connection:
        connection.execute(
            "insert into ticks (time, symbol, price) values (now(), 'SPY', 1), (now(), 'AIG', 2)"
        )
    before = (
        rows(tickdeck_db, "select * from ticks order by symbol"),
        rows(tickdeck_db, "select * from candles"),
    )
    upgrade(tickdeck_db)
    after = (
        rows(tickdeck_db, "select * from ticks order by symbol"),
        rows(tickdeck_db, "select * from candles"),
    )
    assert before == after


@pytest.mark.fault("a schema that is newer than the program", "refused in one sentence")
def test_database_newer_than_the_code_is_refused(tickdeck_db: str) -> None:
    with psycopg.connect(tickdeck_db) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(SchemaError, match=f"9999, newer than this Tickdeck .{head()}.*install a newer"):
        upgrade(tickdeck_db)
    assert rows(tickdeck_db, "select version_num from alembic_version") == [("9999",)]


def test_server_that_cannot_be_reached() -> None:
    with pytest.raises(DatabaseUnavailableError):
        upgrade("postgresql://nobody@127.0.0.1:1/none")


@pytest.fixture
def powerless(timescale: TimescaleServer) -> Iterator[Callable[[str], str]]:
    """A login that may do nothing: the address of a database with it."""
    name = f"tickdeck_test_{uuid.uuid4().hex[:12]}_powerless"
    with psycopg.connect(timescale.url, autocommit=True) as connection:
        connection.execute(f"create role {name} login password 'powerless-secret'".encode())
    try:
        yield (
            lambda url: (
                make_url(url)
                .set(username=name, password="powerless-secret")
                .render_as_string(hide_password=False)
            )
        )
    finally:
        with psycopg.connect(timescale.url, autocommit=True) as connection:
            connection.execute(f"drop role {name}".encode())


def test_login_without_rights_is_refused_with_nothing_half_migrated(
    empty_db: str, powerless: Callable[[str], str]
) -> None:
    with pytest.raises(SchemaError, match="permission denied"):
        upgrade(powerless(empty_db))
    left = rows(empty_db, "select relname from pg_class where relnamespace = 'public'::regnamespace")
    assert left == []


def test_reader_finds_a_migrated_database_migrated(tickdeck_db: str, powerless: Callable[[str], str]) -> None:
    """A dashboard logs in without the rights to migrate, and needs none where all is done.

    With a login of its own: tickdeck_reader's is that of all databases of the server, and of the tests beside.
    """
    login = make_url(powerless(tickdeck_db)).username
    with psycopg.connect(tickdeck_db, autocommit=True) as connection:
        connection.execute(f"grant tickdeck_reader to {login}".encode())
    upgrade(powerless(tickdeck_db))


def test_maintenance_database_is_left_alone(timescale: TimescaleServer) -> None:
    assert rows(with_database(timescale.url, "postgres"), "select to_regclass('public.ticks')") == [(None,)]


def test_no_column_of_ticks_is_ever_dropped(tickdeck_db: str) -> None:
    """Chunks made afterwards would hand their rows to the trigger under other column numbers."""
    downgrade(tickdeck_db, "0001")
    upgrade(tickdeck_db)
    assert rows(
        tickdeck_db, "select count(*) from pg_attribute where attrelid = 'ticks'::regclass and attisdropped"
    ) == [(0,)]
