"""One stored day for browser tests of replays, and what they do to a page that replays it."""

from __future__ import annotations

import gzip
import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from playwright.sync_api import Page, expect

from tests.browser.dashboard import Dashboard
from tests.browser.watching import PATIENCE_MS, Watched
from tests.paths import ROOT
from tickdeck.testing.databases import Databases

REAL_DAY = ROOT.parent / "shared" / "data" / "us-equities-2013-10-07-trades.csv.gz"
SYMBOLS = ("AIG", "BAC", "IBM", "SPY")
expect.set_options(timeout=PATIENCE_MS)


def lines() -> Iterator[list[str]]:
    """Every sixth trade of the real day where it is there, as all of them take half a minute; else a small one made up."""
    if REAL_DAY.is_file():
        with gzip.open(REAL_DAY, "rt") as file:
            for line in itertools.islice(file, 1, None, 6):
                yield line.strip().split(",")
        return
    for second in range(8 * 3600, 23 * 3600, 7):
        for number, symbol in enumerate(SYMBOLS):
            clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
            price = 100 + number * 10 + second % 97 / 50
            yield [f"2013-10-07T{clock}.{number}00Z", symbol, f"{price:.2f}", "100", "P", "0"]


@contextmanager
def stored_day(_tickdeck_databases: Databases) -> Iterator[Dashboard]:
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


def press(page: Page, name: str) -> None:
    page.locator(f'[data-replay="{name}"]').click()
