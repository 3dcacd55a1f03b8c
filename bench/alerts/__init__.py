"""`tickdeck bench alerts`: what ten thousand alert rules cost the hub for each tick, against a look at every rule."""

from __future__ import annotations

import random
import time
from typing import Final

from bench.machine import machine
from bench.report import Row, report
from tickdeck.app.market.alert_rules import PriceCondition, parse_condition
from tickdeck.app.market.alerts import Alerts, Rule
from tickdeck.app.market.state import MarketState
from tickdeck.db.market.messages import Bar, Bars
from tickdeck.db.market.types import Candle, Instrument, Repeat

RATE: Final = 1_000
"""Ticks a second of the load that is spoken of."""
START_US: Final = 1_600_000_000_000_000
FORMS: Final = (
    "price crosses {level}", "price above {level}", "price below {level}", "moves 1% in 5m", "rises 0.5% in 30s",
    "new high or low", "spread above 0.5", "silent for 30s",
)  # fmt: skip
"""The kinds that look at every tick; mostly prices, as people set them."""


def run(*, as_json: bool, rules: int = 10_000, ticks: int = 20_000) -> list[Row]:
    """Measure; print and return the rows.  Each tick is a message of its own, as a quick feed's are."""
    rows = []
    for symbols, case in ((1, "on one symbol"), (500, "on 500 symbols")):
        messages = _messages(symbols, ticks)
        alone = min(_seconds(_state(symbols), messages, None) for _ in range(3))
        with_rules = min(_seconds(_state(symbols), messages, _alerts(symbols, rules)) for _ in range(3))
        looked = messages[:200]
        plain = _every_rule(symbols, rules, looked) / len(looked)
        costs = (with_rules - alone) / ticks
        rows.append(
            {
                "case": f"{rules} rules {case}",
                "us_a_tick": 1e6 * costs,
                "core_pct_at_1000_a_s": 100 * RATE * costs,
                "state_us_a_tick": 1e6 * alone / ticks,
                "baseline": "a look at every price rule",
                "baseline_us_a_tick": 1e6 * plain,
                "ratio": costs / plain,
            }
        )
    report("alerts", machine(), rows, as_json=as_json)
    return rows


def _name(number: int) -> str:
    return f"S{number:03}"


def _messages(symbols: int, ticks: int) -> list[Bars]:
    """A random walk of each symbol, a tick a message, 1,000 a second; the same in every run."""
    dice = random.Random(7)
    prices = [100.0] * symbols
    messages = []
    for number in range(ticks):
        which = dice.randrange(symbols)
        prices[which] = price = round(prices[which] * (1 + dice.gauss(0, 0.0002)), 4)
        time_us = START_US + number * 1_000_000 // RATE
        candle = Candle(
            time_us - time_us % 1_000_000, price, price, price, price, 100, 100 * price, 1, time_us, number, time_us, number,
        )  # fmt: skip
        bar = Bar(_name(which), candle, price - 0.01, price + 0.01)
        messages.append(Bars(number + 1, time_us, (bar,)))
    return messages


def _state(symbols: int) -> MarketState:
    state = MarketState()
    state.load_instruments([Instrument(_name(number)) for number in range(symbols)])
    return state


def _rules(symbols: int, rules: int) -> list[Rule]:
    dice = random.Random(11)
    repeats: tuple[Repeat, ...] = ("once", "bar", "rearm")
    return [
        Rule(
            str(number),
            _name(number % symbols),
            parse_condition(
                FORMS[0 if dice.random() < 0.7 else dice.randrange(len(FORMS))].format(level=round(dice.gauss(100, 5), 4))
            ),
            repeat=repeats[number % 3],
        )
        for number in range(rules)
    ]  # fmt: skip


def _alerts(symbols: int, rules: int) -> Alerts:
    alerts = Alerts()
    for rule in _rules(symbols, rules):
        alerts.put(rule)
    return alerts


def _seconds(state: MarketState, messages: list[Bars], alerts: Alerts | None) -> float:
    """Processor time of what the hub does with the messages."""
    began = time.process_time()
    for message in messages:
        state.apply(message)
        if alerts is not None:
            alerts.apply(message.bars, message.sent_us)
            alerts.at(message.sent_us)
    return time.process_time() - began


def _every_rule(symbols: int, rules: int, messages: list[Bars]) -> float:
    """The same of a loop that compares each price rule with each tick, and does nothing else."""
    levels = [
        (each.symbol, each.condition.level)
        for each in _rules(symbols, rules)
        if isinstance(each.condition, PriceCondition)
    ]
    last: dict[str, float] = {}
    fired = 0
    began = time.process_time()
    for message in messages:
        bar = message.bars[0]
        symbol, high, before = bar.symbol, bar.candle.high, last.get(bar.symbol, 0.0)
        for of, level in levels:
            if of == symbol and before < level <= high:
                fired += 1
        last[symbol] = high
    return time.process_time() - began
