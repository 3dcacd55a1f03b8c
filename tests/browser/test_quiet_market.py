"""A market at rest: single ticks written by SQL, late ones too, new symbols, and an empty database."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.watching import Watched

CLOSES = "() => document.querySelector('#chart .js-plotly-plot').data[0].close"

FRAMES = """([symbol, price]) => {
    const seen = (window.frames = {});
    const plot = document.querySelector('#chart .js-plotly-plot');
    const cell = document.querySelector(`#watchlist .ag-row[row-id="${symbol}"] [col-id="last"]`);
    let frame = 0;
    const count = () => requestAnimationFrame(count, (frame += 1));
    count();
    plot.on('plotly_afterplot', () => { if (plot.layout.yaxis.range[1] > Number(price)) seen.range ??= frame; });
    new MutationObserver(() => {
        const tape = document.querySelector('#tape .ag-row[row-index="0"] [col-id="price"]');
        if (cell.textContent === price) seen.cell ??= frame;
        if (tape?.textContent === price) seen.tape ??= frame;
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""
"""Remembers how many animation frames there had been when watchlist, tape and Plotly got the price."""


def test_an_insert_shows_everywhere_the_price_first(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    market.past(market.symbol, [100.0, 101.0, 100.5])
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    last = watched.page.locator(f'#watchlist .ag-row[row-id="{market.symbol}"] [col-id="last"]')
    market.trade(market.symbol, 123.45)
    expect(last).to_have_text("123.45")
    expect(watched.page.locator("#headline-last")).to_have_text("123.45")
    expect(watched.page.locator('#tape .ag-row[row-index="0"] [col-id="price"]')).to_have_text("123.45")
    expect(watched.page.locator('#readout span[data-name="C"]')).to_have_text("123.45")
    expect(watched.page.locator(".last-label text")).to_have_text("123.45")
    expect(watched.page).to_have_title(f"{market.symbol} 123.45 · Tickdeck")
    # The price is painted before what is dearer.
    watched.resting_range()
    watched.page.evaluate(FRAMES, [market.symbol, "150.00"])
    market.trade(market.symbol, 150.0)  # beyond the chart's range: Plotly has to draw all candles anew
    watched.until("Object.keys(window.frames).length === 3")
    frames = watched.page.evaluate("window.frames")
    assert frames["cell"] < frames["tape"]
    assert frames["cell"] < frames["range"]


def test_an_alert_is_made_from_the_chart_and_told_there(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    market.past(market.symbol, [100.0, 101.0, 102.0])
    address = f"{dashboard.url}/?symbol={market.symbol}&interval=1m"
    watched.open(address)
    page = watched.page
    page.locator("#chart-area").hover()
    page.keyboard.press("Alt+a")
    condition = page.locator("#alert-condition")
    expect(condition).to_have_value(re.compile(r"price crosses 10\d(\.\d+)?"))
    condition.fill("price crosses 101.5")
    page.get_by_role("button", name="What it would have fired").click()
    expect(page.locator("#alerts-tested")).to_contain_text("it would have fired once")
    condition.fill("price crosses 101.75")
    page.click("#alert-more summary")
    page.fill("#alert-email", "somebody@example.org")
    watched.allow("status of 422")
    condition.press("Enter")
    expect(page.locator("#alerts-error")).to_contain_text("mail")  # nobody has said by which server
    page.fill("#alert-email", "")
    condition.press("Enter")
    level = page.locator('.alert-level[data-condition="price crosses 101.75"]')
    expect(level.locator("text")).to_contain_text("101.75")
    page.get_by_title(f"Remove: {market.symbol} price crosses 101.75").click()
    expect(level).to_have_count(0)
    condition.fill("price above 109.5")
    page.keyboard.press("Enter")
    expect(page.locator("#alerts-rules li .about")).to_have_text("once")
    page.keyboard.press("Escape")
    market.trade(market.symbol, 110.25)
    toast = page.locator(".toast")
    expect(toast.locator(".who")).to_have_text(market.symbol)
    expect(toast.locator(".about")).to_contain_text("110.25")
    expect(page.locator("#alerts-count")).to_have_text("1")
    page.locator("#alerts-open").click()
    expect(page.locator("#alerts-rules li .about")).to_have_text("has fired")
    expect(page.locator("#alerts-log li .what")).to_have_text("price above 109.5")
    page.get_by_title(f"Remove: {market.symbol} price above 109.5").click()
    expect(page.locator("#alerts-rules li.empty")).to_be_visible()
    market.trade(market.symbol, 120.0)
    expect(page.locator("#headline-last")).to_have_text("120.00")
    expect(page.locator("#alerts-log li")).to_have_count(1)


def test_a_late_tick_changes_its_closed_candle_and_its_place_in_the_tape(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    noon = datetime.now(UTC).replace(second=30, microsecond=0) - timedelta(minutes=5)
    market.past(market.symbol, [100.0, 101.0, 102.0, 103.0], newest=noon)
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    watched.until(f"() => ({CLOSES})().join() === '100,101,102'")
    market.trade(market.symbol, 107.0, time=noon - timedelta(minutes=1))
    watched.until(f"() => ({CLOSES})().join() === '100,101,107'")
    prices = watched.page.locator('#tape .ag-row[row-index="1"] [col-id="price"]')
    expect(prices).to_have_text("107.00")
    assert watched.cell(market.symbol, "last") == "103.00"


def test_a_late_tick_in_an_empty_minute_becomes_a_candle_in_between(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    noon = datetime.now(UTC).replace(second=30, microsecond=0) - timedelta(minutes=20)
    for minute, price in ((0, 50.0), (4, 54.0), (5, 55.0)):
        market.trade(market.symbol, price, time=noon + timedelta(minutes=minute))
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    watched.until(f"() => ({CLOSES})().join() === '50,54'")
    market.trade(market.symbol, 52.0, time=noon + timedelta(minutes=2))
    watched.until(f"() => ({CLOSES})().join() === '50,52,54'")


def test_an_empty_database_fills_before_the_eyes(tickdeck_db: str, watched: Watched) -> None:
    with Market(tickdeck_db) as market, Dashboard(tickdeck_db, "serve") as dashboard:
        watched.page.goto(dashboard.url)
        watched.state("live")
        nothing = watched.page.locator("#watchlist .ag-overlay-no-rows-center")
        expect(nothing).to_contain_text("No symbols yet")
        market.trade("FIRST", 10.0)
        watched.drawn("FIRST", "1m")
        market.trade("SECOND", 20.0)
        expect(watched.page.locator('#watchlist .ag-row[row-id="SECOND"]')).to_be_visible()
        assert "symbol=FIRST" in watched.page.url
        watched.page.goto("about:blank")


def test_decimals_follow_the_instrument(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    dashboard, market = quiet
    market.instrument("EURUSD", price_decimals=5, timezone="Europe/Berlin")
    market.past("EURUSD", [1.08, 1.09])
    watched.open(f"{dashboard.url}/?symbol=EURUSD&interval=1m")
    expect(watched.page.locator('#watchlist .ag-row[row-id="EURUSD"] [col-id="last"]')).to_have_text(
        "1.09000"
    )
    expect(watched.page.locator('#readout span[data-name="C"]')).to_have_text("1.09000")
    expect(watched.page.locator("#status-clock")).to_contain_text("Berlin")
    expect(watched.page.locator("#instrument")).to_contain_text("Berlin time")


SHOWN = """() => { const grid = dash_ag_grid.getApi('tape');
    return Array.from({ length: grid.getDisplayedRowCount() }, (_, at) => {
        const rowNode = grid.getDisplayedRowAtIndex(at);
        return [rowNode.data.price, grid.getCellValue({ rowNode, colKey: 'size', useFormatter: true })];
    }); }"""


def test_the_tape_joins_filters_stands_still_under_the_pointer_and_leads_to_a_candle(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    page = watched.page
    noon = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=30)
    market.many(market.symbol, 300)
    for milliseconds, price, size in (
        (0, 90.0, 5),
        (20, 90.0, 6),
        (49, 90.0, 7),
        (80, 90.0, 8),
        (90, 91.0, 500),
    ):
        market.trade(market.symbol, price, size=size, time=noon + timedelta(milliseconds=milliseconds))
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    watched.until(f"() => ({SHOWN})()[0]?.[1] === '500'")
    columns = "dash_ag_grid.getApi('tape').getAllDisplayedColumns().map((column) => column.getColId()).join()"
    assert page.evaluate(columns) == "time_us,price,size,bid,ask", (
        "no side, exchange or condition in any tick"
    )
    page.click("#tape-join")
    watched.until(
        f"() => JSON.stringify(({SHOWN})().slice(0, 3)) === JSON.stringify([[91, '500'], [90, '8'], [90, '18 \u00d73']])"
    )
    page.fill("#tape-least", "0.01k")
    watched.until(
        f"() => JSON.stringify(({SHOWN})().slice(0, 2)) === JSON.stringify([[91, '500'], [90, '18 \u00d73']])"
    )
    page.click("#tape-join")
    page.hover('#tape .ag-row[row-index="0"]')
    expect(page.locator("#tape-held")).to_have_text("paused")
    market.trade(market.symbol, 92.0, size=700)
    expect(page.locator("#tape-held")).to_have_text("paused · 1 new")
    assert page.evaluate(f"({SHOWN})()[0][1]") == "500"
    page.mouse.move(300, 300)
    watched.until(f"() => ({SHOWN})()[0][1] === '700'")
    expect(page.locator("#tape-held")).to_have_text("")
    watched.open(page.url)
    expect(page.locator("#tape-least")).to_have_value("10")
    watched.until(f"() => ({SHOWN})()[0]?.[1] === '700'")
    page.fill("#tape-least", "")
    watched.until(f"() => ({SHOWN})().some(([, size]) => size === '5')")
    oldest = page.evaluate("dash_ag_grid.getApi('tape').getDisplayedRowAtIndex(90).data")
    page.evaluate("dash_ag_grid.getApi('tape').ensureIndexVisible(90)")
    before = watched.resting_range()
    page.locator(f'#tape .ag-row[row-id="{oldest["id"]}"] [col-id="price"]').click()
    watched.until(
        "(before) => document.querySelector('#chart .js-plotly-plot').layout.xaxis.range[1] < before - 5",
        before[1],
    )
