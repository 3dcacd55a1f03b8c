"""Fixtures of the browser tests: a browser, a running dashboard, and a page whose console must stay empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from app.testing.databases import Databases
from tests.browser.chromium import FLAGS, NoBrowserError, find_browser
from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.watching import Watched

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("browser")
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium.  It ends with the last of these tests: Playwright's event loop is in the way of everybody else's."""
    with sync_playwright() as playwright:
        try:
            path = find_browser(playwright.chromium.executable_path)
        except NoBrowserError as exc:
            pytest.fail(str(exc), pytrace=False)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def desktop(browser: Browser) -> Iterator[BrowserContext]:
    """One browser profile for all tests, so that Dash's megabytes of scripts are loaded and compiled once."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context
    context.close()


@pytest.fixture
def page(desktop: BrowserContext) -> Iterator[Page]:
    page = desktop.new_page()
    yield page
    page.close()


@pytest.fixture(scope="package")
def walking(_tickdeck_databases: Databases) -> Iterator[Dashboard]:
    """A dashboard with a random walk of 20 symbols at 200 ticks a second, for all tests that only look."""
    with (
        _tickdeck_databases.copy() as url,
        Dashboard(url, "run", "--symbols", "20", "--rate", "200") as dashboard,
    ):
        dashboard.until_fed()
        yield dashboard


@pytest.fixture
def quiet(tickdeck_db: str) -> Iterator[tuple[Dashboard, Market]]:
    """A dashboard without a feed on a database of its own, and somebody who writes ticks into it by SQL."""
    with Market(tickdeck_db) as market, Dashboard(tickdeck_db, "serve") as dashboard:
        yield dashboard, market


@pytest.fixture
def watched(page: Page) -> Iterator[Watched]:
    """The page; whatever it logs that was not expected fails the test."""
    found = Watched(page)
    yield found
    assert found.complaints() == []
