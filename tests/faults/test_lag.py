"""A dashboard that reads slowly, and viewers that come in a crowd: everybody sees what is stored in the end."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import urllib.request
from pathlib import Path

import psycopg
import pytest
import websockets

from tests.app.live.test_hub import differs
from tests.faults.running import PATIENCE_S, wait_for
from tests.faults.wire import Wire
from tickdeck.app.config import LiveSettings
from tickdeck.app.live.hub import Hub
from tickdeck.db.session import open_pool
from tickdeck.testing.dashboard import LiveServer
from tickdeck.testing.ticks import TickFactory

SYMBOLS = [f"LAG{number:02}" for number in range(40)]
CROWD = 200


@pytest.mark.fault(
    "the listener lags behind 150 transactions of 40 symbols",
    "the server keeps them; the page is exact once it has read them",
)
async def test_a_listener_that_lags_behind_catches_up(tickdeck_db: str, tick_factory: TickFactory) -> None:
    """The server keeps in its queue what it cannot get rid of; writers go on, and nothing is missed or counted twice."""
    tick_factory(400, symbols=SYMBOLS)
    with Wire(tickdeck_db) as wire, psycopg.connect(tickdeck_db, autocommit=True) as writer:
        pool = await open_pool(wire.url, role="reader", size=2)
        try:
            async with Hub(wire.url, pool, LiveSettings(), database="") as hub, asyncio.timeout(PATIENCE_S):
                await hub.ready()
                wire.hold()
                for round_ in range(150):
                    writer.execute(
                        "insert into ticks (time, symbol, seq, price, size)"
                        " select '2026-01-06 14:30Z'::timestamptz + %s * interval '1 s', symbol, n, 10 + n / 100.0, 1"
                        " from unnest(%s::text[]) with ordinality t (symbol, n)",
                        (round_, SYMBOLS),
                    )
                wire.go_on()
                while await differs(hub, pool, SYMBOLS) is not None:  # noqa: ASYNC110 - the database tells
                    await asyncio.sleep(0.02)
        finally:
            await pool.close()


@pytest.mark.fault(
    "200 viewers come and go, 50 of them without a word", "no file, no task and no line of the log is left"
)
def test_a_crowd_that_comes_and_goes_leaves_nothing_behind(
    live_server: LiveServer, tick_factory: TickFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """Among them viewers that read nothing and are gone without a word."""
    tick_factory(400, symbols=SYMBOLS)

    async def visit(number: int) -> None:
        async with websockets.connect(
            live_server.ws_url, max_size=2**24, open_timeout=PATIENCE_S, proxy=None
        ) as viewer:
            await viewer.send(json.dumps({"subscribe": {"watchlist": "all"}}))
            if number % 4 == 0:
                viewer.transport.abort()
                return
            while json.loads(await viewer.recv())["type"] != "snapshot":
                pass

    async def crowd() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*(visit(number) for number in range(CROWD)))

    def watching() -> int:
        with urllib.request.urlopen(live_server.url + "/healthz") as answer:  # noqa: S310 - our own server
            return int(json.load(answer)["viewers"])

    files = Path("/proc/self/fd")
    before = 0
    for _ in range(2):
        asyncio.run(crowd())
        wait_for(lambda: watching() == 0)
        before = before or len(list(files.iterdir()))
    wait_for(lambda: len(list(files.iterdir())) <= before + 5)
    gc.collect()
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == []


@pytest.mark.fault("5,000 symbols appear in one transaction", "all are shown")
def test_five_thousand_symbols_that_appear_at_once_are_all_shown(
    live_server: LiveServer, tick_factory: TickFactory
) -> None:
    """In one transaction, more than a notification can tell of."""
    names = [f"NEW{number:04}" for number in range(5_000)]

    async def seen() -> dict[str, float]:
        rows: dict[str, float] = {}
        async with (
            asyncio.timeout(PATIENCE_S),
            websockets.connect(live_server.ws_url, max_size=2**24, proxy=None) as viewer,
        ):
            await viewer.send(json.dumps({"subscribe": {"watchlist": "all"}}))
            stored = asyncio.create_task(tick_factory.write_async(batch))
            while len(rows) < len(names):
                message = json.loads(await viewer.recv())
                rows |= {row["symbol"]: row["last"] for row in message.get("watchlist", {}).get("rows", [])}
            await stored
        return rows

    batch = tick_factory.batch(len(names), symbols=names)
    assert asyncio.run(seen()) == dict(zip(names, batch.price.tolist(), strict=True))
