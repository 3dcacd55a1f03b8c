"""An alert rule over a stored day: what it would have fired, whatever is stored later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

import psycopg
import pytest

from tickdeck.app.replay.trial import Trial, Wanted, newest_day, run_trial
from tickdeck.db.errors import MarketDataError, UnknownSymbolError
from tickdeck.db.market.types import to_us
from tickdeck.db.session import Pool, open_pool
from tickdeck.testing.databases import Databases

DAY = datetime(2024, 3, 4, tzinfo=UTC)
START_US = to_us(DAY)
S = 1_000_000
OPEN_US = START_US + 14 * 3600 * S
T = TypeVar("T")
END_US = START_US + 86_400 * S


@pytest.fixture(scope="module")
def stored(_tickdeck_databases: Databases) -> Iterator[str]:
    """A tick each ten seconds for half an hour, which climbs, one wild minute, and a tick on the days around."""
    with _tickdeck_databases.copy() as url:
        with psycopg.connect(url) as connection:
            connection.execute(
                "insert into ticks (time, symbol, price, size) values ('2024-03-03 20:00Z', 'A', 99, 1), ('2024-03-05 14:00Z', 'A', 500, 1)"
            )
            connection.execute(
                "insert into ticks (time, symbol, price, size, bid, ask)"
                " select '2024-03-04 14:00Z'::timestamptz + make_interval(secs => 10 * n), 'A', 100 + n / 100.0,"
                " case when n between 120 and 125 then 50 else 1 end, 100, case when n = 60 then 102 else 100.1 end"
                " from generate_series(0, 179) n"
            )
        yield url


def ask(url: str, work: Callable[[Pool], Awaitable[T]]) -> T:
    async def run() -> T:
        pool = await open_pool(url, role="reader", size=2)
        try:
            return await work(pool)
        finally:
            await pool.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("condition", "seconds"),
    [
        ("price crosses 100.5", [500]), ("price crosses 99.5", [0]), ("price above 300", []),
        ("price crosses down 99.5", []), ("rises 0.05% in 30s", []), ("rises 0.5% in 10m", [500]),
        ("spread above 1", [600]), ("volume 10x of 5", [1210]), ("silent for 5m", [300 - 14 * 3600, 2090]),
        ("rsi(5) above 99 on 5m", [1500]), ("new low", []),
    ],
)  # fmt: skip
def test_what_a_rule_would_have_fired(stored: str, condition: str, seconds: list[int]) -> None:
    trial: Trial = ask(stored, lambda pool: run_trial(pool, Wanted("A", condition), START_US, END_US))
    assert [(each.time_us - OPEN_US) / S for each in trial.fired] == seconds
    assert not trial.cut


def test_the_newest_day_and_what_is_cut(stored: str) -> None:
    assert ask(stored, lambda pool: newest_day(pool, "A")) == (END_US, END_US + 86_400 * S)
    half_us = OPEN_US + 900 * S
    assert ask(stored, lambda pool: newest_day(pool, "A", until_us=half_us)) == (START_US, half_us + 1)
    once = Wanted("A", "new high", "once")
    assert len(ask(stored, lambda pool: run_trial(pool, once, START_US, END_US)).fired) == 1
    bars = Wanted("A", "new high", "bar", "5m")
    assert len(ask(stored, lambda pool: run_trial(pool, bars, START_US, END_US)).fired) == 6


@pytest.mark.parametrize(
    ("symbol", "condition", "days"),
    [("A", "feed x silent for 5s", 1), ("A", "price", 1), ("A", "new high", 8), ("A", "new high", 0), ("B", "new high", 1)],
)  # fmt: skip
def test_what_cannot_be_tried(stored: str, symbol: str, condition: str, days: int) -> None:
    with pytest.raises((MarketDataError, UnknownSymbolError)):
        ask(
            stored,
            lambda pool: run_trial(pool, Wanted(symbol, condition), START_US, START_US + days * 86_400 * S),
        )
