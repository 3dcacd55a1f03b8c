"""A stored time zone that only PostgreSQL knows ends nothing: neither a hub that runs, nor one that starts."""

from __future__ import annotations

import psycopg
import pytest

from tests.live_server import insert, live_server


@pytest.mark.parametrize("zone", ["america/new_york", "PST", "EST5EDT4"])
async def test_the_market_goes_on_in_a_zone_that_only_the_server_knows(tickdeck_db: str, zone: str) -> None:
    insert(tickdeck_db, ("2026-01-05 14:30Z", "A", 10), ("2026-01-05 14:30Z", "B", 20))
    for started in ("before", "after"):
        async with (
            live_server(tickdeck_db) as server,
            server.viewer(watchlist="all", chart={"symbol": "A", "interval": "1d"}) as viewer,
        ):
            await viewer.until(lambda v: v.last("A") is not None)
            if started == "before":
                with psycopg.connect(tickdeck_db) as connection:
                    connection.execute("update instruments set timezone = %s where symbol = 'A'", (zone,))
                # A symbol that is new has the instruments read again at once.
                insert(tickdeck_db, ("2026-01-05 14:31Z", "NEW", 1))
                await viewer.until(lambda v: v.last("NEW") is not None)
            time, price = ("2026-01-05 14:32Z", 11) if started == "before" else ("2026-01-05 14:33Z", 12)
            insert(tickdeck_db, (time, "A", price))
            while viewer.last("A") != price:
                await viewer.next()
