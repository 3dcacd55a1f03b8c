"""Keeps one MarketState equal to the database and lets its changes out to the viewers."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

import structlog

from tickdeck.app.config import LiveSettings
from tickdeck.app.live.alerts import AlertDesk
from tickdeck.app.live.catch_up import CatchUp, StateReader
from tickdeck.app.live.feeds import FeedBoard
from tickdeck.app.market.state import MarketState
from tickdeck.app.memory import GivesBack
from tickdeck.app.push.audience import Audience
from tickdeck.app.push.broadcast import Viewer
from tickdeck.app.push.metrics import Metrics, Spilled
from tickdeck.app.supervision import Supervisor
from tickdeck.db.alerts import CHANNEL as ALERTS_CHANNEL
from tickdeck.db.alerts import AlertRule, list_rules
from tickdeck.db.candles.verify import Difference
from tickdeck.db.candles.watch import tell
from tickdeck.db.errors import DatabaseError
from tickdeck.db.faults import Fault
from tickdeck.db.listener import Listener
from tickdeck.db.lookback import horizon_us
from tickdeck.db.market.messages import Bars, FeedStatus, Message, Reload, Restated
from tickdeck.db.session import Pool

STATUS_S: Final = 1.0
LOOK_S: Final = 0.25
"""How often it is looked whether a feed or symbol fell silent."""
REFRESH_S: Final = 10.0
"""How often instruments, of which not every change is notified, are looked at."""
FEEDS_S: Final = 2.0
"""How often it is looked at how the feeds fare, which is as often as they say it."""
LATENCY_S: Final = 2.0
"""How often it is told how long ticks take; the log has a line of it every `LATENCY_LOG_S`."""
LATENCY_LOG_S: Final = 300.0
SKEW_S: Final = 0.5
"""Clocks that are further apart are said in the log."""
RATE_WINDOW_S: Final = 3

log = structlog.get_logger(__name__)


def now_us() -> int:
    """Wall clock, µs since the epoch."""
    return time.time_ns() // 1000


class Hub:
    """`async with Hub(…)`: listens, reads, and serves viewers until the block ends.

    `database` describes the server to the viewers.  With `own`, a pool that acts as `tickdeck_settings`, alert rules are
    evaluated.  `spilled`: what waits on this machine's disk for the database; feeds of other machines say it of themselves.
    Nothing here raises for a database that goes away: the status says so, the viewers keep what they have, and get a
    snapshot once it is back.
    """

    def __init__(
        self,
        url: str,
        pool: Pool,
        settings: LiveSettings,
        *,
        database: str = "",
        own: Pool | None = None,
        spilled: Spilled = dict,
    ) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.state = MarketState(version=now_us())
        self.connections: set[Viewer] = set()
        """Those of viewers who watch a replay included."""
        self._database = database
        self._connected = False
        self._reason = "starting"
        self._deaf_since: float | None = None
        """When the database was lost, on the monotonic clock."""
        self._late = False
        """It has not answered for a moment."""
        self._feeds = FeedBoard()
        self.metrics.look_at_spills(lambda: self._feeds.spilled() | dict(spilled()))
        self.metrics.live.set_function(lambda: float(self.health()[0]))
        self._latency: list[dict[str, Any]] = []
        self._skew_ms: int | None = None
        self._latency_said = time.monotonic()
        self._apart = Fault("clocks_differ", "clocks_agree")
        self._differ = ""
        """What candles differ from their ticks; empty: none that is known of."""
        self._later_us: set[int] = set()
        """Seconds whose bars came before their time, to be read once it has come."""
        self._ticks_at: deque[int] = deque([0], maxlen=RATE_WINDOW_S + 1)
        self._reader = StateReader(pool, self.state)
        self.audience = Audience(
            self.state,
            self._reader,
            settings,
            self.metrics,
            now_us=now_us,
            status=self._status(),
            refresh=self._new_instruments,
        )
        self.alerts = (
            None if own is None else AlertDesk(own, pool, self.state, self.audience, self.connections)
        )
        self.alert_fired = asyncio.Event()
        """Set with each firing of a rule, whoever saw it."""
        self.on_rules_changed: Callable[[], None] = lambda: None
        """Called where somebody has made, changed or removed an alert rule."""
        self._clock_ahead_us = 0
        """By how much the database's clock is ahead of ours, as of the last notification and with its way here."""
        self._catch_up = CatchUp(
            self.state,
            self._reader,
            self.metrics,
            tape_rate=settings.tape_rate,
            chart_rate=settings.chart_rate,
            changed=self.audience.changed,
            quotes_read=(lambda: None) if self.alerts is None else self.alerts.quotes_read,
        )
        self._refresh_fault = Fault(
            "instruments_or_feeds_not_read", "instruments_and_feeds_read_again", after_s=5
        )
        self._ready = asyncio.Event()
        self._listener = Listener(
            url,
            on_message=self._on_message,
            on_connected=self._on_connected,
            on_lost=self._on_lost,
            on_late=self._on_late,
            on_answer=self._on_answer,
            on_refused=self.metrics.refused.inc,
            others={} if self.alerts is None else {ALERTS_CHANNEL: self._on_alert},
        )
        self._memory = GivesBack()
        self._tasks = Supervisor()

    async def __aenter__(self) -> Self:
        self._tasks.start("listener", self._listener.run)
        self._tasks.start("reading of quotes", self._catch_up.read_quotes)
        self._tasks.start("reading of new ticks", self._catch_up.read_new_ticks)
        self._tasks.start("following of ticks", self._catch_up.follow)
        if self.alerts is not None:
            self.alerts.start(self._tasks)
        self._tasks.every(STATUS_S, "status", self._update_status)
        self._tasks.every(LOOK_S, "look at the feeds", self._look_at_feeds)
        self._tasks.every(REFRESH_S, "refresh", self._refresh)
        self._tasks.every(FEEDS_S, "feeds", self._read_feeds)
        self._tasks.every(LATENCY_S, "latency", self._measure)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.audience.close()
        await self._tasks.stop()

    # -- for the routes -------------------------------------------------------------------------------------

    async def ready(self) -> None:
        """Wait until the state was read for the first time."""
        await self._ready.wait()

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Whether live data can be served and are fed, and what /healthz says."""
        fault = self._feeds.fault()
        status = "reconnecting" if not self._answers else "ok" if fault is None else "degraded"
        facts = self._status() | {
            "status": status,
            "symbols": len(self.state.rows()),
            "viewers": self.viewers,
        }
        if status == "ok" and self._differ:  # it serves, but not what it should
            return True, facts | {"status": "degraded", "reason": self._differ}
        if status == "ok":
            return True, facts
        return False, facts | {"reason": self._reason if status == "reconnecting" else fault}

    def verified(self, differences: Sequence[Difference]) -> None:
        """Candles were compared with their ticks: these differ."""
        self._differ = tell(differences)
        self.metrics.differing.set(len(differences))
        self.metrics.verified.set_to_current_time()
        self.audience.set_status(self._status())

    @property
    def viewers(self) -> int:
        """Connections, those of viewers who watch a replay included."""
        return len(self.connections)

    @contextmanager
    def connected(self, viewer: Viewer) -> Iterator[None]:
        """Count the viewer while its connection lasts, and forget it then."""
        self.connections.add(viewer)
        self.metrics.viewers.set(self.viewers)
        self.audience.enter(viewer)
        try:
            yield
        finally:
            self.connections.discard(viewer)
            self.metrics.viewers.set(self.viewers)
            self.audience.leave(viewer)

    async def subscribe(self, viewer: Viewer, request: object) -> list[str]:
        """Let `viewer` watch what it requests; return a complaint for each part it cannot have."""
        return await self.audience.subscribe(viewer, request)

    async def replay(self, _viewer: Viewer, _request: object) -> list[str]:
        """The hub itself has no replays: `app.replay.rooms` stands before it where there are some."""
        return ["there are no replays here"]

    def alert_rules_of(self, owner: int | None) -> Callable[[], Awaitable[list[AlertRule]]] | None:
        """What reads the alert rules of a user, those that have fired too; None where rules are not evaluated here."""
        return None if self.alerts is None else partial(list_rules, self.alerts.own, owner)

    async def poll(self, request: object, since: int) -> bytes:
        """For who cannot hold a connection: the message with all changes after version `since`."""
        return await self.audience.poll(request, since)

    # -- the database ---------------------------------------------------------------------------------------

    async def _on_connected(self) -> None:
        self.metrics.reads.labels("connected").inc()
        self._catch_up.begin_whole_read()
        await self._reader.read_all()
        deaf_s = 0.0 if self._deaf_since is None else time.monotonic() - self._deaf_since
        self._feeds.read(await self._reader.feeds(), deaf_s=deaf_s)
        self._deaf_since = None
        await self.audience.prepare_snapshots()
        self._connected = True
        self._catch_up.resume()
        if self.alerts is not None:
            self.alerts.connected()
        self.state.reset()  # whoever was here before gets a snapshot
        self.audience.set_status(self._status())
        self.audience.changed()
        if not self._ready.is_set():
            log.info("database_connected", symbols=len(self.state.instruments))
        self._ready.set()

    def _on_lost(self, reason: str) -> None:
        if self._connected:
            self.metrics.reconnects.inc()
        self._connected = self._late = False
        if self._deaf_since is None:
            self._deaf_since = time.monotonic()
        self._catch_up.pause()
        if self.alerts is not None:
            self.alerts.lost()
        self._reason = reason
        self.audience.set_status(self._status())

    def _on_answer(self) -> None:
        self._late = False
        self.audience.set_status(self._status())

    def _on_late(self) -> None:
        self._late = True
        self._reason = "the database does not answer"
        self.audience.set_status(self._status())

    @property
    def _answers(self) -> bool:
        return self._connected and not self._late

    def _on_message(self, message: Message) -> None:
        """Anybody who may connect to the database may notify: what cannot be used is counted, and stops nothing."""
        self.metrics.messages.labels(type(message).__name__.lower()).inc()
        try:
            if isinstance(message, Bars):
                self._on_bars(message)
            elif isinstance(message, Reload):
                self._catch_up.request_all()
            elif isinstance(message, Restated):
                self._catch_up.request_symbols(message.symbols)
            else:
                self._on_feed(message)
        except Exception as exc:  # noqa: BLE001 - whatever it says
            log.warning("notification_refused", reason=f"{type(exc).__name__}: {exc}")
            self.metrics.refused.inc()
            self._catch_up.request_all()  # part of it may have been merged

    def _on_bars(self, message: Bars) -> None:
        horizon = horizon_us()
        later = {bar.candle.time_us for bar in message.bars if bar.candle.time_us >= horizon}
        if later:  # a read would not show them yet either
            self._later_us |= later
            message = replace(
                message, bars=tuple(bar for bar in message.bars if bar.candle.time_us < horizon)
            )
        before = self.state.ticks
        self.state.apply(message)
        self.metrics.ticks.inc(self.state.ticks - before)
        sent_us = message.sent_us - round(1e6 * (self._listener.clock.seconds or 0.0))  # by our clock
        self.state.sent_us = sent_us
        took_s = max(0, now_us() - sent_us) / 1e6
        self.metrics.latency.observe(took_s)
        self.metrics.notify.add(took_s)
        if self.alerts is not None:
            self._clock_ahead_us = message.sent_us - now_us()
            self.alerts.bars(message)
        self._catch_up.request_after(message)
        self.audience.changed()

    def _on_alert(self, payload: str) -> None:
        if self.alerts is not None:
            self.alerts.notified(payload)
        if payload.startswith("fired"):
            self.alert_fired.set()
        else:
            self.on_rules_changed()

    def _on_feed(self, feed: FeedStatus) -> None:
        self._feeds.heard(feed)
        self.audience.set_status(self._status())

    # -- what is not always notified ------------------------------------------------------------------------

    async def _new_instruments(self) -> bool:
        """Read what is new about the instruments; False where nothing is, or the database is away."""
        if not self._connected:
            return False
        try:
            changed = await self._reader.instruments_changed()
            if changed:
                await self._reader.read_symbols(set())
                self.audience.changed()
        except DatabaseError as exc:
            self._not_refreshed(exc)
            return False
        return changed

    async def _refresh(self) -> None:
        if not self._connected:
            return
        await self._new_instruments()

    async def _read_feeds(self) -> None:
        if not self._connected:
            return
        try:
            self._feeds.read(await self._reader.feeds())
            self._refresh_fault.over()
        except DatabaseError as exc:
            self._not_refreshed(exc)
        self.audience.set_status(self._status())

    def _not_refreshed(self, exc: DatabaseError) -> None:
        if self._connected:  # else that is said already
            self._refresh_fault.failed(str(exc))

    # -- the status -----------------------------------------------------------------------------------------

    def _status(self) -> dict[str, Any]:
        ticks = self._ticks_at
        return {
            "state": "reconnecting" if not self._answers else "feed" if self._feeds.fault() else "live",
            "feeds": self._feeds.shown(),
            "database": self._database,
            "ticks_per_s": round((ticks[-1] - ticks[0]) / max(1, len(ticks) - 1)),
            "warning": self._differ,
            "latency": self._latency,
            "skew_ms": self._skew_ms,
        }

    async def _measure(self) -> None:
        """Tell how long each part of a tick's way took lately, and whether clocks agree."""
        skew_s = self._listener.clock.seconds
        stages = [*self._feeds.stages(), *self.metrics.stages()]
        self.metrics.show_stages(stages, skew_s)
        self.metrics.show_bus(self._feeds.messages())
        self._latency = [asdict(each) for each in stages]
        self._skew_ms = None if skew_s is None else 10 * round(100 * skew_s)  # coarse: each change is sent
        if skew_s is not None and abs(skew_s) > SKEW_S:
            self._apart.failed(
                f"the database's clock is {abs(skew_s):.1f} s {'ahead' if skew_s > 0 else 'behind'}"
            )
        else:
            self._apart.over()
        if stages and time.monotonic() - self._latency_said >= LATENCY_LOG_S:
            self._latency_said = time.monotonic()
            said = {
                f"{each.stage}_{each.feed}".rstrip("_"): f"{each.p50_ms:g} / {each.p99_ms:g} ms"
                for each in stages
            }
            log.info("latency_p50_p99", **said)

    def painted(self, milliseconds: Sequence[float]) -> None:
        """A viewer says how long frames took to be seen."""
        for each in milliseconds:
            self.metrics.paint.add(each / 1000)

    async def _look_at_feeds(self) -> None:
        if self._connected:
            self.audience.set_status(self._status())
            if self.alerts is not None:
                self.alerts.look(now_us() + self._clock_ahead_us, self._feeds.silence())

    async def _update_status(self) -> None:
        self._ticks_at.append(self.state.ticks)
        self.audience.sweep()
        self._memory.look(self.viewers)
        if self._connected:
            if self._later_us and (horizon := horizon_us()) > min(self._later_us):
                self._later_us = {each for each in self._later_us if each >= horizon}
                self._catch_up.request_all()
            self.audience.retry()
            self.audience.changed()
        self.audience.set_status(self._status())
