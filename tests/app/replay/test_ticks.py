"""Reading ahead: bounded, in order, never taking ticks of one place apart, and starting anew at any time."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tickdeck.app.replay.clock import Position
from tickdeck.app.replay.ticks import BLOCKS_AHEAD, ReadAhead
from tickdeck.db.errors import DatabaseError
from tickdeck.db.market.types import TickBatch

END = Position.at(10**9)


def ticks(count: int) -> TickBatch:
    """Pairs of ticks of two symbols at one (time, seq)."""
    numbers = np.arange(count, dtype=np.int64) // 2
    nothing = np.full(count, np.nan)
    symbols = np.array(["A", "B"], dtype=object)[np.arange(count) % 2]
    return TickBatch(numbers * 10, symbols, numbers, nothing, nothing, nothing, nothing)


class Stored:
    """A table of ticks that counts how often it is read."""

    def __init__(self, count: int) -> None:
        self.all = ticks(count)
        self.reads = 0
        self.error: Exception | None = None

    async def read(self, after: Position, limit: int) -> TickBatch:
        self.reads += 1
        if self.error is not None:
            raise self.error
        first = int(np.searchsorted(self.all.seq, after.seq, side="right")) if after.time_us >= 0 else 0
        end = min(len(self.all), first + limit)
        while end < len(self.all) and end > first and self.all.seq[end] == self.all.seq[end - 1]:
            end += 1
        return self.all.take(slice(first, end))


async def everything(source: ReadAhead, most: int) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    while not source.finished:
        batch = await source.take(END, most)
        if batch is None:
            await source.wait()
            continue
        assert len(batch) <= most + 1
        assert len(batch) % 2 == 0  # both ticks of a place
        found += zip(batch.seq.tolist(), batch.symbol.tolist(), strict=True)
    return found


@pytest.mark.parametrize(("count", "block", "most"), [(0, 4, 3), (2, 4, 1), (1000, 7, 5), (1000, 4096, 64)])
async def test_every_tick_comes_once_and_in_order(count: int, block: int, most: int) -> None:
    source = ReadAhead(Stored(count).read, block_ticks=block)
    source.start(Position(-1, -1))
    await source.wait()
    assert await everything(source, most) == [(n // 2, "AB"[n % 2]) for n in range(count)]
    assert source.next() is None


async def test_nothing_after_the_limit_is_taken() -> None:
    source = ReadAhead(Stored(100).read)
    source.start(Position(-1, -1))
    await source.wait()
    batch = await source.take(Position(50, 4), 1000)
    assert batch is not None
    assert batch.seq.tolist() == [n // 2 for n in range(10)]  # 50 is the time of seq 5
    assert source.next() == Position(50, 5)
    assert await source.take(Position(50, 4), 1000) is None
    await source.stop()


async def test_it_reads_no_further_ahead_than_a_few_blocks() -> None:
    stored = Stored(10_000)
    source = ReadAhead(stored.read, block_ticks=10)
    source.start(Position(-1, -1))
    for _ in range(200):
        await asyncio.sleep(0)
    assert stored.reads <= BLOCKS_AHEAD + 1
    await source.stop()


async def test_a_new_start_forgets_what_was_read() -> None:
    source = ReadAhead(Stored(1000).read, block_ticks=10)
    source.start(Position(-1, -1))
    await source.wait()
    source.start(Position(4000, 400))
    await source.wait()
    assert source.next() == Position(4010, 401)
    await source.stop()


async def test_an_error_of_the_database_is_raised_where_ticks_are_wanted() -> None:
    stored = Stored(10)
    stored.error = DatabaseError("gone")
    source = ReadAhead(stored.read)
    source.start(Position(-1, -1))
    with pytest.raises(DatabaseError, match="gone"):
        await source.wait()
    with pytest.raises(DatabaseError, match="gone"):
        await source.take(END, 5)
    await source.stop()
