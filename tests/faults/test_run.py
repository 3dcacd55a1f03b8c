"""`tickdeck run` keeps its processes running, and says what becomes of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.faults.running import PATIENCE_S, Running, wait_for
from tests.faults.wire import Wire
from tickdeck.db.embedded import taken
from tickdeck.db.market.types import to_us
from tickdeck.feeds.spill import Spill
from tickdeck.testing.pace import Stopwatch

ALONE: Final = {"TICKDECK_STANDBY": "false"}
"""Nothing waits beside the processes of a run in which none dies: loading it takes seconds."""


def ticks(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("select count(*) from ticks").fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def viewing(page: str) -> Iterator[ClientConnection]:
    """A viewer of the whole watchlist, which has its first frame; it reads as fast as frames come."""
    with connect(page.replace("http", "ws", 1) + "/ws", max_size=None, max_queue=None) as viewer:
        viewer.send('{"subscribe": {"watchlist": "all"}}')
        while json.loads(viewer.recv(PATIENCE_S))["type"] != "frame":
            pass
        yield viewer


def _read_all(viewer: ClientConnection) -> None:
    while True:
        viewer.recv(PATIENCE_S)


@pytest.mark.fault(
    "SIGTERM at 2,000 ticks a second",
    "all is stored and closed; viewers are told (close code 1012, `the server stops`)",
    within="10 s",
)
@pytest.mark.fault("kill -9 of the page's process", "viewers connect anew and get a snapshot", soak=True)
@pytest.mark.fault(
    "a process under `tickdeck run` is stopped (SIGSTOP)",
    "it is taken for dead after 2 s and started again",
    within="started within 5 s",
    soak=True,
)
@pytest.mark.fault(
    "kill -9 of a feed under `tickdeck run`",
    "it is started again and goes on behind what is stored",
    within="started within 3 s",
    soak=True,
)
@pytest.mark.fault(
    "the locale is C, and the folder's name has umlauts and blanks",
    "everything runs as elsewhere",
)
def test_what_dies_or_is_stopped_under_run_is_started_again(tickdeck_db: str, tmp_path: Path) -> None:
    walk = ("--symbols", "3", "--rate", "2000")
    folder = tmp_path / "Zürich über alles"
    folder.mkdir()
    plain = {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }  # a Python that takes the locale at its word
    where = {"DATABASE_URL": tickdeck_db, "TICKDECK_DATA_DIR": str(folder / "data")}
    with Running(folder, "run", "--port", "0", *walk, **where, **plain) as run:
        run.until_live()
        wait_for(lambda: run.health()[1].get("ticks_per_s"))
        feed, page = run.child("feed walk"), run.child("serve")
        assert feed
        assert page

        os.kill(feed, signal.SIGKILL)
        os.kill(page, signal.SIGSTOP)
        assert wait_for(lambda: run.child("feed walk") not in {None, feed}) < 3
        assert wait_for(lambda: run.child("serve") not in {None, page}) < 5
        wait_for(lambda: run.health()[0] == 200)
        before = ticks(tickdeck_db)
        wait_for(lambda: ticks(tickdeck_db) > before)
        wait_for(lambda: run.said.count("program_runs_again") == 2)
        assert "killed by SIGKILL" in run.said
        assert "it was stopped and did not go on" in run.said

        # Those that wait beside them take their places, at once.
        for words in ("feed walk", "serve"):
            wait_for(lambda words=words: run.child(words, waits=True))  # type: ignore[misc]
            waiting, living = run.child(words, waits=True), run.child(words)
            assert living
            os.kill(living, signal.SIGKILL)
            wait_for(lambda words=words, waiting=waiting: run.child(words) == waiting)  # type: ignore[misc]
        wait_for(lambda: run.health()[0] == 200)
        before = ticks(tickdeck_db)
        wait_for(lambda: ticks(tickdeck_db) > before)

        # One that waits and dies is replaced; at the end nothing is left, what waits neither.
        wait_for(lambda: run.child("feed walk", waits=True))
        waiting = run.child("feed walk", waits=True)
        assert waiting
        os.kill(waiting, signal.SIGKILL)
        wait_for(lambda: not run.child("feed walk", waits=True))
        for words in ("feed walk", "serve"):
            wait_for(lambda words=words: run.child(words, waits=True))  # type: ignore[misc]
        left = [run.child(words, waits=waits) for words in ("feed walk", "serve") for waits in (False, True)]
        assert all(left)
        with viewing(run.page) as viewer:
            watch = Stopwatch()
            assert run.stop() == 0
            assert watch.seconds() < 10
            with pytest.raises(ConnectionClosed) as closed:
                _read_all(viewer)
            told = closed.value.rcvd
            assert told is not None
            assert (told.code, told.reason) == (1012, "the server stops")
        assert not any(Path(f"/proc/{pid}").exists() for pid in left)
        assert "Traceback" not in run.said
        assert "never retrieved" not in run.said


@pytest.mark.fault("a page that may not start, two runs on one folder", "`run` ends and says why")
def test_a_page_that_cannot_start_ends_run(tickdeck_db: str, tmp_path: Path) -> None:
    # Nobody could sign in: the page refuses to be reached by others.
    walk = ("--symbols", "1", "--rate", "10")
    where = {"DATABASE_URL": tickdeck_db} | ALONE
    run = Running(tmp_path, "run", "--port", "0", "--host", "0.0.0.0", *walk, **where)  # noqa: S104
    with run:
        assert run.wait() == 1
        run.stop()
        assert run.said.count("there are no users yet") == 1


@pytest.mark.fault("a page that may not start, two runs on one folder")
def test_a_second_run_on_one_folder_is_refused_with_the_first_ones_page(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with taken(data / "run.lock") as first:  # as a run holds it
        assert first
        (data / "run.page").write_text("http://127.0.0.1:8050")
        with Running(tmp_path, "run", "--port", "0", TICKDECK_DATA_DIR=str(data)) as second:
            assert second.wait() == 1
            second.stop()
    assert f"live already at http://127.0.0.1:8050, on the data folder {data}" in second.said.replace(
        "\n", ""
    )
    assert "Traceback" not in second.said
    assert not (data / "postgresql-17").exists()


@pytest.mark.fault(
    "kill -9 of a feed that plays a file, `--shift-to-now` too",
    "no row is stored twice or under another time",
    soak=True,
)
def test_a_file_that_is_played_when_its_process_is_killed_is_stored_once(
    tickdeck_db: str, tmp_path: Path
) -> None:
    file = tmp_path / "day.csv"
    rows = [
        f"2024-03-08T14:{each // 1200:02}:{each % 1200 / 20:05.2f}Z,S{each % 3},10,{each}"
        for each in range(24_000)
    ]
    file.write_text("time,symbol,price,size\n" + "\n".join(rows) + "\n")
    for turn in range(2):
        before = ticks(tickdeck_db)
        with Running(tmp_path, "feed", "csv", str(file), "--shift-to-now", DATABASE_URL=tickdeck_db) as feed:
            wait_for(lambda before=before: ticks(tickdeck_db) > before + 5)  # type: ignore[misc]
            os.kill(feed.pid, signal.SIGKILL)
            feed.wait()
            feed.stop()
            assert ("feed_goes_on" in feed.said) == (turn > 0)
    with psycopg.connect(tickdeck_db) as connection:
        found = connection.execute(
            "select size::int, round(extract(epoch from time - min(time) over ()) * 20) from ticks order by size"
        ).fetchall()
    assert found == [(each, each) for each in range(len(found))]


@pytest.mark.fault("kill -9 of a feed while its ticks wait on disk", "the next one stores them, each once")
def test_a_feed_that_is_killed_while_its_ticks_wait_on_disk_loses_none_of_them(
    tickdeck_db: str, tmp_path: Path
) -> None:
    spilled = tmp_path / "data" / "spill"
    walk = ("feed", "walk", "--no-history", "--symbols", "3", "--rate", "500")
    with Wire(tickdeck_db) as wire:
        where = {"DATABASE_URL": wire.url, "TICKDECK_DATA_DIR": str(tmp_path / "data")}
        with Running(tmp_path, *walk, **where) as feed:
            wait_for(lambda: ticks(tickdeck_db) > 500)
            wire.hold()
            wait_for(lambda: sum(each.stat().st_size for each in spilled.rglob("*.spill")) > 40_000)
            os.kill(feed.pid, signal.SIGKILL)
            feed.wait()
            feed.stop()
        wire.cut()  # what was on its way never comes
        (folder,) = {each.parent for each in spilled.rglob("*.spill")}
        shutil.copytree(folder, tmp_path / "copy")
        waiting, kept = Spill(tmp_path / "copy"), set()
        while waiting:
            batch = waiting.first().ticks
            kept |= set(zip(batch.symbol, batch.time_us.tolist(), batch.seq.tolist(), strict=True))
            waiting.drop_first()
        assert kept
        expected = kept | identities(tickdeck_db)
        last_us = max(time_us for _, time_us, _ in expected)

        wire.go_on()
        with Running(tmp_path, *walk, **where) as feed:
            wait_for(lambda: not list(folder.glob("*.spill")) and max_us(tickdeck_db) > last_us)
            feed.stop()
            assert "Traceback" not in feed.said
    stored = [each for each in identities(tickdeck_db) if each[1] <= last_us]
    assert set(stored) == expected
    with psycopg.connect(tickdeck_db) as connection:
        counted = (
            "select (select count(*) from ticks), (select sum(trades) from candles where interval = '1m')"
        )
        row = connection.execute(counted).fetchone()
    assert row is not None
    assert row[0] == row[1]


def identities(url: str) -> set[tuple[str, int, int]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("select symbol, time, seq from ticks").fetchall()
    return {(symbol, to_us(at), seq) for symbol, at, seq in rows}


def max_us(url: str) -> int:
    return max(time_us for _, time_us, _ in identities(url))


@pytest.mark.fault(
    "a second process runs a feed that runs already, by another `run` on the same `DATABASE_URL` too",
    "it is refused, with what to do; where a feed's connection is lost it takes its lock again",
    within="5 s",
)
def test_a_market_that_is_fed_already_is_not_fed_twice(tickdeck_db: str, tmp_path: Path) -> None:
    walk = ("--symbols", "2", "--rate", "50")
    with psycopg.connect(tickdeck_db) as other:  # as the feed of another run does
        other.execute("select pg_advisory_lock(74550003, hashtext('random walk'))")
        with Running(tmp_path, "run", "--port", "0", *walk, DATABASE_URL=tickdeck_db, **ALONE) as run:
            assert run.wait() == 4
            run.stop()
    assert run.said.count("the feed 'random walk' runs on this database already, in another process") == 1
    assert "`tickdeck run --no-feed --port 0`" in run.said
    assert "Traceback" not in run.said
    assert ticks(tickdeck_db) == 0
