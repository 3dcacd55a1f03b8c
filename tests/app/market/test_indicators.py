"""Indicators of a chart that is kept up: at each moment those of all candles there are."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.reference import utc
from tickdeck.app.market.charts import NO_LEAD, Chart
from tickdeck.db.market.columns import CandleColumns
from tickdeck.db.market.indicators import Lead, looks_back, parse_all
from tickdeck.db.market.messages import Bar
from tickdeck.db.market.types import (
    MINUTE_US,
    NEVER_FIRST_US,
    NEVER_LAST_US,
    Candle,
    Instrument,
)

NOON = utc("2024-03-04T12:00")
ALL = parse_all(["sma(5)", "ema(9)", "vwap(day, 2)", "vwap(2024-03-04T12:10Z)", "ichimoku(2, 3, 4, 2)"])


def minute(number: int, price: float, *, priced: bool = True, us: int = 0) -> Bar:
    start_us = NOON + number * MINUTE_US
    if priced:
        at_us = start_us + us
        candle = Candle(start_us, price, price, price, price, 2.0, 2 * price, 1, at_us, us, at_us, us)
    else:
        candle = Candle(
            start_us, 0, -np.inf, np.inf, 0, 2.0, 2 * price, 1, NEVER_FIRST_US, 0, NEVER_LAST_US, 0
        )
    return Bar("A", candle, None, None)


class Market:
    """All candles there ever were, and a chart of the newest of them."""

    def __init__(self, *, limit: int) -> None:
        self.all: dict[int, Candle] = {}
        self.chart = Chart(Instrument("A"), "1m", limit)
        self.version = 0
        self.seen: dict[object, dict[int, list[float]]] = {each: {} for each in ALL}
        self.seen_at = -1

    def load(self) -> None:
        candles = [self.all[key] for key in sorted(self.all)]
        shown = candles[-self.chart.limit :]
        lead = NO_LEAD
        if shown:
            count, since = looks_back(ALL, shown[0].time_us, "1m", "UTC")
            older = [each for each in candles[: -len(shown)] if each.priced]
            needed = [each for each in older if since is not None and each.time_us >= since]
            lead = Lead(older[-max(count, len(needed)) :], ALL)
        self.version += 1
        self.chart.load(shown, None, self.version, lead)

    def merge(self, bar: Bar) -> None:
        self.version += 1
        time_us = bar.candle.time_us
        self.all[time_us] = self.all[time_us].merge(bar.candle) if time_us in self.all else bar.candle
        self.chart.merge(bar, self.version)

    def look(self) -> None:
        """Take what changed, as a viewer does."""
        first = self.chart.first_changed(self.seen_at)
        self.seen_at = self.version
        if first is None:
            return
        for each in ALL:
            time_us, columns = self.chart.values(each, first)
            rows = np.column_stack(columns).tolist()
            self.seen[each] |= dict(zip(time_us.tolist(), rows, strict=True))

    def check(self) -> None:
        """What the viewer has of the candles that are shown is what all candles make."""
        priced = [self.all[key] for key in sorted(self.all) if self.all[key].priced]
        columns = CandleColumns.of(priced, "1m", "UTC")
        shown = [candle.time_us for candle in self.chart.candles()]
        place = {time_us: at for at, time_us in enumerate(columns.time_us.tolist())}
        for each in ALL:
            whole = np.column_stack(each.compute(columns))
            np.testing.assert_allclose(
                [self.seen[each][time_us] for time_us in shown],
                whole[[place[time_us] for time_us in shown]],
                rtol=1e-8,
                err_msg=str(each),
            )


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("unpriced", [0.0, 0.2])
def test_values_follow_every_change(seed: int, unpriced: float) -> None:
    dice = random.Random(seed)
    market = Market(limit=30)
    market.chart.indicators = dict.fromkeys(ALL, False)
    market.all = {}
    newest = 0
    for number in range(40):
        bar = minute(number, 100 + dice.randrange(50) / 10)
        market.all[bar.candle.time_us] = bar.candle
        newest = number
    market.load()
    market.look()
    market.check()
    for step in range(900):
        kind = dice.random()
        number = newest
        if kind < 0.4:
            number = newest = newest + dice.choice([1, 1, 1, 2, 700])
        elif kind < 0.5:
            number = newest - dice.randrange(1, 60)
        market.merge(
            minute(number, 100 + dice.randrange(50) / 10, priced=dice.random() >= unpriced, us=step % 59)
        )
        if dice.random() < 0.3:
            market.look()
            market.check()
        if dice.random() < 0.01:
            market.load()
    market.look()
    market.check()
    assert len(market.chart._candles) < 30 + 64 + max(each.warm_up for each in ALL) + 700


def test_a_frame_costs_the_values_that_changed() -> None:
    market = Market(limit=500)
    market.chart.indicators = dict.fromkeys(ALL, False)
    for number in range(500):
        bar = minute(number, 100 + number % 7)
        market.all[bar.candle.time_us] = bar.candle
    market.load()
    market.look()
    market.merge(minute(499, 101, us=7))
    first = market.chart.first_changed(market.seen_at)
    assert first == NOON + 499 * MINUTE_US
    assert [len(market.chart.values(each, first).time_us) for each in ALL] == [1] * len(ALL)
    market.look()
    assert market.chart.first_changed(market.seen_at) is None
    market.merge(minute(100, 90, us=7))
    assert market.chart.first_changed(market.seen_at) == NOON + 100 * MINUTE_US
