"""What must hold of the chart: a frame with five indicators, the first view, a profile of a million ticks, and nothing that grows."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode
from urllib.request import urlopen

import numpy as np
from playwright.async_api import Browser

from bench.browser.chart import DELIVER, OURS, PERIOD_MS, recorded, show
from bench.browser.market import CHARTED, Market
from bench.browser.page import SIZE, Metered
from bench.report import Row
from tickdeck.db.market.types import TickBatch
from tickdeck.db.orderflow import OrderFlowBuilder
from tickdeck.db.session import Pool, open_pool
from tickdeck.db.ticks.store import TickStore

FIVE: Final = ("ema(20)", "bollinger", "rsi", "macd", "vwap")
PROFILED: Final = "PROFILED"
PROFILED_TICKS: Final = 1_000_000
FIRST_US: Final = 1_700_000_000_000_000
FRAMES_S: Final = 1.2


async def indicator_frames(page: Metered, market: Market, rounds: int) -> list[Row]:
    """Main-thread ms of a chart frame of 1m at 500 candles with five indicators."""
    kept = json.dumps([{"id": each, "colors": []} for each in FIVE])
    await page.page.evaluate("(kept) => localStorage.setItem('tickdeck.indicators', kept)", kept)
    found = []
    try:
        await show(page, "1m")
        for number in range(rounds + 1):
            frames = await recorded(page, market, FRAMES_S, "chart")
            spent_ms = await page.spent_ms(DELIVER, [frames, PERIOD_MS])
            if number:
                found.append(spent_ms / len(frames))
    finally:
        await page.page.evaluate("localStorage.removeItem('tickdeck.indicators')")
    return [
        {
            "case": "chart frame, 1m, five indicators", "way": OURS, "rounds": rounds,
            "ms": round(statistics.median(found), 2), "ms_low": round(min(found), 2), "ms_high": round(max(found), 2),
            "bound_ms": 8,
        }
    ]  # fmt: skip


async def first_view(browser: Browser, address: str) -> Row:
    """Bytes as they came and seconds until the chart is drawn, of a browser that has nothing."""
    context = await browser.new_context(viewport=SIZE)  # type: ignore[arg-type]
    try:
        page = await context.new_page()
        session = await context.new_cdp_session(page)
        await session.send("Network.enable")
        came: list[float] = []
        session.on("Network.loadingFinished", lambda event: came.append(event["encodedDataLength"]))
        began = time.monotonic()
        await page.goto(f"{address}/?symbol={CHARTED}&interval=1m")
        await page.wait_for_selector(f'#chart-panel[data-drawn="{CHARTED} 1m"]')
        took_s = time.monotonic() - began
        await page.wait_for_load_state("networkidle")
        return {
            "case": "first view", "way": OURS, "mb": round(sum(came) / 1e6, 2), "bound_mb": 1.4,
            "seconds": round(took_s, 2), "bound_s": 3,
        }  # fmt: skip
    finally:
        await context.close()


async def profile(url: str, pool: Pool, address: str) -> list[Row]:
    """Milliseconds of `/api/profile` over a million ticks of two hours: not folded yet, and folded."""
    await _store_million(pool)
    end_us = FIRST_US + 2 * 3_600_000_000
    asked = urlencode({"symbol": PROFILED, "start": _iso(FIRST_US), "end": _iso(end_us), "step": "0.05"})

    async def median_ms(times: int) -> float:
        took = []
        for _ in range(times):
            began = time.monotonic()
            await asyncio.to_thread(_get, f"{address}/api/profile?{asked}")
            took.append(1000 * (time.monotonic() - began))
        return round(statistics.median(took), 1)

    unfolded = await median_ms(3)
    reader = await open_pool(url, role="reader", size=1)
    try:
        await OrderFlowBuilder(reader).drain(FIRST_US - 3_600_000_000, end_us + 3_600_000_000)
    finally:
        await reader.close()
    first = await median_ms(1)
    warm = await median_ms(9)
    return [
        {"case": "profile, 1M ticks", "way": "not folded yet", "answer_ms": unfolded, "bound_ms": 300},
        {"case": "profile, 1M ticks", "way": "folded, first", "answer_ms": first, "bound_ms": 300},
        {"case": "profile, 1M ticks", "way": "folded, again", "answer_ms": warm, "bound_ms": 30},
    ]


async def growth(page: Metered, market: Market, minutes: float) -> Row:
    """Heap and listeners of the live page at 1,000 ticks/s: after the first fifth of the time, and at its end."""
    await show(page, "1m")
    await market.trade(minutes * 12)
    heap, listeners = await page.size()
    await market.trade(minutes * 48)
    later_heap, later_listeners = await page.size()
    return {
        "case": f"{minutes:g} minutes at 1,000 ticks/s", "way": OURS,
        "heap_mb": round(later_heap / 1e6, 1), "heap_mb_before": round(heap / 1e6, 1),
        "listeners": later_listeners, "listeners_before": listeners,
    }  # fmt: skip


async def _store_million(pool: Pool) -> None:
    random = np.random.default_rng(3)
    store = TickStore(pool)
    part = 50_000
    for first in range(0, PROFILED_TICKS, part):
        numbers = np.arange(first, first + part)
        prices = (100 + np.cumsum(random.choice([-0.01, 0, 0.01], part))).round(2).astype(np.float64)
        nothing = np.full(part, np.nan)
        await store.write(
            TickBatch(
                FIRST_US - FIRST_US % 3_600_000_000 + 3_600_000_000 + numbers * 3_600,
                np.full(part, PROFILED, dtype=object),
                numbers,
                prices,
                (random.integers(1, 20, part) * 100.0).astype(np.float64),
                nothing,
                nothing,
            )
        )


def _iso(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, UTC).isoformat().replace("+00:00", "Z")


def _get(address: str) -> None:
    with urlopen(address) as answer:  # noqa: S310 - our own server
        answer.read()
