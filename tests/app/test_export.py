"""`tickdeck export`: what is stored comes out, in order and whole, and goes back in as it was."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import psycopg
import pytest

from tests.feeding import Tickdeck
from tests.paths import SAMPLE
from tests.reference import utc
from tickdeck.app import export as export_run
from tickdeck.app.rows import TICK_COLUMNS
from tickdeck.db import frames
from tickdeck.db.candles.read import read_candles
from tickdeck.db.feed_gaps import FeedGap, open_gaps
from tickdeck.db.market.types import INTERVALS, Candle, Interval, to_us
from tickdeck.db.session import open_pool
from tickdeck.testing.databases import Databases
from tickdeck.testing.ticks import START, TickFactory

TICKS = "select * from ticks order by time, seq, symbol"
# Floats are added batch by batch, and a file of another kind is read in other batches.
CANDLES = """
    select to_jsonb(candles) - 'turnover', round(turnover::numeric, 6)
    from candles where interval = '1m' order by symbol, bucket
"""
INSTRUMENTS = "select symbol, exchange, timezone, currency, price_decimals from instruments order by symbol"


@pytest.fixture
def other(
    _tickdeck_databases: Databases,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Tickdeck]:
    """The command on another database, an empty one."""
    with _tickdeck_databases.copy() as url:
        yield Tickdeck(url, tmp_path / "other", monkeypatch, capsys)


def rows_of(text: str) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(text))]


def child(tickdeck: Tickdeck, *arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tickdeck.app.cli.child", "export", *map(str, arguments)],
        env={**os.environ, "DATABASE_URL": tickdeck.url, "TICKDECK_DATA_DIR": str(tickdeck.folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "csv.zst", "parquet", "arrow"])
def test_what_was_loaded_comes_out_and_goes_into_another_database_as_it_was(
    tickdeck: Tickdeck, other: Tickdeck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    assert tickdeck("load", SAMPLE).code == 0
    monkeypatch.setattr(export_run, "ROWS_A_PAGE", 1000)
    path = tmp_path / f"out.{ending}"
    ran = tickdeck("export", path)
    count = len(tickdeck.rows(TICKS))
    assert (ran.code, ran.out, ran.err) == (0, "", f"{count:,} ticks of 3 symbols in {path}\n")
    loaded = other("load", path, "--json")
    assert (loaded.code, loaded.summary["stored"], loaded.summary["rejected"]) == (0, count, 0)
    for query in (TICKS, CANDLES, INSTRUMENTS):
        assert other.rows(query) == tickdeck.rows(query)
    back = tickdeck("load", path, "--json")
    assert (back.code, back.summary["stored"], back.summary["already"]) == (0, 0, count)


def test_symbols_and_range_on_standard_output_in_order(
    tickdeck: Tickdeck, tick_factory: TickFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick_factory(3000, symbols=["B", "A", "C"], every=timedelta(seconds=1))
    monkeypatch.setattr(export_run, "ROWS_A_PAGE", 100)
    start, end = START + timedelta(seconds=10), START + timedelta(seconds=1510)
    ran = tickdeck("export", "--symbols", "C, A,C", "--from", start.isoformat(), "--to", end.isoformat())
    assert (ran.code, ran.err) == (0, "1,000 ticks of 2 symbols\n")
    stored = tickdeck.rows(
        "select time, symbol, seq, price, size, bid, ask, exchange, conditions from ticks"
        " where symbol in ('A', 'C') and time >= %s and time < %s order by time, seq",
        start,
        end,
    )
    assert ran.out.splitlines()[0] == "time,symbol,seq,price,size,bid,ask,exchange,conditions,side"
    found: list[tuple[Any, ...]] = [
        (
            utc(row["time"]), row["symbol"], int(row["seq"]),
            *(float(row[name]) for name in ("price", "size", "bid", "ask")),
            row["exchange"] or None, row["conditions"] or None,
        )
        for row in rows_of(ran.out)
    ]  # fmt: skip
    assert found == [(to_us(row[0]), *row[1:]) for row in stored]


async def all_candles(url: str, symbol: str, interval: Interval) -> list[Candle]:
    pool = await open_pool(url, role="reader")
    try:
        return await read_candles(pool, symbol, interval, limit=1_000_000)
    finally:
        await pool.close()


@pytest.fixture(scope="module")
def days_of_candles(_tickdeck_databases: Databases) -> Iterator[str]:
    """Days of two symbols over changes of New York's clocks, and a symbol without any."""
    with _tickdeck_databases.copy() as url:
        with psycopg.connect(url) as connection:
            connection.execute(
                "insert into instruments (symbol, timezone) values ('A', %s), ('NONE', 'UTC')",
                ("America/New_York",),
            )
        for days in (0, 1, 60, 64, 500):
            TickFactory(url)(
                40,
                symbols=["A", "B"],
                start=START + timedelta(days=days),
                every=timedelta(minutes=7, seconds=3),
            )
        yield url


