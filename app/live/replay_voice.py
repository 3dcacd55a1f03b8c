"""What a room tells its viewers about the replay itself: where the clock stands, and who holds the controls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final

from app.live.broadcast import Viewer
from app.live.outlets import Message
from app.live.protocol import encode
from app.live.replay import Player
from app.live.replay_clock import speed_text
from app.live.replay_profile import Profile
from db.sessions import TradingSession

BEAT_S: Final = 0.1
"""Between two messages that only say what the clock shows."""


class Voice:
    """Messages `{"type": "replay", "replay": {…}}` (docs/replay.md): all of it after a control, else what moves.

    `about` adds what the room knows of a viewer (None: what all may know).  Times are ms since the epoch.
    `ranged`: the range was chosen, and is not the trading day's.
    """

    def __init__(
        self,
        player: Player,
        *,
        timezone: str,
        ranged: bool,
        profile: Profile,
        sessions: Iterable[TradingSession],
        about: Callable[[Viewer | None], dict[str, Any]],
    ) -> None:
        self._player = player
        self._profile = profile
        self._about = about
        self._fixed = {
            "from": player.clock.start_us // 1000,
            "to": player.clock.end_us // 1000,
            "ranged": ranged,
            "instruments": [
                {
                    "symbol": each.symbol,
                    "name": each.name,
                    "exchange": each.exchange,
                    "timezone": each.timezone,
                    "price_decimals": each.price_decimals,
                }
                for each in player.instruments.values()
            ],
            "timezone": timezone,
            "sessions": [
                {"date": s.date.isoformat(), "open": s.open_us // 1000, "close": s.close_us // 1000, "half": s.half_day}
                for s in sessions
            ],
            "step": profile.step_us // 1000,
        }  # fmt: skip
        self._loop = asyncio.get_running_loop()
        self._viewers: dict[Viewer, int] = {}  # how many buckets of the profile each was told
        self._told: dict[str, Any] = {}
        self._clock_told = -1
        self._beat: asyncio.TimerHandle | None = None
        self._next_beat_at = 0.0

    def add(self, viewer: Viewer) -> None:
        """Tell this viewer from now on."""
        self._viewers[viewer] = 0

    def remove(self, viewer: Viewer) -> None:
        """Tell this viewer no more."""
        self._viewers.pop(viewer, None)

    def changed(self) -> None:
        """The player moved or was controlled, or the viewers changed."""
        if self._standing() != self._told or self._clock() < self._clock_told:
            self._tell_all()
        elif self._beat is None and self._clock() != self._clock_told:
            self._beat = self._loop.call_at(max(self._loop.time(), self._next_beat_at), self._tell_clock)

    def close(self) -> None:
        """Be silent."""
        if self._beat is not None:
            self._beat.cancel()

    def everything(self, viewer: Viewer) -> dict[str, Any]:
        """All there is to tell one viewer."""
        profile = self._profile.until(self._player.position.time_us)
        self._viewers[viewer] = len(profile)
        return (
            self._fixed
            | self._standing()
            | self._about(viewer)
            | {"clock": self._clock(), "profile": profile}
        )

    def _clock(self) -> int:
        return self._player.position.time_us // 1000

    def _standing(self) -> dict[str, Any]:
        """What changes by controls only."""
        player = self._player
        return self._about(None) | {
            "state": player.status,
            "speed": speed_text(player.clock.speed),
            "loop": None if player.loop is None else [us // 1000 for us in player.loop],
            "failure": player.failure,
        }

    def _tell_all(self) -> None:
        self._told = self._standing()
        self._clock_told = self._clock()
        for viewer in self._viewers:
            viewer.outlet.write(_message(self.everything(viewer)))

    def _tell_clock(self) -> None:
        """The clock, and the buckets of the profile that ended: to those who read what they get."""
        self._beat = None
        self._next_beat_at = self._loop.time() + BEAT_S
        self._clock_told = self._clock()
        built: dict[int, Message] = {}
        time_us = self._player.position.time_us
        for viewer, told in self._viewers.items():
            if not viewer.outlet.ready():
                continue
            if told not in built:
                new = self._profile.until(time_us, told)
                built[told] = _message({"clock": self._clock_told, **({"profile": new} if new else {})})
            viewer.outlet.write(built[told])
            self._viewers[viewer] = len(self._profile.until(time_us))


def _message(content: dict[str, Any]) -> Message:
    return Message(encode({"type": "replay", "replay": content}))
