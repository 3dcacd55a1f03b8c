"""What waits on disk: read back as it was, in order, up to the first byte that is damaged, and never twice."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.fuzzing import examples
from tickdeck.db.feed_gaps import FeedGap
from tickdeck.db.feed_positions import FeedPosition
from tickdeck.db.market.types import TickBatch
from tickdeck.feeds.base import FeedBatch
from tickdeck.feeds.errors import FeedError
from tickdeck.feeds.spill import Spill, SpillSettings, opened, waiting

HERE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def ticks(first_seq: int, count: int = 10) -> FeedBatch:
    seq = np.arange(first_seq, first_seq + count, dtype=np.int64)
    nothing = np.full(count, np.nan)
    batch = TickBatch(
        seq * 1000, np.array([f"S{each % 3}" for each in seq], dtype=object), seq, seq / 8, np.ones(count), nothing,
        nothing,
    )  # fmt: skip
    return FeedBatch(batch)


def filled(folder: Path, records: int = 6, *, limit_bytes: int = 16 * 1000) -> list[int]:
    """A folder with that many records in several segments; returns their first seqs."""
    spill = Spill(folder, limit_bytes=limit_bytes, sync=False)
    assert all(spill.append(ticks(10 * each)) for each in range(records))
    return [10 * each for each in range(records)]


def emptied(spill: Spill) -> list[int]:
    """The first seq of each record."""
    found = []
    while spill:
        found.append(int(spill.first().ticks.seq[0]))
        spill.drop_first()
    return found


texts = st.one_of(st.none(), st.text(max_size=5))


@st.composite
def batches(draw: st.DrawFn) -> FeedBatch:
    """Ticks of any values that the columns can hold."""
    count = draw(st.integers(0, 4))
    rows = st.lists
    whole = st.integers(-(2**63), 2**63 - 1)
    price, size, bid, ask = (
        np.array(draw(rows(st.floats(), min_size=count, max_size=count)), dtype=np.float64) for _ in range(4)
    )
    times, seqs = (
        np.array(draw(rows(whole, min_size=count, max_size=count)), dtype=np.int64) for _ in range(2)
    )

    def column(strategy: st.SearchStrategy[str | None]) -> np.ndarray:
        column = np.empty(count, dtype=object)
        column[:] = draw(rows(strategy, min_size=count, max_size=count))
        return column

    batch = TickBatch(times, column(st.text(max_size=5)), seqs, price, size, bid, ask)
    if draw(st.booleans()):
        batch = replace(
            batch, exchange=column(texts), conditions=column(texts), side=np.ones(count, dtype=np.int16)
        )
    gaps = draw(
        st.lists(
            st.builds(
                FeedGap, st.uuids(), st.text(max_size=3), st.just("S1"), whole, whole, st.none() | whole,
                st.none() | whole, st.just("missing"), st.text(max_size=9),
            ),
            max_size=2,
        )
    )  # fmt: skip
    position = draw(st.none() | st.just(FeedPosition("a feed", "its source", {"offset": [1, "x", None]})))
    return FeedBatch(batch, gaps=tuple(gaps), position=position)


@given(given_batches=st.lists(batches(), min_size=1, max_size=3))
@settings(HERE, max_examples=examples(25))
def test_what_comes_back_is_what_was_given(tmp_path: Path, given_batches: list[FeedBatch]) -> None:
    folder = tmp_path / "spill"
    shutil.rmtree(folder, ignore_errors=True)
    spill = Spill(folder, sync=False)
    assert all(map(spill.append, given_batches))
    again = Spill(folder, sync=False)  # as the next process finds it
    assert again.ticks == sum(map(len, given_batches))
    for given_batch in given_batches:
        found = again.first()
        for field in fields(TickBatch):
            one, other = getattr(given_batch.ticks, field.name), getattr(found.ticks, field.name)
            assert (one is None) == (other is None)
            if one is not None:
                assert one.dtype == other.dtype
                assert one.tobytes() == other.tobytes() if one.dtype != object else list(one) == list(other)
        assert (found.gaps, found.position) == (given_batch.gaps, given_batch.position)
        again.drop_first()
    assert not again
    assert list(folder.iterdir()) == []


@given(where=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255), cut=st.booleans())
@settings(HERE, max_examples=examples(60))
@pytest.mark.fault(
    "what waits on disk is damaged or cut, at any byte",
    "all before it is stored, once; the rest is kept aside and named",
)
def test_any_damage_keeps_what_is_before_it(tmp_path: Path, where: float, flip: int, cut: bool) -> None:
    folder = tmp_path / "spill"
    shutil.rmtree(folder, ignore_errors=True)
    seqs = filled(folder)
    paths = sorted(folder.glob("*.spill"))
    assert len(paths) > 1
    whole = [path.read_bytes() for path in paths]
    place = int(where * sum(map(len, whole)))
    segment = 0
    while place >= len(whole[segment]):
        place -= len(whole[segment])
        segment += 1
    data = bytearray(whole[segment])
    if cut:
        del data[place:]
    else:
        data[place] ^= flip
    paths[segment].write_bytes(data)

    with capture_logs() as said:
        found = emptied(Spill(folder, sync=False))
    assert found == seqs[: len(found)]  # in order, nothing twice, nothing after the damage
    # All records that end before the damage are there: as many as a spill that ends with it has.
    alone = tmp_path / "alone"
    shutil.rmtree(alone, ignore_errors=True)
    alone.mkdir()
    for path, content in zip(paths[: segment + 1], [*whole[:segment], whole[segment][:place]], strict=True):
        (alone / path.name).write_bytes(content)
    with capture_logs():
        assert found == emptied(Spill(alone, sync=False))
    if len(found) < len(seqs) and not (cut and segment == len(paths) - 1):
        assert said
    kept = b"".join(path.read_bytes() for path in sorted(folder.glob("*.damaged*")))
    lost = whole[segment + 1 :]
    assert all(content in kept for content in lost) or not said
    assert emptied(Spill(folder, sync=False)) == []  # what was stored is not stored again


@pytest.mark.fault("the disk of what waits is full, or its bound is reached")
def test_the_bound_holds_and_room_comes_back(tmp_path: Path) -> None:
    spill = Spill(tmp_path, limit_bytes=16_000, sync=False)
    with capture_logs() as said:
        taken = 0
        while spill.append(ticks(10 * taken)):
            taken += 1
        assert not spill.append(ticks(0))
        assert spill.size <= 16_000
        assert sum(path.stat().st_size for path in tmp_path.glob("*.spill")) == spill.size
        assert [each["event"] for each in said] == ["spill_fills_up", "spill_is_full"]
        spill.drop_first()
        while spill.size > 15_000:
            spill.drop_first()
        assert spill.append(ticks(10 * taken))
        assert emptied(spill)[-1] == 10 * taken
        assert [each["event"] for each in said][2:] == ["spill_has_room", "spill_is_emptied"]
    assert spill.ticks == spill.size == 0


def test_what_waits_is_seen_from_outside(tmp_path: Path) -> None:
    looked_at = SpillSettings(tmp_path, limit_bytes=1 << 20)
    assert waiting(looked_at) == waiting(SpillSettings()) == {}
    with opened(looked_at, "kraken:BTC/USD") as spill:
        assert spill is not None
        assert waiting(looked_at) == {}
        spill.append(ticks(0))
        assert waiting(looked_at) == {"kraken_BTC_USD": (spill.size, 1 << 20)}
        spill.drop_first()
        assert waiting(looked_at) == {}


def test_a_second_process_leaves_it_alone(tmp_path: Path) -> None:
    with opened(SpillSettings(tmp_path), "a feed / of mine") as first, capture_logs() as said:
        assert first is not None
        with opened(SpillSettings(tmp_path), "a feed / of mine") as second:
            assert second is None
        with opened(SpillSettings(tmp_path), "a feed _ of mine") as other:
            assert other is not None
    assert [each["event"] for each in said] == ["nothing_is_spilled"]


def test_what_changed_under_it_is_refused(tmp_path: Path) -> None:
    filled(tmp_path)
    spill = Spill(tmp_path, sync=False)
    path = min(tmp_path.glob("*.spill"))
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(FeedError, match="has changed at byte"):
        emptied(spill)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("only root may mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.fault(
    "the disk of what waits is full, or its bound is reached",
    "said before (three quarters) and when; what is there stays whole",
)
def test_a_full_disk_is_said_once_and_what_is_there_stays_whole(tmp_path: Path) -> None:
    with small_disk(tmp_path, "64k") as folder, capture_logs() as said:
        spill = Spill(folder, limit_bytes=1 << 30)
        taken = 0
        while spill.append(ticks(10 * taken)):
            taken += 1
        assert not spill.append(ticks(0))
        assert [(each["event"], each["reason"]) for each in said] == [
            ("spill_is_full", f"{folder}: No space left on device")
        ]
        assert emptied(Spill(folder)) == [10 * each for each in range(taken)]
    assert taken > 10
