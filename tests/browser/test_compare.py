"""Ratios and spreads as charts, and symbols beside each other in per cent: stored, live and in a replay."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import requests
from playwright.sync_api import Page, expect

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.replaying import SYMBOLS, now_ms, open_replay, press
from tests.browser.watching import Watched


def closes(day: Dashboard, symbol: str, **asked: str) -> dict[float, float]:
    """Closes by time, ms."""
    rows = requests.get(
        f"{day.url}/api/candles",
        {"symbol": symbol, "interval": "1m", "form": "arrays", "limit": "2000", **asked},
        timeout=60,
    ).json()
    return {row[0]: row[4] for row in rows}


def compare(page: Page, symbol: str) -> None:
    page.click("#compare summary")
    page.fill("#compare input", symbol)
    page.keyboard.press("Enter")


def legend(page: Page, symbol: str) -> str:
    return page.locator(f'.compare-legend [data-compared="{symbol}"] span').inner_text()


def test_a_ratio_is_typed_and_others_are_compared(watched: Watched, day: Dashboard) -> None:
    page = watched.page
    watched.open(f"{day.url}/?symbol=SPY&interval=1m")
    page.fill("#symbol", "spy / ibm")
    page.keyboard.press("Enter")
    watched.drawn("SPY/IBM", "1m")
    ratio = list(closes(day, "SPY/IBM").values())[-1]
    expect(page.locator("#readout [data-name=C]")).to_have_text(f"{ratio:.5f}")
    expect(page.locator("#headline-last")).to_have_text(f"{ratio:.5f}")
    expect(page.locator(".orderflow-buttons")).to_be_hidden()
    page.click('[data-interval="5m"]')
    watched.drawn("SPY/IBM", "5m")
    watched.scroll_back(until="Number(document.querySelector('#chart-panel').dataset.candles) > 100")
    page.fill("#symbol", "spy/zzz")
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_contain_text("symbol 'ZZZ' is unknown")
    page.fill("#symbol", "SPY")
    page.keyboard.press("Enter")
    watched.drawn("SPY", "5m")
    page.click('[data-interval="1m"]')
    watched.drawn("SPY", "1m")
    compare(page, "ibm")
    compare(page, "AIG-BAC")
    watched.until("document.querySelector('#chart-panel').dataset.compared === 'IBM AIG-BAC'")
    expect(page.locator('[data-scale="percent"]')).to_have_attribute("aria-pressed", "true")
    page.click("#compare summary")
    page.click('[data-compare="pick"]')
    box = page.locator("#chart .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
    since = page.locator(".compare-legend div").last
    expect(since).to_have_text(re.compile(r"^since 7 Oct 2013 \d\d:\d\d$"))
    clock = datetime.strptime(since.inner_text()[6:] + " -0400", "%d %b %Y %H:%M %z")  # in New York
    start = clock.timestamp() * 1000
    for symbol in ("IBM", "AIG-BAC"):
        rows = closes(day, symbol)
        first = rows[max(time for time in rows if time <= start)]
        last = list(rows.values())[-1]
        moved = 100 * (last / first - 1)
        assert float(legend(page, symbol).split("%")[0].replace("\u2212", "-")) == round(moved, 2)
    page.locator('.compare-legend [data-compared="AIG-BAC"] button').click()
    page.locator('.compare-legend [data-compared="IBM"] button').click()
    expect(page.locator('[data-scale="percent"]')).to_have_attribute("aria-pressed", "false")


def test_a_spread_and_what_is_compared_go_on_live(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    dashboard, market = quiet
    page = watched.page
    newest = datetime.now(UTC) - timedelta(minutes=2)
    market.past(market.symbol, [100.0, 101.0, 102.0], newest=newest)
    market.past(market.other, [50.0, 50.0, 51.0], newest=newest)
    spread = f"{market.symbol}-2*{market.other}"
    watched.open(f"{dashboard.url}/?symbol={spread}&interval=5m")
    close = page.locator("#readout [data-name=C]")
    expect(close).to_have_text("0.00")
    market.trade(market.other, 50.5)
    expect(close).to_have_text("1.00")
    market.trade(market.symbol, 104.0)
    expect(close).to_have_text("3.00")
    page.click('[data-interval="1s"]')
    expect(page.locator("#readout b")).to_have_text(f"{spread} · 1s")
    market.trade(market.symbol, 105.0)
    expect(close).to_have_text("4.00")
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    compare(page, market.other)
    shown = page.locator(f'.compare-legend [data-compared="{market.other}"] span')
    expect(shown).to_have_text("+1.00% (50.50)")
    market.trade(market.other, 49.0)
    expect(shown).to_have_text("\u22122.00% (49.00)")


def test_a_replay_has_spreads_of_what_has_happened(watched: Watched, day: Dashboard) -> None:
    page = open_replay(
        watched,
        f"{day.url}/?replay=2013-10-07T14:30Z&symbol=SPY/IBM&interval=1m&symbols={','.join(SYMBOLS)}",
    )
    watched.drawn("SPY/IBM", "1m")
    compare(page, "AIG")
    for _ in range(2):
        until = datetime.fromtimestamp(now_ms(page) / 1000, UTC).isoformat().replace("+00:00", "Z")
        ratio = list(closes(day, "SPY/IBM", until=until).values())[-1]
        expect(page.locator("#readout [data-name=C]")).to_have_text(f"{ratio:.5f}")
        other = list(closes(day, "AIG", until=until).values())[-1]
        watched.until(
            "(text) => document.querySelector('.compare-legend span')?.textContent.endsWith(text)",
            f"({other:.2f})",
        )
        before = now_ms(page)
        press(page, "candle")
        watched.until(
            "(before) => Number(document.querySelector('#replay-timeline').getAttribute('aria-valuenow')) > before",
            before,
        )
