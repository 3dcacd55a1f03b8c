"""What a player reads: blocks of ticks to play, and the whole picture at an instant to start from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from app.live.buckets import local_day
from app.live.replay_clock import LAST_SEQ, Position, ReplayError
from db.candles import read_candles, read_candles_at
from db.market import INTERVAL_SECONDS, Candle, Interval, TickBatch, from_us
from db.pool import Pool, PoolOrConnection
from db.quotes import Quote, read_quotes
from db.reading import reading
from db.replay_reads import (
    instruments_of,
    previous_place,
    read_ticks_before,
    stored_range,
    symbols_with_ticks,
    tick_chunks,
)
from db.ticks_read import read_ticks

CANDLES: Final = 500


def iso(time_us: int) -> str:
    """An instant for people: `2013-10-07T13:30:00Z`, with a fraction where it has one."""
    return from_us(time_us).isoformat().replace("+00:00", "Z")


@dataclass(slots=True)
class Picture:
    """The market at one place, of the ticks up to it."""

    quotes: list[Quote] = field(default_factory=list)
    candles: dict[tuple[str, Interval], list[Candle]] = field(default_factory=dict)
    tapes: dict[str, TickBatch] = field(default_factory=dict)


class ReplayReader:
    """Reads the ticks of `symbols` in `[start_us, end_us]`, and what they make of the market at any place."""

    def __init__(self, pool: Pool, symbols: Sequence[str], start_us: int, end_us: int) -> None:
        self._pool = pool
        self._symbols = list(symbols)
        self._start_us = start_us
        self._end_us = end_us
        self._chunks: list[tuple[int, int]] = []

    async def check(self) -> None:
        """Raise `ReplayError` where the range is reversed or holds no tick, and say what is stored instead."""
        if self._end_us <= self._start_us:
            raise ReplayError(
                f"the range is reversed: from {iso(self._start_us)} is not before to {iso(self._end_us)}"
            )
        names = ", ".join(self._symbols)
        if not await symbols_with_ticks(self._pool, self._symbols, self._start_us, self._end_us + 1):
            stored = await stored_range(self._pool, self._symbols)
            hint = "nothing is" if stored is None else f"{iso(stored[0])} to {iso(stored[1])} is"
            raise ReplayError(
                f"no ticks of {names} from {iso(self._start_us)} to {iso(self._end_us)}; {hint} stored"
            )
        self._chunks = await tick_chunks(self._pool, self._start_us, self._end_us + 1)

    async def block(self, after: Position, limit: int) -> TickBatch:
        """About the first `limit` ticks after a place, those of one (time, seq) together; fewer: there are no more.

        Raises `ReplayError` where ticks there were dropped since `check`.
        """
        async with reading(self._pool) as connection:
            ticks = await read_ticks(
                connection, self._symbols, self._start_us, self._end_us + 1, after=after, limit=limit
            )
            last_us = self._end_us if len(ticks) < limit else int(ticks.time_us[-1])
            if len(ticks) < limit or self._crosses_chunks(after.time_us, last_us):
                await self._still_kept(connection, max(self._start_us, after.time_us), last_us)
        return ticks

    async def all_at(
        self, at: Position, charts: Sequence[tuple[str, Interval]], tapes: Sequence[str], tape_limit: int
    ) -> Picture:
        """Everything at one place, read in one snapshot of the database."""
        async with reading(self._pool) as connection:
            picture = Picture(await read_quotes(connection, self._symbols, at=at))
            for symbol, interval in charts:
                picture.candles[symbol, interval] = await read_candles_at(
                    connection, symbol, interval, at=at, limit=CANDLES
                )
            for symbol in tapes:
                picture.tapes[symbol] = await read_ticks_before(connection, symbol, at, tape_limit)
        return picture

    async def candles(self, symbol: str, interval: Interval, at: Position) -> list[Candle]:
        """The newest candles at a place, oldest first."""
        return await read_candles_at(self._pool, symbol, interval, at=at, limit=CANDLES)

    async def tape(self, symbol: str, at: Position, limit: int) -> TickBatch:
        """The newest ticks at a place, newest first."""
        return await read_ticks_before(self._pool, symbol, at, limit)

    async def tick_before(self, at: Position) -> Position:
        """The place one tick before the last one that has happened at `at`; the start where there is none."""
        start = Position.at(self._start_us)
        last = await previous_place(self._pool, self._symbols, (at.time_us, min(at.seq, LAST_SEQ - 1) + 1))
        before = None if last is None else await previous_place(self._pool, self._symbols, last)
        return start if before is None or before[0] < self._start_us else Position(*before)

    async def candle_end(self, symbol: str, interval: Interval, at: Position, *, forward: bool) -> int:
        """The last µs of a candle of `symbol` that has ticks: the first to end after `at`, or last before.

        Forward, that is the candle in progress, or the next one with ticks.
        """
        if forward:
            return await self._end_after(symbol, interval, at)
        start_us, _ = await self._bucket(symbol, interval, at.time_us)
        candles = await read_candles(self._pool, symbol, interval, end_us=start_us, limit=1)
        if not candles:
            return self._start_us
        return (await self._bucket(symbol, interval, candles[-1].time_us))[1] - 1

    async def _end_after(self, symbol: str, interval: Interval, at: Position) -> int:
        following = await read_ticks(self._pool, [symbol], at.time_us, self._end_us + 1, after=at, limit=1)
        if not len(following):
            return self._end_us
        return (await self._bucket(symbol, interval, int(following.time_us[0])))[1] - 1

    async def _bucket(self, symbol: str, interval: Interval, time_us: int) -> tuple[int, int]:
        """`[start, end)` of the bucket that holds an instant."""
        if interval == "1d":
            (instrument,) = await instruments_of(self._pool, [symbol])
            day = local_day(time_us, instrument.timezone)
            return day.label_us, day.end_us
        width_us = INTERVAL_SECONDS[interval] * 1_000_000
        start_us = time_us - time_us % width_us
        return start_us, start_us + width_us

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
