"""Days go to the archive and come back: whatever happens on the way, each tick is stored once, and candles stay."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from tests.feeding import Tickdeck
from tickdeck.db.archive.layout import files_in
from tickdeck.db.archive.move import archive_days, catalogue, restore_day, verify_archive
from tickdeck.db.candles.repair import verify_and_repair
from tickdeck.db.candles.verify import verify
from tickdeck.db.errors import SchemaError
from tickdeck.db.market.corrections import Correction
from tickdeck.db.market.types import TickBatch, concat, to_us
from tickdeck.db.migrate import downgrade
from tickdeck.db.session import open_pool
from tickdeck.db.ticks.corrections import restate_ticks
from tickdeck.db.ticks.read import read_ticks
from tickdeck.db.upkeep.retention import drop_expired
from tickdeck.testing.ticks import TickFactory

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OLD = NOW - 40 * DAY
OLD_DAY = date(2026, 2, 19)
SYMBOLS = ["AIG", "SPY"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "archive"
    monkeypatch.setenv("TICKDECK_ARCHIVE_DIR", str(folder))
    return folder


@pytest.fixture
def old(tickdeck_db: str, tick_factory: TickFactory) -> TickBatch:
    """Ticks of two symbols, of 40 days ago; there are others of 2 days ago."""
    tick_factory(20, symbols=SYMBOLS, start=NOW - 2 * DAY)
    return tick_factory(60, symbols=SYMBOLS, start=OLD)


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def candles(url: str) -> list[tuple[Any, ...]]:
    """The minutes' candles; sums of floats depend on the order in which the server adds them up."""
    columns = "symbol, interval, bucket, open, high, low, close, volume, round(turnover::numeric, 4), trades, first_seq, last_seq"
    return rows(url, f"select {columns} from candles where interval = '1m' order by symbol, bucket")


def in_table(url: str) -> int:
    return int(rows(url, "select count(*) from ticks where time < '2026-03-01'")[0][0])


async def stored(url: str, role: Any = "reader") -> list[tuple[int, str, int, float]]:
    """Every tick, as reads have them."""
    pool = await open_pool(url, role=role, size=1)
    try:
        found = await read_ticks(pool, SYMBOLS, 0, to_us(NOW), limit=1000)
    finally:
        await pool.close()
    columns = (found.time_us, found.symbol, found.seq, found.price)
    return list(zip(*(each.tolist() for each in columns), strict=True))


async def test_there_and_back(
    tickdeck_db: str, root: Path, old: TickBatch, tick_factory: TickFactory
) -> None:
    before = candles(tickdeck_db)
    ticks = await stored(tickdeck_db)
    done = archive_days(tickdeck_db, root, 10, now=NOW)
    assert (done.days, done.ticks, done.in_use) == (2, 60, 0)
    assert (in_table(tickdeck_db), candles(tickdeck_db)) == (0, before)
    assert await stored(tickdeck_db) == ticks
    assert [(each.symbol, each.day, each.ticks) for each in catalogue(tickdeck_db)] == [
        ("AIG", OLD_DAY, 30), ("SPY", OLD_DAY, 30),
    ]  # fmt: skip
    # What has been emptied is dropped, by a later run where something still looked at it.
    while len(rows(tickdeck_db, "select show_chunks('ticks')")) > 1:
        archive_days(tickdeck_db, root, 10, now=NOW)
    assert verify_archive(tickdeck_db, root) == []
    assert archive_days(tickdeck_db, root, 10, now=NOW).days == 0
    assert drop_expired(tickdeck_db, 20, now=NOW).chunks == 0
    # Another symbol has ticks of that day: it gets a file of its own, and the chunk is none for retention to drop.
    tick_factory(5, symbols=["NEW"], start=OLD)
    assert drop_expired(tickdeck_db, 20, now=NOW).chunks == 0
    assert archive_days(tickdeck_db, root, 10, now=NOW).days == 1
    before = candles(tickdeck_db)
    assert restore_day(tickdeck_db, root, "SPY", OLD_DAY) == 30
    assert (in_table(tickdeck_db), candles(tickdeck_db)) == (30, before)
    assert await stored(tickdeck_db) == ticks
    # With the day back everything is as ever: a late tick is taken, and counted; then it goes to the archive again.
    assert tick_factory.write(tick_factory.batch(3, symbols=["SPY"], start=OLD + DAY / 4)).stored == 3
    ticks = await stored(tickdeck_db)
    (root / "SPY" / "mine.parquet").write_bytes(b"")
    assert archive_days(tickdeck_db, root, 10, now=NOW).ticks == 33
    # The file of before stays for reads that have begun, and goes later; nothing else does.
    assert len(list(files_in(root))) == 5
    with psycopg.connect(tickdeck_db) as connection:
        connection.execute("update archive_left set left_at = left_at - interval '2 hours'")
    archive_days(tickdeck_db, root, 10, now=NOW)
    assert set(files_in(root)) == {*(each.file for each in catalogue(tickdeck_db)), "SPY/mine.parquet"}
    assert await stored(tickdeck_db) == ticks
    assert rows(tickdeck_db, "select sum(trades)::int from candles where interval = '1m'") == [
        (20 + 60 + 5 + 3,)
    ]
    assert rows(tickdeck_db, "select * from dropped_ticks") == []


