"""Several files in one order of time, without reading any of them whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from tickdeck.db.market.types import from_us
from tickdeck.feeds.base import NO_TICKS, FeedBatch, join
from tickdeck.feeds.csv.reader import CsvReader
from tickdeck.feeds.errors import FileError


def in_order(reader: CsvReader) -> Iterator[FeedBatch]:
    """The batches of a file that is sorted by time; raises `FileError` naming the first line that is not."""
    latest, latest_line = -1, 0
    for batch in reader:
        time_us = batch.ticks.time_us
        if len(time_us) and batch.origins is not None:
            before = np.concatenate([[latest], time_us[:-1]])
            late = np.flatnonzero(time_us < before)
            if len(late):
                place = int(late[0])
                if place:
                    latest_line = batch.origins.line(place - 1)
                yield replace(batch.take(slice(place)), rejects=batch.rejects)
                raise FileError(
                    reader.file,
                    f"{_shown(time_us[place])} is before {_shown(before[place])} of line {latest_line}: a feed "
                    "needs files sorted by time (`tickdeck load` takes them in any order)",
                    line=batch.origins.line(place),
                    field="time",
                )
            latest, latest_line = int(time_us[-1]), batch.origins.line(len(time_us) - 1)
        yield batch


def merged(sources: Sequence[Iterator[FeedBatch]]) -> Iterator[FeedBatch]:
    """The ticks of all `sources`, each sorted by time, in order of time; ties by source, then as they came.

    Holds about one batch of each source.  Where a source raises, what comes before is yielded first.
    """
    if len(sources) == 1:
        yield from sources[0]
        return
    heads = [_Head(source) for source in sources]
    while True:
        for head in heads:
            head.fill()
        # A source that goes on may bring more ticks of its newest time: only what is older can go out.
        limits = [head.newest() for head in heads if not head.ended]
        limit = min(limits) if limits else None
        parts = [head.take_before(limit) for head in heads]
        parts = [part for part in parts if len(part) or part.rejects]
        if parts:
            batch = join(parts)
            order = np.argsort(batch.ticks.time_us, kind="stable")
            yield replace(batch.take(order), rejects=batch.rejects)
        if limit is None:
            break
        for head in heads:
            if not head.ended and head.newest() == limit:
                head.read_more()
    for head in heads:
        if head.failure is not None:
            raise head.failure


class _Head:
    """What has been read of one source and not gone out."""

    def __init__(self, source: Iterator[FeedBatch]) -> None:
        self._source = source
        self._held: list[FeedBatch] = []
        self.ended = False
        self.failure: FileError | None = None

    def fill(self) -> None:
        """Hold at least one tick, or have ended."""
        while not self.ended and not any(map(len, self._held)):
            self.read_more()

    def read_more(self) -> None:
        try:
            self._held.append(next(self._source))
        except StopIteration:
            self.ended = True
        except FileError as exc:
            self.ended = True
            self.failure = exc

    def newest(self) -> int:
        return int(next(batch for batch in reversed(self._held) if len(batch)).ticks.time_us[-1])

    def take_before(self, limit: int | None) -> FeedBatch:
        """All that is held and older than `limit` (None: all), and every reject."""
        if not self._held:
            return FeedBatch(NO_TICKS)
        batch = join(self._held)
        if limit is None:
            self._held = []
            return batch
        count = int(np.searchsorted(batch.ticks.time_us, limit))
        self._held = [batch.take(slice(count, None))]
        return replace(batch.take(slice(count)), rejects=batch.rejects)


def _shown(time_us: int) -> str:
    return from_us(int(time_us)).isoformat().replace("+00:00", "Z")
