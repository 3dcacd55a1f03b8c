"""The volume over a replay's range, told only up to its clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from db.candles import read_candles
from db.market import INTERVAL_SECONDS, Interval
from db.pool import PoolOrConnection

MOST_BUCKETS: Final = 400


@dataclass(frozen=True, slots=True)
class Profile:
    """Volume of all symbols by bucket, each `step_us` long, in order; buckets without ticks are left out.

    Known as a whole when the replay is opened, so `until` is the only way to tell it to viewers.
    """

    step_us: int
    starts: tuple[int, ...]
    volumes: tuple[float, ...]

    def until(self, time_us: int, since: int = 0) -> list[tuple[int, float]]:
        """(start in ms, volume) of the buckets that are over at `time_us`, without the first `since`."""
        return [
            (start // 1000, round(volume, 8))
            for start, volume in zip(self.starts[since:], self.volumes[since:], strict=True)
            if start + self.step_us <= time_us + 1
        ]


def step_of(start_us: int, end_us: int) -> Interval:
    """The shortest interval of which some hundred cover the range."""
    for interval in ("1m", "5m", "15m", "1h", "1d"):
        if (end_us - start_us) / (INTERVAL_SECONDS[interval] * 1_000_000) <= MOST_BUCKETS:
            return interval
    return "1d"


async def read_profile(
    source: PoolOrConnection, symbols: Sequence[str], start_us: int, end_us: int
) -> Profile:
    """Read the profile of `[start_us, end_us]` from candles; a range of years shows its last 20,000 days."""
    interval = step_of(start_us, end_us)
    step_us = INTERVAL_SECONDS[interval] * 1_000_000
    totals: dict[int, float] = {}
    for symbol in symbols:
        candles = await read_candles(
            source, symbol, interval, start_us=start_us - start_us % step_us, end_us=end_us + 1, limit=20_000
        )
        for candle in candles:
            totals[candle.time_us] = totals.get(candle.time_us, 0.0) + candle.volume
    starts = tuple(sorted(totals))
    return Profile(step_us, starts, tuple(totals[start] for start in starts))
