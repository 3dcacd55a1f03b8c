"""Ticks are stored exactly once, and their candles and messages are right, however they come."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import asyncpg
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzzing import examples
from tests.heard import Heard, hearing
from tests.market_stories import NUMBERS, Model, Offer, batch_of, offers
from tests.reference import Tick, same, utc
from tickdeck.db.config import DatabaseSettings
from tickdeck.db.errors import DatabaseUnavailableError
from tickdeck.db.market.messages import Bars, Reload
from tickdeck.db.market.types import MINUTE_US, UPDATES_ALL, UPDATES_LAST, Candle, floor_us, to_us
from tickdeck.db.session import Pool, open_pool
from tickdeck.db.ticks.store import TickStore
from tickdeck.testing.ticks import TickFactory

SETTINGS = settings(
    max_examples=examples(16),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@asynccontextmanager
async def writing(url: str, size: int = 1) -> AsyncIterator[Pool]:
    """As history is loaded: however old a tick is, it is stored."""
    pool = await open_pool(
        url, role="writer", size=size, settings=DatabaseSettings().tick_times(history=True)
    )
    try:
        yield pool
    finally:
        await pool.close()


async def stored_candles(pool: Pool, symbols: Sequence[str]) -> dict[str, list[Candle]]:
    rows = await pool.fetch(
        "select * from candles where interval = '1m' and symbol = any($1) order by symbol, bucket", symbols
    )
    found: dict[str, list[Candle]] = {}
    for row in rows:
        found.setdefault(row["symbol"], []).append(
            Candle(
                to_us(row["bucket"]), row["open"], row["high"], row["low"], row["close"], row["volume"],
                row["turnover"], row["trades"], to_us(row["first_time"]), row["first_seq"],
                to_us(row["last_time"]), row["last_seq"],
            )
        )  # fmt: skip
    return found


async def stored_offers(pool: Pool, symbols: Sequence[str]) -> set[Offer]:
    rows = await pool.fetch("select * from ticks where symbol = any($1)", symbols)
    return {
        Offer(
            row["symbol"],
            Tick(to_us(row["time"]), row["seq"], row["price"], row["size"], row["bid"], row["ask"]),
            row["exchange"],
            row["conditions"],
        )
        for row in rows
    }


def expected(model: Model, interval: str) -> dict[str, list[Candle]]:
    assert interval in {"1s", "1m"}
    candles = model.candles("1s" if interval == "1s" else "1m")
    return {symbol: [same(candle) for candle in each] for symbol, each in candles.items()}


def check_messages(model: Model, heard: Heard, symbols: Sequence[str]) -> None:
    """All bars merged are the fold of the stored ticks, and the newest bar has the last tick's bid and ask."""
    merged, newest = heard.merged(symbols)
    assert merged == expected(model, "1s")
    for symbol in merged:
        lasts = [
            offer.tick
            for offer in model.kept.values()
            if offer.symbol == symbol and offer.tick.moves(UPDATES_LAST)
        ]
        if lasts:
            last = max(lasts, key=lambda tick: (tick.time_us, tick.seq))
            assert (newest[symbol].bid, newest[symbol].ask) == (last.bid, last.ask)


@SETTINGS
@given(data=st.data())
def test_any_ticks_in_any_batches(tickdeck_db: str, data: st.DataObject) -> None:
    symbols = [f"T{next(NUMBERS)}{end}" for end in ("", ".X", "-long-name", "é")]
    batches = data.draw(st.lists(st.lists(offers(symbols), max_size=30), max_size=6))

    async def story() -> None:
        model = Model()
        async with writing(tickdeck_db) as pool, hearing(tickdeck_db) as heard:
            store = TickStore(pool)
            for offered in batches:
                batch = batch_of(offered)
                if batch.updates is None:  # what they move is drawn too, whatever their conditions would say
                    batch = replace(batch, updates=np.full(len(batch), UPDATES_ALL, dtype=np.int16))
                written = await store.write(batch)
                stored, already, rejects = model.write(offered)
                assert (written.stored, written.already) == (stored, already)
                assert [reject.index for reject in written.rejects] == rejects
            assert await stored_offers(pool, symbols) == set(model.kept.values())
            assert await stored_candles(pool, symbols) == expected(model, "1m")
            await heard.up_to_now(pool)
            check_messages(model, heard, symbols)

    asyncio.run(story())


