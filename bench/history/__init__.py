"""`tickdeck bench history`: milliseconds to the JSON of a 500-candle chart, against folding the raw ticks.

The chart is that of the busiest symbol, the newest candles or old ones (a quarter into the range), on a warm
connection, or cold: the first read of a new connection, of a stretch that no read has touched before.  All
sizes are read by turns, so that what else the machine does falls on each alike.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import asyncpg

from bench.history.market import BUSIEST, FIRST_DAY_US, SESSION_US, TICKS_A_DAY, baseline, fill
from bench.machine import machine
from bench.report import Row, report
from bench.scratch import scratch_database
from tickdeck.app.rows import candles_json
from tickdeck.db.candles.read import read_candles
from tickdeck.db.market.types import DAY_US, HOUR_US, INTERVAL_SECONDS, INTERVALS, Candle, Interval, from_us
from tickdeck.db.session import Connection, connect

SIZES: Final = (1_000_000, 10_000_000)
FULL: Final = (*SIZES, 50_000_000)
CANDLES: Final = 500
ROUNDS: Final = 15
BASELINE_S: Final = 1.5
"""A baseline is repeated, three times at the most, until it has taken so long."""


@dataclass(frozen=True)
class Case:
    interval: Interval
    age: str
    cache: str


@dataclass
class Market:
    """One database and what was measured in it."""

    ticks: int
    url: str
    warm: Connection
    times: dict[Case, list[float]] = field(default_factory=dict)
    raw: dict[Case, list[float]] = field(default_factory=dict)
    candles: dict[Case, int] = field(default_factory=dict)

    def end_us(self, case: Case, number: int) -> int | None:
        """Where the chart of a round ends: old ones end elsewhere each time."""
        if case.age == "recent" and case.cache == "warm":
            return None
        days = self.ticks // TICKS_A_DAY
        day = days - 1 if case.age == "recent" else days // 4
        shift_us = (number + 1) * (HOUR_US // 4 if case.cache == "cold" else 60_000_000)
        return FIRST_DAY_US + day * DAY_US + SESSION_US - shift_us


def run(url: str, *, as_json: bool, full: bool, progress: Callable[[str, float | None], None]) -> list[Row]:
    """Measure on the server at `url`, in databases that are dropped again; print and return the rows."""
    sizes = FULL if full else SIZES
    with ExitStack() as stack:
        urls = {ticks: stack.enter_context(scratch_database(url)) for ticks in sizes}
        facts = machine(urls[sizes[0]])
        rows = asyncio.run(_measure(urls, progress))
    report("history", facts, rows, as_json=as_json)
    return rows


async def _measure(urls: dict[int, str], progress: Callable[[str, float | None], None]) -> list[Row]:
    cases = [
        Case(interval, age, cache)
        for cache in ("cold", "warm")
        for age in ("recent", "old")
        for interval in INTERVALS
    ]
    async with AsyncExitStack() as stack:
        markets = []
        for ticks, url in urls.items():
            await fill(url, ticks, progress)
            warm = await connect(url, role="reader", statement_timeout_s=120)
            stack.push_async_callback(warm.close)
            markets.append(Market(ticks, url, warm))
        for done, case in enumerate(cases):
            progress("reading", done / len(cases))
            for number in range(ROUNDS):
                for market in markets:
                    await _read(market, case, number)
        for done, case in enumerate(cases):
            progress("folding raw ticks", done / len(cases))
            for market in markets:
                await _fold_raw(market, case)
    return [_row(market, case, markets[0]) for case in cases for market in markets]


async def _read(market: Market, case: Case, number: int) -> None:
    connection = market.warm if case.cache == "warm" else await connect(market.url, role="reader")
    try:
        if case.cache == "warm" and number == 0:
            await _chart(connection, case.interval, market.end_us(case, 0))
        started = time.perf_counter()
        candles = await _chart(connection, case.interval, market.end_us(case, number))
        market.times.setdefault(case, []).append((time.perf_counter() - started) * 1000)
        market.candles[case] = len(candles)
    finally:
        if connection is not market.warm:
            await connection.close()


async def _chart(connection: Connection, interval: Interval, end_us: int | None) -> list[Candle]:
    candles = await read_candles(connection, BUSIEST, interval, end_us=end_us, limit=CANDLES)
    candles_json(candles)
    return candles


async def _fold_raw(market: Market, case: Case) -> None:
    """The same chart from the ticks alone, of just the stretch that it shows."""
    candles = await _chart(market.warm, case.interval, market.end_us(case, 0))
    start, end = from_us(candles[0].time_us), from_us(candles[-1].last_us + 1)
    width = timedelta(seconds=INTERVAL_SECONDS[case.interval])
    times: list[float] = []
    while len(times) < 3 and sum(times) < BASELINE_S * 1000:
        started = time.perf_counter()
        rows: Sequence[Any] = await _fetch(market.warm, start, end, width)
        folded = [Candle(*row) for row in rows]
        candles_json(folded)
        times.append((time.perf_counter() - started) * 1000)
        if len(folded) != len(candles):
            raise RuntimeError(f"{case}: {len(candles)} candles, but the ticks fold to {len(folded)}")
    market.raw[case] = times


async def _fetch(connection: Connection, start: Any, end: Any, width: timedelta) -> Sequence[asyncpg.Record]:
    rows: Sequence[asyncpg.Record] = await connection.fetch(
        baseline(), BUSIEST, start, end, width, timeout=120
    )
    return rows


def _row(market: Market, case: Case, smallest: Market) -> Row:
    times, raw = sorted(market.times[case]), statistics.median(market.raw[case])
    median = statistics.median(times)
    alike = market.candles[case] == smallest.candles[case]
    return {
        "stored_ticks": market.ticks,
        "interval": case.interval,
        "age": case.age,
        "cache": case.cache,
        "candles": market.candles[case],
        "ms": round(median, 2),
        "ms_low": round(times[0], 2),
        "ms_p95": round(times[min(len(times) - 1, round(0.95 * (len(times) - 1)))], 2),
        "ms_high": round(times[-1], 2),
        "against_smallest": round(median / statistics.median(smallest.times[case]), 2) if alike else None,
        "baseline": "raw ticks",
        "baseline_ms": round(raw, 2),
        "ratio": round(median / raw, 4),
    }
