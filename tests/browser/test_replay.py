"""A replay on the page: every control and key, the address, two viewers in a room, and nothing of the future."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from app.testing.databases import Databases
from tests.browser.dashboard import Dashboard
from tests.browser.watching import PATIENCE_MS, Watched

ROOT = Path(__file__).parents[2]
REAL_DAY = ROOT.parent / "shared" / "data" / "us-equities-2013-10-07-trades.csv.gz"
SYMBOLS = ("AIG", "BAC", "IBM", "SPY")
expect.set_options(timeout=PATIENCE_MS)


def lines() -> Iterator[list[str]]:
    """The real day where it is there, else a small one made up."""
    if REAL_DAY.is_file():
        with gzip.open(REAL_DAY, "rt") as file:
            next(file)
            for line in file:
                yield line.strip().split(",")
        return
    for second in range(8 * 3600, 23 * 3600, 7):
        for number, symbol in enumerate(SYMBOLS):
            clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
            price = 100 + number * 10 + second % 97 / 50
            yield [f"2013-10-07T{clock}.{number}00Z", symbol, f"{price:.2f}", "100", "P", "0"]


@pytest.fixture(scope="module")
def day(_tickdeck_databases: Databases) -> Iterator[Dashboard]:
    """A dashboard on a database that holds one day and is written to by nobody."""
    with _tickdeck_databases.copy() as url:
        with psycopg.connect(url) as connection:
            connection.execute(
                "insert into instruments (symbol, exchange, timezone) select s, 'XNYS', 'America/New_York'"
                " from unnest(%s::text[]) s",
                [list(SYMBOLS)],
            )
            copy = "copy ticks (time, symbol, seq, price, size, exchange, conditions) from stdin"
            with connection.cursor().copy(copy) as rows:
                for seq, (time, symbol, price, size, exchange, conditions) in enumerate(lines()):
                    rows.write_row((time, symbol, seq, price, size, exchange, conditions))
        with Dashboard(url, "serve") as dashboard:
            yield dashboard


def address(day: Dashboard, clock: str = "14:30", **more: str) -> str:
    rest = "".join(f"&{name}={value}" for name, value in more.items())
    return f"{day.url}/?replay=2013-10-07T{clock}Z&symbol=SPY&symbols={','.join(SYMBOLS)}{rest}"


def clock(page: Page) -> str:
    return page.locator("#replay-clock").inner_text().split()[0]


def shows(page: Page, text: str) -> None:
    """Wait until the replay's clock reads so, and the page with it."""
    expect(page.locator("#replay-clock")).to_have_text(re.compile("^" + re.escape(text)))


def open_replay(watched: Watched, url: str) -> Page:
    watched.open(url)
    watched.state("replay")
    expect(watched.page.locator("#transport")).to_be_visible()
    return watched.page


def now_ms(page: Page) -> int:
    return int(page.locator("#replay-timeline").get_attribute("aria-valuenow") or 0)


class Steps:
    """Presses a key and waits for the market that comes of it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames = 0
        page.on("websocket", lambda socket: socket.on("framereceived", self._heard))

    def __call__(self, key: str) -> int:
        before = self.frames
        self.page.keyboard.press(key)
        while self.frames == before:
            self.page.wait_for_timeout(20)
        self.page.wait_for_timeout(150)  # the clock comes at most a tenth of a second after the market
        return now_ms(self.page)

    def _heard(self, data: str | bytes) -> None:
        self.frames += str(data).startswith(('{"type":"frame"', '{"type":"snapshot"'))


def press(page: Page, name: str) -> None:
    page.locator(f'[data-replay="{name}"]').click()


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
    page.wait_for_timeout(500)
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
    chosen = page.locator('#replay-days [data-day="2013-10-07"]')
    expect(chosen).to_have_attribute("title", re.compile(r"^[\d,]+ ticks$"))
    chosen.click()
    page.locator('#replay-start [data-value="open"]').click()
    page.locator('#replay-pace [data-value="10"]').click()
    page.locator("#replay-go").click()
    watched.state("replay")
    expect(page.locator("#replay-dialog")).to_be_hidden()
    page.wait_for_function("() => document.querySelector('#replay-clock').textContent.startsWith('09:30')")
    expect(page).to_have_url(re.compile(r"replay=2013-10-07T13:30"))
    expect(page).to_have_url(re.compile("symbol=IBM"))
    assert watched.cell("IBM", "volume") != live
    page.keyboard.press("l")
    watched.state("live")
    expect(page.locator("#transport")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("replay="))
    page.wait_for_function(
        "text => document.querySelector('#watchlist .ag-row[row-id=IBM] [col-id=volume]').innerText === text",
        arg=live,
    )


def test_a_room_has_one_who_holds_the_controls(watched: Watched, day: Dashboard, browser: Browser) -> None:
    page = open_replay(watched, address(day))
    expect(page).to_have_url(re.compile("room="))
    other = browser.new_page(viewport={"width": 1440, "height": 900})
    try:
        other.goto(page.url)
        expect(other.locator("#replay-viewers")).to_have_text("2 viewers · watching")
        expect(other.locator('[data-replay="toggle"]')).to_be_disabled()
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
        ("replay=2013-10-07T14:30Z&symbol=NOPE", "symbol 'NOPE' is unknown"),
        ("replay=2013-10-07T14:30Z&symbol=SPY&speed=5000", "speed '5000' is not possible"),
        ("replay=yesterday&symbol=SPY", "'yesterday' is no time"),
        (
            "replay=2013-10-07T14:30Z&symbol=SPY&from=2013-10-07T15:00Z&to=2013-10-07T13:00Z",
            "the range is reversed",
        ),
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
    whole = values.inner_text()
    page.locator("#day-hours").click()
    expect(page.locator("#day-hours")).to_have_text("RTH")
    expect(values).not_to_have_text(whole)
    expect(values).to_contain_text("VWAP")
    page.locator("#day-hours").click()
    expect(values).to_have_text(whole)
