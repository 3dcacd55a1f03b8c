"""What viewers get when the database goes away and comes back, and what the status says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.live_server import insert, live_server
from tickdeck.db.url import libpq_url, with_database

T0 = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)


@asynccontextmanager
async def database_away(url: str) -> AsyncIterator[None]:
    """Cut every connection of the dashboard and let none in until the block ends."""
    name = conninfo_to_dict(libpq_url(url))["dbname"]
    with psycopg.connect(with_database(url, "postgres"), autocommit=True) as admin:
        admin.execute(f'alter database "{name}" allow_connections false')
        try:
            admin.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                "where datname = %s and application_name = 'tickdeck reader'",
                (name,),
            )
            yield
        finally:
            admin.execute(f'alter database "{name}" allow_connections true')


async def test_a_lost_database_is_told_and_what_happened_meanwhile_is_read(tickdeck_db: str) -> None:
    insert(tickdeck_db, (T0, "SPY", 1.0))
    async with live_server(tickdeck_db) as server:
        chart = {"symbol": "SPY", "interval": "1m"}
        writer = psycopg.connect(tickdeck_db, autocommit=True)
        async with server.viewer(watchlist="all", chart=chart, tape="SPY") as viewer:
            await viewer.next("snapshot")
            async with database_away(tickdeck_db):
                await viewer.until(lambda v: v.status["state"] == "reconnecting")
                ok, facts = server.hub.health()
                assert not ok
                assert facts["reason"]
                async with server.viewer(watchlist="all", chart={"symbol": "SPY", "interval": "1h"}) as late:
                    snapshot = await late.next("snapshot")
                    assert snapshot["status"]["state"] == "reconnecting"
                    assert late.last("SPY") == 1, "what is known is still shown"
                    writer.execute(
                        "insert into ticks (time, symbol, price) values (%s, 'SPY', 2), (%s, 'NEW', 5)",
                        (T0 + timedelta(seconds=1), T0),
                    )
            snapshot = await viewer.next("snapshot")
            assert snapshot["status"]["state"] == "live"
            assert (viewer.last("SPY"), viewer.last("NEW"), len(viewer.ticks)) == (2, 5, 2)
            assert [candle[4] for candle in viewer.candles.values()] == [2]
            assert server.hub.health()[0]
            writer.execute(
                "insert into ticks (time, symbol, price) values (%s, 'SPY', 3)", (T0 + timedelta(seconds=2),)
            )
            await viewer.until(lambda v: v.last("SPY") == 3 and len(v.ticks) == 3)
        writer.close()


async def test_a_chart_asked_for_while_the_database_is_away_comes_later(tickdeck_db: str) -> None:
    insert(tickdeck_db, (T0, "SPY", 1.0))
    async with live_server(tickdeck_db) as server, server.viewer(watchlist="all") as viewer:
        await viewer.next("snapshot")
        async with database_away(tickdeck_db):
            await viewer.until(lambda v: v.status["state"] == "reconnecting")
            await viewer.subscribe(chart={"symbol": "SPY", "interval": "1h"}, tape="SPY")
            assert not (await viewer.next("snapshot")).keys() & {"chart", "tape"}
        await viewer.until(lambda v: v.candles and v.ticks)


async def test_the_status_shows_feeds_and_rate(tickdeck_db: str) -> None:
    from tickdeck.db.feeds_status import report_feed
    from tickdeck.db.session import open_pool

    pool = await open_pool(tickdeck_db, role="writer", size=1)
    try:
        await report_feed(pool, "old", kind="csv", state="ended", starting=True)
        async with live_server(tickdeck_db) as server, server.viewer() as viewer:
            await viewer.subscribe()
            await viewer.until(lambda v: v.status)
            assert viewer.status["database"] == "test"
            assert viewer.status["feeds"] == [{"name": "old", "kind": "csv", "state": "ended"}]
            await report_feed(pool, "walk", kind="walk", state="running", starting=True)
            await viewer.until(lambda v: len(v.status["feeds"]) == 2)
            insert(tickdeck_db, *((T0, f"S{n}", 1.0) for n in range(90)))
            await viewer.until(lambda v: v.status["ticks_per_s"] >= 30)
            await viewer.until(lambda v: v.status["ticks_per_s"] == 0)
    finally:
        await pool.close()