@pytest.mark.parametrize("interval", INTERVALS)
def test_candles_are_those_that_are_read_one_symbol_after_the_other(
    days_of_candles: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    interval: Interval,
) -> None:
    tickdeck = Tickdeck(days_of_candles, tmp_path / "data", monkeypatch, capsys)
    monkeypatch.setattr(export_run, "ROWS_A_PAGE", 7)
    ran = tickdeck("export", "--candles", interval)
    expected = [
        (symbol, candle)
        for symbol in ("A", "B")
        for candle in asyncio.run(all_candles(tickdeck.url, symbol, interval))
    ]
    assert (ran.code, ran.err) == (0, f"{len(expected):,} {interval} candles of 3 symbols\n")
    assert ran.out.splitlines()[0] == "time,symbol,open,high,low,close,volume,turnover,trades"
    found = rows_of(ran.out)
    assert [(row["symbol"], utc(row["time"])) for row in found] == [(s, c.time_us) for s, c in expected]
    for name in ("open", "high", "low", "close", "volume", "turnover", "trades"):
        assert [float(row[name]) for row in found] == [getattr(candle, name) for _, candle in expected]
    if interval == "1h":
        first, last = START - timedelta(minutes=30), START + timedelta(days=1)
        part = tickdeck("export", "--candles", "1h", "--from", first.isoformat(), "--to", last.isoformat())
        inside = [row["time"] for row in found if to_us(first) <= utc(row["time"]) < to_us(last)]
        assert [row["time"] for row in rows_of(part.out)] == inside


def test_candles_as_parquet_are_those_as_csv(
    tickdeck: Tickdeck, tick_factory: TickFactory, tmp_path: Path
) -> None:
    tick_factory(500, symbols=["A", "B"], every=timedelta(seconds=7))
    typed, text = tmp_path / "c.parquet", tmp_path / "c.csv"
    assert tickdeck("export", typed, "--candles", "1m").code == 0
    assert tickdeck("export", text, "--candles", "1m").code == 0
    found, wanted = pd.read_parquet(typed), pd.read_csv(text)
    wanted["time"] = pd.to_datetime(wanted["time"]).astype(found["time"].dtype)
    pd.testing.assert_frame_equal(found, wanted, check_dtype=False, check_exact=True)
    assert len(found) > 50


def test_candles_have_their_indicators_in_every_page_as_in_a_notebook(
    tickdeck: Tickdeck, tick_factory: TickFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick_factory(3000, symbols=["A", "B"], every=timedelta(seconds=7))
    monkeypatch.setattr(export_run, "ROWS_A_PAGE", 20)
    monkeypatch.setenv("DATABASE_URL", tickdeck.url)
    names = ["ema(20)", "macd(12, 26, 9).signal", "vwap"]
    wanted = frames.candles("B", "1m", indicators=["ema(20)", "macd", "vwap"])[names]
    assert len(wanted) > 100
    for path in (tmp_path / "c.csv", tmp_path / "c.parquet"):
        assert tickdeck("export", path, "--candles", "1m", "--indicators", "ema(20),macd,vwap").code == 0
        read = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
        found = read[read["symbol"] == "B"].reset_index(drop=True)
        pd.testing.assert_frame_equal(found[names], wanted.reset_index(drop=True), rtol=1e-9)
    for options, reason in (
        (("--indicators", "ema"), "--indicators are those of candles"),
        (("--candles", "1m", "--indicators", "ema(0)"), "ema: period must be from 2 to 2000, not 0"),
    ):
        ran = tickdeck("export", *options)
        assert (ran.code, ran.out) == (1, "")
        assert reason in ran.err


def test_an_empty_database_is_a_file_without_rows_also_as_parquet(tickdeck: Tickdeck, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    assert tickdeck("export", path).code == 0
    found = pd.read_parquet(path)
    assert (len(found), list(found.columns)) == (0, list(TICK_COLUMNS))
    assert str(found["time"].dtype) == "datetime64[us, UTC]"


def test_a_parquet_file_compressed_once_more_is_refused(tickdeck: Tickdeck, tmp_path: Path) -> None:
    ran = tickdeck("export", tmp_path / "t.parquet.gz")
    assert ran.code == 1
    assert "compressed by itself, end its name in .parquet" in ran.err
    assert [*tmp_path.glob("t.*")] == []


def test_an_empty_database_is_a_header(tickdeck: Tickdeck) -> None:
    ran = tickdeck("export")
    assert (ran.code, ran.err) == (0, "0 ticks of 0 symbols\n")
    assert ran.out == "time,symbol,seq,price,size,bid,ask,exchange,conditions,side\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--symbols", "SPY,NONE"], "symbol 'NONE' is unknown"),
        (["--symbols", " ,"], "--symbols names none"),
        (["--from", "2026-01-06", "--to", "2026-01-05"], "--from 2026-01-06 is not before --to 2026-01-05"),
        (["--to", "2026-01-05T14:30"], "--to: 2026-01-05T14:30:00 has no time zone"),
        (["--candles", "2m"], "interval '2m' is unknown"),
    ],
)
def test_what_cannot_be_exported_is_told_and_nothing_written(
    tickdeck: Tickdeck, tick_factory: TickFactory, tmp_path: Path, arguments: list[str], says: str
) -> None:
    tick_factory(10)
    ran = tickdeck("export", tmp_path / "out.csv", *arguments)
    assert (ran.code, ran.out) == (1, "")
    assert says in ran.err
    assert [*tmp_path.iterdir()] == []


