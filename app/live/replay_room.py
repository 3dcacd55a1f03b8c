"""A room: one replay, the viewers who watch it, and the one among them who holds the controls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from app.live.broadcast import Broadcast, Viewer
from app.live.metrics import Metrics
from app.live.protocol import NOTHING, Subscription, parse_subscription
from app.live.replay_clock import ReplayError
from app.live.replay_open import Opened
from app.live.replay_voice import Voice
from app.live.settings import LiveSettings
from app.live.topics import Topics

SWEEP_S: Final = 5.0


class Room:
    """Serves viewers as the hub does, from a player's state; the player runs from `start` to `close`."""

    def __init__(
        self,
        name: str,
        opened: Opened,
        settings: LiveSettings,
        metrics: Metrics,
        *,
        database: str,
    ) -> None:
        player = opened.player
        self.name = name
        self.player = player
        self.calendar = opened.calendar
        self.settings = settings
        self.holder: Viewer | None = None
        self.members: dict[Viewer, str] = {}
        self.unused_since: float | None = None
        """The event loop's time since when nobody is here; None while somebody is."""
        rate = settings.chart_rate  # the same for all parts: they show one clock
        self.broadcast = Broadcast(
            player.state,
            settings.model_copy(update={"grid_rate": rate, "tape_rate": rate}),
            metrics,
            now_us=lambda: player.position.time_us,
            status={"state": "replay", "feeds": [], "database": database},
        )
        self.voice = Voice(
            player,
            timezone=opened.calendar.zone.key,
            ranged=opened.ranged,
            profile=opened.profile,
            sessions=opened.sessions,
            about=self._about,
        )
        self._topics = Topics(player.state, player, grace_s=settings.chart_grace_s)
        self._joined = 0
        self._tasks: list[asyncio.Task[None]] = []
        player.on_change = self.changed

    def start(self) -> None:
        """Let the player run."""
        self._tasks = [asyncio.create_task(self.player.run()), asyncio.create_task(self._sweep())]

    async def close(self) -> None:
        """End the replay; its viewers keep what they have."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.voice.close()
        self.broadcast.close()
        await self.player.close()

    def changed(self) -> None:
        """Let out what the player did."""
        self.broadcast.changed()
        self.voice.changed()

    # -- viewers --------------------------------------------------------------------------------------------

    @property
    def viewers(self) -> int:
        """How many there are."""
        return len(self.members)

    @contextmanager
    def connected(self, viewer: Viewer) -> Iterator[None]:
        """Have the viewer in the room while its connection lasts."""
        self.join(viewer)
        try:
            yield
        finally:
            self.leave(viewer)

    def join(self, viewer: Viewer) -> None:
        """Let the viewer in; it gets the controls where nobody holds them."""
        self._joined += 1
        self.members[viewer] = str(self._joined)
        self.unused_since = None
        if self.holder is None:
            self.holder = viewer
        self.voice.add(viewer)
        self.voice.changed()

    def leave(self, viewer: Viewer) -> None:
        """Let the viewer go; the controls it held are free then."""
        if self.members.pop(viewer, None) is None:
            return
        self.broadcast.leave(viewer)
        self._topics.release(viewer.watched)
        viewer.watched = NOTHING
        self.voice.remove(viewer)
        if self.holder is viewer:
            self.holder = None
        if not self.members:
            self.unused_since = asyncio.get_running_loop().time()
        self.voice.changed()

    async def watch(self, viewer: Viewer, asked: object) -> list[str]:
        """As `Hub.watch`, of the replay's symbols only."""
        watched, complaints = parse_subscription(asked, self.player.instruments)
        await self.show(viewer, watched)
        return complaints

    async def show(self, viewer: Viewer, watched: Subscription) -> None:
        """Let `viewer` watch this from now on."""
        await self._topics.acquire(watched)
        before = viewer.watched
        if viewer in self.members:  # it may have gone while the candles were read
            self.broadcast.watch(viewer, watched)
            self._topics.release(before)
        else:
            self._topics.release(watched)

    async def poll(self, asked: object, since: int) -> bytes:
        """As `Hub.poll`."""
        watched, complaints = parse_subscription(asked, self.player.instruments)
        await self._topics.use(watched)
        return self.broadcast.frames.poll(watched, since, complaints)

    # -- controls -------------------------------------------------------------------------------------------

    def require_controls(self, viewer: Viewer) -> None:
        """Raise `ReplayError` where the viewer does not hold the controls."""
        if self.holder is not viewer:
            held = "nobody holds them: take them" if self.holder is None else "another viewer holds them"
            raise ReplayError(f"the controls of this replay are not yours; {held}")

    def take(self, viewer: Viewer) -> None:
        """Give free controls to the viewer; raise `ReplayError` where they are not free."""
        if self.holder is not None and self.holder is not viewer:
            raise ReplayError("another viewer holds the controls")
        self.holder = viewer
        self.voice.changed()

    def give(self, viewer: Viewer, name: str) -> None:
        """Hand the controls from their holder to the viewer called `name`."""
        self.require_controls(viewer)
        for member, known_as in self.members.items():
            if known_as == name:
                self.holder = member
                self.voice.changed()
                return
        raise ReplayError(f"there is no viewer {name!r} in this replay")

    def _about(self, viewer: Viewer | None) -> dict[str, Any]:
        about: dict[str, Any] = {
            "room": self.name,
            "holder": None if self.holder is None else self.members.get(self.holder),
            "viewers": sorted(self.members.values(), key=int),
        }
        if viewer is not None:
            about |= {"controls": self.holder is viewer, "you": self.members.get(viewer)}
        return about

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self._topics.sweep()
