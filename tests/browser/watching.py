"""A page under test: what it logs, what it asks for, and what it shows."""

from __future__ import annotations

import re
from typing import Any, Final

from playwright.sync_api import ConsoleMessage, Error, Page, WebSocket, expect

PATIENCE_MS: Final = 20_000
NETWORK_CHANGED: Final = "net::ERR_NETWORK_CHANGED"
"""The machine got another network interface while the page loaded (a container started, say): not the page's fault."""


class Watched:
    """A page whose console must stay empty, but for what `allow` was told to expect."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.chart_frames = 0
        self.requests: list[str] = []
        self._complaints: list[str] = []
        self._allowed: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._logged)
        page.on("pageerror", self._raised)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", self._connected)

    def open(self, url: str) -> None:
        """Load the page and wait for its chart."""
        for _ in range(3):
            self.page.goto(url)
            if not any(NETWORK_CHANGED in complaint for complaint in self._complaints):
                break
            self._complaints.clear()
        self.page.wait_for_selector("#chart-panel[data-drawn]")

    def allow(self, pattern: str) -> None:
        """Expect messages like this, such as of a connection that the test cuts."""
        self._allowed.append(pattern)

    def complaints(self) -> list[str]:
        return [text for text in self._complaints if not any(re.search(p, text) for p in self._allowed)]

    def until(self, expression: str, argument: Any = None) -> None:
        """Wait until the JavaScript `expression`, or the function that it is, is true."""
        if not expression.lstrip().startswith("("):  # the page's policy refuses an expression: it is eval'ed
            expression = f"() => ({expression})"
        self.page.wait_for_function(expression, arg=argument, timeout=PATIENCE_MS)

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

    def _connected(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._received)

    def _received(self, payload: str | bytes) -> None:
        text = payload if isinstance(payload, str) else payload.decode()
        if text.startswith('{"type":"frame"') and '"chart":' in text:
            self.chart_frames += 1

    def _logged(self, message: ConsoleMessage) -> None:
        self._complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _raised(self, error: Error) -> None:
        self._complaints.append(f"uncaught: {error}")
