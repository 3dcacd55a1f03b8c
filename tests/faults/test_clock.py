"""The system's clock is set, by an hour, in the middle of everything: all that has a pace keeps it."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from tests.app.replay.test_rooms import Server, opened, serving
from tests.replaying import made_up_ticks, store
from tickdeck.app.config import UserSettings
from tickdeck.app.users.access import Access
from tickdeck.app.users.identity import Identity
from tickdeck.db import latency, users
from tickdeck.db.market.moments import iso
from tickdeck.db.session import open_pool
from tickdeck.feeds.clock import PacedClock
from tickdeck.feeds.csv.options import CsvOptions
from tickdeck.feeds.csv.replay import CsvReplay
from tickdeck.feeds.rejects import RejectsFile
from tickdeck.feeds.run import run_feed

ROWS = 4_000
PER_S = 50
SPEED = 60


async def play(url: str, file: Path) -> None:
    pool = await open_pool(url, role="writer", size=2)
    try:
        feed = CsvReplay([file], CsvOptions(), PacedClock(1.0), shift_to_now=True)
        await run_feed(feed, pool, RejectsFile(file.with_suffix(".rejects.csv")))
    finally:
        await pool.close()


def played(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("select count(*) from ticks where symbol = 'PLAYED'").fetchone()
    assert row is not None
    return int(row[0])


async def signed_in(server: Server) -> tuple[Access, str]:
    await users.add_user(server.own, "ada", "analyst")
    ada = await users.find_user(server.own, "ada")
    assert ada is not None
    access = Access(server.own, UserSettings())
    cookie = await access.open_session(ada, address="here", agent="a test", way="password")
    assert cookie is not None
    return access, cookie


async def who(access: Access, cookie: str) -> Identity | None:
    return await access.identify(cookie=cookie, authorization=None, named=[], peer=None)


@pytest.mark.fault(
    "the clock of this machine is set, an hour ahead or back",
    "feeds of files, viewers, replays and sessions go on at their pace, and no tick is dated by the jump",
)
@pytest.mark.parametrize("jump_s", [3_600, -3_600], ids=["ahead", "back"])
async def test_a_clock_that_is_set_moves_nothing(
    tickdeck_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump_s: int
) -> None:
    """The database's own clock stays: that of another machine, or of one that was set before."""
    wall, wall_ns, off_s = time.time, time.time_ns, 0
    monkeypatch.setattr(time, "time", lambda: wall() + off_s)
    monkeypatch.setattr(latency, "_server_is_ahead_us", 0)  # as before, afterwards
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns() + off_s * 1_000_000_000)
    file = tmp_path / "played.csv"
    first_us = 1_709_909_400_000_000
    rows = (f"{iso(first_us + row * 1_000_000 // PER_S)},PLAYED,{10 + row % 7},1" for row in range(ROWS))
    file.write_text("time,symbol,price,size\n" + "\n".join(rows) + "\n")
    await asyncio.to_thread(store, tickdeck_db, made_up_ticks())
    async with serving(tickdeck_db) as server, server.viewer() as viewer, server.viewer() as watcher:
        access, cookie = await signed_in(server)
        feeds = time.monotonic()
        feed = asyncio.create_task(play(tickdeck_db, file))
        try:
            await viewer.say(subscribe={"watchlist": "all"})
            await viewer.until(lambda w: w.rows.get("PLAYED", {}).get("trades", 0) > PER_S)
            await opened(watcher, speed=SPEED)
            plays = time.monotonic()
            await watcher.do("play")
            await watcher.until(lambda w: w.replay is not None and w.replay["state"] == "playing")
            stored = await asyncio.to_thread(played, tickdeck_db)
            await viewer.until(lambda w: w.rows["PLAYED"]["trades"] >= stored)  # has read what came meanwhile
            before, clock = viewer.rows["PLAYED"]["trades"], watcher.replay["clock"]  # type: ignore[index]

            off_s = jump_s

            await viewer.until(lambda w: w.rows["PLAYED"]["trades"] > before + 2 * PER_S)
            # By the whole time that it runs: a feed that had to wait for the machine makes up for it.
            ran_s = time.monotonic() - feeds
            assert viewer.rows["PLAYED"]["trades"] <= PER_S * (ran_s + 2), "what an hour brings came at once"
            await watcher.until(lambda w: w.replay["clock"] > clock + 1_000 * SPEED)
            passed_s = (watcher.replay["clock"] - clock) / 1_000  # type: ignore[index]
            assert passed_s <= SPEED * (time.monotonic() - plays + 2)
            assert await who(access, cookie) is not None
            await viewer.until(
                lambda w: w.status == "live"
            )  # a feed that is late to say so seems to be silent
        finally:
            feed.cancel()
            await asyncio.gather(feed, return_exceptions=True)
    with psycopg.connect(tickdeck_db) as connection:
        steps = connection.execute(
            "select max(step), min(step) from (select time - lag(time) over (order by time) as step from ticks"
            " where symbol = 'PLAYED') t"
        ).fetchone()
    assert steps == (timedelta(seconds=1 / PER_S),) * 2
