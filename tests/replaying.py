"""A small stored market for replays, and what a page must show of it at any place."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import psycopg

from tests.reference import Tick, distinct, fold_all, same
from tickdeck.app.market.state import MarketState
from tickdeck.app.replay.clock import Position
from tickdeck.db.market.bar_types import BarFold, BarType
from tickdeck.db.market.sessions import TradingCalendar
from tickdeck.db.market.types import UPDATES_ALL, UPDATES_LAST, Candle, Interval, TickBatch, from_us, to_us

S: Final = 1_000_000
DAY_US: Final = 86_400 * S
START_US: Final = to_us(datetime(2024, 3, 8, 4, 0, tzinfo=UTC))
END_US: Final = START_US + 3 * DAY_US
ZONES: Final[Mapping[str, tuple[str | None, str]]] = {
    "DELHI": (None, "Asia/Kolkata"),
    "LATE": (None, "UTC"),
    "NYSE": ("XNYS", "America/New_York"),  # its clocks change on 10 March 2024
}


def made_up_ticks(count: int = 3_000, seed: int = 4, *, moving_all: bool = True) -> dict[str, list[Tick]]:
    """Bursts of ticks that share seconds and instants, in three days with quiet hours; LATE begins late.

    Unless all are `moving_all`, every fourth or so moves something else: what it moves is drawn too.
    """
    dice = random.Random(seed)
    moves = random.Random(seed + 1)
    ticks: dict[str, list[Tick]] = {symbol: [] for symbol in ZONES}
    now_us = START_US - DAY_US  # a day before the replay gives a previous close
    prices = dict.fromkeys(ZONES, 100.0)
    for seq in range(count):
        now_us += dice.choice([0, 0, 0, 1, 250_000, 900_000, 4 * S, 90 * S])
        if dice.random() < 0.005:
            now_us += dice.randrange(7 * 3600) * S
        for symbol in dice.sample(sorted(ZONES), dice.choice([1, 1, 1, 2])):  # two have one (time, seq)
            if symbol == "LATE" and seq < count * 2 // 3:
                continue
            prices[symbol] = max(1.0, prices[symbol] + dice.choice([-0.25, 0.0, 0.25]))
            bid = dice.choice([None, prices[symbol] - 0.25])
            ticks[symbol].append(
                Tick(
                    now_us,
                    seq,
                    prices[symbol],
                    dice.choice([0.0, 1.0, 100.0, 0.1]),
                    bid,
                    prices[symbol] + 0.25,
                    moves.choice([None, None, *range(8)])
                    if not moving_all and moves.random() < 0.3
                    else None,
                )
            )
    return ticks


def store(url: str, ticks: Mapping[str, Sequence[Tick]]) -> None:
    """Put the market into the database, day candles of half of it built."""
    with psycopg.connect(url, autocommit=True) as connection:
        for symbol, (exchange, zone) in ZONES.items():
            connection.execute(
                "insert into instruments (symbol, exchange, timezone) values (%s, %s, %s)",
                (symbol, exchange, zone),
            )
        for symbol, rows in ticks.items():
            with connection.cursor().copy(
                "copy ticks (time, symbol, seq, price, size, bid, ask, updates) from stdin"
            ) as copy:
                for t in rows:
                    copy.write_row(
                        (from_us(t.time_us), symbol, t.seq, t.price, t.size, t.bid, t.ask, t.updates)
                    )
        connection.execute("select tickdeck_build_candles_v1(40)")


def places(ticks: Mapping[str, Sequence[Tick]]) -> list[Position]:
    """Every place at which a tick is, in order."""
    return sorted({Position(t.time_us, t.seq) for rows in ticks.values() for t in rows})


def assert_shows(state: MarketState, ticks: Mapping[str, Sequence[Tick]], at: Position) -> None:
    """The state is what the ticks up to `at` make, and nothing of a later one is in it."""
    happened = {
        symbol: [t for t in distinct(rows) if (t.time_us, t.seq) <= at] for symbol, rows in ticks.items()
    }
    assert [row.symbol for row in state.rows()] == sorted(symbol for symbol, rows in happened.items() if rows)
    for row in state.rows():
        rows = happened[row.symbol]
        zone = ZoneInfo(ZONES[row.symbol][1])
        days = fold_all(rows, "1d", zone)
        assert row.day == same(days[-1])
        priced = [tick for tick in rows if tick.moves(UPDATES_LAST)]
        last = priced[-1] if priced else None
        assert row.last == (last and last.price)
        assert (row.bid, row.ask) == (last and last.bid, last and last.ask)
        before = [day.close for day in days[:-1] if day.priced]
        assert row.previous_close == (before[-1] if before else None)
    for (symbol, interval), chart in state.charts.items():
        assert not isinstance(interval, BarType)
        assert chart.candles() == expected_candles(happened[symbol], interval, ZONES[symbol][1])
    for symbol, tape in state.tapes.items():
        assert [(t.time_us, t.seq, t.price, t.size, t.bid, t.ask) for t in tape.ticks()] == [
            (t.time_us, t.seq, t.price, t.size, t.bid, t.ask) for t in happened[symbol][: -100 - 1 : -1]
        ]


def folded_bars(
    ticks: Sequence[Tick], bar_type: BarType, calendar: TradingCalendar, at: Position | None = None
) -> list[Candle]:
    """Those that have a price, of all ticks up to a place in one piece, from the first session's start."""
    rows = [t for t in distinct(ticks) if at is None or (t.time_us, t.seq) <= (at.time_us, at.seq)]
    nothing = np.full(len(rows), np.nan)
    batch = TickBatch(
        np.array([t.time_us for t in rows], np.int64),
        np.full(len(rows), "", dtype=object),
        np.array([t.seq for t in rows], np.int64),
        np.array([t.price for t in rows]),
        np.array([t.size for t in rows]),
        nothing,
        nothing,
        updates=np.array([UPDATES_ALL if t.updates is None else t.updates for t in rows], np.int16),
    )
    return [bar for bar in BarFold(bar_type, calendar.session_bounds).fold(batch) if bar.priced]


def expected_candles(rows: Sequence[Tick], interval: Interval, zone: str) -> object:
    """Those of the newest 500 that have a price, equal to ones whose sums were added in another order."""
    return [same(candle) for candle in fold_all(rows, interval, ZoneInfo(zone))[-500:] if candle.priced]


class Seconds:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now
