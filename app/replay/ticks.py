"""Stored ticks in order, read from the database a few blocks ahead of their use, in bounded memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import numpy as np

from tickdeck.app.replay.clock import Position
from tickdeck.db.market.types import TickBatch

BLOCK_TICKS: Final = 8192
PACED_TICKS: Final = 1024
"""The block for a replay that has a pace: decoding one must not hold up the live market for long."""
BLOCKS_AHEAD: Final = 3
FIRST_TICKS: Final = 1024
"""The first block after a start is small, so that it is there soon; each next one is twice as large."""

ReadBlock: TypeAlias = Callable[[Position, int], Awaitable[TickBatch]]
"""About the first `limit` ticks after a place, those of one (time, seq) together; fewer: there are no more."""


class ReadAhead:
    """Holds at most `BLOCKS_AHEAD` blocks of ticks; a task of its own refills them.

    Until the first tick is taken it reads no further than one block: whoever drags the head of a timeline starts
    it anew many times a second and takes nothing.  Where the database refuses, the error is raised by the next `take` or `wait` that needs more ticks.
    """

    def __init__(self, read: ReadBlock, *, block_ticks: int = BLOCK_TICKS) -> None:
        self._read = read
        self.block_ticks = block_ticks
        """How many ticks are read at a time; may change at any time."""
        self._blocks: deque[TickBatch] = deque()
        self._used = 0
        self._ahead = 1
        self._finished = False
        self._error: Exception | None = None
        self._task: asyncio.Task[None] | None = None
        self._left: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()

    def start(self, after: Position) -> None:
        """Forget what was read, and read what comes after `after`.

        A read that is under way is left to end by itself: cancelling it would cost more.
        """
        if self._task is not None and not self._task.done():
            self._left.add(self._task)
            self._task.add_done_callback(self._left.discard)
        self._blocks = deque()
        self._used = 0
        self._ahead = 1
        self._finished = False
        self._error = None
        self._task = asyncio.create_task(self._fill(after, self._blocks), name="replay read-ahead")

    async def stop(self) -> None:
        """End the reading; nothing can be taken any more."""
        self._blocks = deque()
        async with self._changed:
            self._changed.notify_all()
        await asyncio.gather(*self._left, *([] if self._task is None else [self._task]))

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
        if end == len(block) or self._ahead < BLOCKS_AHEAD:
            async with self._changed:
                if end == len(block):
                    self._blocks.popleft()
                    self._used = 0
                self._ahead = BLOCKS_AHEAD
                self._changed.notify_all()
        return taken

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    async def _fill(self, after: Position, blocks: deque[TickBatch]) -> None:
        """Read on as long as `blocks` is what is taken from."""
        limit = min(FIRST_TICKS, self.block_ticks)
        more = True
        try:
            while more:
                async with self._changed:
                    await self._changed.wait_for(
                        lambda: len(blocks) < self._ahead or blocks is not self._blocks
                    )
                if blocks is not self._blocks:
                    return
                block = await self._read(after, limit)
                more = len(block) >= limit
                limit = min(limit * 2, self.block_ticks)
                async with self._changed:
                    if blocks is self._blocks:
                        if len(block):
                            blocks.append(block)
                            after = Position(int(block.time_us[-1]), int(block.seq[-1]))
                        self._finished = not more
                        self._changed.notify_all()
        except Exception as exc:  # noqa: BLE001 - handed to whoever takes next
            async with self._changed:
                if blocks is self._blocks:
                    self._error = exc
                    self._changed.notify_all()


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


def _same_place(block: TickBatch, one: int, other: int) -> bool:
    return bool(block.time_us[one] == block.time_us[other] and block.seq[one] == block.seq[other])
