"""The chart of a stored day: kinds, price axis, ranges of time, places in time, zones, keys, and what is taken along."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pyarrow.parquet
import pytest
from playwright.sync_api import BrowserContext, Download, Page, Route, expect

from tests.browser.dashboard import Dashboard
from tests.browser.replaying import address, open_replay
from tests.browser.watching import Console, Watched

PLOT: Final = "document.querySelector('#chart .js-plotly-plot')"
LABELS: Final = (
    "[...document.querySelectorAll('#chart .yaxislayer-above .ytick text')].map((e) => e.textContent)"
)
LAST_LINE: Final = "document.querySelector('.last-line')"
TIMES: Final = "[...document.querySelectorAll('.time-grid text')].map((e) => e.textContent)"
VISIBLE: Final = f"{PLOT}._fullData.filter((trace) => trace.visible === true && trace.name !== 'volume').map((t) => t.name)"
KINDS: Final = {
    "hollow": ["candles", "fallen"],
    "heikin": ["candles"],
    "bars": ["bars"],
    "line": ["line"],
    "area": ["line", "above"],
    "baseline": ["line", "above", "below", "lower"],
    "candles": ["candles"],
}


@pytest.fixture(scope="module")
def shared(desktop: BrowserContext, console: Console, day: Dashboard) -> Iterator[Watched]:
    """One page for all of these tests."""
    page = desktop.new_page()
    yield Watched(page, console)
    page.close()


@pytest.fixture
def chart(shared: Watched, day: Dashboard) -> Watched:
    """The newest candles of SPY in minutes, looking as on a first visit."""
    shared.open(f"{day.url}/?symbol=SPY&interval=1m&kind=candles&scale=linear&zone=exchange")
    shared.drawn("SPY", "1m")
    return shared


def prices(page: Page) -> tuple[float, float]:
    """The range of the price axis."""
    low, high = page.evaluate(f"{PLOT}.layout.yaxis.range")
    return low, high


def shown(page: Page) -> Any:
    """When the candles in view begin, ms: the first and the last of them."""
    return page.evaluate(
        f"""() => {{ const {{ xaxis }} = {PLOT}.layout, x = {PLOT}.data[0].x;
                     return [x.filter((one) => one >= xaxis.range[0] && one <= xaxis.range[1]).length, xaxis.range[1] - xaxis.range[0]]; }}"""
    )


def read(page: Page) -> str:
    """The time under the crosshair."""
    return page.locator(".cross .cross-label text").nth(1).text_content() or ""


def point(page: Page, share: float) -> str:
    """Put the pointer at a share of the plot's width, and read the time there."""
    box = page.locator("#chart .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2)
    expect(page.locator(".cross")).to_be_visible()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return read(page)


def go(chart: Watched, date: str, *, back: float) -> None:
    """Go to a date, so many candles back at the least."""
    _, to = chart.range()
    chart.page.fill("#chart-date", date)
    chart.page.keyboard.press("Enter")
    chart.until(f"(to) => {PLOT}.layout.xaxis.range[1] < to", to - back)


def pressed(page: Page, name: str) -> str | None:
    return page.locator(f'[data-scale="{name}"]').get_attribute("aria-pressed")


def test_each_kind_has_traces_of_its_own_and_is_remembered(chart: Watched, day: Dashboard) -> None:
    heikin_ashi_is_what_the_formula_says(chart)
    for kind, names in KINDS.items():
        chart.page.select_option("#chart-kind", kind)
        chart.until(f"(names) => String({VISIBLE}) === names", ",".join(names))
        drawn = chart.page.evaluate(
            f"{PLOT}._fullData.filter((t) => t.visible === true).map((t) => t.x.length)"
        )
        assert all(drawn) or kind == "baseline"
    chart.page.select_option("#chart-kind", "bars")
    chart.open(f"{day.url}/?symbol=SPY&interval=5m")
    chart.until(f"(names) => String({VISIBLE}) === names", "bars")
    expect(chart.page.locator("#chart-kind")).to_have_value("bars")
    chart.page.select_option("#chart-kind", "candles")


def heikin_ashi_is_what_the_formula_says(chart: Watched) -> None:
    trace = f"(() => {{ const {{ x, open, high, low, close }} = {PLOT}.data[0]; return [x, open, high, low, close]; }})()"
    numbers, *plain = chart.page.evaluate(trace)
    chart.page.select_option("#chart-kind", "heikin")
    chart.until(f"(before) => {PLOT}.data[0].close.at(-1) !== before", plain[3][-1])
    again, *smooth = chart.page.evaluate(trace)
    chart.page.select_option("#chart-kind", "candles")
    assert again == numbers
    for at in range(1, len(numbers)):
        o, h, low, c = (values[at] for values in plain)
        opened = (smooth[0][at - 1] + smooth[3][at - 1]) / 2
        closed = (o + h + low + c) / 4
        wanted = [opened, max(h, opened, closed), min(low, opened, closed), closed]
        assert [values[at] for values in smooth] == pytest.approx(wanted)


def test_price_axis_is_dragged_wheeled_given_back_and_never_repeats_a_label(chart: Watched) -> None:
    page = chart.page
    fitted = prices(page)
    box = page.locator("#price-axis").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 3
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 80, steps=4)
    page.mouse.up()
    chart.until(f"(low) => {PLOT}.layout.yaxis.range[0] < low - 0.01", fitted[0])
    assert pressed(page, "auto") == "false"
    wide = prices(page)
    page.mouse.wheel(0, -300)
    chart.until(f"(low) => {PLOT}.layout.yaxis.range[0] > low + 0.01", wide[0])
    labels = page.evaluate(LABELS)
    assert len(set(labels)) == len(labels) >= 2
    held = prices(page)
    page.click('[data-chart="out"]', force=True)
    chart.resting_range()
    assert prices(page) == pytest.approx(held), "the user's until he gives it back"
    page.mouse.dblclick(x, y)
    chart.until(f"{PLOT}.layout.yaxis.range[0] !== {held[0]}")
    assert pressed(page, "auto") == "true"
    # However near one looks, labels never repeat.
    page.mouse.move(box["x"] + 20, box["y"] + 100)
    for _ in range(14):  # as near as one can go, and on
        page.mouse.wheel(0, -700)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        labels = page.evaluate(LABELS)
        assert len(set(labels)) == len(labels)
        assert all(re.fullmatch(r"[\d,]+\.\d\d", label) for label in labels)
    expect(page.locator(".last-label")).to_have_attribute("data-side", re.compile("above|below"))
    expect(page.locator(".last-label text")).to_have_text(re.compile(r"^[▲▼] [\d,]+\.\d\d$"))
    chart.until(f"{LAST_LINE}.style.display === 'none'")
    page.click('[data-scale="auto"]')
    expect(page.locator(".last-label")).to_have_attribute("data-side", "")
    chart.until(f"{LAST_LINE}.style.display === ''")


