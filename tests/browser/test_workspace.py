"""Workspaces: panels that are linked, dragged, stored, opened again and in a second window; what is hidden watches nothing."""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import uuid4

import requests
from playwright.sync_api import BrowserContext, FrameLocator, Page, WebSocket, expect

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.test_comfort import AXE, findings
from tests.browser.watching import PATIENCE_MS, Watched

FROM_HERE: Final = {"Sec-Fetch-Site": "same-origin"}


class Subscriptions:
    """What each panel that a page opens from now on watches."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._now: list[Any] = []
        page.on("websocket", self._connected)

    def _connected(self, socket: WebSocket) -> None:
        place = len(self._now)
        self._now.append(None)

        def sent(payload: str | bytes) -> None:
            message = json.loads(payload)
            if "subscribe" in message:
                self._now[place] = message["subscribe"]

        socket.on("framesent", sent)

    def until(self, *wanted: str) -> None:
        """Wait until the panels watch just this, in the order in which they came; `nothing`: it is hidden."""
        for _ in range(PATIENCE_MS // 50):
            if [_told(each) for each in self._now] == list(wanted):
                return
            self._page.wait_for_timeout(50)  # hands the browser's events to the listeners
        raise AssertionError(f"they watch {self._now}")


def _told(subscription: Any) -> str:
    if not subscription:
        return "nothing"
    chart = subscription.get("chart")
    assert subscription["watchlist"] in ("all", [chart and chart["symbol"]]), "no row that is not shown"
    assert not subscription.get("tape")
    return f"chart {chart['symbol']} {chart['interval']}" if chart else "watchlist"


def store(dashboard: Dashboard, name: str, panels: list[dict[str, Any]]) -> None:
    """Panels side by side, as somebody has stored them."""
    parts = [{"share": 1 / len(panels), "panels": [panel]} for panel in panels]
    answer = requests.put(
        f"{dashboard.url}/api/workspaces/{uuid4()}",
        json={"name": name, "layout": {"parts": parts}},
        headers=FROM_HERE,
        timeout=60,
    )
    assert answer.status_code == 200, answer.text


def stored(dashboard: Dashboard, name: str) -> dict[str, Any]:
    (found,) = (
        each
        for each in requests.get(f"{dashboard.url}/api/workspaces", timeout=60).json()
        if each["name"] == name
    )
    return dict(found)


def audience(dashboard: Dashboard, page: Page, count: int) -> None:
    """Wait until the server has so many viewers."""
    while f"\ntickdeck_viewers {count}.0\n" not in requests.get(f"{dashboard.url}/metrics", timeout=60).text:
        page.wait_for_timeout(50)


def panel(page: Page, number: int) -> FrameLocator:
    return page.frame_locator(".desk-panel iframe").nth(number)


def drawn(page: Page, number: int, what: str) -> None:
    expect(panel(page, number).locator(f'#chart-panel[data-drawn="{what}"]')).to_be_visible(
        timeout=PATIENCE_MS
    )


def test_panels_are_linked_dragged_stored_and_followed_by_a_second_window(
    quiet: tuple[Dashboard, Market], watched: Watched, desktop: BrowserContext
) -> None:
    dashboard, market = quiet
    page, one, other = watched.page, market.symbol, market.other
    for symbol in (one, other):
        market.past(symbol, [float(price) for price in range(20, 60)])
    name = f"Desk {one} <b>"
    chart = {"kind": "chart", "symbol": one, "interval": "1m", "link": "green"}
    store(dashboard, name, [chart | {"same_interval": True}, chart | {"same_interval": True}])
    watching = Subscriptions(page)
    page.add_init_script(path=AXE)
    page.goto(f"{dashboard.url}/workspace?name={name}")
    tabs = page.locator(".dv-tab")
    expect(tabs).to_have_text([f"{one} 1m✕"] * 2)
    for number in (0, 1):
        drawn(page, number, f"{one} 1m")
    watching.until(*[f"chart {one} 1m"] * 2)
    # The others of its colour follow: in symbol, interval and crosshair.
    panel(page, 0).locator("#symbol").fill(other)
    panel(page, 0).locator("#symbol").press("Enter")
    drawn(page, 1, f"{other} 1m")
    panel(page, 1).locator('[data-interval="5m"]').click()
    drawn(page, 0, f"{other} 5m")
    expect(tabs).to_have_text([f"{other} 5m✕"] * 2)
    panel(page, 0).locator("#chart").hover(position={"x": 200, "y": 200})
    expect(panel(page, 1).locator("#chart-front .cross")).to_be_visible()
    panel(page, 0).locator("#symbol").hover()
    expect(panel(page, 1).locator("#chart-front .cross")).to_be_hidden()
    # One that is linked no more stays where it is.
    page.locator(".desk-color").nth(1).select_option("")
    panel(page, 0).locator("#symbol").fill(one)
    panel(page, 0).locator("#symbol").press("Enter")
    watching.until(f"chart {one} 5m", f"chart {other} 5m")
    # Dragged onto the other one it is a tab beside it; what is behind watches nothing.
    tabs.nth(1).hover()
    page.mouse.down()
    page.mouse.move(300, 300, steps=5)
    page.mouse.move(360, 480, steps=5)
    expect(page.locator(".dv-drop-target-selection")).to_be_visible()
    page.mouse.up()
    expect(page.locator(".dv-groupview")).to_have_count(1)
    watching.until("nothing", f"chart {other} 5m")
    audience(dashboard, page, 2)
    assert findings(page, "dark") == []
    # Stored by itself, and there again; a tab that nobody has looked at has no frame yet.
    while len(stored(dashboard, name)["layout"]["parts"]) > 1:
        page.wait_for_timeout(50)
    expect(page.locator("#desk-name option:checked")).to_have_text(name)
    watching = Subscriptions(page)
    page.goto(f"{dashboard.url}/workspace?name={name}")
    expect(tabs).to_have_text([f"{one} 5m✕", f"{other} 5m✕"])
    watching.until(f"chart {other} 5m")
    (part,) = stored(dashboard, name)["layout"]["parts"]
    assert [each.get("link") for each in part["panels"]] == ["green", None]
    assert part["active"] == 1
    # A second window is of the same group; what is closed is gone.
    page.locator(".desk-color").select_option("blue")
    store(dashboard, f"{name} 2", [chart | {"symbol": other, "link": "blue"}])
    second = desktop.new_page()
    second.goto(f"{dashboard.url}/workspace?name={name} 2")
    drawn(second, 0, f"{other} 1m")
    panel(second, 0).locator("#symbol").fill(one)
    panel(second, 0).locator("#symbol").press("Enter")
    watching.until(f"chart {one} 5m")
    second.close()
    tabs.nth(1).focus()
    page.keyboard.press("Delete")
    expect(tabs).to_have_count(1)
    watching.until(f"chart {one} 5m", f"chart {one} 5m")
    audience(dashboard, page, 1)  # the connection of the closed one ended with it
