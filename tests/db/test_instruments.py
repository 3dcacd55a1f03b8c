"""Instruments are listed, replaced, refused with a reason; a new zone has the days built again."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tickdeck.db.errors import DatabaseError
from tickdeck.db.instruments import list_instruments, upsert_instruments
from tickdeck.db.market.types import Instrument
from tickdeck.db.session import open_pool

SPY = Instrument("SPY", "SPDR S&P 500", "XNYS", "America/New_York", "USD", 2)


async def test_upsert_replaces_and_list_is_in_order(tickdeck_db: str) -> None:
    writer = await open_pool(tickdeck_db, role="writer", size=1)
    reader = await open_pool(tickdeck_db, role="reader", size=1)
    await upsert_instruments(writer, [SPY, Instrument("BTC-USD", price_decimals=8)])
    await upsert_instruments(writer, [Instrument("SPY", "other")])
    assert await list_instruments(reader) == [
        Instrument("BTC-USD", price_decimals=8),
        Instrument("SPY", "other"),
    ]
    await upsert_instruments(writer, [])
    await upsert_instruments(writer, [SPY])
    assert SPY in await list_instruments(reader)
    await writer.close()
    await reader.close()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (Instrument("SPY", timezone="Mars/Olympus"), "Mars/Olympus"),
        (Instrument("A\tB"), "symbol"),
        (Instrument("SPY", price_decimals=31), "price_decimals"),
    ],
)
async def test_wrong_instrument_is_refused(tickdeck_db: str, wrong: Instrument, reason: str) -> None:
    writer = await open_pool(tickdeck_db, role="writer", size=1)
    with pytest.raises(DatabaseError, match=reason):
        await upsert_instruments(writer, [Instrument("AIG"), wrong])
    assert await list_instruments(writer) == []
    await writer.close()


async def test_a_new_zone_has_the_days_built_again(tickdeck_db: str) -> None:
    """Days of the old zone are gone at once, also those that a builder was just making."""
    admin = await asyncpg.connect(tickdeck_db)
    building = await asyncpg.connect(tickdeck_db)
    await admin.execute("insert into ticks (time, symbol, price) values ('2024-01-05 03:00+00', 'SPY', 1)")
    builder = building.transaction()
    await builder.start()
    assert await building.fetchval("select tickdeck_build_candles_v1(10)") == 1

    writer = await open_pool(tickdeck_db, role="writer", size=1)
    task = asyncio.create_task(upsert_instruments(writer, [SPY]))
    waiting = (
        "select exists(select from pg_locks where locktype = 'advisory' and not granted"
        " and database = (select oid from pg_database where datname = current_database()))"
    )
    while not await admin.fetchval(waiting):
        continue
    await builder.commit()
    await task
    assert await admin.fetch("select from candles where interval = '1d'") == []
    assert await admin.fetchval("select tickdeck_build_candles_v1(10)") == 1
    assert str(await admin.fetchval("select bucket from candles where interval = '1d'")) == (
        "2024-01-04 05:00:00+00:00"
    )
    await writer.close()
    await building.close()
    await admin.close()


@pytest.mark.parametrize(
    "zone", ["america/new_york", "PST", "EST5EDT4", "posixrules", "Foo/Bar", "", "../etc/passwd"]
)
async def test_a_zone_that_is_no_iana_name_is_refused(tickdeck_db: str, zone: str) -> None:
    writer = await open_pool(tickdeck_db, role="writer", size=1)
    with pytest.raises(DatabaseError, match=r"SPY: time zone .* is no IANA name"):
        await upsert_instruments(writer, [Instrument("AIG"), Instrument("SPY", timezone=zone)])
    assert await list_instruments(writer) == []
    await writer.close()


@pytest.mark.parametrize("zone", ["america/new_york", "PST", "EST5EDT4"])
async def test_a_stored_zone_that_only_the_server_knows_is_read_as_utc(tickdeck_db: str, zone: str) -> None:
    writer = await open_pool(tickdeck_db, role="writer", size=1)
    await upsert_instruments(writer, [SPY])
    await writer.execute("update instruments set timezone = $1", zone)
    [read] = await list_instruments(writer)
    assert read.timezone == "UTC"
    await writer.close()
