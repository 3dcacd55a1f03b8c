"""Palette, keys and looks; and that every look can be used by whoever sees, hears or points otherwise than most."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.replaying import address, open_replay
from tests.browser.watching import Watched, shows

AXE: Final = Path(__file__).parent / "vendor" / "axe.min.js"
RUN_AXE: Final = """async ([parts, colours, isUsual]) => {
    const options = { resultTypes: ['violations'], ...(isUsual ? {} : { runOnly: colours }) };
    const { violations } = await axe.run(parts.length ? { include: parts } : document, options);
    return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => [id, nodes.slice(0, 5).map((node) => [node.target.join(' '), node.any[0]?.message ?? node.failureSummary])]);
}"""
UP: Final = "document.querySelector('#chart .js-plotly-plot').data[0].increasing.line.color"
COLOURS: Final = ["color-contrast", "link-in-text-block"]
"""Axe's rules whose findings depend on colours: a theme has no others of its own."""


def findings(page: Page, theme: str, *parts: str) -> list[Any]:
    """Axe's serious findings in these parts, without any in the whole document: those that were opened, and what opens
    them, where the rest has been looked at before.  Of colours in each theme, by all other rules in one, as they find the
    same in each.
    """
    found: list[Any] = page.evaluate(RUN_AXE, [parts, COLOURS, theme == "dark"])
    return found


@pytest.mark.parametrize("theme", ["dark", "light", "contrast"])
def test_no_serious_findings_of_axe(walking: Dashboard, watched: Watched, theme: str) -> None:
    page = watched.page
    page.add_init_script(path=AXE)
    page.add_init_script(f"localStorage.setItem('tickdeck.look', '{{\"theme\":\"{theme}\"}}')")
    watched.open(walking.url)
    watched.state("live")
    watched.until("document.querySelectorAll('#tape .ag-row').length > 5")
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    found = {"page": findings(page, theme)}
    for opened, there in (
        ("#alerts-open", "#alerts"),
        ("#status-feeds", "#feeds"),
        ("#replay-open", "#replay-dialog"),
    ):
        page.click(opened)
        expect(page.locator(there)).to_be_visible()
        if there == "#alerts":
            page.click("#alerts summary")  # its addresses, too
        found[there] = findings(page, theme, there, opened)
        page.keyboard.press("Escape")
    for opened, there in (
        ("#palette-open", "#palette"),
        ("#keys-open", "#keys"),
        ("#look-open", "#look"),
        ("#list-edit", "#list-editor"),
        ("#columns-open", "#columns"),
    ):
        page.click(opened)
        expect(page.locator(there)).to_be_visible()
        if there == "#palette":
            expect(page.locator("#palette-list li").first).to_be_visible()
        # Of one dialog, what it is to the document beneath it too.
        whole = theme == "dark" and there == "#palette"
        found[there] = findings(page, theme, *(() if whole else (there, opened)))
        page.keyboard.press("Escape")
        expect(page.locator(there)).to_have_count(0)
    page.click("#chart-tools summary")
    expect(page.locator("#chart-tools [data-tool]").first).to_be_visible()
    found["drawings"] = findings(page, theme, "#chart-tools")
    page.keyboard.press("Escape")
    page.click("#overview-open")
    watched.until("document.querySelector('.overview-map')?.dataset.drawn === '20'")
    found["overview"] = findings(page, theme, "#overview", "#overview-open")
    assert {where: what for where, what in found.items() if what} == {}


