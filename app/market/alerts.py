"""Which alert rules what happens in the market lets fire.  Pure: no I/O, no clock.

The rules of one number (a symbol's price, its spread, one indicator) wait in heaps by their levels: a tick that lets none
fire costs the same for one rule and for ten thousand, and one that does costs O(log n) for each that fires.

Prices are looked at as the delta bars tell them: a high or low within one of them counts.  A bar that is more than
`LATE_US` behind the newest one of its symbol is history, and lets nothing fire.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final, Self, TypeAlias

from tickdeck.app.market.alert_rules import (
    Condition,
    ExtremeCondition,
    FeedCondition,
    IndicatorCondition,
    MoveCondition,
    PriceCondition,
    SilenceCondition,
    SpreadCondition,
    VolumeCondition,
    When,
)
from tickdeck.db.market.buckets import Bucket, bucket_of, local_day
from tickdeck.db.market.indicators import Indicator
from tickdeck.db.market.messages import Bar
from tickdeck.db.market.types import Candle, Interval, Quote, Repeat

SECOND_US: Final = 1_000_000
LATE_US: Final = 60 * SECOND_US
MOST_GONE: Final = 1_000
"""Rules that are gone of which entries may be left, where there are fewer of the others."""

_numbers = count()


@dataclass(eq=False, slots=True)
class Rule:
    """One rule as it waits.  `symbol` is empty for one about a feed; `every` is the bar of `once a bar`.

    `last_key` is that of its last firing (None: it never fired): a firing has a larger one, and what two processes see of
    one event has the same.  `version` tells a rule from what it was before it was changed.
    """

    id: str
    symbol: str
    condition: Condition
    repeat: Repeat = "once"
    every: Interval = "1m"
    version: int = 1
    last_key: int | None = None
    alive: bool = True
    """False: it fired once, or is not here any more."""


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule fired: at `time_us` of the market (µs since the epoch), with `value`, the number that got to its level.

    `key` is the second, or of a rule that fires once a bar the bar, in µs since the epoch.
    """

    rule: Rule
    time_us: int
    key: int
    value: float


@dataclass(frozen=True, slots=True)
class VolumeOf:
    """The volume of the forming minute of a symbol over the mean of the minutes before it."""

    symbol: str
    minutes: int


@dataclass(frozen=True, slots=True)
class LineOf:
    """A line of an indicator over the candles of a symbol."""

    symbol: str
    interval: Interval
    indicator: Indicator
    line: int
    forming: bool


Fed: TypeAlias = VolumeOf | LineOf
"""A number that somebody else computes, from candles, and hands to `Alerts.number`."""


@dataclass(eq=False, slots=True)
class _Entry:
    """A level that a rule waits for.  `crossing`: only getting there counts, not being there."""

    rule: Rule
    level: float
    crossing: bool
    number: int = field(default_factory=lambda: next(_numbers))


