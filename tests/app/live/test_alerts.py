"""Alert rules beside running hubs: each firing once, told to its owner, over restarts and several processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg

from tickdeck.app.config import LiveSettings
from tickdeck.app.live.alerts import AlertDesk
from tickdeck.app.live.hub import Hub
from tickdeck.app.push.broadcast import Viewer
from tickdeck.app.push.outlets import Message
from tickdeck.app.users.identity import Identity
from tickdeck.db import alerts
from tickdeck.db.session import Pool, open_pool

PATIENCE_S = 60.0
"""Bounds what will never come, not what is slow."""


class Heard:
    """An outlet that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def ready(self) -> bool:
        return True

    def write(self, message: Message) -> None:
        self.messages.append(orjson.loads(message.data))

    async def drained(self) -> None: ...

    def abort(self) -> None: ...

    def close(self) -> None: ...

    @property
    def alerts(self) -> list[dict[str, Any]]:
        return [each["alert"] for each in self.messages if each["type"] == "alert"]


@asynccontextmanager
async def hubs(url: str, own: Pool, count: int) -> AsyncIterator[list[Hub]]:
    pool = await open_pool(url, role="reader", size=4)
    try:
        made = [Hub(url, pool, LiveSettings(), own=own) for _ in range(count)]
        for hub in made:
            await hub.__aenter__()
        try:
            for hub in made:
                await hub.ready()
            await until(lambda: all(desk_of(hub).ready for hub in made))
            yield made
        finally:
            for hub in made:
                await hub.__aexit__(None, None, None)
    finally:
        await pool.close()


def desk_of(hub: Hub) -> AlertDesk:
    assert hub.alerts is not None
    return hub.alerts


async def until(reached: Callable[[], Any]) -> None:
    for _ in range(round(PATIENCE_S / 0.01)):
        if reached():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")


async def rule(own: Pool, condition: str, repeat: str = "once", **more: Any) -> UUID:
    number = uuid4()
    symbol = None if condition.startswith("feed") else "A"
    await alerts.save_rule(own, alerts.AlertRule(number, None, symbol, condition, repeat, "1m", **more))
    return number


async def test_each_firing_is_stored_once_and_told_to_its_owner(tickdeck_db: str) -> None:
    # In one minute: at the turn of one, what was traded before it would be the bar that the volume is compared with.
    now = datetime.now(UTC).replace(second=5, microsecond=0) - timedelta(minutes=1)
    connection = psycopg.connect(tickdeck_db, autocommit=True)
    seconds = iter(range(1000))

    def trade(*prices: float, size: float = 1) -> None:
        """One statement, a price a tick."""
        at = now + timedelta(seconds=next(seconds))
        rows = [(at + timedelta(microseconds=n), price, size) for n, price in enumerate(prices)]
        values = ",".join(f"('{when.isoformat()}', 'A', {price}, {size})" for when, price, size in rows)
        connection.execute(f"insert into ticks (time, symbol, price, size) values {values}")

    async def log() -> list[tuple[UUID, float]]:
        return [(each.rule, each.value) for each in reversed(await alerts.read_log(own, None))]

    own = await open_pool(tickdeck_db, role="settings", size=4)
    try:
        trade(100)
        touched = await rule(own, "price above 110")
        crossing = await rule(own, "price crosses 105", "rearm")
        async with hubs(tickdeck_db, own, 2) as both:
            mine, others = Heard(), Heard()
            viewers = [
                (both[0], Viewer(mine)),
                (both[1], Viewer(others, Identity("other", "viewer", user_id=77))),
            ]
            with both[0].connected(viewers[0][1]), both[1].connected(viewers[1][1]):
                trade(101, 110.5, 100)  # there and back within one message
                await until(lambda: len(mine.alerts) == 2)
                assert {(each["rule"], each["value"]) for each in mine.alerts} == {
                    (str(touched), 110.5),
                    (str(crossing), 110.5),
                }
                made = await rule(own, "volume 3x of 1")  # while it runs
                high = await rule(own, "new high", "rearm")
                await until(lambda: all(str(high) in desk_of(each).engine.rules for each in both))
                trade(111)
                await until(lambda: len(mine.alerts) == 4)
                await alerts.delete_rule(own, None, high)
                await alerts.delete_rule(own, None, made)
                await until(
                    lambda: all(desk_of(each).engine.rules.keys() == {str(crossing)} for each in both)
                )
                assert others.alerts == []
            await until(
                lambda: all(desk_of(each).saved_us >= int(now.timestamp()) * 1_000_000 for each in both)
            )
        before = await log()
        assert sorted(before) == sorted([(touched, 110.5), (crossing, 110.5), (crossing, 111), (high, 111)])
        trade(90)
        trade(120)  # while nobody looks
        trade(95)
        async with hubs(tickdeck_db, own, 2):
            await until_async(log, lambda found: len(found) == len(before) + 3)
            trade(107)
            await until_async(log, lambda found: len(found) == len(before) + 4)
        assert [each for each in await log() if each not in before] == [
            (crossing, 90), (crossing, 120), (crossing, 95), (crossing, 107),
        ]  # fmt: skip
    finally:
        connection.close()
        await own.close()


async def until_async(ask: Callable[[], Any], reached: Callable[[Any], bool]) -> None:
    for _ in range(round(PATIENCE_S / 0.02)):
        if reached(found := await ask()):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(found)
