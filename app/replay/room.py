"""A room: one replay, the viewers who watch it, and the one among them who holds the controls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from tickdeck.app.config import LiveSettings
from tickdeck.app.push.audience import Audience
from tickdeck.app.push.broadcast import Viewer
from tickdeck.app.push.metrics import Metrics
from tickdeck.app.push.outlets import Message
from tickdeck.app.push.protocol import Subscription, encode
from tickdeck.app.replay.alerts import ReplayAlerts, RulesOf
from tickdeck.app.replay.announcements import Announcements
from tickdeck.app.replay.clock import ReplayError, replay_speed
from tickdeck.app.replay.opening import Replay, parse_field, parse_instant, parse_steps, parse_switch
from tickdeck.app.replay.paper import PaperDesk
from tickdeck.app.supervision import Supervisor
from tickdeck.app.users.identity import OWNER, Identity
from tickdeck.db.alerts import AlertRule
from tickdeck.db.errors import UnknownSymbolError, excerpt
from tickdeck.db.market.bar_types import parse_chart_interval
from tickdeck.db.market.moments import iso
from tickdeck.db.market.spreads import looks_like_formula, parse_formula
from tickdeck.db.market.types import HOUR_US, MINUTE_US

SWEEP_S: Final = 5.0
NIGHT_US: Final = HOUR_US
STEP_UNITS: Final = ("tick", "candle", "minute")
CONTROLS: Final = (
    "play", "pause", "seek", "step", "speed", "loop", "open", "close", "corrections", "nights", "order", "cancel",
    "costs", "take", "give", "leave", "live",
)  # fmt: skip
"""What `{"do": …}` may say; docs/replay.md describes each."""


class Room:
    """Serves viewers as the hub does, from a player's state; the player runs from `start` to `close`.

    `alert_rules` reads those of the owner, which are evaluated as the player plays; `rules` are they as it begins.
    """

    def __init__(
        self,
        name: str,
        replay: Replay,
        settings: LiveSettings,
        metrics: Metrics,
        *,
        database: str,
        owner: Identity = OWNER,
        place: str = "",
        alert_rules: RulesOf | None = None,
        rules: Sequence[AlertRule] | None = None,
    ) -> None:
        player = replay.player
        self.name = name
        self.owner = owner
        self.place = place
        """From where it was opened, as `place_of` has it."""
        self.player = player
        self.settings = settings
        self.holder: Viewer | None = None
        """Who holds the controls."""
        self.names: dict[Viewer, str] = {}
        """How each viewer who is here is called."""
        self.unused_since: float | None = None
        """The event loop's time since when nobody is here; None while somebody is."""
        self._calendar = replay.calendar
        rate = settings.chart_rate  # the same for all parts: they show one clock
        self._audience = Audience(
            player.state,
            player,
            settings.model_copy(update={"grid_rate": rate, "tape_rate": rate}),
            metrics,
            now_us=lambda: player.position.time_us,
            status={"state": "replay", "feeds": [], "database": database},
        )
        self._desk = PaperDesk(player, self.changed)
        self._sessions = replay.sessions
        self.skip_nights = False
        """Whether hours without ticks in which the exchange is closed are skipped while it plays."""
        player.skips = self._skips
        if replay.skip_nights:
            self.skip_nights = True
        self._announcements = Announcements(
            replay, about_room=self._about_room, about_viewer=self._about_viewer
        )
        self._alerts = (
            None
            if alert_rules is None
            else ReplayAlerts(player.market, self._audience, rules, alert_rules, self._tell_owner)
        )
        self._entered = 0
        self._tasks = Supervisor()
        player.on_change = self.changed

    def start(self) -> None:
        """Let the player run."""
        self._tasks.start(f"replay {self.name}", self.player.run)
        self._tasks.start(f"orders of replay {self.name}", self._desk.run)
        if self._alerts is not None:
            self._tasks.start(f"alerts of replay {self.name}", self._alerts.run)
        self._tasks.every(SWEEP_S, f"sweep of replay {self.name}", self._sweep)

    async def close(self) -> None:
        """End the replay; its viewers keep what they have."""
        await self._tasks.stop()
        self._announcements.close()
        self._audience.close()
        await self.player.close()

    def changed(self) -> None:
        """Let out what the player did."""
        self._desk.moved()
        self._audience.changed()
        self._announcements.changed()

    async def _sweep(self) -> None:
        self._audience.sweep()

    # -- viewers --------------------------------------------------------------------------------------------

    @property
    def viewers(self) -> int:
        """How many there are."""
        return len(self.names)

    @contextmanager
    def connected(self, viewer: Viewer) -> Iterator[None]:
        """Have the viewer in the room while its connection lasts."""
        self.enter(viewer)
        try:
            yield
        finally:
            self.leave(viewer)

    def enter(self, viewer: Viewer) -> None:
        """Let the viewer in; it gets the controls where nobody holds them and it may have them."""
        self._entered += 1
        self.names[viewer] = str(self._entered)
        self.unused_since = None
        if self.holder is None and viewer.identity.may_control_replays:
            self.holder = viewer
        self._audience.enter(viewer)
        self._announcements.add(viewer)
        self._announcements.changed()

    def leave(self, viewer: Viewer) -> None:
        """Let the viewer go; the controls it held are free then."""
        if self.names.pop(viewer, None) is None:
            return
        self._audience.leave(viewer)
        self._announcements.remove(viewer)
        if self.holder is viewer:
            self.holder = None
        if not self.names:
            self.unused_since = asyncio.get_running_loop().time()
        self._announcements.changed()

    async def subscribe(self, viewer: Viewer, request: object) -> list[str]:
        """As `Hub.subscribe`, of the replay's symbols only."""
        return await self._audience.subscribe(viewer, request)

    def painted(self, milliseconds: Sequence[float]) -> None:
        """Of a replay nobody wants to know."""

    async def show(self, viewer: Viewer, watched: Subscription) -> None:
        """Let the viewer watch, from now on, what the replay has of this."""
        await self._audience.show(viewer, watched)

    async def poll(self, request: object, since: int) -> bytes:
        """As `Hub.poll`."""
        return await self._audience.poll(request, since)

    def refresh_alerts(self) -> None:
        """The owner's alert rules may be others now."""
        if self._alerts is not None:
            self._alerts.refresh()

    def _tell_owner(self, fired: list[dict[str, Any]]) -> None:
        """Rules are their owner's: others who watch do not hear of them."""
        messages = [Message(encode({"type": "alert", "alert": each})) for each in fired]
        for viewer in self.names:
            if viewer.identity.owns(self.owner) and viewer.outlet.ready():
                for message in messages:
                    viewer.outlet.write(message)

    def _about_room(self) -> dict[str, Any]:
        return {
            "room": self.name,
            "holder": None if self.holder is None else self.names.get(self.holder),
            "viewers": list(self.names.values()),
            "skip_nights": self.skip_nights,
            "account": self._desk.told(),
        }

    def _about_viewer(self, viewer: Viewer) -> dict[str, Any]:
        return {"controls": self.holder is viewer, "you": self.names.get(viewer)}

    # -- controls -------------------------------------------------------------------------------------------

    async def control(self, viewer: Viewer, request: Mapping[str, Any]) -> None:
        """Do what `viewer` requests of the replay; raise `ReplayError` (or its kin) where that cannot be."""
        control = request.get("do")
        if control not in CONTROLS:
            raise ReplayError(f"a replay cannot do {excerpt(control)}; it can {', '.join(CONTROLS)}")
        if control == "take":
            self._take(viewer)
            return
        self._require_controls(viewer)
        if control == "give":
            self._give(parse_field(request, "to", str))
        elif control == "play":
            await self.player.play()
        elif control == "pause":
            self.player.pause()
        elif control == "speed":
            self.player.set_speed(replay_speed(request.get("speed")))
        elif control == "corrections":
            await self.player.set_corrections(as_known=parse_switch(request, "as_known"))
        elif control == "nights":
            self.skip_nights = parse_switch(request, "skip")
            self._announcements.changed()
        elif control in ("order", "cancel", "costs"):
            self._desk.control(control, request)
        else:
            await self._move(control, request)

    async def _move(self, control: str, request: Mapping[str, Any]) -> None:
        if control == "seek":
            await self.player.seek(parse_instant(request.get("to"), "to"))
        elif control == "step":
            await self._step(request)
        elif control == "loop":
            await self._loop(request)
        elif control in ("open", "close"):
            await self.player.seek(await asyncio.to_thread(self._session_edge, control))
        else:
            raise ReplayError("there is no live market here to go back to")

    def _require_controls(self, viewer: Viewer) -> None:
        if self.holder is not viewer:
            held = "nobody holds them: take them" if self.holder is None else "another viewer holds them"
            raise ReplayError(f"the controls of this replay are not yours; {held}")

    def _take(self, viewer: Viewer) -> None:
        viewer.identity.require_replays()
        if self.holder is not None and self.holder is not viewer:
            raise ReplayError("another viewer holds the controls")
        self.holder = viewer
        self._announcements.changed()

    def _give(self, name: str) -> None:
        for viewer, known_as in self.names.items():
            if known_as == name:
                viewer.identity.require_replays()
                self.holder = viewer
                self._announcements.changed()
                return
        raise ReplayError(f"there is no viewer {excerpt(name)} in this replay")

    async def _loop(self, request: Mapping[str, Any]) -> None:
        if request.get("from") is None and request.get("to") is None:
            await self.player.set_loop(None)
        else:
            first_us = parse_instant(request.get("from"), "from")
            await self.player.set_loop((first_us, parse_instant(request.get("to"), "to")))

    async def _step(self, request: Mapping[str, Any]) -> None:
        unit = request.get("unit", "tick")
        steps = parse_steps(request)
        if unit == "tick":
            await self.player.step_tick(steps)
        elif unit == "minute":
            await self.player.step_time(steps * MINUTE_US)
        elif unit == "candle":
            symbol = parse_field(request, "symbol", str)
            if symbol not in self.player.instruments:
                if not looks_like_formula(symbol):
                    raise UnknownSymbolError(symbol)
                symbol = parse_formula(symbol, self.player.instruments).legs[0]
            await self.player.step_candle(
                parse_chart_interval(parse_field(request, "interval", str)), symbol, steps
            )
        else:
            raise ReplayError(f"a step is a {', a '.join(STEP_UNITS)}, not {excerpt(unit)}")

    def _skips(self, from_us: int, to_us: int) -> bool:
        """Whether it is night between two ticks: an hour or more in which no regular session is."""
        if not self.skip_nights or to_us - from_us < NIGHT_US:
            return False
        return not any(each.open_us < to_us and each.close_us > from_us for each in self._sessions)

    def _session_edge(self, which: str) -> int:
        """The open (close) of the trading session of the clock's day, or the nearest other one in the range."""
        clock = self.player.clock
        now_us = self.player.position.time_us
        sessions = self._calendar.sessions(clock.start_us, clock.end_us)
        edges = [s.open_us if which == "open" else s.close_us for s in sessions]
        day = self._calendar.day(now_us)
        within = [edge for edge in edges if clock.start_us <= edge <= clock.end_us]
        if not within:
            raise ReplayError(
                f"there is no {which} of a trading session between {iso(clock.start_us)} and {iso(clock.end_us)}"
            )
        return min(within, key=lambda edge: (self._calendar.day(edge) != day, abs(edge - now_us)))
