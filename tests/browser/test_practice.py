"""Practice in a replay: a time to go to, bookmarks, clicks on the chart, orders on paper, several days in one run."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.dashboard import Dashboard
from tests.browser.replaying import address, now_ms, open_replay, press, shows
from tests.browser.watching import Watched


def practise(watched: Watched, day: Dashboard) -> Page:
    page = open_replay(watched, address(day))
    press(page, "practice")
    expect(page.locator("#practice")).to_be_visible()
    return page


def test_a_time_is_typed_clicked_and_bookmarked(watched: Watched, day: Dashboard) -> None:
    page = practise(watched, day)
    try:
        page.fill("#practice-time", "11:15:30")
        page.keyboard.press("Enter")
        shows(page, "11:15:30")
        page.fill("#practice-note", "the turn")
        page.click('[data-practice="bookmark"]')
        page.fill("#practice-time", "2013-10-07 12:00")
        page.keyboard.press("Enter")
        shows(page, "12:00:00")
        page.reload()
        shows(page, "12:00:00")
        press(page, "practice")
        page.locator("#practice select").first.select_option(label="7 Oct 2013 11:15:30 the turn")
        shows(page, "11:15:30")
        before = now_ms(page)
        page.click('[data-practice="pick"]')
        expect(page.locator("[data-picking]")).to_be_visible()
        box = page.locator("#chart .nsewdrag").first.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] * 0.4, box["y"] + 100)
        watched.until(
            "(before) => Number(document.querySelector('#replay-timeline').ariaValueNow) < before - 60_000",
            before,
        )
        page.fill("#practice-time", "25:00")
        page.keyboard.press("Enter")
        assert page.evaluate("document.querySelector('#practice-time').validity.customError")
    finally:
        page.evaluate("localStorage.removeItem('tickdeck.bookmarks')")


def test_orders_on_paper_are_filled_later_and_undone_by_a_seek(watched: Watched, day: Dashboard) -> None:
    page = practise(watched, day)
    standing = page.locator(".practice-standing")
    expect(standing).to_have_text("No orders yet")
    page.fill("#practice-fee", "0.01")
    page.locator("#practice-fee").press("Enter")
    page.click('[data-practice="buy"]')
    waiting = page.locator(".practice-waiting button")
    expect(waiting).to_have_text("buy 100 SPY market \u00d7")
    page.fill("#practice-time", "10:31")
    page.keyboard.press("Enter")
    expect(standing).to_have_text(
        re.compile(r"^\+100 SPY @ [\d.]+ \([+\u2212]?[\d.]+\) · P&L [+\u2212]?[\d.]+$")
    )
    last = float(page.locator("#headline-last").inner_text())
    page.locator("#practice select").nth(1).select_option("limit")
    page.fill("#practice-price", f"{last + 50:.2f}")
    page.click('[data-practice="sell"]')
    expect(waiting).to_have_text(re.compile(r"^sell 100 SPY limit"))
    waiting.click()
    expect(waiting).to_have_count(0)
    with page.expect_download() as waited:
        page.click('[data-practice="journal"]')
    rows = list(csv.DictReader(Path(waited.value.path()).read_text().splitlines()))
    assert [(row["side"], row["kind"], row["state"]) for row in rows] == [
        ("buy", "market", "filled"),
        ("sell", "limit", "cancelled"),
    ]
    assert rows[0]["placed"] == "2013-10-07T14:30:00.000000Z" < rows[0]["filled_at"]
    assert rows[0]["fee"] == "1"
    page.fill("#practice-time", "10:29")
    page.keyboard.press("Enter")
    expect(standing).to_have_text("Flat · P&L 0.00")
    page.fill("#practice-time", "10:31")
    page.keyboard.press("Enter")
    expect(standing).to_have_text(re.compile(r"^\+100 SPY @"))


def test_the_dialog_replays_several_days_from_a_click(watched: Watched, day: Dashboard) -> None:
    page = watched.page
    watched.open(f"{day.url}/?symbol=SPY&interval=1m")
    page.keyboard.press("r")
    page.click('#replay-length [data-value="5"]')
    page.click("#replay-go")
    watched.state("replay")
    expect(page.locator('[data-replay="nights"]')).to_have_attribute("aria-pressed", "true")
    press(page, "nights")
    expect(page.locator('[data-replay="nights"]')).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("l")
    watched.state("live")
    page.click('[data-chart="newest"]', force=True)
    watched.resting_range()
    page.keyboard.press("r")
    page.click("#replay-pick")
    expect(page.locator("[data-picking]")).to_be_visible()
    box = page.locator("#chart .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.4, box["y"] + 100)
    watched.state("replay")
    expect(page.locator("#replay-clock")).to_have_text(re.compile(r"^1[89]:\d\d:00"))
