"""The page itself: it loads with an empty console, asks nobody else for anything, and cuts nothing off."""

from __future__ import annotations

import re

import requests
from playwright.sync_api import expect

from tests.browser.dashboard import Dashboard
from tests.browser.watching import Watched


def test_opens_a_symbol_by_itself(walking: Dashboard, watched: Watched) -> None:
    watched.open(walking.url)
    watched.state("live")
    watched.until("location.search.includes('symbol=') && location.search.includes('interval=1m')")
    expect(watched.page.locator("#symbol")).not_to_have_value("")
    symbol = watched.page.input_value("#symbol")
    expect(watched.page).to_have_title(re.compile(rf"^{symbol} [\d,]+\.\d+ · Tickdeck$"))
    expect(watched.page.locator("#watchlist .ag-center-cols-container .ag-row")).to_have_count(20)
    watched.until("document.querySelectorAll('#tape .ag-row').length > 5")
    expect(watched.page.locator("#instrument")).not_to_be_empty()
    expect(watched.page.locator("#transport")).to_be_hidden()
    expect(watched.page.locator("#mode")).to_have_text("LIVE")
    # And asked its own server only.
    assert watched.requests
    elsewhere = [url for url in watched.requests if not url.startswith((walking.url, "data:", "blob:"))]
    assert elsewhere == []
    assert not [url for url in watched.requests if "_dash-ws" in url]


def test_headers_allow_only_own_scripts(walking: Dashboard) -> None:
    response = requests.get(walking.url, timeout=60)
    policy = response.headers["content-security-policy"]
    assert "'unsafe-eval'" not in policy
    assert "http" not in policy
    assert response.headers["content-encoding"] == "gzip"


def test_search_narrows_the_watchlist_and_opens_a_symbol(walking: Dashboard, watched: Watched) -> None:
    watched.open(walking.url)
    watched.until("document.querySelectorAll('#watchlist .ag-cell.symbol').length === 20")
    symbols = watched.page.locator("#watchlist .ag-cell.symbol").all_inner_texts()
    wanted = symbols[7]
    watched.page.keyboard.press("/")
    watched.page.keyboard.type(wanted.lower())
    watched.until("document.querySelectorAll('#watchlist .ag-center-cols-container .ag-row').length < 20")
    watched.page.keyboard.press("Enter")
    watched.drawn(wanted, "1m")
    watched.until("document.querySelectorAll('#watchlist .ag-center-cols-container .ag-row').length === 20")


def test_sorts_by_a_column(walking: Dashboard, watched: Watched) -> None:
    watched.open(walking.url)
    watched.page.locator("#watchlist .ag-header-cell[col-id='volume']").click()
    watched.until(
        """() => {
            const rows = [...document.querySelectorAll('#watchlist .ag-center-cols-container .ag-row')];
            rows.sort((a, b) => a.getAttribute('row-index') - b.getAttribute('row-index'));
            const api = dash_ag_grid.getApi('watchlist');
            const volumes = rows.map((row) => api.getRowNode(row.getAttribute('row-id')).data.volume);
            return volumes.length === 20 && volumes.every((v, i) => i === 0 || v <= volumes[i - 1]);
        }"""
    )


def test_the_panel_of_feeds_says_how_long_each_part_of_a_ticks_way_takes(
    walking: Dashboard, watched: Watched
) -> None:
    watched.open(walking.url)
    watched.state("live")
    watched.page.locator("#status-feeds").click()
    for part in (
        "Feed \u2192 commit (random walk)",
        "Commit \u2192 notify",
        "Notify \u2192 frame",
        "Frame \u2192 paint",
    ):
        line = watched.page.locator("#latency tbody tr").filter(has_text=part)
        expect(line.locator("td").nth(2)).to_have_text(re.compile(r"^[\d.]+ ms$"))
    clocks = re.compile(r"this page [+\u2212]?[\d.]+ m?s, database [+\u2212]?\d+ ms$")
    expect(watched.page.locator("#clocks")).to_have_text(clocks)
    watched.page.keyboard.press("Escape")
