"""The market at a glance: what it says is what the rows say, it goes on live, and costs nothing while it is closed."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.dashboard import Dashboard
from tests.browser.replaying import address, open_replay
from tests.browser.test_comfort import AXE, findings
from tests.browser.watching import Watched

LEAVES = """() => { const { ids, values, parents } = document.querySelector('.overview-map').data[0];
    return ids.map((id, at) => [id, values[at], parents[at]]); }"""


BUILT_S = 400
MOVERS = """async () => {
    const { moversOf } = await import('/assets/overview/overview.js');
    const row = (symbol, state) => ({ symbol, state, last: 1, change_pct: 1, volume: 1, vwap: 1 });
    const of = (...states) => moversOf(states.map((state) => row(state, state)), new Map()).map(({ symbol }) => symbol);
    return [of('live', 'old', 'closed'), of('old')];
}"""
CONTRASTS = """() => {
    const light = (color) => color.match(/[\\d.]+/g).slice(0, 3).map((each) => each / 255)
        .map((each) => (each <= 0.04 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
        .reduce((sum, each, at) => sum + each * [0.2126, 0.7152, 0.0722][at], 0);
    return [...document.querySelectorAll('.overview-map .slice')].filter((slice) => slice.querySelector('text'))
        .map((slice) => ['text', 'path'].map((part) => light(getComputedStyle(slice.querySelector(part)).fill) + 0.05))
        .map(([text, path]) => Math.max(text, path) / Math.min(text, path));
}"""
"""How well each text of the treemap is told from what it stands on; axe does not look into drawings."""


CLICK_MOST_ACTIVE = """() => {
    const first = document.querySelector('#overview-active button');
    first.click();
    return first.dataset.symbol;
}"""
"""Clicks the first of a list that sorts itself, before it may be another one; which symbol that was."""


def asked(dashboard: Dashboard, path: str) -> Any:
    with urllib.request.urlopen(f"{dashboard.url}/api/{path}") as answer:  # noqa: S310 - our own server
        return json.load(answer)


def usual_volumes(dashboard: Dashboard) -> dict[str, float]:
    """What there is of usual volumes once the days of all 20 symbols are built, which a busy machine takes minutes for."""
    deadline = time.monotonic() + BUILT_S
    while len(usual := asked(dashboard, "usual-volumes")) < 20:
        assert time.monotonic() < deadline, usual
        time.sleep(1)
    found: dict[str, float] = usual
    return found


def test_treemap_breadth_and_movers_go_on_live(walking: Dashboard, watched: Watched) -> None:
    page = watched.page
    page.add_init_script(path=AXE)
    watched.open(walking.url)
    watched.until("document.querySelectorAll('#watchlist .ag-cell.symbol').length === 20")
    assert not [url for url in watched.requests if "plotly.min.js" in url]
    charts = page.evaluate("Plotly.version")
    page.keyboard.press("o")
    watched.until("document.querySelector('.overview-map')?.dataset.drawn === '20'")
    assert page.evaluate("Plotly.version") == charts, "the chart's Plotly stays"
    assert page.evaluate(MOVERS) == [["live", "closed"], ["old"]], "what is old is none of today's"
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 20
    assert min(contrasts) > 4.5
    leaves = page.evaluate(LEAVES)
    sectors = {each["symbol"]: each["sector"] for each in asked(walking, "instruments")}
    assert {i.removeprefix("symbol "): p for i, _, p in leaves if i.startswith("symbol ")} == {
        symbol: f"sector {sector}" for symbol, sector in sectors.items()
    }
    for sector in {f"sector {each}" for each in sectors.values()}:
        whole = next(value for i, value, _ in leaves if i == sector)
        assert whole == pytest.approx(sum(value for _, value, parent in leaves if parent == sector))
    said = page.locator(".overview-breadth").inner_text()
    up, level, down = map(int, re.findall(r"\d+", said))
    assert up + level + down == 20
    gainers = page.locator("#overview-gainers .told").all_inner_texts()
    numbers = [float(text.strip("+%")) for text in gainers if text != "None"]
    assert numbers == sorted(numbers, reverse=True)
    expect(page.locator("#overview-active button")).to_have_count(8)
    usual_volumes(walking)
    expect(page.locator("#overview-unusual .told").first).to_have_text(re.compile(r"^[\d.]+\u00d7$"))
    watched.until(
        f"(before) => JSON.stringify(({LEAVES})()) !== before", page.evaluate(f"JSON.stringify(({LEAVES})())")
    )
    assert findings(page, "dark") == []
    watched.drawn(page.evaluate(CLICK_MOST_ACTIVE), "1m")
    expect(page.locator("#overview")).to_be_hidden()
    drawn = page.evaluate("document.querySelector('.overview-map').data")
    watched.until(
        "(clock) => document.querySelector('#status-clock').textContent !== clock",
        page.inner_text("#status-clock"),
    )
    watched.settle()
    assert page.evaluate("document.querySelector('.overview-map').data") == drawn, "closed, it stands still"


def test_usual_volumes_are_means_of_the_last_days(walking: Dashboard) -> None:
    symbol = min(usual_volumes(walking))
    deadline = time.monotonic() + BUILT_S
    while True:  # until the last of the days is built
        found = asked(walking, f"candles?symbol={symbol}&interval=1d&limit=22")
        days = found["candles"] if isinstance(found, dict) else found
        over = [day["volume"] for day in days[:-1]][-20:]
        usual = asked(walking, "usual-volumes")[symbol]
        if usual == pytest.approx(sum(over) / len(over), rel=1e-9):
            break
        assert time.monotonic() < deadline, (usual, over)
        time.sleep(1)


def test_in_a_replay_it_shows_the_replay(watched: Watched, day: Dashboard) -> None:
    page = open_replay(watched, address(day, "14:30", speed="1"))
    page.click("#overview-open")
    watched.until("document.querySelector('.overview-map')?.dataset.drawn === '4'")
    assert {i for i, _, _ in page.evaluate(LEAVES) if i.startswith("symbol ")} == {
        f"symbol {each}" for each in ("AIG", "BAC", "IBM", "SPY")
    }
    assert any("until=2013-10-07T14:3" in url for url in watched.requests if "usual-volumes" in url)
    page.click('[data-replay="toggle"]')  # it does not cover what moves the replay
    expect(page.locator("body")).to_have_attribute("data-replaying", "playing")
    page.click('[data-replay="toggle"]')
    expect(page.locator("body")).to_have_attribute("data-replaying", "paused")
    page.keyboard.press("Escape")
    expect(page.locator("#overview")).to_be_hidden()
