"""The watchlist: what a row says of itself, and what a click on it hits."""

from __future__ import annotations

import json
import re
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Route, expect

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.watching import Watched, shows


@pytest.mark.fault(
    "a feed, the database, the server or the way to it is away",
    "each row of the watchlist says so in a word of its own: cut, no db, stale, lost",
    within="page 3 s",
)
def test_a_row_says_how_old_it_is_and_shows_all_of_its_numbers(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    old, dear, tiny = market.symbol, market.other, f"{market.symbol}/TINY"
    market.past(old, [10.0], newest=datetime(2013, 10, 7, 14, 30, tzinfo=UTC))
    market.past(dear, [612_345.25], newest=datetime.now(UTC) - timedelta(days=1))
    market.past(dear, [623_450.25], newest=datetime.now(UTC) - timedelta(minutes=2))
    market.past(tiny, [0.0000123], newest=datetime.now(UTC) - timedelta(minutes=2))
    watched.open(f"{dashboard.url}/?symbol={dear}&interval=1m")
    shows(watched, old, "time", "7 Oct 2013")
    shows(watched, old, "state", "old")
    shows(watched, tiny, "state", "quiet")
    shows(watched, tiny, "last", "0.00001230")
    shows(watched, dear, "last", "623,450.25")
    watched.until(  # rows of other tests have what no column has room for
        """(symbols) => symbols.every((symbol) =>
             [...document.querySelectorAll(`#watchlist .ag-row[row-id="${symbol}"] .ag-cell:not(.symbol)`)]
                 .every((each) => each.scrollWidth <= each.clientWidth))""",
        [old, dear, tiny],
    )
    market.trade(dear, 623_451.25)
    shows(watched, dear, "state", "live")
    told = watched.page.evaluate("(id) => dash_ag_grid.getApi('watchlist').getRowNode(id).data.told", tiny)
    assert re.fullmatch(r"no trades since \d\d:\d\d:\d\d", told)
    words = watched.page.evaluate(
        """async (cases) => {
            const { trouble } = await import('/assets/watchlist/trouble.js');
            return cases.map(([symbol, link, feeds]) => trouble(symbol, link, feeds)?.state ?? null);
        }""",
        [case for case, _ in WAYS],
    )
    assert words == [word for _, word in WAYS]
    ages = watched.page.evaluate(
        """async (cases) => {
            const { freshness } = await import('/assets/watchlist/freshness.js');
            return cases.map((each) => freshness(...each, 'America/New_York'));
        }""",
        [case for case, _ in AGES],
    )
    assert ages == [word for _, word in AGES]
    assert watched.page.locator('#watchlist [col-id="gaps"]').count() == 0
    market.miss(dear, feed="a live one", stretches=2)
    shows(watched, dear, "gaps", "2")
    assert (
        watched.page.evaluate("(id) => dash_ag_grid.getApi('watchlist').getRowNode(id).data.gaps", tiny)
        is None
    )
    page = watched.page
    page.click("#status-feeds")
    while not page.evaluate(OPEN_SYMBOLS):
        market.hear("a live one")
        watched.settle()
    expect(page.locator("#feed-symbols li")).to_have_text(["BTC/USDT\u00d7"])
    page.fill("#feed-symbols input", "SOL/USDT")
    page.keyboard.press("Enter")
    expect(page.locator("#feed-symbols li")).to_have_text(["BTC/USDT\u00d7", "SOL/USDT\u00d7"])
    page.click('#feed-symbols [data-symbol="BTC/USDT"]')
    expect(page.locator("#feed-symbols li")).to_have_text(["SOL/USDT\u00d7"])
    page.keyboard.press("Escape")
    market.fill("a live one")
    expect(watched.page.locator('#watchlist [col-id="gaps"]')).to_have_count(0)


OPEN_SYMBOLS = """() => {
    const name = document.querySelector('#feeds tr[data-live="a live one"] td');
    name?.click();
    return name !== null;
}"""
"""Clicks the name of the feed, where that says at this moment that it runs; whether it did."""


def feed(state: str = "running", **facts: object) -> dict[str, object]:
    return {"name": "a feed", "kind": "", "state": state, **facts}


KRAKEN = {"venue": "KRAKEN"}
WAYS = [
    (("SPY", "live", [feed()]), None),
    (("SPY", "polling", []), None),
    (("SPY", "stale", [feed()]), "stale"),
    (("SPY", "reconnecting", [feed()]), "lost"),
    (("SPY", "database", [feed()]), "no db"),
    (("SPY", "feed", [feed("silent", down=True)]), "cut"),
    (("SPY", "live", [feed("silent")]), None),  # of before the server began
    (("SPY", "feed", [feed("failed", down=True), feed()]), None),
    (("SPY", "replay", [feed("failed", down=True)]), None),
    (("KRAKEN:BTC/USD", "feed", [feed("failed", down=True), feed(connected=True, **KRAKEN)]), None),
    (("KRAKEN:BTC/USD", "live", [feed(connected=False, **KRAKEN)]), "cut"),
    (("SPY", "live", [feed(connected=False, **KRAKEN)]), None),
]
"""A symbol, what the status line says, the feeds; and what its row says then."""


def at(day: int, clock: str) -> int:
    """A time of October 2013 in UTC, ms; the 4th was a Friday."""
    return round(datetime.fromisoformat(f"2013-10-{day:02}T{clock}+00:00").timestamp() * 1000)


SESSIONS = [[at(day, "13:30"), at(day, "20:00")] for day in (4, 7)]
AGES = [
    ((at(7, "15:00"), at(7, "15:00:59"), SESSIONS), "live"),
    ((at(7, "15:00"), at(7, "15:05"), SESSIONS), "quiet"),
    ((at(7, "13:00"), at(7, "15:00"), SESSIONS), "quiet"),  # before the open of the day
    ((at(7, "19:59"), at(7, "21:00"), SESSIONS), "closed"),
    ((at(4, "19:59"), at(6, "12:00"), SESSIONS), "closed"),  # on a Sunday nothing is newer
    ((at(4, "19:59"), at(7, "15:00"), SESSIONS), "old"),
    ((at(6, "23:00"), at(7, "15:00"), []), "quiet"),  # around the clock
    ((at(6, "10:00"), at(7, "15:00"), []), "old"),
    ((None, at(7, "15:00"), SESSIONS), ""),
]
"""When a symbol had its last tick, the market's clock, the regular hours around it; and what its row says."""


def test_zones_that_could_not_be_read_at_first_are_read_again(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    market.instrument(market.symbol, price_decimals=2, timezone="Asia/Tokyo")
    market.past(
        market.symbol, [10.0], newest=datetime.now(UTC).replace(hour=0, minute=30) - timedelta(days=1)
    )
    failed: list[str] = []

    def once(route: Route) -> None:
        if failed:
            route.continue_()
        else:
            failed.append(route.request.url)
            route.abort()

    watched.allow("net::ERR_FAILED")
    watched.page.route("**/api/instruments", once)
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    tape = watched.page.locator('#tape .ag-row[row-index="0"] [col-id="time_us"]')
    expect(tape).to_have_text(re.compile(r"^09:30"))
    expect(watched.page.locator("#status-clock")).to_contain_text("Tokyo")
    assert failed


AIMING = """([x, y]) => new Promise((done) => {
    const grid = dash_ag_grid.getApi('watchlist');
    const under = document.elementFromPoint(x, y);
    const orders = new Set();
    let [changes, seen] = [0, ''];
    const look = () => {
        under.dispatchEvent(new PointerEvent('pointermove', { bubbles: true, clientX: x, clientY: y }));
        const rows = Array.from({ length: 20 }, (_, at) => grid.getDisplayedRowAtIndex(at).data);
        orders.add(rows.map((row) => row.symbol).join());
        const now = JSON.stringify(rows);
        if (now !== seen) [seen, changes] = [now, changes + 1];
        if (changes < 8) setTimeout(look, 20);
        else done([document.elementFromPoint(x, y).closest('.ag-row').getAttribute('row-id'), orders.size]);
    };
    look();
})"""
"""A pointer that moves about a place while rows change: the row under it, and how many orders there were."""


def test_the_order_stays_still_under_the_pointer_and_outlives_the_page(
    walking: Dashboard, watched: Watched
) -> None:
    watched.open(walking.url)
    page = watched.page
    order = """() => { const grid = dash_ag_grid.getApi('watchlist');
        return Array.from({ length: 20 }, (_, at) => grid.getDisplayedRowAtIndex(at)?.id).join(); }"""
    page.click('#watchlist .ag-header-cell[col-id="time"]')
    page.mouse.move(1_300, 400)
    first = page.evaluate(order)
    watched.until(f"(first) => ({order})() !== first", first)
    row = page.locator('#watchlist .ag-row[row-index="6"] .symbol')
    box = row.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 10, box["y"] + 8)
    aimed, orders = page.evaluate(AIMING, [box["x"] + 10, box["y"] + 8])
    assert orders == 1
    page.mouse.down()
    page.mouse.up()
    expect(page).to_have_url(re.compile(f"symbol={aimed}(&|$)"))
    page.mouse.move(1_300, 400)
    watched.until(f"(before) => ({order})() !== before", page.evaluate(order))
    watched.open(walking.url)
    expect(page.locator('#watchlist .ag-header-cell[col-id="time"]')).to_have_attribute(
        "aria-sort", "descending"
    )


def test_search_finds_names(walking: Dashboard, watched: Watched) -> None:
    watched.open(walking.url)
    with urllib.request.urlopen(f"{walking.url}/api/instruments") as answer:  # noqa: S310 - our own server
        one = json.load(answer)[3]
    watched.page.fill("#search", " ".join(reversed(one["name"].lower().split())))
    expect(watched.page.locator("#watchlist .ag-cell.symbol")).to_have_text([one["symbol"]])
    watched.page.keyboard.press("Enter")
    watched.drawn(one["symbol"], "1m")
