"""Ticks of a day that retention dropped, when they come again: refused with the reason, never counted twice."""

from __future__ import annotations

import asyncio
import csv
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from tests.feeding import Tickdeck
from tests.paths import SAMPLE
from tickdeck.db.errors import DatabaseError
from tickdeck.db.market.types import TickBatch, concat
from tickdeck.db.session import open_pool
from tickdeck.db.ticks.store import TickStore, Written
from tickdeck.db.upkeep import retention
from tickdeck.db.upkeep.retention import drop_expired
from tickdeck.testing.ticks import Row, TickFactory

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
INSERT = "insert into ticks (time, symbol, seq, price) values (%s, 'SPY', %s, 1)"


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def candles(url: str) -> list[tuple[Any, ...]]:
    return rows(url, "select * from candles order by symbol, interval, bucket")


@pytest.fixture
def days(tickdeck_db: str, tick_factory: TickFactory) -> dict[int, TickBatch]:
    """Ticks of 40, 38 and 2 days ago, of which retention has dropped the first two days."""
    made = {ago: tick_factory(50, symbols=["SPY", "AIG"], start=NOW - ago * DAY) for ago in (40, 38, 2)}
    assert drop_expired(tickdeck_db, 10, now=NOW).chunks == 2
    return made


def test_what_was_dropped_is_refused_and_everything_else_of_the_batch_is_stored(
    tickdeck_db: str, tick_factory: TickFactory, days: dict[int, TickBatch]
) -> None:
    before = candles(tickdeck_db)
    never = tick_factory.batch(
        7, start=NOW - 39 * DAY, symbols=["SPY"]
    )  # older than what is kept, never dropped
    fresh = tick_factory.batch(5, start=NOW, symbols=["SPY"])
    bad = replace(tick_factory.batch(1, start=NOW), price=np.array([-1.0]))
    # What comes twice in the batch is refused twice.
    offered = concat([bad, days[38], fresh, days[40], days[2], never, days[40].take(slice(0, 3))])

    async def twice() -> list[Written]:
        pool = await open_pool(tickdeck_db, role="writer", size=1)
        try:
            store = TickStore(pool)  # the second time it knows what to expect
            return [await store.write(offered), await store.write(offered), await store.write(fresh)]
        finally:
            await pool.close()

    first, second, third = asyncio.run(twice())
    assert (first.stored, first.already, len(first.rejects)) == (12, 50, 1 + 50 + 50 + 3)
    assert (second.stored, second.already, second.rejects) == (0, 62, first.rejects)
    assert (third.stored, third.already, third.rejects) == (0, 5, ())
    refused = {reject.index: reject for reject in first.rejects}
    assert [*refused] == [*range(51), *range(56, 106), *range(163, 166)]
    assert (refused[0].field, refused[1].field, refused[56].field) == ("price", "time", "time")
    assert "2026-02-21T00:00:00+00:00 to 2026-02-22T00:00:00+00:00 were dropped" in refused[1].reason
    assert "2026-02-19T00:00:00+00:00 to 2026-02-20T00:00:00+00:00 were dropped" in refused[163].reason
    after = candles(tickdeck_db)
    assert [candle for candle in before if candle not in after] == []
    trades = "select sum(trades)::int from candles where interval = '1m'"
    assert rows(tickdeck_db, trades) == [(3 * 50 + 12,)]


def test_a_batch_of_nothing_else_stores_nothing(
    tickdeck_db: str, tick_factory: TickFactory, days: dict[int, TickBatch]
) -> None:
    before = candles(tickdeck_db)
    written = tick_factory.write(days[40])
    assert (written.stored, written.already, len(written.rejects)) == (0, 0, 50)
    assert candles(tickdeck_db) == before
    assert rows(tickdeck_db, "select count(*) from ticks where time < '2026-03-01'") == [(0,)]


def test_the_edges_of_a_dropped_stretch(tickdeck_db: str, tick_factory: TickFactory, days: object) -> None:
    first, until = datetime(2026, 2, 21, tzinfo=UTC), datetime(2026, 2, 22, tzinfo=UTC)
    instant = timedelta(microseconds=1)
    edges = [first - instant, first, until - instant, until]
    written = tick_factory.write(tick_factory.rows([Row("SPY", time, 1) for time in edges]))
    assert (written.stored, [reject.index for reject in written.rejects]) == (2, [1, 2])


def test_psql_is_told_which_stretch(tickdeck_db: str, days: object) -> None:
    before = candles(tickdeck_db)
    with psycopg.connect(tickdeck_db) as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute(INSERT, (NOW - 40 * DAY, 1))
    assert refused.value.sqlstate == "TD001"
    assert "the ticks from 2026-02-19 00:00 to 2026-02-20 00:00 UTC were dropped" in str(refused.value)
    assert candles(tickdeck_db) == before


