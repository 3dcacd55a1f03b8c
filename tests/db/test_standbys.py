"""Real standbys: history that is read there is never older than the primary, and one of them takes its place."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from tests.live_server import live_server
from tickdeck.app.cli.main import main as tickdeck
from tickdeck.app.config import Settings
from tickdeck.app.main import create_app
from tickdeck.app.push.metrics import Metrics
from tickdeck.db.candles.verify import verify
from tickdeck.db.config import DatabaseSettings
from tickdeck.db.embedded import EmbeddedServer
from tickdeck.db.errors import DatabaseUnavailableError
from tickdeck.db.market.types import MAX_TIME_US, MIN_TIME_US, TickBatch
from tickdeck.db.migrate import upgrade
from tickdeck.db.revisions import head
from tickdeck.db.session import open_pool, reading
from tickdeck.db.standbys import Standbys
from tickdeck.db.ticks.read import read_ticks
from tickdeck.db.ticks.store import TickStore
from tickdeck.db.upkeep.standby import name_of
from tickdeck.db.url import place_of, with_database
from tickdeck.feeds.base import FeedBatch
from tickdeck.feeds.rejects import RejectsFile
from tickdeck.feeds.writer import FeedWriter
from tickdeck.testing.ticks import START, TickFactory

PATIENCE_S = 60.0


@dataclass(frozen=True)
class Pair:
    """A primary and its standby."""

    primary: EmbeddedServer
    standby: EmbeddedServer

    @property
    def both(self) -> str:
        """The address of whichever takes what is written."""
        folders = [each.url.partition("host=")[2].partition("&")[0] for each in (self.primary, self.standby)]
        return f"postgresql://postgres@/tickdeck?host={','.join(folders)}&port=5432"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    base = tmp_path_factory.mktemp("pair")
    primary, standby = EmbeddedServer(base / "primary", durable=False), EmbeddedServer(base / "standby")
    try:
        upgrade(primary.up())
        for each in ("alter system set synchronous_commit = 'on'", "select pg_reload_conf()"):
            say(primary.url, each)
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("DATABASE_URL", raising=False)
            patch.setenv("TICKDECK_DATA_DIR", str(primary.data_dir))
            patch.setattr(sys, "argv", ["tickdeck", "db", "standby", str(standby.data_dir)])
            with pytest.raises(SystemExit) as ended:
                tickdeck()
        assert not ended.value.code
        yield Pair(primary, standby)
    finally:
        standby.down()
        primary.down()


def say(url: str, statement: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return None if row is None else row[0]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.01)


@asynccontextmanager
async def history_of(
    pair: Pair, url: str | None = None, *, primary: str | None = None, revision: str | None = None
) -> AsyncIterator[Standbys]:
    """What reads there, looked at as in a dashboard."""
    pool = await open_pool(primary or pair.primary.url, role="reader", size=2)
    history = Standbys(pool, [url or pair.standby.url], revision=revision or head(), size=2)
    looking = asyncio.create_task(history.run())
    try:
        yield history
    finally:
        looking.cancel()
        await asyncio.wait([looking])
        await pool.close()


async def newest(history: Standbys) -> tuple[bool, int]:
    """Whether a standby answered, and the `seq` of the newest tick that it has."""
    async with reading(history) as connection:
        found: int = await connection.fetchval("select max(seq) from ticks")
        by_standby: bool = await connection.fetchval("select pg_is_in_recovery()")
        return by_standby, found


async def until_read(read: Callable[[], Awaitable[tuple[bool, int]]], expected: tuple[bool, int]) -> None:
    """Read until that is the answer: a standby that was waited for in vain is left alone for a moment."""
    async with asyncio.timeout(PATIENCE_S):
        while await read() != expected:  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.01)


async def test_what_is_read_is_never_older_than_what_anybody_has_seen(pair: Pair) -> None:
    ticks = TickFactory(pair.primary.url)
    async with history_of(pair) as history:
        await until(lambda: history.states()[0].reason == "")
        for _ in range(10):  # each is asked for at once: the standby is waited for, or the primary answers
            last = ticks(7, symbols=["SPY", "QQQ"]).seq[-1]
            assert (await newest(history))[1] == last
        last = ticks(1).seq[-1]
        await until_read(partial(newest, history), (True, last))

        say(pair.standby.url, "select pg_wal_replay_pause()")
        await until(lambda: say(pair.standby.url, "select pg_get_wal_replay_pause_state()") == "paused")
        try:
            last = ticks(3).seq[-1]
            by_primary = history.primary_reads
            assert await newest(history) == (False, last)
            assert history.primary_reads == by_primary + 1
            await until(lambda: (now := history.states()[0]).lag_bytes > 0 < now.lag_s and not now.reason)
            shown = exposed(history)
            assert f'tickdeck_history_reads_total{{by="primary"}} {history.primary_reads}.0' in shown
            assert f'tickdeck_standby_used{{standby="{place_of(pair.standby.url)}"}} 1.0' in shown
        finally:
            say(pair.standby.url, "select pg_wal_replay_resume()")
        await until_read(partial(newest, history), (True, last))
        await until(lambda: history.states()[0].lag_bytes == 0)


def exposed(history: Standbys) -> str:
    metrics = Metrics()
    metrics.look_at_standbys(history.states, lambda: history.primary_reads)
    return generate_latest(metrics.registry).decode()


async def test_a_standby_that_is_gone_is_done_without_and_used_again(pair: Pair) -> None:
    ticks = TickFactory(pair.primary.url)
    first = ticks(1, symbols=["GONE"], start=START + timedelta(days=1)).seq[-1]

    async def read(history: Standbys, before: Callable[[], object] = lambda: None) -> tuple[bool, int]:
        async with reading(history) as connection:
            by_standby = await connection.fetchval("select pg_is_in_recovery()")
            if by_standby:
                await asyncio.to_thread(before)
            found = await read_ticks(connection, ["GONE"], MIN_TIME_US, MAX_TIME_US, limit=10)
            return by_standby, int(found.seq[-1])

    with capture_logs() as logs:
        async with history_of(pair) as history:
            await until_read(partial(read, history), (True, first))
            with pytest.raises(DatabaseUnavailableError):  # in the middle of a read
                await until_read(partial(read, history, pair.standby.down), (True, -1))
            assert await read(history) == (False, first)
            second = ticks(1, symbols=["GONE"], start=START + timedelta(days=2)).seq[-1]
            assert await read(history) == (False, second)
            await until(lambda: [each["event"] for each in logs] == ["standby_not_used"])
            await asyncio.to_thread(pair.standby.up)
            await until_read(partial(read, history), (True, second))
    assert [each["event"] for each in logs] == ["standby_not_used", "standby_used"]
    assert logs[0]["standby"] == place_of(pair.standby.url)


@pytest.mark.parametrize(
    ("where", "revision", "why"),
    [
        ("primary", None, "it is no standby, or has been promoted"),
        ("another database", None, "it is no copy of this database"),
        ("standby", "0001", f"its schema is at revision {head()}, 0001 is needed"),
        ("nowhere", None, "cannot connect to the database"),
    ],
)
async def test_what_is_no_standby_of_this_database_is_not_read(
    pair: Pair, where: str, revision: str | None, why: str
) -> None:
    url = {
        "primary": pair.primary.url,
        "another database": with_database(pair.standby.url, "postgres"),
        "standby": pair.standby.url,
        "nowhere": "postgresql://127.0.0.1:1/tickdeck",
    }[where]
    async with history_of(pair, url, revision=revision) as history:
        await until(lambda: history.states()[0].reason != "not looked at yet")
        assert why in history.states()[0].reason
        async with reading(history) as connection:
            assert not await connection.fetchval("select pg_is_in_recovery()")


async def test_a_dashboard_reads_history_there(pair: Pair) -> None:
    TickFactory(pair.primary.url)(10, symbols=["PAGE"])
    settings = Settings(database=DatabaseSettings(read_url=pair.standby.url))
    answered = f'tickdeck_history_reads_total{{by="{place_of(pair.standby.url)}"}}'
    async with (
        asyncio.timeout(PATIENCE_S),
        create_app(settings, pair.primary.url) as app,
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client,
    ):
        while f"{answered} 0.0" in (metrics := (await client.get("/metrics")).text):
            assert len((await client.get("/api/ticks?symbol=PAGE")).json()["ticks"]) == 10
        assert answered in metrics


@pytest.mark.fault(
    "the primary is lost, and a standby takes its place",
    "feeds, viewers and history go on with it; with `synchronous_standby_names` nothing that was acknowledged is missing",
)
async def test_a_primary_that_dies_is_followed_by_its_standby_while_feeds_and_viewers_go_on(
    pair: Pair, tmp_path: Path
) -> None:
    """The last of this file: afterwards there is no pair any more."""
    name = name_of(pair.standby.data_dir)
    say(pair.primary.url, f"alter system set synchronous_standby_names = '{name}'")
    say(pair.primary.url, "select pg_reload_conf()")
    await until(lambda: say(pair.primary.url, "select sync_state from pg_stat_replication") == "sync")
    factory = TickFactory(pair.both)
    pool = await open_pool(pair.both, role="writer", size=2)
    put: list[TickBatch] = []
    acknowledged: list[int] = []
    enough = asyncio.Event()

    async def feed(writer: FeedWriter) -> None:
        while not enough.is_set():
            number = len(put)
            start = START + timedelta(days=3, seconds=number)
            put.append(factory.batch(5, symbols=["LAST"], start=start, seed=number))
            await writer.put(FeedBatch(put[-1], acknowledge=(partial(acknowledged.append, number),)))
            await asyncio.sleep(0.005)

    async with (
        history_of(pair, primary=pair.both) as history,
        live_server(pair.both) as dashboard,
        dashboard.viewer(watchlist="all") as viewer,
        FeedWriter(TickStore(pool), RejectsFile(tmp_path / "rejects")) as writer,
    ):
        feeding = asyncio.create_task(feed(writer))
        await viewer.until(lambda shown: shown.last("LAST") is not None)
        await until(lambda: len(acknowledged) >= 10)
        server = pair.primary.status().pid
        assert server is not None
        os.kill(server, signal.SIGKILL)
        await viewer.until(lambda shown: shown.status.get("state") == "reconnecting")
        before = len(acknowledged)
        assert await asyncio.to_thread(say, pair.standby.url, "select pg_promote()")
        await viewer.until(lambda shown: shown.status.get("state") == "live")
        await until(lambda: len(acknowledged) >= before + 10)
        enough.set()
        await feeding
        await until(lambda: len(acknowledged) == len(put))
        await viewer.until(lambda shown: shown.last("LAST") == put[-1].price[-1])
        assert await newest(history) == (False, put[-1].seq[-1])
        await until(lambda: history.states()[0].reason == "it is no standby, or has been promoted")
    assert sorted(acknowledged) == list(range(len(put)))
    count = sum(map(len, put))
    stored = "from ticks where symbol = 'LAST'"
    assert say(pair.standby.url, f"select count(distinct (time, seq)) {stored}") == count
    assert say(pair.standby.url, f"select count(*) {stored}") == count
    assert await verify(pool) == []
    await pool.close()
