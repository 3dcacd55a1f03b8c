"""Keeps one MarketState equal to the database and lets its changes out to the viewers."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from types import TracebackType
from typing import Any, Final, Self

import structlog

from app.live.broadcast import Broadcast, Viewer
from app.live.metrics import Metrics
from app.live.protocol import NOTHING, Subscription, parse_subscription
from app.live.reader import StateReader
from app.live.rereads import Rereads
from app.live.settings import LiveSettings
from app.live.state import MarketState
from app.live.topics import Topics
from db.errors import DatabaseError
from db.listener import Listener
from db.messages import Bars, FeedStatus, Message, Reload
from db.pool import Pool

REFRESH_S: Final = 10.0
"""How often instruments and feeds, of which not every change is notified, are looked at."""
RATE_WINDOW_S: Final = 3

log = structlog.get_logger(__name__)


def now_us() -> int:
    """Wall clock, µs since the epoch."""
    return time.time_ns() // 1000


class Hub:
    """`async with Hub(…)`: listens, reads, and serves viewers until the block ends.

    `database` describes the server to the viewers.  Nothing here raises for a database that goes away: the
    status says so, the viewers keep what they have, and get a snapshot once it is back.
    """

    def __init__(self, url: str, pool: Pool, settings: LiveSettings, *, database: str = "") -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.state = MarketState(version=now_us())
        self.viewers = 0
        self._database = database
        self._connected = False
        self._reason = "starting"
        self._feeds: dict[str, dict[str, str]] = {}
        self._ticks_at: deque[int] = deque([0], maxlen=RATE_WINDOW_S + 1)
        self.broadcast = Broadcast(self.state, settings, self.metrics, now_us=now_us, status=self._status())
        self._reader = StateReader(pool, self.state)
        self._topics = Topics(self.state, self._reader, grace_s=settings.chart_grace_s)
        self._rereads = Rereads(
            self.state,
            self._reader,
            self.metrics,
            tape_rate=settings.tape_rate,
            changed=self.broadcast.changed,
        )
        self._ready = asyncio.Event()
        self._listener = Listener(
            url, on_message=self._on_message, on_connected=self._on_connected, on_lost=self._on_lost
        )
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        group = await self._stack.enter_async_context(asyncio.TaskGroup())
        loops: tuple[Callable[[], Coroutine[Any, Any, None]], ...] = (
            self._listener.run, self._rereads.run,
            self._every(1.0, self._tick), self._every(REFRESH_S, self._refresh),
        )  # fmt: skip
        tasks = [group.create_task(loop()) for loop in loops]
        for task in tasks:
            self._stack.callback(task.cancel)
        self._stack.callback(self.broadcast.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    # -- for the routes -------------------------------------------------------------------------------------

    async def ready(self) -> None:
        """Wait until the state was read for the first time."""
        await self._ready.wait()

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether live data can be served, and what /healthz says."""
        facts = self._status() | {
            "status": "ok" if self._connected else "reconnecting",
            "symbols": len(self.state.rows()),
            "viewers": self.viewers,
        }
        return self._connected, facts if self._connected else facts | {"reason": self._reason}

    async def watch(self, viewer: Viewer, asked: object) -> list[str]:
        """Let `viewer` watch what it `asked` for; return a complaint for each part it cannot have."""
        watched, complaints = await self._understand(asked)
        await self._topics.acquire(watched)
        before = viewer.watched
        self.broadcast.watch(viewer, watched)
        self._topics.release(before)
        return complaints

    @contextmanager
    def connected(self, viewer: Viewer) -> Iterator[None]:
        """Count the viewer while its connection lasts, and forget it then."""
        self.viewers += 1
        self.metrics.viewers.set(self.viewers)
        try:
            yield
        finally:
            self.viewers -= 1
            self.metrics.viewers.set(self.viewers)
            self.leave(viewer)

    def leave(self, viewer: Viewer) -> None:
        """Send the viewer nothing any more; it may be connected still."""
        self.broadcast.leave(viewer)
        self._topics.release(viewer.watched)
        viewer.watched = NOTHING

    async def replay(self, _viewer: Viewer, _asked: object) -> list[str]:
        """The hub itself has no replays: `app.live.replay_rooms` stands before it where there are some."""
        return ["there are no replays here"]

    async def poll(self, asked: object, since: int) -> bytes:
        """For who cannot hold a connection: the message with all changes after version `since`."""
        watched, complaints = await self._understand(asked)
        await self._topics.use(watched)
        return self.broadcast.frames.poll(watched, since, complaints)

    async def _understand(self, asked: object) -> tuple[Subscription, list[str]]:
        watched, complaints = parse_subscription(asked, self.state.instruments)
        if complaints and self._connected and await self._refreshed_instruments():
            return parse_subscription(asked, self.state.instruments)
        return watched, complaints

    # -- the database ---------------------------------------------------------------------------------------

    async def _on_connected(self) -> None:
        self.metrics.reads.labels("connected").inc()
        self._rereads.begin_whole_read()
        await self._reader.everything()
        self._feeds = await self._reader.feeds()
        self._connected = True
        self._ready.set()
        self._rereads.resume()
        self.state.reset()  # whoever was here before gets a snapshot
        self.broadcast.set_status(self._status())
        self.broadcast.changed()
        log.info("database_connected", symbols=len(self.state.instruments))

    def _on_lost(self, reason: str) -> None:
        if self._connected:
            self.metrics.reconnects.inc()
            log.warning("database_lost", reason=reason)
        self._connected = False
        self._rereads.pause()
        self._reason = reason
        self.broadcast.set_status(self._status())

    def _on_message(self, message: Message) -> None:
        self.metrics.messages.labels(type(message).__name__.lower()).inc()
        if isinstance(message, Bars):
            self._on_bars(message)
        elif isinstance(message, Reload):
            self._rereads.reload()
        else:
            self._on_feed(message)

    def _on_bars(self, message: Bars) -> None:
        before = self.state.ticks
        self.state.apply(message)
        self.metrics.ticks.inc(self.state.ticks - before)
        self.metrics.latency.observe(max(0, now_us() - message.sent_us) / 1e6)
        self._rereads.after(message)
        self.broadcast.changed()

    def _on_feed(self, feed: FeedStatus) -> None:
        self._feeds[feed.name] = {"name": feed.name, "kind": feed.kind, "state": feed.state}
        self.broadcast.set_status(self._status())

    # -- what is not always notified ------------------------------------------------------------------------

    async def _refreshed_instruments(self) -> bool:
        """Whether there was anything new about the instruments."""
        try:
            changed = await self._reader.instruments_changed()
            if changed:
                await self._reader.symbols(set())
                self.broadcast.changed()
        except DatabaseError as exc:
            log.warning("instruments_not_read", reason=str(exc))
            return False
        return changed

    async def _refresh(self) -> None:
        if not self._connected:
            return
        await self._refreshed_instruments()
        try:
            self._feeds = await self._reader.feeds()
        except DatabaseError as exc:
            log.warning("feeds_not_read", reason=str(exc))
        self.broadcast.set_status(self._status())

    # -- the status -----------------------------------------------------------------------------------------

    def _status(self) -> dict[str, Any]:
        ticks = self._ticks_at
        return {
            "state": "live" if self._connected else "reconnecting",
            "feeds": list(self._feeds.values()),
            "database": self._database,
            "ticks_per_s": round((ticks[-1] - ticks[0]) / max(1, len(ticks) - 1)),
        }

    async def _tick(self) -> None:
        self._ticks_at.append(self.state.ticks)
        self._topics.sweep()
        if self._connected:
            self._topics.retry()
            self.broadcast.changed()
        self.broadcast.set_status(self._status())

    @staticmethod
    def _every(seconds: float, act: Callable[[], Awaitable[None]]) -> Callable[[], Coroutine[Any, Any, None]]:
        async def loop() -> None:
            while True:
                await asyncio.sleep(seconds)
                await act()

        return loop
