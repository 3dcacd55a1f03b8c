"""`tickdeck load` of a gzip CSV, parsing and all, against a bare COPY of the same ticks from memory."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

import asyncpg
import pandas as pd

from bench.ingest.bare import bare_copy
from bench.ingest.ticks import made_up, real_day
from bench.report import Row
from tickdeck.db.market.types import TickBatch
from tickdeck.db.registering import Registrar
from tickdeck.db.session import Pool
from tickdeck.feeds.csv.load import CsvLoad
from tickdeck.feeds.csv.options import CsvOptions
from tickdeck.feeds.rejects import RejectsFile
from tickdeck.feeds.run import run_feed
from tickdeck.feeds.writer import BULK

MADE_UP_TICKS: Final = 200_000
BATCH: Final = 10_000
ROUNDS: Final = 3


async def load_row(admin: asyncpg.Connection, pool: Pool, bare: asyncpg.Pool, day: Path | None) -> Row:
    """Load `day`, or a file of made-up ticks where there is none; `pool` acts as writer."""
    with tempfile.TemporaryDirectory() as folder:
        if day is None:
            file = Path(folder) / "ticks.csv.gz"
            ticks = made_up(MADE_UP_TICKS, 100, seed=0)
            _as_csv(ticks, file)
        else:
            file = day
            ticks = real_day(day, 10_000_000)
        rates: dict[str, list[float]] = {"load": [], "bare": []}
        copy = bare_copy(bare)
        for number in range(ROUNDS + 1):
            for way in ("load", "bare") if number % 2 else ("bare", "load"):
                await admin.execute("truncate ticks, candles, stale_hours, bare_ticks")
                began = time.perf_counter()
                if way == "load":
                    await _load(file, pool, Path(folder) / "rejects.csv")
                else:
                    for batch in ticks.chunks(BATCH):
                        await copy(batch)
                if number:  # the round before the first warms up
                    rates[way].append(len(ticks) / (time.perf_counter() - began))
    ratios = sorted(load / plain for load, plain in zip(rates["load"], rates["bare"], strict=True))
    return {
        "ticks": "made up" if day is None else "real day",
        "symbols": len(set(ticks.symbol)),
        "batch": BULK.flush_ticks,
        "writers": 1,
        "in_flight": BULK.lanes,
        "path": "tickdeck load of a gzip CSV",
        "ticks_per_s": round(statistics.median(rates["load"])),
        "baseline": "bare COPY",
        "baseline_ticks_per_s": round(statistics.median(rates["bare"])),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_low": round(ratios[0], 3),
        "ratio_high": round(ratios[-1], 3),
    }


async def _load(file: Path, pool: Pool, rejects_file: Path) -> None:
    feed = CsvLoad([file], CsvOptions())
    with RejectsFile(rejects_file) as rejects:
        registrar = Registrar(pool, None)
        await run_feed(feed, pool, rejects, limits=BULK, prepare=lambda batch: registrar.see(batch.ticks))
    if feed.failures or rejects.count:
        raise RuntimeError(f"{file} was not loaded whole")


def _as_csv(ticks: TickBatch, file: Path) -> None:
    frame = pd.DataFrame(
        {
            "time": pd.to_datetime(ticks.time_us, unit="us", utc=True).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "symbol": ticks.symbol,
            "seq": ticks.seq,
            "price": ticks.price,
            "size": ticks.size,
            "bid": ticks.bid,
            "ask": ticks.ask,
        }
    )
    frame.to_csv(file, index=False)
