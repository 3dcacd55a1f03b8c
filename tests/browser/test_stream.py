"""What moves: numbers in the grid, the forming candle, the tape; and what must not move."""

from __future__ import annotations

from tests.browser.dashboard import Dashboard
from tests.browser.watching import Watched

FORMING = """() => {
    return document.querySelector('#chart-front .newest.prices path:last-child')?.getAttribute('d') ?? '';
}"""


def test_numbers_change_without_a_reload_and_those_that_moved_flash(
    walking: Dashboard, watched: Watched
) -> None:
    watched.open(walking.url)
    watched.page.evaluate("window.notReloaded = true")
    cells = (
        "() => [...document.querySelectorAll('#watchlist [col-id=last]')].map((e) => e.textContent).join()"
    )
    before = watched.page.evaluate(cells)
    watched.until(f"(before) => ({cells})() !== before", before)
    tape = "() => document.querySelector('#tape .ag-row[row-index=\"0\"]').getAttribute('row-id')"
    newest = watched.page.evaluate(tape)
    watched.until(f"(before) => ({tape})() !== before", newest)
    assert watched.page.evaluate("window.notReloaded")
    # Only prices that moved flash.
    watched.until("document.querySelector('#watchlist .ag-cell-data-changed') !== null")
    flashed = "[...document.querySelectorAll('.ag-cell-data-changed')].map((e) => e.getAttribute('col-id'))"
    assert set(watched.page.evaluate(flashed)) <= {"last"}


def test_forming_candle_moves_and_rolls_over(walking: Dashboard, watched: Watched) -> None:
    watched.open(f"{walking.url}/?interval=1s")
    before = watched.page.evaluate(FORMING)
    watched.until(f"(before) => ({FORMING})() !== before", before)

    newest = "() => document.querySelector('#chart .js-plotly-plot').data[0].x.at(-1)"
    left = "document.querySelector('#chart .js-plotly-plot').layout.xaxis.range[0]"
    closed, low = watched.page.evaluate(f"() => [({newest})(), {left}]")
    watched.until(f"(before) => ({newest})() >= before + 2", closed)
    after, _ = watched.range()
    assert after >= low + 2, "the view follows the newest candle"


def test_closed_candles_agree_with_the_server(walking: Dashboard, watched: Watched) -> None:
    watched.open(f"{walking.url}/?interval=1s")
    newest = "() => document.querySelector('#chart .js-plotly-plot').data[0].x.at(-1)"
    closed = watched.page.evaluate(newest)
    watched.until(f"(before) => ({newest})() >= before + 2", closed)
    # What is pushed may be a moment behind what is stored, so the two have to agree before long.
    watched.eventually(
        """async () => {
            const trace = document.querySelector('#chart .js-plotly-plot').data[0];
            const columns = [trace.open, trace.high, trace.low, trace.close].map((one) => one.slice(-12, -2));
            const shown = columns[0].map((_, row) => columns.map((column) => column[row]).join());
            const asked = new URLSearchParams(location.search);
            asked.set('limit', '300');
            const answer = await (await fetch(`/api/candles?${asked}`)).json();
            const stored = new Set(answer.map((c) => [c.open, c.high, c.low, c.close].join()));
            return shown.length === 10 && shown.every((row) => stored.has(row));
        }"""
    )


def test_zoom_survives_twenty_updates(walking: Dashboard, watched: Watched) -> None:
    watched.open(f"{walking.url}/?interval=1s")
    box = watched.page.locator("#chart").bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)
    shown = "document.querySelector('#chart .js-plotly-plot').layout.xaxis.range"
    last = "() => Number(document.getElementById('chart-panel').dataset.candles)"
    low, high = watched.range()
    watched.page.mouse.move(*middle)
    watched.page.mouse.wheel(0, -400)
    watched.until(f"(width) => {shown}[1] - {shown}[0] < width - 1", high - low)
    watched.page.mouse.down()
    watched.page.mouse.move(middle[0] + 250, middle[1], steps=5)
    watched.page.mouse.up()
    watched.until(f"() => {shown}[1] < ({last})() - 5")
    settled = watched.resting_range()
    frames, candles = watched.chart_frames, watched.page.evaluate(last)
    while watched.chart_frames < frames + 20:
        watched.page.wait_for_timeout(50)  # hands the browser's events to the listeners
    assert watched.page.evaluate(last) > candles, "candles closed meanwhile"
    assert watched.range() == settled


def test_scrolling_back_reads_older_candles(walking: Dashboard, watched: Watched) -> None:
    watched.open(f"{walking.url}/?interval=1m")
    # Candles before the first 500 have numbers below 0.
    watched.scroll_back(until="document.querySelector('#chart .js-plotly-plot').data[0].x[0] < 0")
    chart = watched.page.locator("#chart").bounding_box()
    assert chart is not None
    watched.page.mouse.dblclick(chart["x"] + chart["width"] / 2, chart["y"] + 150)
    watched.until("document.querySelector('#chart .js-plotly-plot').layout.xaxis.range[1] > 490")
