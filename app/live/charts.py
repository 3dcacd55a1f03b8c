"""The newest candles of one symbol and interval, kept up to date from delta bars."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from app.live.buckets import LocalDay, local_day
from db.instruments import Instrument
from db.market import INTERVAL_SECONDS, Candle, Interval
from db.messages import Bar, Snapshot


class ChartCandle:
    """A candle, the state's version at its last change, and its bytes once the protocol made them."""

    __slots__ = ("candle", "encoded", "version")

    def __init__(self, candle: Candle, version: int) -> None:
        self.candle = candle
        self.version = version
        self.encoded: bytes | None = None

    def put(self, candle: Candle, version: int) -> None:
        self.candle = candle
        self.version = version
        self.encoded = None


class Chart:
    """The newest `limit` candles, oldest first.

    `version` is the state's at the last change of any; `guard` the snapshot they were read in.
    """

    def __init__(self, instrument: Instrument, interval: Interval, limit: int) -> None:
        self.instrument = instrument
        self.symbol = instrument.symbol
        self.interval: Interval = interval
        self.limit = limit
        self.loaded = False
        self.version = 0
        self.guard: Snapshot | None = None
        self._candles: list[ChartCandle] = []
        self._day: LocalDay | None = None

    def load(self, candles: Sequence[Candle], guard: Snapshot | None, version: int) -> bool:
        """Take what was read (oldest first); False where candles that were there are gone."""
        before = {kept.candle.time_us: kept for kept in self._candles}
        after = [ChartCandle(candle, version) for candle in candles[-self.limit :]]
        for position, new in enumerate(after):
            old = before.pop(new.candle.time_us, None)
            if old is not None and old.candle == new.candle:
                after[position] = old
            else:
                self.version = version
        self._candles = after
        self._day = None
        self.guard = guard
        first = not self.loaded
        self.loaded = True
        window_us = after[0].candle.time_us if len(after) == self.limit else 0
        return first or all(time_us < window_us for time_us in before)

    def sees(self, xid: int) -> bool:
        """Whether the chart holds already what transaction `xid` wrote."""
        return self.guard is not None and self.guard.sees(xid)

    def merge(self, bar: Bar, version: int) -> bool:
        """Merge a delta bar; False where it lies before the window, which stays as it is."""
        candle = bar.candle
        bucket = self._bucket_us(candle.time_us)
        kept = self._candles
        if not kept or kept[-1].candle.time_us < bucket:
            kept.append(ChartCandle(candle.at(bucket), version))
            if len(kept) > self.limit:
                del kept[0]
        elif kept[-1].candle.time_us == bucket:
            kept[-1].put(kept[-1].candle.merge(candle), version)
        else:
            position = bisect_left(kept, bucket, key=lambda each: each.candle.time_us)
            if kept[position].candle.time_us == bucket:
                kept[position].put(kept[position].candle.merge(candle), version)
            elif len(kept) < self.limit:
                kept.insert(position, ChartCandle(candle.at(bucket), version))
            elif position == 0:
                return False
            else:
                kept.insert(position, ChartCandle(candle.at(bucket), version))
                del kept[0]
        self.version = version
        return True

    def since(self, version: int) -> list[ChartCandle]:
        """The candles that changed after `version`, oldest first."""
        if self.version <= version:
            return []
        return [kept for kept in self._candles if kept.version > version]

    def candles(self) -> list[Candle]:
        """All candles of the window, oldest first."""
        return [kept.candle for kept in self._candles]

    def _bucket_us(self, time_us: int) -> int:
        if self.interval != "1d":
            return time_us - time_us % (INTERVAL_SECONDS[self.interval] * 1_000_000)
        if self._day is None or not self._day.holds(time_us):
            self._day = local_day(time_us, self.instrument.timezone)
        return self._day.label_us
