"""The viewers of one MarketState: what they subscribe to is read, sent as it changes, and let go after them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tickdeck.app.config import LiveSettings
from tickdeck.app.market.state import MarketState
from tickdeck.app.push.broadcast import Broadcast, Viewer
from tickdeck.app.push.metrics import Metrics
from tickdeck.app.push.protocol import NOTHING, Subscription, parse_subscription
from tickdeck.app.push.topics import TopicReader, Topics


async def _nothing_new() -> bool:
    return False


class Audience:
    """Viewers `enter`, `subscribe` as often as they like, and `leave`; who only polls does not enter.

    `reader` fills the charts and tapes of `state` that they watch.  `refresh` is awaited where a symbol is not
    known, and says whether there are new ones.  Whoever changes the state calls `changed`.
    """

    def __init__(
        self,
        state: MarketState,
        reader: TopicReader,
        settings: LiveSettings,
        metrics: Metrics,
        *,
        now_us: Callable[[], int],
        status: dict[str, Any],
        refresh: Callable[[], Awaitable[bool]] = _nothing_new,
    ) -> None:
        self.broadcast = Broadcast(state, settings, metrics, now_us=now_us, status=status)
        self.viewers: set[Viewer] = set()
        self._state = state
        self._topics = Topics(state, reader, grace_s=settings.chart_grace_s)
        self._refresh = refresh

    def enter(self, viewer: Viewer) -> None:
        """Have the viewer here; it gets nothing before it subscribes."""
        self.viewers.add(viewer)

    async def subscribe(self, viewer: Viewer, request: object) -> list[str]:
        """Let the viewer watch what it requests from now on; a complaint for each part that it cannot have."""
        watched, complaints = await self._understand(request)
        await self.show(viewer, watched)
        return complaints

    async def show(self, viewer: Viewer, watched: Subscription) -> None:
        """Let the viewer watch what there is of this from now on, if it is still here once that is read."""
        watched = watched.only(self._state.instruments)
        await self._topics.acquire(watched)
        await self.broadcast.frames.prepare(watched)
        if viewer not in self.viewers:
            self._topics.release(watched)
            return
        before = viewer.watched
        self.broadcast.watch(viewer, watched)
        self._topics.release(before)

    async def poll(self, request: object, since: int) -> bytes:
        """For who cannot hold a connection: the message with all changes after version `since`."""
        watched, complaints = await self._understand(request)
        await self._topics.use(watched)
        await self.broadcast.frames.prepare(watched)
        return self.broadcast.frames.poll(watched, since, complaints)

    def leave(self, viewer: Viewer) -> None:
        """Send the viewer nothing any more; it may be connected still.  Nothing where it is not here."""
        if viewer not in self.viewers:
            return
        self.viewers.discard(viewer)
        self.broadcast.leave(viewer)
        self._topics.release(viewer.watched)
        viewer.watched = NOTHING

    async def hold(self, watched: Subscription) -> None:
        """Have what it names in the state until `let_go`, as for a viewer; read as soon as it can be."""
        await self._topics.acquire(watched)

    def let_go(self, watched: Subscription) -> None:
        """Undo one `hold`."""
        self._topics.release(watched)

    async def prepare_snapshots(self) -> None:
        """Make ready what a snapshot for everybody needs, a part at a time, before the state is reset."""
        for watched in self.broadcast.subscriptions():
            await self.broadcast.frames.prepare(watched)

    def changed(self) -> None:
        """The state changed: send what is due."""
        self.broadcast.changed()

    def set_status(self, status: dict[str, Any]) -> None:
        """Tell the viewers a new status."""
        self.broadcast.set_status(status)

    def set_panel(self, name: str, encoded: bytes | None) -> None:
        """Tell the viewers what a panel shows now, a JSON object; None: it is gone."""
        self.broadcast.set_panel(name, encoded)

    def sweep(self) -> None:
        """Close the charts and tapes that nobody watched for the time of grace."""
        self._topics.sweep()

    def retry(self) -> None:
        """Read the charts and tapes that are watched and could not be read before."""
        self._topics.retry()

    def close(self) -> None:
        """Send nothing any more."""
        self.broadcast.close()

    async def _understand(self, request: object) -> tuple[Subscription, list[str]]:
        watched, complaints = parse_subscription(request, self._state.instruments)
        if complaints and await self._refresh():
            return parse_subscription(request, self._state.instruments)
        return watched, complaints
