"""When the frame clock lets changes out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from app.live.broadcast import Broadcast, Viewer
from app.live.metrics import Metrics
from app.live.outlets import Message
from app.live.protocol import Subscription
from app.live.settings import LiveSettings
from tests.unit.test_state import NOON, S, bar, bars, batch, state_of

BEAT_S = 0.5
PATIENCE_S = 10


class Collecting:
    """An outlet that keeps what it gets, and is always ready for more."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self._more = asyncio.Event()

    async def has(self, count: int) -> None:
        """Wait until it has so many messages."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.messages) < count:
                self._more.clear()
                await self._more.wait()

    def ready(self) -> bool:
        return True

    def write(self, message: Message) -> None:
        self.messages.append(orjson.loads(message.data))
        self._more.set()

    async def drained(self) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...


async def turn() -> None:
    """Let what is due at once happen."""
    for _ in range(3):
        await asyncio.sleep(0)


@pytest.fixture
async def broadcast() -> AsyncIterator[Broadcast]:
    rates = LiveSettings(grid_rate=1 / BEAT_S, tape_rate=1 / BEAT_S)
    made = Broadcast(state_of("A"), rates, Metrics(), now_us=lambda: NOON, status={"state": "live"})
    yield made
    made.close()


async def tick(broadcast: Broadcast, second: int) -> None:
    """A tick, and what is sent of it at once."""
    broadcast.state.apply(bars(bar(NOON + second * S, 10 + second, symbol="A")))
    broadcast.changed()
    await turn()


async def test_of_three_ticks_after_a_quiet_time_the_third_waits_for_the_beat(broadcast: Broadcast) -> None:
    outlet = Collecting()
    broadcast.watch(Viewer(outlet), Subscription("all"))
    await tick(broadcast, 1)
    await tick(broadcast, 2)
    await tick(broadcast, 3)
    await tick(broadcast, 4)
    assert prices(outlet) == [None, 11, 12]
    await outlet.has(4)
    assert prices(outlet) == [None, 11, 12, 14]


async def test_reading_a_tape_for_a_viewer_takes_no_beat_from_its_ticks(broadcast: Broadcast) -> None:
    state, outlet = broadcast.state, Collecting()
    state.open_tape("A")
    state.load_tape("A", batch([(NOON, 1)]))
    broadcast.watch(Viewer(outlet), Subscription("all", tape="A"))
    await asyncio.sleep(2 * BEAT_S)  # the market is quiet
    for second in (1, 2):
        await tick(broadcast, second)
        state.load_tape("A", batch([(NOON + each * S, 1) for each in range(second, -1, -1)]))
        broadcast.changed()
        await turn()
    parts = [message.keys() & {"watchlist", "tape"} for message in outlet.messages[1:]]
    assert parts == [{"watchlist"}, {"tape"}] * 2


def prices(outlet: Collecting) -> list[float | None]:
    """The last price in each message; None where there is none."""
    rows = [message["watchlist"]["rows"] for message in outlet.messages]
    return [row[0]["last"] if row else None for row in rows]
