"""A small stored market for replays, and what a page must show of it at any place."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import psycopg

from app.live.replay_clock import Position
from app.live.state import MarketState
from db.market import Interval, from_us, to_us
from tests.reference import Tick, distinct, fold, same

S: Final = 1_000_000
DAY_US: Final = 86_400 * S
START_US: Final = to_us(datetime(2024, 3, 8, 4, 0, tzinfo=UTC))
END_US: Final = START_US + 3 * DAY_US
ZONES: Final[Mapping[str, tuple[str | None, str]]] = {
    "DELHI": (None, "Asia/Kolkata"),
    "LATE": (None, "UTC"),
    "NYSE": ("XNYS", "America/New_York"),  # its clocks change on 10 March 2024
}


def made_up_ticks(count: int = 3_000, seed: int = 4) -> dict[str, list[Tick]]:
    """Bursts of ticks that share seconds and instants, in three days with quiet hours; LATE begins late."""
    dice = random.Random(seed)
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
                "copy ticks (time, symbol, seq, price, size, bid, ask) from stdin"
            ) as copy:
                for t in rows:
                    copy.write_row((from_us(t.time_us), symbol, t.seq, t.price, t.size, t.bid, t.ask))
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
        days = fold(rows, "1d", zone)
        assert row.day == same(days[-1])
        assert (row.bid, row.ask) == (rows[-1].bid, rows[-1].ask)
        assert row.previous_close == (days[-2].close if len(days) > 1 else None)
    for (symbol, interval), chart in state.charts.items():
        assert chart.candles() == expected_candles(happened[symbol], interval, ZONES[symbol][1])
    for symbol, tape in state.tapes.items():
        assert [(t.time_us, t.seq, t.price, t.size, t.bid, t.ask) for t in tape.ticks()] == [
            (t.time_us, t.seq, t.price, t.size, t.bid, t.ask) for t in happened[symbol][: -100 - 1 : -1]
        ]


def expected_candles(rows: Sequence[Tick], interval: Interval, zone: str) -> object:
    """The newest 500, equal to ones whose sums were added in another order."""
    return [same(candle) for candle in fold(rows, interval, ZoneInfo(zone))[-500:]]


class Seconds:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now
