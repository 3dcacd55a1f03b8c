"""Plays CSV files as if they happened now: paced by their times, as they are dated or re-dated to now."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from tickdeck.db.errors import ConfigurationError
from tickdeck.db.feed_positions import FeedPosition
from tickdeck.db.market.moments import iso
from tickdeck.db.market.types import MAX_TIME_US, MIN_TIME_US, TickBatch
from tickdeck.feeds.base import NO_TICKS, FeedBatch, ahead
from tickdeck.feeds.clock import PacedClock
from tickdeck.feeds.csv.bytes import members_of
from tickdeck.feeds.csv.merge import in_order, merged
from tickdeck.feeds.csv.options import CsvOptions
from tickdeck.feeds.csv.place import Lap, Place, contents
from tickdeck.feeds.csv.reader import CsvReader

LAP_PAUSE_US = 1_000_000
"""Market time between the last tick of a lap and the first of the next."""
SAID_WAIT_S = 60.0
"""A longer wait for the next tick is said in the log."""

log = structlog.get_logger(__name__)


class CsvReplay:
    """A feed of one or more files, merged in time order; each file must be sorted by time.

    With `shift_to_now` the first tick is dated the moment the feed starts and each other one by its distance
    from it divided by the clock's speed, so that at any speed ticks are dated when they come; this needs a
    paced clock.  `loop` begins again at the end, for ever, and needs `shift_to_now`: the same ticks under the
    same times would be the same ticks.  What is dated before `since_us` is refused, and paces nothing.  `wall_us` tells
    the time of day in µs since the epoch.

    A paced feed that is stopped or killed goes on where it was, see `feeds.base.Resumes`: with the first row that is not
    stored, and the same shift.  What should have come meanwhile comes at once then.  `from_start`: it begins anew.
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
        from_start: bool = False,
        since_us: int = MIN_TIME_US,
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
        self._from_start = from_start
        self._since_us = since_us
        self._wall_us = wall_us
        self._contents = None if clock.speed is None else contents(paths)
        self._place = Place()
        self._negative: frozenset[str] = frozenset()

    def allow_negative(self, symbols: frozenset[str]) -> None:
        """Take prices of 0 and below of these; before anything is read."""
        self._negative = symbols

    @property
    def source(self) -> str | None:
        """The files; None where they are not paced, for then reading them again is quick, or are no regular ones."""
        return None if self._contents is None else ", ".join(str(path.absolute()) for path in self._paths)

    def resume(self, at: Mapping[str, Any]) -> None:
        """Go on behind the rows that are stored, if files and options are what they were."""
        if self._from_start:
            return
        changed = [name for name, value in self._facts().items() if at.get(name) != value]
        if changed:
            log.warning("feed_begins_anew", feed=self.name, reason=f"not as it was: {', '.join(changed)}")
            return
        self._place = Place(**at["place"])
        shift = {} if self._place.started_us is None else {"first_dated": iso(self._place.started_us)}
        log.warning(
            "feed_goes_on", feed=self.name, behind_rows=self._place.rows, **shift, otherwise="--from-start"
        )

    async def batches(self) -> AsyncIterator[FeedBatch]:
        """Yield ticks when they are due; raises `FileError` for a file that cannot be read or is not sorted."""
        started_us = self._place.started_us  # the wall clock's time at market time zero
        lap_us = self._place.lap_us  # market time at which the lap begins
        behind = self._place.rows
        runs = False
        while True:
            self.readers = [
                CsvReader(path, self._options, member) for path in self._paths for member in members_of(path)
            ]
            for reader in self.readers:
                reader.allow_negative(self._negative)
            blocks = merged([in_order(reader) for reader in self.readers])
            lap = Lap(behind)
            async for read in ahead(blocks):
                block = lap.left(self._without_old(read))
                if block is None:
                    continue
                offset_us = lap_us - (lap.first_us or 0)
                if len(block) and not runs:
                    runs = True
                    started_us = self._wall_us() if started_us is None else started_us
                    self._start_clock(started_us, int(block.ticks.time_us[0]) + offset_us)
                async for batch in self._paced(block, offset_us):
                    lap.rows += len(batch)
                    yield replace(
                        self._dated(batch, offset_us, started_us or 0),
                        position=self._position(Place(started_us, lap_us, lap.rows)),
                    )
            if not self._loop or lap.first_us is None:
                break
            lap_us += lap.last_us - lap.first_us + LAP_PAUSE_US
            behind = 0
        if self._contents is not None:
            yield FeedBatch(NO_TICKS, position=self._position(None))

    def _start_clock(self, started_us: int, due_us: int) -> None:
        """Market time is what it would be if nothing had been missed; of ticks that keep their dates, that of the next one."""
        if self._shift and self._place.started_us is not None and self._clock.speed is not None:
            self._clock.start(int((self._wall_us() - started_us) * self._clock.speed))
        else:
            self._clock.start(due_us)

    def _facts(self) -> dict[str, Any]:
        """What a place in the files is of."""
        return {
            "contents": self._contents,
            "options": self._options.digest(),
            "speed": self._clock.speed,
            "shift": self._shift,
            "since": self._since_us,
        }

    def _position(self, place: Place | None) -> FeedPosition | None:
        if self.source is None:
            return None
        return FeedPosition(
            self.name, self.source, None if place is None else self._facts() | {"place": asdict(place)}
        )

    def _without_old(self, block: FeedBatch) -> FeedBatch:
        """The block with what is dated too early among its rejects: a single row of 1970 would be waited for for decades."""
        old = block.ticks.time_us < self._since_us
        if not old.any() or block.origins is None:
            return block
        reason = f"lies too far back: before {iso(self._since_us)} (TICKDECK_TICKS_SINCE)"
        refused = tuple(
            block.origins.reject(row, "time", f"{iso(int(block.ticks.time_us[row]))} {reason}")
            for row in np.flatnonzero(old).tolist()
        )
        return replace(block.take(~old), rejects=(*block.rejects, *refused))

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
                wait_s = (int(due_us[done]) - (passed_us or 0)) / 1_000_000 / (self._clock.speed or 1.0)
                if wait_s > SAID_WAIT_S:
                    log.warning(
                        "feed_waits",
                        feed=self.name,
                        next_tick=iso(int(block.ticks.time_us[done])),
                        until=iso(min(self._wall_us() + round(wait_s * 1_000_000), MAX_TIME_US - 1)),
                    )
                await self._clock.until(int(due_us[done]))

    def _dated(self, batch: FeedBatch, offset_us: int, started_us: int) -> FeedBatch:
        if not self._shift or self._clock.speed is None:
            return batch
        passed_us = ((batch.ticks.time_us + offset_us) / self._clock.speed).astype(np.int64)
        ticks: TickBatch = replace(batch.ticks, time_us=started_us + passed_us)
        return replace(batch, ticks=ticks)
