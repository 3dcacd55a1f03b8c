"""Sends frames of one MarketState to its viewers: at once after a lone change, at the frame rates under load.

No queues: a viewer has versions, and gets what changed since.  Viewers that watch the same and have the same
versions get the same bytes, built once.  One that does not read is passed over and later gets one newer frame.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from tickdeck.app.config import LiveSettings
from tickdeck.app.market.state import MarketState
from tickdeck.app.push.frames import NEVER, FrameBuilder, Versions
from tickdeck.app.push.metrics import Metrics
from tickdeck.app.push.outlets import Message, Outlet
from tickdeck.app.push.protocol import NOTHING, Subscription
from tickdeck.app.users.identity import OWNER, Identity

log = structlog.get_logger(__name__)

EARLY_S: Final = 0.002
"""Parts due within this time of a flush join it: more than the event loop's timers are off."""


@dataclass(eq=False, slots=True)
class Viewer:
    """One connection: where its messages go, whose it is and from where, what it watches, and what it has."""

    outlet: Outlet
    identity: Identity = OWNER
    address: str | None = None
    watched: Subscription = NOTHING
    has: Versions = NEVER
    behind_since: float | None = None


@dataclass(eq=False, slots=True)
class _Group:
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
        self._periods = (
            1 / settings.grid_rate,
            1 / settings.chart_rate,
            1 / settings.tape_rate,
            1 / settings.chart_rate,
            0.0,
        )
        self._metrics = metrics
        self._next_at = [0.0] * len(self._periods)
        self._released = self.frames.newest()
        self._waits: list[float | None] = [None] * 3
        """Since when each part of the market has a change that is not released."""
        self._groups: dict[Subscription, _Group] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    # -- viewers --------------------------------------------------------------------------------------------

    def watch(self, viewer: Viewer, watched: Subscription) -> None:
        """Let `viewer` watch this from now on; its snapshot goes out at once, or when it has read enough."""
        self.leave(viewer)
        group = self._groups.setdefault(watched, _Group(watched))
        group.viewers[viewer] = None
        viewer.watched = group.watched
        viewer.has = NEVER
        self._offer(group, viewer, self._loop.time())
        self.changed()  # what was read for it goes now: the first change would find its turn taken by that

    def leave(self, viewer: Viewer) -> None:
        """Forget the viewer; nothing where it is not here."""
        group = self._groups.get(viewer.watched)
        if group is None or viewer not in group.viewers:
            return
        del group.viewers[viewer]
        if not group.viewers:
            del self._groups[viewer.watched]

    def subscriptions(self) -> list[Subscription]:
        """What is watched here, each once."""
        return list(self._groups)

    # -- the frame clock ------------------------------------------------------------------------------------

    def set_status(self, status: dict[str, Any]) -> None:
        """Tell the viewers a new status."""
        if self.frames.set_status(status):
            self.changed()

    def set_panel(self, name: str, encoded: bytes | None) -> None:
        """Tell the viewers what a panel shows now, a JSON object; None: it is gone."""
        self.frames.set_panel(name, encoded)
        self.changed()

    def changed(self) -> None:
        """Release the changes: now, or at the next turn of the parts that changed."""
        if self.state.sent_us is not None:
            now = self._loop.time()
            for part, since in enumerate(self._waits):
                if since is None and self.frames.newest()[part] > self._released[part]:
                    self._waits[part] = now
        if self._timer is not None:
            return
        due = [
            next_at
            for next_at, newest, out in zip(self._next_at, self.frames.newest(), self._released, strict=True)
            if newest > out
        ]
        if min(self._released) < self.state.reset_version:
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
        out = list(self._released)
        if min(out) < self.state.reset_version:  # everybody gets a snapshot
            out = [version] * len(out)
            self._waits = [None] * len(self._waits)
        for part, newest in enumerate(self.frames.newest()):
            if newest > out[part] and self._next_at[part] <= now + EARLY_S:
                out[part] = version
                self._next_at[part] = next_turn(self._next_at[part], now, self._periods[part])
        released = [
            since
            for since, before, after in zip(self._waits, self._released, out, strict=False)
            if since is not None and after > before
        ]
        self._waits = [
            None if after > before else since
            for since, before, after in zip(self._waits, self._released, out, strict=False)
        ]
        self._released = Versions(*out)
        behind = False
        for group in list(self._groups.values()):
            for viewer in list(group.viewers):
                try:
                    behind |= not self._offer(group, viewer, now)
                except Exception:
                    log.exception("viewer_dropped")
                    self._drop(viewer)
        if self._groups:
            for since in released:
                self._metrics.frame.add(self._loop.time() - since)
        self.changed()
        if behind and self._timer is None:
            self._timer = self._loop.call_at(now + min(self._periods[:-1]), self._flush)

    def _drop(self, viewer: Viewer) -> None:
        """Cut a viewer that cannot be served, so that the others are."""
        self.leave(viewer)
        self._metrics.dropped.inc()
        with suppress(Exception):  # its outlet may be what is broken
            viewer.outlet.abort()

    def _offer(self, group: _Group, viewer: Viewer, now: float) -> bool:
        """Send what the viewer misses; False where it has not read enough of what it got."""
        message, has = self._built(group, viewer.has, now)
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

    def _built(self, group: _Group, has: Versions, now: float) -> tuple[Message | None, Versions]:
        at = (
            self.state.version,
            self._released,
            int(now * 10),
        )  # `time` in a message is never older than 0.1 s
        if group.built_at != at:
            group.built_at = at
            group.built = {}
        built = group.built.get(has)
        if built is None:
            data, then = self.frames.build(group.watched, has, self._released)
            built = (None if data is None else Message(data), then)
            group.built[has] = built
        return built


SPARE: Final = 1
"""Turns that a quiet time leaves over: of two ticks shortly after one another the second need not wait."""


def next_turn(due: float, now: float, period: float) -> float:
    """When the next one may come after one at `now`, all in seconds of one clock.

    `due` is what this returned for the one before (0 at first).  One a `period` in the long run; after a quiet
    time `SPARE` more.  The generic cell rate algorithm (ITU-T I.371), whose theoretical arrival time is `due`
    and `SPARE` periods.
    """
    return max(due, now - SPARE * period) + period
