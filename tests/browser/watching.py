"""Pages under test: what they log, what they ask for, and what they show."""

from __future__ import annotations

import json
import re
import time
from typing import Any, Final

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, WebError, WebSocket, expect

PATIENCE_MS: Final = 60_000
"""Bounds what will never come, not what is slow: other work may keep the machine busy."""
NETWORK_CHANGED: Final = "net::ERR_NETWORK_CHANGED"
"""The machine got another network interface while the page loaded (a container started, say): not the page's fault."""


_TELL_VIOLATIONS: Final = """
document.addEventListener("securitypolicyviolation", (e) => tickdeckViolation(
    `${e.effectiveDirective} ${e.blockedURI} at ${e.sourceFile}:${e.lineNumber} ${e.sample}`
));
"""


class Console:
    """What the pages of a browser log, all of them; it must stay empty, but for what `allow` was told to expect."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        """What the policy of a page has stopped, in words."""
        self._complaints: list[str] = []
        self._allowed: list[str] = []

    def listen(self, browser: BrowserContext) -> None:
        """Hear every page that this browser has or opens."""
        browser.on("console", self._logged)
        browser.on("weberror", self._raised)
        browser.expose_binding("tickdeckViolation", lambda _, told: self.violations.append(told))
        browser.add_init_script(_TELL_VIOLATIONS)

    def allow(self, pattern: str) -> None:
        """Expect messages like this, until the test is over."""
        self._allowed.append(pattern)

    def clear(self) -> None:
        """Begin with a test: nothing logged, nothing expected."""
        self._complaints.clear()
        self._allowed.clear()
        self.violations.clear()

    def complaints(self) -> list[str]:
        return [text for text in self._complaints if not any(re.search(p, text) for p in self._allowed)]

    def forgive(self, text: str) -> bool:
        """Whether anything like this was logged; what was logged is forgotten then."""
        found = any(text in complaint for complaint in self._complaints)
        if found:
            self._complaints.clear()
        return found

    def _logged(self, message: ConsoleMessage) -> None:
        self._complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _raised(self, error: WebError) -> None:
        self._complaints.append(f"uncaught: {error.error}")


class Watched:
    """A page, what it asks for and what it shows."""

    def __init__(self, page: Page, console: Console) -> None:
        self.page = page
        self.chart_frames = 0
        self.requests: list[str] = []
        self.allow = console.allow
        self._console = console
        self._pings: list[int] = []
        self._pongs: list[int] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", self._connected)

    def open(self, url: str) -> None:
        """Load the page and wait for its chart."""
        for _ in range(3):
            self.page.goto(url)
            if not self._console.forgive(NETWORK_CHANGED):
                break
        self.page.wait_for_selector("#chart-panel[data-drawn]")

    def until(self, expression: str, argument: Any = None) -> None:
        """Wait until the JavaScript `expression`, or the function that it is, is true."""
        if not expression.lstrip().startswith("("):  # the page's policy refuses an expression: it is eval'ed
            expression = f"() => ({expression})"
        self.page.wait_for_function(expression, arg=argument, timeout=PATIENCE_MS)

    def eventually(self, look: str) -> Any:
        """What the JavaScript function `look`, an asynchronous one, finds once it finds anything.

        Playwright's own waiting takes a promise itself for the answer.
        """
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not (found := self.page.evaluate(look)):
            assert time.monotonic() < deadline, f"never true: {look}"
            self.page.wait_for_timeout(20)
        return found

    def drawn(self, symbol: str, interval: str) -> None:
        """Wait until the chart shows this."""
        self.page.wait_for_selector(f'#chart-panel[data-drawn="{symbol} {interval}"]')

    def state(self, state: str) -> None:
        """Wait until the status line says so."""
        expect(self.page.locator("#status")).to_have_attribute("data-state", state, timeout=PATIENCE_MS)

    def cell(self, symbol: str, column: str) -> str:
        """What the watchlist shows."""
        return self.page.locator(f'#watchlist .ag-row[row-id="{symbol}"] [col-id="{column}"]').inner_text()

    def range(self) -> tuple[float, float]:
        """The chart's x range, in candle numbers."""
        low, high = self.page.evaluate("document.querySelector('#chart .js-plotly-plot').layout.xaxis.range")
        return low, high

    def resting_range(self) -> tuple[float, float]:
        """The same once a drag or a zoom has been drawn to its end: it stays from one animation frame to many later."""
        self.until(
            """() => {
                const now = String(document.querySelector('#chart .js-plotly-plot').layout.xaxis.range);
                const seen = (window.rangeSeen = window.rangeSeen?.range === now
                    ? window.rangeSeen : { range: now, frames: 0 });
                seen.frames += 1;
                return seen.frames > 30;
            }"""
        )
        return self.range()

    def scroll_back(self, *, until: str) -> None:
        """Drag the chart to the right, again and again, until the JavaScript expression `until` is true.

        After each drag this waits for the candles at the left edge, which may have to be read, and for their drawing.
        """
        box = self.page.locator("#chart").bounding_box()
        assert box is not None
        left, right, y = box["x"] + 20, box["x"] + box["width"] - 100, box["y"] + 150
        for _ in range(60):
            self.page.mouse.move(left, y)
            self.page.mouse.down()
            self.page.mouse.move(right, y, steps=3)
            self.page.mouse.up()
            self.until(
                """() => {
                    const plot = document.querySelector('#chart .js-plotly-plot');
                    return plot.data[0].x[0] <= plot.layout.xaxis.range[0];
                }"""
            )
            if self.page.evaluate(until):
                break
        assert self.page.evaluate(until)
        self.painted()

    def painted(self) -> None:
        """Wait until what the page was told to draw in its next animation frame is drawn."""
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def settle(self) -> None:
        """Wait until the page has got all that the server had sent by now.

        That is once a ping of after now is answered: messages come in the order in which they were sent.
        """
        asked = max(self._pings, default=0)
        while max(self._pongs, default=0) <= asked:
            self.page.wait_for_timeout(20)  # hands the browser's events to the listeners
        self.painted()

    def _connected(self, socket: WebSocket) -> None:
        self._pings.clear()
        self._pongs.clear()
        socket.on("framereceived", self._received)
        socket.on("framesent", self._sent)

    def _sent(self, payload: str | bytes) -> None:
        if (ping := json.loads(payload).get("ping")) is not None:
            self._pings.append(ping)

    def _received(self, payload: str | bytes) -> None:
        text = payload if isinstance(payload, str) else payload.decode()
        if text.startswith('{"type":"frame"') and '"chart":' in text:
            self.chart_frames += 1
        elif text.startswith('{"type":"pong"'):
            self._pongs.append(json.loads(text)["pong"])


def shows(watched: Watched, symbol: str, column: str, text: str) -> None:
    """Wait until a cell has this text, in a column that may have no room beside the dear symbols of other tests."""
    watched.until(
        """([symbol, colKey, text]) => {
            const grid = dash_ag_grid.getApi('watchlist');
            const rowNode = grid.getRowNode(symbol);
            return rowNode && grid.getCellValue({ rowNode, colKey, useFormatter: true }) === text;
        }""",
        [symbol, column, text],
    )
