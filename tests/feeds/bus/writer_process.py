"""A writer in a process of its own; with a third argument it kills itself between a commit and its acknowledgement."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tickdeck.db.feed_positions import FeedPosition
from tickdeck.db.market.types import TickBatch
from tickdeck.db.session import open_pool
from tickdeck.db.ticks.store import TickStore, Written
from tickdeck.feeds.bus.connection import Bus
from tickdeck.feeds.bus.ingest import BusFeed
from tickdeck.feeds.bus.settings import BusSettings, address_of
from tickdeck.feeds.rejects import RejectsFile
from tickdeck.feeds.writer import FeedWriter, WriterLimits


class DyingStore(TickStore):
    """The real store; with so many commits the process is over."""

    commits = 0

    async def write(self, batch: TickBatch, position: FeedPosition | None = None) -> Written:
        written = await super().write(batch, position)
        self.commits -= 1
        if self.commits == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return written


async def run(database: str, server: str, commits: int) -> None:
    pool = await open_pool(database, role="writer", size=4)
    settings = BusSettings()
    store = DyingStore(pool)
    store.commits = commits
    rejects = RejectsFile(Path(os.devnull))
    limits = WriterLimits(lanes=1, flush_ticks=500)  # small: so the end comes while there is much left
    async with (
        BusFeed(Bus(address_of(server, settings), settings, name="test"), pool) as feed,
        FeedWriter(store, rejects, limits=limits) as writer,
    ):
        print("runs", flush=True)  # noqa: T201 - for who waits
        async for batch in feed.batches():
            await writer.put(batch)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0))
