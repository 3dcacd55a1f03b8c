"""What a browser that was never here has to load before it sees a chart."""

from __future__ import annotations

import re
import urllib.request
from typing import Final

from playwright.sync_api import Request

from tests.browser.dashboard import Dashboard
from tests.browser.watching import Watched

MOST_BYTES: Final = 1_400_000
"""Compressed, all of it."""


def compressed(url: str) -> int:
    """Bytes of the answer to a browser that takes gzip."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})  # noqa: S310 - our own server
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return len(answer.read())


def test_first_view_is_small_and_has_no_plotly_but_the_vendored_one(
    walking: Dashboard, watched: Watched
) -> None:
    requests: list[Request] = []
    watched.page.on("request", lambda request: requests.append(request))  # noqa: PLW0108 - Playwright marks it
    watched.open(walking.url)
    loaded = {each.url for each in requests if each.method == "GET" and each.url.startswith("http")}
    (plotly,) = [url for url in loaded if "plotly" in url]
    assert re.fullmatch(rf"{walking.url}/assets/v[0-9a-f]{{16}}/vendor/plotly-finance\.min\.js", plotly)
    sizes = {url: compressed(url) for url in loaded}
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:8]
    assert sum(sizes.values()) <= MOST_BYTES, largest


FASTER: Final = "const now = performance.now.bind(performance); performance.now = () => now() * 60;"
"""Rows are rendered every ten seconds, which is long for a test: the page's stop watch runs fast."""
LONGEST: Final = """() => {
    const length = (last) => { let count = 0; for (let one = last?.next; one; one = one === last ? null : one.next) count += 1; return count; };
    let longest = 0;
    for (const row of document.querySelectorAll('#watchlist .ag-row')) {
        const key = Object.keys(row).find((name) => name.startsWith('__reactFiber'));
        for (let fiber = row[key]; fiber && !fiber.stateNode?.classList?.contains('ag-center-cols-container'); fiber = fiber.return) {
            for (let hook = fiber.memoizedState; hook?.queue !== undefined; hook = hook.next) {
                longest = Math.max(longest, length(hook.queue?.pending) + length(hook.queue?.interleaved));
            }
        }
    }
    return longest;
}"""
"""The most changes that React keeps for one row of the watchlist until it is rendered."""


def test_what_react_keeps_of_a_row_is_let_go(walking: Dashboard, watched: Watched) -> None:
    watched.page.add_init_script(FASTER)
    watched.open(f"{walking.url}/?interval=1s")
    watched.until("document.querySelectorAll('#watchlist .ag-row').length === 20")
    volume = "dash_ag_grid.getApi('watchlist').getDisplayedRowAtIndex(0).data.trades"
    # So many changes of a row that without letting go fifty and more would be kept.
    watched.until(
        f"""() => {{
            const trades = {volume};
            if (trades !== window.tradesSeen) window.rowChanges = (window.rowChanges ?? 0) + 1;
            window.tradesSeen = trades;
            return window.rowChanges > 15;
        }}"""
    )
    assert watched.page.evaluate(LONGEST) < 20
