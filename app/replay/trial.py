"""An alert rule over stored ticks, as if it had waited then: the same rules on the same bars, second by second."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tickdeck.app.market.alert_numbers import ChartNumbers
from tickdeck.app.market.alert_rules import (
    Condition,
    FeedCondition,
    IndicatorCondition,
    VolumeCondition,
    check_rule,
)
from tickdeck.app.market.alerts import Alerts, Firing, Known, Rule
from tickdeck.app.market.fold import fold_seconds
from tickdeck.app.market.state import MarketState
from tickdeck.app.replay.clock import Position
from tickdeck.app.replay.reader import ReplayReader
from tickdeck.db.errors import MarketDataError, UnknownSymbolError
from tickdeck.db.market.buckets import local_day
from tickdeck.db.market.messages import Bar
from tickdeck.db.market.types import DAY_US, LATEST_US, MAX_SEQ, Instrument, Interval, Repeat
from tickdeck.db.quotes import read_quotes
from tickdeck.db.replay_reads import instruments_of
from tickdeck.db.session import Source, reading
from tickdeck.db.tick_columns import tick_column_pages

MOST_DAYS: Final = 7
MOST_FIRINGS: Final = 1_000
BARS_AT_ONCE: Final = 100
"""Bars evaluated without letting the event loop do anything else (some milliseconds)."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a rule would have fired in `[start_us, end_us)`, µs since the epoch; `cut`: there was more."""

    start_us: int
    end_us: int
    fired: list[Firing]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rule to be tried; `condition` as text."""

    symbol: str
    condition: str
    repeat: Repeat = "rearm"
    every: Interval = "1m"


async def newest_day(source: Source, symbol: str, *, until_us: int | None = None) -> tuple[int, int]:
    """`[start, end)` of the newest day, by the instrument's rule, with ticks not after `until_us`.

    Raises `UnknownSymbolError`, also where there are none.
    """
    (instrument,) = await instruments_of(source, [symbol])
    at = None if until_us is None else (until_us, MAX_SEQ)
    quotes = await read_quotes(source, [symbol], at=at)
    if not quotes:
        raise UnknownSymbolError(symbol)
    day = local_day(quotes[0].day_us, instrument.days)
    return day.first_us, day.end_us if until_us is None else min(day.end_us, until_us + 1)


async def run_trial(source: Source, wanted: Wanted, start_us: int, end_us: int) -> Trial:
    """Let the rule wait in `[start_us, end_us)`.

    Raises `MarketDataError` where that cannot be, `UnknownSymbolError` and `DatabaseError`.
    """
    condition = check_rule(wanted.condition, wanted.symbol, wanted.every)
    if isinstance(condition, FeedCondition):
        raise MarketDataError("when feeds were silent is not stored")
    if not start_us < end_us <= start_us + MOST_DAYS * DAY_US:
        raise MarketDataError(f"a rule is tried over up to {MOST_DAYS} days, from before to")
    (instrument,) = await instruments_of(source, [wanted.symbol])
    trial = _Trial(instrument, wanted, condition)
    await trial.begin(source, start_us)
    fired = await trial.play(source, start_us, min(end_us, LATEST_US))
    return Trial(start_us, end_us, fired[:MOST_FIRINGS], len(fired) > MOST_FIRINGS)


class _Trial:
    """A market of one symbol, and a rule in it."""

    def __init__(self, instrument: Instrument, wanted: Wanted, condition: Condition) -> None:
        self._symbol = instrument.symbol
        self._rule = Rule("trial", self._symbol, condition, wanted.repeat, wanted.every)
        self._state = MarketState()
        self._state.load_instruments([instrument])
        self._alerts = Alerts(lambda _: instrument.days)
        self._numbers = ChartNumbers(self._alerts, self._state)
        if isinstance(condition, IndicatorCondition):
            self._state.open_indicator(self._symbol, condition.interval, condition.indicator)
        elif isinstance(condition, VolumeCondition):
            self._state.open_chart(self._symbol, "1m")

    async def begin(self, source: Source, start_us: int) -> None:
        """Stand just before the start."""
        reader = ReplayReader(source, [self._symbol], start_us, start_us)
        before = Position(start_us - 1, MAX_SEQ)
        read = await reader.market_at(before, list(self._state.charts.values()), [], 0)
        self._state.load_quotes(read.quotes)
        for chart, candles, lead, fold in read.charts:
            self._state.load_chart(chart, candles, lead=lead, fold=fold)
        self._alerts.put(self._rule, Known.of(read.quotes[0], start_us) if read.quotes else None)
        self._numbers.rules_changed()
        window_us = self._alerts.window_us(self._symbol)
        if window_us:
            async with reading(source) as connection:
                async for ticks in tick_column_pages(
                    connection, self._symbol, max(start_us - window_us, 0), start_us
                ):
                    self._alerts.remember(fold_seconds(ticks))

    async def play(self, source: Source, start_us: int, end_us: int) -> list[Firing]:
        """Let the ticks of the range happen, as long as the rule waits and has not fired too often."""
        fired: list[Firing] = []
        async with reading(source) as connection:
            async for ticks in tick_column_pages(connection, self._symbol, start_us, end_us):
                bars = fold_seconds(ticks)
                for first in range(0, len(bars), BARS_AT_ONCE):
                    fired += self._apply(bars[first : first + BARS_AT_ONCE])
                    if not self._alerts.rules or len(fired) > MOST_FIRINGS:
                        return fired
                    await asyncio.sleep(0)
        return [*fired, *self._alerts.at(end_us), *self._numbers.at(end_us)]

    def _apply(self, bars: Sequence[Bar]) -> list[Firing]:
        fired: list[Firing] = []
        for bar in bars:
            now_us = bar.candle.time_us
            fired += self._alerts.at(now_us)
            fired += self._numbers.at(now_us)
            self._state.merge([bar])
            fired += self._alerts.apply([bar], now_us)
            fired += self._numbers.after([bar])
        return fired
