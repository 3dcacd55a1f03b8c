"""Indicators on the page: added by the menu, live with each frame, kept, changed, removed; in a replay too."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import requests
from playwright.sync_api import Page, expect

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.watching import Watched

LEGEND = ".indicator-legend"
DRAWN = """(color) => {
    const canvas = document.querySelector('.indicator-canvas:not(.orderflow-canvas)');
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
    let [top, bottom, count] = [Infinity, -Infinity, 0];
    for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] < 200 || Math.abs(data[at] - r) + Math.abs(data[at + 1] - g) + Math.abs(data[at + 2] - b) > 30) continue;
        const y = Math.floor(at / 4 / canvas.width);
        top = Math.min(top, y); bottom = Math.max(bottom, y); count += 1;
    }
    const { yaxis, yaxis2 } = document.querySelector('#chart .js-plotly-plot')._fullLayout;
    const scale = canvas.height / canvas.clientHeight;
    return { top: top / scale, bottom: bottom / scale, count, priceBottom: yaxis._offset + yaxis._length, volumeTop: yaxis2._offset };
}"""


def add(page: Page, kind: str, color: str, **parameters: str) -> None:
    page.locator("#indicator-menu > summary").click()
    page.locator(f'#indicator-menu [data-kind="{kind}"]').click()
    form = page.locator("#indicator-menu form")
    for name, value in parameters.items():
        form.locator("label", has_text=name).locator("input, select").first.fill(value)
    form.locator('input[type="color"]').first.fill(color)
    form.locator('button[type="submit"]').click()


def drawn(page: Page, color: str, *, at_least: int = 0, at_most: float = math.inf) -> None:
    """Wait until so many pixels have the colour."""
    page.mouse.move(2, 2)  # off the chart, whose legend is then that of the newest candle
    page.wait_for_function(
        f"([color, least, most]) => {{ const {{ count }} = ({DRAWN})(color); return count >= least && count <= most; }}",
        arg=[color, at_least, min(at_most, 1e9)],
    )


def told(dashboard: Dashboard, symbol: str, indicator: str) -> dict[str, Any]:
    asked = {"symbol": symbol, "interval": "1m", "limit": "1", "indicators": indicator}
    found: dict[str, Any] = requests.get(f"{dashboard.url}/api/candles", asked, timeout=60).json()[-1]
    return found


def test_an_indicator_is_added_drawn_live_kept_and_removed(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    page = watched.page
    market.many(market.symbol, 700)
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    try:
        add(page, "ema", "#ff00ff", period="50")
        add(page, "rsi", "#00ff00")
        ema, rsi = (page.locator(f'{LEGEND} [data-indicator="{name}"]') for name in ("ema(50)", "rsi(14)"))
        drawn(page, "#ff00ff", at_least=100)
        for price in (112.0, 97.5):  # the forming candle's value, with each tick
            market.trade(market.symbol, price)
            row = told(dashboard, market.symbol, "ema(50),rsi")
            assert row["close"] == price
            expect(ema.locator("span span")).to_have_text(f"{row['ema(50)']:.2f}")
            expect(rsi.locator("span span")).to_have_text(f"{row['rsi(14)']:.2f}")
        drawn(page, "#ff00ff", at_least=100)
        drawn(page, "#00ff00", at_least=100)
        over, below = page.evaluate(DRAWN, "#ff00ff"), page.evaluate(DRAWN, "#00ff00")
        assert over["bottom"] <= over["priceBottom"] + 1
        assert over["priceBottom"] - 1 <= below["top"]
        assert below["bottom"] <= below["volumeTop"] + 1
        page.reload()
        expect(ema.locator("span span")).not_to_have_text("")
        ema.locator("button").first.click()
        page.locator("#indicator-menu form input").first.fill("9")
        page.locator('#indicator-menu form button[type="submit"]').click()
        page.mouse.move(2, 2)
        changed = page.locator(f'{LEGEND} [data-indicator="ema(9)"]')
        expect(changed.locator("span span")).to_have_text(
            f"{told(dashboard, market.symbol, 'ema(9)')['ema(9)']:.2f}"
        )
        for shown in (changed, rsi):
            shown.locator("button").last.click()
        expect(page.locator(f"{LEGEND} div")).to_have_count(0)
        drawn(page, "#ff00ff", at_most=0)
        assert json.loads(page.evaluate("localStorage.getItem('tickdeck.indicators')")) == []
    finally:
        page.evaluate("localStorage.removeItem('tickdeck.indicators')")


def test_older_candles_have_their_values(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    dashboard, market = quiet
    page = watched.page
    market.many(market.symbol, 1500)
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    try:
        add(page, "sma", "#ff00ff", period="20")
        drawn(page, "#ff00ff", at_least=100)
        plot = page.locator("#chart .js-plotly-plot").bounding_box()
        assert plot is not None
        for _ in range(4):
            page.mouse.move(plot["x"] + 100, plot["y"] + 150)
            page.mouse.down()
            page.mouse.move(plot["x"] + plot["width"] - 120, plot["y"] + 150, steps=4)
            page.mouse.up()
        page.mouse.move(plot["x"] + 60, plot["y"] + 150)
        value = page.locator(f'{LEGEND} [data-indicator="sma(20)"] span span')
        expect(value).to_have_text(re.compile(r"^\d+\.\d\d$"))
    finally:
        page.evaluate("localStorage.removeItem('tickdeck.indicators')")
