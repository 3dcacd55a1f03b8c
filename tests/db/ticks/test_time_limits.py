"""Ticks of the future and of long ago: refused whoever writes them; one that is stored already is not the last price."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tests.feeding import Tickdeck
from tickdeck.db.candles.read import read_candles
from tickdeck.db.config import DatabaseSettings
from tickdeck.db.market.types import Interval
from tickdeck.db.quotes import read_quotes
from tickdeck.db.replay_reads import stored_range
from tickdeck.db.session import open_pool
from tickdeck.db.ticks.read import tape
from tickdeck.db.ticks.store import TickStore
from tickdeck.testing.ticks import Row, TickFactory

INSERT = "insert into ticks (time, symbol, price) values (%s, 'SPY', %s)"
MINUTE = timedelta(minutes=1)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize("wrong", ["2099-01-01Z", "1970-01-01 00:00:01Z", "now+20m"])
def test_a_statement_with_a_tick_of_another_time_stores_nothing(tickdeck_db: str, wrong: str) -> None:
    moment = now() + 20 * MINUTE if wrong == "now+20m" else wrong
    with psycopg.connect(tickdeck_db, autocommit=True) as connection:
        with pytest.raises(psycopg.DatabaseError) as refused:
            connection.execute(
                "insert into ticks (time, symbol, price) values (now(), 'SPY', 1), (%s, 'SPY', 2)", (moment,)
            )
        assert refused.value.sqlstate == "TD002"
        assert "is dated" in str(refused.value)
        connection.execute(INSERT, (now() + 4 * MINUTE, 100))
        assert connection.execute("select price from ticks").fetchall() == [(100.0,)]
        assert connection.execute("select count(*) from candles").fetchone() == (1,)


def test_a_transaction_may_widen_the_limits_for_itself(tickdeck_db: str) -> None:
    with psycopg.connect(tickdeck_db, autocommit=True) as connection:
        with connection.transaction():
            connection.execute("set local tickdeck.ticks_ahead = '100 years'")
            connection.execute("set local tickdeck.ticks_since = '1970-01-01'")
            connection.execute(INSERT, ("2099-01-01Z", 1))
            connection.execute(INSERT, ("1971-01-01Z", 1))
        with pytest.raises(psycopg.DatabaseError, match="is dated 2099"):
            connection.execute(INSERT, ("2099-01-01Z", 2))


async def test_a_feed_stores_the_others_and_gets_the_reason_of_each(
    tickdeck_db: str, tick_factory: TickFactory
) -> None:
    batch = tick_factory.rows(
        [
            Row("SPY", now(), 1),
            Row("SPY", datetime(2099, 1, 1, tzinfo=UTC), 2),
            Row("AIG", datetime(1971, 1, 1, tzinfo=UTC), 3),
            Row("AIG", now() + 4 * MINUTE, 4),
        ]
    )
    pool = await open_pool(tickdeck_db, role="writer", size=1)
    try:
        store = TickStore(pool)
        for stored, already in ((2, 0), (0, 2)):  # the second batch is looked over first
            written = await store.write(batch)
            assert (written.stored, written.already) == (stored, already)
            assert [(each.index, each.field) for each in written.rejects] == [(1, "time"), (2, "time")]
            assert "2099-01-01T00:00:00+00:00 lies in the future" in written.rejects[0].reason
            assert "1971-01-01T00:00:00+00:00 lies too far back" in written.rejects[1].reason
    finally:
        await pool.close()


async def test_the_limits_of_a_feed_are_settings(tickdeck_db: str, tick_factory: TickFactory) -> None:
    settings = DatabaseSettings(ticks_ahead_s=30, ticks_since=datetime(2020, 1, 1, tzinfo=UTC))
    batch = tick_factory.rows(
        [Row("SPY", now() + 20 * MINUTE, 1), Row("SPY", datetime(2019, 12, 31, tzinfo=UTC), 2)]
    )
    pool = await open_pool(tickdeck_db, role="writer", size=1, settings=settings.tick_times())
    history = await open_pool(tickdeck_db, role="writer", size=1, settings=settings.tick_times(history=True))
    try:
        assert [each.index for each in (await TickStore(pool).write(batch)).rejects] == [0, 1]
        assert [each.index for each in (await TickStore(history).write(batch)).rejects] == [0]
    finally:
        await pool.close()
        await history.close()


def test_load_takes_history_and_refuses_the_future(tickdeck: Tickdeck, tmp_path: Path) -> None:
    file = tmp_path / "old.csv"
    file.write_text(
        "time,symbol,price,size\n1975-06-02T14:00:00Z,SPY,10,1\n2024-06-03T14:00:00Z,SPY,11,1\n"
        "2099-06-02T14:00:00Z,SPY,12,1\n"
    )
    ran = tickdeck("load", file, "--json")
    assert (ran.code, ran.summary["stored"], ran.summary["rejected"]) == (3, 2, 1)
    (rejects,) = (tickdeck.folder / "rejects").iterdir()
    row = rejects.read_text().splitlines()[1]
    assert row.startswith((f"{file},4,time,", "old.csv,4,time,"))
    assert "lies in the future" in row


async def test_what_is_stored_of_the_future_is_neither_last_nor_newest(
    tickdeck_db: str, tick_factory: TickFactory
) -> None:
    tick_factory(50, symbols=["SPY"], start=now() - 10 * MINUTE, every=timedelta(seconds=5))
    pool = await open_pool(tickdeck_db, role="reader", size=2)

    intervals: tuple[Interval, ...] = ("1s", "1m", "5m", "1h", "1d", "1w")

    async def shown() -> list[object]:
        candles = [await read_candles(pool, "SPY", interval, limit=5) for interval in intervals]
        return [
            await read_quotes(pool),
            (await tape(pool, ["SPY"], 10))["SPY"].time_us.tolist(),
            await stored_range(pool, ["SPY"]),
            *candles,
        ]

    try:
        before = await shown()
        with psycopg.connect(tickdeck_db) as connection:
            connection.execute("set tickdeck.ticks_ahead = '100 years'")
            connection.execute(INSERT, ("2099-01-01Z", 1))
            connection.execute(INSERT, (now() + 30 * MINUTE, 2))
        assert await shown() == before
    finally:
        await pool.close()
