"""The newest candles of one symbol and interval with their indicators, kept up to date from delta bars."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import count
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tickdeck.app.market.following import Following, after
from tickdeck.db.market.bar_types import BarFold, BarType, ChartInterval
from tickdeck.db.market.buckets import Bucket, bucket_of
from tickdeck.db.market.columns import CandleColumns, Floats
from tickdeck.db.market.indicators import Indicator, IndicatorError, Lead, looks_back
from tickdeck.db.market.messages import Bar, Snapshot
from tickdeck.db.market.spreads import Formula, SpreadFold
from tickdeck.db.market.types import Candle, Instrument, Interval, TickBatch

NO_LEAD: Final = Lead()
_SPARE: Final = 64
"""Candles before those that indicators need which may be here, so that not each new one moves all."""
_CHANGES: Final = 256
"""Changes that are told apart; whoever is further behind gets the values of the whole window."""


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


class IndicatorValues(NamedTuple):
    """Values of one indicator for consecutive candles up to the newest: a column for each of its lines, NaN: none."""

    time_us: NDArray[np.int64]
    columns: tuple[Floats, ...]


class Chart:
    """The newest `limit` candles, oldest first; before them those that `indicators` need.

    `version` is the state's at the last change of any; `as_of` the database snapshot they were read in.
    """

    def __init__(self, instrument: Instrument, interval: ChartInterval, limit: int) -> None:
        self.instrument = instrument
        self.symbol = instrument.symbol
        self.interval: ChartInterval = interval
        self.limit = limit
        self.loaded = False
        self.version = 0
        self.as_of: Snapshot | None = None
        self.imported_until_us = 0
        """Ticks before may be in the stretch of a bar that was imported, which then does not count any more."""
        self.indicators: dict[Indicator, bool] = {}
        """Those that somebody watches, and whether the candles that they need are here."""
        self.faults: dict[Indicator, str] = {}
        """Why there are no values of an indicator."""
        self.encoded: dict[tuple[Indicator, int], bytes] = {}
        """The protocol's: bytes of values from a candle's time on, forgotten with every change."""
        self._candles: list[ChartCandle] = []
        self._bucket: Bucket | None = None
        self._changes: list[tuple[int, int]] = []  # (version, time_us), the newest change last
        self._changes_from = 0  # all changes after this version are in it
        self._columns: CandleColumns | None = None
        self._stale = 0  # index of the first candle that is otherwise in _columns

    def load(
        self, candles: Sequence[Candle], as_of: Snapshot | None, version: int, lead: Lead = NO_LEAD
    ) -> bool:
        """Take what was read (oldest first); False where candles that were there are gone."""
        before = {kept.candle.time_us: kept for kept in self._candles}
        shown = candles[-self.limit :]
        after = [ChartCandle(candle, version) for candle in (*lead.candles, *shown)]
        for position, new in enumerate(after):
            old = before.pop(new.candle.time_us, None)
            if old is not None and old.candle == new.candle:
                after[position] = old
            else:
                self.version = version
        for each in (*lead.indicators, *lead.faults):
            if each in self.indicators:
                self.indicators[each] = True
        self.faults = dict(lead.faults)
        self._candles = after
        self._bucket = None
        self._columns = None
        self._changes, self._changes_from = [], version
        self.encoded = {}
        self.as_of = as_of
        first = not self.loaded
        self.loaded = True
        window_us = shown[0].time_us if len(shown) == self.limit else 0
        return first or all(time_us < window_us for time_us in before)

    def sees(self, xid: int | None) -> bool:
        """Whether the chart holds already what transaction `xid` wrote (None: what no read can hold yet)."""
        return self.as_of is not None and xid is not None and self.as_of.sees(xid)

    def merge(self, bar: Bar, version: int) -> bool:
        """Merge a delta bar; False where it lies before the window, which stays as it is."""
        candle = bar.candle
        bucket = self._bucket_us(candle.time_us)
        kept = self._candles
        position = len(kept) - 1 if kept else 0
        if not kept or kept[-1].candle.time_us < bucket:
            position = len(kept)
            kept.append(ChartCandle(candle.at(bucket), version))
        elif kept[-1].candle.time_us == bucket:
            kept[-1].put(kept[-1].candle.merge(candle), version)
        else:
            position = bisect_left(kept, bucket, key=lambda each: each.candle.time_us)
            if kept[position].candle.time_us == bucket:
                kept[position].put(kept[position].candle.merge(candle), version)
            elif position == 0 and len(kept) >= self.limit and not self._counts_from(bucket):
                return False
            else:
                kept.insert(position, ChartCandle(candle.at(bucket), version))
        self._changed(position, bucket, version)
        self._trim()
        return True

    def _put(self, candles: Sequence[Candle], version: int) -> None:
        """Put whole candles, oldest first, in the place of those of their times, or among them."""
        kept = self._candles
        for candle in candles:
            position = bisect_left(kept, candle.time_us, key=lambda each: each.candle.time_us)
            if position < len(kept) and kept[position].candle.time_us == candle.time_us:
                kept[position].put(candle, version)
            else:
                kept.insert(position, ChartCandle(candle, version))
            self._changed(position, candle.time_us, version)
        self._trim()

    def since(self, version: int) -> list[ChartCandle]:
        """The candles that changed after `version` and have a price, oldest first."""
        if self.version <= version:
            return []
        return [
            kept for kept in self._candles[-self.limit :] if kept.version > version and kept.candle.priced
        ]

    def candles(self) -> list[Candle]:
        """All candles of the window that have a price, oldest first."""
        return [kept.candle for kept in self._candles[-self.limit :] if kept.candle.priced]

    @property
    def newest_us(self) -> int | None:
        """Start of the newest candle that has a price, µs since the epoch."""
        return next((kept.candle.time_us for kept in reversed(self._candles) if kept.candle.priced), None)

    def volumes(self, count: int) -> list[float]:
        """The volumes of the newest `count` candles, oldest first; fewer where there are not so many."""
        return [kept.candle.volume for kept in self._candles[-count:]]

    def first_changed(self, version: int) -> int | None:
        """Start of the first candle of the window with values that may have changed after `version`; None: none has."""
        if self.version <= version or not self._candles:
            return None
        window_us = self._candles[-self.limit :][0].candle.time_us
        if version < self._changes_from:
            return window_us
        changed_us = min((time_us for at, time_us in self._changes if at > version), default=None)
        return None if changed_us is None else max(changed_us, window_us)

    def values(self, indicator: Indicator, from_us: int) -> IndicatorValues:
        """The values of the candles from the one at `from_us` on, which have a price; raises `IndicatorError`."""
        columns = self._all_columns()
        first = int(np.searchsorted(columns.time_us, from_us))
        begin = max(0, first - indicator.warm_up)
        since_us = indicator.since(from_us, self.interval, self.instrument.days)
        if since_us is not None:
            begin = min(begin, int(np.searchsorted(columns.time_us, since_us)))
        try:
            computed = indicator.compute(columns.take(slice(begin, None)))
        except IndicatorError as exc:
            self.faults[indicator] = str(exc)
            raise
        return IndicatorValues(columns.time_us[first:], tuple(column[first - begin :] for column in computed))

    def _changed(self, position: int, time_us: int, version: int) -> None:
        self.version = version
        self.encoded = {}
        self._stale = min(self._stale, position)
        if self._changes and self._changes[-1][1] == time_us:
            self._changes.pop()
        self._changes.append((version, time_us))
        if len(self._changes) > _CHANGES:
            self._changes_from = self._changes.pop(0)[0]

    def _trim(self) -> None:
        """Let go of the oldest candles that neither the window nor an indicator needs."""
        kept = self._candles
        spare = len(kept) - self.limit
        if self.indicators and spare > 0:
            if spare <= _SPARE:
                return
            count_back, since_us = self._looks_back()
            priced = (place for place in count(spare - 1, -1) if place < 0 or kept[place].candle.priced)
            spare = (
                next(place for number, place in enumerate(priced) if number >= count_back or place < 0) + 1
            )
            if since_us is not None:
                spare = min(spare, bisect_left(kept, since_us, key=lambda each: each.candle.time_us))
            if spare <= _SPARE:
                return
        if spare > 0:
            del kept[:spare]
            self._columns = None

    def _looks_back(self) -> tuple[int, int | None]:
        window_us = self._candles[-self.limit :][0].candle.time_us
        shown = [each for each in self.indicators if each not in self.faults]
        return looks_back(shown, window_us, self.interval, self.instrument.days)

    def _counts_from(self, time_us: int) -> bool:
        """Whether an indicator counts from before `time_us` on."""
        since_us = self._looks_back()[1]
        return since_us is not None and since_us <= time_us

    def _all_columns(self) -> CandleColumns:
        """All candles that have a price as columns; only what changed is made anew."""
        kept = self._candles
        made, stale = self._columns, self._stale
        if made is None or len(made) < stale:
            made, stale = CandleColumns.of((), self.interval, self.instrument.days), 0
        if stale < len(kept) or len(made) != len(kept):
            newer = [each.candle for each in kept[stale:]]
            if stale and not all(candle.priced for candle in newer):
                stale, newer = 0, [each.candle for each in kept]
            priced = [candle for candle in newer if candle.priced]
            later = CandleColumns.of(priced, self.interval, self.instrument.days)
            made = made.take(slice(0, stale)).then(later) if stale else later
        self._columns = made
        # Where some have no price the places differ: then all is made anew each time.
        self._stale = len(kept) if len(made) == len(kept) else 0
        return made

    def _bucket_us(self, time_us: int) -> int:
        assert not isinstance(self.interval, BarType)  # noqa: S101 - such a chart is a BarChart, which merges no bars
        if self._bucket is None or not self._bucket.holds(time_us):
            self._bucket = bucket_of(time_us, self.interval, self.instrument.days)
        return self._bucket.label_us


class BarChart(Chart):
    """A chart of bars that are not of time, which only the ticks themselves tell: `extend` it with them."""

    def __init__(self, instrument: Instrument, bar_type: BarType, limit: int) -> None:
        super().__init__(instrument, bar_type, limit)
        self.following = Following()
        self._fold: BarFold | None = None

    def load_fold(self, fold: BarFold, as_of: Snapshot | None) -> None:
        """Take what goes on with the newest of the bars that were loaded, as read in the snapshot `as_of`."""
        self._fold = fold
        self.following.loaded(as_of)

    @property
    def position(self) -> tuple[int, int]:
        """(time_us, seq) of the last tick in it; before all of them where there is none."""
        return (-1, 0) if self._fold is None else self._fold.position

    def extend(self, ticks: TickBatch, version: int) -> bool:
        """Take the chart's next ticks, in (time, seq) order; those up to its position are in it already.  Whether there were any."""
        if self._fold is None:
            return False
        ticks = after(ticks, self.position)
        if not len(ticks):
            return False
        self._put(self._fold.fold(ticks), version)
        return True