def test_log_and_percent(chart: Watched) -> None:
    page = chart.page
    plain = prices(page)
    page.click('[data-scale="log"]')
    chart.until(f"{PLOT}._fullLayout.yaxis.type === 'log'")
    low, high = prices(page)
    assert (10**low, 10**high) == pytest.approx(plain, rel=0.002)
    page.click('[data-scale="percent"]')
    chart.until(f"() => {LABELS}.length > 1 && {LABELS}.every((label) => label.endsWith('%'))")
    assert pressed(page, "log") == "false"
    labels = page.evaluate(LABELS)
    assert "0.00%" in labels
    first, last = page.evaluate(
        f"""() => {{ const {{ x, close }} = {PLOT}.data[0], from = {PLOT}.layout.xaxis.range[0];
                     return [close[x.findIndex((one) => one >= from)], close.at(-1)]; }}"""
    )
    expect(page.locator(".last-label text")).to_have_text(re.compile(r"^[+\u2212]?\d+\.\d\d%$"))
    said = float((page.locator(".last-label text").text_content() or "").replace("\u2212", "-").rstrip("%"))
    assert said == pytest.approx(100 * (last - first) / first, abs=0.2)
    page.click('[data-scale="percent"]')
    chart.until(f"() => {LABELS}.every((label) => !label.endsWith('%'))")


