"""A phone of 390 by 844: everything reachable with a thumb, nothing to scroll sideways."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, CDPSession, Playwright, expect

from tests.browser.chromium import profile
from tests.browser.dashboard import Dashboard
from tests.browser.replaying import address, open_replay
from tests.browser.watching import Console, Watched

THUMB_PX = 40
TIGHT_PX = 24
"""How wide those at least are that share a line over the candles."""
TOO_SMALL = """([thumb, tight]) => [...document.querySelectorAll(
        '.top button, #transport button, #replay-timeline, .panel-head button, .chart-bar button, .chart-bar summary, '
        + '.indicator-menu summary, .orderflow-buttons button, #watchlist .ag-row, #watchlist .ag-header-cell, '
        + 'dialog button, dialog label')]
    .filter((each) => each.checkVisibility())
    .map((each) => [each.textContent || each.title, each.getBoundingClientRect(), each.closest('.orderflow-buttons') ? tight : thumb])
    .filter(([, { width, height }, least]) => width < least || height < thumb)
    .map(([name, { width, height }]) => [name, width, height])"""


@pytest.fixture(scope="module")
def handset(
    playwright: Playwright, tmp_path_factory: pytest.TempPathFactory, console: Console
) -> Iterator[BrowserContext]:
    size = {"width": 390, "height": 844}
    folder = tmp_path_factory.mktemp("phone")
    context = profile(
        playwright, folder, viewport=size, has_touch=True, is_mobile=True, device_scale_factor=2
    )
    console.listen(context)
    yield context
    context.close()


@pytest.fixture
def phone(handset: BrowserContext, console: Console) -> Iterator[Watched]:
    watched = Watched(handset.new_page(), console)
    yield watched
    watched.page.close()


def test_everything_is_reachable_and_nothing_scrolls_sideways(walking: Dashboard, phone: Watched) -> None:
    phone.open(walking.url)
    phone.state("live")
    phone.until("document.documentElement.scrollWidth === 390")
    for part in ("#chart-panel", "#watchlist-panel", "#tape-panel"):
        phone.page.locator(part).scroll_into_view_if_needed()
        box = phone.page.locator(part).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    shown = phone.page.locator("#watchlist .ag-header-cell").evaluate_all(
        "cells => cells.map((cell) => cell.getAttribute('col-id'))"
    )
    assert {"symbol", "last", "change_pct"} <= set(shown)
    assert len(shown) < 8
    phone.until(
        """() => String([...document.querySelectorAll('.ag-center-cols-viewport')]
             .map((e) => e.scrollWidth - e.clientWidth)) === '0,0'"""
    )


def test_targets_are_as_large_as_a_thumb(walking: Dashboard, phone: Watched) -> None:
    phone.open(walking.url)
    phone.page.locator("#interval summary").tap()
    box = phone.page.locator(".interval-list").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    for selector in (
        "[data-interval]",
        "#interval summary",
        ".interval-list button",
        "#watchlist .ag-center-cols-container .ag-row",
        "[data-chart]",
    ):
        box = phone.page.locator(selector).first.bounding_box()
        assert box is not None
        assert box["height"] >= THUMB_PX
        assert box["width"] >= THUMB_PX


@pytest.mark.parametrize("size", [(390, 844), (768, 1024)], ids=["phone", "tablet"])
def test_a_replay_has_room_for_thumbs_and_for_its_price(
    day: Dashboard, phone: Watched, size: tuple[int, int]
) -> None:
    phone.page.set_viewport_size({"width": size[0], "height": size[1]})
    page = open_replay(phone, address(day))
    expect(page.locator("#headline-last")).to_have_text(re.compile(r"^1\d\d\.\d\d$"))
    phone.until("document.querySelectorAll('#watchlist .ag-row').length === 4")
    phone.until(
        """() => document.querySelector('#headline-last').getBoundingClientRect().right
            <= document.querySelector('.headline').getBoundingClientRect().right"""
    )
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    assert page.evaluate("matchMedia('(pointer: coarse)').matches")
    assert page.evaluate(TOO_SMALL, [THUMB_PX, TIGHT_PX]) == []
    for opened, there in (("#columns-open", "#columns"), ("#list-edit", "#list-editor")):
        page.locator(opened).tap()
        expect(page.locator(there)).to_be_visible()
        assert page.evaluate(TOO_SMALL, [THUMB_PX, TIGHT_PX]) == []
        page.keyboard.press("Escape")
        expect(page.locator(there)).to_have_count(0)


def test_taps_choose_symbol_and_interval(walking: Dashboard, phone: Watched) -> None:
    phone.open(walking.url)
    symbol = phone.page.locator('#watchlist .ag-row[row-index="2"] .ag-cell.symbol')
    name = symbol.inner_text()
    symbol.tap()
    phone.drawn(name, "1m")
    phone.page.locator('[data-interval="5s"]').tap()
    phone.drawn(name, "5s")
    before = phone.range()
    phone.page.locator('[data-chart="in"]').tap()
    phone.until(
        """(count) => { const [from, to] = document.querySelector('#chart .js-plotly-plot').layout.xaxis.range;
                        return to - from < count; }""",
        before[1] - before[0],
    )
    expect(phone.page.locator("#status-state")).to_have_text("Live")


Points = list[tuple[float, float]]


def touch(session: CDPSession, *steps: Points) -> None:
    """Put fingers down, move them from step to step, and lift them."""
    for kind, points in (
        ("touchStart", steps[0]),
        *(("touchMove", step) for step in steps[1:]),
        ("touchEnd", []),
    ):
        session.send(
            "Input.dispatchTouchEvent",
            {
                "type": kind,
                "touchPoints": [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)],
            },
        )


def plot(phone: Watched) -> tuple[float, float, float, float]:
    box = phone.page.locator("#chart .nsewdrag").first.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["width"], box["height"]


def test_fingers_scroll_the_page_and_move_zoom_and_read_the_chart(walking: Dashboard, phone: Watched) -> None:
    phone.open(f"{walking.url}/?interval=4h")  # whose range no new candle moves meanwhile
    session = phone.page.context.new_cdp_session(phone.page)
    x, y, width, height = plot(phone)
    middle, across = x + width / 2, y + height / 2

    before = phone.range()
    touch(session, *[[(middle, across + 100 - 20 * step)] for step in range(10)])
    phone.until("document.scrollingElement.scrollTop > 60")
    assert phone.range() == before, "a swipe up is the page's"
    # A page that still glides goes on from wherever it is put.
    phone.until("() => { scrollTo(0, 0); return document.scrollingElement.scrollTop === 0; }")

    touch(session, *[[(middle + 12 * step, across)] for step in range(10)])
    phone.until(
        "(from) => document.querySelector('#chart .js-plotly-plot').layout.xaxis.range[0] < from - 3",
        before[0],
    )
    low, high = phone.resting_range()
    assert high - low == pytest.approx(before[1] - before[0])

    touch(
        session, *[[(middle - 30 - 8 * step, across), (middle + 30 + 8 * step, across)] for step in range(8)]
    )
    phone.until(
        "(count) => { const [a, b] = document.querySelector('#chart .js-plotly-plot').layout.xaxis.range; return b - a < count * 0.7; }",
        high - low,
    )
    near = phone.resting_range()
    assert near[0] > low
    assert near[1] < high
    assert phone.page.evaluate("visualViewport.scale") == 1

    touch(session, [(middle, across)])
    expect(phone.page.locator(".cross")).to_be_visible()
    expect(phone.page.locator(".cross .cross-label text").nth(1)).to_have_text(re.compile(r"\d\d:\d\d"))
    touch(session, [(middle, across)])
    expect(phone.page.locator(".cross")).to_be_hidden()
