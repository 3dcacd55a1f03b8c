"""`tickdeck bench exchange`: from an event of a local exchange to the painted cell, and what becomes of trades under cuts.

The local exchange speaks as Binance does (`tests/exchanges`); feed and dashboard are the real ones, a process each.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from playwright.async_api import async_playwright

from bench.browser.page import dashboard, launch, script
from bench.browser.painted import lone_ticks, spread
from bench.machine import machine
from bench.report import Row, report
from bench.scratch import scratch_database
from tests.exchanges.binance import LocalBinance
from tests.exchanges.storm import Outcome, cut_each, storm
from tickdeck.db.session import open_pool
from tickdeck.testing.feed_contract import until

PAIR: Final = "BTC/USDT"
SYMBOL: Final = f"BINANCE:{PAIR}"
EVENTS: Final = 100
EVERY_S: Final = 0.25
CUT_EACH_S: Final = 5
"""All connections are cut without a close frame, this often."""


def run(url: str, *, as_json: bool, rate: float, seconds: float) -> list[Row]:
    """Measure on the server at `url`, in databases that are dropped again; print and return the rows.

    `rate` trades a second for `seconds`, with cuts.  Raises `NoBrowserError`.
    """
    with scratch_database(url) as scratch:
        rows = [asyncio.run(_painted(scratch))]
        facts = machine(scratch)
    with scratch_database(url) as scratch:
        rows.append(_row(asyncio.run(_under_cuts(scratch, rate, seconds)), rate, seconds))
    report("exchange", facts, rows, as_json=as_json)
    return rows


async def _painted(url: str) -> Row:
    """Ms from the moment a trade happens on the exchange to the frame that shows its price in the watchlist."""
    async with (
        LocalBinance([PAIR]) as local,
        _feed(url, local.url),
        dashboard(url) as address,
        async_playwright() as playwright,
    ):
        await until(lambda: any(client.symbols for client in local.clients))
        await local.trade()
        browser = await launch(playwright)

        async def happen(price: float) -> float:
            began = time.monotonic()
            await local.trade_at(PAIR, Decimal(str(price)))
            return began

        took = await lone_ticks(
            browser, address, happen, SYMBOL, EVENTS, EVERY_S, script("hook.js"), chart_drawn=False
        )
        await browser.close()
    return {"case": "exchange event painted", **spread(took)}


@asynccontextmanager
async def _feed(database: str, exchange: str) -> AsyncIterator[None]:
    with TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tickdeck.app.cli.child", "feed", "binance", PAIR, "--url", exchange,
            env={**os.environ, "DATABASE_URL": database, "TICKDECK_DATA_DIR": folder, "TICKDECK_LOG_LEVEL": "warning"},
        )  # fmt: skip
        try:
            yield
        finally:
            process.terminate()
            await process.wait()


async def _under_cuts(url: str, rate: float, seconds: float) -> Outcome:
    async with await open_pool(url, role="writer", size=4) as pool:
        with TemporaryDirectory() as folder:
            return await storm(
                "binance", pool, Path(folder),
                lambda local, _: cut_each(local, rate=rate, minutes=seconds / 60, every=int(rate * CUT_EACH_S)),
            )  # fmt: skip


def _row(outcome: Outcome, rate: float, seconds: float) -> Row:
    before, after = outcome.memory_mb
    return {
        "case": f"{rate:g} trades/s for {seconds:g} s",
        "trades": outcome.trades,
        "cuts": outcome.cuts,
        "filled": outcome.filled,
        "missing": outcome.lost + outcome.in_gaps,
        "doubled": outcome.doubled,
        "lag_p50_ms": outcome.lag_p50_ms,
        "lag_p99_ms": outcome.lag_p99_ms,
        "memory_mb": f"{before} → {after}",
    }
