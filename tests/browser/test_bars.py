"""Bars that are not of time on the page: chosen by kind and size, drawn without empty intervals, and going on live."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import requests
from playwright.sync_api import expect

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.watching import Watched

SHOWN = """([symbol, interval, count]) => {
    const { drawn, candles } = document.querySelector('#chart-panel').dataset;
    return drawn === `${symbol} ${interval}` && candles === String(count);
}"""


def test_bars_of_ticks_and_bricks_are_chosen_and_go_on(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    page = watched.page
    symbol = market.symbol
    newest = datetime.now(UTC) - timedelta(minutes=2)
    market.past(symbol, [100.0, 100.1, 100.2, 100.3, 100.2, 100.1, 100.0, 100.1, 100.2, 100.3], newest=newest)
    watched.open(f"{dashboard.url}/?symbol={symbol}&interval=1m")
    page.locator("#interval-menu > summary").click()
    page.locator("#bars-size").fill("3")
    page.locator("#bars-show").click()
    watched.until(SHOWN, [symbol, "3t", sessions(dashboard, symbol, "3t")])
    expect(page.locator("#interval-menu > summary")).to_have_text("3t")
    before = sessions(dashboard, symbol, "3t")
    for price in (100.4, 100.5, 100.6):
        market.trade(symbol, price)
    watched.until(SHOWN, [symbol, "3t", before + 1])
    expect(page.locator("#readout [data-name=C]")).to_have_text("100.60")
    page.locator("#interval-menu > summary").click()
    page.locator("#bars-unit").select_option("renko")
    page.locator("#bars-size").fill("0.10")
    page.locator("#bars-size").press("Enter")
    watched.until(SHOWN, [symbol, "0.1renko", sessions(dashboard, symbol, "0.1renko")])
    assert page.evaluate("new URLSearchParams(location.search).get('interval')") == "0.10renko"
    page.reload()
    watched.until(SHOWN, [symbol, "0.1renko", sessions(dashboard, symbol, "0.1renko")])


def sessions(dashboard: Dashboard, symbol: str, interval: str) -> int:
    """How many bars there are: a midnight may lie among the ticks."""
    asked = {"symbol": symbol, "interval": interval}
    return len(requests.get(f"{dashboard.url}/api/candles", asked, timeout=60).json())
