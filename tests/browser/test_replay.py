"""Every control and key of a replay on the page."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.dashboard import Dashboard
from tests.browser.replaying import address, clock, now_ms, open_replay, press, shows
from tests.browser.watching import Watched


class Steps:
    """Presses a key and waits for the market that comes of it, and for the clock that goes with it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[int] = []
        page.on("websocket", lambda socket: socket.on("framereceived", self._heard))

    def __call__(self, key: str) -> int:
        """The clock in ms after the step."""
        before = len(self.frames)
        self.page.keyboard.press(key)
        while len(self.frames) == before:
            self.page.wait_for_timeout(20)  # hands the browser's events to the listener
        self.page.wait_for_function(
            "(ms) => Number(document.querySelector('#replay-timeline').ariaValueNow) === ms",
            arg=self.frames[-1],
        )
        return self.frames[-1]

    def _heard(self, data: str | bytes) -> None:
        if found := re.match(r'\{"type":"(?:frame|snapshot)","version":\d+,"time":(\d+)', str(data)):
            self.frames.append(int(found[1]))


def test_the_address_opens_a_paused_replay_with_its_own_badge(watched: Watched, day: Dashboard) -> None:
    page = open_replay(watched, address(day, speed="60"))
    shows(page, "10:30:00.0")
    expect(page.locator("#mode")).to_have_text("REPLAY")
    expect(page.locator("#replay-speed")).to_have_text("60\u00d7")
    expect(page.locator("#replay-date")).to_have_text("7 Oct 2013")
    page.wait_for_timeout(500)
    assert clock(page) == "10:30:00.0"  # it plays when it is told to


def test_space_plays_and_pauses_and_the_speed_keys_do_not_jump(watched: Watched, day: Dashboard) -> None:
    page = open_replay(watched, address(day, speed="60"))
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('#replay-clock').textContent > '10:30:30'")
    page.keyboard.press("+")
    expect(page.locator("#replay-speed")).to_have_text("120\u00d7")
    page.keyboard.press("-")
    page.keyboard.press("-")
    expect(page.locator("#replay-speed")).to_have_text("30\u00d7")
    page.keyboard.press("Space")
    expect(page.locator('[data-replay="toggle"]')).to_have_attribute("aria-pressed", "false")
    stands = clock(page)
    assert "10:30:30" < stands < "10:40:00"
    page.wait_for_timeout(400)
    assert clock(page) == stands


def test_arrow_keys_step_ticks_and_candles(watched: Watched, day: Dashboard) -> None:
    step = Steps(watched.page)
    page = open_replay(watched, address(day))
    began = now_ms(page)
    forth = [step("ArrowRight") for _ in range(12)]  # several ticks may share a millisecond
    assert began < forth[0] or began < forth[-1]
    assert forth == sorted(forth)
    back = [step("ArrowLeft") for _ in range(11)]
    assert back == forth[-2::-1]
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
    page.wait_for_timeout(1500)
    assert "10:30" <= clock(page) <= "10:31:01"
    press(page, "loop")
    page.wait_for_function("() => document.querySelector('#replay-clock').textContent > '10:35'")
