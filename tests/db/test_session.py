"""Snapshots come in bounded time whatever other databases do, and only the driver's errors are translated."""

from __future__ import annotations

import asyncio
import errno
import time

import asyncpg
import pytest

from tickdeck.db import session
from tickdeck.db.errors import DatabaseError, DatabaseUnavailableError, SchemaError
from tickdeck.db.session import open_pool, reading, snapshot
from tickdeck.db.statements import statement
from tickdeck.db.ticks.store import TickStore
from tickdeck.db.url import with_database
from tickdeck.testing.servers import TimescaleServer
from tickdeck.testing.ticks import TickFactory


@pytest.mark.parametrize("where", ["this database", "another database"])
async def test_an_open_savepoint_that_wrote_holds_up_no_snapshot(
    tickdeck_db: str, timescale: TimescaleServer, where: str
) -> None:
    url = tickdeck_db if where == "this database" else with_database(timescale.url, "postgres")
    other = await asyncpg.connect(url)
    pool = await open_pool(tickdeck_db, role="reader", size=1)
    try:
        outer = other.transaction()
        await outer.start()
        await other.execute("create temporary table written (id integer)")
        await other.execute("insert into written values (1)")
        savepoint = other.transaction()
        await savepoint.start()
        await other.execute("insert into written values (2)")
        # Later transactions end first, so that the savepoint's id lies before the snapshot's end.
        await pool.execute("select 1")
        ended = await asyncpg.connect(url)
        await ended.execute("create temporary table ended (id integer)")
        await ended.close()
        async with asyncio.timeout(60), snapshot(pool) as (connection, seen):
            assert await connection.fetchval("select 1") == 1
            assert seen.in_progress
    finally:
        await other.close()
        await pool.close()


async def test_a_commit_that_does_not_end_is_waited_for_in_bounds(
    tickdeck_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server cannot be stopped in that very moment: what it says of it is put in its place."""
    asked = 0

    def ending(name: str) -> str:
        nonlocal asked
        asked += 1
        return f"select text, true from ({statement(name)}) as taken(text, ending)"

    pool = await open_pool(tickdeck_db, role="reader", size=1)
    monkeypatch.setattr(session, "statement", ending)
    monkeypatch.setattr(session, "SETTLING_S", 0.3)
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailableError, match="still ending"):
        async with snapshot(pool):
            pass
    assert time.monotonic() - began > 0.3
    assert asked < 30, "it pauses between its questions"
    async with asyncio.timeout(60):
        assert await pool.fetchval("select 1") == 1, "its connection is free again"
    await pool.close()


@pytest.mark.parametrize(
    "own",
    [OSError(errno.ENOSPC, "No space left on device"), TimeoutError(), BrokenPipeError(), ValueError("x")],
)
async def test_the_callers_own_errors_are_not_the_databases(tickdeck_db: str, own: Exception) -> None:
    pool = await open_pool(tickdeck_db, role="reader", size=1)
    for opened in (reading, snapshot):
        with pytest.raises(type(own)) as raised:
            async with opened(pool):
                raise own
        assert raised.value is own
    await pool.close()


async def test_the_drivers_errors_are_translated(tickdeck_db: str) -> None:
    pool = await open_pool(tickdeck_db, role="reader", size=1)
    with pytest.raises(SchemaError, match="tickdeck db migrate"):
        async with reading(pool) as connection:
            await connection.execute("select * from nothing_of_that_name")
    with pytest.raises(DatabaseError, match="division by zero"):
        async with reading(pool) as connection:
            await connection.execute("select 1 / 0")
    pid = await pool.fetchval("select pg_backend_pid()")
    owner = await asyncpg.connect(tickdeck_db)
    with pytest.raises(DatabaseUnavailableError):
        async with reading(pool) as connection:
            await asyncio.gather(
                connection.execute("select pg_sleep(5)"),
                owner.execute("select pg_terminate_backend($1)", pid),
            )
    await owner.close()
    await pool.close()
    with pytest.raises(DatabaseUnavailableError):
        async with reading(pool):
            pass


async def test_what_may_work_later_is_told_from_what_never_will(
    tickdeck_db: str, tick_factory: TickFactory
) -> None:
    """Each is what the server itself raises."""
    pool = await open_pool(tickdeck_db, role="writer", size=1, statement_timeout_s=0.5)
    owner = await asyncpg.connect(tickdeck_db)
    store, batch = TickStore(pool), tick_factory.batch(10)
    for setting in ("lock_timeout = '100ms'", "statement_timeout = '100ms'"):
        async with owner.transaction():
            await owner.execute("lock table ticks in access exclusive mode")
            await pool.execute(f"set {setting}")
            with pytest.raises(DatabaseUnavailableError, match="cannot write ticks"):
                await store.write(batch)
        await pool.execute(f"set {setting.split(' ')[0]} = 0")
    for sqlstate in ("53100", "53200", "53400", "40001", "58030", "25006", "57P03"):
        with pytest.raises(DatabaseUnavailableError):
            async with reading(owner) as connection:
                await connection.execute(
                    f"do $$ begin raise exception 'x' using errcode = '{sqlstate}'; end $$"
                )
    for sqlstate in ("23514", "42501", "22012", "XX001", "TD001", "0A000"):
        with pytest.raises(DatabaseError) as raised:
            async with reading(owner) as connection:
                await connection.execute(
                    f"do $$ begin raise exception 'x' using errcode = '{sqlstate}'; end $$"
                )
        assert not isinstance(raised.value, DatabaseUnavailableError)
    assert (await store.write(batch)).stored == 10
    await owner.close()
    await pool.close()
