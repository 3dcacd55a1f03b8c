"""Bars that are not of time: exactly what a plain fold, tick by tick, makes of the ticks, however they are handed over."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from math import ceil, floor
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.bar_types import BarFold, BarType, parse_chart_interval
from tickdeck.db.market.types import UPDATES_LAST, UPDATES_RANGE, UPDATES_VOLUME, Candle, TickBatch

SESSION_US: Final = 10_000


def sessions(time_us: int) -> tuple[int, int]:
    start = time_us - time_us % SESSION_US
    return start, start + SESSION_US


@dataclass
class PlainBar:
    """One bar as its ticks make it."""

    label: int
    prices: list[float] = field(default_factory=list)
    ranged: list[float] = field(default_factory=list)
    sizes: list[float] = field(default_factory=list)
    turnovers: list[float] = field(default_factory=list)
    trades: int = 0
    brick: tuple[float, float] | None = None
    complete: bool = False
    """A brick that no more ticks come to."""

    def add(self, price: float, size: float, moves: int) -> None:
        self.trades += 1
        if moves & UPDATES_LAST:
            self.prices.append(price)
        if moves & (UPDATES_LAST | UPDATES_RANGE):
            self.ranged.append(price)
        if moves & UPDATES_VOLUME:
            self.sizes.append(size)
            self.turnovers.append(price * size)

    def told(self) -> tuple[float, ...] | None:
        """Label, open, high, low, close, volume, turnover, trades; None where it has no price."""
        if not self.prices and self.brick is None:
            return None
        if self.brick is not None:
            first, last = self.brick
            prices = (first, max(first, last), min(first, last), last)
        else:
            prices = (self.prices[0], max(self.ranged), min(self.ranged), self.prices[-1])
        return (self.label, *prices, round(sum(self.sizes), 6), round(sum(self.turnovers), 6), self.trades)


def plain(rows: list[tuple[int, float, float, int]], bar_type: BarType) -> list[PlainBar]:
    """Tick by tick, session by session."""
    made: list[PlainBar] = []
    size = Decimal(bar_type.text.rstrip("tvrenko"))
    session, label = None, -1
    bricks: tuple[int, int] | None = None
    edge = 0.0
    for time_us, price, amount, moves in rows:
        if sessions(time_us)[0] != session:
            session, label, bricks = sessions(time_us)[0], sessions(time_us)[0] - 1, None
            made.append(PlainBar(label := max(time_us, label + 1)))
        bar = made[-1]
        if bar.complete:
            made.append(bar := PlainBar(label := max(time_us, label + 1)))
        full = {
            "tick": len(bar.prices) == size,
            "volume": bool(bar.prices) and sum(map(Decimal, map(str, bar.sizes)), Decimal()) >= size,
            "range": bool(bar.prices)
            and max(*map(exact, bar.prices), exact(price)) - min(*map(exact, bar.prices), exact(price))
            > size,
            "renko": False,
        }[bar_type.kind]
        if moves & UPDATES_LAST and full:
            made.append(bar := PlainBar(label := max(time_us, label + 1)))
        bar.add(price, amount, moves)
        if bar_type.kind != "renko" or not moves & UPDATES_LAST:
            continue
        level = exact(price) / size
        if bricks is None:
            bricks = floor(level), floor(level)
            edge = float(bricks[0] * size)
        if level >= bricks[1] + 1:
            steps = [(one, one + 1) for one in range(bricks[1], floor(level))]
        elif level <= bricks[0] - 1:
            steps = [(one, one - 1) for one in range(bricks[0], ceil(level), -1)]
        else:
            bar.brick = edge, price
            continue
        for number, (first, last) in enumerate(steps):
            if number:
                made.append(bar := PlainBar(label := max(time_us, label + 1)))
            bar.brick, bar.complete = (float(first * size), float(last * size)), True
            bricks, edge = (min(first, last), max(first, last)), float(last * size)
    return made


def exact(price: float) -> Decimal:
    return Decimal(str(price))


def batch(rows: list[tuple[int, float, float, int]]) -> TickBatch:
    count = len(rows)
    nothing = np.full(count, np.nan)
    return TickBatch(
        np.array([row[0] for row in rows], np.int64), np.full(count, "A", dtype=object), np.arange(count),
        np.array([row[1] for row in rows], np.float64), np.array([row[2] for row in rows], np.float64), nothing, nothing,
        updates=None if all(row[3] == 7 for row in rows) else np.array([row[3] for row in rows], np.int16),
    )  # fmt: skip


def told(candle: Candle) -> tuple[float, ...]:
    return (
        candle.time_us, candle.open, candle.high, candle.low, candle.close,
        round(candle.volume, 6), round(candle.turnover, 6), candle.trades,
    )  # fmt: skip


TICK = st.tuples(
    st.sampled_from([0, 0, 1, 3, 900, 4_000]),
    st.sampled_from([-0.37, -0.1, -0.01, 0.0, 0.0, 0.01, 0.1, 0.25]),
    st.sampled_from([0.5, 1.0, 7.0, 100.0]),
    st.sampled_from([7, 7, 7, 4, 3, 6, 2, 0]),
)


@given(
    st.lists(TICK, min_size=1, max_size=80),
    st.sampled_from(
        ["1t", "3t", "1v", "20v", "150.5v", "0.1r", "0.05r", "0.1renko", "0.25renko", "0.01renko"]
    ),
    st.lists(st.integers(0, 80), max_size=4),
)
def test_bars_are_those_of_a_plain_fold(
    steps: list[tuple[int, float, float, int]], text: str, cuts: list[int]
) -> None:
    bar_type = parse_chart_interval(text)
    assert isinstance(bar_type, BarType)
    now, price, rows = 50_000, 20.0, []
    for wait, move, size, moves in steps:
        now, price = now + wait, round(price + move, 2)
        rows.append((now, price, size, moves))
    whole = batch(rows)
    found: dict[int, Candle] = {}
    fold = BarFold(bar_type, sessions)
    edges = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    for first, last in pairwise(edges):
        made = fold.fold(whole.take(slice(first, last)))
        assert made == sorted(made, key=lambda bar: bar.time_us)
        found |= {bar.time_us: bar for bar in made}
    assert [told(bar) for bar in found.values() if bar.priced] == [
        each for bar in plain(rows, bar_type) if (each := bar.told()) is not None
    ]
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("100t", "100t"),
        ("0100t", "100t"),
        ("5000.0v", "5000v"),
        ("0.10r", "0.1r"),
        ("0.25renko", "0.25renko"),
    ],
)
def test_each_bar_type_has_one_spelling(text: str, written: str) -> None:
    assert str(parse_chart_interval(text)) == written
    assert parse_chart_interval(text) == parse_chart_interval(written)


@pytest.mark.parametrize(
    "text", ["0t", "1.5t", "2000000t", "0v", "-1r", "1e3v", "0.0renko", "t", "5x", "1" * 40 + "v"]
)
def test_what_is_no_bar_type_is_refused(text: str) -> None:
    with pytest.raises(MarketDataError):
        parse_chart_interval(text)
