"""Names that were made to be markup, formulas or to turn what stands beside them around: everywhere, as text only."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode

import psycopg
import pytest
import requests
from playwright.sync_api import expect

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.watching import Watched

SYMBOLS: Final = (
    '<img/src=x onerror="console.error(1)">',
    "<svg/onload=console.error(2)>",
    "</script><script>console.error(3)</script>",
    "javascript:console.error(4)",
    "\"'><style>*{display:none}</style>",
    "=cmd|'/c calc'!A1",
    "{{7*7}}${7*7}%7B",
    "__proto__",
    "שקל",
)
NAME: Final = '<b onmouseover="console.error(5)" style="position:fixed;inset:0">Evil</b><style>body{display:none}</style>'
TURNED: Final = "Good\u202eCorp\u202c"
"""A right-to-left override: what comes after it would be shown turned around."""


@pytest.fixture(scope="module")
def hostile(resting: tuple[Dashboard, str]) -> Dashboard:
    """A dashboard with these symbols; their names, exchanges' codes and conditions are of the same kind."""
    dashboard, url = resting
    if not dashboard.is_running:
        dashboard.start()
    now = datetime.now(UTC)
    with psycopg.connect(url, autocommit=True) as connection:
        for number, symbol in enumerate(SYMBOLS):
            connection.execute(
                "insert into instruments (symbol, name, currency) values (%s, %s, %s) on conflict do nothing",
                (symbol, NAME if number % 2 == 0 else TURNED, "USD"),
            )
            connection.execute(
                "insert into ticks (time, symbol, price, size, exchange, conditions) values (%s, %s, %s, 1, %s, %s)",
                (now - timedelta(minutes=number + 1), symbol, 10 + number, "<i>X</i>", "=1+1<i>"),
            )
    return dashboard


STRAYS: Final = """() => [...document.querySelectorAll(
    "img[onerror], svg[onload], [onmouseover], b[style], i:not([class]), body style:not([nonce]), script:not([src])"
)].filter((e) => !e.matches("#_dash-config, #_dash-renderer, #_dash-app-content script"))
  .filter((e) => !(e.tagName === "STYLE" && e.nonce))
  .map((e) => e.outerHTML.slice(0, 120))"""

GO: Final = "(there) => { history.pushState({}, '', there); dispatchEvent(new PopStateEvent('popstate', { state: {} })); }"


def is_text(watched: Watched, symbol: str) -> None:
    """The page shows this symbol, and nothing of it became an element."""
    page = watched.page
    expect(
        page.locator(f"#chart-panel[data-drawn={json.dumps(symbol + ' 1m', ensure_ascii=False)}]")
    ).to_be_visible()
    expect(page.locator("#symbol")).to_have_value(symbol)
    expect(page.locator("#instrument")).to_contain_text(
        "Good" if SYMBOLS.index(symbol) % 2 else "<b onmouseover"
    )
    expect(page).to_have_title(re.compile(re.escape(symbol)))
    cells = page.locator('#watchlist .ag-row [col-id="symbol"]')
    expect(cells.filter(has_text=symbol).first).to_be_visible()
    page.locator("#instrument").hover()
    strays = page.evaluate(STRAYS)
    assert [
        each for each in strays if "console.error" in each or "Evil" in each or "display:none" in each
    ] == []
    expect(page.locator("body")).to_be_visible()


@pytest.mark.parametrize("symbol", ["</script><script>console.error(3)</script>", "__proto__"])
def test_an_addressed_symbol_is_text_wherever_the_page_shows_it(
    hostile: Dashboard, watched: Watched, symbol: str
) -> None:
    """Nothing of it runs, which the empty console says too."""
    watched.page.goto(f"{hostile.url}/?{urlencode({'symbol': symbol, 'interval': '1m'})}")
    is_text(watched, symbol)


def test_each_is_found_among_the_others_and_shown_as_text(hostile: Dashboard, watched: Watched) -> None:
    """The grid keeps its rows in plain objects, which one of the names would turn upside down."""
    page = watched.page
    page.goto(f"{hostile.url}/?{urlencode({'symbol': SYMBOLS[1], 'interval': '1m'})}")
    is_text(watched, SYMBOLS[1])
    # The names stand apart from what stands beside them, so that a price beside one is not read backwards.
    for place in ("#instrument", '#watchlist .ag-row [col-id="symbol"]'):
        found = page.locator(place).first.evaluate("(e) => getComputedStyle(e).unicodeBidi")
        assert found in {"isolate", "isolate-override", "plaintext"}, place
    for symbol in SYMBOLS:  # gone to as the browser's own Back and Forward go, without loading the page anew
        page.evaluate(GO, f"?{urlencode({'symbol': symbol, 'interval': '1m'})}")
        is_text(watched, symbol)
    for symbol in ("__proto__", "javascript:console.error(4)", "__proto__"):
        page.fill("#search", symbol)
        expect(page.locator("#watchlist .ag-center-cols-container .ag-row")).to_have_count(1)
        page.press("#search", "Enter")
        is_text(watched, symbol)


def test_exports_hold_no_formulas(hostile: Dashboard) -> None:
    symbol = "=cmd|'/c calc'!A1"
    for path in (
        f"/api/ticks?symbol={quote(symbol)}&format=csv",
        f"/api/candles?symbol={quote(symbol)}&interval=1m&format=csv",
    ):
        answer = requests.get(hostile.url + path, timeout=60)
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.reader(io.StringIO(answer.text)))
        assert len(rows) == 2
        assert [cell for row in rows for cell in row if cell.startswith(("=", "+", "@"))] == []


def test_links_leave_without_telling_from_where(hostile: Dashboard) -> None:
    answer = requests.get(hostile.url, timeout=60)
    assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.breaks_policy
def test_styles_that_came_as_markup_do_nothing(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    """Neither an element nor an attribute of it: only what a script of this server makes has the answer's nonce."""
    dashboard, _ = quiet
    watched.allow("Content Security Policy")
    watched.page.goto(dashboard.url)
    watched.page.wait_for_selector("#watchlist")
    shown = watched.page.evaluate(
        """() => {
            const box = document.createElement("div");
            box.innerHTML = '<style>#injected { color: rgb(1, 2, 3) }</style><p id="injected" style="width: 7px">x</p>';
            document.body.append(box);
            const style = getComputedStyle(document.getElementById("injected"));
            return [style.color, style.width];
        }"""
    )
    assert "rgb(1, 2, 3)" not in shown
    assert "7px" not in shown
