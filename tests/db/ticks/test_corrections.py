"""Ticks that are cancelled or corrected: their history is kept, and every candle is what the ticks left fold to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.db.candles.test_read import HOUR, Story, play, stories
from tests.fuzzing import examples
from tests.heard import hearing
from tests.reference import Tick, fold, same
from tickdeck.db.candles.read import read_candles
from tickdeck.db.candles.verify import verify
from tickdeck.db.market.corrections import Correction
from tickdeck.db.market.messages import Restated
from tickdeck.db.market.types import INTERVALS, LATEST_US
from tickdeck.db.session import open_pool
from tickdeck.db.ticks.corrections import restate_ticks, tick_history
from tickdeck.db.ticks.read import read_ticks
from tickdeck.db.ticks.store import TickStore
from tickdeck.testing.ticks import TickFactory


@st.composite
def corrections(draw: st.DrawFn, story: Story) -> list[tuple[int, Tick | None]]:
    """Some of the story's ticks by their number, and what they are from then on: None, cancelled."""
    if not story.ticks:
        return []
    chosen = draw(st.lists(st.integers(0, len(story.ticks) - 1), max_size=8))
    prices = draw(st.lists(st.none() | st.integers(9_800, 10_200), min_size=8, max_size=8))
    return [
        (number, None if cents is None else replace(story.ticks[number], price=cents / 100, size=cents % 7))
        for number, cents in zip(chosen, prices, strict=False)
    ]


