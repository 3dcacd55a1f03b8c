"""The listener hears everything while it is connected, says when it was not, and a snapshot parts old from new."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from tests.heard import hearing
from tickdeck.db.errors import ConfigurationError, DatabaseError, DatabaseUnavailableError, SchemaError
from tickdeck.db.feeds_status import list_feeds, report_feed
from tickdeck.db.market.messages import Bars, Snapshot
from tickdeck.db.migrate import downgrade
from tickdeck.db.session import open_pool, snapshot
from tickdeck.db.ticks.store import TickStore
from tickdeck.db.url import with_database
from tickdeck.testing.ticks import START, TickFactory

BAR = '{"x": 1, "t": 2, "bars": [[%s, 1, 5, 5, 5, 5, 1, 5, 1, 1000000, 1, 1000000, 1, null, null]]}'


async def test_reconnects_and_says_so(tickdeck_db: str, tick_factory: TickFactory) -> None:
    async with (
        as_admin(tickdeck_db) as admin,
        await open_pool(tickdeck_db, role="writer", size=1) as pool,
        hearing(tickdeck_db) as heard,
    ):
        for cuts in range(1, 4):
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where query like 'LISTEN%' and datname = current_database()"
            )
            await heard.until(lambda: heard.connects == len(heard.losses) + 1 > cuts)  # noqa: B023
            assert len(heard.losses) == cuts
            await TickStore(pool).write(tick_factory.batch(10))
            await heard.up_to_now(pool)
            assert len(heard.told) == cuts


@asynccontextmanager
async def as_admin(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@dataclass(frozen=True)
class Refusal:
    """How a server takes in no more connections of one login to one database, for a while."""

    refuse: str
    restore: str
    says: str
    elsewhere: bool = False
    """Whether the statements are run on another database than the one they name."""


REFUSALS = {
    "login": Refusal(
        "alter role {role} nologin", "alter role {role} login", "the database refused the login"
    ),
    "membership": Refusal(
        "revoke tickdeck_reader from {role}", "grant tickdeck_reader to {role}", "run `tickdeck db migrate`"
    ),
    "privilege": Refusal(
        "revoke connect on database {database} from public",
        "grant connect on database {database} to public",
        "permission denied for database",
    ),
    "limit": Refusal(
        "alter database {database} connection limit 0",
        "alter database {database} connection limit -1",
        "too many connections for database",
    ),
    "closed": Refusal(
        "alter database {database} allow_connections false",
        "alter database {database} allow_connections true",
        "not currently accepting connections",
        elsewhere=True,
    ),
    "gone": Refusal(
        "alter database {database} rename to {database}_away",
        "alter database {database}_away rename to {database}",
        "run `tickdeck db migrate` once it is made",
        elsewhere=True,
    ),
}


@pytest.fixture
async def own_login(tickdeck_db: str, tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    """A login that may listen to this test's database and nobody else has: its name, and the address with it."""
    name = f"listener_{uuid.uuid4().hex[:12]}"
    url = make_url(tickdeck_db)
    folder = url.query.get("host")
    if isinstance(folder, str):  # the embedded server, in whose own folder roles log in by their own names
        socket = f".s.PGSQL.{url.query.get('port', 5432)}"
        (tmp_path / socket).symlink_to(Path(folder) / socket)
        url = url.update_query_dict({"host": str(tmp_path)})
    # Not beside the test's database, which may be closed or away if the test has failed.
    async with as_admin(with_database(tickdeck_db, "postgres")) as admin:
        await admin.execute(f"create role {name} login password 'of {name}' in role tickdeck_reader")
        yield name, url.set(username=name, password=f"of {name}").render_as_string(hide_password=False)
        await admin.execute(f"drop role {name}")


@pytest.mark.parametrize("kind", REFUSALS)
async def test_a_listener_that_is_refused_asks_until_it_is_let_in(
    tickdeck_db: str, tick_factory: TickFactory, own_login: tuple[str, str], kind: str
) -> None:
    """Whatever the reason, however often; and what is committed after it is let in is heard."""
    refusal = REFUSALS[kind]
    role, url = own_login
    names = {"role": role, "database": make_url(url).database}
    cut = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = $1"
    beside = with_database(tickdeck_db, "postgres") if refusal.elsewhere else tickdeck_db
    async with as_admin(beside) as admin, hearing(url) as heard:
        heard.listener._backoff.failures = 2_000  # 2 to their power is no float any more
        heard.listener._backoff.longest_s = 0.1
        if kind == "gone":  # a database with somebody in it cannot be renamed
            await admin.execute(REFUSALS["closed"].refuse.format(**names))
            await admin.execute(cut, role)
            await admin.execute(refusal.refuse.format(**names))
            await admin.execute(REFUSALS["closed"].restore.format(database=f"{names['database']}_away"))
        else:
            await admin.execute(refusal.refuse.format(**names))
            await admin.execute(cut, role)
        await heard.until(lambda: sum(refusal.says in reason for reason in heard.losses) >= 3)
        assert heard.connects == 1
        await admin.execute(refusal.restore.format(**names))
        await heard.until(lambda: heard.connects == 2)
        async with await open_pool(tickdeck_db, role="writer", size=1) as writers:
            await TickStore(writers).write(tick_factory.batch(10))
            await heard.up_to_now(writers)
        assert len(heard.told) == 1


