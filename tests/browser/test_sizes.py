"""The page at the sizes of desks, tablets and phones: nothing wider than the screen, nothing cut, nothing covered."""

from __future__ import annotations

import re
from typing import Final

import pytest
from playwright.sync_api import TimeoutError as Never
from playwright.sync_api import expect

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.watching import Watched

SIZES: Final = ((1440, 900), (1280, 800), (1024, 768), (768, 1024), (390, 844))

PRICES: Final = (
    "() => [...document.querySelectorAll('#chart .yaxislayer-above .ytick text')].map((e) => e.textContent)"
)
VOLUMES: Final = (
    "() => [...document.querySelectorAll('#chart .yaxislayer-above .y2tick text')].map((e) => e.textContent)"
)


FITTED: Final = """(width) => {
    const plot = document.querySelector('#chart .js-plotly-plot');
    return innerWidth === width && Math.abs(plot._fullLayout.width - plot.clientWidth) < 2;
}"""
"""Whether the chart is drawn as wide as the page has room for."""


def resized(watched: Watched, size: tuple[int, int]) -> None:
    watched.page.set_viewport_size({"width": size[0], "height": size[1]})


def finds_nothing(watched: Watched, look: str, argument: object = None) -> None:
    """Wait until the JavaScript function `look` finds nothing: the page moves, and is laid out anew with each frame."""
    found = f"JSON.stringify(({look})(argument))"
    try:
        watched.until(f"(argument) => {found} === '[]'", argument)
    except Never:
        pytest.fail(f"it still finds {watched.page.evaluate(look, argument)}")


OVERLAPPING: Final = """(pairs) => pairs.filter(([one, other]) => {
    const [a, b] = [one, other].map((each) => document.querySelector(each)?.getBoundingClientRect());
    return !a?.width || !b?.width
        || (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom);
})"""
"""Of pairs of selectors those whose elements overlap, or are not shown."""


@pytest.mark.parametrize("size", [(1920, 900), *SIZES], ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_page_is_as_wide_as_the_screen_and_nothing_is_cut_or_covered(
    walking: Dashboard, watched: Watched, size: tuple[int, int]
) -> None:
    resized(watched, size)
    watched.open(walking.url)
    watched.until("document.querySelectorAll('#tape .ag-row').length > 5")
    expect(watched.page.locator("#day-values")).to_contain_text("VWAP")
    watched.until("(width) => document.documentElement.scrollWidth === width", size[0])
    if size[0] >= 1440:
        watched.until("document.documentElement.scrollHeight <= innerHeight")
    watched.until(
        """[...document.querySelectorAll('.ag-center-cols-viewport')].every((e) => e.scrollWidth <= e.clientWidth)"""
    )
    finds_nothing(
        watched,
        """() => [...document.querySelectorAll(
               '.ag-header-cell-text, .ag-cell, .status-fact, .intervals button, #headline-last, #headline-change > *, #readout > *, #day-values > *')]
             .filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0)
             .map((e) => [e.className || e.id, e.textContent])""",
    )
    finds_nothing(
        watched,
        """(width) => [...document.querySelectorAll('.top > *, .intervals button, .status-fact, #readout, #day-strip')]
             .filter((e) => e.getBoundingClientRect().right > width).map((e) => e.textContent)""",
        size[0],
    )
    # The bar under the chart is one line; what has no room there is in its menu.
    finds_nothing(
        watched,
        """() => { const bar = document.querySelector('#chart-bar'), { top, bottom, right } = bar.getBoundingClientRect();
             const more = document.querySelector('#chart-more');
             return [...bar.children].filter((e) => e.checkVisibility() && !e.classList.contains('chart-space'))
               .map((e) => [e.textContent, e.getBoundingClientRect()])
               .filter(([, box]) => box.right > right + 1 || box.top < top - 1 || box.bottom > bottom + 1)
               .concat(more.hidden === (more.querySelector('div').childElementCount > 0) ? [['menu']] : []); }""",
    )
    # What has no room goes whole, to a line that is not seen; the prices have room everywhere.
    for line in ("#readout", "#day-values"):
        watched.until(
            """(line) => [...document.querySelectorAll(`${line} > span`)].filter((e) => e.offsetWidth
                 && e.getBoundingClientRect().bottom <= document.querySelector(line).getBoundingClientRect().bottom + 1).length >= 4""",
            line,
        )
    # Nor do the lines over the chart cover each other or candles.
    plot = "#chart .nsewdrag"
    pairs = [("#readout", "#day-strip"), ("#readout", plot), ("#day-strip", plot)]
    if size[0] == 390:  # where they are always shown
        pairs.append(("#chart-buttons", plot))
    finds_nothing(watched, OVERLAPPING, pairs)


def test_labels_of_the_axes_differ_and_are_written_as_in_the_grids(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    market.past(market.symbol, [25.24, 25.25, 25.24])
    market.past(market.other, [25.24] * 3)
    for symbol in (market.symbol, market.other):
        resized(watched, SIZES[0])
        watched.open(f"{dashboard.url}/?symbol={symbol}&interval=1m")
        for size in SIZES:
            resized(watched, size)
            watched.until(FITTED, size[0])
            watched.until(f"() => ({PRICES})().includes('25.24')")
            for labels in (PRICES, VOLUMES):
                finds_nothing(
                    watched,
                    f"() => {{ const all = ({labels})();"
                    " return all.length >= 2 && new Set(all).size === all.length ? [] : [all]; }",
                )


def test_volumes_have_one_format(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    dashboard, market = quiet
    units = {9_000: "", 64_890: "K", 500e6: "M", 1e9: "B"}
    symbols = [f"{market.symbol}U{number}" for number in range(len(units))]
    for symbol, size in zip(symbols, units, strict=True):
        market.trade(symbol, 10.0, size=size)
    watched.open(f"{dashboard.url}/?symbol={symbols[0]}&interval=1m")
    for symbol, unit in zip(symbols, units.values(), strict=True):
        watched.page.fill("#symbol", symbol)
        watched.page.keyboard.press("Enter")
        watched.drawn(symbol, "1m")
        shown = watched.page.locator(f'#watchlist .ag-row[row-id="{symbol}"] [col-id="volume"]')
        expect(shown).to_have_text(re.compile(rf"^[\d,]+(\.\d+)?{unit}$"))
        watched.until(f"() => ({VOLUMES})().length > 1")
        finds_nothing(
            watched,
            f"() => ({VOLUMES})().slice(1).filter((label) => !/^[\\d,]+(\\.\\d+)?[KMB]?$/.test(label))",
        )


def test_a_candle_that_fell_and_its_label_have_one_colour(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    market.past(
        market.symbol, [25.30, 25.24, 25.24]
    )  # the last one closed where it opened, and as the one before
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    change = watched.page.locator('#readout span[data-name=""]')
    expect(change).to_have_text("0.00 (0.00%)")
    expect(change).to_have_attribute("data-went", "none")
    expect(watched.page.locator(".last-label")).to_have_attribute("data-went", "down")
    expect(watched.page.locator("#readout")).to_have_attribute("data-went", "down")
