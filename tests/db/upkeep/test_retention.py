"""Old ticks go, their candles stay, and nobody who writes has to wait."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tickdeck.db.upkeep import compression
from tickdeck.db.upkeep.retention import LOCK_TIMEOUT_MS, drop_expired
from tickdeck.testing.pace import Stopwatch
from tickdeck.testing.servers import TimescaleServer

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAYS = 60


@pytest.fixture
def sixty_days(tickdeck_db: str) -> str:
    """One tick an hour of SPY on each of the sixty days before `NOW`."""
    with psycopg.connect(tickdeck_db) as connection:
        connection.execute(
            "insert into ticks (time, symbol, price, size)"
            " select t, 'SPY', 100 + extract(hour from t), 1"
            " from generate_series(%s::timestamptz, %s, '1 hour') t",
            (NOW - timedelta(days=DAYS), NOW),
        )
    return tickdeck_db


def count(url: str, table: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(f"select count(*) from {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_only_whole_days_over_their_time_are_dropped(sixty_days: str) -> None:
    candles = count(sixty_days, "candles")
    done = drop_expired(sixty_days, 10, now=NOW)
    assert (done.chunks, done.in_use) == (50, 0)
    with psycopg.connect(sixty_days) as connection:
        row = connection.execute("select min(time) from ticks").fetchone()
        stretches = connection.execute("select first, until from dropped_ticks").fetchall()
    # 10 days before noon is inside a day, which is kept as a whole.
    assert row == (datetime(2026, 3, 21, tzinfo=UTC),)
    assert stretches == [(datetime(2026, 1, 30, tzinfo=UTC), datetime(2026, 3, 21, tzinfo=UTC))]
    assert count(sixty_days, "candles") == candles
    assert drop_expired(sixty_days, 10, now=NOW).chunks == 0


def test_dry_run_drops_nothing(sixty_days: str) -> None:
    ticks = count(sixty_days, "ticks")
    assert drop_expired(sixty_days, 10, now=NOW, dry_run=True).chunks == 50
    assert count(sixty_days, "ticks") == ticks


def test_chunk_that_is_read_is_left_for_the_next_turn(sixty_days: str) -> None:
    with psycopg.connect(sixty_days) as reader:
        reader.execute("select count(*) from ticks where time < %s", (NOW - timedelta(days=59),))
        watch = Stopwatch()
        done = drop_expired(sixty_days, 10, now=NOW)
        assert watch.seconds() < 50 * LOCK_TIMEOUT_MS / 1000, "it waits once, not for each chunk"
        assert (done.chunks, done.in_use) == (0, 50)
    assert drop_expired(sixty_days, 10, now=NOW).chunks == 50


def test_ingest_goes_on_while_chunks_are_dropped_and_waited_for(sixty_days: str) -> None:
    """No insert, beside fifty drops of which the first has to wait for a reader, waits long for a lock.

    The server counts, so that a busy machine makes no difference: an insert that waited would fail.
    """
    stop, written, refused = threading.Event(), [0], list[str]()

    def write() -> None:
        with psycopg.connect(sixty_days, autocommit=True) as writer:
            writer.execute(f"set lock_timeout = {10 * LOCK_TIMEOUT_MS}".encode())
            while not stop.is_set():
                try:
                    writer.execute(
                        "insert into ticks (time, symbol, price) values (%s, 'SPY', 1)",
                        (NOW + timedelta(microseconds=written[0]),),
                    )
                except psycopg.errors.LockNotAvailable as exc:
                    refused.append(str(exc))
                written[0] += 1

    before = count(sixty_days, "ticks where time >= '2026-03-31'")
    feed = threading.Thread(target=write)
    feed.start()
    try:
        with psycopg.connect(sixty_days) as reader:
            reader.execute("select count(*) from ticks where time < %s", (NOW - timedelta(days=59),))
            assert drop_expired(sixty_days, 10, now=NOW).in_use == 50
        assert drop_expired(sixty_days, 10, now=NOW).chunks == 50
    finally:
        stop.set()
        feed.join()
    assert refused == []
    assert written[0] > 0
    assert count(sixty_days, "ticks where time >= '2026-03-31'") == before + written[0]


def test_compression_does_what_the_edition_can(sixty_days: str, timescale: TimescaleServer) -> None:
    sentence = compression.apply(sixty_days, 7)
    if timescale.edition != "timescale":
        assert "Community" in sentence
        assert compression.apply(sixty_days, None) == "ticks are not compressed"
        return
    assert sentence == "ticks older than 7 days are compressed"
    assert compression.apply(sixty_days, 7) == sentence
    with psycopg.connect(sixty_days, autocommit=True) as connection:
        reads = b"select * from ticks order by symbol, time, seq"
        before = connection.execute(reads).fetchall()
        connection.execute("select compress_chunk(c) from show_chunks('ticks') c")
        assert connection.execute(reads).fetchall() == before
        # A late tick in a compressed chunk still makes its candle.
        connection.execute(
            "insert into ticks (time, symbol, price) values ('2026-03-01 09:30:30+00', 'SPY', 7)"
        )
        candle = connection.execute(
            "select low, trades from candles where interval = '1m' and bucket = '2026-03-01 09:30+00'"
        ).fetchone()
        assert candle == (7, 1)
    assert drop_expired(sixty_days, 10, now=NOW).chunks == 50
    assert compression.apply(sixty_days, None).startswith("no more ticks are compressed")
