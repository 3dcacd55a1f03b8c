"""What a replay says of itself is conflated, and reaches everybody who can be reached."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import orjson
import pytest

from tickdeck.app.push.broadcast import Viewer
from tickdeck.app.push.outlets import Message
from tickdeck.app.replay.announcements import RATE, Announcements
from tickdeck.app.replay.clock import Position
from tickdeck.app.replay.opening import Replay
from tickdeck.app.replay.profile import Profile
from tickdeck.db.market.types import MINUTE_US, Instrument, to_us

START_US = to_us(datetime(2024, 3, 4, 14, 30, tzinfo=UTC))
PATIENCE_S = 60


class Outlet:
    """Keeps what it gets; `reads` says whether there is room for more."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.reads = True
        self.broken = False

    def ready(self) -> bool:
        return self.reads

    def write(self, message: Message) -> None:
        if self.broken:
            raise RuntimeError("broken")
        self.messages.append(orjson.loads(message.data)["replay"])

    async def drained(self) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...


class Standing:
    """A replay that stands where the test puts it."""

    def __init__(self) -> None:
        clock = SimpleNamespace(start_us=START_US, end_us=START_US + 60 * MINUTE_US, speed=1.0)
        starts = tuple(START_US + n * MINUTE_US for n in range(60))
        profile = Profile(MINUTE_US, starts, tuple(float(n) for n in range(60)))
        self.player = SimpleNamespace(
            profile=profile, clock=clock, position=Position.at(START_US), status="paused", loop=None, failure=None, as_known=False,
            instruments={"SPY": Instrument("SPY")},
        )  # fmt: skip
        calendar = SimpleNamespace(zone=ZoneInfo("UTC"))
        replay = SimpleNamespace(player=self.player, calendar=calendar, sessions=[], range_given=False)
        self.holder = "1"
        self.announcements = Announcements(
            cast("Replay", replay),
            about_room=lambda: {"room": "r", "holder": self.holder, "viewers": ["1", "2"]},
            about_viewer=lambda _: {"controls": False, "you": "2"},
        )

    def add(self) -> Outlet:
        outlet = Outlet()
        self.announcements.add(Viewer(outlet))
        return outlet

    def drag(self, minute: float) -> None:
        self.player.position = Position.at(START_US + round(minute * MINUTE_US))
        self.announcements.changed()


@pytest.fixture
async def standing() -> Standing:
    return Standing()


async def said(outlet: Outlet, minute: float) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while outlet.messages[-1]["clock"] != START_US // 1000 + round(minute * 60_000):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_dragged_timeline_fills_nobody_s_buffer(standing: Standing) -> None:
    quick, slow = standing.add(), standing.add()
    slow.reads = False
    began = asyncio.get_running_loop().time()
    for minute in range(59, 0, -1):  # each step back is told whole
        standing.drag(minute)
        await asyncio.sleep(0.01)
    await said(quick, 1)
    took = asyncio.get_running_loop().time() - began
    assert len(quick.messages) <= took * RATE + 3
    assert len(slow.messages) == 1, "nothing is queued for who does not read"
    slow.reads = True
    await said(slow, 1)
    assert len(slow.messages) == 2
    assert slow.messages[-1]["profile"] == quick.messages[-1]["profile"] == [[START_US // 1000, 0]]


async def test_buckets_come_once_and_in_order_while_it_plays(standing: Standing) -> None:
    quick, late = standing.add(), standing.add()
    standing.player.status = "playing"
    for minute in range(1, 8):
        late.reads = minute != 3
        standing.drag(minute)
        await said(quick, minute)
    standing.drag(8)
    await said(quick, 8)
    await said(late, 8)
    for outlet in (quick, late):
        told: list[Any] = []
        for message in outlet.messages:
            if "room" in message:
                told = []
            told += message.get("profile", [])
        assert [start for start, _ in told] == [(START_US + n * MINUTE_US) // 1000 for n in range(8)]


async def test_a_profile_that_is_another_one_is_told_whole(standing: Standing) -> None:
    outlet = standing.add()
    standing.player.status = "playing"
    standing.drag(3)
    await said(outlet, 3)
    before = standing.player.profile
    volumes = (9.0, *before.volumes[1:])  # a print of the first minute is cancelled
    standing.player.profile = Profile(before.step_us, before.starts, volumes)
    standing.drag(4)
    await said(outlet, 4)
    assert outlet.messages[-1]["profile"] == [
        [(START_US + n * MINUTE_US) // 1000, volume] for n, volume in enumerate((9, 1, 2, 3))
    ]


async def test_one_that_cannot_be_told_does_not_starve_the_next(standing: Standing) -> None:
    broken, well = standing.add(), standing.add()
    broken.broken = True
    standing.holder = "2"
    standing.drag(5)
    await said(well, 5)
    assert well.messages[-1]["holder"] == "2"
