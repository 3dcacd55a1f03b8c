"""Order flow on the page: profile, footprints and delta are what the server folds, live, and say where sides are from."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import requests
from playwright.sync_api import expect

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.replaying import address, now_ms, open_replay
from tests.browser.watching import Watched

PIXELS = """([color, least]) => {
    const canvas = document.querySelectorAll('.indicator-canvas');
    return [...canvas].some((each) => {
        const copy = new OffscreenCanvas(each.width, each.height).getContext('2d', { willReadFrequently: true });
        copy.drawImage(each, 0, 0);
        const { data } = copy.getImageData(0, 0, each.width, each.height);
        let count = 0;
        for (let at = 0; at < data.length; at += 4) {
            if (data[at + 3] > 30 && color.every((part, index) => Math.abs(data[at + index] - part) < 12)) count += 1;
        }
        return count >= least;
    });
}"""
BOUGHT, CONTROL = [38, 166, 154], [227, 169, 60]


def test_profile_footprint_and_delta_are_drawn_and_move_on(
    quiet: tuple[Dashboard, Market], watched: Watched
) -> None:
    dashboard, market = quiet
    page = watched.page
    newest = datetime.now(UTC) - timedelta(minutes=2)
    market.past(market.symbol, [100.0, 100.5, 101.0, 100.5, 101.5, 101.0] * 10, newest=newest)
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    try:
        for mode in ("profile", "delta", "footprint"):
            page.locator(f'[data-orderflow="{mode}"]').click()
            expect(page.locator(f'[data-orderflow="{mode}"]')).to_have_attribute("aria-pressed", "true")
        watched.until(PIXELS, [CONTROL, 100])
        watched.until(PIXELS, [BOUGHT, 100])
        panel = page.locator("#chart-panel")
        # The quotes of these ticks lie evenly around their price: the tick rule decides, and the page says so.
        expect(panel).to_have_attribute(
            "data-sides", re.compile(r"^Side 9\d % inferred by the tick rule, \d % unknown$")
        )
        for _ in range(9):
            page.locator('[data-chart="in"]').click()
        watched.until("document.querySelector('#chart-panel').dataset.footprintDrawn !== undefined")
        market.trade(
            market.symbol, 102.0, size=90_000
        )  # the new point of control, without anything being done
        expect(panel).to_have_attribute("data-point-of-control", re.compile(r"^10[12]\.\d\d$"))
        expect(panel).to_have_attribute("data-point-of-control", "102.00")
        watched.until(PIXELS, [CONTROL, 100])
        with page.expect_response(lambda answer: "/api/profile" in answer.url and "day=" in answer.url):
            page.locator('[data-orderflow="session"]').click()  # in the place of the view's
        expect(page.locator('[data-orderflow="profile"]')).to_have_attribute("aria-pressed", "false")
        expect(panel).to_have_attribute("data-point-of-control", re.compile(r"^10[12]\.\d\d$"))
        page.locator('[data-orderflow="time"]').click()
        expect(panel).to_have_attribute("data-time-drawn", re.compile(r"^\d+$"))
        page.locator('[data-orderflow="range"]').click()
        box = page.locator("#chart").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 60, box["y"] + 120)
        page.mouse.down()
        page.mouse.move(box["x"] + 260, box["y"] + 140, steps=3)
        page.mouse.up()
        expect(panel).to_have_attribute("data-range-drawn", market.symbol)
        watched.until(PIXELS, [CONTROL, 100])
        page.reload()
        expect(page.locator('[data-orderflow="session"]')).to_have_attribute("aria-pressed", "true")
        watched.until(PIXELS, [CONTROL, 100])
    finally:
        page.evaluate("localStorage.removeItem('tickdeck.orderflow')")


def test_large_trades_are_bubbles_from_a_size_on(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    dashboard, market = quiet
    page = watched.page
    old = datetime.now(UTC) - timedelta(hours=2)
    for minute, size in enumerate((100, 5_000, 100, 7_000, 100)):
        market.trade(market.symbol, 100 + minute, size=size, time=old + timedelta(minutes=minute))
    market.trade(market.symbol, 101, size=6_000)
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=1m")
    panel = page.locator("#chart-panel")
    try:
        page.locator('[data-orderflow="prints"]').click()
        page.fill(".orderflow-buttons input", "5000")
        page.keyboard.press("Enter")
        expect(panel).to_have_attribute("data-large-trades", "3")
        market.trade(market.symbol, 101, size=4_999)
        market.trade(market.symbol, 102, size=9_000)
        expect(panel).to_have_attribute("data-large-trades", "4")
        page.fill(".orderflow-buttons input", "100%")
        page.keyboard.press("Enter")
        # Of those before the newest hour one is the largest; of this hour what is as large as it.
        expect(panel).to_have_attribute("data-large-trades", "2")
    finally:
        page.evaluate(
            "['orderflow', 'large-trades'].forEach((name) => localStorage.removeItem(`tickdeck.${name}`))"
        )


def test_a_replay_has_what_has_happened_by_its_clock(watched: Watched, day: Dashboard) -> None:
    """Indicators and order flow up to the clock, from before the replay's start on and nothing later."""
    page = open_replay(watched, address(day))
    try:
        page.locator("#indicator-menu > summary").click()
        page.locator('#indicator-menu [data-kind="ema"]').click()
        page.locator('#indicator-menu form button[type="submit"]').click()
        page.mouse.move(2, 2)
        at = f"{datetime.fromtimestamp(now_ms(page) / 1000, UTC).isoformat().replace('+00:00', 'Z')}"
        asked = {"symbol": "SPY", "interval": "1m", "limit": "1", "until": at, "indicators": "ema(20)"}
        told = requests.get(f"{day.url}/api/candles", asked, timeout=60).json()[-1]
        shown = page.locator('.indicator-legend [data-indicator="ema(20)"] span span')
        expect(shown).to_have_text(f"{told['ema(20)']:.2f}")
        with page.expect_response(lambda answer: "/api/profile" in answer.url, timeout=60_000) as answered:
            page.locator('[data-orderflow="profile"]').click()
        asked = {name: value for name, [value] in parse_qs(urlsplit(answered.value.url).query).items()}
        assert datetime.fromisoformat(asked["end"]) <= datetime.fromisoformat(at)
        whole = asked | {"end": at, "until": at}  # what is pushed since then is of the ticks up to the clock
        control = requests.get(f"{day.url}/api/profile", whole, timeout=60).json()["point_of_control"]
        expect(page.locator("#chart-panel")).to_have_attribute("data-point-of-control", f"{control:.2f}")
        watched.until(PIXELS, [CONTROL, 100])
    finally:
        page.evaluate("localStorage.removeItem('tickdeck.indicators')")
        page.evaluate("localStorage.removeItem('tickdeck.orderflow')")
