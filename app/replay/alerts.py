"""Alert rules in a replay: those of whoever opened it, on its clock.  Nothing is stored or sent elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, cast

import structlog

from tickdeck.app.market.alert_numbers import ChartNumbers
from tickdeck.app.market.alert_rules import check_rule, wants_symbol
from tickdeck.app.market.alerts import Alerts, Firing, Known, LineOf, Rule
from tickdeck.app.push.audience import Audience
from tickdeck.app.push.protocol import Subscription
from tickdeck.app.replay.market import ReplayMarket
from tickdeck.db.alerts import AlertRule
from tickdeck.db.errors import DatabaseError, TickdeckError
from tickdeck.db.market.messages import Bar
from tickdeck.db.market.types import Interval, Repeat

MOST_AT_ONCE: Final = 50
"""Firings that are told of together; of a replay that runs a thousand times as fast nobody could see more."""

log = structlog.get_logger(__name__)

RulesOf = Callable[[], Awaitable[Sequence[AlertRule]]]


async def read_rules(rules_of: RulesOf) -> Sequence[AlertRule] | None:
    """The rules; None where they cannot be read, which does not keep a replay from going on."""
    try:
        return await rules_of()
    except DatabaseError as exc:
        log.warning("alerts_of_replay_not_read", reason=str(exc))
        return None


class ReplayAlerts:
    """Evaluates `rules`, and later those that `rules_of` reads, with what `market` plays; those that have fired live, too.

    `tell` gets what fires, as `alert` messages have it.  After each seek all rules wait anew; moves count from there on.
    """

    def __init__(
        self,
        market: ReplayMarket,
        audience: Audience,
        rules: Sequence[AlertRule] | None,
        rules_of: RulesOf,
        tell: Callable[[list[dict[str, Any]]], None],
    ) -> None:
        self._market = market
        self._audience = audience
        self._rules_of = rules_of
        self._tell = tell
        self._stored: dict[str, AlertRule] = {}
        self._alerts = Alerts(self._days_of)
        self._numbers = ChartNumbers(self._alerts, market.state)
        self._held: list[Subscription] = []
        self._wanted = asyncio.Event()
        self._take(rules)
        self._begin()
        market.on_bars = self._play
        market.on_loaded = self._begin

    async def run(self) -> None:
        """Keep the charts open that the rules need, and read the rules whenever `refresh` is called, until cancelled."""
        while True:
            await self._hold()
            self._numbers.rules_changed()
            await self._wanted.wait()
            self._wanted.clear()
            self._take(await read_rules(self._rules_of))
            self._begin()

    def _take(self, rules: Sequence[AlertRule] | None) -> None:
        """Take those about symbols that are played; None: they could not be read."""
        if rules is not None:
            known = self._market.state.instruments
            self._stored = {str(each.id): each for each in rules if each.symbol in known}

    def refresh(self) -> None:
        """The rules may be others now."""
        self._wanted.set()

    def _begin(self) -> None:
        """Let all rules wait from where the market stands."""
        state = self._market.state
        now_us = self._market.position.time_us
        self._alerts = Alerts(self._days_of)
        self._numbers = ChartNumbers(self._alerts, state)
        for number, each in self._stored.items():
            try:
                condition = check_rule(each.condition, each.symbol, each.every)
            except TickdeckError:  # the hub's log says so
                continue
            if not wants_symbol(condition) or each.symbol is None:
                continue
            row = state.row(each.symbol)
            known = None if row is None else Known.of(row.quote(), now_us)
            repeat, every = cast("Repeat", each.repeat), cast("Interval", each.every)
            self._alerts.put(Rule(number, each.symbol, condition, repeat, every, each.version), known)
        self._numbers.rules_changed()

    async def _hold(self) -> None:
        """Have the charts open that the rules need."""
        before, self._held = self._held, []
        for series in self._alerts.fed:
            interval: Interval = series.interval if isinstance(series, LineOf) else "1m"
            indicators = (series.indicator,) if isinstance(series, LineOf) else ()
            wanted = Subscription(chart=(series.symbol, interval), indicators=indicators)
            await self._audience.hold(wanted)
            self._held.append(wanted)
        for each in before:
            self._audience.let_go(each)

    def _play(self, bars: Sequence[Bar]) -> None:
        """These bars were played; they are in the state."""
        if not self._alerts.rules:
            return
        fired: list[Firing] = []
        for bar in bars:
            fired += self._alerts.at(bar.candle.time_us)
            fired += self._alerts.apply([bar], bar.candle.time_us)
        fired += self._numbers.after(bars)
        if fired:
            self._tell([self._values(each) for each in fired[-MOST_AT_ONCE:]])

    def _values(self, firing: Firing) -> dict[str, Any]:
        stored = self._stored[firing.rule.id]
        return {
            "id": None,
            "rule": firing.rule.id,
            "symbol": stored.symbol,
            "condition": stored.condition,
            "note": stored.note,
            "time": firing.time_us // 1000,
            "value": firing.value,
        }

    def _days_of(self, symbol: str) -> str:
        instrument = self._market.state.instruments.get(symbol)
        return "UTC" if instrument is None else instrument.days