@pytest.mark.parametrize("writers", [2, 4])
@settings(SETTINGS, max_examples=examples(8))
@given(seed=st.integers(0, 2**32))
def test_writers_with_overlapping_ticks(tickdeck_db: str, writers: int, seed: int) -> None:
    """Each writes some ticks of every other, in its own order and batches, over several days."""
    randomness = random.Random(seed)
    symbols = [f"C{next(NUMBERS)}{end}" for end in "abc"]
    days = [utc(f"2024-03-0{day}T23:59:50") for day in range(1, 5)]
    pot = [
        Offer(
            randomness.choice(symbols),
            Tick(
                randomness.choice(days) + randomness.randrange(20) * 1_000_000,
                number,
                100 + number / 128,
                float(randomness.randrange(100)),
            ),
        )
        for number in range(300)
    ]
    shares = [randomness.sample(pot, 200) for _ in range(writers)]

    async def write(pool: Pool, share: Sequence[Offer]) -> tuple[int, int]:
        store = TickStore(pool)
        stored = already = at = 0
        while at < len(share):
            offered = share[at : at + randomness.randrange(1, 90)]
            at += len(offered)
            written = await store.write(batch_of(offered))
            assert written.rejects == ()
            stored, already = stored + written.stored, already + written.already
        return stored, already

    async def story() -> None:
        model = Model()
        async with writing(tickdeck_db, size=writers) as pool, hearing(tickdeck_db) as heard:
            counts = await asyncio.gather(*(write(pool, share) for share in shares))
            for share in shares:
                model.write(share)
            assert sum(stored for stored, _ in counts) == len(model.kept)
            assert sum(map(sum, counts)) == sum(map(len, shares))
            assert await stored_offers(pool, symbols) == set(model.kept.values())
            assert await stored_candles(pool, symbols) == expected(model, "1m")
            await heard.up_to_now(pool)
            check_messages(model, heard, symbols)

    asyncio.run(story())


async def test_big_batches_tell_to_reload(tickdeck_db: str, tick_factory: TickFactory) -> None:
    """The same ticks give the same candles, whether told bar by bar or with one reload."""
    many_bars = tick_factory.batch(1200, symbols=["MANY", "BARS"])  # 120 s of both: 240 bars, then 600
    many_seconds = tick_factory.batch(600, symbols=["WIDE"], every=timedelta(seconds=2))
    huge = tick_factory.batch(5000, symbols=["HUGE"])
    async with writing(tickdeck_db) as pool, hearing(tickdeck_db) as heard:
        store = TickStore(pool)
        await store.write(many_bars)
        await heard.up_to_now(pool)
        assert [type(message) for message in heard.told] == [Bars] * len(heard.told)
        assert len(heard.told) > 1  # more than one message's worth
        heard.told.clear()

        for batch in (many_seconds, huge):
            await store.write(batch)
            await heard.up_to_now(pool)
            (message,) = heard.told
            assert isinstance(message, Reload)
            assert (message.first_us, message.last_us) == (
                floor_us(int(batch.time_us.min()), MINUTE_US),
                floor_us(int(batch.time_us.max()), MINUTE_US) + MINUTE_US - 1,
            )
            heard.told.clear()

        for batch in (many_bars, many_seconds, huge):
            model = Model()
            model.write(
                [
                    Offer(symbol, Tick(int(time_us), int(seq), price, size))
                    for symbol, time_us, seq, price, size in zip(
                        batch.symbol, batch.time_us, batch.seq, batch.price, batch.size, strict=True
                    )
                ]
            )
            symbols = sorted(set(batch.symbol))
            assert await stored_candles(pool, symbols) == expected(model, "1m")


async def test_lost_connection_is_told_and_writing_again_settles_it(
    tickdeck_db: str, tick_factory: TickFactory
) -> None:
    batch = tick_factory.batch(50)
    admin = await asyncpg.connect(tickdeck_db)
    async with writing(tickdeck_db) as pool:
        store = TickStore(pool)
        blocker = admin.transaction()
        await blocker.start()
        await admin.execute("lock table candles in exclusive mode")
        write = asyncio.create_task(store.write(batch))
        waiting = (
            "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        other = await asyncpg.connect(tickdeck_db)
        while (pid := await other.fetchval(waiting)) is None:  # each look is a round trip
            continue
        await other.execute("select pg_terminate_backend($1)", pid)
        with pytest.raises(DatabaseUnavailableError, match="cannot write ticks"):
            await write
        await blocker.rollback()
        assert (await store.write(batch)).stored == 50
        assert (await store.write(batch)).already == 50
        await other.close()
    await admin.close()


async def test_plain_insert_needs_no_seq_and_makes_candles(tickdeck_db: str) -> None:
    admin = await asyncpg.connect(tickdeck_db)
    async with writing(tickdeck_db) as pool:
        await pool.execute(
            "insert into ticks (time, symbol, price) values "
            "('2024-01-05 10:00:01+00', 'PSQL', 1), ('2024-01-05 10:00:01+00', 'PSQL', 2)"
        )
    row = await admin.fetchrow("select open, close, trades from candles")
    assert row is not None
    assert tuple(row) == (1, 2, 2)
    assert await admin.fetchval("select timezone from instruments where symbol = 'PSQL'") == "UTC"
    await admin.close()


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("writer", "update ticks set price = 1"),
        ("writer", "delete from ticks"),
        ("writer", "insert into candles select * from candles"),
        ("writer", "delete from instruments"),
        ("reader", "insert into ticks (time, symbol, price) values (now(), 'SPY', 1)"),
        ("reader", "insert into instruments (symbol) values ('SPY')"),
        ("reader", "update feeds set state = 'ended'"),
    ],
)
async def test_roles_may_not(tickdeck_db: str, role: str, statement: str) -> None:
    pool = await open_pool(tickdeck_db, role="reader" if role == "reader" else "writer", size=1)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(statement)
    await pool.close()
