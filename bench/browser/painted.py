"""From the client's INSERT of a lone tick on a quiet market to the painted cell in Chromium."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import quote

import numpy as np
from playwright.async_api import Browser, Page, async_playwright

from bench.browser.market import CHARTED, Market
from bench.browser.page import Metered, dashboard, launch, script
from bench.report import Row
from tickdeck.db.session import open_pool

TICKS: Final = 50
POLLED_TICKS: Final = 8
EVERY_S: Final = 0.3
"""Apart, give or take a fifth: further than the watchlist's frames are, so that none waits for the one before."""
POLL_S: Final = 1.0
"""The page's own polling, where WebSockets do not get through."""

BLOCKED: Final = """
window.WebSocket = class extends WebSocket {
  constructor(url) { super(`${url}-blocked`); }
};
"""


async def painted(url: str) -> list[Row]:
    """Two rows: pushed, and the same page where WebSockets are blocked, so that it polls each second.

    `url`: a migrated database with no ticks in it.  Raises `NoBrowserError`.
    """
    pool = await open_pool(url, role="writer", size=2)
    hook = script("hook.js")
    try:
        market = Market(pool)
        await market.seed()
        async with async_playwright() as playwright:
            browser = await launch(playwright)
            async with dashboard(url) as address:
                pushed = await lone_ticks(browser, address, market.insert, CHARTED, TICKS, EVERY_S, hook)
                every_s = POLL_S + EVERY_S
                polled = await lone_ticks(
                    browser, address, market.insert, CHARTED, POLLED_TICKS, every_s, hook, BLOCKED
                )
            await browser.close()
    finally:
        await pool.close()
    baseline = {"baseline": "p50_ms of polling each 1 s"}
    ratio = round(float(np.median(pushed) / np.median(polled)), 3)
    return [
        {"case": "lone tick painted", "way": "push", **spread(pushed), **baseline, "ratio": ratio},
        {"case": "lone tick painted", "way": "the page polling each 1 s", **spread(polled)},
    ]


async def lone_ticks(
    browser: Browser,
    address: str,
    happen: Callable[[float], Awaitable[float]],
    symbol: str,
    count: int,
    every_s: float,
    *init: str,
    chart_drawn: bool = True,
) -> list[float]:
    """Ms from each moment that `happen(price)` returns (of `time.monotonic`) to the frame that shows it in the watchlist.

    `chart_drawn`: wait for the symbol's chart first.
    """
    page = await Metered.open(browser, *init)
    try:
        await page.page.goto(f"{address}/?symbol={quote(symbol)}&interval=1m")
        if chart_drawn:
            await page.page.wait_for_selector(f'#chart-panel[data-drawn="{symbol} 1m"]')
        await page.page.wait_for_selector(f'#watchlist .ag-row[row-id="{symbol}"] [col-id="last"]')
        await page.page.evaluate("(symbol) => bench.watchCell(symbol)", symbol)
        behind = await _clock(page.page)
        began: dict[str, float] = {}
        for number in range(count):
            price = 20 + number / 100 + random.randrange(1, 100)
            began[f"{price:.2f}"] = await happen(round(price, 2))
            await asyncio.sleep(every_s * random.uniform(0.8, 1.2))  # not in step with the screen
        await asyncio.sleep(every_s)
        shown: dict[str, float] = await page.page.evaluate("bench.cellTimes")
    finally:
        await page.close()
    return [(shown[text] + behind) - at * 1000 for text, at in began.items() if text in shown]


async def _clock(page: Page) -> float:
    """What to add to the page's performance.now() to get `time.monotonic()` in ms: of the quickest of many asks."""
    asked: list[tuple[float, float]] = []
    for _ in range(50):
        before = time.monotonic()
        page_ms: float = await page.evaluate("performance.now()")
        after = time.monotonic()
        asked.append((after - before, (before + after) / 2 * 1000 - page_ms))
    return min(asked)[1]


def spread(values: Sequence[float]) -> dict[str, Any]:
    """How many there are, and percentiles in ms."""
    p50, p95, p99 = np.percentile(values, (50, 95, 99))
    return {
        "ticks": len(values), "p50_ms": round(float(p50), 1), "p95_ms": round(float(p95), 1),
        "p99_ms": round(float(p99), 1),
    }  # fmt: skip
