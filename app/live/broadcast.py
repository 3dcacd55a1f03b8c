"""Sends frames of one MarketState to its viewers: at once after a lone change, at the frame rates under load.

No queues: a viewer has versions, and gets what changed since.  Viewers that watch the same and have the same
versions get the same bytes, built once.  One that does not read is passed over and later gets one newer frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from app.live.beat import next_beat
from app.live.frames import NEVER, FrameBuilder, Versions
from app.live.metrics import Metrics
from app.live.outlets import Message, Outlet
from app.live.protocol import NOTHING, Subscription
from app.live.settings import LiveSettings
from app.live.state import MarketState

EARLY_S: Final = 0.002
"""Parts due within this time of a flush join it: more than the event loop's timers are off."""


@dataclass(eq=False, slots=True)
class Viewer:
    """One connection: where its messages go, what it watches, and what it has."""

    outlet: Outlet
    watched: Subscription = NOTHING
    has: Versions = NEVER
    behind_since: float | None = None


@dataclass(eq=False, slots=True)
class _Audience:
    """The viewers of one subscription, and the messages built for them from the state as it is."""

    watched: Subscription
    viewers: dict[Viewer, None] = field(default_factory=dict)
    built_at: tuple[int, Versions, int] | None = None
    built: dict[Versions, tuple[Message | None, Versions]] = field(default_factory=dict)


class Broadcast:
    """Call `changed` after each change of `state`; everything runs on the running event loop."""

    def __init__(
        self,
        state: MarketState,
        settings: LiveSettings,
        metrics: Metrics,
        *,
        now_us: Callable[[], int],
        status: dict[str, Any],
    ) -> None:
        self.state = state
        self.frames = FrameBuilder(state, now_us, status)
        self._dead_after_s = settings.dead_after_s
        self._periods = (1 / settings.grid_rate, 1 / settings.chart_rate, 1 / settings.tape_rate, 0.0)
        self._metrics = metrics
        self._next_at = [0.0] * len(self._periods)
        self._let_out = self.frames.newest()
        self._audiences: dict[Subscription, _Audience] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    # -- viewers --------------------------------------------------------------------------------------------

    def watch(self, viewer: Viewer, watched: Subscription) -> None:
        """Let `viewer` watch this from now on; its snapshot goes out at once, or when it has read enough."""
        self.leave(viewer)
        audience = self._audiences.setdefault(watched, _Audience(watched))
        audience.viewers[viewer] = None
        viewer.watched = audience.watched
        viewer.has = NEVER
        self._offer(audience, viewer, self._loop.time())
        self.changed()  # what was read for it goes now: the first change would find its beat taken by that

    def leave(self, viewer: Viewer) -> None:
        """Forget the viewer; nothing where it is not here."""
        audience = self._audiences.get(viewer.watched)
        if audience is None or viewer not in audience.viewers:
            return
        del audience.viewers[viewer]
        if not audience.viewers:
            del self._audiences[viewer.watched]

    # -- the frame clock ------------------------------------------------------------------------------------

    def set_status(self, status: dict[str, Any]) -> None:
        """Tell the viewers a new status."""
        if self.frames.set_status(status):
            self.changed()

    def changed(self) -> None:
        """Let the changes out: now, or at the next beat of the parts that changed."""
        if self._timer is not None:
            return
        due = [
            next_at
            for next_at, newest, out in zip(self._next_at, self.frames.newest(), self._let_out, strict=True)
            if newest > out
        ]
        if min(self._let_out) < self.state.reset_version:
            due.append(0.0)
        if due:
            self._timer = self._loop.call_at(max(min(due), self._loop.time()), self._flush)

    def close(self) -> None:
        """Stop the clock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush(self) -> None:
        self._timer = None
        now = self._loop.time()
        version = self.state.version
        out = list(self._let_out)
        if min(out) < self.state.reset_version:  # everybody gets a snapshot
            out = [version] * len(out)
        for part, newest in enumerate(self.frames.newest()):
            if newest > out[part] and self._next_at[part] <= now + EARLY_S:
                out[part] = version
                self._next_at[part] = next_beat(self._next_at[part], now, self._periods[part])
        self._let_out = Versions(*out)
        behind = False
        for audience in list(self._audiences.values()):
            for viewer in list(audience.viewers):
                behind |= not self._offer(audience, viewer, now)
        self.changed()
        if behind and self._timer is None:
            self._timer = self._loop.call_at(now + min(self._periods[:-1]), self._flush)

    def _offer(self, audience: _Audience, viewer: Viewer, now: float) -> bool:
        """Send what the viewer misses; False where it has not read enough of what it got."""
        message, has = self._built(audience, viewer.has, now)
        if message is None:
            viewer.has = has
            return True
        if not viewer.outlet.ready():
            self._metrics.conflated.inc()
            if viewer.behind_since is None:
                viewer.behind_since = now
            elif now - viewer.behind_since > self._dead_after_s:
                viewer.outlet.abort()
            return False
        viewer.behind_since = None
        viewer.has = has
        viewer.outlet.write(message)
        self._metrics.sent(len(message.data))
        return True

    def _built(self, audience: _Audience, has: Versions, now: float) -> tuple[Message | None, Versions]:
        at = (
            self.state.version,
            self._let_out,
            int(now * 10),
        )  # `time` in a message is never older than 0.1 s
        if audience.built_at != at:
            audience.built_at = at
            audience.built = {}
        built = audience.built.get(has)
        if built is None:
            data, then = self.frames.build(audience.watched, has, self._let_out)
            built = (None if data is None else Message(data), then)
            audience.built[has] = built
        return built
