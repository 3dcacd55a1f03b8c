"""Several files as one stream in order of time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tickdeck.db.market.types import TickBatch
from tickdeck.feeds.base import FeedBatch
from tickdeck.feeds.csv.fields import LineOrigins, cut
from tickdeck.feeds.csv.merge import in_order, merged
from tickdeck.feeds.csv.options import parse_options
from tickdeck.feeds.csv.reader import CsvReader
from tickdeck.feeds.errors import FileError

streams = st.lists(st.lists(st.lists(st.integers(0, 12), max_size=6), max_size=5), min_size=1, max_size=4)


def batch_of(times: list[int], source: int, first_seq: int) -> FeedBatch:
    """Ticks whose price tells the source and whose line is their seq."""
    count = len(times)
    seq = np.arange(first_seq, first_seq + count, dtype=np.int64)
    nothing = np.full(count, np.nan)
    ticks = TickBatch(
        np.array(times, dtype=np.int64), np.full(count, "A", dtype=object), seq, np.full(count, float(source)),
        np.zeros(count), nothing, nothing,
    )  # fmt: skip
    lines = cut(f"file {source}", b"x\n" * count, first_seq)
    return FeedBatch(ticks, LineOrigins.of(lines, np.arange(count)))


def drain(batches: Iterator[FeedBatch], into: list[TickBatch]) -> None:
    """Put every tick into `into`, each as a batch of its own, also where the stream fails at its end."""
    for batch in batches:
        into += batch.ticks.chunks(1)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(streams)
def test_any_sorted_streams_merge_in_order_of_time_then_stream(streams: list[list[list[int]]]) -> None:
    sources = []
    expected = []
    for number, blocks in enumerate(streams):
        times = sorted(time_us for block in blocks for time_us in block)
        expected += [(time_us, number, seq) for seq, time_us in enumerate(times)]
        batches, done = [], 0
        for block in blocks:
            batches.append(batch_of(times[done : done + len(block)], number, done))
            done += len(block)
        sources.append(iter(batches))
    got = []
    for batch in merged(sources):
        for place in range(len(batch)):
            assert batch.origins is not None
            reject = batch.origins.reject(place, "price", "none")
            tick = (
                int(batch.ticks.time_us[place]),
                int(batch.ticks.price[place]),
                int(batch.ticks.seq[place]),
            )
            assert (reject.file, reject.line) == (f"file {tick[1]}", tick[2])
            got.append(tick)
    assert got == sorted(expected)


def test_memory_stays_bounded_however_long_the_files_are() -> None:
    held = 0
    most = 0

    def endless(source: int) -> list[FeedBatch]:
        return [batch_of(list(range(k * 100, k * 100 + 100)), source, k * 100) for k in range(50)]

    def counted(batches: list[FeedBatch]) -> Iterator[FeedBatch]:
        nonlocal held, most
        for batch in batches:
            held += len(batch)
            most = max(most, held)
            yield batch

    for batch in merged([counted(endless(0)), counted(endless(1))]):
        held -= len(batch)
    assert held == 0
    assert most <= 400


def test_a_file_out_of_order_is_told_with_its_line_and_keeps_what_was_good(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t,s,p,v\n5,A,1,1\n6,A,2,1\n\n4,A,3,1\n7,A,4,1\n", encoding="utf-8")
    good: list[TickBatch] = []
    with pytest.raises(FileError, match=r"a\.csv, line 5, field time: .* is before .* of line 3") as raised:
        drain(in_order(CsvReader(path, parse_options(time_unit="s"))), good)
    assert [tick.price[0] for tick in good] == [1.0, 2.0]
    assert raised.value.line == 5


def test_a_file_that_breaks_off_does_not_lose_the_others(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("t,s,p,v\n" + "".join(f"{i},A,1,1\n" for i in range(1, 9)), encoding="utf-8")
    bad.write_text("t,s,p,v\n3,B,1,1\n2,B,1,1\n", encoding="utf-8")
    got: list[TickBatch] = []
    options = parse_options(time_unit="s")
    with pytest.raises(FileError, match="line 3"):
        drain(merged([in_order(CsvReader(path, options)) for path in (good, bad)]), got)
    assert [tick.symbol[0] for tick in got] == ["A", "A", "A", "B", "A", "A", "A", "A", "A"]
