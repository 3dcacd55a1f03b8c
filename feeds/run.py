"""Runs a feed into the database, and says in the table `feeds` how it fares."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Final

from tickdeck.db.errors import DatabaseError
from tickdeck.db.feed_positions import read_position
from tickdeck.db.feeds_status import report_feed
from tickdeck.db.market.messages import FeedState
from tickdeck.db.session import Pool, within
from tickdeck.db.ticks.corrections import restate_ticks
from tickdeck.db.ticks.store import Conditions, TickStore
from tickdeck.feeds.base import Feed, FeedBatch, LiveFeed, Resumes
from tickdeck.feeds.rejects import RejectsFile
from tickdeck.feeds.spill import SpillSettings, opened
from tickdeck.feeds.writer import Counters, FeedWriter, GapStore, WriterLimits

HEARTBEAT_S: Final = 1.0
_FAREWELL_S: Final = 1.0


async def run_feed(
    feed: Feed,
    pool: Pool,
    rejects: RejectsFile,
    *,
    limits: WriterLimits | None = None,
    prepare: Callable[[FeedBatch], Awaitable[None]] | None = None,
    watch: Callable[[FeedWriter], None] | None = None,
    allow_negative: bool = False,
    conditions: Conditions = "auto",
    restarts: int = 0,
    spill: SpillSettings | None = None,
) -> Counters:
    """Store all that `feed` yields, until it ends; returns what became of it.

    `pool` acts as writer.  `allow_negative`: prices of 0 and below are prices.  `conditions`: how the feed's sale
    conditions are read.  `restarts`: how often the feed was started again, for the status.  `watch` is handed the writer before the first batch, to look at its counters.
    `spill`: where ticks wait on disk for a database that is away; what is there already is stored before the feed begins.
    A feed that `Resumes` goes on behind what is stored, and its transactions follow one another.
    Raises `FeedError` where the feed cannot go on and `DatabaseError` where the database refuses (one that is
    away is waited for); all that came before is stored.  Cancellation stores what is held and passes through.
    """
    source = feed.source if isinstance(feed, Resumes) else None
    limits = limits or WriterLimits()
    if source is not None:
        limits = replace(limits, lanes=1)  # a position is true once all that came before it is stored
    with opened(spill or SpillSettings(), feed.name) as spilled:
        writer = FeedWriter(
            TickStore(pool, allow_negative=allow_negative, conditions=conditions),
            rejects,
            limits=limits,
            prepare=prepare,
            gaps=GapStore(pool),
            restate=partial(
                restate_ticks, pool, actor=f"{feed.kind} feed {feed.name}", allow_negative=allow_negative
            ),
            spill=spilled,
        )
        if watch is not None:
            watch(writer)
        async with _said(pool, feed, writer, restarts), writer:
            await writer.unspilled()
            if source is not None and isinstance(feed, Resumes):
                at = await read_position(pool, feed.name, source)
                if at is not None:
                    feed.resume(at)
            await pump(feed, writer)
        return writer.counters


async def pump(feed: Feed, writer: FeedWriter) -> None:
    """Hand `writer` all that `feed` yields, until it ends."""
    async with _ending(feed.batches()) as batches:
        async for batch in batches:
            await writer.put(batch)


@asynccontextmanager
async def _said(pool: Pool, feed: Feed, writer: FeedWriter, restarts: int) -> AsyncIterator[None]:
    """The table `feeds` says that the feed runs, and in the end how it ended."""
    state: FeedState = "failed"
    detail = ""
    beating = asyncio.create_task(_beat(pool, feed, writer, restarts), name="feed heartbeat")
    try:
        yield
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
        await asyncio.wait({beating}, timeout=_FAREWELL_S)  # a server that does not answer is not waited for
        # A farewell that cannot be said is no reason to fail: the row goes stale by itself.
        with suppress(DatabaseError, TimeoutError):
            await within(_FAREWELL_S, _report(pool, feed, writer, state, detail, restarts))


@asynccontextmanager
async def _ending(batches: AsyncIterator[FeedBatch]) -> AsyncIterator[AsyncIterator[FeedBatch]]:
    """What a feed has open is closed now, and not when it is collected."""
    try:
        yield batches
    finally:
        if isinstance(batches, AsyncGenerator):
            await batches.aclose()


async def _beat(pool: Pool, feed: Feed, writer: FeedWriter, restarts: int) -> None:
    starting = True
    while True:
        with suppress(DatabaseError):
            await _report(pool, feed, writer, "running", waiting_said(writer), restarts, starting=starting)
            starting = False
        await asyncio.sleep(HEARTBEAT_S)


def facts_of(feed: Feed, writer: FeedWriter, restarts: int) -> dict[str, Any]:
    """For the column `health`: of a live feed its source, and of every feed how its ticks get on."""
    facts = asdict(feed.health()) | {"restarts": restarts} if isinstance(feed, LiveFeed) else {}
    if not facts.get("symbols"):
        facts.pop("symbols", None)  # none can be asked of it
    committed = writer.committed.quantiles_ms()
    if committed is not None:
        facts["commit_ms"] = committed
    if writer.spill:
        facts["spill"] = {"bytes": writer.spill.size, "limit": writer.spill.limit_bytes}
    return facts


def waiting_said(writer: FeedWriter) -> str:
    """What of it waits on disk, in words; empty where nothing does."""
    spill = writer.spill
    if not spill:
        return ""
    return f"{spill.ticks:,} ticks wait on disk, {spill.size / spill.limit_bytes:.0%} of their bound"


async def _report(
    pool: Pool,
    feed: Feed,
    writer: FeedWriter,
    state: FeedState,
    detail: str,
    restarts: int,
    *,
    starting: bool = False,
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
        health=facts_of(feed, writer, restarts),
        starting=starting,
    )
