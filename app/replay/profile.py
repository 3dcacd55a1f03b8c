"""The profile of a replay's range: how much was traded when, for its timeline."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tickdeck.db.candles.read import read_candles
from tickdeck.db.market.types import INTERVAL_SECONDS, Interval
from tickdeck.db.session import Source

MOST_BUCKETS: Final = 400


@dataclass(frozen=True, slots=True)
class Profile:
    """Volume of all symbols by bucket, each `step_us` long, in order; buckets without ticks are left out.

    It is known as a whole, so `until` is the only way to tell it to viewers.
    """

    step_us: int
    starts: tuple[int, ...]
    volumes: tuple[float, ...]

    def count_until(self, time_us: int) -> int:
        """How many buckets are over at `time_us`."""
        return bisect_right(self.starts, time_us + 1 - self.step_us)

    def until(self, time_us: int, since: int = 0) -> list[tuple[int, float]]:
        """(start in ms, volume) of the buckets that are over at `time_us`, without the first `since`."""
        part = slice(since, self.count_until(time_us))
        return [
            (start // 1000, round(volume, 8))
            for start, volume in zip(self.starts[part], self.volumes[part], strict=True)
        ]


NOTHING: Final = Profile(60_000_000, (), ())


def profile_interval(start_us: int, end_us: int) -> Interval:
    """The shortest interval of which some hundred cover the range."""
    for interval in ("1m", "5m", "15m", "1h", "1d"):
        if (end_us - start_us) / (INTERVAL_SECONDS[interval] * 1_000_000) <= MOST_BUCKETS:
            return interval
    return "1d"


async def read_profile(source: Source, symbols: Sequence[str], start_us: int, end_us: int) -> Profile:
    """Read the profile of `[start_us, end_us]` from candles; a range of years shows its last 20,000 days."""
    interval = profile_interval(start_us, end_us)
    step_us = INTERVAL_SECONDS[interval] * 1_000_000
    totals: dict[int, float] = {}
    for symbol in symbols:
        candles = await read_candles(
            source,
            symbol,
            interval,
            start_us=start_us - start_us % step_us,
            end_us=end_us + 1,
            limit=20_000,
            unpriced=True,
            imported=False,
        )
        for candle in candles:
            totals[candle.time_us] = totals.get(candle.time_us, 0.0) + candle.volume
    starts = tuple(sorted(totals))
    return Profile(step_us, starts, tuple(totals[start] for start in starts))
