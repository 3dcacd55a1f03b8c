"""When the frame clock lets changes out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
import pytest

from tests.app.market.test_state import NOON, S, bar, bars, batch, state_of
from tickdeck.app.config import LiveSettings
from tickdeck.app.push.broadcast import Broadcast, Viewer
from tickdeck.app.push.metrics import Metrics
from tickdeck.app.push.outlets import Message
from tickdeck.app.push.protocol import Subscription

BEAT_S = 0.5


class Clock:
    """The event loop's clock in the hands of a test: time passes only by `go_on`, whatever the machine does."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._due: tuple[float, Callable[[], None]] | None = None

    def time(self) -> float:
        return self._now

    def call_at(self, when: float, callback: Callable[[], None]) -> Clock:
        """Its own handle: the frame clock has one timer at the most."""
        assert self._due is None
        self._due = when, callback
        return self

    def cancel(self) -> None:
        self._due = None

    def go_on(self, seconds: float = 0.0) -> None:
        """Let what is due in that time happen, by default only what is due at once."""
        end = self._now + seconds
        while self._due is not None and self._due[0] <= end:
            (self._now, callback), self._due = self._due, None
            callback()
        self._now = end


class Collecting:
    """An outlet that keeps what it gets, and is always ready for more."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def ready(self) -> bool:
        return True

    def write(self, message: Message) -> None:
        self.messages.append(orjson.loads(message.data))

    async def drained(self) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def broadcast(clock: Clock) -> AsyncIterator[Broadcast]:
    rates = LiveSettings(grid_rate=1 / BEAT_S, tape_rate=1 / BEAT_S)
    made = Broadcast(state_of("A"), rates, Metrics(), now_us=lambda: NOON, status={"state": "live"})
    made._loop = clock  # type: ignore[assignment]
    yield made
    made.close()


def tick(broadcast: Broadcast, clock: Clock, second: int) -> None:
    """A tick, and what is sent of it at once."""
    broadcast.state.apply(bars(bar(NOON + second * S, 10 + second, symbol="A")))
    broadcast.changed()
    clock.go_on()


async def test_of_three_ticks_after_a_quiet_time_the_third_waits_for_the_beat(
    broadcast: Broadcast, clock: Clock
) -> None:
    outlet = Collecting()
    broadcast.watch(Viewer(outlet), Subscription("all"))
    tick(broadcast, clock, 1)
    tick(broadcast, clock, 2)
    tick(broadcast, clock, 3)
    tick(broadcast, clock, 4)
    assert prices(outlet) == [None, 11, 12]
    clock.go_on(BEAT_S)
    assert prices(outlet) == [None, 11, 12, 14]


async def test_how_long_the_oldest_change_waits_for_its_frame_is_measured(
    broadcast: Broadcast, clock: Clock
) -> None:
    metrics = broadcast._metrics
    broadcast.watch(Viewer(Collecting()), Subscription("all"))
    tick(broadcast, clock, 1)
    assert metrics.frame.quantiles_ms() == (0.0, 0.0)
    for second in (2, 3):
        tick(broadcast, clock, second)
    clock.go_on(BEAT_S / 2)
    tick(broadcast, clock, 4)
    clock.go_on(BEAT_S)
    assert metrics.frame.quantiles_ms() == (0.0, 1000 * BEAT_S), "from the third tick, not the fourth"


async def test_reading_a_tape_for_a_viewer_takes_no_beat_from_its_ticks(
    broadcast: Broadcast, clock: Clock
) -> None:
    state, outlet = broadcast.state, Collecting()
    state.open_tape("A")
    state.load_tape("A", batch([(NOON, 1)]))
    broadcast.watch(Viewer(outlet), Subscription("all", tape="A"))
    clock.go_on(2 * BEAT_S)  # the market is quiet
    for second in (1, 2):
        tick(broadcast, clock, second)
        state.load_tape("A", batch([(NOON + each * S, 1) for each in range(second, -1, -1)]))
        broadcast.changed()
        clock.go_on()
    parts = [message.keys() & {"watchlist", "tape"} for message in outlet.messages[1:]]
    assert parts == [{"watchlist"}, {"tape"}] * 2


class Broken(Collecting):
    """An outlet that takes one message and fails at the next."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def write(self, message: Message) -> None:
        if self.messages:
            raise RuntimeError("broken")
        super().write(message)

    def abort(self) -> None:
        self.aborted = True


@pytest.mark.fault(
    "a viewer reads nothing",
    "it is cut off after `TICKDECK_DEAD_AFTER_S`, the others are served",
    within="10 s",
    soak=True,
)
async def test_a_viewer_that_cannot_be_served_is_cut_and_the_others_are_served(
    broadcast: Broadcast, clock: Clock
) -> None:
    broken, same, other = Broken(), Collecting(), Collecting()
    broadcast.watch(Viewer(broken), Subscription("all"))
    broadcast.watch(Viewer(same), Subscription("all"))
    broadcast.watch(Viewer(other), Subscription(("A",)))
    tick(broadcast, clock, 1)
    tick(broadcast, clock, 2)
    assert prices(same) == prices(other) == [None, 11, 12]
    assert broken.aborted
    assert len(broken.messages) == 1


def prices(outlet: Collecting) -> list[float | None]:
    """The last price in each message; None where there is none."""
    rows = [message["watchlist"]["rows"] for message in outlet.messages]
    return [row[0]["last"] if row else None for row in rows]
