"""Stored ticks in order, read from the database a few blocks ahead of their use, in bounded memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeAlias

import numpy as np

from app.live.replay_clock import Position
from db.market import TickBatch

BLOCK_TICKS: Final = 8192
BLOCKS_AHEAD: Final = 3

ReadBlock: TypeAlias = Callable[[Position, int], Awaitable[TickBatch]]
"""The first `limit` ticks later than a position up to the replay's end, in (time, seq, symbol) order."""


class ReadAhead:
    """Holds at most `BLOCKS_AHEAD` blocks of ticks; a task of its own refills them.

    Where the database refuses, the error is raised by the next `take` or `wait` that needs more ticks.
    """

    def __init__(self, read: ReadBlock, *, block_ticks: int = BLOCK_TICKS) -> None:
        self._read = read
        self._block_ticks = block_ticks
        self._blocks: deque[TickBatch] = deque()
        self._used = 0
        self._finished = False
        self._error: Exception | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()

    async def start(self, after: Position) -> None:
        """Forget what was read, and read what comes after `after`."""
        await self.stop()
        self._blocks.clear()
        self._used = 0
        self._finished = False
        self._error = None
        self._task = asyncio.create_task(self._fill(after), name="replay read-ahead")

    async def stop(self) -> None:
        """End the reading task."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    @property
    def finished(self) -> bool:
        """Whether every tick has been taken."""
        return self._finished and not self._blocks

    def next(self) -> Position | None:
        """The place of the next tick; None where it is not read yet, or where there is none (`finished`)."""
        if not self._blocks:
            self._raise()
            return None
        block = self._blocks[0]
        return Position(int(block.time_us[self._used]), int(block.seq[self._used]))

    async def wait(self) -> None:
        """Return once `next` is known, or that there is none."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._blocks or self._finished or self._error)
        if not self._blocks:
            self._raise()

    async def take(self, upto: Position, most: int) -> TickBatch | None:
        """The next ticks up to `upto`, about `most` at the most; None if none is due or none is read yet.

        Ticks of one (time, seq), each of another symbol, are never taken apart.
        """
        due = self.next()
        if due is None or due > upto:
            return None
        block = self._blocks[0]
        end = min(_after(block, upto, self._used), _with_ties(block, self._used + most))
        taken = block.take(slice(self._used, end))
        self._used = end
        if end == len(block):
            async with self._changed:
                self._blocks.popleft()
                self._used = 0
                self._changed.notify_all()
        return taken

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    async def _fill(self, after: Position) -> None:
        try:
            while True:
                block = await self._read(after, self._block_ticks)
                more = len(block) >= self._block_ticks
                if more:  # the last tick's companions at the same place may not have fitted: read all again
                    whole = _without_last_place(block)
                    block = whole if len(whole) else await self._widen(after)
                async with self._changed:
                    await self._changed.wait_for(lambda: len(self._blocks) < BLOCKS_AHEAD)
                    if len(block):
                        self._blocks.append(block)
                        after = Position(int(block.time_us[-1]), int(block.seq[-1]))
                    self._finished = not more
                    self._changed.notify_all()
                if not more:
                    return
        except Exception as exc:  # noqa: BLE001 - handed to whoever takes next
            async with self._changed:
                self._error = exc
                self._changed.notify_all()

    async def _widen(self, after: Position) -> TickBatch:
        """A block larger than the number of symbols that have a tick at the one place it would start with."""
        limit = self._block_ticks
        while True:
            limit *= 2
            block = await self._read(after, limit)
            if len(block) < limit:
                return block
            whole = _without_last_place(block)
            if len(whole):
                return whole


def _after(block: TickBatch, upto: Position, start: int) -> int:
    """The number of the first tick of `block`, from `start` on, that lies after `upto`."""
    end = int(np.searchsorted(block.time_us, upto.time_us, side="right"))
    while end > start and block.time_us[end - 1] == upto.time_us and block.seq[end - 1] > upto.seq:
        end -= 1
    return end


def _with_ties(block: TickBatch, end: int) -> int:
    """`end`, moved on so that no two ticks of one (time, seq) are on both sides of it."""
    while end < len(block) and _same_place(block, end - 1, end):
        end += 1
    return min(end, len(block))


def _without_last_place(block: TickBatch) -> TickBatch:
    end = len(block) - 1
    while end > 0 and _same_place(block, end - 1, end):
        end -= 1
    return block.take(slice(0, end))


def _same_place(block: TickBatch, one: int, other: int) -> bool:
    return bool(block.time_us[one] == block.time_us[other] and block.seq[one] == block.seq[other])
