"""Named lists, their sections, filters that the server evaluates, and columns that are chosen."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.replaying import address, open_replay
from tests.browser.watching import Watched

SEEN = """() => { const grid = dash_ag_grid.getApi('watchlist');
    return Array.from({ length: grid.getDisplayedRowCount() }, (_, at) => grid.getDisplayedRowAtIndex(at).data.symbol); }"""
TITLES = (
    """() => dash_ag_grid.getApi('watchlist').getAllDisplayedColumns().map((column) => column.getColId())"""
)


def seen(watched: Watched, wanted: list[str]) -> None:
    """Wait until the watchlist shows these rows, from the top."""
    watched.until(f"(wanted) => JSON.stringify(({SEEN})()) === JSON.stringify(wanted)", wanted)


def make_list(page: Page, name: str, text: str) -> None:
    page.select_option("#lists", "new")
    page.fill("#list-editor [name=name]", name)
    page.fill("#list-editor textarea", text)
    page.click("#list-editor [type=submit]")
    expect(page.locator("#list-editor")).to_have_count(0)
    expect(page.locator("#lists option:checked")).to_have_text(name)


def test_a_list_is_typed_pasted_read_from_a_file_and_outlives_the_page(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    page = watched.page
    one, other, third = market.symbol, market.other, f"{market.symbol}X"
    for symbol, price in ((one, 10.0), (other, 20.0), (third, 30.0)):
        market.past(symbol, [price])
    watched.open(f"{dashboard.url}/?symbol={one}&interval=1m")
    watched.until(f"(symbol) => ({SEEN})().includes(symbol)", third)
    make_list(
        page,
        f"List {one}",
        f"# Second\n{other.lower()}\n# First; of two\n{third}, {one} , {third}\nNOSUCHYET",
    )
    sections = [f" § {name}" for name in ("Second", "First; of two")]
    seen(watched, [sections[0], other, sections[1], one, third])
    # Sorted by a column, each section by itself; in the third step of the header the list's own order.
    header = page.locator('#watchlist .ag-header-cell[col-id="last"]')
    header.click()
    page.mouse.move(1_300, 400)
    seen(watched, [sections[0], other, sections[1], third, one])
    header.click()
    header.click()
    page.mouse.move(1_300, 400)
    expect(header).to_have_attribute("aria-sort", "none")
    seen(watched, [sections[0], other, sections[1], third, one])
    page.click(f'#watchlist .ag-row[row-id="{third}"] .symbol')
    watched.drawn(third, "1m")
    page.click('#watchlist .ag-row[row-id=" § Second"] .symbol')
    expect(page).to_have_url(re.compile(f"symbol={third}(&|$)"))
    page.click("#list-add")
    page.mouse.move(1_300, 400)
    seen(watched, [sections[0], other, sections[1], one])
    watched.open(page.url)
    seen(watched, [sections[0], other, sections[1], one])
    expect(header).to_have_attribute("aria-sort", "none")
    page.click("#list-edit")
    expect(page.locator("#list-editor textarea")).to_have_value(
        f"# Second\n{other}\n# First; of two\n{one}\nNOSUCHYET"
    )
    expect(page.locator(".editor-told")).to_contain_text("Not known yet, shown once they trade: NOSUCHYET")
    page.fill("#list-editor textarea", "")
    content = f"Name,Symbol\nX Inc,{third}\nNobody,NOTHERE\nY Inc,{other}\n"
    page.set_input_files(
        "#list-editor [type=file]", {"name": "mine.csv", "mimeType": "text/csv", "buffer": content.encode()}
    )
    expect(page.locator(".editor-told")).to_have_text(
        "2 symbols from mine.csv; 2 lines name none that is known"
    )
    page.click("#list-editor [type=submit]")
    page.mouse.move(1_300, 400)
    seen(watched, [third, other])
    # Another page of the same person has the list too; a name is taken once.
    second = page.context.new_page()
    second.goto(dashboard.url)
    expect(second.locator("#lists option:checked")).to_have_text(f"List {one}")
    second.close()
    watched.allow("status of 422")
    page.select_option("#lists", "new")
    page.fill("#list-editor [name=name]", f"List {one}")
    page.click("#list-editor [type=submit]")
    expect(page.locator(".editor-told")).to_contain_text("already")
    page.keyboard.press("Escape")
    page.click("#list-edit")
    page.click("#list-editor .remove")
    expect(page.locator("#lists option:checked")).to_have_text("All symbols")
    watched.until(f"(symbol) => ({SEEN})().includes(symbol)", one)


def test_a_filter_is_evaluated_as_prices_move(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    dashboard, market = quiet
    page = watched.page
    one, other = f"{market.symbol}F", f"{market.other}F"
    yesterday = datetime.now(UTC) - timedelta(days=1)
    for symbol in (one, other):
        market.trade(symbol, 100.0, time=yesterday)
        market.trade(
            symbol, 100.5
        )  # should midnight be about to come, it is the close that the others move from
    watched.open(f"{dashboard.url}/?symbol={one}&interval=1m")
    watched.until(f"(symbol) => ({SEEN})().includes(symbol)", other)
    page.fill("#search", f'chg% > 3 and symbol ~ "{one[-4:]}"')
    page.mouse.move(1_300, 400)
    seen(watched, [])
    expect(page.locator("#watchlist-told")).to_have_text("0 pass")
    market.trade(one, 104.0)
    seen(watched, [one])
    market.trade(one, 101.0)
    seen(watched, [])
    market.trade(one, 109.0)
    seen(watched, [one])
    page.fill("#search", "chg% >")
    expect(page.locator("#watchlist-told")).to_contain_text("something is missing at its end")
    page.fill("#search", f"last >= 105 and symbol ~ {one}")
    seen(watched, [one])
    watched.open(page.url)
    expect(page.locator("#search")).to_have_value(f"last >= 105 and symbol ~ {one}")
    seen(watched, [one])
    page.focus("#search")
    page.keyboard.press("Escape")
    watched.until(f"(symbol) => ({SEEN})().includes(symbol)", other)


def test_columns_are_chosen_ordered_pinned_and_remembered(walking: Dashboard, watched: Watched) -> None:
    page = watched.page
    watched.open(walking.url)
    watched.settle()

    def shown() -> list[Any]:
        found: list[Any] = page.evaluate(TITLES)
        return found

    usual = shown()
    page.click("#columns-open")
    for name in ("bid", "ask", "high", "low"):
        page.uncheck(f"#columns [name={name}]")
    page.check("#columns [name=range]")
    page.check("#columns [name=spark]")
    page.check("#columns [name=heat]")
    line = page.locator('#columns [data-column="volume"]')
    for _ in range(3):
        line.locator("[data-press=up]").click()
    page.locator('#columns [data-column="symbol"] [data-press=pin]').click()
    page.keyboard.press("Escape")
    expect(page.locator("#columns")).to_have_count(0)
    assert "bid" not in shown()
    assert "range" in shown()
    assert shown().index("volume") < shown().index("change_pct")
    bar = page.locator('#watchlist .ag-row[row-index="3"] .range-bar')
    expect(bar).to_have_attribute("title", re.compile(r"^\d+ % of the way"))
    watched.until("document.querySelectorAll('#watchlist .spark polyline').length > 10")
    watched.until("document.querySelector('#watchlist .ag-pinned-left-cols-container .symbol') !== null")
    wanted = shown()
    watched.open(walking.url)
    watched.until(f"(wanted) => JSON.stringify(({TITLES})()) === JSON.stringify(wanted)", wanted)
    expect(page.locator("#watchlist")).to_have_attribute("data-heat", "")
    page.click("#columns-open")
    page.click("#columns .usual")
    assert shown() == usual


def test_a_list_and_a_filter_narrow_a_replay_too(watched: Watched, day: Dashboard) -> None:
    page = open_replay(watched, address(day, "14:30", speed="1"))
    seen(watched, ["AIG", "BAC", "IBM", "SPY"])
    make_list(page, "Two", "spy\nibm\nMSFT")
    seen(watched, ["IBM", "SPY"])
    page.fill("#search", "symbol = spy")
    page.mouse.move(1_300, 400)
    seen(watched, ["SPY"])
    page.fill("#search", "last < 0")
    seen(watched, [])
    page.fill("#search", "")
    page.click("#list-edit")
    page.click("#list-editor .remove")
    seen(watched, ["AIG", "BAC", "IBM", "SPY"])
