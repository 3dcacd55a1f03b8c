"""What a feed is: a source of ticks that yields them when they are due."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from db.market import TickBatch, concat
from feeds.csv_lines import Lines
from feeds.rejects import Reject, shown


@dataclass(frozen=True, slots=True)
class Origins:
    """From which line of which file each tick of a batch came: row i is line `row[i]` of `blocks[block[i]]`."""

    blocks: tuple[Lines, ...]
    block: NDArray[np.intp]
    row: NDArray[np.intp]

    @classmethod
    def of(cls, lines: Lines, rows: NDArray[np.intp]) -> Origins:
        return cls((lines,), np.zeros(len(rows), dtype=np.intp), rows)

    def take(self, where: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Origins:
        return Origins(self.blocks, self.block[where], self.row[where])

    def line(self, index: int) -> int:
        """The line number, in its file, of the tick at `index`."""
        return int(self.blocks[self.block[index]].number[self.row[index]])

    def reject(self, index: int, field: str, reason: str) -> Reject:
        """The tick at `index` as a reject, with its line."""
        lines, row = self.blocks[self.block[index]], int(self.row[index])
        return Reject(lines.file, int(lines.number[row]), field, reason, shown(lines.raw(row)))


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """Ticks in the feed's order, and the rows that were refused among them.

    `origins` says where each tick came from; None for a feed without files.
    """

    ticks: TickBatch
    origins: Origins | None = None
    rejects: tuple[Reject, ...] = ()

    def __len__(self) -> int:
        return len(self.ticks)

    def take(self, where: NDArray[np.bool_] | NDArray[np.intp] | slice) -> FeedBatch:
        """The ticks that `where` picks, without the rejects."""
        return FeedBatch(self.ticks.take(where), None if self.origins is None else self.origins.take(where))


NO_TICKS: Final = TickBatch(
    np.empty(0, dtype=np.int64), np.empty(0, dtype=object), np.empty(0, dtype=np.int64),
    np.empty(0), np.empty(0), np.empty(0), np.empty(0),
)  # fmt: skip


class Feed(Protocol):
    """A source of ticks.  Adapters for exchanges and buses implement this and nothing else."""

    @property
    def name(self) -> str:
        """Unique among the feeds that run; shown in the status line."""
        ...

    @property
    def kind(self) -> str:
        """What sort of feed it is: csv, walk, …"""
        ...

    def batches(self) -> AsyncIterator[FeedBatch]:
        """Yield batches when they are due, until the feed ends; raises `FeedError` where it cannot go on.

        The caller may be slow: a feed that reads from a source that cannot wait must bound what it keeps.
        """
        ...


def join(batches: Sequence[FeedBatch]) -> FeedBatch:
    """One batch of all, in order; origins are kept where all batches with ticks have them."""
    if len(batches) == 1:
        return batches[0]
    rejects = tuple(reject for batch in batches for reject in batch.rejects)
    batches = [batch for batch in batches if len(batch)]
    if not batches:
        return FeedBatch(NO_TICKS, None, rejects)
    origins = [batch.origins for batch in batches]
    known = [each for each in origins if each is not None]
    joined = None
    if len(known) == len(origins):
        blocks = tuple(lines for each in known for lines in each.blocks)
        shifts = np.cumsum([0, *(len(each.blocks) for each in known[:-1])])
        joined = Origins(
            blocks,
            np.concatenate([each.block + shift for each, shift in zip(known, shifts, strict=True)]),
            np.concatenate([each.row for each in known]),
        )
    return FeedBatch(concat([batch.ticks for batch in batches]), joined, rejects)
