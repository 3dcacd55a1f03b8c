"""What candles, quotes and tapes must be, folded in plain Python from a list of ticks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from db.market import INTERVAL_SECONDS, Candle, Interval, from_us, to_us


@dataclass(frozen=True, order=True)
class Tick:
    time_us: int
    seq: int
    price: float
    size: float
    bid: float | None = None
    ask: float | None = None


def day_start(time_us: int, zone: ZoneInfo) -> int:
    """Midnight of the local date; the second one where the clock comes back over it."""
    midnight = datetime.combine(from_us(time_us).astimezone(zone).date(), time(), zone)
    return max(to_us(midnight.astimezone(UTC)), to_us(midnight.replace(fold=1).astimezone(UTC)))


def bucket_start(time_us: int, interval: Interval, zone: ZoneInfo) -> int:
    if interval == "1d":
        return day_start(time_us, zone)
    return time_us - time_us % (INTERVAL_SECONDS[interval] * 1_000_000)


def distinct(ticks: Iterable[Tick]) -> list[Tick]:
    """The ticks in order; of those with one (time, seq) the first that came."""
    kept: dict[tuple[int, int], Tick] = {}
    for tick in ticks:
        kept.setdefault((tick.time_us, tick.seq), tick)
    return [kept[identity] for identity in sorted(kept)]


def fold(ticks: Iterable[Tick], interval: Interval, zone: ZoneInfo) -> list[Candle]:
    buckets: dict[int, list[Tick]] = {}
    for tick in distinct(ticks):
        buckets.setdefault(bucket_start(tick.time_us, interval, zone), []).append(tick)
    return [
        Candle(
            start,
            inside[0].price,
            max(tick.price for tick in inside),
            min(tick.price for tick in inside),
            inside[-1].price,
            sum(tick.size for tick in inside),
            sum(tick.price * tick.size for tick in inside),
            len(inside),
            inside[0].time_us,
            inside[0].seq,
            inside[-1].time_us,
            inside[-1].seq,
        )
        for start, inside in sorted(buckets.items())
    ]


def same(candle: Candle) -> Candle:
    """`candle` in a form that compares equal to one whose sums were added in another order."""
    volume: Any = pytest.approx(candle.volume, rel=1e-12)
    turnover: Any = pytest.approx(candle.turnover, rel=1e-12)
    return Candle(
        candle.time_us,
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        volume,
        turnover,
        candle.trades,
        candle.first_us,
        candle.first_seq,
        candle.last_us,
        candle.last_seq,
    )


async def store(connection: asyncpg.Connection, symbol: str, ticks: Iterable[Tick]) -> None:
    """Insert in one statement, as psql would; what is stored already stays as it is."""
    rows = [*ticks]
    await connection.execute(
        """
        insert into ticks (symbol, time, seq, price, size, bid, ask)
        select $1, to_timestamp(0) + us * interval '1 microsecond', seq, price, size, bid, ask
        from unnest($2::bigint[], $3::bigint[], $4::float8[], $5::float8[], $6::float8[], $7::float8[])
             as t (us, seq, price, size, bid, ask)
        on conflict do nothing
        """,
        symbol,
        [tick.time_us for tick in rows],
        [tick.seq for tick in rows],
        [tick.price for tick in rows],
        [tick.size for tick in rows],
        [tick.bid for tick in rows],
        [tick.ask for tick in rows],
    )


def utc(text: str) -> int:
    """µs since the epoch of an ISO 8601 time; a date alone is its midnight in UTC."""
    moment = datetime.fromisoformat(text)
    return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


MINUTE = int(timedelta(minutes=1) / timedelta(microseconds=1))
