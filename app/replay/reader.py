"""What a replay reads: blocks of ticks to play, and the whole market at a place to start from."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tickdeck.app.market.charts import Chart, SpreadChart
from tickdeck.app.replay.clock import Position, ReplayError
from tickdeck.app.replay.profile import Profile, read_profile
from tickdeck.db.candles.bars import read_bars
from tickdeck.db.candles.imported import list_imported
from tickdeck.db.candles.indicated import read_lead
from tickdeck.db.candles.read import candle_pages, read_candles, read_candles_at
from tickdeck.db.candles.spreads import read_spread
from tickdeck.db.market.bar_types import BarFold, BarType, ChartInterval
from tickdeck.db.market.buckets import bucket_of
from tickdeck.db.market.flowfold import FlowFold
from tickdeck.db.market.indicators import Lead
from tickdeck.db.market.moments import iso
from tickdeck.db.market.spreads import SpreadFold
from tickdeck.db.market.types import CALENDAR_INTERVALS, Candle, Interval, Quote, TickBatch
from tickdeck.db.orderflow import read_flow
from tickdeck.db.quotes import read_quotes
from tickdeck.db.replay_reads import (
    first_tick,
    instruments_of,
    known_moments,
    place_before,
    read_ticks_before,
    restated_in_archive,
    stored_range,
    symbols_with_ticks,
    tick_chunks,
)
from tickdeck.db.session import Connection, PoolOrConnection, Source, reading
from tickdeck.db.ticks.read import read_ticks

CANDLES: Final = 500
CANDLE_PAGE: Final = 2_000
"""Buckets that are looked through together for the next candles."""


class ChartAt(NamedTuple):
    """What a chart holds at a place: its candles, oldest first, and what its indicators need besides."""

    chart: Chart
    candles: list[Candle]
    lead: Lead
    fold: BarFold | SpreadFold | None = None
    """Of bars that are not of time, and of spreads: what goes on with the newest."""


@dataclass(slots=True)
class MarketAt:
    """The market at one place, of the ticks up to it; `profile` is of the whole range, as known there."""

    profile: Profile
    quotes: list[Quote] = field(default_factory=list)
    charts: list[ChartAt] = field(default_factory=list)
    tapes: dict[str, TickBatch] = field(default_factory=dict)
    known_us: list[int] = field(default_factory=list)
    """When, from then on, cancels and corrections of earlier ticks become known, in order."""
    flows: dict[str, tuple[FlowFold, int]] = field(default_factory=dict)


class ReplayReader:
    """Reads the ticks of `symbols` in `[start_us, end_us]`, and what they make of the market at any place.

    With `as_known` each read is of what was known at its place: cancels and corrections that were said later do not count.
    """

    def __init__(
        self, source: Source, symbols: Sequence[str], start_us: int, end_us: int, *, as_known: bool = False
    ) -> None:
        self.as_known = as_known
        self._source = source
        self._symbols = list(symbols)
        self._start_us = start_us
        self._end_us = end_us
        self._chunks: list[tuple[int, int]] = []
        self._profile: tuple[object, Profile] | None = None
        """The one that was read last, and of what it is."""

    async def check(self) -> None:
        """Raise `ReplayError` where the range is reversed or holds no tick, and say what is stored instead, or where it cannot be read as it was
        known.
        """
        if self._end_us <= self._start_us:
            raise ReplayError(
                f"the range is reversed: from {iso(self._start_us)} is not before to {iso(self._end_us)}"
            )
        names = ", ".join(self._symbols)
        if not await symbols_with_ticks(self._source, self._symbols, self._start_us, self._end_us + 1):
            stored = await stored_range(self._source, self._symbols)
            hint = "nothing is" if stored is None else f"{iso(stored[0])} to {iso(stored[1])} is"
            raise ReplayError(
                f"no ticks of {names} from {iso(self._start_us)} to {iso(self._end_us)}; {hint} stored"
                f"{await self._about_bars()}"
            )
        self._chunks = await tick_chunks(self._source, self._start_us, self._end_us + 1)
        await self.know(as_known=self.as_known)

    async def know(self, *, as_known: bool) -> None:
        """Read what was known at each place, or not; raise `ReplayError` where that was archived."""
        if as_known:
            found = await restated_in_archive(self._source, self._symbols, self._start_us, self._end_us)
            if found is not None:
                symbol, day = found
                raise ReplayError(
                    f"{symbol} {day} is archived, and ticks of it were cancelled or corrected: what was known of them then can be "
                    f"replayed after `tickdeck archive restore {shlex.quote(symbol)} {day}`"
                )
        self.as_known = as_known

    async def _about_bars(self) -> str:
        """What is to be said where the range has imported candles."""
        for symbol in self._symbols:
            async with reading(self._source) as connection:
                found = await list_imported(connection, symbol)
            for each in found:
                if each.from_us <= self._end_us and each.until_us > self._start_us:
                    return "; its candles there were imported, and bars cannot be replayed tick by tick"
        return ""

    async def block(self, after: Position, limit: int) -> TickBatch:
        """About the first `limit` ticks after a place, those of one (time, seq) together; fewer: there are no more.

        Raises `ReplayError` where ticks there were dropped since `check`.
        """
        async with self._reading(after) as connection:
            ticks = await read_ticks(
                connection, self._symbols, self._start_us, self._end_us + 1, after=after, limit=limit
            )
            last_us = self._end_us if len(ticks) < limit else int(ticks.time_us[-1])
            if len(ticks) < limit or self._crosses_chunks(after.time_us, last_us):
                await self._still_kept(connection, max(self._start_us, after.time_us), last_us)
        return ticks

    async def market_at(
        self,
        at: Position,
        charts: Sequence[Chart],
        tapes: Sequence[str],
        tape_limit: int,
        flows: Sequence[str] = (),
    ) -> MarketAt:
        """Everything at one place, read in one snapshot of the database."""
        async with self._reading(at) as connection:
            moments = await self._moments(connection)
            profile = await self._profile_at(connection, [us for us in moments if us <= at.time_us])
            read = MarketAt(profile, await read_quotes(connection, self._symbols, at=at))
            read.charts = [await _chart_at(connection, chart, at) for chart in charts]
            for symbol in tapes:
                read.tapes[symbol] = await read_ticks_before(connection, symbol, at, tape_limit)
            read.known_us = [us for us in moments if us > at.time_us]
            for symbol in flows:
                read.flows[symbol] = await read_flow(connection, symbol, at=(at.time_us, at.seq))
        return read

    async def _moments(self, connection: Connection) -> list[int]:
        """When something was said of ticks of the range that were earlier; nothing where the corrected ones are read."""
        if not self.as_known:
            return []
        return await known_moments(connection, self._symbols, self._start_us - 1, self._end_us)

    async def _profile_at(self, connection: Connection, said_us: list[int]) -> Profile:
        """The profile as known when all of `said_us` was; read where that is not what it was of the last time."""
        of = (self.as_known, said_us)
        if self._profile is None or self._profile[0] != of:
            self._profile = of, await read_profile(connection, self._symbols, self._start_us, self._end_us)
        return self._profile[1]

    async def chart(self, chart: Chart, at: Position) -> ChartAt:
        """What one chart holds at a place."""
        async with self._reading(at) as connection:
            return await _chart_at(connection, chart, at)

    async def flow(self, symbol: str, at: Position) -> tuple[FlowFold, int]:
        """The newest order flow at a place, and since when."""
        async with self._reading(at) as connection:
            return await read_flow(connection, symbol, at=(at.time_us, at.seq))

    async def first_tick(
        self, symbol: str, after: Position, up_to: Position, least: float | None, most: float | None
    ) -> tuple[Position, float] | None:
        """Place and price of the first tick after a place, up to another, that updates the last price to within these bounds."""
        async with self._reading(up_to) as connection:
            row = await first_tick(connection, symbol, after, up_to, least, most)
        return None if row is None else (Position(row[0], row[1]), row[2])

    async def tape(self, symbol: str, at: Position, limit: int) -> TickBatch:
        """The newest ticks at a place, newest first."""
        async with self._reading(at) as connection:
            return await read_ticks_before(connection, symbol, at, limit)

    async def place_back(self, at: Position, steps: int) -> Position:
        """The place `steps` before the last one that has happened at `at`; the start where there are fewer."""
        async with self._reading(at) as connection:
            place = await place_before(
                connection, self._symbols, (at.time_us, at.seq), steps + 1, start_us=self._start_us
            )
        return Position.at(self._start_us) if place is None else Position(*place)

    async def candle_end(self, symbol: str, interval: ChartInterval, at: Position, steps: int) -> int:
        """The last µs of the candle that is `steps` on (negative: back), of those of `symbol` that have ticks.

        The first on is the candle in progress, or the next one with ticks; the first back is the last to end before.
        Where there are fewer, the end of the range (its start).
        """
        async with self._reading(at) as connection:
            if isinstance(interval, BarType):
                return await self._bar_end(connection, symbol, interval, at, steps)
            if steps > 0:
                return await self._end_after(connection, symbol, interval, at, steps)
            start_us, _ = await self._bucket(connection, symbol, interval, at.time_us)
            candles = await read_candles(
                connection, symbol, interval, end_us=start_us, limit=-steps, imported=False
            )
            if len(candles) < -steps:
                return self._start_us
            return (await self._bucket(connection, symbol, interval, candles[0].time_us))[1] - 1

    async def _bar_end(
        self, connection: Connection, symbol: str, bar_type: BarType, at: Position, steps: int
    ) -> int:
        """As `candle_end`: a bar ends just before the next one begins."""
        if steps > 0:
            first_us, left = (
                at.time_us + 2,
                steps,
            )  # whoever stands at a bar's end goes to that of the next one
            pages = candle_pages(connection, symbol, bar_type, first_us, self._end_us + 1, limit=CANDLE_PAGE)
            async for page in pages:
                if len(page) >= left:
                    return page[left - 1].time_us - 1
                left -= len(page)
            return self._end_us
        bars = await read_candles(connection, symbol, bar_type, end_us=at.time_us + 1, limit=-steps)
        return self._start_us if len(bars) < -steps else bars[0].time_us - 1

    async def _end_after(
        self, connection: Connection, symbol: str, interval: Interval, at: Position, steps: int
    ) -> int:
        following = await read_ticks(connection, [symbol], at.time_us, self._end_us + 1, after=at, limit=1)
        if not len(following):
            return self._end_us
        _, next_us = await self._bucket(connection, symbol, interval, int(following.time_us[0]))
        if steps == 1:
            return next_us - 1
        left = steps - 1
        async for page in candle_pages(
            connection,
            symbol,
            interval,
            next_us,
            self._end_us + 1,
            limit=max(left, CANDLE_PAGE),
            imported=False,
        ):
            if len(page) >= left:
                return (await self._bucket(connection, symbol, interval, page[left - 1].time_us))[1] - 1
            left -= len(page)
        return self._end_us

    def _reading(self, at: Position) -> AbstractAsyncContextManager[Connection]:
        return reading(self._source, known_us=at.time_us if self.as_known else None)

    async def _bucket(
        self, connection: Connection, symbol: str, interval: Interval, time_us: int
    ) -> tuple[int, int]:
        """`[start, end)` of the bucket that holds an instant."""
        days = "UTC"
        if interval in CALENDAR_INTERVALS:
            (instrument,) = await instruments_of(connection, [symbol])
            days = instrument.days
        bucket = bucket_of(time_us, interval, days)
        return bucket.label_us, bucket.end_us

    def _crosses_chunks(self, first_us: int, last_us: int) -> bool:
        return any(first_us < start_us <= last_us for start_us, _ in self._chunks)

    async def _still_kept(self, connection: PoolOrConnection, first_us: int, last_us: int) -> None:
        kept = set(await tick_chunks(connection, first_us, last_us + 1))
        gone = [c for c in self._chunks if c[1] > first_us and c[0] <= last_us and c not in kept]
        if gone:
            raise ReplayError(
                f"the ticks from {iso(gone[0][0])} to {iso(gone[-1][1])} were dropped meanwhile "
                "(retention): they cannot be replayed any more"
            )


async def _chart_at(connection: Connection, chart: Chart, at: Position) -> ChartAt:
    symbol, interval, days = chart.symbol, chart.interval, chart.instrument.days
    indicators = list(chart.indicators)
    if isinstance(interval, BarType):
        bars, fold = await read_bars(connection, symbol, interval, at=(at.time_us, at.seq), limit=CANDLES)
        lead = await read_lead(connection, symbol, interval, indicators, bars, days)
        return ChartAt(chart, bars, lead, fold)
    if isinstance(chart, SpreadChart):
        spread = await read_spread(
            connection, chart.formula, interval, at=(at.time_us, at.seq), limit=CANDLES
        )
        lead = await read_lead(connection, chart.formula, interval, indicators, spread.candles, days)
        return ChartAt(chart, spread.candles, lead, spread.fold)
    candles = await read_candles_at(connection, symbol, interval, at=at, limit=CANDLES, unpriced=True)
    # What starts before the first of them is over by then.
    return ChartAt(chart, candles, await read_lead(connection, symbol, interval, indicators, candles, days))