async def test_what_comes_again_is_compared_with_the_file(
    tickdeck_db: str, root: Path, old: TickBatch, tick_factory: TickFactory
) -> None:
    archive_days(tickdeck_db, root, 10, now=NOW)
    before = candles(tickdeck_db)
    other = replace(old.take(slice(0, 1)), price=np.array([1.0]))
    new = tick_factory.batch(1, symbols=["SPY"], start=OLD + DAY / 4)
    fresh = tick_factory.batch(2, symbols=["SPY"], start=NOW)
    written = await tick_factory.write_async(concat([old, other, new, fresh]))
    assert (written.stored, written.already, [each.index for each in written.rejects]) == (2, 60, [60, 61])
    differing, late = written.rejects
    assert (
        "is stored already with other values: price 100.0" in differing.reason or "price" in differing.reason
    )
    assert "tickdeck archive restore SPY 2026-02-19" in late.reason
    assert [candle for candle in before if candle not in candles(tickdeck_db)] == []
    assert in_table(tickdeck_db) == 0
    with psycopg.connect(tickdeck_db) as connection, pytest.raises(psycopg.Error) as refused:
        connection.execute("insert into ticks (time, symbol, price) values (%s, 'SPY', 1)", (OLD,))
    assert refused.value.sqlstate == "TD004"


async def test_no_candle_and_no_tick_of_an_archived_day_is_changed(
    tickdeck_db: str, root: Path, old: TickBatch, tick_factory: TickFactory
) -> None:
    archive_days(tickdeck_db, root, 10, now=NOW)
    tick_factory(5, symbols=["NEW"], start=OLD)  # its chunk is looked into
    with psycopg.connect(tickdeck_db) as connection:
        connection.execute("update candles set close = close + 1 where symbol = 'NEW'")
    before = candles(tickdeck_db)
    reader = await open_pool(tickdeck_db, role="reader", size=1)
    writer = await open_pool(tickdeck_db, role="writer", size=1)
    try:
        assert {each.symbol for each in await verify(reader)} == {"NEW"}
        tick = Correction(
            symbol="SPY", time_us=int(old.time_us[1]), seq=int(old.seq[1]), kind="cancel", reason="wrong"
        )
        restated = await restate_ticks(
            writer, [tick, replace(tick, time_us=tick.time_us + 1, exact_time=False)], actor="me"
        )
        assert restated.done == 0
        assert ["archive restore SPY 2026-02-19" in each.reason for each in restated.rejects] == [True, True]
        assert await verify_and_repair(reader, writer, actor="me", found=lambda _: None) == []
        with psycopg.connect(tickdeck_db) as connection:
            connection.execute(
                "select tickdeck_repair_candles_v1('me', '{SPY}', array[date_trunc('minute', %s::timestamptz)])",
                (OLD,),
            )
    finally:
        await reader.close()
        await writer.close()
    mine = [each for each in candles(tickdeck_db) if "NEW" not in each and "1m" in each]
    assert mine == [each for each in before if "NEW" not in each and "1m" in each]


LOCKED = (
    "select from pg_locks where locktype = 'advisory'"
    " and database = (select oid from pg_database where datname = current_database())"
)
ARCHIVERS = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
import psycopg
from tickdeck.db.archive import move

