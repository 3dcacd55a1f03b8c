"""Main-thread time of a chart frame: the real page, stock Plotly and lightweight-charts, on the same candles."""

from __future__ import annotations

import statistics
import subprocess
import tarfile
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Final

from playwright.async_api import Browser
from plotly.offline import get_plotlyjs

from bench.browser.market import CHARTED, Market
from bench.browser.page import Metered, script
from bench.report import Row
from tickdeck.app.ui.figures import chart_figure

PERIOD_MS: Final = 100
OURS: Final = "tickdeck"
REACT: Final = "Plotly.react (what Patch does)"
PLOTLY: Final = {REACT: "react", "Plotly.extendTraces": "extend"}
LIGHTWEIGHT: Final = "lightweight-charts"
PACK_TIMEOUT_S: Final = 60
STANDALONE: Final = "package/dist/lightweight-charts.standalone.production.js"
DELIVER: Final = "([messages, period]) => bench.paced(messages, period, (data) => bench.handler({ data }))"
TAKE: Final = "([messages, period]) => bench.paced(messages, period, (text) => bench.way.take(text))"


def lightweight_charts() -> str | None:
    """The newest lightweight-charts as npm gets it, None where npm cannot."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            command = ["npm", "pack", "--silent", "--pack-destination", folder, LIGHTWEIGHT]
            subprocess.run(command, check=True, capture_output=True, timeout=PACK_TIMEOUT_S, cwd=folder)
        except (OSError, subprocess.SubprocessError):
            return None
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as packed:
            member = packed.extractfile(STANDALONE)
            return member.read().decode() if member is not None else None


async def others(browser: Browser, page: Metered) -> dict[str, Metered]:
    """A page for each other way, with nothing in it but a chart as large as the real page's."""
    size = await page.page.evaluate(
        "(({ clientWidth, clientHeight }) => [clientWidth, clientHeight])(document.getElementById('chart'))"
    )
    plotly, light = get_plotlyjs(), lightweight_charts()
    wanted = [(name, way, plotly) for name, way in PLOTLY.items()]
    wanted += [(LIGHTWEIGHT, "lightweight", light)] if light is not None else []
    pages = {}
    for name, way, library in wanted:
        pages[name] = made = await Metered.open(browser, script("hook.js"))
        await made.page.goto("about:blank")
        await made.page.set_content(
            f'<body style="background:#0d1117"><div id="chart" style="width:{size[0]}px;height:{size[1]}px">'
        )
        for source in (library, script("ways.js")):
            await made.page.evaluate(f"() => {{ {source}\n }}" if library is source else source)
        await made.page.evaluate("([way, figure]) => bench.start(way, figure)", [way, chart_figure()])
    return pages


async def recorded(page: Metered, market: Market, seconds: float, part: str) -> list[str]:
    """The real push of `seconds` at 1,000 ticks/s, kept from the page: its frames, cut to one part."""
    await page.page.evaluate("bench.kept = []; bench.mode = 'held'")
    await market.trade(seconds)
    await page.page.evaluate("bench.sleep(300)")
    frames: list[str] = await page.page.evaluate("(part) => bench.parts(part)", part)
    if not frames:
        raise RuntimeError(f"the server pushed no frame with a {part}")
    return frames


async def show(page: Metered, interval: str) -> str:
    """Have the page live at `interval`, zoomed out as far as it goes; the text of its snapshot."""
    await page.page.goto(f"{page.address}/?symbol={CHARTED}&interval={interval}")
    await page.page.wait_for_selector(f'#chart-panel[data-drawn="{CHARTED} {interval}"]')
    for _ in range(8):
        await page.page.click('[data-chart="out"]')
    await page.page.evaluate("bench.sleep(500)")
    snapshot: str = await page.page.evaluate("bench.snapshot")
    return snapshot


async def chart_frames(
    page: Metered,
    pages: dict[str, Metered],
    market: Market,
    interval: str,
    rounds: int,
    seconds: tuple[float, float],
) -> list[Row]:
    """A row for each way: ms per frame on the main thread, at 500 candles of `interval`.

    The page gets the frames of `seconds[0]`, the others as many of them as come in `seconds[1]`: each of their
    frames costs the same, and the page's does not.
    """
    snapshot = await show(page, interval)
    for other in pages.values():
        await other.page.evaluate("(text) => bench.way.load(text)", snapshot)
    await page.page.evaluate("bench.countRedraws()")
    found: dict[str, list[float]] = defaultdict(list)
    redraws = 0
    for number in range(rounds + 1):
        ours_s, theirs_s = seconds if number else (seconds[1], seconds[1])
        frames = await recorded(page, market, ours_s, "chart")
        few = frames[: max(1, round(len(frames) * theirs_s / ours_s))]
        ways = [(OURS, page), *pages.items()]
        for name, metered in ways[:: 1 if number % 2 else -1]:
            mine, deliver = (frames, DELIVER) if metered is page else (few, TAKE)
            before = await page.page.evaluate("bench.redraws")
            spent_ms = await metered.spent_ms(deliver, [mine, PERIOD_MS])
            if number:  # the round before the first warms up
                found[name].append(spent_ms / len(mine))
                redraws += await page.page.evaluate("bench.redraws") - before
    rows = [compared(f"chart frame, {interval}", name, found, REACT) for name in (OURS, *pages)]
    rows[0]["redraws"] = redraws
    if LIGHTWEIGHT not in pages:
        rows.append({"case": f"chart frame, {interval}", "way": f"{LIGHTWEIGHT}: no npm here"})
    return rows


def compared(case: str, name: str, found: dict[str, list[float]], baseline: str) -> Row:
    """The medians of `name`'s rounds, and their ratio to those of `baseline`, round by round."""
    mine, theirs = found[name], found[baseline]
    row: Row = {
        "case": case, "way": name, "rounds": len(mine), "ms": round(statistics.median(mine), 2),
        "ms_low": round(min(mine), 2), "ms_high": round(max(mine), 2),
    }  # fmt: skip
    if name != baseline:
        ratios = sorted(one / other for one, other in zip(mine, theirs, strict=True))
        row |= {
            "baseline": baseline,
            "ratio": round(statistics.median(ratios), 3),
            "ratio_low": round(ratios[0], 3),
            "ratio_high": round(ratios[-1], 3),
        }
    return row