def test_a_file_that_is_there_stays_unless_forced(
    tickdeck: Tickdeck, tick_factory: TickFactory, tmp_path: Path
) -> None:
    tick_factory(10)
    path = tmp_path / "out.csv"
    path.write_text("dear to somebody")
    ran = tickdeck("export", path)
    assert (ran.code, ran.err) == (1, f"error: {path} is there already: --force replaces it\n")
    assert path.read_text() == "dear to somebody"
    assert tickdeck("export", path, "--force").code == 0
    assert len(rows_of(path.read_text())) == 10


def test_an_interrupted_export_leaves_nothing(
    tickdeck: Tickdeck, tick_factory: TickFactory, tmp_path: Path
) -> None:
    """By either signal, while it waits for its first page."""
    tick_factory(10)
    numbers = (signal.SIGINT, signal.SIGTERM)
    with psycopg.connect(tickdeck.url) as holder, ExitStack() as ends:
        holder.execute("lock table ticks in access exclusive mode")
        exports = []
        for number in numbers:
            exports.append(child(tickdeck, tmp_path / f"{number}.csv"))
            ends.callback(exports[-1].kill)
        with psycopg.connect(tickdeck.url, autocommit=True) as connection:
            waiting = (
                b"select from pg_stat_activity where datname = current_database()"
                b" and application_name = 'tickdeck reader' and wait_event_type = 'Lock'"
            )
            while len(connection.execute(waiting).fetchall()) < len(exports):
                assert [each.poll() for each in exports] == [None] * len(exports)
                time.sleep(0.02)
        assert {each.name for each in tmp_path.iterdir()} == {
            f"{number}.csv.{export.pid}.part" for number, export in zip(numbers, exports, strict=True)
        }
        for number, export in zip(numbers, exports, strict=True):
            export.send_signal(number)
        for export in exports:
            _, said = export.communicate(timeout=60)
            assert export.returncode != 0
            assert "Traceback" not in said
    assert [*tmp_path.iterdir()] == []


def test_a_reader_that_has_had_enough_ends_it_in_peace(tickdeck: Tickdeck) -> None:
    tickdeck("load", SAMPLE)
    export = child(tickdeck)
    try:
        assert export.stdout is not None
        assert export.stdout.readline().startswith("time,")
        export.stdout.close()
        assert export.stderr is not None
        assert export.stderr.read() == ""
        assert export.wait(timeout=60) == 0
        export.stderr.close()
    finally:
        export.kill()


def test_gaps_in_what_is_written_are_told_and_listed(tickdeck: Tickdeck, tmp_path: Path) -> None:
    """What feeds have missed of it; what was filled since, and what lies elsewhere, is none."""
    assert tickdeck("load", SAMPLE).code == 0
    (symbol, first, last), *_ = tickdeck.rows(
        "select symbol, min(time), max(time) from ticks group by 1 order by 1"
    )
    middle = first + (last - first) / 2

    async def miss() -> None:
        pool = await open_pool(tickdeck.url, role="writer", size=1)
        await open_gaps(
            pool,
            [
                FeedGap(
                    uuid4(),
                    "binance",
                    symbol,
                    to_us(middle),
                    to_us(middle) + 5_000_000,
                    7,
                    12,
                    state,
                    "cut off",
                )
                for state in ("missing", "filled")
            ],
        )
        await pool.close()

    asyncio.run(miss())
    out, listed = tmp_path / "out.csv", tmp_path / "gaps.csv"
    ran = tickdeck("export", out, "--symbols", symbol)
    assert ran.err.splitlines()[1:] == ["1 gap in it: trades that feeds have missed (--gaps FILE lists them)"]
    ran = tickdeck("export", out, "--force", "--gaps", listed, "--candles", "1m")
    assert ran.err.splitlines()[1:] == [f"1 gap in it: trades that feeds have missed, listed in {listed}"]
    (row,) = rows_of(listed.read_text(encoding="utf-8"))
    assert (row["symbol"], row["trades"], row["state"], row["feed"]) == (symbol, "4", "missing", "binance")
    ran = tickdeck("export", tmp_path / "other.csv", "--gaps", listed)
    assert ran.code == 1
    assert "is there already" in ran.err
    ran = tickdeck("export", out, "--force", "--to", (middle - timedelta(seconds=1)).isoformat())
    assert len(ran.err.splitlines()) == 1
