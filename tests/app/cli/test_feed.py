"""`tickdeck feed`: ticks come in as they are due, and an interrupt leaves nothing behind."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from tests.feeding import Tickdeck
from tests.feeds.csv.test_load import read
from tests.paths import SAMPLE
from tickdeck.db.market.types import to_us


def started(url: str, folder: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tickdeck.app.cli.child", *map(str, arguments)],
        env={**os.environ, "DATABASE_URL": url, "TICKDECK_DATA_DIR": str(folder)},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_ticks(url: str, least: int) -> None:
    deadline = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            row = connection.execute("select count(*) from ticks").fetchone()
            if row is not None and row[0] >= least:
                return
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_files_merge_in_order_of_time_as_fast_as_possible(tickdeck: Tickdeck, tmp_path: Path) -> None:
    header, *rows = SAMPLE.read_text(encoding="utf-8").splitlines()
    files = [tmp_path / f"{name}.csv" for name in "abc"]
    for number, path in enumerate(files):
        path.write_text("\n".join([header, *rows[number::3]]) + "\n", encoding="utf-8")
    ran = tickdeck("feed", "csv", *files, "--speed", "max")
    assert (ran.code, ran.err.strip()) == (0, f"stored {len(rows):,}, already there 0, rejected 0")
    assert tickdeck.rows("select kind, state, stored from feeds") == [("csv", "ended", len(rows))]
    frame = read(SAMPLE)
    stored = tickdeck.rows("select symbol, price, size from ticks order by time, seq")
    assert stored == list(zip(frame["symbol"], frame["price"], frame["size"], strict=True))


def test_a_file_out_of_order_is_told_with_its_line(tickdeck: Tickdeck, tmp_path: Path) -> None:
    header, *rows = SAMPLE.read_text(encoding="utf-8").splitlines()
    path = tmp_path / "disorder.csv"
    path.write_text("\n".join([header, *rows[:700], rows[3], *rows[700:]]) + "\n", encoding="utf-8")
    ran = tickdeck("feed", "csv", path, "--speed", "max")
    assert ran.code == 1
    assert f"{path}, line 702, field time" in ran.err
    assert "`tickdeck load` takes them in any order" in ran.err
    assert tickdeck.rows("select count(*) from ticks") == [(700,)]
    assert tickdeck.rows("select state from feeds") == [("failed",)]


def test_a_shifted_feed_is_dated_now_and_keeps_its_spacing(tickdeck: Tickdeck, tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    path.write_text("ts,symbol,price,size\n" + "".join(f"{1_381_132_800 + i},ALS,10,1\n" for i in range(11)))
    began = time.time_ns() // 1000
    ran = tickdeck("feed", "csv", path, "--speed", "10", "--shift-to-now")
    ended = time.time_ns() // 1000
    assert ran.code == 0
    times = [to_us(row[0]) for row in tickdeck.rows("select time from ticks order by time")]
    assert began < times[0] < times[-1] < ended
    assert {later - earlier for earlier, later in pairwise(times)} == {100_000}


def test_an_interrupted_feed_stores_all_that_came(tickdeck: Tickdeck, tmp_path: Path) -> None:
    feed = started(
        tickdeck.url, tmp_path, "feed", "walk", "--symbols", "10", "--rate", "2000", "--no-history"
    )
    try:
        wait_for_ticks(tickdeck.url, 1000)
        feed.send_signal(signal.SIGINT)
        _, said = feed.communicate(timeout=60)
    finally:
        feed.kill()
    assert feed.returncode == 0, said
    ((count, newest, different),) = tickdeck.rows("select count(*), max(seq), count(distinct seq) from ticks")
    assert count == newest == different
    assert f"stored {count:,}, already there 0, rejected 0" in said
    assert tickdeck.rows("select state, detail, stored from feeds") == [("ended", "stopped", count)]


def wait_until_it_runs(url: str) -> None:
    deadline = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as connection:
        while not connection.execute("select from feeds where state = 'running'").fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.parametrize(
    ("command", "number"),
    [
        (("load",), signal.SIGINT),
        (("feed", "csv", "--speed", "max"), signal.SIGTERM),
    ],
)
def test_a_pipe_that_falls_quiet_keeps_nothing_from_being_stored_or_stopped(
    tickdeck: Tickdeck, tmp_path: Path, command: tuple[str, ...], number: int
) -> None:
    """What came is stored while the pipe is quiet; a signal ends it there, in the middle of a row."""
    header, *rows = SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    feed = started(tickdeck.url, tmp_path / "data", *command, pipe)
    try:
        with pipe.open("w", encoding="utf-8") as writing:
            for content, stored in (
                ([header, *rows[:300]], 300),
                (rows[300:301], 301),
                ([*rows[301:700], rows[700][:12]], 700),
            ):
                writing.writelines(content)
                writing.flush()
                wait_for_ticks(tickdeck.url, stored)
            feed.send_signal(number)
            _, said = feed.communicate(timeout=60)
    finally:
        feed.kill()
    assert feed.returncode == (130 if command == ("load",) else 0), said
    assert tickdeck.rows("select count(*) from ticks") == [(700,)]
    assert tickdeck.rows("select state, detail, stored from feeds") == [("ended", "stopped", 700)]
    assert not list((tmp_path / "data").glob("rejects/*"))


@pytest.mark.parametrize(
    ("begun", "number"),
    [
        ("nobody has opened it", signal.SIGINT),
        ("in the middle of gzip", signal.SIGTERM),
    ],
)
def test_a_pipe_from_which_nothing_can_be_taken_yet_ends_with_a_signal(
    tickdeck: Tickdeck, tmp_path: Path, begun: str, number: int
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feed = started(tickdeck.url, tmp_path / "data", "load", pipe)
    try:
        with ExitStack() as stack:
            if begun == "in the middle of gzip":
                writing = stack.enter_context(pipe.open("wb", buffering=0))
                writing.write(gzip.compress(SAMPLE.read_bytes())[:2000])
            wait_until_it_runs(tickdeck.url)
            feed.send_signal(number)
            _, said = feed.communicate(timeout=60)
    finally:
        feed.kill()
    assert (feed.returncode, "stopped; what was read so far is stored" in said) == (130, True), said
    assert tickdeck.rows("select state, detail, stored from feeds") == [("ended", "stopped", 0)]


def test_a_walk_has_a_past_names_and_the_rate_asked_for_and_goes_on_where_it_stopped(
    tickdeck: Tickdeck,
) -> None:
    arguments = ("feed", "walk", "--symbols", "5", "--rate", "400", "--duration")
    assert tickdeck(*arguments, "2s").code == 0
    stored = dict(tickdeck.rows("select name, stored from feeds"))
    assert stored["random walk"] == 800
    assert stored["random walk, past"] > 10_000
    assert tickdeck.rows("select count(*), count(name), min(timezone), min(currency) from instruments") == [
        (5, 5, "UTC", "USD")
    ]
    ((days,),) = tickdeck.rows("select count(distinct time::date) from ticks")
    assert days >= 390
    last = dict(
        tickdeck.rows("select distinct on (symbol) symbol, price from ticks order by symbol, time desc")
    )
    ((until,),) = tickdeck.rows("select max(time) from ticks")
    assert tickdeck(*arguments, "1s").code == 0
    for symbol, price in last.items():
        ((first,),) = tickdeck.rows(
            "select price from ticks where symbol = %s and time > %s order by time, seq limit 1",
            symbol,
            until,
        )
        assert abs(first / price - 1) < 0.01
    assert tickdeck.rows("select stored < 1000 from feeds where name = 'random walk, past'") == [(True,)]


def test_the_same_seed_and_start_are_the_same_ticks(tickdeck: Tickdeck) -> None:
    arguments = (
        "feed", "walk", "--symbols", "5", "--rate", "500", "--duration", "4s", "--speed", "max", "--no-history",
        "--start", "2024-03-08T12:00:00Z",
    )  # fmt: skip
    assert "stored 2,000, already there 0, rejected 0" in tickdeck(*arguments).err
    assert "stored 0, already there 2,000, rejected 0" in tickdeck(*arguments).err
