"""Workspaces: panels that are linked, dragged, stored, opened again and in a second window; what is hidden watches nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import requests
from playwright.sync_api import BrowserContext, FrameLocator, Page, WebSocket, expect

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.test_comfort import AXE, findings
from tests.browser.watching import PATIENCE_MS, Watched
from tests.paths import ROOT

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


def test_a_script_fills_a_panel_with_what_the_documentation_says(
    quiet: tuple[Dashboard, Market], watched: Watched, resting: tuple[Dashboard, str], tmp_path: Path
) -> None:
    """The whole way: ticks, a function in another process, the page; and what is said once the script is gone."""
    dashboard, market = quiet
    page, name = watched.page, f"Scripts {market.symbol}"
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "panels.md").read_text(), re.DOTALL)
    assert len([line for line in example.splitlines() if line]) <= 10
    market.past(market.symbol, [20, 21, 22])
    store(dashboard, name, [{"kind": "code", "name": "Range"}, {"kind": "code"}])
    page.goto(f"{dashboard.url}/workspace?name={name}")
    expect(panel(page, 0).locator(".code-empty")).to_contain_text(
        "start the one that does", timeout=PATIENCE_MS
    )
    expect(panel(page, 1).locator(".code-empty pre")).to_contain_text("panel.run()", timeout=PATIENCE_MS)
    script = tmp_path / "range.py"
    script.write_text(example.replace('"SPY"', f'"{market.symbol}"'))
    running = subprocess.Popen(
        [sys.executable, script],
        env={**os.environ, "DATABASE_URL": resting[1], "TICKDECK_DASHBOARD": dashboard.url},
    )
    try:
        bars = panel(page, 0).locator(".code-plot .bars .point")
        expect(bars).to_have_count(3, timeout=PATIENCE_MS)
        market.trade(market.symbol, 25)
        expect(bars).to_have_count(4, timeout=PATIENCE_MS)
        panel(page, 1).get_by_label("Which panel").focus()
        panel(page, 1).get_by_label("Which panel").select_option("Range")
        expect(panel(page, 1).locator(".code-plot .bars .point")).to_have_count(4, timeout=PATIENCE_MS)
        expect(page.locator(".dv-tab")).to_have_text(["Range✕"] * 2)
        while [each.get("name") for part in parts(dashboard, name) for each in part["panels"]] != [
            "Range"
        ] * 2:
            page.wait_for_timeout(50)
        running.send_signal(signal.SIGSTOP)  # else it may show once more what it has heard of before
        # Rows in the place of a figure; what looks like markup is text, in a figure none is left but the text in it.
        hostile = "<img src=x onerror=alert(1)>"
        put(dashboard, "Range", {"rows": [{"who": hostile, "a.b": 1234.5}, {"who": None, "a.b": None}]})
        cells = panel(page, 1).locator(".ag-row:first-child .ag-cell")
        expect(cells).to_have_text([hostile, "1,234.5"], timeout=PATIENCE_MS)
        title = {"text": f"{hostile}<<b>b>bold</b> <a href='https://evil.example'>link</a>"}
        put(dashboard, "Range", {"figure": {"data": [{"y": [1]}], "layout": {"title": title}}})
        put(dashboard, "Range", {"error": f"ValueError: {hostile}"})
        drawn = panel(page, 1).locator(".code-plot")
        expect(drawn.locator(".gtitle")).to_have_text(f"{hostile}bold link", timeout=PATIENCE_MS)
        expect(panel(page, 1).locator(".code-told")).to_have_text(
            f"ValueError: {hostile}", timeout=PATIENCE_MS
        )
        assert drawn.locator("a").count() == 0
    finally:
        running.send_signal(signal.SIGCONT)
        running.terminate()
        assert running.wait(60) == 0
    expect(panel(page, 0).locator(".code-empty")).to_be_visible(timeout=PATIENCE_MS)


def put(dashboard: Dashboard, name: str, body: dict[str, Any]) -> None:
    answer = requests.put(f"{dashboard.url}/api/panels/{name}", json=body, headers=FROM_HERE, timeout=60)
    assert answer.status_code == 204, answer.text


def parts(dashboard: Dashboard, name: str) -> list[dict[str, Any]]:
    return list(stored(dashboard, name)["layout"]["parts"])
