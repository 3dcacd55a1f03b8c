"""All replays of one process: viewers open, join, control and leave them over their connection to the hub."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, Self

import structlog

from tickdeck.app.config import LiveSettings, ReplaySettings
from tickdeck.app.live.hub import Hub
from tickdeck.app.push.broadcast import Viewer
from tickdeck.app.push.outlets import Message
from tickdeck.app.push.protocol import encode
from tickdeck.app.replay.alerts import read_rules
from tickdeck.app.replay.clock import ReplayError
from tickdeck.app.replay.opening import ReplayRequest, open_replay, parse_field
from tickdeck.app.replay.room import Room
from tickdeck.app.supervision import Supervisor
from tickdeck.app.users.identity import OWNER
from tickdeck.app.users.limits import place_of
from tickdeck.db.errors import TickdeckError, excerpt
from tickdeck.db.session import Source

IDLE_CHECK_S: Final = 5.0
NAME_BYTES: Final = 16
"""A room's name is the link to it, and all that a viewer needs to watch: nobody can guess it."""

log = structlog.get_logger(__name__)


class Rooms:
    """Stands before the hub: a viewer watches the hub, or the room it is in.

    `async with` it inside the hub's; replays end with the block.
    """

    def __init__(self, hub: Hub, history: Source, settings: ReplaySettings, *, database: str = "") -> None:
        self.settings: LiveSettings = hub.settings
        self.rooms: dict[str, Room] = {}
        self._hub = hub
        self._history = history
        self._limits = settings
        self._database = database
        self._room_of: dict[Viewer, Room] = {}
        self._opening = 0
        hub.on_rules_changed = self._rules_changed
        self._tasks = Supervisor()

    async def __aenter__(self) -> Self:
        self._tasks.every(IDLE_CHECK_S, "idle replays", self._end_idle)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.stop()
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
                self._leave_room(viewer)

    async def subscribe(self, viewer: Viewer, request: object) -> list[str]:
        """As `Hub.subscribe`, where the viewer is."""
        return await (self._room_of.get(viewer) or self._hub).subscribe(viewer, request)

    async def poll(self, request: object, since: int) -> bytes:
        """As `Hub.poll`: a replay needs a connection."""
        return await self._hub.poll(request, since)

    def painted(self, milliseconds: Sequence[float]) -> None:
        """As `Hub.painted`."""
        self._hub.painted(milliseconds)

    # -- replays --------------------------------------------------------------------------------------------

    async def replay(self, viewer: Viewer, request: object) -> list[str]:
        """Do what the viewer's `replay` message requests; return a complaint where that cannot be."""
        try:
            if not isinstance(request, dict):
                raise ReplayError("replay must be an object with open, join or do")
            if "open" in request:
                await self._open(viewer, request["open"])
            elif "join" in request:
                await self._join(viewer, parse_field(request, "join", str))
            elif request.get("do") in ("leave", "live"):
                await self._return_to_live(viewer)
            else:
                room = self._room_of.get(viewer)
                if room is None:
                    raise ReplayError("you are in no replay; open or join one")
                await room.control(viewer, request)
        except TickdeckError as exc:
            return [str(exc)]
        return []

    async def _open(self, viewer: Viewer, fields: object) -> None:
        if not isinstance(fields, Mapping):
            raise ReplayError("open must be an object with symbols, from, to, at and speed")
        viewer.identity.require_replays()
        request = ReplayRequest.parse(fields)
        self._require_room_for(viewer)
        alert_rules = self._hub.alert_rules_of(viewer.identity.user_id)
        full = len(self.rooms) + self._opening >= self._limits.replay_rooms
        unused = self._longest_unused() if full else None
        self._opening += 1
        try:
            if unused is not None:
                await self._end(unused)
            rules = None if alert_rules is None else await read_rules(alert_rules)
            replay = await open_replay(self._history, request)
        finally:
            self._opening -= 1
        room = Room(
            secrets.token_urlsafe(NAME_BYTES),
            replay,
            self.settings,
            self._hub.metrics,
            database=self._database,
            owner=viewer.identity,
            place=place_of(viewer.address),
            alert_rules=alert_rules,
            rules=rules,
        )
        room.unused_since = asyncio.get_running_loop().time()
        self.rooms[room.name] = room
        room.start()
        log.info("replay_opened", room=room.name, symbols=request.symbols)
        await self._join(viewer, room.name)
        if fields.get("play"):
            await room.player.play()

    async def _join(self, viewer: Viewer, name: str) -> None:
        room = self.rooms.get(name)
        if room is None:
            raise ReplayError(f"there is no replay {excerpt(name)}; it may have ended")
        if self._room_of.get(viewer) is room:
            return
        watched = viewer.watched
        if not self._leave_room(viewer):
            self._hub.audience.leave(viewer)
        room.enter(viewer)
        self._room_of[viewer] = room
        await room.show(viewer, watched)

    async def _return_to_live(self, viewer: Viewer) -> None:
        watched = viewer.watched
        if self._leave_room(viewer):
            viewer.outlet.write(Message(encode({"type": "replay", "replay": None})))
            self._hub.audience.enter(viewer)
            await self._hub.audience.show(viewer, watched)

    def _rules_changed(self) -> None:
        for room in self.rooms.values():
            room.refresh_alerts()

    def _leave_room(self, viewer: Viewer) -> bool:
        """Take the viewer out of its room; False where it is in none."""
        room = self._room_of.pop(viewer, None)
        if room is None:
            return False
        room.leave(viewer)
        return True

    # -- bounds ---------------------------------------------------------------------------------------------

    def _require_room_for(self, viewer: Viewer) -> None:
        """Raise `ReplayError` where a user, or an address, has as many replays as one may have."""
        identity = viewer.identity
        if identity is OWNER:
            return
        here = sum(room.place == place_of(viewer.address) for room in self.rooms.values())
        if here >= self._limits.replay_rooms_per_address:
            raise ReplayError(
                f"your address has {here} replays open, the most that one may have: leave one first"
            )
        own = sum(room.owner.owns(identity) for room in self.rooms.values())
        if own >= self._limits.replay_rooms_each:
            raise ReplayError(f"you have {own} replays open, the most that one may have: leave one first")

    def _longest_unused(self) -> Room:
        """The room that nobody watches for the longest; raise `ReplayError` where all are watched."""
        unused = [room for room in self.rooms.values() if room.unused_since is not None]
        if not unused:
            raise ReplayError(
                f"{len(self.rooms) + self._opening} replays are open, the most there may be; join one or try later"
            )
        return min(unused, key=lambda each: each.unused_since or 0.0)

    async def _end(self, room: Room) -> None:
        self.rooms.pop(room.name, None)
        for viewer in list(room.names):
            self._leave_room(viewer)
        await room.close()
        log.info("replay_ended", room=room.name)

    async def _end_idle(self) -> None:
        now = asyncio.get_running_loop().time()
        for room in list(self.rooms.values()):
            if room.unused_since is not None and now - room.unused_since > self._limits.replay_idle_s:
                await self._end(room)
