"""A symbol's venue is a part of its own; tiny and huge prices are whole; the tape says who took the price."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.watching import Watched

TINY, HUGE = 3.12e-11, 1_234_567_890.25


def test_venue_sides_and_decimals(watched: Watched, quiet: tuple[Dashboard, Market]) -> None:
    dashboard, market = quiet
    here, there = f"HERE:{market.symbol}/USD", f"THERE:{market.symbol}/USD"
    market.instrument(here, price_decimals=13, timezone="UTC")
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    for minute in range(8):
        market.sided(
            here,
            TINY * (1 + minute / 100),
            side=1 if minute % 2 else -1,
            time=now - timedelta(minutes=9 - minute),
        )
        market.sided(there, HUGE + minute, side=None, time=now - timedelta(minutes=9 - minute))
    watched.open(f"{dashboard.url}/?symbol={here}")
    page = watched.page
    watched.drawn(here, "1m")
    assert watched.cell(here, "symbol") == f"{market.symbol}/USD"
    assert watched.cell(here, "venue") == "HERE"
    expect(page.locator("#tape-symbol")).to_have_text(f"{market.symbol}/USD HERE")
    expect(page.locator('#tape [row-index="0"] [col-id="side"]')).to_have_text("Buy")
    expect(page.locator('#tape [row-index="1"] [col-id="side"]')).to_have_text("Sell")
    expect(page.locator("#headline-last")).to_have_text("0.0000000000334")

    page.fill("#search", market.symbol.lower())
    watched.until("document.querySelectorAll('#watchlist .ag-center-cols-container .ag-row').length === 2")
    page.fill("#search", f"there {market.symbol}")
    watched.until("document.querySelectorAll('#watchlist .ag-center-cols-container .ag-row').length === 1")
    page.press("#search", "Enter")
    watched.drawn(there, "1m")
    expect(page.locator("#headline-last")).to_have_text("1,234,567,897.25")
    page.fill("#symbol", f"{market.symbol}/usd")
    page.press("#symbol", "Enter")
    watched.drawn(here, "1m")


def test_a_replay_shows_what_was_known_or_what_is_true(
    watched: Watched, quiet: tuple[Dashboard, Market]
) -> None:
    dashboard, market = quiet
    start = datetime(2024, 3, 8, 14, 30, tzinfo=UTC)
    for second in range(0, 300, 20):
        market.sided(
            market.symbol, 99 if second == 60 else 10, side=1, time=start + timedelta(seconds=second)
        )
    market.cancel(market.symbol, start + timedelta(seconds=60), known=start + timedelta(seconds=200))
    watched.open(f"{dashboard.url}/?replay=2024-03-08T14:33Z&symbol={market.symbol}")
    page = watched.page
    watched.state("replay")
    high = f'#watchlist .ag-row[row-id="{market.symbol}"] [col-id="high"]'
    expect(page.locator(high)).to_have_text("10.00")
    page.click('[data-replay="corrections"]')
    expect(page.locator(high)).to_have_text("99.00")
    expect(page.locator('[data-replay="corrections"]')).to_have_attribute("aria-pressed", "true")
    page.click('[data-replay="minute"]')  # past the moment at which it was said
    expect(page.locator(high)).to_have_text("10.00")
    page.click('[data-replay="minute-back"]')
    expect(page.locator(high)).to_have_text("99.00")
