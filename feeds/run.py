"""Runs a feed into the database, and says in the table `feeds` how it fares."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from db.errors import DatabaseError
from db.feeds_status import report_feed
from db.messages import FeedState
from db.pool import Pool
from db.ticks import TickStore
from feeds.base import Feed, FeedBatch
from feeds.rejects import RejectsFile
from feeds.writer import Counters, FeedWriter, WriterLimits

HEARTBEAT_S: Final = 2.0
_FAREWELL_S: Final = 3.0


async def run_feed(
    feed: Feed,
    pool: Pool,
    rejects: RejectsFile,
    *,
    limits: WriterLimits | None = None,
    prepare: Callable[[FeedBatch], Awaitable[None]] | None = None,
    watch: Callable[[FeedWriter], None] | None = None,
) -> Counters:
    """Store all that `feed` yields, until it ends; returns what became of it.

    `pool` acts as writer.  `watch` is handed the writer before the first batch, to look at its counters.
    Raises `FeedError` where the feed cannot go on and `DatabaseError` where the database refuses (one that is
    away is waited for); all that came before is stored.  Cancellation stores what is held and passes through.
    """
    writer = FeedWriter(TickStore(pool), rejects, limits=limits, prepare=prepare)
    if watch is not None:
        watch(writer)
    state: FeedState = "failed"
    detail = ""
    beating = asyncio.create_task(_beat(pool, feed, writer), name="feed heartbeat")
    try:
        async with writer:
            async for batch in feed.batches():
                await writer.put(batch)
        state = "ended"
    except asyncio.CancelledError:
        state = "ended"
        detail = "stopped"
        raise
    except Exception as exc:
        detail = str(exc)
        raise
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
        # A farewell that cannot be said is no reason to fail: the row goes stale by itself.
        with suppress(DatabaseError, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await _report(pool, feed, writer, state, detail)
    return writer.counters


async def _beat(pool: Pool, feed: Feed, writer: FeedWriter) -> None:
    starting = True
    while True:
        with suppress(DatabaseError):
            await _report(pool, feed, writer, "running", "", starting=starting)
            starting = False
        await asyncio.sleep(HEARTBEAT_S)


async def _report(
    pool: Pool, feed: Feed, writer: FeedWriter, state: FeedState, detail: str, *, starting: bool = False
) -> None:
    counters = writer.counters
    await report_feed(
        pool,
        feed.name,
        kind=feed.kind,
        state=state,
        detail=detail,
        stored=counters.stored,
        rejected=counters.rejected,
        starting=starting,
    )
