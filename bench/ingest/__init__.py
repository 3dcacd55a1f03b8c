"""`tickdeck bench ingest`: ticks/s of the whole write path against a bare COPY of the same rows.

The whole path is `TickStore.write`: validation, duplicates, candles, messages.  The bare COPY is the same binary
stream from the same encoder into the same hypertable with the same unique index and nothing else.  Both are
timed from the batch in memory to the commit, by turns, on the same ticks.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg

from bench.ingest.bare import Write, bare_copy
from bench.ingest.load import load_row
from bench.ingest.ticks import made_up, real_day
from bench.machine import machine
from bench.report import Row, report
from bench.scratch import scratch_database
from tickdeck.db.market.types import TickBatch, from_us
from tickdeck.db.session import Pool, open_pool
from tickdeck.db.ticks.copy import COLUMNS
from tickdeck.db.ticks.store import TickStore
from tickdeck.db.url import libpq_url

ROUNDS: Final = 5
BATCHES: Final = (100, 1_000, 10_000)
TICKS: Final = {100: 10_000, 1_000: 40_000, 10_000: 80_000}
"""How many ticks one round stores at each size of batch."""
HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    ticks: str
    symbols: int
    batch: int
    writers: int
    in_flight: int = 1
    """Batches each writer sends before the first is answered: feeds send two, the bare COPY always one."""


def run(url: str, *, as_json: bool, day: Path | None = None, rounds: int = ROUNDS) -> list[Row]:
    """Measure on the server at `url`, in a database that is dropped again; print and return the rows.

    `day`: a file of real trades; without it those rows are left out.
    """
    with scratch_database(url) as scratch:
        facts = machine(scratch)
        rows = asyncio.run(_measure(scratch, day, rounds, community=facts["edition"] == "timescale"))
    report("ingest", facts, rows, as_json=as_json)
    return rows


async def _measure(url: str, day: Path | None, rounds: int, *, community: bool) -> list[Row]:
    admin = await asyncpg.connect(libpq_url(url))
    await admin.execute((HERE / "record.sql").read_text(encoding="utf-8"))
    pool = await open_pool(url, role="writer", size=4)
    bare = await asyncpg.create_pool(libpq_url(url), min_size=4, max_size=4)
    try:
        cases = [
            Case("made up", symbols, batch, writers)
            for symbols in (100, 5_000)
            for writers in (1, 4)
            for batch in BATCHES
        ]
        cases += [Case("made up", symbols, batch, 1, 2) for symbols in (100, 5_000) for batch in BATCHES[1:]]
        real = None
        if day is not None:
            cases += [Case("real day", 4, batch, 1) for batch in BATCHES]
            real = real_day(day, max(TICKS.values()) + max(BATCHES))
        whole, plain = _whole_path(pool), bare_copy(bare)
        rows = [await _compare(admin, case, real, rounds, whole, plain) for case in cases]
        for batch in BATCHES[1:]:
            row = await _compare(
                admin, Case("made up", 100, batch, 1), None, rounds, _record_copy(bare), plain
            )
            rows.append(row | {"path": "bare copy_records_to_table"})
        rows.append(await load_row(admin, pool, bare, day))
        if community:
            await admin.execute((HERE / "aggregate.sql").read_text(encoding="utf-8"))
            for batch in BATCHES[1:]:
                case = Case("made up", 100, batch, 1)
                row = await _compare(admin, case, real, rounds, _aggregated(bare), plain)
                rows.append(row | {"path": "continuous aggregate, refreshed each batch"})
    finally:
        await pool.close()
        await bare.close()
        await admin.close()
    return rows


async def _compare(
    admin: asyncpg.Connection, case: Case, real: TickBatch | None, rounds: int, path: Write, bare: Write
) -> Row:
    rates: dict[Write, list[float]] = {path: [], bare: []}
    for number in range(rounds + 1):
        ticks = TICKS[case.batch] + case.batch
        if case.ticks == "real day" and real is not None:
            offered = real.take(slice(0, ticks))
        else:
            offered = made_up(ticks, case.symbols, seed=number)
        batches = [*offered.chunks(case.batch)]
        for write in (path, bare) if number % 2 else (bare, path):
            await admin.execute("truncate ticks, candles, stale_hours, bare_ticks")
            await write(batches[0])  # makes the chunks, once a day
            at_once = case.writers * (case.in_flight if write is path else 1)
            seconds = await _timed(write, batches[1:], at_once)
            if number:  # the round before the first warms up
                rates[write].append((len(offered) - case.batch) / seconds)
    ratios = sorted(whole / plain for whole, plain in zip(rates[path], rates[bare], strict=True))
    return {
        "ticks": case.ticks,
        "symbols": case.symbols,
        "batch": case.batch,
        "writers": case.writers,
        "in_flight": case.in_flight,
        "path": "tickdeck",
        "ticks_per_s": round(statistics.median(rates[path])),
        "baseline": "bare COPY",
        "baseline_ticks_per_s": round(statistics.median(rates[bare])),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_low": round(ratios[0], 3),
        "ratio_high": round(ratios[-1], 3),
    }


async def _timed(write: Write, batches: Sequence[TickBatch], at_once: int) -> float:
    """Seconds until all batches are written, `at_once` at a time, each taking every so many-th."""

    async def writer(number: int) -> None:
        for batch in batches[number::at_once]:
            await write(batch)

    started = time.perf_counter()
    await asyncio.gather(*(writer(number) for number in range(at_once)))
    return time.perf_counter() - started


def _whole_path(pool: Pool) -> Write:
    return TickStore(pool).write


def _record_copy(pool: asyncpg.Pool) -> Write:
    """The driver's usual way of a bare COPY, which encodes value by value."""

    async def write(batch: TickBatch) -> Any:
        numbers = (batch.seq, batch.price, batch.size, batch.bid, batch.ask)
        records = zip(
            map(from_us, batch.time_us.tolist()), batch.symbol.tolist(), *(each.tolist() for each in numbers),
            strict=True,
        )  # fmt: skip
        return await pool.copy_records_to_table("bare_ticks", records=records, columns=COLUMNS[:7])

    return write


def _aggregated(pool: asyncpg.Pool) -> Write:
    copy = bare_copy(pool)
    minute_us = 60_000_000

    async def write(batch: TickBatch) -> None:
        await copy(batch)
        first_us, last_us = int(batch.time_us.min()), int(batch.time_us.max())
        await pool.execute(
            "call refresh_continuous_aggregate('bare_candles', $1::timestamptz, $2::timestamptz)",
            from_us(first_us - first_us % minute_us),
            from_us(last_us - last_us % minute_us + minute_us),
        )

    return write
