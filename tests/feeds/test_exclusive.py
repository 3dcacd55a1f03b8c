"""A feed runs once on a database, whoever starts it, and the audit log knows when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from tickdeck.db import feed_lock as locking
from tickdeck.db.errors import FeedRunsError
from tickdeck.db.session import Pool, open_pool
from tickdeck.feeds import exclusive
from tickdeck.feeds.exclusive import exclusively

LOCKS = """
    from pg_locks where locktype = 'advisory' and classid = 74550003
    and database = (select oid from pg_database where datname = current_database())
"""
"""Those of this test's database: others on the server run feeds, too."""
HOLDERS = f"select pid {LOCKS} and granted"


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last word of a feed is written, and its lock let go, on a machine that is busy with other things as well."""
    monkeypatch.setattr(exclusive, "_FAREWELL_S", 60.0)
    monkeypatch.setattr(locking, "_RELEASE_S", 60.0)


@pytest.fixture
async def pool(tickdeck_db: str) -> AsyncIterator[Pool]:
    pool = await open_pool(tickdeck_db, role="writer", size=2)
    yield pool
    pool.terminate()


@pytest.fixture
async def other(tickdeck_db: str) -> AsyncIterator[Pool]:
    pool = await open_pool(tickdeck_db, role="writer", size=2)
    yield pool
    pool.terminate()


@pytest.fixture
async def owner(tickdeck_db: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(tickdeck_db)
    yield connection
    await connection.close()


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 - a server's state sets no event
            await asyncio.sleep(0.01)


async def test_a_feed_that_runs_is_not_run_again(
    pool: Pool, other: Pool, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "TAKE_S", 0.1)
    async with exclusively(pool, "walk", by="me", symbols=3):
        with pytest.raises(FeedRunsError, match=r"another process: stop that one first.*--no-feed"):
            async with exclusively(other, "walk", by="you"):
                pytest.fail("two at once")
        async with exclusively(other, "another feed", by="you"):
            pass
    async with exclusively(other, "walk", by="you"):
        pass
    log = await owner.fetch(
        "select event, subject, detail->>'by' as by, detail->>'how' as how from audit_log order by id"
    )
    assert [tuple(each) for each in log] == [
        ("feed_started", "walk", "me", None),
        ("feed_started", "another feed", "you", None),
        ("feed_ended", "another feed", "you", "ended"),
        ("feed_ended", "walk", "me", "ended"),
        ("feed_started", "walk", "you", None),
        ("feed_ended", "walk", "you", "ended"),
    ]


async def test_how_a_feed_ended_is_in_the_audit_log(pool: Pool, owner: asyncpg.Connection) -> None:
    with pytest.raises(ValueError, match="no"):
        async with exclusively(pool, "walk", by="me"):
            raise ValueError("no")
    running = asyncio.create_task(_run(pool))
    await until(lambda: owner.fetchval("select count(*) = 2 from audit_log where event = 'feed_started'"))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    how = await owner.fetch("select detail->>'how' from audit_log where event = 'feed_ended' order by id")
    assert [each[0] for each in how] == ["failed: no", "stopped"]


async def _run(pool: Pool) -> None:
    async with exclusively(pool, "walk", by="me"):
        await asyncio.Event().wait()


@pytest.mark.fault(
    "a second process runs a feed that runs already, by another `run` on the same `DATABASE_URL` too"
)
async def test_a_lock_that_was_lost_is_taken_again(pool: Pool, owner: asyncpg.Connection) -> None:
    running = asyncio.create_task(_run(pool))
    await until(lambda: owner.fetchval(HOLDERS))
    first = await owner.fetchval(HOLDERS)
    await owner.execute("select pg_terminate_backend($1)", first)

    async def another() -> bool:
        return await owner.fetchval(HOLDERS) not in {None, first}

    await until(another)
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})


async def test_who_lost_the_lock_to_another_gives_up(
    tickdeck_db: str, pool: Pool, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "TAKE_AGAIN_S", 0.1)
    running = asyncio.create_task(_run(pool))
    await until(lambda: owner.fetchval(HOLDERS))
    first = await owner.fetchval(HOLDERS)
    waiting = asyncio.create_task(owner.execute("select pg_advisory_lock(74550003, hashtext('walk'))"))
    killer = await asyncpg.connect(tickdeck_db)
    await until(lambda: killer.fetchval(f"select count(*) {LOCKS} and not granted"))
    await killer.execute("select pg_terminate_backend($1)", first)
    with pytest.raises(FeedRunsError):
        await running
    await waiting
    await killer.close()
