"""A file that is played goes on, in another process, behind the rows that are stored, and with the same shift."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from structlog.testing import capture_logs

from tickdeck.db.feed_positions import read_position
from tickdeck.db.market.moments import iso
from tickdeck.db.market.types import HOUR_US
from tickdeck.db.session import open_pool
from tickdeck.feeds.clock import PacedClock
from tickdeck.feeds.csv.options import CsvOptions, parse_options
from tickdeck.feeds.csv.replay import CsvReplay
from tickdeck.feeds.rejects import RejectsFile
from tickdeck.feeds.run import run_feed

START_US = 1_700_000_000_000_000
NOW_US = 1_800_000_000_000_000


class Time:
    """Monotonic and wall time that pass together, when somebody sleeps."""

    def __init__(self, later_s: float = 0.0) -> None:
        self.now = 1000.0 + later_s

    async def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)
        await asyncio.sleep(0)

    def clock(self, speed: float) -> PacedClock:
        return PacedClock(speed, monotonic=lambda: self.now, sleep=self.sleep)

    def wall_us(self) -> int:
        return NOW_US + round((self.now - 1000.0) * 1_000_000)


def files(folder: Path) -> list[Path]:
    """Two files, ticks in turns, with several of one time and rows that are refused."""
    paths = [folder / "a.csv", folder / "b.csv"]
    for place, path in enumerate(paths):
        rows = [
            f"{iso(START_US + 10_000 * (each // 3) + place)},S{each % 2},{10 + each},1" for each in range(30)
        ]
        rows[7], rows[20] = "2023-11-31T00:00:00Z,S1,1,1", f"{rows[20].rpartition(',')[0]},much"
        path.write_text("time,symbol,price,size\n" + "\n".join(rows) + "\n")
    return paths


def feed_of(paths: list[Path], time: Time, *, speed: float = 2.0, **options: Any) -> CsvReplay:
    return CsvReplay(
        paths, CsvOptions(), time.clock(speed), shift_to_now=True, wall_us=time.wall_us, **options
    )


async def taken(feed: CsvReplay, most: int | None = None) -> tuple[list[tuple[Any, ...]], list[str], Any]:
    """Ticks and refused rows, and the last position, of the whole feed or until it has yielded `most` ticks."""
    rows: list[tuple[Any, ...]] = []
    refused: list[str] = []
    at: Mapping[str, Any] | None = None
    async for batch in feed.batches():
        columns = (batch.ticks.time_us, batch.ticks.symbol, batch.ticks.seq, batch.ticks.price)
        rows += zip(*(each.tolist() for each in columns), strict=True)
        refused += [each.raw for each in batch.rejects]
        at = None if batch.position is None else batch.position.at
        if most is not None and len(rows) >= most:
            break
    return rows, refused, at


@pytest.mark.parametrize("loop", [False, True])
async def test_it_goes_on_with_the_next_row_and_the_same_shift(tmp_path: Path, loop: bool) -> None:
    paths = files(tmp_path)
    wanted = 56 * 2 + 20 if loop else None
    whole, refused, _ = await taken(feed_of(paths, Time(), loop=loop), wanted)
    assert len(whole) >= 56
    for most in (1, 2, 9, 28, 55, *([56, 57, 80] if loop else [])):
        before, kept, at = await taken(feed_of(paths, Time(), loop=loop), most)
        assert before == whole[: len(before)]
        assert at is not None
        again = feed_of(paths, Time(later_s=3600.0), loop=loop)
        with capture_logs() as said:
            again.resume(at)
        assert [each["event"] for each in said] == ["feed_goes_on"]
        after, left, end = await taken(again, None if wanted is None else wanted - len(before))
        both = before + after
        assert both[: len(whole)] == whole
        assert loop or len(both) == len(whole)
        assert loop or (set(kept) | set(left) == set(refused) and end is None)


async def test_another_file_speed_or_wish_begins_anew(tmp_path: Path) -> None:
    paths = files(tmp_path)
    whole, _, _ = await taken(feed_of(paths, Time()))
    _, _, at = await taken(feed_of(paths, Time()), 20)
    with capture_logs() as said:
        feed = feed_of(paths, Time(), from_start=True)
        feed.resume(at)
        assert (await taken(feed))[0] == whole
        assert said == []
        feed_of(paths, Time(), speed=4.0).resume(at)
        paths[1].write_text(paths[1].read_text().replace(",39,1", ",38,1"))
        feed = feed_of(paths, Time())
        feed.resume(at)
    assert [(each["event"], each["reason"]) for each in said] == [
        ("feed_begins_anew", "not as it was: speed"),
        ("feed_begins_anew", "not as it was: contents"),
    ]
    assert len((await taken(feed))[0]) == len(whole)


async def test_what_is_read_once_says_no_position(tmp_path: Path) -> None:
    paths = files(tmp_path)
    assert CsvReplay(paths, CsvOptions(), PacedClock(None)).source is None
    assert CsvReplay([Path("/dev/null")], CsvOptions(), PacedClock(1.0)).source is None


PAUSES: Final = (150, 350, 550)
"""Before these rows of a file nothing comes for an hour: a feed that is to be stopped is not at its end before that."""


@pytest.mark.fault("kill -9 of a feed that plays a file, `--shift-to-now` too")
async def test_the_position_is_stored_with_the_ticks(tickdeck_db: str, tmp_path: Path) -> None:
    """However often it is stopped, each row is stored once, as far from the first one as it is in the file."""
    path = tmp_path / "day.csv"
    passed_us = [2000 * each + HOUR_US * sum(each >= pause for pause in PAUSES) for each in range(600)]
    rows = [f"{iso(START_US + us)},S{at % 3},{10 + at / 100:.2f},{at}" for at, us in enumerate(passed_us)]
    path.write_text("time,symbol,price,size\n" + "\n".join(rows) + "\n")
    pool = await open_pool(tickdeck_db, role="writer", size=3)

    def feed(pauses_ago: int) -> CsvReplay:
        def wall_us() -> int:
            return time.time_ns() // 1000 - pauses_ago * HOUR_US

        return CsvReplay([path], parse_options(), PacedClock(1.0), shift_to_now=True, wall_us=wall_us)

    async def stored() -> int:
        return int(await pool.fetchval("select count(*) from ticks"))

    try:
        with RejectsFile(tmp_path / "rejects.csv") as rejects:
            for pauses_ago, least in ((3, 1), (2, 200), (1, 400)):
                playing = asyncio.create_task(run_feed(feed(pauses_ago), pool, rejects))
                async with asyncio.timeout(60):
                    while await stored() <= least:  # noqa: ASYNC110 - another task's transaction
                        await asyncio.sleep(0.01)
                playing.cancel()
                await asyncio.wait({playing})
                at = await read_position(pool, "day.csv", str(path))
                assert at is not None
                assert at["place"]["rows"] == await stored()
            counters = await run_feed(feed(0), pool, rejects)
        assert counters.already == 0
        assert await read_position(pool, "day.csv", str(path)) is None
    finally:
        await pool.close()
    with psycopg.connect(tickdeck_db) as connection:
        found = connection.execute(
            "select size::int, extract(epoch from time - min(time) over ())::float8 from ticks order by size"
        ).fetchall()
    assert [size for size, _ in found] == list(range(600))
    assert [round(passed * 1e6) for _, passed in found] == passed_us
