"""The alert rules beside the hub: evaluated with every notification, stored, and told to those whose they are.

Nothing is told that is not stored: the database says which firing was the first, to every process that listens.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, cast
from uuid import UUID

import structlog

from tickdeck.app.market.alert_numbers import ChartNumbers
from tickdeck.app.market.alert_rules import check_rule
from tickdeck.app.market.alerts import Alerts, Fed, Firing, Known, LineOf, Rule
from tickdeck.app.market.fold import fold_seconds
from tickdeck.app.market.state import MarketState
from tickdeck.app.push.audience import Audience
from tickdeck.app.push.broadcast import Viewer
from tickdeck.app.push.outlets import Message
from tickdeck.app.push.protocol import Subscription, alert_values, encode
from tickdeck.app.supervision import Supervisor
from tickdeck.db import alerts as stored
from tickdeck.db.backoff import Backoff
from tickdeck.db.errors import DatabaseError, TickdeckError
from tickdeck.db.faults import Fault
from tickdeck.db.lookback import horizon_us
from tickdeck.db.market.messages import Bars
from tickdeck.db.market.types import HOUR_US, MAX_SEQ, Interval, Repeat
from tickdeck.db.quotes import read_quotes
from tickdeck.db.session import Connection, Pool, snapshot
from tickdeck.db.tick_columns import tick_column_pages

PROGRESS_S: Final = 1.0
HOLD_S: Final = 5.0
"""How often it is looked for charts that could not be opened, of symbols that were not known."""
LONGEST_US: Final = HOUR_US
"""What traded while nobody evaluated is looked at, at most so much of it."""
MOST_AT_ONCE: Final = 500
"""Firings that are stored, or told of, with one statement."""
SECOND_US: Final = 1_000_000

log = structlog.get_logger(__name__)


class AlertDesk:
    """Call `bars` with each notification after `state` has it, `connected` after each read of everything.

    `own` acts as `tickdeck_settings`, `pool` reads the market.  `viewers` holds all connections of this process.
    """

    def __init__(
        self, own: Pool, pool: Pool, state: MarketState, audience: Audience, viewers: Iterable[Viewer]
    ) -> None:
        self.engine = Alerts(self._days_of)
        self._numbers = ChartNumbers(self.engine, state)
        self.own = own
        self._pool = pool
        self._state = state
        self._audience = audience
        self._viewers = viewers
        self._held: dict[Fed, Subscription] = {}
        self._waiting: list[Bars] | None = []  # until the rules were read; None: they are
        self._read_all = asyncio.Event()
        self._changed: set[UUID] = set()
        self._fired: deque[Firing] = deque()
        self._told: deque[int] = deque()
        self._work = asyncio.Event()
        self._work_to_store = asyncio.Event()
        self._tell = asyncio.Event()
        self._evaluated_us = 0
        self.saved_us = 0
        """Up to which second of the market that is stored."""

    def start(self, tasks: Supervisor) -> None:
        """Run what goes on in the background."""
        tasks.start("reading of alert rules", self._read)
        tasks.start("changes of alert rules", self._take_changes)
        tasks.start("storing of alerts", self._store)
        tasks.start("telling of alerts", self._tell_all)
        tasks.every(PROGRESS_S, "progress of alerts", self._save_progress)
        tasks.every(HOLD_S, "charts of alerts", self._hold)

    @property
    def ready(self) -> bool:
        """Whether the rules were read, and what is notified is evaluated."""
        return self._waiting is None

    # -- what the hub says ----------------------------------------------------------------------------------

    def connected(self) -> None:
        """Everything was read, after what happened meanwhile was missed."""
        self._waiting = []
        self._read_all.set()

    def lost(self) -> None:
        """The database is away: what is notified from now on is missed."""
        self._waiting = []

    def bars(self, message: Bars) -> None:
        """A notification came, and the state has it."""
        if self._waiting is not None:
            self._waiting.append(message)
        elif self.engine.rules:
            self._apply(message)

    def quotes_read(self) -> None:
        """Quotes were read anew: ticks were stored that no bar told of, or corrected."""
        if self._waiting is None:
            for symbol in self.engine.symbols:
                row = self._state.row(symbol)
                if row is not None:
                    self._add(self.engine.know(symbol, Known.of(row.quote(), None)))

    def look(self, now_us: int, silence: dict[str, float]) -> None:
        """It is `now_us` by the database's clock, and so long nothing was heard of the feeds, in seconds."""
        if self._waiting is not None or not self.engine.rules:
            return
        self._add(self.engine.at(now_us))
        self._add(self._numbers.at(now_us))
        for feed in self.engine.feeds:
            self._add(self.engine.feed(feed, now_us, silence.get(feed, 0.0)))

    def notified(self, payload: str) -> None:
        """The database says that a rule was changed, or that one fired; anybody may write there."""
        kind, _, number = payload.partition(" ")
        try:
            if kind == "rule":
                self._changed.add(UUID(number))
                self._work.set()
            elif kind == "fired" and len(number) < 19:
                self._told.append(int(number))
                self._tell.set()
        except ValueError:
            log.warning("alert_notification_refused", payload=payload[:80])

    # -- rules ----------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        """Read the rules, and what happened before, each time the hub was connected."""
        backoff = Backoff(longest_s=5)
        fault = Fault("alerts_not_read", "alerts_read_again", after_s=3)
        while True:
            await self._read_all.wait()
            self._read_all.clear()
            waiting = self._waiting
            try:
                await self._begin(waiting)
                fault.over()
                backoff.reset()
            except DatabaseError as exc:
                fault.failed(str(exc))
                await backoff.pause()
                if self._waiting is waiting:
                    self._read_all.set()

    async def _begin(self, waiting: list[Bars] | None) -> None:
        self._changed.clear()
        rules = await stored.waiting_rules(self.own)
        progress_us = await stored.read_progress(self.own)
        async with snapshot(self._pool) as (connection, as_of):
            fired = await self._take_all(connection, rules, progress_us)
        if self._waiting is not waiting or waiting is None:  # lost meanwhile: it is read again
            self._fired += fired
            return
        self._add(fired)
        self._waiting = None
        for message in waiting:
            if not as_of.sees(message.xid):
                self._apply(message)
        await self._hold()
        self._numbers.forget()

    async def _take_all(
        self, connection: Connection, rules: Sequence[stored.AlertRule], progress_us: int | None
    ) -> list[Firing]:
        """Take the rules as they are, and what traded since they, or others before, were evaluated."""
        reached = {symbol: self.engine.reached_us(symbol) for symbol in self.engine.symbols}
        stand = {str(each.id): each for each in rules}
        for number in self.engine.rules.keys() - stand.keys():
            self.engine.remove(number)
        missed: dict[str, int] = {}
        for each in rules:
            row = self._state.row(each.symbol or "")
            if row is None or row.last_us is None:
                continue
            since_us = reached.get(row.symbol) or progress_us
            if since_us is not None and not each.is_new and row.last_us >= since_us + SECOND_US:
                missed[row.symbol] = max(since_us, row.last_us - LONGEST_US) + SECOND_US
        then = {
            quote.symbol: quote
            for since_us in sorted(set(missed.values()))
            for quote in await read_quotes(
                connection,
                sorted(symbol for symbol, at in missed.items() if at == since_us),
                at=(since_us - 1, MAX_SEQ),
            )
        }
        for each in rules:
            if not each.is_new:
                quote = then.get(each.symbol or "")
                known = None if quote is None else Known.of(quote, None)
                self._put(each, known, begin=each.symbol not in missed)
        fired = await self._catch_up(connection, missed)
        for each in rules:
            if each.is_new:
                self._put(each)
        return fired

    async def _catch_up(self, connection: Connection, missed: dict[str, int]) -> list[Firing]:
        """What traded since, and for moves what traded shortly before."""
        fired: list[Firing] = []
        for symbol in self.engine.symbols:
            row = self._state.row(symbol)
            if row is None or row.last_us is None:
                continue
            since_us = missed.get(symbol, row.last_us - row.last_us % SECOND_US + SECOND_US)
            window_us = self.engine.window_us(symbol)
            if symbol not in missed and not window_us:
                continue
            pages = tick_column_pages(connection, symbol, max(since_us - window_us, 0), horizon_us())
            async for ticks in pages:
                bars = fold_seconds(ticks)
                self.engine.remember(bar for bar in bars if bar.candle.time_us < since_us)
                for bar in bars:
                    if bar.candle.time_us >= since_us:
                        fired += self.engine.apply([bar], bar.candle.time_us)
                await asyncio.sleep(0)
        return fired

    def _put(self, each: stored.AlertRule, known: Known | None = None, *, begin: bool = True) -> None:
        """Watch for the rule, unless it is watched for as it is; `begin`: from the newest quote on."""
        number = str(each.id)
        there = self.engine.rules.get(number)
        if there is not None and there.version == each.version:
            return
        try:
            condition = check_rule(each.condition, each.symbol, each.every)
        except TickdeckError as exc:  # of an indicator that is not installed any more
            log.warning("alert_not_understood", rule=number, reason=str(exc))
            return
        row = self._state.row(each.symbol or "")
        if known is None and begin and row is not None:
            known = Known.of(row.quote(), row.last_us)
        rule = Rule(
            number, each.symbol or "", condition, cast("Repeat", each.repeat), cast("Interval", each.every),
            each.version, each.last_key,
        )  # fmt: skip
        self.engine.put(rule, known)

    async def _take_changes(self) -> None:
        """Take the rules that were made, changed or removed."""
        fault = Fault("alerts_not_read", "alerts_read_again", after_s=3)
        while True:
            await self._work.wait()
            self._work.clear()
            if self._waiting is not None or not self._changed:
                continue  # they are read all the same
            changed, self._changed = self._changed, set()
            try:
                rules = await stored.waiting_rules(self.own, list(changed))
                fault.over()
            except DatabaseError as exc:
                fault.failed(str(exc))
                self._changed |= changed
                self._work.set()
                await asyncio.sleep(1)
                continue
            for number in changed - {each.id for each in rules}:
                self.engine.remove(str(number))
            for each in rules:
                self._put(each)
            await self._hold()
            self._numbers.rules_changed()

    async def _hold(self) -> None:
        """Have the charts open that rules need, and no others."""
        wanted = set(self.engine.fed)
        for series in self._held.keys() - wanted:
            self._audience.let_go(self._held.pop(series))
        for series in wanted - self._held.keys():
            interval: Interval = series.interval if isinstance(series, LineOf) else "1m"
            indicators = (series.indicator,) if isinstance(series, LineOf) else ()
            chart = Subscription(chart=(series.symbol, interval), indicators=indicators)
            chart = chart.only(self._state.instruments)
            if chart.chart is not None:
                self._held[series] = chart
                await self._audience.hold(chart)

    def _days_of(self, symbol: str) -> str:
        instrument = self._state.instruments.get(symbol)
        return "UTC" if instrument is None else instrument.days

    # -- what fires -----------------------------------------------------------------------------------------

    def _apply(self, message: Bars) -> None:
        rows = self._state.row
        bars = [bar for bar in message.bars if (row := rows(bar.symbol)) is None or not row.sees(message.xid)]
        for bar in bars:
            self._evaluated_us = max(self._evaluated_us, bar.candle.time_us)
        self._add(self.engine.apply(bars, message.sent_us))
        self._add(self._numbers.after(bars))

    def _add(self, fired: Sequence[Firing]) -> None:
        if fired:
            self._fired += fired
            self._work_to_store.set()

    async def _store(self) -> None:
        """Store what fired, in order; where the database does not take it, again and again."""
        fault = Fault("alerts_not_stored", "alerts_stored_again", after_s=3)
        while True:
            await self._work_to_store.wait()
            self._work_to_store.clear()
            while self._fired:
                batch = self._next_batch()
                try:
                    await stored.fire(
                        self.own,
                        [
                            stored.Fired(
                                UUID(each.rule.id), each.rule.version, each.key, each.time_us, each.value
                            )
                            for each in batch
                        ],
                    )
                    fault.over()
                except DatabaseError as exc:
                    fault.failed(str(exc))
                    await asyncio.sleep(1)
                    continue
                for _ in batch:
                    self._fired.popleft()

    def _next_batch(self) -> list[Firing]:
        """The first firings, of each rule one."""
        batch: dict[str, Firing] = {}
        for each in self._fired:
            if each.rule.id in batch or len(batch) == MOST_AT_ONCE:
                break
            batch[each.rule.id] = each
        return list(batch.values())

    async def _tell_all(self) -> None:
        """Tell the viewers whose rules have fired."""
        fault = Fault("alerts_not_told", "alerts_told_again", after_s=3)
        while True:
            await self._tell.wait()
            self._tell.clear()
            while self._told:
                numbers = [self._told.popleft() for _ in range(min(len(self._told), MOST_AT_ONCE))]
                if not any(True for _ in self._viewers):
                    continue
                try:
                    entries = await stored.read_fired(self.own, numbers)
                    fault.over()
                except DatabaseError as exc:  # they are in the log, which a page reads when it is back
                    fault.failed(str(exc))
                    continue
                for entry in entries:
                    message = Message(encode({"type": "alert", "alert": alert_values(entry)}))
                    for viewer in list(self._viewers):
                        if viewer.identity.user_id == entry.owner and viewer.outlet.ready():
                            viewer.outlet.write(message)

    async def _save_progress(self) -> None:
        if self._waiting is None and not self._fired and self._evaluated_us > self.saved_us:
            evaluated_us = self._evaluated_us
            try:
                await stored.save_progress(self.own, evaluated_us)
                self.saved_us = evaluated_us
            except DatabaseError as exc:
                log.debug("progress_of_alerts_not_saved", reason=str(exc))
