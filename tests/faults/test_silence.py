"""A database that answers nothing any more, as a network that is gone leaves it: a feed that is stopped still ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from tests.faults.running import PATIENCE_S
from tests.faults.wire import Wire
from tickdeck.db.session import close_pool, open_pool
from tickdeck.db.ticks.store import TickStore
from tickdeck.feeds.base import FeedBatch
from tickdeck.feeds.errors import FeedError
from tickdeck.feeds.rejects import RejectsFile
from tickdeck.feeds.writer import FeedWriter, WriterLimits
from tickdeck.testing.pace import Stopwatch
from tickdeck.testing.ticks import TickFactory


def rows_kept(folder: Path) -> int:
    (kept,) = folder.glob("*-not-stored.csv")
    return len(kept.read_text().splitlines()) - 1


@pytest.mark.fault(
    "a feed is stopped while the database says nothing",
    "it ends, and keeps what was not stored",
    within="drain 4 s",
)
async def test_a_feed_that_is_stopped_keeps_what_a_silent_database_did_not_take(
    tickdeck_db: str, tmp_path: Path
) -> None:
    factory = TickFactory(tickdeck_db)
    with Wire(tickdeck_db) as wire, RejectsFile(tmp_path / "rejects.csv") as rejects:
        pool = await open_pool(wire.url, role="writer", size=4)

        async def feed() -> None:
            async with FeedWriter(TickStore(pool), rejects, limits=WriterLimits(drain_s=0.3)) as writer:
                await writer.put(FeedBatch(factory.batch(500)))
                async with asyncio.timeout(PATIENCE_S):
                    while writer.counters.stored < 500:  # noqa: ASYNC110 - what is awaited belongs to the database too
                        await asyncio.sleep(0.005)
                wire.hold()
                await writer.put(FeedBatch(factory.batch(700)))
                await asyncio.Event().wait()

        feeding = asyncio.create_task(feed())
        async with asyncio.timeout(PATIENCE_S):
            while wire.flows:  # noqa: ASYNC110 - it is another thread's
                await asyncio.sleep(0.005)
        watch = Stopwatch()
        feeding.cancel()
        with pytest.raises(FeedError, match="700 ticks could not be stored before the end; they are in"):
            await feeding
        await close_pool(pool)
        assert watch.seconds() < 8
    assert rows_kept(tmp_path) == 700
    with psycopg.connect(tickdeck_db) as connection:
        assert connection.execute("select count(*) from ticks").fetchone() == (500,)
