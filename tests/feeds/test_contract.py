"""Files and the made-up market keep to the contract of feeds, as far as it is about sources that cannot be lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tickdeck.db.market.moments import iso
from tickdeck.db.market.types import TickBatch, concat
from tickdeck.db.session import Pool
from tickdeck.feeds.base import Feed
from tickdeck.feeds.clock import PacedClock
from tickdeck.feeds.csv.options import parse_options
from tickdeck.feeds.csv.replay import CsvReplay
from tickdeck.feeds.walk.feed import RandomWalk
from tickdeck.testing.feed_contract import FeedContract, Happened

START_US = 1_700_000_000_000_000


def as_happened(ticks: TickBatch) -> list[Happened]:
    columns = (ticks.symbol, ticks.time_us, ticks.seq, ticks.price, ticks.size)
    return [Happened(*each) for each in zip(*(column.tolist() for column in columns), strict=True)]


class Walk:
    """A walk of some seconds, as fast as it is taken."""

    def feed(self, pool: Pool) -> Feed:
        return RandomWalk(PacedClock(None), START_US, symbols=5, rate=100.0, duration_us=2_000_000)

    async def happen(self, count: int) -> None:
        """All of it is there."""

    def happened(self) -> Sequence[Happened]:
        walk = RandomWalk(PacedClock(None), START_US, symbols=5, rate=100.0, duration_us=2_000_000)
        return as_happened(concat(list(walk.chunks())))

    async def spoil(self) -> str | None:
        return None


class File(Walk):
    """Those ticks as a file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ticks.csv"
        rows = [
            f"{iso(each.time_us)},{each.symbol},{each.seq},{each.price!r},{each.size!r}"
            for each in self.happened()
        ]
        self._path.write_text("time,symbol,seq,price,size\n" + "\n".join(rows) + "\n", encoding="utf-8")

    def feed(self, pool: Pool) -> Feed:
        return CsvReplay([self._path], parse_options(), PacedClock(None))


class TestWalk(FeedContract):
    test_what_is_no_tick_is_kept_with_its_text = None  # type: ignore[assignment]  # it makes none

    @asynccontextmanager
    async def source(self, folder: Path) -> AsyncIterator[Walk]:
        yield Walk()


class TestCsv(FeedContract):
    test_what_is_no_tick_is_kept_with_its_text = None  # type: ignore[assignment]  # see the tests of the reader

    @asynccontextmanager
    async def source(self, folder: Path) -> AsyncIterator[File]:
        yield File(folder)
