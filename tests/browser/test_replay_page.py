"""A replay on the page: nothing of the future, the dialog, two viewers in a room, refusals, session hours."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.dashboard import Dashboard
from tests.browser.replaying import address, now_ms, open_replay, press, shows
from tests.browser.watching import Watched


def test_nothing_later_than_the_clock_reaches_the_page(watched: Watched, day: Dashboard) -> None:
    told: list[str] = []
    watched.page.on("websocket", lambda ws: ws.on("framereceived", lambda data: told.append(str(data))))
    watched.page.on("response", lambda r: told.append(r.text()) if "/api/" in r.url else None)
    page = open_replay(watched, address(day, "11:00"))  # 07:00 in New York: before the open
    page.locator("#chart-panel").hover()
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    shows(page, "07:0")
    press(page, "minute-back")
    watched.settle()
    for text in told:
        if '"type":"replay"' in text or '"hours":' in text:  # what is planned is no market data
            continue
        for found in re.findall(r"\b(13811\d{8})(?:\d{3})?\b", text):
            assert int(found) <= 1381143600000 + 6 * 60_000, text[:300]
    for text in (text for text in told if '"profile":' in text):
        for start in re.findall(r"\[(13811\d{8}),", text.split('"profile":')[1]):
            assert int(start) < 1381143600000 + 6 * 60_000
    assert not any("/api/instruments" in url for url in watched.requests)


def test_the_dialog_opens_a_day_and_l_returns_to_live(watched: Watched, day: Dashboard) -> None:
    watched.open(f"{day.url}/?symbol=IBM")
    page = watched.page
    watched.state("live")
    live = watched.cell("IBM", "volume")
    page.keyboard.press("r")
    asked = page.locator("#replay-symbols")
    expect(asked).to_have_value("IBM")
    # Closed and opened again before the page draws once more, as by a quick hand beside a busy processor.
    page.evaluate(
        """() => {
            for (const key of ["Escape", "r"]) {
                document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
            }
        }"""
    )
    expect(page.locator("#replay-dialog")).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('[role=dialog]')"
        )
    asked.fill("spy, ibm")
    asked.press("Enter")
    chosen = page.locator('#replay-days [data-day="2013-10-07"]')
    expect(chosen).to_have_attribute("title", re.compile(r"^[\d,]+ ticks$"))
    chosen.click()
    page.locator('#replay-start [data-value="open"]').click()
    page.locator('#replay-pace [data-value="1"]').click()
    page.locator("#replay-go").click()
    watched.state("replay")
    expect(page.locator("#replay-dialog")).to_be_hidden()
    page.wait_for_function("() => document.querySelector('#replay-clock').textContent.startsWith('09:30')")
    expect(page).to_have_url(re.compile(r"replay=2013-10-07T13:30"))
    expect(page).to_have_url(re.compile("symbol=IBM"))
    expect(page.locator('#watchlist .ag-row[row-id="IBM"] [col-id="volume"]')).not_to_have_text(live)
    page.click('#watchlist .ag-row[row-id="SPY"] .symbol')
    page.keyboard.press(" ")
    expect(page.locator("body")).to_have_attribute("data-replaying", "paused")
    page.keyboard.press("l")
    watched.state("live")
    expect(page.locator("#transport")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("replay="))
    page.wait_for_function(
        "text => document.querySelector('#watchlist .ag-row[row-id=IBM] [col-id=volume]').innerText === text",
        arg=live,
    )


def test_a_room_has_one_who_holds_the_controls(
    watched: Watched, day: Dashboard, desktop: BrowserContext
) -> None:
    page = open_replay(watched, address(day))
    expect(page).to_have_url(re.compile("room="))
    other = desktop.new_page()
    try:
        other.goto(page.url)
        expect(other.locator("#replay-viewers")).to_have_text("2 viewers · watching")
        expect(other.locator('[data-replay="toggle"]')).to_be_disabled()
        other.keyboard.press("ArrowRight")
        expect(other.locator("#notice")).to_contain_text("Another viewer holds the controls")
        press(page, "minute")
        shows(other, "10:31:00.0")
        press(page, "give")
        expect(other.locator('[data-replay="toggle"]')).to_be_enabled()
        expect(page.locator('[data-replay="toggle"]')).to_be_disabled()
        press(other, "minute")
        shows(page, "10:32:00.0")
    finally:
        other.close()
    take = page.locator('[data-replay="take"]')
    take.click()
    expect(take).to_be_hidden()
    press(page, "minute")
    shows(page, "10:33:00.0")


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("replay=2013-10-08T14:30Z&symbol=SPY", "no ticks of SPY"),
        ("replay=yesterday&symbol=SPY", "'yesterday' is no time"),
        (
            "replay=2013-10-07T23:30Z&symbol=SPY&from=2013-10-07T13:00Z&to=2013-10-07T15:00Z",
            "is outside the replay",
        ),
    ],
)
def test_what_cannot_be_replayed_is_told_on_the_page(
    watched: Watched, day: Dashboard, query: str, why: str
) -> None:
    watched.page.goto(f"{day.url}/?{query}")
    expect(watched.page.locator("#notice")).to_contain_text(why)
    expect(watched.page.locator("#transport")).to_be_hidden()


def test_extended_hours_are_shaded_and_left_out_of_regular_statistics(
    watched: Watched, day: Dashboard
) -> None:
    page = open_replay(watched, address(day, "13:45"))
    expect(page.locator(".extended-hours rect").first).to_be_attached()
    values = page.locator("#day-values")
    expect(values).to_contain_text("VWAP")
    watched.settle()
    whole = values.text_content()
    assert whole
    page.locator("#day-hours").click()
    expect(page.locator("#day-hours")).to_have_text("RTH")
    expect(values).not_to_have_text(whole)
    expect(values).to_contain_text("VWAP")
    page.locator("#day-hours").click()
    expect(values).to_have_text(whole)


def test_a_replay_begins_and_goes_to_the_candle_under_the_crosshair(watched: Watched, day: Dashboard) -> None:
    watched.open(f"{day.url}/?symbol=IBM&interval=5m")
    page = watched.page
    box = page.locator("#chart .nsewdrag").first.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.6, middle)
    expect(page.locator(".cross")).to_be_visible()
    page.keyboard.press("Alt+r")
    watched.state("replay")
    watched.until("Number(document.querySelector('#replay-timeline').getAttribute('aria-valuenow')) > 0")
    first = now_ms(page)
    assert first % 300_000 == 0
    watched.until("(clock) => Number(document.querySelector('#chart-panel').dataset.candles) > 0", first)
    page.mouse.move(box["x"] + box["width"] * 0.2, middle)
    expect(page.locator(".cross")).to_be_visible()
    page.keyboard.down("Alt")
    page.mouse.down()
    page.mouse.up()
    page.keyboard.up("Alt")
    watched.until(
        "(before) => Number(document.querySelector('#replay-timeline').getAttribute('aria-valuenow')) < before",
        first,
    )
