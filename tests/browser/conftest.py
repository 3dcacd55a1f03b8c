"""Fixtures of the browser tests: a browser, running dashboards, and a page whose console must stay empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Error, Page, Playwright, sync_playwright

from tests.browser.chromium import NoBrowserError, profile
from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.replaying import stored_day
from tests.browser.watching import Console, Watched
from tickdeck.testing.databases import Databases

HERE = Path(__file__).parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each its time, and have those that need the walking market last: it costs all the others time while it runs."""
    mine = [item for item in items if HERE in item.path.parents]
    for item in mine:
        item.add_marker(pytest.mark.timeout(600))
    walking = {item.path for item in mine if "walking" in getattr(item, "fixturenames", ())}
    for place, item in zip(
        [place for place, item in enumerate(items) if HERE in item.path.parents],
        sorted(mine, key=lambda item: item.path in walking),
        strict=True,
    ):
        items[place] = item


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """Playwright.  It ends with the last of these tests: its event loop is in the way of everybody else's."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="package")
def console() -> Console:
    """What the browsers of these tests log."""
    return Console()


@pytest.fixture(autouse=True)
def empty_console(console: Console) -> Iterator[None]:
    """Whatever any page of a test logs that was not expected fails the test."""
    console.clear()
    yield
    assert console.complaints() == []


@pytest.fixture(autouse=True)
def kept_policy(console: Console, request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a page does against its Content-Security-Policy fails the test, also where it may log: but for tests
    that do so on purpose (`@pytest.mark.breaks_policy`), of which nothing else would be seen.
    """
    yield
    if request.node.get_closest_marker("breaks_policy"):
        assert console.violations, "it stops nothing of what the test does"
    else:
        assert console.violations == []


@pytest.fixture(scope="package")
def desktop(
    playwright: Playwright, tmp_path_factory: pytest.TempPathFactory, console: Console
) -> Iterator[BrowserContext]:
    """One browser for all tests, so that Dash's megabytes of scripts are compiled once for each address."""
    try:
        context = profile(
            playwright, tmp_path_factory.mktemp("desktop"), viewport={"width": 1440, "height": 900}
        )
    except NoBrowserError as exc:
        pytest.fail(str(exc), pytrace=False)
    console.listen(context)
    yield context
    context.close()


@pytest.fixture
def page(desktop: BrowserContext) -> Iterator[Page]:
    page = desktop.new_page()
    yield page
    with suppress(Error):  # it was closed by the test, or never showed anything
        page.evaluate("localStorage.clear()")  # what it remembers is of no concern to the next one
    page.close()


@pytest.fixture(scope="package")
def walking(_tickdeck_databases: Databases) -> Iterator[Dashboard]:
    """A dashboard with a random walk of 20 symbols at 50 ticks a second, for all tests that only look."""
    with (
        _tickdeck_databases.copy() as url,
        Dashboard(url, "run", "--symbols", "20", "--rate", "50") as dashboard,
    ):
        dashboard.until_fed()
        yield dashboard


@pytest.fixture(scope="package")
def day(_tickdeck_databases: Databases) -> Iterator[Dashboard]:
    """A dashboard on one stored day, for all tests of replays: each has a replay of its own."""
    with stored_day(_tickdeck_databases) as dashboard:
        yield dashboard


@pytest.fixture(scope="package")
def resting(_tickdeck_databases: Databases) -> Iterator[tuple[Dashboard, str]]:
    """A dashboard without a feed, and the address of its database."""
    with _tickdeck_databases.copy() as url, Dashboard(url, "serve") as dashboard:
        yield dashboard, url


@pytest.fixture
def quiet(resting: tuple[Dashboard, str]) -> Iterator[tuple[Dashboard, Market]]:
    """A running dashboard without a feed, and somebody who writes ticks by SQL, of symbols that no other test has."""
    dashboard, url = resting
    if not dashboard.is_running:  # a test that failed had stopped it
        dashboard.start()
    with Market(url) as market:
        yield dashboard, market


@pytest.fixture
def watched(page: Page, console: Console) -> Watched:
    """The page, watched."""
    return Watched(page, console)
