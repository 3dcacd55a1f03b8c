"""A phone of 390 by 844: everything reachable with a thumb, nothing to scroll sideways."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Playwright, expect

from tests.browser.chromium import profile
from tests.browser.dashboard import Dashboard
from tests.browser.watching import Watched

THUMB_PX = 40


@pytest.fixture(scope="module")
def handset(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    size = {"width": 390, "height": 844}
    folder = tmp_path_factory.mktemp("phone")
    context = profile(
        playwright, folder, viewport=size, has_touch=True, is_mobile=True, device_scale_factor=2
    )
    yield context
    context.close()


@pytest.fixture
def phone(handset: BrowserContext) -> Iterator[Watched]:
    watched = Watched(handset.new_page())
    yield watched
    watched.page.close()
    assert watched.complaints() == []


def test_everything_is_reachable_and_nothing_scrolls_sideways(walking: Dashboard, phone: Watched) -> None:
    phone.open(walking.url)
    phone.state("live")
    assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
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
    sideways = phone.page.evaluate(
        """() => [...document.querySelectorAll('.ag-center-cols-viewport')]
             .map((e) => e.scrollWidth - e.clientWidth)"""
    )
    assert sideways == [0, 0]


def test_targets_are_as_large_as_a_thumb(walking: Dashboard, phone: Watched) -> None:
    phone.open(walking.url)
    for selector in ("[data-interval]", "#watchlist .ag-center-cols-container .ag-row", "[data-chart]"):
        box = phone.page.locator(selector).first.bounding_box()
        assert box is not None
        assert box["height"] >= THUMB_PX
        assert box["width"] >= THUMB_PX


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