def test_ranges_choose_an_interval_and_end_with_the_newest(chart: Watched) -> None:
    page = chart.page
    for name, interval in (("1D", "5m"), ("5D", "30m"), ("YTD", "1d")):
        page.click(f'[data-range="{name}"]')
        chart.drawn("SPY", interval)
        assert f"interval={interval}" in page.url
    page.click('[data-range="All"]')
    expect(page.locator(".marks text")).to_have_text(["first tick"])


def test_zones_and_dates_that_it_goes_to_keeping_the_place(chart: Watched) -> None:
    page = chart.page
    hour = int(point(page, 0.5).split()[3].split(":")[0])
    page.select_option("#chart-zone", "UTC")
    chart.until(
        "(hour) => document.querySelectorAll('.cross .cross-label text')[1].textContent.split(' ')[3].startsWith(hour)",
        f"{hour + 4}:",
    )
    page.select_option("#chart-zone", "exchange")
    go(chart, "2013-10-07 10:30", back=100)
    assert point(page, 0.5).startswith("7 Oct 2013 10:")
    there = point(page, 0.98)
    page.click('[data-interval="15s"]')
    chart.drawn("SPY", "15s")
    assert point(page, 0.98)[:14] == there[:14], "another interval, the same place"
    page.click('[data-interval="1m"]')
    chart.drawn("SPY", "1m")
    page.click('#watchlist .ag-row[row-id="IBM"] .ag-cell.symbol')
    chart.drawn("IBM", "1m")
    assert point(page, 0.98)[:14] == there[:14], "another symbol, the same place"
    page.fill("#chart-date", "2013-02-30")
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_contain_text("“2013-02-30” is no date")
    page.fill("#chart-date", "")
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_be_hidden()


def test_zooming_out_goes_on_in_longer_intervals_and_back(chart: Watched) -> None:
    page = chart.page
    for _ in range(7):
        before = page.url, chart.range()
        page.click('[data-chart="out"]', force=True)
        chart.until(
            f"([url, range]) => location.href !== url || String({PLOT}.layout.xaxis.range) !== String(range)",
            list(before),
        )
        if page.url != before[0]:
            break
    expect(page).to_have_url(re.compile(r"interval=(3|5|15|30)m"))
    chart.resting_range()
    for _ in range(8):
        if "interval=1m" in page.url:
            break
        page.click('[data-chart="in"]', force=True)
        chart.resting_range()
    chart.drawn("SPY", "1m")


def test_the_keyboard_reads_and_moves_the_chart(chart: Watched) -> None:
    page = chart.page
    page.focus("#chart-keys")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".cross")).to_be_visible()
    expect(page.locator("#chart-keys")).to_have_attribute(
        "aria-label", re.compile(r"^Chart: SPY · 1m [\d.]+")
    )
    newest = read(page)
    page.keyboard.press("ArrowLeft")
    chart.until(
        "(before) => document.querySelectorAll('.cross .cross-label text')[1].textContent !== before", newest
    )
    before = chart.range()
    page.keyboard.press("PageUp")
    chart.until(f"(from) => {PLOT}.layout.xaxis.range[0] < from - 10", before[0])
    page.keyboard.press("End")
    chart.until(f"(from) => {PLOT}.layout.xaxis.range[0] > from - 1", before[0])
    page.keyboard.press("ArrowUp")
    chart.until("document.querySelector('[data-scale=auto]').getAttribute('aria-pressed') === 'false'")
    page.keyboard.press("0")
    chart.until("document.querySelector('[data-scale=auto]').getAttribute('aria-pressed') === 'true'")
    page.keyboard.press("Escape")
    expect(page.locator(".cross")).to_be_hidden()


def saved(page: Page, name: str) -> Path:
    page.click("#chart-share summary")
    with page.expect_download() as waiting:
        page.click(f'[data-share="{name}"]')
    download: Download = waiting.value
    assert download.suggested_filename == f"SPY-1m.{name}"
    return Path(download.path())


