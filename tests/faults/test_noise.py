"""What the log says of a fault: one line with the cause, one when it is over, and no traceback."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.faults.running import PATIENCE_S
from tests.faults.wire import Wire
from tickdeck.app.config import LiveSettings
from tickdeck.app.live.hub import Hub
from tickdeck.db.session import open_pool
from tickdeck.db.ticks.store import TickStore
from tickdeck.feeds.base import FeedBatch
from tickdeck.feeds.rejects import RejectsFile
from tickdeck.feeds.writer import FeedWriter
from tickdeck.testing.ticks import TickFactory


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is awaited belongs to the database too
            await asyncio.sleep(0.005)


def stored(writer: FeedWriter, ticks: int) -> bool:
    return writer.counters.done >= ticks


def is_back(said: list[EventDict], times: int) -> bool:
    return [each["event"] for each in said].count("database_back") == times


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the libraries say, asyncio among them, once everything that was let go is collected."""
    gc.collect()
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.fault(
    "the database restarts in the middle of a COPY, connections are cut",
    "the batch is written again; two lines in the log",
)
async def test_a_writer_that_is_cut_off_says_two_lines_and_stores_everything_once(
    tickdeck_db: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    factory = TickFactory(tickdeck_db)
    with Wire(tickdeck_db) as wire, capture_logs() as said, RejectsFile(tmp_path / "rejects.csv") as rejects:
        pool = await open_pool(wire.url, role="writer", size=4)
        try:
            async with FeedWriter(TickStore(pool), rejects) as writer:
                for number in range(1, 6):
                    wire.cut_after(300_000)  # in the middle of a COPY
                    await writer.put(FeedBatch(factory.batch(20_000)))
                    await until(partial(stored, writer, number * 20_000))
        finally:
            async with asyncio.timeout(PATIENCE_S):
                await pool.close()
        assert wire.cuts >= 5
    assert [each["event"] for each in said] == ["ticks_held", "ticks_stored_again"] * (len(said) // 2)
    assert 2 <= len(said) <= 10
    assert all("switch to state" not in str(each.get("reason")).partition("(")[0] for each in said)
    assert warnings_of(caplog) == []
    with psycopg.connect(tickdeck_db) as connection:
        assert connection.execute("select count(*), count(distinct seq) from ticks").fetchone() == (
            100_000,
            100_000,
        )


@pytest.mark.fault("the page loses its database", "`reconnecting`, then a snapshot; two lines in the log")
async def test_a_dashboard_whose_database_goes_says_two_lines(
    tickdeck_db: str, tick_factory: TickFactory, caplog: pytest.LogCaptureFixture
) -> None:
    tick_factory(100)
    with Wire(tickdeck_db) as wire, capture_logs() as said:
        pool = await open_pool(wire.url, role="reader", size=4)
        try:
            async with (
                Hub(wire.url, pool, LiveSettings(), database="test") as hub,
                asyncio.timeout(PATIENCE_S),
            ):
                await hub.ready()
                for number in range(1, 4):
                    wire.cut()
                    await until(partial(is_back, said, number))
        finally:
            async with asyncio.timeout(PATIENCE_S):
                await pool.close()
    events = [each["event"] for each in said]
    assert events == ["database_connected", *["database_lost", "database_back"] * 3]
    assert warnings_of(caplog) == []