class SpreadChart(Chart):
    """A chart of a ratio or spread, made of the ticks of several symbols: `legs` take them, each symbol's in order."""

    def __init__(self, formula: Formula, instrument: Instrument, interval: Interval, limit: int) -> None:
        super().__init__(instrument, interval, limit)
        self.formula = formula
        self.legs = {symbol: SpreadLeg(self, symbol) for symbol in formula.legs}
        self.fold: SpreadFold | None = None

    def load_fold(self, fold: SpreadFold, as_of: Snapshot | None) -> None:
        """Take what goes on with the newest of the candles that were loaded, as read in the snapshot `as_of`."""
        self.fold = fold
        for leg in self.legs.values():
            leg.following.loaded(as_of)

    def settle(self, time_us: int) -> None:
        """Ticks of all symbols before this instant are here."""
        if self.fold is not None:
            self.fold.settle(time_us)

    def fold_on(self, fold: SpreadFold, version: int) -> bool:
        """Take the candles that `fold` makes now; whether any is another than before."""
        since = {kept.candle.time_us: kept.candle for kept in self._candles[-_SPARE:]}
        changed = [each for each in fold.candles() if since.get(each.time_us) != each]
        self._put(changed, version)
        return bool(changed)


class SpreadLeg:
    """One symbol of a spread's chart, which follows the ticks of it."""

    def __init__(self, chart: SpreadChart, symbol: str) -> None:
        self.chart = chart
        self.symbol = symbol
        self.following = Following()

    @property
    def loaded(self) -> bool:
        """Whether the chart is."""
        return self.chart.loaded

    @property
    def position(self) -> tuple[int, int]:
        """(time_us, seq) of the last tick of the symbol that is in the chart; before all where none was read."""
        return (-1, 0) if self.chart.fold is None else self.chart.fold.positions[self.symbol]

    def extend(self, ticks: TickBatch, version: int) -> bool:
        """As `BarChart.extend`; whether any candle is another for it."""
        fold = self.chart.fold
        if fold is None:
            return False
        ticks = after(ticks, self.position)
        if not len(ticks):
            return False
        if not fold.put(self.symbol, ticks):
            self.following.lost()
            return False
        return self.chart.fold_on(fold, version)
