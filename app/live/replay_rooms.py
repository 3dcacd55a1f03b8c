"""All replays of one process: viewers open, join, control and leave them over their connection to the hub."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Self

import structlog

from app.live.broadcast import Viewer
from app.live.hub import Hub
from app.live.outlets import Message
from app.live.protocol import Subscription, encode
from app.live.replay_asked import field_of
from app.live.replay_clock import ReplayError
from app.live.replay_controls import control
from app.live.replay_open import Asked, open_replay
from app.live.replay_room import Room
from app.live.replay_settings import ReplaySettings
from app.live.settings import LiveSettings
from db.errors import TickdeckError
from db.pool import Pool

SWEEP_S: Final = 5.0

log = structlog.get_logger(__name__)


class Rooms:
    """Stands before the hub: a viewer watches the hub, or the room it is in.

    `async with` it inside the hub's; replays end with the block.
    """

    def __init__(self, hub: Hub, pool: Pool, settings: ReplaySettings, *, database: str = "") -> None:
        self.settings: LiveSettings = hub.settings
        self.rooms: dict[str, Room] = {}
        self._hub = hub
        self._pool = pool
        self._limits = settings
        self._database = database
        self._room_of: dict[Viewer, Room] = {}
        self._opening = 0
        self._sweeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._sweeper = asyncio.create_task(self._sweep())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        for room in list(self.rooms.values()):
            await self._end(room)

    # -- as the hub -----------------------------------------------------------------------------------------

    @property
    def viewers(self) -> int:
        """How many are connected, in rooms or not."""
        return self._hub.viewers

    @contextmanager
    def connected(self, viewer: Viewer) -> Iterator[None]:
        """As `Hub.connected`; the viewer leaves its room at the end."""
        with self._hub.connected(viewer):
            try:
                yield
            finally:
                self._out(viewer)

    async def watch(self, viewer: Viewer, asked: object) -> list[str]:
        """As `Hub.watch`, where the viewer is."""
        return await (self._room_of.get(viewer) or self._hub).watch(viewer, asked)

    async def poll(self, asked: object, since: int) -> bytes:
        """As `Hub.poll`: a replay needs a connection."""
        return await self._hub.poll(asked, since)

    # -- replays --------------------------------------------------------------------------------------------

    async def replay(self, viewer: Viewer, asked: object) -> list[str]:
        """Do what the viewer's `replay` message asks; return a complaint where that cannot be."""
        try:
            if not isinstance(asked, dict):
                raise ReplayError("replay must be an object with open, join or do")
            if "open" in asked:
                await self._open(viewer, asked["open"])
            elif "join" in asked:
                await self._join(viewer, field_of(asked, "join", str))
            elif asked.get("do") in {"leave", "live"}:
                await self._live(viewer)
            else:
                room = self._room_of.get(viewer)
                if room is None:
                    raise ReplayError("you are in no replay; open or join one")
                await control(room, viewer, asked)
        except TickdeckError as exc:
            return [str(exc)]
        return []

    async def _open(self, viewer: Viewer, asked: object) -> None:
        if not isinstance(asked, Mapping):
            raise ReplayError("open must be an object with symbols, from, to, at and speed")
        wanted = Asked.parse(asked)
        if len(self.rooms) + self._opening >= self._limits.replay_rooms:
            self._free_one()
        self._opening += 1
        try:
            opened = await open_replay(self._pool, wanted)
        finally:
            self._opening -= 1
        room = Room(
            secrets.token_urlsafe(6), opened, self.settings, self._hub.metrics, database=self._database
        )
        room.unused_since = asyncio.get_running_loop().time()
        self.rooms[room.name] = room
        room.start()
        log.info("replay_opened", room=room.name, symbols=wanted.symbols)
        await self._join(viewer, room.name)
        if asked.get("play"):
            await room.player.play()

    async def _join(self, viewer: Viewer, name: str) -> None:
        room = self.rooms.get(name)
        if room is None:
            raise ReplayError(f"there is no replay {name!r}; it may have ended")
        if self._room_of.get(viewer) is room:
            return
        watched = self._restricted(viewer.watched, room)
        if not self._out(viewer):
            self._hub.leave(viewer)
        room.join(viewer)
        self._room_of[viewer] = room
        await room.show(viewer, watched)

    async def _live(self, viewer: Viewer) -> None:
        watched = viewer.watched
        if self._out(viewer):
            viewer.outlet.write(Message(encode({"type": "replay", "replay": None})))
            await self._hub.watch(viewer, _asked(watched))

    def _out(self, viewer: Viewer) -> bool:
        """Take the viewer out of its room; False where it is in none."""
        room = self._room_of.pop(viewer, None)
        if room is None:
            return False
        room.leave(viewer)
        return True

    @staticmethod
    def _restricted(watched: Subscription, room: Room) -> Subscription:
        """What of a subscription the room has."""
        known = room.player.instruments
        symbols = watched.watchlist
        return Subscription(
            tuple(s for s in symbols if s in known) if isinstance(symbols, tuple) else symbols,
            watched.chart if watched.chart is not None and watched.chart[0] in known else None,
            watched.tape if watched.tape in known else None,
            watched.form,
        )

    # -- bounds ---------------------------------------------------------------------------------------------

    def _free_one(self) -> None:
        """End the room that nobody uses for the longest; raise `ReplayError` where all are used."""
        unused = [room for room in self.rooms.values() if room.unused_since is not None]
        if not unused or self._opening:
            raise ReplayError(
                f"{len(self.rooms) + self._opening} replays are open, the most there may be; join one or try later"
            )
        room = min(unused, key=lambda each: each.unused_since or 0.0)
        del self.rooms[room.name]
        self._ending = asyncio.create_task(room.close())

    async def _end(self, room: Room) -> None:
        self.rooms.pop(room.name, None)
        for viewer in list(room.members):
            self._room_of.pop(viewer, None)
            room.leave(viewer)
        await room.close()
        log.info("replay_ended", room=room.name)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now = asyncio.get_running_loop().time()
            for room in list(self.rooms.values()):
                if room.unused_since is not None and now - room.unused_since > self._limits.replay_idle_s:
                    await self._end(room)


def _asked(watched: Subscription) -> dict[str, Any]:
    """The subscription as a viewer would ask for it."""
    symbols = watched.watchlist
    return {
        "watchlist": list(symbols) if isinstance(symbols, tuple) else symbols,
        "chart": watched.chart and {"symbol": watched.chart[0], "interval": watched.chart[1]},
        "tape": watched.tape,
        "rows": watched.form,
    }