class _Rising:
    """Entries that wait for a number to rise to their level."""

    __slots__ = ("armed", "off", "until")

    def __init__(self) -> None:
        self.armed: list[tuple[float, int, _Entry]] = []  # the lowest level first
        self.off: list[tuple[float, int, _Entry]] = []  # by -level: armed again once the number is below it
        self.until: list[tuple[int, int, _Entry]] = []  # by the end of the bar in which they have fired

    def __bool__(self) -> bool:
        return bool(self.armed or self.off or self.until)

    def add(self, entry: _Entry, last: float | None) -> None:
        """A crossing, or a rule that fired before, has to see the number below its level first."""
        waits = entry.crossing or entry.rule.last_key is not None
        if waits and (last is None or last >= entry.level):
            heappush(self.off, (-entry.level, entry.number, entry))
        else:
            heappush(self.armed, (entry.level, entry.number, entry))

    def sweep(self) -> None:
        """Let go of the entries whose rules are gone."""
        self.armed = [each for each in self.armed if each[2].rule.alive]
        self.off = [each for each in self.off if each[2].rule.alive]
        self.until = [each for each in self.until if each[2].rule.alive]
        heapify(self.armed)
        heapify(self.off)
        heapify(self.until)

    def step(self, time_us: int, top: float, close: float, last: float | None) -> list[_Entry]:
        """The number was at most `top` and is now `close`, after it was `last`: those whose level it got to."""
        armed, off, until = self.armed, self.off, self.until
        while until and until[0][0] <= time_us:
            entry = heappop(until)[2]
            if entry.crossing and (last is None or last >= entry.level):
                heappush(off, (-entry.level, entry.number, entry))
            else:
                heappush(armed, (entry.level, entry.number, entry))
        fired = []
        while armed and armed[0][0] <= top:
            fired.append(heappop(armed)[2])
        while off and -off[0][0] > close:
            entry = heappop(off)[2]
            heappush(armed, (entry.level, entry.number, entry))
        return fired

    def correct(self, close: float) -> None:
        """The number never was what it was: nothing fires, and a crossing has to come from the side that is right."""
        reached = []
        while self.armed and self.armed[0][0] <= close:
            reached.append(heappop(self.armed))
        for _, number, entry in reached:
            if entry.crossing:
                heappush(self.off, (-entry.level, number, entry))
            else:
                heappush(self.armed, (entry.level, number, entry))
        while self.off and -self.off[0][0] > close:
            entry = heappop(self.off)[2]
            heappush(self.armed, (entry.level, entry.number, entry))

    def rest(self, entry: _Entry, close: float, until_us: int | None) -> None:
        """It fired: it waits for the end of a bar, or for the number to be below its level again."""
        if until_us is not None:
            heappush(self.until, (until_us, entry.number, entry))
        elif close < entry.level:
            heappush(self.armed, (entry.level, entry.number, entry))
        else:
            heappush(self.off, (-entry.level, entry.number, entry))


class _Levels:
    """The entries of one number, rising and falling; of the falling ones level and number have the other sign."""

    __slots__ = ("down", "last", "rules", "up")

    def __init__(self) -> None:
        self.rules = 0
        """Those that are alive, of a number that is fed."""
        self.up = _Rising()
        self.down = _Rising()
        self.last: float | None = None

    def __bool__(self) -> bool:
        return bool(self.up) or bool(self.down)

    def add(self, rule: Rule, when: When, level: float) -> None:
        last = self.last
        crossing = when not in ("above", "below")
        if when in ("above", "crosses", "crosses up"):
            self.up.add(_Entry(rule, level, crossing), last)
        if when in ("below", "crosses", "crosses down"):
            self.down.add(_Entry(rule, -level, crossing), None if last is None else -last)

    def sweep(self) -> None:
        self.up.sweep()
        self.down.sweep()

    def correct(self, close: float) -> None:
        """The number is not what it was thought to be."""
        self.last = close
        self.up.correct(close)
        self.down.correct(-close)

    def step(
        self, time_us: int, low: float, high: float, close: float, at: _Fired, value: float | None = None
    ) -> None:
        """The number moved between `low` and `high` and is `close`; `value` is told in the place of high or low."""
        last, self.last = self.last, close
        if self.up:
            for entry in self.up.step(time_us, high, close, last):
                at.fire(self.up, entry, time_us, close, high if value is None else value)
        if self.down:
            for entry in self.down.step(time_us, -low, -close, None if last is None else -last):
                at.fire(self.down, entry, time_us, -close, low if value is None else value)


class _Fired:
    """Gathers what fires."""

    def __init__(self, bar_of: Callable[[Rule, int], Bucket]) -> None:
        self.fired: list[Firing] = []
        self._bar_of = bar_of

    def fire(self, where: _Rising, entry: _Entry, time_us: int, close: float, value: float) -> None:
        """Let the entry fire, unless its rule has in this second or bar, and put it where it waits then."""
        rule = entry.rule
        if not rule.alive:
            return
        until_us = self.tell(rule, time_us, value)
        if rule.alive:
            where.rest(entry, close, until_us)

    def tell(self, rule: Rule, time_us: int, value: float) -> int | None:
        """The same of a rule; returns the end of the bar in which it does not fire again, None where it has none."""
        until_us = None
        if rule.repeat == "bar":
            bar = self._bar_of(rule, time_us)
            key, until_us = bar.first_us, bar.end_us
        else:
            key = time_us - time_us % SECOND_US
        if rule.last_key is None or rule.last_key < key:
            rule.last_key = key
            rule.alive = rule.repeat != "once"
            self.fired.append(Firing(rule, time_us, key, value))
        return until_us


