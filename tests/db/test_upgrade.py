"""From the schema that was released first to this one, with data in place and a feed of that time beside it.

A rolling upgrade (expand, migrate, contract): the schema is migrated first, while feeds of the old program write; these are
exchanged for new ones at any later time.  The statements here are those of that program, to the letter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg
import psycopg
import pytest

from tests.reference import Tick, fold_all
from tickdeck.db.candles.build import build_candles
from tickdeck.db.candles.verify import verify
from tickdeck.db.market.types import to_us
from tickdeck.db.migrate import downgrade, upgrade
from tickdeck.db.revisions import head
from tickdeck.db.session import open_pool
from tickdeck.db.ticks.store import TickStore
from tickdeck.testing.ticks import TickFactory

RELEASED: Final = "0004"
COLUMNS: Final = ("time", "symbol", "seq", "price", "size", "bid", "ask", "exchange", "conditions")
OFFERED: Final = """
create temporary table if not exists offered_ticks (
    time        timestamptz not null,
    symbol      text collate "C" not null,
    seq         bigint not null,
    price       double precision not null,
    size        double precision not null,
    bid         double precision,
    ask         double precision,
    exchange    text,
    conditions  text
) on commit delete rows
"""
STORE_OFFERED: Final = """
insert into ticks (time, symbol, seq, price, size, bid, ask, exchange, conditions)
select time, symbol, seq, price, size, bid, ask, exchange, conditions
from pg_temp.offered_ticks
order by symbol, time, seq
on conflict do nothing
"""
DIFFERING: Final = """
select o.symbol, o.time, o.seq, t.price, t.size, t.bid, t.ask, t.exchange, t.conditions
from pg_temp.offered_ticks o
join ticks t on t.symbol = o.symbol and t.time = o.time and t.seq = o.seq
where t.time between $1 and $2
  and (t.price, t.size, t.bid, t.ask, t.exchange, t.conditions)
      is distinct from (o.price, o.size, o.bid, o.ask, o.exchange, o.conditions)