async def test_a_listener_outlives_what_nobody_thought_of(tickdeck_db: str) -> None:
    async with as_admin(tickdeck_db) as admin, hearing(tickdeck_db) as heard:

        async def fails() -> None:
            heard.listener._on_connected = heard.on_connected
            raise KeyError("nothing of the database's")

        heard.listener._on_connected = fails
        await admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where query like 'LISTEN%' and datname = current_database()"
        )
        await heard.until(lambda: heard.connects == 2)
        assert "KeyError" in heard.losses[-1]


@pytest.mark.fault("garbage on the NOTIFY channel", "refused; nothing stops")
async def test_what_is_not_ours_stops_nothing(tickdeck_db: str, tick_factory: TickFactory) -> None:
    pool = await open_pool(tickdeck_db, role="writer", size=1)
    async with hearing(tickdeck_db) as heard:
        for payload in (
            "",
            "no json",
            "[]",
            "{}",
            '{"x": 1, "t": 2, "bars": [[1]]}',
            '{"feed": 7}',
            BAR % 5,
            BAR % '"NOPE\\u0007NOPE"',
        ):
            await pool.execute("select pg_notify('tickdeck_v2', $1)", payload)
        await TickStore(pool).write(tick_factory.batch(10))
        await heard.up_to_now(pool)
        assert len(heard.told) == 1
        assert (heard.connects, heard.losses, heard.refused) == (1, [], 8)
    await pool.close()


async def test_snapshot_sees_exactly_what_was_read(tickdeck_db: str, tick_factory: TickFactory) -> None:
    """Under concurrent commits, the messages a snapshot sees count the very ticks that it read, in new chunks too."""
    writers = await open_pool(tickdeck_db, role="writer", size=5)
    readers = await open_pool(tickdeck_db, role="reader", size=4)
    randomness = random.Random(5)
    days = [START + timedelta(days=number) for number in range(120)]
    batches = [tick_factory.batch(randomness.randrange(1, 40), symbols=["A", "B"], start=day) for day in days]
    reads: list[tuple[Snapshot, int]] = []

    async def write(number: int) -> None:
        for batch in batches[number::4]:
            await TickStore(writers).write(batch)

    async def read() -> None:
        while True:
            async with snapshot(readers) as (connection, seen):
                reads.append((seen, await connection.fetchval("select count(*) from ticks")))

    async with (
        writers,
        readers,
        hearing(tickdeck_db) as heard,
        writers.acquire() as slow,
        slow.transaction(),
    ):
        await slow.fetchval("select pg_current_xact_id()::text")  # in progress in every snapshot
        reading = [asyncio.create_task(read()) for _ in range(4)]
        await asyncio.gather(*(write(number) for number in range(4)))
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        await heard.up_to_now(writers)

    told = [
        (message.xid, sum(bar.candle.trades for bar in message.bars))
        for message in heard.told
        if isinstance(message, Bars)
    ]
    assert sum(trades for _, trades in told) == sum(map(len, batches))
    assert len({count for _, count in reads}) > 10
    assert any(seen.in_progress for seen, _ in reads)
    for seen, count in reads:
        assert count == sum(trades for xid, trades in told if seen.sees(xid))


def test_snapshot_by_the_book() -> None:
    """As in PostgreSQL's manual: 10:20:10,14,15."""
    seen = Snapshot.parse("10:20:10,14,15")
    assert [xid for xid in range(8, 22) if seen.sees(xid)] == [8, 9, 11, 12, 13, 16, 17, 18, 19]
    assert Snapshot.parse("7:7:").sees(6)
    with pytest.raises(DatabaseError, match="not a snapshot"):
        Snapshot.parse("nonsense")


async def test_feeds_say_how_they_are(tickdeck_db: str) -> None:
    pool = await open_pool(tickdeck_db, role="writer", size=1)
    await report_feed(pool, "walk", kind="walk", state="running", starting=True)
    (first,) = await list_feeds(pool)
    await report_feed(pool, "walk", kind="walk", state="failed", detail="d" * 9000, stored=5, rejected=2)
    (last,) = await list_feeds(pool)
    assert (last.state, last.stored, last.rejected) == ("failed", 5, 2)
    assert last.started_at == first.started_at < last.seen_at
    assert last.silent_s >= 0
    with pytest.raises(DatabaseError, match="cannot report feed 'walk'"):
        await report_feed(pool, "walk", kind="walk", state="lost")  # type: ignore[arg-type]
    await pool.close()


async def test_a_wrong_address_fails_at_once_and_clearly(tickdeck_db: str) -> None:
    with pytest.raises(DatabaseUnavailableError, match="cannot connect"):
        await open_pool("postgresql://nobody@127.0.0.1:1/none", role="reader")
    with pytest.raises(ConfigurationError):
        await open_pool("mysql://nobody@127.0.0.1/none", role="reader")
    await asyncio.to_thread(downgrade, tickdeck_db, "base")
    pool = await open_pool(tickdeck_db, role="writer", size=1)
    with pytest.raises(SchemaError, match="tickdeck db migrate"):
        await list_feeds(pool)
    await pool.close()
