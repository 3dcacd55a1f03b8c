"""When the frame clock lets changes out."""

from __future__ import annotations

import asyncio

from app.live.broadcast import Broadcast, Viewer
from app.live.metrics import Metrics
from app.live.outlets import Message
from app.live.protocol import Subscription
from app.live.settings import LiveSettings
from tests.unit.test_state import NOON, S, bar, bars, batch, state_of

BEAT_S = 0.2


class Collecting:
    """An outlet that keeps what it gets, and is always ready for more."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def ready(self) -> bool:
        return True

    def write(self, message: Message) -> None:
        self.messages.append(message.data)

    async def drained(self) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...


async def turn() -> None:
    """Let what is due at once happen."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_reading_a_tape_for_a_viewer_takes_no_beat_from_its_first_tick() -> None:
    state = state_of("A")
    broadcast = Broadcast(
        state, LiveSettings(tape_rate=1 / BEAT_S), Metrics(), now_us=lambda: NOON, status={"state": "live"}
    )
    outlet = Collecting()
    try:
        state.open_tape("A")
        state.load_tape("A", batch([(NOON, 1)]))
        broadcast.watch(Viewer(outlet), Subscription("all", tape="A"))
        await asyncio.sleep(2 * BEAT_S)  # the market is quiet
        state.apply(bars(bar(NOON + S, 10, symbol="A")))
        broadcast.changed()
        await turn()
        state.load_tape("A", batch([(NOON + S, 1), (NOON, 1)]))
        broadcast.changed()
        await turn()
    finally:
        broadcast.close()
    snapshot, quotes, tape = outlet.messages
    assert b'"snapshot"' in snapshot
    assert b'"watchlist"' in quotes
    assert b'"tape"' in tape
