"""What candles, quotes and tapes must be, folded in plain Python from a list of ticks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cache
from math import inf, isclose
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg

from tickdeck.db.market.types import (
    INTERVAL_SECONDS,
    NEVER_FIRST_US,
    NEVER_LAST_US,
    UPDATES_LAST,
    UPDATES_RANGE,
    UPDATES_VOLUME,
    Candle,
    Interval,
    from_us,
    to_us,
)


@dataclass(frozen=True, order=True)
class Tick:
    time_us: int
    seq: int
    price: float
    size: float
    bid: float | None = None
    ask: float | None = None
    updates: int | None = field(default=None, compare=False)
    """Bits of `UPDATES_…`; None: all."""

    def moves(self, what: int) -> bool:
        return self.updates is None or self.updates & what != 0


def day_start(time_us: int, zone: ZoneInfo) -> int:
    """Midnight of the local date; the second one where the clock comes back over it."""
    midnight = datetime.combine(from_us(time_us).astimezone(zone).date(), time(), zone)
    return max(to_us(midnight.astimezone(UTC)), to_us(midnight.replace(fold=1).astimezone(UTC)))


@cache  # the same ticks are folded anew at each instant of a replay
def bucket_start(time_us: int, interval: Interval, zone: ZoneInfo) -> int:
    noon = from_us(time_us).astimezone(zone).replace(hour=12, fold=0)
    if interval == "1d":
        return day_start(time_us, zone)
    if interval == "1w":
        return day_start(to_us((noon - timedelta(days=noon.isoweekday() - 1)).astimezone(UTC)), zone)
    if interval == "1M":
        return day_start(to_us(noon.replace(day=1).astimezone(UTC)), zone)
    return time_us - time_us % (INTERVAL_SECONDS[interval] * 1_000_000)


def distinct(ticks: Iterable[Tick]) -> list[Tick]:
    """The ticks in order; of those with one (time, seq) the first that came."""
    kept: dict[tuple[int, int], Tick] = {}
    for tick in ticks:
        kept.setdefault((tick.time_us, tick.seq), tick)
    return [kept[identity] for identity in sorted(kept)]


def fold(ticks: Iterable[Tick], interval: Interval, zone: ZoneInfo) -> list[Candle]:
    """The candles that are shown: those with a tick that updates the last price."""
    return [candle for candle in fold_all(ticks, interval, zone) if candle.priced]


def fold_all(ticks: Iterable[Tick], interval: Interval, zone: ZoneInfo) -> list[Candle]:
    buckets: dict[int, list[Tick]] = {}
    for tick in distinct(ticks):
        buckets.setdefault(bucket_start(tick.time_us, interval, zone), []).append(tick)
    return [_candle(start, inside) for start, inside in sorted(buckets.items())]


def _candle(start: int, inside: list[Tick]) -> Candle:
    lasts = [tick for tick in inside if tick.moves(UPDATES_LAST)]
    counted = [tick for tick in inside if tick.moves(UPDATES_VOLUME)]
    prices = [tick.price for tick in inside if tick.moves(UPDATES_LAST | UPDATES_RANGE)]
    return Candle(
        start,
        lasts[0].price if lasts else 0,
        max(prices, default=-inf),
        min(prices, default=inf),
        lasts[-1].price if lasts else 0,
        sum(tick.size for tick in counted),
        sum(tick.price * tick.size for tick in counted),
        len(inside),
        *((lasts[0].time_us, lasts[0].seq) if lasts else (NEVER_FIRST_US, 0)),
        *((lasts[-1].time_us, lasts[-1].seq) if lasts else (NEVER_LAST_US, 0)),
    )


class _Nearly(float):
    """A sum that equals one whose parts were added in another order.  `pytest.approx` is dear for so many."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and isclose(self, other, rel_tol=1e-12, abs_tol=1e-12)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]


def same(candle: Candle) -> Candle:
    """`candle` in a form that compares equal to one whose sums were added in another order."""
    volume: Any = _Nearly(candle.volume)
    turnover: Any = _Nearly(candle.turnover)
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
        insert into ticks (symbol, time, seq, price, size, bid, ask, updates)
        select $1, to_timestamp(0) + us * interval '1 microsecond', seq, price, size, bid, ask, updates
        from unnest($2::bigint[], $3::bigint[], $4::float8[], $5::float8[], $6::float8[], $7::float8[],
                    $8::smallint[])
             as t (us, seq, price, size, bid, ask, updates)
        on conflict do nothing
        """,
        symbol,
        [tick.time_us for tick in rows],
        [tick.seq for tick in rows],
        [tick.price for tick in rows],
        [tick.size for tick in rows],
        [tick.bid for tick in rows],
        [tick.ask for tick in rows],
        [tick.updates for tick in rows],
    )


def utc(text: str) -> int:
    """µs since the epoch of an ISO 8601 time; a date alone is its midnight in UTC."""
    moment = datetime.fromisoformat(text)
    return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


MINUTE = int(timedelta(minutes=1) / timedelta(microseconds=1))
