"""Pacing: ticks come when they are due, at the speed that was asked for."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from tickdeck.db.config import DEFAULT_SINCE_US
from tickdeck.db.errors import ConfigurationError, MarketDataError
from tickdeck.feeds.clock import PacedClock
from tickdeck.feeds.csv.options import CsvOptions
from tickdeck.feeds.csv.replay import LAP_PAUSE_US, CsvReplay

START_US = 1_381_132_800_000_000
NOW_US = 1_800_000_000_000_000


class SteeredTime:
    """Time that passes only by sleeping, each sleep being a little too long, as real ones are."""

    def __init__(self, overslept_s: float = 0.0) -> None:
        self.now = 1000.0
        self._overslept_s = overslept_s

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += max(0.0, seconds) + self._overslept_s

    def clock(self, speed: float | None) -> PacedClock:
        return PacedClock(speed, monotonic=self.monotonic, sleep=self.sleep)


def day_file(path: Path, offsets_us: list[int], symbol: str = "SPY") -> Path:
    rows = [f"{START_US + offset},{symbol},{100 + i},{i + 1}" for i, offset in enumerate(offsets_us)]
    path.write_text("\n".join(["ts,symbol,price,size", *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("speed", [0.5, 1.0, 60.0, 1000.0])
async def test_ticks_come_when_they_are_due(tmp_path: Path, speed: float) -> None:
    gaps = np.random.default_rng(1).exponential(0.2e6 * speed, 3000).astype(np.int64)
    offsets = np.cumsum(gaps) - gaps[0]
    ticking = SteeredTime(overslept_s=0.002)
    feed = CsvReplay([day_file(tmp_path / "a.csv", offsets.tolist())], CsvOptions(), ticking.clock(speed))
    began = None
    errors: list[float] = []
    async for batch in feed.batches():
        began = ticking.now if began is None else began
        due_s = (batch.ticks.time_us - START_US) / 1e6 / speed
        errors += (ticking.now - began - due_s).tolist()
    assert len(errors) == 3000
    assert min(errors) >= -1e-5
    assert np.percentile(errors, 99) <= 0.05


async def test_no_tick_comes_before_its_time(tmp_path: Path) -> None:
    offsets = list(range(0, 1_000_000, 1000))
    feed = CsvReplay([day_file(tmp_path / "a.csv", offsets)], CsvOptions(), PacedClock(1.0))
    # Before the feed's own start, not at its first batch: that may come late itself, and what follows is then in time.
    began = time.monotonic()
    errors: list[float] = []
    async for batch in feed.batches():
        errors += (time.monotonic() - began - (batch.ticks.time_us - START_US) / 1e6).tolist()
    assert len(errors) == 1000
    assert min(errors) >= -1e-6


async def test_as_fast_as_possible_does_not_wait(tmp_path: Path) -> None:
    ticking = SteeredTime()
    feed = CsvReplay([day_file(tmp_path / "a.csv", [0, 3_600_000_000])], CsvOptions(), ticking.clock(None))
    assert sum([len(batch) async for batch in feed.batches()]) == 2
    assert ticking.now == 1000.0


@pytest.mark.parametrize("speed", [1.0, 10.0])
async def test_shifted_ticks_are_dated_when_they_come(tmp_path: Path, speed: float) -> None:
    offsets = [0, 0, 1_000_000, 5_000_000, 60_000_000]
    ticking = SteeredTime()
    feed = CsvReplay(
        [day_file(tmp_path / "a.csv", offsets)],
        CsvOptions(),
        ticking.clock(speed),
        shift_to_now=True,
        wall_us=lambda: NOW_US,
    )
    times = [time_us async for batch in feed.batches() for time_us in batch.ticks.time_us.tolist()]
    assert times == [NOW_US + int(offset / speed) for offset in offsets]


async def test_a_loop_goes_on_after_the_end_with_later_times(tmp_path: Path) -> None:
    ticking = SteeredTime()
    feed = CsvReplay(
        [day_file(tmp_path / "a.csv", [0, 500_000])],
        CsvOptions(),
        ticking.clock(1.0),
        shift_to_now=True,
        loop=True,
        wall_us=lambda: NOW_US,
    )
    times: list[int] = []
    async for batch in feed.batches():
        times += batch.ticks.time_us.tolist()
        if len(times) >= 6:
            break
    lap = 500_000 + LAP_PAUSE_US
    assert times[:6] == [NOW_US + turn * lap + offset for turn in range(3) for offset in (0, 500_000)]


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    path = day_file(tmp_path / "a.csv", [0])
    with pytest.raises(ConfigurationError, match="--shift-to-now needs a --speed"):
        CsvReplay([path], CsvOptions(), PacedClock(None), shift_to_now=True)
    with pytest.raises(ConfigurationError, match="--loop needs --shift-to-now"):
        CsvReplay([path], CsvOptions(), PacedClock(1.0), loop=True)
    for text in ("0", "-1", "nan", "inf", "fast", ""):
        with pytest.raises(MarketDataError, match="--speed"):
            PacedClock.of(text)
    assert [PacedClock.of(text).speed for text in ("10", "0.25x", "MAX")] == [10.0, 0.25, None]


async def test_a_row_of_1970_is_refused_and_not_waited_after(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "time,symbol,price,size\n1970-01-01T00:00:01Z,SPY,1,1\n2013-10-07T08:00:00Z,SPY,2,1\n"
        "2013-10-07T08:00:01Z,SPY,3,1\n"
    )
    ticking = SteeredTime()
    feed = CsvReplay([path], CsvOptions(), ticking.clock(1.0), since_us=DEFAULT_SINCE_US)
    batches = [batch async for batch in feed.batches()]
    assert [price for batch in batches for price in batch.ticks.price.tolist()] == [2, 3]
    (reject,) = (reject for batch in batches for reject in batch.rejects)
    assert (reject.line, reject.field) == (2, "time")
    assert reject.reason.startswith("1970-01-01T00:00:01Z lies too far back: before 1980-01-01")
    assert ticking.now - 1000.0 < 2


async def test_a_long_wait_for_the_next_tick_is_said(tmp_path: Path) -> None:
    ticking = SteeredTime()
    path = day_file(tmp_path / "a.csv", [0, 59_000_000, 3_659_000_000])
    feed = CsvReplay([path], CsvOptions(), ticking.clock(1.0), wall_us=lambda: NOW_US)
    with capture_logs() as said:
        assert sum([len(batch) async for batch in feed.batches()]) == 3
    (line,) = said
    assert (line["event"], line["feed"]) == ("feed_waits", "a.csv")
    assert (line["next_tick"], line["until"]) == ("2013-10-07T09:00:59Z", "2027-01-15T09:00:00Z")