@settings(
    max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(story=stories(), data=st.data())
async def test_every_interval_is_a_fold_of_the_corrected_ticks(
    tickdeck_db: str, story: Story, data: st.DataObject
) -> None:
    """Built or not, and built again afterwards; a day, an hour and a minute may lose all of their ticks."""
    connection = await asyncpg.connect(tickdeck_db)
    pool = await open_pool(tickdeck_db, role="writer", size=1)
    try:
        symbol = await play(connection, story)
        now: dict[int, Tick | None] = dict(enumerate(story.ticks))
        for number, tick in data.draw(corrections(story)):
            before = story.ticks[number]
            correction = Correction(
                symbol=symbol,
                time_us=before.time_us,
                seq=before.seq,
                kind="cancel" if tick is None else "correct",
                price=None if tick is None else tick.price,
                size=None if tick is None else tick.size,
            )
            restated = await restate_ticks(pool, [correction], actor="test")
            was_cancelled = now[number] is None
            assert len(restated.rejects) == (was_cancelled and tick is not None)
            assert restated.done == (now[number] != tick and not was_cancelled)
            now[number] = None if was_cancelled else tick
        left = [tick for tick in now.values() if tick is not None]
        for built in (0, 1, 1000):
            await connection.fetchval("select tickdeck_build_candles_v1($1)", built)
            for interval in INTERVALS:
                wanted = [same(candle) for candle in fold(left, interval, ZoneInfo(story.timezone))]
                assert await read_candles(connection, symbol, interval) == wanted, (interval, built)
        assert [each for each in await verify(pool) if each.symbol == symbol] == []
    finally:
        await pool.close()
        await connection.close()


async def test_the_history_tells_who_and_when_and_what_was_before(
    tickdeck_db: str, tick_factory: TickFactory
) -> None:
    ticks = tick_factory(3, symbols=["A"])
    time_us, seq = int(ticks.time_us[1]), int(ticks.seq[1])
    which: Any = {"symbol": "A", "time_us": time_us, "seq": seq}
    pool = await open_pool(tickdeck_db, role="writer", size=1)
    try:
        done = await restate_ticks(
            pool,
            [
                Correction(
                    kind="correct", price=7.0, side=-1, known_us=time_us + 5, reason="fat finger", **which
                ),
                Correction(kind="correct", price=7.0, **which),
                Correction(kind="cancel", **which),
                Correction(kind="cancel", **which),
                Correction(kind="correct", size=7.0, **which),
                Correction(kind="cancel", symbol="A", time_us=time_us, seq=seq + 99),
                Correction(kind="correct", symbol="A", time_us=time_us, seq=seq, price=-1.0),
            ],
            actor="anna",
        )
        assert (done.done, done.same) == (2, 2)
        assert [(each.index, each.field) for each in done.rejects] == [(4, "seq"), (5, "seq"), (6, "price")]
        assert "was cancelled" in done.rejects[0].reason
        assert "is not stored" in done.rejects[1].reason
        first, second = await tick_history(pool, ["A"])
        assert (first.kind, first.actor, first.reason, first.known_us) == (
            "correct",
            "anna",
            "fat finger",
            time_us + 5,
        )
        assert (first.price, first.size, first.side) == (ticks.price[1], ticks.size[1], None)
        assert (second.kind, second.price, second.side) == ("cancel", 7.0, -1)
        assert second.known_us <= second.at_us
        assert (await read_ticks(pool, ["A"], 0, LATEST_US, limit=9)).seq.tolist() == [
            ticks.seq[0],
            ticks.seq[2],
        ]
    finally:
        await pool.close()
    with psycopg.connect(tickdeck_db) as connection:
        assert connection.execute("select event, actor, subject, detail from audit_log").fetchall() == [
            ("ticks_restated", "anna", "A", {"cancelled": 1, "corrected": 1})
        ]
        for what in (
            "delete from tick_history",
            "update tick_history set reason = ''",
            "truncate tick_history",
        ):
            with pytest.raises(psycopg.Error, match="only ever added to"):
                connection.execute(what)
            connection.rollback()


async def test_what_is_sent_again_does_not_bring_it_back(tickdeck_db: str, tick_factory: TickFactory) -> None:
    """A file that is loaded again, a feed that fills a gap: as it was before is as it was stored already."""
    ticks = tick_factory.batch(4, symbols=["A"])
    pool = await open_pool(tickdeck_db, role="writer", size=2)
    try:
        for store in (TickStore(pool), TickStore(pool)):
            await store.write(ticks)
            times, seqs = ticks.time_us.tolist(), ticks.seq.tolist()
            await restate_ticks(
                pool,
                [
                    Correction(symbol="A", time_us=times[0], seq=seqs[0], kind="cancel"),
                    Correction(symbol="A", time_us=times[1], seq=seqs[1], kind="correct", price=7.0),
                ],
                actor="test",
            )
            again = await store.write(ticks)
            assert (again.stored, again.already, again.rejects) == (0, 4, ())
            alone = await store.write(ticks.take(slice(0, 1)))
            assert (alone.stored, alone.already) == (0, 1)
            (other,) = (await store.write(replace(ticks, price=ticks.price + 1).take(slice(1, 2)))).rejects
            assert "price 7.0 stored" in other.reason
        read = await read_ticks(pool, ["A"], 0, LATEST_US, limit=9)
        assert read.price.tolist() == [7.0, *ticks.price[2:].tolist()]
    finally:
        await pool.close()


async def test_a_tick_may_be_named_without_its_exact_time(
    tickdeck_db: str, tick_factory: TickFactory
) -> None:
    ticks = tick_factory(2, symbols=["A"])
    pool = await open_pool(tickdeck_db, role="writer", size=1)
    try:
        later = int(ticks.time_us[0]) + HOUR
        which: Any = {"symbol": "A", "seq": int(ticks.seq[0]), "kind": "cancel", "exact_time": False}
        missed = await restate_ticks(pool, [Correction(time_us=later + 24 * HOUR, **which)], actor="test")
        assert "nor in the day before" in missed.rejects[0].reason
        done = await restate_ticks(pool, [Correction(time_us=later, **which)] * 2, actor="test")
        assert (done.done, done.same, done.rejects) == (1, 1, ())
    finally:
        await pool.close()


async def test_listeners_are_told_which_symbols_to_read_again(
    tickdeck_db: str, tick_factory: TickFactory
) -> None:
    ticks = tick_factory(4, symbols=["A", "B"])
    pool = await open_pool(tickdeck_db, role="writer", size=1)
    try:
        async with hearing(tickdeck_db) as heard:
            await restate_ticks(
                pool,
                [
                    Correction(
                        symbol=ticks.symbol[row],
                        time_us=int(ticks.time_us[row]),
                        seq=int(ticks.seq[row]),
                        kind="cancel",
                    )
                    for row in range(4)
                ],
                actor="test",
            )
            await heard.up_to_now(pool)
            (message,) = heard.told
            assert isinstance(message, Restated)
            assert message.symbols == ("A", "B")
    finally:
        await pool.close()