"""
DROPPED: Final = """
select (extract(epoch from first) * 1000000)::bigint, (extract(epoch from until) * 1000000)::bigint
from dropped_ticks
where first <= $2 and until > $1
order by 1
"""
REPORT: Final = """
with reported as (
    insert into feeds as f (name, kind, state, detail, stored, rejected)
    values ($1, $2, $3, $4, $5, $6)
    on conflict (name) do update set
        kind = excluded.kind,
        state = excluded.state,
        detail = excluded.detail,
        stored = excluded.stored,
        rejected = excluded.rejected,
        started_at = case when $7::boolean then excluded.started_at else f.started_at end,
        seen_at = excluded.seen_at
    returning name, kind, state, left(detail, 1000) as detail, stored, rejected
)
select pg_notify('tickdeck_v1', json_build_object('feed', row_to_json(reported))::text)
from reported
"""
BATCH: Final = 21
SYMBOLS: Final = ("SPY", "QQQ", "IWM")

Row = tuple[Any, ...]


class OldFeed:
    """A feed of the released program: it writes batches until `stop`, each until it is stored, and repeats some."""

    def __init__(self, url: str, start: datetime) -> None:
        self.rows: list[Row] = []
        self.batches = 0
        self.wrote = asyncio.Event()
        self._url = url
        self._start = start
        self._stopping = False

    def stop(self) -> None:
        self._stopping = True

    async def run(self) -> None:
        connection = await asyncpg.connect(self._url)
        try:
            await connection.execute("set role tickdeck_writer")
            for number in count():
                if self._stopping:
                    break
                batch = self._batch(number)
                await self._until_stored(connection, batch)
                self.rows += batch
                self.batches += 1
                self.wrote.set()
                if number % 5 == 4:  # as after a lost answer: nobody knows whether it is stored
                    await self._until_stored(connection, batch)
                await connection.execute(REPORT, "old", "walk", "running", "", len(self.rows), 0, number == 0)
                await asyncio.sleep(0)
        finally:
            self.wrote.set()
            await connection.close()

    def _batch(self, number: int) -> list[Row]:
        """Some a second, of all symbols, with quotes and codes on some."""
        made: list[Row] = []
        for n in range(number * BATCH, (number + 1) * BATCH):
            price, quoted = 100 + n % 37 / 4, n % 3 == 0
            at = self._start + timedelta(milliseconds=250 * n)
            sides = (price - 0.25, price + 0.25) if quoted else (None, None)
            made.append((at, SYMBOLS[n % 3], n, price, float(n % 5), *sides, "N" if quoted else None, None))
        return made

    async def _until_stored(self, connection: asyncpg.Connection, batch: Sequence[Row]) -> None:
        """As that program: a COPY, or where something of it is stored already, by way of a table of its own."""
        while True:
            # A migration holds its tables for a moment; a writer that waited for it into a deadlock tries again.
            with suppress(asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError):
                try:
                    await connection.copy_records_to_table("ticks", records=batch, columns=COLUMNS)
                except asyncpg.UniqueViolationError:
                    await self._offer(connection, batch)
                return

    async def _offer(self, connection: asyncpg.Connection, batch: Sequence[Row]) -> None:
        first, last = batch[0][0], batch[-1][0]
        async with connection.transaction():
            await connection.execute(OFFERED)
            await connection.copy_records_to_table(
                "offered_ticks", schema_name="pg_temp", records=batch, columns=COLUMNS
            )
            assert await connection.execute(STORE_OFFERED) == "INSERT 0 0"
            assert await connection.fetch(DIFFERING, first, last) == []
            assert await connection.fetch(DROPPED, first, last) == []


@pytest.fixture
def released(tickdeck_db: str) -> str:
    """A database as the released program left it: days of ticks, candles that are built, and hours that are not."""
    downgrade(tickdeck_db, "base")
    upgrade(tickdeck_db, RELEASED)
    with psycopg.connect(tickdeck_db) as connection:
        connection.execute("insert into instruments (symbol, timezone) values ('SPY', 'America/New_York')")
        connection.execute(
            "insert into ticks (time, symbol, seq, price, size, bid)"
            " select t, s, 1, 50 + extract(minute from t), 2, 1"
            " from generate_series('2026-01-05 00:00+00'::timestamptz, '2026-01-07 23:59+00', '7 min') t,"
            " unnest(array['SPY', 'OLD']) s"
        )
        connection.execute("select tickdeck_build_candles_v1(60)")
    return tickdeck_db


@pytest.mark.fault(
    "an upgrade from the first released schema beside a feed of that time",
    "the feed writes on; nothing is lost, candles are right; a migration that a feed is in the way of is tried again",
)
async def test_an_upgrade_beside_a_running_feed_loses_nothing(released: str) -> None:
    with psycopg.connect(released) as connection:
        kept = connection.execute("select time, symbol, seq, price from ticks order by 1, 2").fetchall()
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=20)
    feed = OldFeed(released, start)
    running = asyncio.create_task(feed.run())

    async def written(batches: int) -> None:
        """Until so many more are."""
        goal = feed.batches + batches
        while feed.batches < goal and not running.done():
            feed.wrote.clear()
            await feed.wrote.wait()
        if running.done():
            await running

    await written(5)
    before = feed.batches
    await asyncio.to_thread(upgrade, released)
    assert feed.batches > before, "it wrote while the schema was migrated"
    await written(10)
    feed.stop()
    await running

    pool = await open_pool(released, role="writer", size=2)
    try:
        # The new program's writer goes on where the old one ended, its builder too.
        rows = feed.rows
        after = TickFactory(released).batch(300, symbols=SYMBOLS, start=rows[-1][0] + timedelta(seconds=1))
        assert (await TickStore(pool).write(after)).stored == 300
        while await build_candles(pool):
            pass
        assert await verify(pool) == []
        stored = await pool.fetch("select time, symbol, seq, price from ticks order by time, symbol, seq")
    finally:
        await pool.close()
    old = [tuple(row) for row in stored if row["time"] < start]
    own = [tuple(row) for row in stored if start <= row["time"] <= rows[-1][0]]
    assert old == kept
    assert own == sorted((row[0], row[1], row[2], row[3]) for row in rows)
    assert len(stored) == len(kept) + len(rows) + 300

    with psycopg.connect(released) as connection:
        assert connection.execute("select version_num from alembic_version").fetchall() == [(head(),)]
        for symbol in SYMBOLS:
            shown = connection.execute(
                "select bucket, open, high, low, close, volume, trades from candles"
                " where symbol = %s and interval = '1m' and bucket >= %s order by 1",
                (symbol, start),
            ).fetchall()
            ticks = [
                Tick(to_us(at), seq, price, size) for at, of, seq, price, size, *_ in rows if of == symbol
            ] + [
                Tick(int(after.time_us[n]), int(after.seq[n]), float(after.price[n]), float(after.size[n]))
                for n in range(300)
                if after.symbol[n] == symbol
            ]
            assert [(to_us(at), *rest) for at, *rest in shown] == [
                (
                    each.time_us,
                    each.open,
                    each.high,
                    each.low,
                    each.close,
                    pytest.approx(each.volume),
                    each.trades,
                )
                for each in fold_all(ticks, "1m", ZoneInfo("UTC"))
            ]


async def test_a_migration_that_a_writer_is_in_the_way_of_is_tried_again(tickdeck_db: str) -> None:
    """Each has what the other wants: the migration is the one that gives in, whatever the writer waits."""
    downgrade(tickdeck_db, "0006")
    writer = await asyncpg.connect(tickdeck_db)
    looking = await asyncpg.connect(tickdeck_db)
    try:
        await writer.execute("set deadlock_timeout = '1h'")
        await writer.execute("begin")
        await writer.execute("lock table ticks in row exclusive mode")  # as an insert does
        migrating = asyncio.create_task(asyncio.to_thread(upgrade, tickdeck_db))
        waits = (
            "select count(*) from pg_locks where relation = 'ticks'::regclass and not granted"
            " and database = (select oid from pg_database where datname = current_database())"
        )
        while not await looking.fetchval(waits):
            assert not migrating.done()
        await writer.execute("select pg_advisory_xact_lock_shared(7455000001)")  # as its trigger does
        await writer.execute("commit")
        await migrating
        assert await looking.fetchval("select version_num from alembic_version") == head()
    finally:
        await writer.close()
        await looking.close()