def test_picture_drawing_and_rows_are_those_in_view(chart: Watched) -> None:
    page = chart.page
    picture = saved(page, "png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 10_000
    drawing = saved(page, "svg").read_text(encoding="utf-8")
    assert "SPY · 1m" in drawing
    assert "7 Oct 2013" in drawing
    assert "America/New_York" in drawing
    rows = list(csv.DictReader(saved(page, "csv").read_text().splitlines()))
    number, _ = shown(page)
    assert abs(len(rows) - number) <= 1, "the newest candle is not Plotly's"
    assert {row["symbol"] for row in rows} == {"SPY"}
    table = pyarrow.parquet.read_table(saved(page, "parquet"))
    assert [str(price) for price in table["close"].to_pylist()] == [str(float(row["close"])) for row in rows]


def test_a_link_shows_exactly_this_view(chart: Watched, day: Dashboard) -> None:
    page = chart.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.select_option("#chart-kind", "area")
    go(chart, "2013-10-07 11:00", back=100)
    time = point(page, 0.5)
    fitted = prices(page)
    page.locator("#chart-keys").focus()
    page.keyboard.press("ArrowDown")
    chart.until(f"(low) => {PLOT}.layout.yaxis.range[0] < low", fitted[0])
    page.keyboard.press("Escape")
    held = prices(page)
    page.click("#indicator-menu > summary")
    page.click('#indicator-menu [data-kind="ema"]')
    page.click('#indicator-menu form button[type="submit"]')
    page.click('[data-orderflow="profile"]')
    page.click("#chart-share summary")
    page.click('[data-share="link"]')
    expect(page.locator("#notice")).to_contain_text("is copied")
    link = page.evaluate("navigator.clipboard.readText()")
    page.select_option("#chart-kind", "candles")
    page.evaluate(
        "localStorage.removeItem('tickdeck.indicators'); localStorage.removeItem('tickdeck.orderflow')"
    )
    assert parse_qs(urlsplit(link).query)["kind"] == ["area"]
    chart.open(link)
    expect(page.locator('.indicator-legend [data-indicator="ema(20)"]')).to_be_visible()
    expect(page.locator('[data-orderflow="profile"]')).to_have_attribute("aria-pressed", "true")
    chart.until(f"(names) => String({VISIBLE}) === names", "line,above")
    chart.resting_range()
    assert prices(page) == pytest.approx(held)
    assert point(page, 0.5) == time
    assert "bars=" not in page.url, "the address is the page's again"
    assert page.evaluate("localStorage.getItem('tickdeck.indicators')") is None, "a link's are not kept"
    chart.open(f"{link}&embed=1")
    expect(page.locator("#chart-panel")).to_be_visible()
    for around in (".top", "#watchlist-panel", "#tape-panel", "#chart-bar", "#status"):
        expect(page.locator(around)).to_be_hidden()
    box = page.locator("#chart-panel").bounding_box()
    assert box is not None
    assert box["width"] > 1_400
    assert box["height"] > 850


def test_a_replay_shows_nothing_later_than_its_clock(chart: Watched, day: Dashboard) -> None:
    page = open_replay(chart, address(day, "14:30", speed="1", interval="1m"))
    for kind in ("heikin", "baseline", "candles"):
        page.select_option("#chart-kind", kind)
        chart.until(f"(names) => String({VISIBLE}) === names", ",".join(KINDS[kind]))
    page.fill("#chart-date", "2013-10-07 15:00")
    page.keyboard.press("Enter")
    chart.resting_range()
    assert "7 Oct 2013 10:00" < point(page, 0.99) < "7 Oct 2013 10:32"
    go(chart, "2013-10-07 06:00", back=50)
    assert point(page, 0.5) < "7 Oct 2013 07"
    page.click('[data-chart="newest"]', force=True)
    chart.resting_range()
    rows = list(csv.DictReader(saved(page, "csv").read_text().splitlines()))
    assert max(row["time"] for row in rows) < "2013-10-07T14:32"
    page.click('[data-range="1D"]')
    chart.drawn("SPY", "5m")
    assert point(page, 0.99).startswith("7 Oct 2013 10:")


def sketch(page: Page, tool: str, *places: tuple[float, float]) -> None:
    """Choose a tool and click at shares of the plot's width and height."""
    box = page.locator("#chart .nsewdrag").first.bounding_box()
    assert box is not None
    page.click("#chart-tools summary")
    page.click(f'[data-tool="{tool}"]')
    for x, y in places:
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
        page.mouse.click(box["x"] + box["width"] * x, box["y"] + box["height"] * y)


SHARE: Final = """async () => (await (await fetch('api/shares', {
    method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify({symbol: 'SPY', role: 'view'}),
})).json()).shared"""


def test_drawings_are_kept_moved_undone_shared_and_on_every_interval(
    chart: Watched, day: Dashboard, console: Console
) -> None:
    page = chart.page
    drawn = page.locator(".drawing")
    stored = "fetch('api/drawings?symbol=SPY').then((answer) => answer.json())"
    sketch(page, "trend", (0.2, 0.7), (0.5, 0.3))
    sketch(page, "horizontal", (0.3, 0.5))
    sketch(page, "fibonacci", (0.6, 0.6), (0.7, 0.3))
    expect(drawn).to_have_count(3)
    assert page.locator(".drawing.fibonacci line.level").count() == 7
    sketch(page, "measure", (0.1, 0.8), (0.3, 0.6))
    expect(page.locator(".drawing.measure text")).to_have_text(re.compile(r"\d+ bars · .* · Vol "))
    page.mouse.click(*centre(page, 0.95, 0.05))
    expect(page.locator(".drawing.measure")).to_have_count(0)
    chart.eventually(f"async () => (await {stored}).length === 3")

    before = page.locator(".drawing.horizontal line.stroke").get_attribute("y1")
    x, y = centre(page, 0.8, 0)
    y = float(before or 0) + (page.locator("#chart-area").bounding_box() or {"y": 0})["y"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 40, steps=4)
    page.mouse.up()
    chart.until(
        "(y) => document.querySelector('.drawing.horizontal line.stroke').getAttribute('y1') !== y", before
    )
    page.keyboard.press("Control+z")
    chart.until(
        "(y) => document.querySelector('.drawing.horizontal line.stroke').getAttribute('y1') === y", before
    )
    page.keyboard.press("Control+z")
    expect(drawn).to_have_count(2)
    page.keyboard.press("Control+y")
    expect(drawn).to_have_count(3)

    page.click('[data-interval="5m"]')
    chart.drawn("SPY", "5m")
    expect(drawn).to_have_count(3)
    chart.open(f"{day.url}/?symbol=SPY&interval=1m")
    expect(drawn).to_have_count(3)
    page.click("#chart-tools summary")
    # The first of two changes is the slower one: the second must not arrive before it, nor be lost with the page.
    slow: list[Route] = []
    page.route("**/api/drawings/*", lambda route: slow.append(route) if len(slow) < 3 else route.continue_())
    page.click('[data-draw="hide"]')
    expect(drawn).to_have_count(0)
    while len(slow) < 3:
        page.wait_for_timeout(20)
    page.click('[data-draw="hide"]')
    expect(drawn).to_have_count(3)
    page.keyboard.press("Escape")
    chart.settle()
    for route in slow:
        route.continue_()
    page.unroute("**/api/drawings/*")
    chart.eventually(f"async () => (await {stored}).every((each) => !each.hidden)")

    chart.open(f"{day.url}/?symbol=SPY&interval=1m&drawings={page.evaluate(SHARE)}")
    whose = page.locator("#drawings-of")
    expect(whose).to_have_text("owner: SPY ✕")
    expect(drawn).to_have_count(3)
    page.click("#chart-tools summary")
    page.click('[data-tool="trend"]')
    expect(page.locator("#notice")).to_contain_text("owner has shared these drawings to be looked at")
    expect(page.locator("#chart-draw")).to_be_hidden()
    console.allow(r"403 \(Forbidden\)")
    page.click("#chart-share summary")
    page.click('[data-share="end"]')
    expect(whose).to_be_hidden()
    expect(page.locator("#notice")).to_contain_text("leads nowhere")
    expect(drawn).to_have_count(3)

    for kind in ("horizontal", "trend", "fibonacci"):
        page.locator(f".drawing.{kind} line.grip").first.dispatch_event(
            "pointerdown", {"button": 0, "pointerId": 1, "bubbles": True}
        )
        page.mouse.up()
        page.keyboard.press("Delete")
    expect(drawn).to_have_count(0)
    chart.eventually(f"async () => (await {stored}).length === 0")


def test_channels_averages_and_profiles_are_drawings_that_stay(chart: Watched, day: Dashboard) -> None:
    page = chart.page
    drawn = page.locator(".drawing")
    stored = "fetch('api/drawings?symbol=SPY').then((answer) => answer.json())"
    go(chart, "2013-10-07 13:00", back=100)
    sketch(page, "channel", (0.1, 0.6), (0.5, 0.4), (0.3, 0.3))
    assert page.locator(".drawing.channel line.stroke").count() == 3
    sketch(page, "profile", (0.2, 0.5), (0.6, 0.5))
    sketch(page, "anchored", (0.7, 0.5))
    sketch(page, "vwap", (0.3, 0.5))
    expect(drawn).to_have_count(4)
    chart.eventually(f"async () => (await {stored}).length === 4")
    kept = {each["kind"]: each for each in page.evaluate(f"async () => await {stored}")}
    first, last = sorted(int(point["t"]) // 60_000 * 60_000 for point in kept["profile"]["points"])
    asked: dict[str, str | float | bool] = {"symbol": "SPY", "start": iso(first), "end": iso(last + 60_000)}
    chart.until("document.querySelector('#chart-panel').dataset.drawnProfiles === '2'")
    profile = page.request.get(f"{day.url}/api/profile", params=asked).json()
    said = page.evaluate("JSON.parse(document.querySelector('#chart-panel').dataset.drawnVolume)")
    volume = sum(sum(row[1:4]) for row in profile["prices"])
    assert said[kept["profile"]["id"]] == pytest.approx(volume)
    anchor = int(kept["vwap"]["points"][0]["t"])
    candles = page.request.get(
        f"{day.url}/api/candles",
        params={"symbol": "SPY", "interval": "1m", "form": "arrays", "start": iso(anchor), "limit": 2000},
    ).json()
    average = sum(row[6] for row in candles) / sum(row[5] for row in candles)
    chart.until(
        "(average) => Math.abs(Number(document.querySelector('#chart-panel').dataset.drawnAverage) - average) < 0.001",
        average,
    )
    chart.open(f"{day.url}/?symbol=SPY&interval=5m")
    expect(drawn).to_have_count(4)
    chart.until("document.querySelector('#chart-panel').dataset.drawnProfiles === '2'")
    for each in kept:
        page.evaluate(
            "(id) => fetch(`api/drawings/${id}?symbol=SPY`, { method: 'DELETE' })", kept[each]["id"]
        )


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def centre(page: Page, x: float, y: float) -> tuple[float, float]:
    """A point at shares of the plot's width and height."""
    box = page.locator("#chart .nsewdrag").first.bounding_box()
    assert box is not None
    return box["x"] + box["width"] * x, box["y"] + box["height"] * y


def test_a_linear_time_axis_has_a_place_for_each_interval(chart: Watched, day: Dashboard) -> None:
    page = chart.page
    chart.open(f"{day.url}/?symbol=IBM&interval=15s")
    switch = page.locator("[data-axis]")
    expect(switch).to_have_text("no gaps")
    page.click("#chart-more summary")  # where it has no room in the bar
    switch.click()
    expect(switch).to_have_text("all time")
    page.keyboard.press("Escape")
    go(chart, "2013-10-07 16:30", back=0)
    chart.resting_range()
    one, other = point(page, 0.25), point(page, 0.75)
    box = page.locator("#chart .nsewdrag").first.bounding_box()
    assert box is not None
    seconds = [
        sum(int(part) * unit for part, unit in zip(each[-8:].split(":"), (3600, 60, 1), strict=True))
        for each in (one, other)
    ]
    low, high = chart.range()
    assert seconds[1] - seconds[0] == pytest.approx(15 * (high - low) / 2, abs=15)
    page.click("#chart-more summary")
    switch.click()
    expect(switch).to_have_text("no gaps")
