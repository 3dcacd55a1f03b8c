"""The push from the database to real WebSocket viewers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.live_server import insert, live_server

T0 = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)


async def test_an_insert_shows_in_every_part(tickdeck_db: str) -> None:
    insert(tickdeck_db, (T0, "SPY", 500.0, 10))
    async with (
        live_server(tickdeck_db) as server,
        server.viewer(watchlist="all", chart={"symbol": "SPY", "interval": "1m"}, tape="SPY") as viewer,
    ):
        snapshot = await viewer.next()
        assert snapshot["type"] == "snapshot"
        assert [row["symbol"] for row in snapshot["watchlist"]["rows"]] == ["SPY"]
        assert len(snapshot["chart"]["candles"]) == len(snapshot["tape"]["ticks"]) == 1
        insert(tickdeck_db, (T0 + timedelta(seconds=1), "SPY", 501.0, 5))
        await viewer.until(lambda v: len(v.ticks) == 2)
        assert viewer.rows["SPY"]["last"] == 501
        start = int(T0.timestamp() * 1000)
        assert viewer.candles == {start: [start, 500, 501, 500, 501, 15, 500.0 * 10 + 501 * 5, 2]}
