"""`tickdeck bench browser`: what the page costs the browser's main thread.

The page is the real one, on a real database, with the real push.  Frames are recorded from that push and handed
on one by one, so that every way of drawing gets the same ones; times are processor time of the main thread.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Final

from playwright.async_api import Browser, async_playwright

from bench.browser.chart import (
    DELIVER,
    LIGHTWEIGHT,
    OURS,
    REACT,
    chart_frames,
    compared,
    others,
    recorded,
    show,
)
from bench.browser.held import first_view, growth, indicator_frames, profile
from bench.browser.market import Market
from bench.browser.page import Metered, dashboard, launch, script
from bench.machine import machine
from bench.report import Row, report
from bench.scratch import scratch_database
from tickdeck.db.session import open_pool

ROUNDS: Final = 3
GRID_PERIOD_MS: Final = 100
CHART_S: Final = 1.2
SECOND_CANDLES_S: Final = 2.2
HAND_OVER_S: Final = 11.2
"""Long enough for the page to hand a group of closed candles of a second over to Plotly."""
GRID_S: Final = 1.6
LOAD_S: Final = 5.0
CHANGES: Final = 4
DASH: Final = "Dash's rowTransaction"
STOCK: Final = "Dash's figure and rowTransaction"
CHANGE: Final = """async (interval) => {
    document.querySelector(`[data-interval="${interval}"]`).click();
    const panel = document.getElementById("chart-panel");
    while (!panel.dataset.drawn.endsWith(` ${interval}`)) await bench.painted();
    await bench.painted();
}"""
REDRAW: Final = "(text) => bench.paced([text], 0, (one) => bench.way.load(one))"
STOCK_FRAMES: Final = "([messages, period]) => bench.paced(messages, period, bench.stockMessage)"


def run(
    url: str, *, as_json: bool, rounds: int = ROUNDS, minutes: float = 0, only_chart: bool = False
) -> list[Row]:
    """Measure on the server at `url`, in a database that is dropped again; print and return the rows.

    `minutes`: for so long, whether heap and listeners of the page grow; `only_chart`: only what must hold of the chart.

    Raises `NoBrowserError`.
    """
    with scratch_database(url) as scratch:
        facts, rows = asyncio.run(_measure(scratch, rounds, minutes, only_chart=only_chart))
        facts = machine(scratch) | facts
    report("browser", facts, rows, as_json=as_json)
    return rows


async def _measure(
    url: str, rounds: int, minutes: float, *, only_chart: bool
) -> tuple[dict[str, str], list[Row]]:
    pool = await open_pool(url, role="writer", size=2)
    try:
        market = Market(pool)
        await market.seed()
        async with dashboard(url) as address, async_playwright() as playwright:
            browser = await launch(playwright)
            page = await Metered.open(browser, script("hook.js"), address=address)
            rows = [await first_view(browser, address)]
            await show(page, "1m")
            if not only_chart:
                rows += await _against_others(browser, page, market, rounds)
            rows += await indicator_frames(page, market, rounds)
            rows += await profile(url, pool, address)
            if minutes:
                rows.append(await growth(page, market, minutes))
            await page.close()
            facts = {"browser": f"Chromium {browser.version}"}
            await browser.close()
    finally:
        await pool.close()
    return facts, rows


async def _against_others(browser: Browser, page: Metered, market: Market, rounds: int) -> list[Row]:
    """The page's ways of drawing beside others'."""
    pages = await others(browser, page)
    rows = await chart_frames(page, pages, market, "1m", rounds, (CHART_S, CHART_S))
    few = {name: each for name, each in pages.items() if name in (REACT, LIGHTWEIGHT)}
    seconds = (HAND_OVER_S, SECOND_CANDLES_S)
    rows += await chart_frames(page, few, market, "1s", max(2, rounds // 2), seconds)
    rows += await interval_changes(page, few, rounds)
    for each in pages.values():
        await each.close()
    return rows + await grid_frames(page, market, rounds) + await under_load(page, market)


async def grid_frames(page: Metered, market: Market, rounds: int) -> list[Row]:
    """A frame of the watchlist, nearly all of its 100 rows changed."""
    await show(page, "1m")
    await page.page.evaluate(script("stock.js"))
    found: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds + 1):
        ways = [(OURS, DELIVER), (DASH, STOCK_FRAMES)]
        for name, deliver in ways[:: 1 if number % 2 else -1]:
            # Each records its own: rows that are there already would change nothing.
            frames = await recorded(page, market, GRID_S, "watchlist")
            spent_ms = await page.spent_ms(deliver, [frames, GRID_PERIOD_MS])
            if number:
                found[name].append(spent_ms / len(frames))
    return [compared("grid frame", name, found, DASH) for name in (OURS, DASH)]


async def interval_changes(page: Metered, pages: dict[str, Metered], rounds: int) -> list[Row]:
    """From the click to the drawn chart of the other interval; the others get the 500 candles without asking."""
    texts = [await show(page, interval) for interval in ("5m", "1m")]
    found: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds + 1):
        spent_ms = dict.fromkeys((OURS, *pages), 0.0)
        for change in range(CHANGES):
            spent_ms[OURS] += await page.spent_ms(CHANGE, ("5m", "1m")[change % 2]) / CHANGES
            for name, metered in pages.items():
                spent_ms[name] += await metered.spent_ms(REDRAW, texts[change % 2]) / CHANGES
        if number:
            for name, ms in spent_ms.items():
                found[name].append(ms)
    return [compared("interval change", name, found, REACT) for name in (OURS, *pages)]


async def under_load(page: Metered, market: Market) -> list[Row]:
    """The live page at 1,000 ticks/s, by its own script and by Dash's ways: frames a second, share of the thread."""
    shares: dict[str, float] = {}
    rows: list[Row] = []
    for name in (OURS, STOCK):
        await show(page, "1m")
        if name == STOCK:
            await page.page.evaluate(script("stock.js"))
            await page.page.evaluate("() => { bench.instead = ({ data }) => bench.stockMessage(data); }")
        trading = asyncio.create_task(market.trade(LOAD_S + 1))
        await page.page.evaluate("bench.sleep(500)")
        await page.page.evaluate("bench.count()")
        spent_ms = await page.spent_ms("(ms) => bench.sleep(ms)", LOAD_S * 1000)
        frames, long_tasks = await page.page.evaluate(
            "(bench.counting = false, [bench.frames, bench.longTasks])"
        )
        await trading
        shares[name] = spent_ms / LOAD_S / 10
        rows.append(
            {
                "case": "1,000 ticks/s",
                "way": name,
                "frames_per_s": round(frames / LOAD_S, 1),
                "main_thread_pct": round(shares[name], 1),
                "long_tasks_per_s": round(long_tasks / LOAD_S, 2),
            }
        )
    rows[0] |= {"baseline": STOCK, "ratio": round(shares[OURS] / shares[STOCK], 3)}
    return rows