def test_load_again_keeps_every_row_in_the_rejects_file(tickdeck: Tickdeck, tmp_path: Path) -> None:
    loaded = tickdeck("load", SAMPLE, "--json").summary["stored"]
    before = candles(tickdeck.url)
    drop_expired(tickdeck.url, 10, now=NOW)
    assert rows(tickdeck.url, "select count(*) from ticks") == [(0,)]
    again = tmp_path / "again.csv"
    again.write_text(
        SAMPLE.read_text(encoding="utf-8") + "2024-03-20T13:00:00Z,ALS,9,83.5,1,Q,\n", encoding="utf-8"
    )
    ran = tickdeck("load", again, "--json")
    assert (ran.code, ran.summary["stored"], ran.summary["already"]) == (3, 1, 0)
    assert ran.summary["rejected"] == loaded
    with Path(ran.summary["rejects_file"]).open(encoding="utf-8", newline="") as file:
        kept = [*csv.DictReader(file)]
    assert [row["line"] for row in kept] == [str(line) for line in range(2, loaded + 2)]
    assert {row["field"] for row in kept} == {"time"}
    assert all("dropped by retention" in row["reason"] for row in kept)
    after = candles(tickdeck.url)
    assert [candle for candle in before if candle not in after] == []
    assert len(after) == len(before) + 1


@contextmanager
def drop_held_up(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """A drop that has dropped its first chunk and not committed; ends once the function that this yields is called."""
    monkeypatch.setattr(retention, "LOCK_TIMEOUT_MS", 60_000)
    dropping = threading.Thread(target=drop_expired, args=(url, 10), kwargs={"now": NOW})
    with psycopg.connect(url) as holder:
        holder.execute("lock table dropped_ticks in share mode")  # may be read, not written
        dropping.start()
        try:
            wait_for_waiters(url, 1)
            yield holder.rollback
        finally:
            holder.rollback()
            dropping.join()


def wait_for_waiters(url: str, number: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        while True:  # each look is a round trip
            row = connection.execute(
                "select count(*) from pg_stat_activity"
                " where datname = current_database() and wait_event_type = 'Lock'"
            ).fetchone()
            if row == (number,):
                return


def test_who_waits_for_a_chunk_that_is_being_dropped_is_refused_afterwards(
    tickdeck_db: str, tick_factory: TickFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tick_factory(20, start=NOW - 40 * DAY)
    more = tick_factory.batch(20, start=NOW - 40 * DAY)
    fresh = tick_factory.batch(20, start=NOW)
    before = candles(tickdeck_db)
    refused: list[str | None] = []
    written: list[Written] = []

    def insert() -> None:
        with psycopg.connect(tickdeck_db) as connection:
            try:
                connection.execute(INSERT, (NOW - 40 * DAY, 1000))
            except psycopg.Error as exc:
                refused.append(exc.sqlstate)

    def store() -> None:
        written.append(tick_factory.write(concat([old, more, fresh])))

    writers = [threading.Thread(target=insert), threading.Thread(target=store)]
    with drop_held_up(tickdeck_db, monkeypatch) as let_go:
        for writer in writers:
            writer.start()
        wait_for_waiters(tickdeck_db, 3)
        let_go()
        for writer in writers:
            writer.join()
    assert refused == ["TD001"]
    assert [(each.stored, each.already, len(each.rejects)) for each in written] == [(20, 0, 40)]
    after = candles(tickdeck_db)
    assert [candle for candle in before if candle not in after] == []
    assert rows(tickdeck_db, "select count(*) from ticks") == [(20,)]


def test_a_chunk_is_not_dropped_where_that_cannot_be_noted(
    tickdeck_db: str, tick_factory: TickFactory
) -> None:
    tick_factory(20, start=NOW - 40 * DAY)
    with psycopg.connect(tickdeck_db) as holder:
        holder.execute("lock table dropped_ticks in share mode")
        done = drop_expired(tickdeck_db, 10, now=NOW)
    assert (done.chunks, done.in_use) == (0, 1)
    assert rows(tickdeck_db, "select count(*) from ticks") == [(20,)]


def test_another_refusal_of_that_kind_is_an_error_and_no_endless_loop(
    tickdeck_db: str, tick_factory: TickFactory
) -> None:
    with psycopg.connect(tickdeck_db) as connection:
        connection.execute(
            "create function refuse() returns trigger language plpgsql as"
            " $$ begin raise exception using errcode = 'TD001', message = 'not today'; end $$;"
            "create trigger refuse after insert on ticks for each statement execute function refuse()"
        )
    with pytest.raises(DatabaseError, match="not today"):
        tick_factory(1)