def test_the_palette_goes_everywhere_by_keys_alone(walking: Dashboard, watched: Watched) -> None:
    watched.open(walking.url)
    page = watched.page
    keys = page.keyboard
    symbols = sorted(
        page.evaluate("fetch('/api/instruments').then((a) => a.json())"), key=lambda each: str(each["symbol"])
    )
    wanted = symbols[5]

    def go(text: str) -> None:
        keys.press("Control+k")
        expect(page.locator("#palette input")).to_be_focused()
        expect(page.locator("#palette-list li").first).to_be_visible()
        keys.type(text)
        keys.press("Enter")
        expect(page.locator("#palette")).to_have_count(0)

    go(wanted["symbol"].lower())
    watched.drawn(wanted["symbol"], "1m")
    go("5m")
    watched.drawn(wanted["symbol"], "5m")
    go("rsi")
    expect(page.locator(".indicator-legend")).to_contain_text(re.compile("rsi", re.IGNORECASE))
    page.click('#watchlist .ag-row[row-index="2"] .symbol')  # and with the focus in a grid
    go("theme light")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    # A name finds its symbol; arrows choose among what is found.
    keys.press("Control+k")
    expect(page.locator("#palette-list li").first).to_be_visible()
    keys.type(wanted["name"].lower())
    chosen = page.locator('#palette-list [aria-selected="true"]')
    expect(chosen).to_contain_text(wanted["symbol"])
    keys.press("Control+a")
    keys.type("theme:")
    expect(page.locator("#palette-list li")).to_have_count(3)
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "contrast")
    keys.press("Control+k")
    keys.type("nothing is called so")
    expect(page.locator("#palette-list")).to_contain_text("Nothing is called that")
    keys.press("Escape")
    keys.press("?")
    expect(page.locator("#keys")).to_contain_text("play, pause")
    keys.press("Escape")
    expect(page.locator("#keys")).to_have_count(0)


def test_the_palette_has_the_replay_s_actions(watched: Watched, day: Dashboard) -> None:
    page = open_replay(watched, address(day, "14:30", speed="1"))
    page.click('#watchlist .ag-row[row-id="IBM"] .symbol')
    for state in ("playing", "paused"):
        page.keyboard.press("Control+k")
        expect(page.locator("#palette-list li").first).to_be_visible()
        page.keyboard.type("play or pause")
        page.keyboard.press("Enter")
        expect(page.locator("body")).to_have_attribute("data-replaying", state)
    page.keyboard.press("Control+k")
    expect(page.locator("#palette-list li").first).to_be_visible()
    assert page.locator('#palette-list [data-kind="symbol"]').count() == 4, "a replay has no other symbols"
    page.keyboard.press("Escape")


def test_a_look_is_worn_at_once_kept_and_worn_before_the_page_is_painted(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    page = watched.page
    market.past(market.symbol, [1_234.5, 1_235.5])
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    watched.until(f"{UP} === '#26a69a'")
    page.click("#look-open")
    page.check("#look input[value=light]")
    watched.until(f"{UP} === '#08766b'")
    page.check("#look input[value=blind]")
    watched.until(f"{UP} === '#0b5cad'")
    page.check("#look input[value=de-DE]")
    shows(watched, market.symbol, "last", "1.235,50")
    page.check("#look input[value=iso]")
    page.check("#look input[value=reduced]")
    expect(page.locator("html")).to_have_attribute("data-motion", "reduced")
    page.check("#look input[value=own]")
    page.fill("#look input[name=up]", "#123456")
    watched.until(f"{UP} === '#123456'")
    page.keyboard.press("Escape")
    page.add_init_script(
        "addEventListener('DOMContentLoaded', () => { window.first = document.documentElement.dataset.theme; })"
    )
    watched.open(page.url)
    assert page.evaluate("first") == "light"
    watched.until(f"{UP} === '#123456'")
    shows(watched, market.symbol, "last", "1.235,50")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(230, 234, 240)"
    page.evaluate("localStorage.setItem('tickdeck.look', '\"broken')")
    watched.open(page.url)
    shows(watched, market.symbol, "last", "1,235.50")


def test_a_chart_that_takes_long_says_so(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    dashboard, market = quiet
    for symbol in (market.symbol, market.other):
        market.past(symbol, [10.0, 11.0])
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    panel = watched.page.locator("#chart-panel")
    expect(panel).not_to_have_attribute("data-waiting", "")
    dashboard.pause()
    try:
        watched.page.click('[data-interval="5m"]')
        expect(panel).to_have_attribute("data-waiting", "")
    finally:
        dashboard.resume()
    watched.drawn(market.symbol, "5m")
    expect(panel).not_to_have_attribute("data-waiting", "")
