"""What a replay tells its viewers of itself: clock, state, controls, and the profile up to the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import structlog

from tickdeck.app.push.broadcast import Viewer, next_turn
from tickdeck.app.push.outlets import Message
from tickdeck.app.push.protocol import encode
from tickdeck.app.replay.clock import speed_text
from tickdeck.app.replay.opening import Replay

RATE: Final = 10.0
"""Announcements a second to one viewer; after a quiet moment two may come at once."""

log = structlog.get_logger(__name__)


class _Sent(NamedTuple):
    """What one viewer was sent last: version of the settings, clock, and how many buckets of the profile."""

    settings: int
    clock: int
    buckets: int


class Announcements:
    """Messages `{"type": "replay", "replay": {…}}` (docs/replay.md): all of it after a control, else what moves.

    `about_room` adds what the room tells all of itself, `about_viewer` what it tells one of its viewers.  Times are
    ms since the epoch.  As with frames nothing is queued: a viewer that does not read gets one newer announcement
    later.
    """

    def __init__(
        self,
        replay: Replay,
        *,
        about_room: Callable[[], Mapping[str, Any]],
        about_viewer: Callable[[Viewer], Mapping[str, Any]],
    ) -> None:
        self._player = player = replay.player
        self._about_room = about_room
        self._about_viewer = about_viewer
        fixed = {
            "from": player.clock.start_us // 1000,
            "to": player.clock.end_us // 1000,
            "ranged": replay.range_given,
            "instruments": [
                {
                    "symbol": each.symbol,
                    "name": each.name,
                    "exchange": each.exchange,
                    "timezone": each.timezone,
                    "price_decimals": each.price_decimals,
                    "sector": each.sector,
                }
                for each in player.instruments.values()
            ],
            "timezone": replay.calendar.zone.key,
            "sessions": [
                {"date": s.date.isoformat(), "open": s.open_us // 1000, "close": s.close_us // 1000, "half": s.half_day}
                for s in replay.sessions
            ],
            "step": player.profile.step_us // 1000,
        }  # fmt: skip
        self._fixed = encode(fixed)[1:-1]
        self._loop = asyncio.get_running_loop()
        self._sent: dict[Viewer, _Sent] = {}
        self._settings: Mapping[str, Any] = {}
        self._settings_version = 0
        self._profile = player.profile
        self._clock = -1
        self._timer: asyncio.TimerHandle | None = None
        self._next_at = 0.0

    def add(self, viewer: Viewer) -> None:
        """Tell this viewer everything now, and what changes from now on."""
        self._look()
        self._sent[viewer] = self._newest()
        viewer.outlet.write(self._whole(viewer, self._common()))

    def remove(self, viewer: Viewer) -> None:
        """Tell this viewer no more."""
        self._sent.pop(viewer, None)

    def changed(self) -> None:
        """The player moved or was controlled, or the viewers changed."""
        if self._timer is None and self._look():
            self._timer = self._loop.call_at(max(self._loop.time(), self._next_at), self._tell)

    def close(self) -> None:
        """Be silent."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> bool:
        """See how the replay stands; whether that is new."""
        clock = self._player.position.time_us // 1000
        settings, profile = self._standing(), self._player.profile
        # Where the clock went back, or something became known of earlier ticks, the profile's buckets are to come again.
        if settings != self._settings or clock < self._clock or profile is not self._profile:
            self._settings, self._profile = settings, profile
            self._settings_version += 1
            self._clock = clock
            return True
        moved = clock != self._clock
        self._clock = clock
        return moved

    def _standing(self) -> dict[str, Any]:
        """What changes by controls only."""
        player = self._player
        return {
            **self._about_room(),
            "state": player.status,
            "speed": speed_text(player.clock.speed),
            "as_known": player.as_known,
            "loop": None if player.loop is None else [us // 1000 for us in player.loop],
            "failure": player.failure,
        }

    def _tell(self) -> None:
        self._timer = None
        self._look()
        now = self._loop.time()
        self._next_at = next_turn(self._next_at, now, 1 / RATE)
        newest, common = self._newest(), b""
        moved: dict[int, Message] = {}
        behind = False
        for viewer, sent in list(self._sent.items()):
            if sent == newest:
                continue
            try:
                if not viewer.outlet.ready():
                    behind = True
                    continue
                self._sent[viewer] = newest
                if sent.settings < newest.settings:
                    common = common or self._common()
                    viewer.outlet.write(self._whole(viewer, common))
                else:
                    if sent.buckets not in moved:
                        moved[sent.buckets] = self._moved(sent.buckets)
                    viewer.outlet.write(moved[sent.buckets])
            except Exception:  # the others are served all the same; the frames' clock cuts this one
                log.exception("announcement_failed")
        if behind:
            self._timer = self._loop.call_at(max(now + 1 / RATE, self._next_at), self._tell)

    def _newest(self) -> _Sent:
        """What somebody was sent who has everything."""
        buckets = self._profile.count_until(self._player.position.time_us)
        return _Sent(self._settings_version, self._clock, buckets)

    def _common(self) -> bytes:
        """All there is to tell every viewer, as JSON without the closing brace; what never changes is encoded once."""
        profile = self._profile.until(self._player.position.time_us)
        moving = encode({**self._settings, "clock": self._clock, "profile": profile})
        return b"{" + self._fixed + b"," + moving[1:-1]

    def _whole(self, viewer: Viewer, common: bytes) -> Message:
        return _message(common + b"," + encode(self._about_viewer(viewer))[1:])

    def _moved(self, buckets: int) -> Message:
        """The clock, and the buckets of the profile that ended since the first `buckets`."""
        new = self._profile.until(self._player.position.time_us, buckets)
        return _message(encode({"clock": self._clock, **({"profile": new} if new else {})}))


def _message(content: bytes) -> Message:
    return Message(b'{"type":"replay","replay":' + content + b"}")
