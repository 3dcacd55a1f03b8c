"""What the hub reads after a notification: no more than it must, and nothing that only a notification claims."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import psycopg
import pytest

from tests.live_server import PATIENCE_S, insert
from tests.statements import statements_of
from tickdeck.app.config import LiveSettings
from tickdeck.app.live import hub as hub_module
from tickdeck.app.live.hub import Hub
from tickdeck.app.market.tapes import tape_ticks
from tickdeck.db.candles.verify import Difference
from tickdeck.db.market.messages import CHANNEL
from tickdeck.db.market.types import to_us
from tickdeck.db.session import Pool, open_pool
from tickdeck.db.statements import statement
from tickdeck.db.ticks.read import tape

T0 = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
SECOND = int(T0.timestamp())


@asynccontextmanager
async def hub_on(url: str, settings: LiveSettings | None = None) -> AsyncIterator[tuple[Hub, Pool]]:
    pool = await open_pool(url, role="reader", size=1)
    try:
        async with Hub(url, pool, settings or LiveSettings()) as hub:
            await hub.ready()
            yield hub, pool
    finally:
        await pool.close()


async def holds(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def notify(url: str, message: object) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select pg_notify(%s, %s)", (CHANNEL, json.dumps(message)))


def bar(symbol: object, second: int = SECOND, **other: Any) -> list[Any]:
    """A bar as the trigger writes it, of one tick at the start of the second."""
    us = second * 1_000_000
    values = {"volume": 1.0, "trades": 1, "seq": 1} | other
    return [
        symbol, second, 1.0, 1.0, 1.0, 1.0, values["volume"], 1.0, values["trades"], us, values["seq"], us,
        values["seq"], None, None,
    ]  # fmt: skip


async def test_a_watched_tape_costs_one_statement_a_notification(
    tickdeck_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "REFRESH_S", 3600.0)
    monkeypatch.setattr(hub_module, "FEEDS_S", 3600.0)
    insert(tickdeck_db, *((after(n), "SPY", 10.0 + n) for n in range(150)))
    async with hub_on(tickdeck_db) as (hub, pool):
        await hub.poll({"tape": "SPY"}, 0)
        shown = hub.state.tapes["SPY"]
        assert len(shown.ticks()) == 100
        async with statements_of(pool) as sent:
            for second in (150, 100.5, 151):  # the second of them is late
                await asyncio.to_thread(insert, tickdeck_db, (after(second), "SPY", 1000 + second))
                await holds(lambda second=second: any(t.price == 1000 + second for t in shown.ticks()))  # type: ignore[misc]
            # Ticks as old as these may be archived: that is asked for as well, in one transaction with it.
            assert sent.count(statement("tape")) == 3
        assert shown.ticks() == tape_ticks((await tape(pool, ["SPY"]))["SPY"])


async def test_a_tick_that_the_read_did_not_find_is_looked_for_once(
    tickdeck_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "REFRESH_S", 3600.0)
    monkeypatch.setattr(hub_module, "FEEDS_S", 3600.0)
    insert(tickdeck_db, (T0, "SPY", 10.0))
    async with hub_on(tickdeck_db) as (hub, pool):
        await hub.poll({"tape": "SPY"}, 0)
        async with statements_of(pool) as sent:
            notify(tickdeck_db, {"x": 2**40, "t": to_us(T0), "bars": [bar("SPY", SECOND + 5)]})
            await holds(lambda: sent.count(statement("tape")) == 2)  # what is new, then all of it
            notify(tickdeck_db, {"x": 2**40, "t": to_us(T0), "bars": [bar("SPY", SECOND + 6, seq=2)]})
            await holds(lambda: sent.count(statement("tape")) == 4)
        assert [tick.price for tick in hub.state.tapes["SPY"].ticks()] == [10.0]


BAD = [
    {"bars": [bar(5)]},
    {"bars": [bar("NOPE")]},
    {"bars": [bar(5), bar("NOPE")]},
    {"bars": [bar([])]},
    {"bars": [bar("a\u0000b")]},
    {"bars": [bar("X" * 3000)]},
    {"bars": [bar("SPY", volume=1e300)]},
    {"bars": [bar("SPY", trades=-(10**12))]},
    {"bars": [bar("SPY", second=10**15)]},
    {"bars": [bar("SPY", seq="x")]},
    {"bars": 7},
    {"reload": [None, "x"]},
    {"feed": {"name": [], "kind": None, "state": 7, "detail": {}, "stored": "x", "rejected": -1}},
    [],
    5,
]


async def test_no_notification_ends_the_hub_or_keeps_it_reading(
    tickdeck_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "REFRESH_S", 3600.0)
    monkeypatch.setattr(hub_module, "FEEDS_S", 3600.0)
    insert(tickdeck_db, (T0, "SPY", 10.0))
    async with hub_on(tickdeck_db) as (hub, pool):
        await hub.poll({"watchlist": "all", "tape": "SPY"}, 0)
        for each in BAD:
            content = {"x": 2**40, "t": to_us(T0), **each} if isinstance(each, dict) else each
            await asyncio.to_thread(notify, tickdeck_db, content)
        await asyncio.to_thread(insert, tickdeck_db, (after(1), "QQQ", 20.0))
        await holds(lambda: hub.state.row("QQQ"))
        await holds(lambda: hub._catch_up.idle)
        async with statements_of(pool) as sent:
            await asyncio.sleep(1.0)  # four rereads a second were the fault
            assert sent == []
        wrong = Difference("SPY", "1m", SECOND * 1_000_000, {}, None)
        hub.verified([wrong])
        well, facts = hub.health()
        assert (well, facts["status"]) == (
            True,
            "degraded",
        )  # it serves, but /healthz says that something is wrong
        assert facts["reason"] == facts["warning"]
        assert "SPY 1m 2024-03-04T14:30Z; `tickdeck verify --repair`" in facts["reason"]
        hub.verified([])
        well, facts = hub.health()
        assert (well, facts["status"], facts["warning"]) == (True, "ok", "")
        assert abs(facts["ticks_per_s"]) < 1e12
        assert orjson.dumps(facts)
        await asyncio.to_thread(insert, tickdeck_db, (after(2), "SPY", 11.0))
        await holds(lambda: hub.state.tapes["SPY"].ticks()[0].price == 11.0)
