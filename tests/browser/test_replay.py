"""Every control and key of a replay on the page."""

from __future__ import annotations

import time
from typing import Final

from playwright.sync_api import Page, expect

from tests.browser.dashboard import Dashboard
from tests.browser.replaying import SYMBOLS, address, clock, now_ms, open_replay, press, shows
from tests.browser.watching import Watched
from tickdeck.db.market.moments import parse_moment

START_US: Final = 1_381_156_200_000_000
"""14:30 UTC, where the replays of these tests begin, in µs."""


def places(page: Page, count: int) -> list[int]:
    """The clock in ms at each of the next so many ticks of all symbols after the start, by time and seq."""
    ticks: list[tuple[int, int]] = []
    for symbol in SYMBOLS:
        asked = f"symbol={symbol}&start=2013-10-07T14:30:00Z&end=2013-10-07T14:35:00Z&limit={count}"
        found = page.request.get(f"{page.url.split('/?')[0]}/api/ticks?{asked}").json()["ticks"]
        ticks += [(parse_moment(tick["time"], "time"), int(tick["seq"])) for tick in found]
    return [time_us // 1000 for time_us, _ in sorted(ticks)[:count]]


WENT_BACK: Final = """() => {
    const now = document.querySelector('#replay-clock').textContent;
    const before = window.clockBefore ?? now;
    window.clockBefore = now;
    return now < before;
}"""


def stands_at(page: Page, ms: int) -> None:
    """Wait until the replay's clock is there: what comes in between, and how often it is said, does not matter."""
    page.wait_for_function(
        "(ms) => Number(document.querySelector('#replay-timeline').ariaValueNow) === ms", arg=ms
    )


def test_the_address_opens_a_paused_replay_with_its_own_badge(watched: Watched, day: Dashboard) -> None:
    page = open_replay(watched, address(day, speed="60"))
    shows(page, "10:30:00.0")
    expect(page.locator("#mode")).to_have_text("REPLAY")
    expect(page.locator("#replay-speed")).to_have_text("60\u00d7")
    expect(page.locator("#replay-date")).to_have_text("7 Oct 2013")
    expect(page.locator("body")).to_have_attribute("data-replaying", "paused")
    watched.settle()
    assert clock(page) == "10:30:00.0"  # it plays when it is told to


def test_space_plays_and_pauses_and_the_speed_keys_do_not_jump(watched: Watched, day: Dashboard) -> None:
    page = open_replay(watched, address(day, speed="60"))
    began, start = time.monotonic(), now_ms(page)
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('#replay-clock').textContent > '10:30:30'")
    page.keyboard.press("+")
    expect(page.locator("#replay-speed")).to_have_text("120\u00d7")
    page.keyboard.press("-")
    page.keyboard.press("-")
    expect(page.locator("#replay-speed")).to_have_text("30\u00d7")
    page.keyboard.press("Space")
    expect(page.locator('[data-replay="toggle"]')).to_have_attribute("aria-pressed", "false")
    watched.settle()
    stands = now_ms(page)
    assert (
        30_000 <= stands - start <= 120 * 1000 * (time.monotonic() - began)
    )  # never faster than the fastest
    watched.settle()
    assert now_ms(page) == stands


def test_arrow_keys_step_ticks_and_candles(watched: Watched, day: Dashboard) -> None:
    page = open_replay(watched, address(day))
    forth = places(page, 12)  # several ticks may share a millisecond
    assert START_US // 1000 <= forth[0] < forth[-1]
    for ms in forth:
        page.keyboard.press("ArrowRight")
        stands_at(page, ms)
    for ms in forth[-2::-1]:
        page.keyboard.press("ArrowLeft")
        stands_at(page, ms)
    watched.settle()
    stands_at(page, forth[0])
    page.keyboard.press("Shift+ArrowRight")
    shows(page, "10:30:59.9")
    page.keyboard.press("Shift+ArrowRight")
    shows(page, "10:31:59.9")
    page.keyboard.press("Shift+ArrowLeft")
    shows(page, "10:30:59.9")


def test_buttons_step_and_jump_to_open_and_close(watched: Watched, day: Dashboard) -> None:
    page = open_replay(watched, address(day))
    press(page, "minute")
    shows(page, "10:31:00.0")
    press(page, "minute-back")
    shows(page, "10:30:00.0")
    press(page, "candle")
    shows(page, "10:30:59.9")
    press(page, "candle-back")
    shows(page, "10:29:59.9")
    press(page, "tick")
    page.wait_for_function("() => document.querySelector('#replay-clock').textContent > '10:30'")
    press(page, "tick-back")
    page.wait_for_function("() => document.querySelector('#replay-clock').textContent < '10:30'")
    press(page, "open")
    shows(page, "09:30:00.0")
    press(page, "close")
    shows(page, "16:00:00.0")
    page.keyboard.press("Home")
    shows(page, "09:30:00.0")
    page.keyboard.press("End")
    shows(page, "16:00:00.0")
    press(page, "slower")
    expect(page.locator("#replay-speed")).to_have_text("0.5\u00d7")
    press(page, "faster")
    expect(page.locator("#replay-speed")).to_have_text("1\u00d7")


def test_the_head_can_be_dragged_there_and_back(watched: Watched, day: Dashboard) -> None:
    page = open_replay(watched, address(day))
    box = page.locator("#replay-timeline").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=4)
    page.mouse.up()
    page.wait_for_function(
        "() => Math.abs(document.querySelector('#replay-timeline').ariaValueNow - 1381161600000) < 120000"
    )
    noon = page.locator(
        "#watchlist .ag-row[row-id=SPY] [col-id=trades], #watchlist .ag-row[row-id=SPY] [col-id=volume]"
    )
    later = noon.first.inner_text()
    page.mouse.click(box["x"] + box["width"] * 0.1, middle)
    page.wait_for_function(
        "() => Math.abs(document.querySelector('#replay-timeline').ariaValueNow - 1381138560000) < 120000"
    )
    expect(noon.first).not_to_have_text(later)


def test_a_loop_returns_to_its_start(watched: Watched, day: Dashboard) -> None:
    page = open_replay(watched, address(day, speed="1000"))
    press(page, "loop")
    press(page, "minute")
    shows(page, "10:31:00.0")
    press(page, "loop")
    expect(page.locator("#replay-loop-range")).to_be_visible()
    page.keyboard.press("Space")
    for _ in range(3):  # back at the start
        page.wait_for_function(WENT_BACK)
        assert "10:30" <= clock(page) <= "10:31:01"
    press(page, "loop")
    page.wait_for_function("() => document.querySelector('#replay-clock').textContent > '10:35'")
