"""Connections that are lost, refused or silent: the page says so and comes back by itself, with the right state."""

from __future__ import annotations

import signal

from playwright.sync_api import expect

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.proxy import NoWebSocketProxy
from tests.browser.watching import Watched

# Of the socket, and of what the page was just asking for when the server went.
REFUSED = (
    "WebSocket connection to .* failed"
    "|net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|CONTENT_LENGTH_MISMATCH|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING)"
)

RANGE = "document.querySelector('#chart .js-plotly-plot').layout.xaxis.range"


def test_page_lives_again_after_a_restart_of_the_server(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    market.past(market.symbol, [100.0, 101.0, 102.0])
    watched.allow(REFUSED)
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    watched.state("live")
    watched.page.evaluate("window.notReloaded = true")

    assert dashboard.stop() == 0
    watched.state("reconnecting")
    expect(watched.page.locator("#mode")).to_have_text("OFFLINE")
    market.trade(market.symbol, 111.0)
    market.trade(market.other, 5.0)
    dashboard.start()

    watched.state("live")
    expect(
        watched.page.locator(f'#watchlist .ag-row[row-id="{market.symbol}"] [col-id="last"]')
    ).to_have_text("111.00")
    expect(watched.page.locator(f'#watchlist .ag-row[row-id="{market.other}"]')).to_be_visible()
    expect(watched.page.locator('#tape .ag-row[row-index="0"] [col-id="price"]')).to_have_text("111.00")
    market.trade(market.symbol, 112.0)
    expect(watched.page.locator("#headline-last")).to_have_text("112.00")
    assert watched.page.evaluate("window.notReloaded")


def test_what_was_scrolled_back_to_stays_in_view_over_a_restart(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    market.many(market.symbol, 1_500)
    watched.allow(REFUSED)
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    watched.scroll_back(until=f"{RANGE}[1] < -100")
    labels = "() => [...document.querySelectorAll('.time-grid text')].map((e) => e.textContent).join()"
    shown = watched.page.evaluate(labels)
    dashboard.stop()
    watched.state("reconnecting")
    dashboard.start()
    watched.state("live")
    watched.until(f"(shown) => ({labels})() === shown", shown)
    assert watched.range()[1] < -100


def test_page_lives_again_after_the_server_was_killed(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    market.past(market.symbol, [100.0, 101.0])
    watched.allow(REFUSED)
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    dashboard.stop(signal.SIGKILL)
    watched.state("reconnecting")
    dashboard.start()
    watched.state("live")
    market.trade(market.symbol, 103.0)
    expect(watched.page.locator("#headline-last")).to_have_text("103.00")


def test_page_lives_again_after_the_database_was_lost(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    market.past(market.symbol, [100.0, 101.0])
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    watched.state("live")
    assert market.cut_connections() >= 2
    market.trade(market.symbol, 105.0)
    expect(watched.page.locator("#headline-last")).to_have_text("105.00")
    watched.state("live")
    market.trade(market.symbol, 106.0)
    expect(watched.page.locator("#headline-last")).to_have_text("106.00")


def test_silent_server_counts_as_stale_and_then_as_lost(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    market.past(market.symbol, [100.0])
    watched.allow(REFUSED)
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    dashboard.pause()
    watched.state("stale")
    expect(watched.page.locator("#status-state")).to_have_text("Stale")
    watched.state("reconnecting")
    dashboard.resume()
    market.trade(market.symbol, 104.0)
    watched.state("live")
    expect(watched.page.locator("#headline-last")).to_have_text("104.00")


def test_polls_where_websockets_do_not_get_through(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    dashboard, market = quiet
    market.past(market.symbol, [100.0, 101.0])
    market.past(market.other, [7.0, 8.0])
    watched.allow(REFUSED)
    with NoWebSocketProxy(dashboard.port) as proxy:
        watched.open(f"{proxy.url}/?symbol={market.symbol}&interval=1m")
        watched.state("polling")
        expect(watched.page.locator("#status-state")).to_have_text("Polling")
        assert proxy.refused >= 2
        market.trade(market.symbol, 109.0)
        expect(watched.page.locator("#headline-last")).to_have_text("109.00")
        expect(watched.page.locator('#tape .ag-row[row-index="0"] [col-id="price"]')).to_have_text("109.00")
        watched.page.click(f'#watchlist .ag-row[row-id="{market.other}"] .ag-cell.symbol')
        watched.drawn(market.other, "1m")
        expect(watched.page.locator("#headline-last")).to_have_text("8.00")
        watched.page.goto("about:blank")