class _Window:
    """Lowest (or, of negated prices, highest) price of the last seconds: a queue in which prices only grow."""

    __slots__ = ("kept", "levels", "width_us")

    def __init__(self, width_us: int) -> None:
        self.width_us = width_us
        self.kept: deque[tuple[int, float]] = deque()
        self.levels = _Levels()

    def add(self, time_us: int, low: float) -> None:
        kept = self.kept
        if kept and time_us < kept[-1][0]:
            time_us = kept[-1][0]  # late by less than counts
        while kept and kept[-1][1] >= low:
            kept.pop()
        kept.append((time_us, low))

    def lowest(self, time_us: int) -> float | None:
        """Of those that lie in the window which ends at `time_us`."""
        kept = self.kept
        while kept and kept[0][0] <= time_us - self.width_us:
            kept.popleft()
        return kept[0][1] if kept else None

    def step(self, time_us: int, base: float | None, high: float, low: float, at: _Fired) -> None:
        """The price was between `low` and `high`, and began at `base` (None: none of it was the last price)."""
        lowest = self.lowest(time_us)
        if base is not None and (lowest is None or base < lowest):
            lowest = base
        self.add(time_us, low)
        if lowest:
            percent = 100 * (high - lowest) / abs(lowest)
            self.levels.step(time_us, percent, percent, percent, at)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a symbol before its first bar: the newest quote.

    `day_us` is an instant of the day of `high` and `low`; None for what there is none of.
    """

    last: float | None
    last_us: int | None
    last_seq: int | None
    day_us: int
    high: float | None
    low: float | None
    heard_us: int | None

    @classmethod
    def of(cls, quote: Quote, heard_us: int | None) -> Self:
        """What a newest quote says; `heard_us`: when the symbol was last heard of, by the clock of `Alerts.at`."""
        priced = quote.high >= quote.low
        return cls(
            quote.last, quote.last_us, quote.last_seq, quote.day_us,
            quote.high if priced else None, quote.low if priced else None, heard_us,
        )  # fmt: skip


class _Watched:
    """What is known of one symbol that has rules, and those rules that look at its prices."""

    __slots__ = (
        "bar_us", "day", "days", "falls", "heard_us", "high", "highs", "last_seq", "last_us", "low", "lows", "price",
        "rises", "rules", "silences", "silent", "spread", "spread_bp",
    )  # fmt: skip

    def __init__(self, days: str) -> None:
        self.days = days
        self.rules = 0
        """Those that are alive."""
        self.price = _Levels()
        self.spread = _Levels()
        self.spread_bp = _Levels()
        self.highs = _Levels()
        self.lows = _Levels()
        self.rises: dict[int, _Window] = {}
        self.falls: dict[int, _Window] = {}
        self.silences: list[Rule] = []
        self.silent: list[Rule] = []
        """Those that have fired, and wait for the symbol to be heard of."""
        self.last_us, self.last_seq = -1, 0
        self.bar_us = 0
        """The newest second."""
        self.day: Bucket | None = None
        self.high: float | None = None
        self.low: float | None = None
        self.heard_us: int | None = None

    def wait(self, rule: Rule) -> None:
        """Have the rule wait for prices; of silence nothing waits here."""
        condition = rule.condition
        if isinstance(condition, PriceCondition):
            self.price.add(rule, condition.when, condition.level)
        elif isinstance(condition, SpreadCondition):
            levels = self.spread_bp if condition.bp else self.spread
            levels.add(rule, condition.when, condition.level)
        elif isinstance(condition, ExtremeCondition):
            if condition.which != "low":
                self.highs.add(rule, "above", 1)
            if condition.which != "high":
                self.lows.add(rule, "above", 1)
        elif isinstance(condition, MoveCondition):
            width_us = condition.window_s * SECOND_US
            for way, windows in (("rises", self.rises), ("falls", self.falls)):
                if condition.way in (way, "moves"):
                    window = windows.setdefault(width_us, _Window(width_us))
                    window.levels.add(rule, "above", condition.percent)

    def sweep(self) -> None:
        """Let go of what waits for rules that are gone."""
        for levels in (self.price, self.spread, self.spread_bp, self.highs, self.lows):
            levels.sweep()
        for windows in (self.rises, self.falls):
            for width_us, window in list(windows.items()):
                window.levels.sweep()
                if not window.levels:
                    del windows[width_us]

    def begin(self, known: Known) -> None:
        """Go on from the newest quote."""
        if known.last is not None and known.last_us is not None:
            if self.price.last is None:
                self.price.last = known.last
            self.last_us, self.last_seq = known.last_us, known.last_seq or 0
            self.bar_us = known.last_us - known.last_us % SECOND_US
        self.day = local_day(known.day_us, self.days)
        self.high, self.low = known.high, known.low

    def trade(self, bar: Bar, at: _Fired) -> None:
        """Ticks with prices came."""
        candle = bar.candle
        self.bar_us = max(self.bar_us, candle.time_us)
        is_last = candle.priced and (candle.last_us, candle.last_seq) > (self.last_us, self.last_seq)
        if is_last:
            self.last_us, self.last_seq = candle.last_us, candle.last_seq
        when_us = candle.last_us if candle.priced else candle.time_us
        base = candle.open if candle.priced else None
        self._extremes(candle, when_us, at)
        for window in self.rises.values():
            window.step(when_us, base, candle.high, candle.low, at)
        for window in self.falls.values():
            window.step(when_us, None if base is None else -base, -candle.low, -candle.high, at)
        close = candle.close if is_last else self.price.last
        if close is not None:
            self.price.step(when_us, candle.low, candle.high, close, at)
        if is_last and bar.bid is not None and bar.ask is not None:
            self._quote(when_us, bar.bid, bar.ask, at)

    def _quote(self, when_us: int, bid: float, ask: float, at: _Fired) -> None:
        spread = ask - bid
        if self.spread:
            self.spread.step(when_us, spread, spread, spread, at)
        if self.spread_bp and bid + ask > 0:
            value = 20_000 * spread / (bid + ask)
            self.spread_bp.step(when_us, value, value, value, at)

    def _extremes(self, candle: Candle, when_us: int, at: _Fired) -> None:
        """New highs and lows of the day; its first prices are none."""
        if self.day is None or not self.day.holds(candle.time_us):
            day = local_day(candle.time_us, self.days)
            if self.day is not None and day.first_us < self.day.first_us:
                return
            self.day, self.high, self.low = day, None, None
        is_high = self.high is not None and candle.high > self.high
        is_low = self.low is not None and candle.low < self.low
        self.high = candle.high if self.high is None else max(self.high, candle.high)
        self.low = candle.low if self.low is None else min(self.low, candle.low)
        if self.highs:
            self.highs.step(when_us, 0, is_high, is_high, at, candle.high)
        if self.lows:
            self.lows.step(when_us, 0, is_low, is_low, at, candle.low)


class Alerts:
    """The rules, and what lets them fire.

    `days_of` gives the day rule of a symbol.  Nothing that is called here raises for what the market does.
    """

    def __init__(self, days_of: Callable[[str], str] = lambda _: "UTC") -> None:
        self.rules: dict[str, Rule] = {}
        self._days_of = days_of
        self._watched: dict[str, _Watched] = {}
        self._fed: dict[Fed, _Levels] = {}
        self._feeds: dict[str, list[Rule]] = {}
        self._silent_feeds: set[str] = set()  # ids of rules that have fired and wait for their feed
        self._gone = 0  # rules that something may still wait for
        self._due: list[tuple[int, int, Rule]] = []  # when silence would be too long, as it was known then

    # -- rules ----------------------------------------------------------------------------------------------

    def put(self, rule: Rule, known: Known | None = None) -> None:
        """Watch for the rule from now on, in the place of the one with its id.  `known`: of a symbol that had no rule yet."""
        self.remove(rule.id)
        self.rules[rule.id] = rule
        condition = rule.condition
        series = _series_of(rule)
        if isinstance(condition, FeedCondition):
            self._feeds.setdefault(condition.feed, []).append(rule)
            if rule.last_key is not None:
                self._silent_feeds.add(rule.id)
        elif series is not None:
            levels = self._fed.setdefault(series, _Levels())
            levels.rules += 1
            if isinstance(condition, IndicatorCondition):
                levels.add(rule, condition.when, condition.level)
            elif isinstance(condition, VolumeCondition):
                levels.add(rule, "above", condition.factor)
        else:
            self._watch(rule, known)

    def _watch(self, rule: Rule, known: Known | None) -> None:
        watched = self._watched.get(rule.symbol)
        if watched is None:
            watched = self._watched[rule.symbol] = _Watched(self._days_of(rule.symbol))
            if known is not None:
                watched.begin(known)
                watched.heard_us = known.heard_us
        watched.rules += 1
        watched.wait(rule)
        if not isinstance(rule.condition, SilenceCondition):
            return
        if rule.last_key is not None:  # it fired before; whether the symbol was heard of since, nobody knows
            watched.silent.append(rule)
        else:
            watched.silences.append(rule)
            self._expect(watched, rule)

    def remove(self, number: str) -> None:
        """Watch for the rule no more; nothing where there is none."""
        rule = self.rules.pop(number, None)
        if rule is None:
            return
        rule.alive = False
        self._gone += 1
        condition, series = rule.condition, _series_of(rule)
        if isinstance(condition, FeedCondition):
            self._feeds[condition.feed].remove(rule)
            if not self._feeds[condition.feed]:
                del self._feeds[condition.feed]
            self._silent_feeds.discard(number)
        elif series is not None:
            self._fed[series].rules -= 1
            if not self._fed[series].rules:
                del self._fed[series]
        else:
            watched = self._watched[rule.symbol]
            watched.rules -= 1
            if not watched.rules:
                del self._watched[rule.symbol]
            elif isinstance(condition, SilenceCondition):
                (watched.silences if rule in watched.silences else watched.silent).remove(rule)
        if self._gone > max(MOST_GONE, len(self.rules)):
            self._sweep()

    def _sweep(self) -> None:
        """Let go of what waits for rules that are gone: there is more of it than of those that are here."""
        self._gone = 0
        for levels in self._fed.values():
            levels.sweep()
        for watched in self._watched.values():
            watched.sweep()
        self._due = [each for each in self._due if each[2].alive]
        heapify(self._due)

    # -- what is known --------------------------------------------------------------------------------------

    def reached_us(self, symbol: str) -> int | None:
        """The newest second of the symbol that was looked at, where rules look at its prices, µs since the epoch."""
        watched = self._watched.get(symbol)
        return None if watched is None else watched.bar_us

    @property
    def symbols(self) -> list[str]:
        """Those whose prices rules look at."""
        return list(self._watched)

    @property
    def fed(self) -> list[Fed]:
        """The numbers that rules wait for and that `number` has to tell."""
        return list(self._fed)

    @property
    def feeds(self) -> list[str]:
        """Those whose silence rules wait for."""
        return list(self._feeds)

    def window_us(self, symbol: str) -> int:
        """How far back moves of the symbol look, µs."""
        watched = self._watched.get(symbol)
        return 0 if watched is None else max((*watched.rises, *watched.falls), default=0)

    def remember(self, bars: Iterable[Bar]) -> None:
        """What traded before, in order: moves count from there on.  Lets nothing fire."""
        for bar in bars:
            watched = self._watched.get(bar.symbol)
            if watched is None or bar.candle.high < bar.candle.low:
                continue
            for window in watched.rises.values():
                window.add(bar.candle.time_us, bar.candle.low)
            for window in watched.falls.values():
                window.add(bar.candle.time_us, -bar.candle.high)

    def know(self, symbol: str, known: Known) -> list[Firing]:
        """The newest quote was read anew, as ticks were stored that no bar told of, or were corrected.

        A later last price lets fire what lies between it and the one before; one that was corrected does not.
        """
        watched = self._watched.get(symbol)
        if watched is None:
            return []
        at = _Fired(self._bar_of)
        last, before = known.last, watched.price.last
        if last is not None and known.last_us is not None and before is not None:
            if (known.last_us, known.last_seq or 0) > (watched.last_us, watched.last_seq):
                watched.price.step(known.last_us, min(last, before), max(last, before), last, at)
            elif last != before:
                watched.price.correct(last)
        watched.begin(known)
        return self._told(at)

    # -- what happens ---------------------------------------------------------------------------------------

    def apply(self, bars: Iterable[Bar], heard_us: int) -> list[Firing]:
        """Delta bars came, at `heard_us` by the clock of `at`: what fires."""
        at = _Fired(self._bar_of)
        found = [bar for bar in bars if bar.symbol in self._watched]
        if len(found) > 1:
            found.sort(key=lambda bar: bar.candle.time_us)
        for bar in found:
            watched = self._watched[bar.symbol]
            self._hear(watched, heard_us)
            candle = bar.candle
            if candle.high >= candle.low and candle.time_us >= watched.bar_us - LATE_US:
                watched.trade(bar, at)
        return self._told(at)

    def _hear(self, watched: _Watched, heard_us: int) -> None:
        """The symbol is not silent."""
        expected = watched.silent
        if watched.heard_us is None:
            expected = expected + watched.silences
        watched.heard_us = heard_us if watched.heard_us is None else max(watched.heard_us, heard_us)
        if watched.silent:
            watched.silences += watched.silent
            watched.silent = []
        for rule in expected:
            self._expect(watched, rule)

    def begin_number(self, series: Fed, value: float) -> None:
        """One of the numbers of `fed` was this before anything happened."""
        if series in self._fed:
            self._fed[series].correct(value)

    def number(self, series: Fed, time_us: int, value: float) -> list[Firing]:
        """One of the numbers of `fed` is this now: what fires."""
        levels = self._fed.get(series)
        if levels is None:
            return []
        at = _Fired(self._bar_of)
        levels.step(time_us, value, value, value, at)
        return self._told(at)

    def at(self, now_us: int) -> list[Firing]:
        """It is `now_us`: which symbols were silent for too long."""
        at = _Fired(self._bar_of)
        while self._due and self._due[0][0] <= now_us:
            rule = heappop(self._due)[2]
            watched = self._watched.get(rule.symbol)
            if watched is None or rule not in watched.silences or watched.heard_us is None:
                continue
            deadline_us = self._deadline(watched, rule)
            if deadline_us > now_us:
                heappush(self._due, (deadline_us, next(_numbers), rule))
                continue
            watched.silences.remove(rule)
            watched.silent.append(rule)
            at.tell(rule, deadline_us, (now_us - watched.heard_us) / SECOND_US)
        return self._told(at)

    def feed(self, name: str, now_us: int, silent_s: float) -> list[Firing]:
        """A feed was not heard of for so long (0: it is, `inf`: it failed): what fires."""
        rules = self._feeds.get(name)
        if not rules:
            return []
        at = _Fired(self._bar_of)
        for rule in rules:
            assert isinstance(rule.condition, FeedCondition)  # noqa: S101 - nothing else is here
            if silent_s < rule.condition.seconds:
                self._silent_feeds.discard(rule.id)
            elif rule.id not in self._silent_feeds:
                self._silent_feeds.add(rule.id)
                at.tell(rule, now_us, silent_s)
        return self._told(at)

    def _expect(self, watched: _Watched, rule: Rule) -> None:
        if watched.heard_us is not None:
            heappush(self._due, (self._deadline(watched, rule), next(_numbers), rule))

    @staticmethod
    def _deadline(watched: _Watched, rule: Rule) -> int:
        assert isinstance(rule.condition, SilenceCondition)  # noqa: S101 - nothing else is here
        assert watched.heard_us is not None  # noqa: S101 - nothing is expected before
        return watched.heard_us + rule.condition.seconds * SECOND_US

    def _bar_of(self, rule: Rule, time_us: int) -> Bucket:
        return bucket_of(time_us, rule.every, self._days_of(rule.symbol))

    def _told(self, at: _Fired) -> list[Firing]:
        for firing in at.fired:
            if not firing.rule.alive:
                self.remove(firing.rule.id)
        return at.fired


def _series_of(rule: Rule) -> Fed | None:
    """The number that the rule waits for, where it is one that is fed."""
    condition = rule.condition
    if isinstance(condition, VolumeCondition):
        return VolumeOf(rule.symbol, condition.minutes)
    if isinstance(condition, IndicatorCondition):
        return LineOf(rule.symbol, condition.interval, condition.indicator, condition.line, condition.forming)
    return None