def dying(inside, before):
    def call(*args, **kwargs):
        if before:
            os.kill(os.getpid(), signal.SIGKILL)
        inside(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
    return call

def archive(url, root, now, step):
    if step == "written":
        move.write_day = dying(move.write_day, before=False)
    elif step == "unfinished":
        Path.replace = dying(Path.replace, before=True)
    elif step == "read back":
        move.read_day = dying(move.read_day, before=False)
    elif step == "deleted":
        move._ends = dying(move._ends, before=True)
    elif step == "committed":
        psycopg.Transaction.__exit__ = dying(psycopg.Transaction.__exit__, before=False)
    elif step == "dropping":
        move._drop_empty_chunks = dying(move._drop_empty_chunks, before=True)
    move.archive_days(url, Path(root), 10, now=datetime.fromisoformat(now))

for line in sys.stdin:
    child = os.fork()
    if not child:
        archive(*line.rstrip("\\n").split("\\t"))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def archivers() -> Iterator[Callable[..., int]]:
    """Runs an archiver in a process of its own, and says how that ended; one process has imported it for all of them."""
    with subprocess.Popen(
        [sys.executable, "-c", ARCHIVERS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        asked, answers = running.stdin, running.stdout
        assert asked is not None
        assert answers is not None

        def run(*arguments: str) -> int:
            asked.write("\t".join(arguments) + "\n")
            asked.flush()
            return int(answers.readline())

        yield run
        asked.close()


@pytest.mark.parametrize("step", ["unfinished", "written", "read back", "deleted", "committed", "dropping"])
def test_a_killed_archiver_loses_and_doubles_nothing(
    tickdeck_db: str, root: Path, old: TickBatch, archivers: Callable[..., int], step: str
) -> None:
    before, ticks = candles(tickdeck_db), asyncio.run(stored(tickdeck_db))
    assert archivers(tickdeck_db, str(root), NOW.isoformat(), step) == -signal.SIGKILL
    # The server lets its locks go once it has heard of its end.
    while rows(tickdeck_db, LOCKED):
        pass
    assert asyncio.run(stored(tickdeck_db)) == ticks
    kept = in_table(tickdeck_db) + sum(each.ticks for each in catalogue(tickdeck_db))
    assert (kept, verify_archive(tickdeck_db, root)) == (60, [])
    archive_days(tickdeck_db, root, 10, now=NOW)
    assert (in_table(tickdeck_db), sum(each.ticks for each in catalogue(tickdeck_db))) == (0, 60)
    assert (asyncio.run(stored(tickdeck_db)), candles(tickdeck_db)) == (ticks, before)
    left = [name for name in files_in(root) if name.endswith(".parquet")]
    assert left == sorted(each.file for each in catalogue(tickdeck_db)), "what it had written is used"


def test_the_commands(
    tickdeck: Tickdeck, root: Path, old: TickBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "say how old" in tickdeck("archive", "run").err
    ran = tickdeck("archive", "run", "--older-than", "2")
    assert (ran.code, "4 days of a symbol archived" in ran.out) == (0, True)
    assert "4 of 2 symbols, from 2026-02-19 to 2026-03-29" in tickdeck("archive", "status").out
    assert "every file is what was written" in tickdeck("archive", "verify").out
    assert "the minutes of 4 archived days are left out" in tickdeck("verify").out
    with pytest.raises(SchemaError, match="archive restore --all"):
        downgrade(tickdeck.url, "0031")
    assert tickdeck("db", "migrate").code == 0  # those after it had gone
    damaged = root / catalogue(tickdeck.url)[0].file
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-1] + b"!")
    assert "is not what was written" in tickdeck("archive", "verify").out
    assert "is not what was written" in tickdeck("archive", "restore", "AIG", "2026-02-19").err
    damaged.unlink()
    assert "1 files are missing" in tickdeck("archive", "status").err
    damaged.write_bytes(content)
    mark = root / "tickdeck-archive"
    mine = mark.read_text(encoding="utf-8")
    mark.write_text("another", encoding="utf-8")
    assert "is the archive of another database" in tickdeck("archive", "run", "--older-than", "2").err
    mark.write_text(mine, encoding="utf-8")
    assert "is not in the archive" in tickdeck("archive", "restore", "SPY", "2026-02-20").err
    assert "80 ticks of 4 days" in tickdeck("archive", "restore", "--all").out
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "pyarrow.parquet", raising=False)
    assert "pip install 'tickdeck[parquet]'" in tickdeck("archive", "run", "--older-than", "2").err
