"""Plays CSV files as if they happened now: paced by their times, as they are dated or re-dated to now."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from db.errors import ConfigurationError
from db.market import TickBatch
from feeds.base import FeedBatch
from feeds.clock import PacedClock
from feeds.csv_merge import in_order, merged
from feeds.csv_options import CsvOptions
from feeds.csv_reader import CsvReader
from feeds.prefetch import ahead

LAP_PAUSE_US = 1_000_000
"""Market time between the last tick of a lap and the first of the next."""


class CsvReplay:
    """A feed of one or more files, merged in time order; each file must be sorted by time.

    With `shift_to_now` the first tick is dated the moment the feed starts and each other one by its distance
    from it divided by the clock's speed, so that at any speed ticks are dated when they come; this needs a
    paced clock.  `loop` begins again at the end, for ever, and needs `shift_to_now`: the same ticks under the
    same times would be the same ticks.  `wall_us` tells the time of day in µs since the epoch.
    """

    kind = "csv"

    def __init__(
        self,
        paths: Sequence[Path],
        options: CsvOptions,
        clock: PacedClock,
        *,
        shift_to_now: bool = False,
        loop: bool = False,
        wall_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        if shift_to_now and clock.speed is None:
            raise ConfigurationError(
                "--shift-to-now needs a --speed: as fast as possible, the file would end in the future"
            )
        if loop and not shift_to_now:
            raise ConfigurationError("--loop needs --shift-to-now: the same ticks twice are stored once")
        self.name = ", ".join(path.name for path in paths)
        self.readers: list[CsvReader] = []
        """Those of the lap in progress."""
        self._paths = paths
        self._options = options
        self._clock = clock
        self._shift = shift_to_now
        self._loop = loop
        self._wall_us = wall_us

    async def batches(self) -> AsyncIterator[FeedBatch]:
        """Yield ticks when they are due; raises `FileError` for a file that cannot be read or is not sorted."""
        started_us: int | None = None  # the wall clock's time at market time zero
        lap_us = 0  # market time at which the lap begins
        while True:
            self.readers = [CsvReader(path, self._options) for path in self._paths]
            blocks = merged([in_order(reader) for reader in self.readers])
            first_us: int | None = None
            last_us = 0
            async for block in ahead(blocks):
                if first_us is None and len(block):
                    first_us = int(block.ticks.time_us[0])
                    if started_us is None:
                        self._clock.start()
                        started_us = self._wall_us()
                async for batch in self._paced(block, lap_us - (first_us or 0)):
                    yield self._dated(batch, lap_us - (first_us or 0), started_us or 0)
                if len(block):
                    last_us = int(block.ticks.time_us[-1])
            if not self._loop or first_us is None:
                return
            lap_us += last_us - first_us + LAP_PAUSE_US

    async def _paced(self, block: FeedBatch, offset_us: int) -> AsyncIterator[FeedBatch]:
        """The block in pieces as they come due: each tick at market time `time_us + offset_us`."""
        due_us = block.ticks.time_us + offset_us
        rejects = block.rejects
        done = 0
        if not len(block):
            yield block
        while done < len(block):
            passed_us = self._clock.passed_us()
            ready = len(block) if passed_us is None else int(np.searchsorted(due_us, passed_us, "right"))
            if ready > done:
                yield replace(block.take(slice(done, ready)), rejects=rejects)
                done, rejects = ready, ()
            else:
                await self._clock.until(int(due_us[done]))

    def _dated(self, batch: FeedBatch, offset_us: int, started_us: int) -> FeedBatch:
        if not self._shift or self._clock.speed is None:
            return batch
        passed_us = ((batch.ticks.time_us + offset_us) / self._clock.speed).astype(np.int64)
        ticks: TickBatch = replace(batch.ticks, time_us=started_us + passed_us)
        return replace(batch, ticks=ticks)
