"""Runs a live feed: in the order of its batches, with the symbols that are asked for while it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol, runtime_checkable

import structlog

from tickdeck.db.candles.imported import list_imported, store_bars
from tickdeck.db.errors import DatabaseError
from tickdeck.db.feed_gaps import close_filled_gaps
from tickdeck.db.feeds_status import forget_wanted_symbols, wanted_symbols
from tickdeck.db.instruments import describe_instruments
from tickdeck.db.market.bars import Bar, bar_fault, bucket_of_bar
from tickdeck.db.market.types import MAX_TIME_US, Instrument
from tickdeck.db.session import Pool
from tickdeck.feeds.base import Feed
from tickdeck.feeds.rejects import RejectsFile
from tickdeck.feeds.run import run_feed
from tickdeck.feeds.spill import SpillSettings
from tickdeck.feeds.writer import Counters, FeedWriter, WriterLimits

IN_ORDER: Final = WriterLimits(lanes=1)
"""What is stored is always all that came up to some moment: after a crash a feed goes on from the newest tick."""
LOOK_S: Final = 1.0
INSTRUMENTS_S: Final = 24 * 3600.0
TRY_AGAIN_S: Final = 30.0
GAPS_S: Final = 60.0

log = structlog.get_logger(__name__)


@runtime_checkable
class TellsInstruments(Protocol):
    """A feed whose source knows its instruments."""

    async def instruments(self) -> list[Instrument]:
        """Those of its symbols; none where the source cannot be asked now."""
        ...


@runtime_checkable
class TakesSymbols(Protocol):
    """A feed whose symbols may change while it runs."""

    async def watch(self, pairs: Sequence[str]) -> None:
        """Have these, and no others, from now on."""
        ...


@runtime_checkable
class TellsCandles(TellsInstruments, Protocol):
    """A feed whose source has candles of the time before."""

    @property
    def instrument_symbols(self) -> tuple[str, ...]:
        """The symbols that it has now."""
        ...

    async def candles(self, symbol: str) -> list[Bar] | None:
        """Those of one of its symbols; None where the source cannot be asked now."""
        ...


async def run_live(
    feed: Feed,
    pool: Pool,
    rejects: RejectsFile,
    *,
    restarts: int = 0,
    watch: Callable[[FeedWriter], None] | None = None,
    spill: SpillSettings | None = None,
) -> Counters:
    """As `run_feed`, for a feed that is plugged in.

    `restarts`: how often it failed and was started again; the symbols that were asked for while it ran are then asked
    for again.
    """
    if restarts == 0:
        await forget_wanted_symbols(pool, feed.name)
    beside = [asyncio.create_task(_close_gaps(pool))]
    if isinstance(feed, TellsInstruments):
        beside.append(asyncio.create_task(_keep_instruments(feed, pool)))
    if isinstance(feed, TellsCandles):
        beside.append(asyncio.create_task(_import_candles(feed.name, feed, pool)))
    if isinstance(feed, TakesSymbols):
        beside.append(asyncio.create_task(_follow_symbols(feed.name, feed, pool)))
    try:
        return await run_feed(
            feed, pool, rejects, limits=IN_ORDER, watch=watch, restarts=restarts, spill=spill
        )
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)


async def _keep_instruments(feed: TellsInstruments, pool: Pool) -> None:
    """Store what the source knows, once a day; what is stored of them besides stays."""
    stored: list[Instrument] = []
    while True:
        found = await feed.instruments()
        try:
            if found and found != stored:
                await describe_instruments(pool, found)
                stored = found
        except DatabaseError as exc:
            log.warning("instruments_not_stored", reason=str(exc))
        await asyncio.sleep(INSTRUMENTS_S if found else LOOK_S if not stored else TRY_AGAIN_S)


async def _import_candles(name: str, feed: TellsCandles, pool: Pool) -> None:
    """Give each symbol that has none of them the source's candles, once."""
    done: set[str] = set()
    while True:
        with suppress(DatabaseError):
            for symbol in set(feed.instrument_symbols) - done:
                if any(each.source == name for each in await list_imported(pool, symbol)):
                    done.add(symbol)
            waiting = [symbol for symbol in feed.instrument_symbols if symbol not in done]
            zones = {each.symbol: each.days for each in await feed.instruments()} if waiting else {}
            for symbol in waiting:
                bars = await feed.candles(symbol) if symbol in zones else None
                if bars is not None:
                    await _store_candles(name, symbol, bars, zones[symbol], pool)
                    done.add(symbol)
        await asyncio.sleep(LOOK_S if done.issuperset(feed.instrument_symbols) else TRY_AGAIN_S)


async def _store_candles(name: str, symbol: str, bars: Sequence[Bar], zone: str, pool: Pool) -> None:
    """Store those that are good and have ended; say how many are not good."""
    now_us = time.time_ns() // 1000
    good, faults = [], []
    for bar in bars:
        fault = bar_fault(bar, zone, MAX_TIME_US)
        if fault is not None:
            faults.append(fault[1])
        elif bucket_of_bar(bar, zone).end_us <= now_us:
            good.append(bar)
    stored = await store_bars(pool, good, zone, name)
    if bars:
        log.info("candles_imported", feed=name, symbol=symbol, candles=stored.stored)
    if faults:
        log.warning("candles_refused", feed=name, symbol=symbol, candles=len(faults), reason=faults[0])


async def _follow_symbols(name: str, feed: TakesSymbols, pool: Pool) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        with suppress(DatabaseError):
            wanted = await wanted_symbols(pool, name)
            if wanted is not None:
                await feed.watch(wanted)


async def _close_gaps(pool: Pool) -> None:
    """A file may have brought what a gap misses."""
    while True:
        with suppress(DatabaseError):
            await close_filled_gaps(pool)
        await asyncio.sleep(GAPS_S)
