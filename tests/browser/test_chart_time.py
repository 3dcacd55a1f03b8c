"""The chart's time axis, and what it says where there is nothing to show, on ticks made up for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
from playwright.sync_api import expect

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.watching import Watched

LABELS: Final = "[...document.querySelectorAll('.time-grid text')].map((e) => e.textContent)"


def labels(watched: Watched, dashboard: Dashboard, symbol: str, interval: str) -> list[str]:
    watched.open(f"{dashboard.url}/?symbol={symbol}&interval={interval}&zone=exchange")
    watched.drawn(symbol, interval)
    watched.until(f"() => {LABELS}.length > 0")
    found: list[str] = watched.page.evaluate(LABELS)
    return found


def test_times_are_round_though_no_candle_is(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    dashboard, market = quiet
    day = datetime(2026, 3, 4, tzinfo=UTC)
    for minute in range(9 * 60 + 1, 20 * 60, 7):
        if minute % 5 and minute % 3:
            market.trade(market.symbol, 50.0, time=day + timedelta(minutes=minute))
    found = labels(watched, dashboard, market.symbol, "1m")
    assert len(found) >= 3
    assert all(re.fullmatch(r"\d\d:[0-5][05]", label) for label in found), found
    assert found == sorted(set(found))


def test_a_year_that_was_jumped_over_is_told_and_marked(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    for start in (datetime(2013, 10, 7, 15, tzinfo=UTC), datetime(2026, 11, 26, 9, tzinfo=UTC)):
        for minute in range(20):
            market.trade(market.symbol, 50.0 + minute % 3, time=start + timedelta(minutes=minute))
    found = labels(watched, dashboard, market.symbol, "1m")
    assert "26 Nov 2026" in found
    assert "2026" not in found
    expect(watched.page.locator(".marks text")).to_have_text(["first tick", "13 y"])


def test_the_hour_that_comes_twice_is_named(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    dashboard, market = quiet
    market.instrument(market.symbol, price_decimals=2, timezone="America/New_York")
    start = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)  # midnight; at 2:00 EDT it is 1:00 EST
    for step in range(32):
        market.trade(market.symbol, 50.0, time=start + timedelta(minutes=7.5 * step))
    found = labels(watched, dashboard, market.symbol, "5m")
    assert "01:00 EST" in found, found
    assert "01:00" not in found
    twice = [label for label in found if label.startswith("01:")]
    assert len(twice) == len(set(twice))
    assert all(re.search(r" E[SD]T$", label) for label in twice)


def test_an_interval_there_is_none_of_is_told(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    dashboard, market = quiet
    market.past(market.symbol, [10.0, 11.0])
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=7m")
    watched.drawn(market.symbol, "1m")
    expect(watched.page.locator("#notice")).to_contain_text("There is no interval “7m”: shown is 1m")
    watched.page.click('[data-interval="5m"]')
    watched.drawn(market.symbol, "5m")
    expect(watched.page.locator("#notice")).to_be_hidden()


def test_an_unknown_symbol_has_no_axes(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    dashboard, market = quiet
    market.past(market.symbol, [10.0])
    watched.page.goto(f"{dashboard.url}/?symbol=NOSUCH&interval=1m")
    expect(watched.page.locator("#notice")).to_have_text("symbol 'NOSUCH' is unknown")
    for part in ("#chart", "#chart-front", "#chart-back", "#price-axis"):
        expect(watched.page.locator(part)).to_be_hidden()
    expect(watched.page.locator("#chart-empty")).to_have_text("")


@contextmanager
def closed(url: str) -> Iterator[None]:
    """Nobody can connect to the database of this address."""
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(url, dbname="postgres", autocommit=True) as other:
        other.execute(f'alter database "{name}" allow_connections false')
        try:
            yield
        finally:
            other.execute(f'alter database "{name}" allow_connections true')


def test_what_is_not_known_is_not_said_to_be_none(
    quiet: tuple[Dashboard, Market], resting: tuple[Dashboard, str], watched: Watched
) -> None:
    dashboard, market = quiet
    market.past(market.symbol, [10.0, 11.0])
    market.past(market.other, [7.0, 8.0])
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    watched.allow("status of 503")  # the chart asks for older candles
    watched.allow("Callback error updating instrument")  # who asks is not known either
    with closed(resting[1]):
        market.cut_connections()
        watched.state("database")
        watched.page.click(f'#watchlist .ag-row[row-id="{market.other}"] .ag-cell.symbol')
        expect(watched.page.locator("#chart-empty")).to_have_text("Not known while the database is away")
        expect(watched.page.locator("#chart-empty")).to_be_visible()
        watched.until(
            """getComputedStyle(document.querySelector('#tape .ag-overlay-no-rows-center'), '::after').content
                 === '"Not known while the database is away"'"""
        )
    watched.state("live")
    watched.drawn(market.other, "1m")
    expect(watched.page.locator("#chart-empty")).to_be_hidden()
