"""Where in its files a feed is, so that another process goes on there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tickdeck.feeds.base import FeedBatch

LOOKED_AT: Final = 1 << 16
"""Bytes at either end of a file that must be what they were."""


@dataclass(frozen=True, slots=True)
class Place:
    """Behind so many `rows` (ticks, in order of time) of the lap that began at market time `lap_us`, in µs.

    `started_us`: the time of day, in µs since the epoch, that market time zero has; None before the first tick.
    """

    started_us: int | None = None
    lap_us: int = 0
    rows: int = 0


class Lap:
    """Once through the files, of which the first `behind` rows are stored: how many have come, and their times so far."""

    def __init__(self, behind: int) -> None:
        self.rows = 0
        self.first_us: int | None = None
        self.last_us = 0
        self._behind = behind

    def left(self, block: FeedBatch) -> FeedBatch | None:
        """The part of the next block that is not stored, not counted yet; None where that is nothing.

        What was refused among the rows that are stored is kept already.
        """
        if len(block):
            self.first_us = int(block.ticks.time_us[0]) if self.first_us is None else self.first_us
            self.last_us = int(block.ticks.time_us[-1])
        if self.rows >= self._behind:
            return block
        known = min(self._behind - self.rows, len(block))
        self.rows += known
        return block.take(slice(known, None)) if known < len(block) else None


def contents(paths: Sequence[Path]) -> list[str] | None:
    """What tells each file from another one: its size, and a digest of both ends; None where one is no regular file."""
    told = []
    for path in paths:
        if not path.is_file():
            return None
        try:
            with path.open("rb") as file:
                size = path.stat().st_size
                ends = hashlib.sha256(file.read(LOOKED_AT))
                file.seek(max(0, size - LOOKED_AT))
                ends.update(file.read(LOOKED_AT))
        except OSError:
            return None  # the reader says what is wrong
        told.append(f"{size}-{ends.hexdigest()[:32]}")
    return told
