"""Symbol and interval: by the grid, the keyboard, the fields, the address and the browser's history."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.dashboard import Dashboard
from tests.browser.watching import Watched
from tickdeck.app.ui.layout import USUAL_INTERVALS
from tickdeck.db.market.types import INTERVALS


def symbols(watched: Watched) -> list[str]:
    """The symbols as the watchlist shows them, from the top."""
    watched.until("document.querySelectorAll('#watchlist .ag-cell.symbol').length === 20")
    return sorted(watched.page.locator("#watchlist .ag-cell.symbol").all_inner_texts())


def test_short_and_long_intervals_show_a_chart_during_the_stream(
    walking: Dashboard, watched: Watched
) -> None:
    watched.open(walking.url)
    symbol = watched.page.evaluate("document.getElementById('chart-panel').dataset.drawn.split(' ')[0]")
    assert symbol in symbols(watched)
    for interval in (*INTERVALS[::3], INTERVALS[-1]):
        if interval not in USUAL_INTERVALS:
            watched.page.click("#interval summary")
        watched.page.click(f'[data-interval="{interval}"]')
        watched.drawn(symbol, interval)
        assert f"interval={interval}" in watched.page.url
        wanted = {"1w": 55, "1M": 12}.get(interval, 60)
        assert (
            watched.page.evaluate("Number(document.getElementById('chart-panel').dataset.candles)") >= wanted
        )
        expect(watched.page.locator(".interval-list")).to_be_hidden()
        pressed = watched.page.locator('[data-interval][aria-pressed="true"]')
        expect(pressed).to_have_text(interval)
    watched.state("live")


def test_menu_of_intervals_shows_the_chosen_one_and_closes_by_itself(
    walking: Dashboard, watched: Watched
) -> None:
    watched.open(f"{walking.url}/?interval=4h")
    summary, others = watched.page.locator("#interval summary"), watched.page.locator(".interval-list")
    expect(summary).to_have_text("4h")
    summary.click()
    expect(others).to_be_visible()
    watched.page.keyboard.press("Escape")
    expect(others).to_be_hidden()
    summary.click()
    watched.page.mouse.click(600, 500)
    expect(others).to_be_hidden()
    watched.page.click('[data-interval="1h"]')
    expect(summary).to_have_text("⋯")
    expect(watched.page).to_have_url(re.compile("interval=1h"))


def test_click_arrow_keys_and_history_change_the_symbol(walking: Dashboard, watched: Watched) -> None:
    watched.open(f"{walking.url}/?interval=5s")
    names = symbols(watched)
    watched.page.click(f'#watchlist .ag-row[row-id="{names[4]}"] .ag-cell.symbol')
    watched.drawn(names[4], "5s")
    watched.page.keyboard.press("ArrowDown")
    watched.drawn(names[5], "5s")
    expect(watched.page).to_have_url(re.compile(rf"symbol={names[5]}"))
    expect(watched.page.locator("#symbol")).to_have_value(names[5])
    expect(watched.page.locator("#tape-symbol")).to_have_text(names[5])
    watched.page.go_back()
    watched.drawn(names[4], "5s")
    watched.page.go_forward()
    watched.drawn(names[5], "5s")
    expect(watched.page).to_have_title(re.compile(f"^{names[5]} "))


def test_address_opens_symbol_and_interval(walking: Dashboard, watched: Watched) -> None:
    watched.open(walking.url)
    wanted = symbols(watched)[-1]
    watched.page.set_viewport_size({"width": 1280, "height": 400})  # a few of the 20 rows
    watched.open(f"{walking.url}/?symbol={wanted}&interval=15m")
    watched.drawn(wanted, "15m")
    expect(watched.page.locator("#symbol")).to_have_value(wanted)
    expect(watched.page.locator("#readout b")).to_have_text(f"{wanted} · 15m")
    expect(watched.page.locator(f'#watchlist .ag-row[row-id="{wanted}"]')).to_be_in_viewport()


def test_unknown_symbol_is_told_and_left_again(walking: Dashboard, watched: Watched) -> None:
    watched.open(walking.url)
    known = symbols(watched)[2]
    watched.page.fill("#symbol", "nosuch")
    watched.page.keyboard.press("Enter")
    expect(watched.page.locator("#notice")).to_have_text("symbol 'NOSUCH' is unknown")
    expect(watched.page.locator("#chart")).to_be_hidden()
    watched.page.fill("#symbol", known.lower())
    watched.page.keyboard.press("Enter")
    watched.drawn(known, "1m")
    expect(watched.page.locator("#notice")).to_be_hidden()
    expect(watched.page.locator("#chart")).to_be_visible()
