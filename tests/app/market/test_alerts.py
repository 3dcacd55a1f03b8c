"""Which rules fire: against a plain loop over every rule and tick, and by example."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickdeck.app.market.alert_rules import (
    ExtremeCondition,
    MoveCondition,
    PriceCondition,
    parse_condition,
    wants_symbol,
)
from tickdeck.app.market.alerts import Alerts, Fed, Firing, Known, LineOf, Rule, VolumeOf
from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.messages import Bar
from tickdeck.db.market.types import NEVER_FIRST_US, NEVER_LAST_US, Candle

T0 = 1_600_000_020_000_000  # 13:47:00 UTC
S = 1_000_000


def bar_of(
    second: float, *prices: float, symbol: str = "A", bid: float | None = None, ask: float | None = None
) -> Bar:
    """The bar of ticks with these prices in their order, one µs after the other."""
    first_us = T0 + round(second * S)
    last_us = first_us + len(prices) - 1
    candle = Candle(
        first_us - first_us % S, prices[0], max(prices), min(prices), prices[-1], 1.0, 1.0, len(prices),
        first_us, 0, last_us, 0,
    )  # fmt: skip
    return Bar(symbol, candle, bid, ask)


def rule_of(text: str, number: str = "1", symbol: str = "A", **more: Any) -> Rule:
    return Rule(number, symbol, parse_condition(text), **more)


def seconds(fired: list[Firing]) -> list[float]:
    return [(each.time_us - T0) // S for each in fired]


def play(alerts: Alerts, *bars: Bar) -> list[Firing]:
    return [firing for bar in bars for firing in alerts.apply([bar], bar.candle.time_us)]


# -- the conditions as text ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("price crosses 167.5", None), ("Price  CROSSES up -1.25", "price crosses up -1.25"), ("price > 5", "price above 5"),
        ("price<=0.00001", "price below 1e-05"), ("rises 2.5 % in 90s", "rises 2.5% in 90s"), ("falls 1% in 120s", "falls 1% in 2m"),
        ("moves 1% in 24h", None), ("volume 3x of 20", None), ("new high", None), ("new high or low", None),
        ("spread above 0.05", None), ("spread > 10bp", "spread above 10 bp"), ("silent for 30s", None),
        ("feed kraken silent for 1m", None), ("rsi(14) crosses 70 on 5m", None), ("rsi above 70 on 1d", "rsi(14) above 70 on 1d"),
        ("macd.signal crosses up 0 on 1m forming", "macd(12, 26, 9).signal crosses up 0 on 1m forming"),
    ],
)  # fmt: skip
def test_a_condition_is_read_and_written(said: str, written: str | None) -> None:
    condition = parse_condition(said)
    assert str(condition) == (written or said)
    assert parse_condition(str(condition)) == condition
    assert wants_symbol(condition) == (not said.startswith("feed"))


@pytest.mark.parametrize(
    "said",
    [
        "", "price", "price crosses", "price crosses x", "price crosses 1e99", "moves 0% in 5m", "falls 100% in 5m",
        "moves 1% in 25h", "moves 1% in 0s", "volume 0x of 20", "volume 3x of 0", "volume 3x of 401", "new lows",
        "silent for 5", "feed a b silent for 5s", "rsi(14) crosses 70", "rsi(14) crosses 70 on 7m", "nothing above 1 on 1m",
        "rsi(14).x above 1 on 1m", "price crosses 1" + " " * 10 + "x", "price above " + "1" * 300, "price > 1; drop",
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused(said: str) -> None:
    with pytest.raises(MarketDataError):
        parse_condition(said)


# -- against a plain loop -----------------------------------------------------------------------------------


@dataclass
class _Side:
    """One rule, one direction, by the words of the documentation."""

    level: float
    crossing: bool
    state: str = "armed"
    until_us: int = 0


@dataclass
class Plain:
    """One rule, looked at with every bar."""

    rule: Rule
    sides: list[tuple[int, _Side]] = field(default_factory=list)
    last: float | None = None
    high: float | None = None
    low: float | None = None
    past: list[tuple[int, float, float]] = field(default_factory=list)
    key: int | None = None
    alive: bool = True

    def __post_init__(self) -> None:
        condition = self.rule.condition
        if isinstance(condition, PriceCondition):
            crossing = condition.when.startswith("crosses")
            state = "off" if crossing else "armed"
            if condition.when in ("above", "crosses", "crosses up"):
                self.sides.append((1, _Side(condition.level, crossing, state)))
            if condition.when in ("below", "crosses", "crosses down"):
                self.sides.append((-1, _Side(-condition.level, crossing, state)))
        else:
            level = condition.percent if isinstance(condition, MoveCondition) else 1
            self.sides = [(sign, _Side(level, crossing=False)) for sign in (1, -1) if self.wants(sign)]

    def wants(self, sign: int) -> bool:
        condition = self.rule.condition
        if isinstance(condition, MoveCondition):
            return condition.way in ("moves", "rises" if sign > 0 else "falls")
        assert isinstance(condition, ExtremeCondition)
        return condition.which in ("high or low", "high" if sign > 0 else "low")

    def bar(self, bar: Bar) -> list[int]:
        """Keys of what fires."""
        fired: list[int] = []
        candle = bar.candle
        for sign, side in self.sides:
            top, close, last = self.numbers(sign, candle)
            if close is None:
                continue
            if self.step(side, candle, top, close, last) and self.alive:
                key = candle.last_us // S * S
                if self.rule.repeat == "bar":
                    key = candle.last_us // (60 * S) * 60 * S
                    side.state, side.until_us = "until", key + 60 * S
                elif close < side.level:
                    side.state = "armed"
                else:
                    side.state = "off"
                if self.key is None or key > self.key:
                    self.key = key
                    fired.append(key)
                    self.alive = self.rule.repeat != "once"
        self.last = candle.close
        self.high = candle.high if self.high is None else max(self.high, candle.high)
        self.low = candle.low if self.low is None else min(self.low, candle.low)
        self.past.append((candle.last_us, candle.low, candle.high))
        return fired

    def numbers(self, sign: int, candle: Candle) -> tuple[float, float | None, float | None]:
        condition = self.rule.condition
        top = candle.high if sign > 0 else -candle.low
        if isinstance(condition, PriceCondition):
            return top, sign * candle.close, None if self.last is None else sign * self.last
        if isinstance(condition, ExtremeCondition):
            before = self.high if sign > 0 else self.low
            new = before is not None and top > sign * before
            return float(new), float(new), None
        assert isinstance(condition, MoveCondition)
        since_us = candle.last_us - condition.window_s * S
        prices = [
            sign * (low if sign > 0 else high) for time_us, low, high in self.past if time_us > since_us
        ]
        lowest = min([*prices, sign * candle.open])
        percent = 100 * (top - lowest) / abs(lowest)
        return percent, percent, None

    @staticmethod
    def step(side: _Side, candle: Candle, top: float, close: float, last: float | None) -> bool:
        if side.state == "until" and side.until_us <= candle.last_us:
            waits = side.crossing and (last is None or last >= side.level)
            side.state = "off" if waits else "armed"
        fires = side.state == "armed" and top >= side.level
        if side.state == "off" and close < side.level:
            side.state = "armed"
        return fires


levels = st.integers(95, 105).map(float)
texts = st.one_of(
    st.builds(
        "price {} {}".format,
        st.sampled_from(["crosses", "crosses up", "crosses down", "above", "below"]),
        levels,
    ),
    st.builds(
        "{} {}% in {}s".format,
        st.sampled_from(["moves", "rises", "falls"]),
        st.integers(1, 6),
        st.sampled_from([1, 5, 70]),
    ),
    st.sampled_from(["new high", "new low", "new high or low"]),
)
rules = st.lists(
    st.tuples(texts, st.sampled_from(["A", "B"]), st.sampled_from(["once", "bar", "rearm"])),
    min_size=1,
    max_size=12,
)
stories = st.lists(
    st.tuples(
        st.sampled_from(["A", "B"]),
        st.integers(1, 40).map(lambda n: n / 4),
        st.lists(levels, min_size=1, max_size=4),
    ),
    max_size=40,
)


@given(rules, stories)
def test_what_fires_is_what_a_plain_loop_over_all_rules_finds(
    wanted: list[tuple[str, str, Any]], story: list[tuple[str, float, list[float]]]
) -> None:
    alerts = Alerts()
    plain = {}
    for number, (text, symbol, repeat) in enumerate(wanted):
        rule = rule_of(text, str(number), symbol, repeat=repeat)
        alerts.put(rule)
        plain[rule.id] = Plain(rule)
    now = 0.0
    for symbol, pause, prices in story:
        now += pause
        bar = bar_of(now, *prices, symbol=symbol)
        found = sorted((each.rule.id, each.key) for each in alerts.apply([bar], bar.candle.time_us))
        expected = sorted(
            (number, key)
            for number, each in plain.items()
            if each.rule.symbol == symbol
            for key in each.bar(bar)
        )
        assert found == expected
    assert alerts.rules.keys() == {number for number, each in plain.items() if each.alive}


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 60), levels), max_size=60))
def test_rules_come_and_go_and_the_others_stay(story: list[tuple[bool, int, float]]) -> None:
    alerts = Alerts()
    waiting: dict[str, float] = {}
    last: float | None = None
    for second, (trades, number, level) in enumerate(story):
        if trades:
            fired = play(alerts, bar_of(second, level))
            assert {each.rule.id for each in fired} == {name for name, at in waiting.items() if at <= level}
            waiting = {name: at for name, at in waiting.items() if at > level}
            last = level
        elif str(number) in waiting:
            alerts.remove(str(number))
            del waiting[str(number)]
        else:
            alerts.put(
                rule_of(f"price above {level}", str(number)),
                None if last is None else Known(last, T0, 0, T0, last, last, T0),
            )
            waiting[str(number)] = level
    assert alerts.rules.keys() == waiting.keys()


# -- by example ---------------------------------------------------------------------------------------------


def test_what_a_price_touches_within_one_message_counts() -> None:
    alerts = Alerts()
    alerts.put(rule_of("price above 170"), Known(167, T0, 0, T0, 168, 166, T0))
    (fired,) = play(alerts, bar_of(1, 167.2, 170.5, 167.1))
    assert (fired.value, fired.key) == (170.5, T0 + S)
    assert not alerts.rules
    assert play(alerts, bar_of(2, 171)) == []


def test_a_crossing_needs_a_side_to_come_from() -> None:
    alerts = Alerts()
    alerts.put(rule_of("price crosses 170", repeat="rearm"))
    bars = [
        bar_of(n, price)
        for n, price in enumerate([171, 172, 169, 169, 170, 170, 171, 169, 168, 172], start=1)
    ]
    assert seconds(play(alerts, *bars)) == [3, 5, 8, 10]


def test_a_gap_is_a_crossing_and_history_is_none() -> None:
    alerts = Alerts()
    alerts.put(rule_of("price crosses down 170", repeat="rearm"), Known(175, T0, 0, T0, 175, 175, T0))
    assert seconds(play(alerts, bar_of(3600, 160))) == [3600]
    play(alerts, bar_of(3601, 180))
    assert play(alerts, bar_of(3500, 160)) == []  # stored late by more than a minute
    assert (
        seconds(play(alerts, bar_of(3590, 160))) == []
    )  # its second is older than the last firing's… but not the price
    assert seconds(play(alerts, bar_of(3602, 165))) == [3602]


def test_once_a_bar() -> None:
    alerts = Alerts()
    alerts.put(rule_of("price above 170", repeat="bar", every="1m"))
    bars = [bar_of(second, 171) for second in (0, 10, 59, 60, 61, 125)]
    assert seconds(play(alerts, *bars)) == [0, 60, 125]


def test_a_rule_that_fired_before_a_restart_waits_for_its_condition_to_end() -> None:
    alerts = Alerts()
    known = Known(171, T0, 0, T0, 171, 171, T0)
    alerts.put(rule_of("price above 170", repeat="rearm", last_key=T0 - 10 * S), known)
    assert seconds(play(alerts, bar_of(1, 172), bar_of(2, 169), bar_of(3, 171))) == [3]


def test_moves_count_from_the_lowest_of_the_window() -> None:
    alerts = Alerts()
    alerts.put(rule_of("rises 2% in 10s", repeat="rearm"))
    bars = [
        bar_of(second, price) for second, price in ((0, 100), (5, 101), (9, 102), (20, 103.9), (21, 106.1))
    ]
    assert seconds(play(alerts, *bars)) == [9, 21]


def test_new_highs_of_the_day_and_a_new_day() -> None:
    alerts = Alerts(lambda _: "America/New_York")
    alerts.put(rule_of("new high", repeat="rearm"), Known(100, T0, 0, T0, 105, 95, T0))
    day = 24 * 3600
    bars = [bar_of(1, 104), bar_of(2, 105), bar_of(3, 105.5), bar_of(day, 90), bar_of(day + 1, 91)]
    assert seconds(play(alerts, *bars)) == [3, day + 1]


def test_a_spread() -> None:
    alerts = Alerts()
    alerts.put(rule_of("spread above 0.5", "1", repeat="rearm"))
    alerts.put(rule_of("spread above 100 bp", "2", repeat="rearm"))
    bars = [
        bar_of(1, 100, bid=100, ask=100.4),
        bar_of(2, 100, bid=100, ask=100.5),
        bar_of(3, 100),
        bar_of(4, 50, bid=49, ask=50),
    ]
    assert [(each.rule.id, (each.time_us - T0) // S) for each in play(alerts, *bars)] == [("1", 2), ("2", 4)]


def test_ticks_that_move_only_volume_or_range() -> None:
    alerts = Alerts()
    alerts.put(rule_of("price above 170", "1"), Known(160, T0, 0, T0, 160, 160, T0))
    alerts.put(rule_of("silent for 10s", "2"))
    volume = Candle(T0 + S, 0, -inf, inf, 0, 5, 5, 1, NEVER_FIRST_US, 0, NEVER_LAST_US, 0)
    assert play(alerts, Bar("A", volume, None, None)) == []
    assert alerts.at(T0 + 10 * S) == []  # it was heard of
    in_range = replace(volume, high=171.0, low=171.0)
    assert [each.value for each in play(alerts, Bar("A", in_range, None, None))] == [171]


def test_silence_is_told_once_until_the_symbol_is_heard_of() -> None:
    alerts = Alerts()
    alerts.put(rule_of("silent for 10s", repeat="rearm"))
    assert alerts.at(T0 + 100 * S) == []  # it was never heard of
    play(alerts, bar_of(100, 1))
    assert alerts.at(T0 + 109 * S) == []
    play(alerts, bar_of(105, 1))
    assert alerts.at(T0 + 114 * S) == []
    assert [each.key for each in alerts.at(T0 + 116 * S)] == [T0 + 115 * S]
    assert alerts.at(T0 + 200 * S) == []
    play(alerts, bar_of(300, 1))
    assert [each.key for each in alerts.at(T0 + 311 * S)] == [T0 + 310 * S]


def test_silence_of_a_feed() -> None:
    alerts = Alerts()
    alerts.put(Rule("1", "", parse_condition("feed kraken silent for 5s"), repeat="rearm"))
    story = [(1, 0.5), (2, 4.9), (3, 5.0), (4, 6.0), (5, 0.1), (6, inf)]
    fired = [each for second, silent in story for each in alerts.feed("kraken", T0 + second * S, silent)]
    assert seconds(fired) == [3, 6]
    assert alerts.feed("other", T0, inf) == []


@pytest.mark.parametrize(
    "text", ["volume 3x of 20", "rsi(14) above 3 on 1m", "rsi(14) above 3 on 1m forming"]
)
def test_numbers_that_are_handed_in(text: str) -> None:
    alerts = Alerts()
    alerts.put(rule_of(text, repeat="rearm"))
    (series,) = alerts.fed
    expected: type[Fed] = VolumeOf if text.startswith("volume") else LineOf
    assert isinstance(series, expected)
    values = [1, 3, 4, 2, 3]
    fired = [each for n, value in enumerate(values) for each in alerts.number(series, T0 + n * S, value)]
    assert seconds(fired) == [1, 4]
    alerts.remove("1")
    assert alerts.fed == []
    assert alerts.number(series, T0, 9) == []


def test_what_was_stored_without_a_bar_counts_and_what_was_corrected_does_not() -> None:
    alerts = Alerts()
    alerts.put(rule_of("price crosses 170", repeat="rearm"), Known(160, T0, 0, T0, 160, 160, T0))
    assert seconds(alerts.know("A", Known(171, T0 + 5 * S, 0, T0, 171, 160, None))) == [5]
    assert alerts.know("A", Known(165, T0 + 4 * S, 0, T0, 171, 160, None)) == []
    assert seconds(play(alerts, bar_of(6, 166), bar_of(7, 172))) == [7]
    assert alerts.know("B", Known(1, T0, 0, T0, 1, 1, None)) == []


def test_of_rules_that_are_gone_nothing_is_kept() -> None:
    alerts = Alerts()
    for number in range(5_000):
        alerts.put(rule_of("price crosses 170", str(number)))
        alerts.put(rule_of("moves 50% in 10s", f"m{number}"))
        alerts.remove(str(number))
        alerts.remove(f"m{number}")
    assert alerts.symbols == []
    alerts.put(rule_of("price crosses 170", "stays"))
    for number in range(5_000):
        alerts.put(rule_of("price above 170", str(number)))
        alerts.remove(str(number))
    waiting = alerts._watched["A"].price.up
    assert len(waiting.armed) + len(waiting.off) < 1_100
