"""Connections that are lost, refused or silent: the page says so and comes back by itself, with the right state."""

from __future__ import annotations

import json
import signal

import pytest
from playwright.sync_api import Route, WebSocket, expect

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.proxy import Proxy
from tests.browser.watching import Watched, shows

# Of the socket, and of what the page was just asking for when the server went.
REFUSED = (
    "WebSocket connection to .* failed"
    "|net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|CONNECTION_CLOSED|CONTENT_LENGTH_MISMATCH|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING"
    "|SOCKET_NOT_CONNECTED)"
    "|status of 503"
    "|Callback error updating"
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
    expect(watched.page).to_have_title(f"OFFLINE · {market.symbol} 102.00 · Tickdeck")
    expect(watched.page.locator("#status-rate")).to_have_text("\u2013")
    clock = watched.page.locator("#status-clock").inner_text()
    watched.until("(until) => Date.now() > until", watched.page.evaluate("Date.now() + 1_200"))
    assert watched.page.locator("#status-clock").inner_text() == clock
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


def test_what_was_scrolled_back_to_stays_in_view_when_the_server_was_killed(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    market.many(market.symbol, 1_500)
    watched.allow(REFUSED)
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    watched.scroll_back(until=f"{RANGE}[1] < -100")
    labels = "() => [...document.querySelectorAll('.time-grid text')].map((e) => e.textContent).join()"
    shown = watched.page.evaluate(labels)
    dashboard.stop(signal.SIGKILL)
    watched.state("reconnecting")
    dashboard.start()
    watched.state("live")
    watched.until(f"(shown) => ({labels})() === shown", shown)
    assert watched.range()[1] < -100
    market.trade(market.symbol, 111.0)
    expect(watched.page.locator("#headline-last")).to_have_text("111.00")


def test_what_was_scrolled_back_to_stays_in_view_over_polling_and_back(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    """On a network that lets no WebSockets through for a while; two snapshots come in a row."""
    dashboard, market = quiet
    market.many(market.symbol, 1_500)
    watched.allow(REFUSED)
    with Proxy(dashboard.port, websockets="pass") as proxy:
        watched.open(f"{proxy.url}/?symbol={market.symbol}&interval=1m")
        watched.scroll_back(until=f"{RANGE}[1] < -100")
        labels = "() => [...document.querySelectorAll('.time-grid text')].map((e) => e.textContent).join()"
        shown = watched.page.evaluate(labels)
        held: list[Route] = []
        holding = True

        def answer(route: Route) -> None:
            if holding:
                held.append(route)
            else:
                route.continue_()

        watched.page.route("**/api/candles*", answer)
        proxy.websockets = "refuse"  # a train's network, say, after the office's
        proxy.cut_websockets()
        watched.state("polling")
        market.trade(market.symbol, 109.0)
        expect(watched.page.locator("#headline-last")).to_have_text("109.00")
        while not held:  # the older candles are asked for, and do not come
            watched.page.wait_for_timeout(20)
        proxy.websockets = "pass"
        watched.state("live")
        watched.settle()
        holding = False
        for route in held:
            route.continue_()
        watched.until(f"(shown) => ({labels})() === shown", shown)
        assert watched.range()[1] < -100
        market.trade(market.symbol, 110.0)
        expect(watched.page.locator("#headline-last")).to_have_text("110.00")
        watched.page.goto("about:blank")


def test_page_lives_again_after_the_database_was_lost(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    market.past(market.symbol, [100.0, 101.0])
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    watched.state("live")
    watched.allow(REFUSED)
    assert market.cut_connections() >= 2
    market.trade(market.symbol, 105.0)
    expect(watched.page.locator("#headline-last")).to_have_text("105.00")
    watched.state("live")
    market.trade(market.symbol, 106.0)
    expect(watched.page.locator("#headline-last")).to_have_text("106.00")


def passes(watched: Watched, state: str) -> None:
    """Let the time of the page pass, whose clock is the test's, until the status line says so."""
    for _ in range(120):
        watched.page.clock.run_for(500)
        if watched.page.locator("#status").get_attribute("data-state") == state:
            return
    raise AssertionError(f"never {state}")


@pytest.mark.fault("a feed, the database, the server or the way to it is away")
def test_silent_server_counts_as_stale_and_then_as_lost(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    market.past(market.symbol, [100.0])
    watched.allow(REFUSED)
    clock = watched.page.clock
    clock.install()
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    dashboard.pause()
    clock.pause_at(watched.page.evaluate("Date.now() + 1"))  # each state lasts as long as it is looked at
    passes(watched, "stale")
    expect(watched.page.locator("#status-state")).to_have_text("Stale")
    shows(watched, market.symbol, "state", "stale")
    passes(watched, "reconnecting")
    shows(watched, market.symbol, "state", "lost")
    clock.resume()
    dashboard.resume()
    market.trade(market.symbol, 104.0)
    watched.state("live")
    expect(watched.page.locator("#headline-last")).to_have_text("104.00")
    shows(watched, market.symbol, "state", "live")


def test_polls_where_websockets_do_not_get_through(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    dashboard, market = quiet
    market.past(market.symbol, [100.0, 101.0])
    market.past(market.other, [7.0, 8.0])
    watched.allow(REFUSED)
    with Proxy(dashboard.port) as proxy:
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


def test_polls_where_websockets_open_and_bring_nothing(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    market.past(market.symbol, [100.0, 101.0])
    watched.allow(
        REFUSED
    )  # the page's clock may run on while a handshake is under way, and it lets go of that one
    watched.page.clock.install()
    with Proxy(dashboard.port, websockets="swallow") as proxy:
        watched.page.goto(f"{proxy.url}/?symbol={market.symbol}&interval=1m")
        watched.page.wait_for_selector("#chart .main-svg")
        state = watched.page.locator("#status")
        for _ in range(60):  # a ping interval each
            if state.get_attribute("data-state") == "polling":
                break
            watched.page.clock.run_for(2_000)
        watched.state("polling")
        expect(watched.page.locator("#headline-last")).to_have_text("101.00")
        watched.page.goto("about:blank")


def test_a_replay_is_never_replaced_by_the_polled_market(day: Dashboard, watched: Watched) -> None:
    watched.allow(REFUSED)
    with Proxy(day.port, websockets="pass") as proxy:
        watched.open(f"{proxy.url}/?replay=2013-10-07T14:30Z&symbol=SPY")
        watched.state("replay")
        proxy.websockets = "refuse"
        proxy.cut_websockets()
        watched.state("reconnecting")
        while proxy.refused < 3:  # the second in a row would have it poll
            watched.page.wait_for_timeout(50)
        watched.state("reconnecting")
        assert not any("/api/frames" in url for url in watched.requests)
        proxy.websockets = "pass"
        watched.state("replay")
        watched.page.goto("about:blank")


@pytest.mark.parametrize("hidden", [True, False], ids=["hidden", "asleep"])
def test_a_page_whose_timers_rested_keeps_its_quiet_connection(
    quiet: tuple[Dashboard, Market], watched: Watched, hidden: bool
) -> None:
    dashboard, market = quiet
    market.past(market.symbol, [100.0])
    sockets: list[WebSocket] = []
    pongs: list[int] = []

    def heard(data: str | bytes) -> None:
        message = json.loads(data)
        if message["type"] == "pong":
            pongs.append(message["pong"])

    def opened(socket: WebSocket) -> None:
        sockets.append(socket)
        socket.on("framereceived", heard)

    watched.page.on("websocket", opened)
    watched.page.clock.install()
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    watched.state("live")
    watched.page.evaluate(
        "(hidden) => Object.defineProperty(document, 'hidden', { get: () => hidden })", hidden
    )
    for _ in range(4):
        seen = len(pongs)
        # As a browser treats a page nobody sees: whatever timers were due run once, a minute later.
        watched.page.clock.fast_forward(60_000)
        while len(pongs) == seen:
            watched.page.wait_for_timeout(20)
    assert len(sockets) == 1
    assert not sockets[0].is_closed()
    watched.state("live")
