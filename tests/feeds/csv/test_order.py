"""Numbers among rows of equal symbol and time, and the hour that is there twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickdeck.db.market.types import from_us
from tickdeck.feeds.csv import order
from tickdeck.feeds.csv.options import parse_options
from tickdeck.feeds.csv.order import Occurrences
from tickdeck.feeds.csv.reader import CsvReader

rows = st.lists(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 9)), max_size=12), max_size=8)


@given(blocks=rows)
def test_numbers_are_those_of_counting_whatever_the_order_and_the_blocks(
    blocks: list[list[tuple[str, int]]],
) -> None:
    numbers = Occurrences(newest_first=False)
    seen: Counter[tuple[str, int]] = Counter()
    for block in blocks:
        symbol = np.array([each[0] for each in block], dtype=object)
        got, lost = numbers.number(symbol, np.array([each[1] for each in block], dtype=np.int64))
        assert not lost.any()
        for row, number in zip(block, got.tolist(), strict=True):
            seen[row] += 1
            assert number == seen[row]


def test_what_may_have_been_forgotten_is_not_numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "REMEMBERED", 4)
    numbers = Occurrences(newest_first=False)

    def number(*times: int, symbol: str = "A") -> tuple[list[int], list[bool]]:
        got, lost = numbers.number(np.full(len(times), symbol, dtype=object), np.array(times, dtype=np.int64))
        return got.tolist(), lost.tolist()

    assert number(10, 11, 12, 13) == ([1, 1, 1, 1], [False] * 4)
    assert number(14, 15, 16, 16) == ([1, 1, 1, 2], [False] * 4)
    assert number(12)[1] == [True], "10 to 13 are forgotten"
    assert number(16, 9, 17) == ([3, 1, 1], [False] * 3)
    assert number(12, symbol="B") == ([1], [False])


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("ambiguous", ["order", "first", "second", None])
def test_the_hour_that_is_there_twice(tmp_path: Path, newest_first: bool, ambiguous: str | None) -> None:
    clocks = ["00:30", "01:00", "01:30", "01:59", "01:00", "01:40", "02:10"]
    lines = [
        f"2024-11-03 {clock}:00,{symbol},{at + 1},1" for at, clock in enumerate(clocks) for symbol in "AB"
    ]
    path = tmp_path / "ticks.csv"
    path.write_text(
        "\n".join(["time,symbol,price,size", *(lines[::-1] if newest_first else lines)]) + "\n",
        encoding="utf-8",
    )
    reader = CsvReader(path, parse_options(time_zone="America/New_York", ambiguous=ambiguous))
    batches = list(reader)
    got = {
        (int(price), symbol): f"{from_us(int(time)):%H:%M}"
        for batch in batches
        for time, price, symbol in zip(
            batch.ticks.time_us, batch.ticks.price, batch.ticks.symbol, strict=True
        )
    }
    rejects = [reject for batch in batches for reject in batch.rejects]
    by_choice = {
        "order": ["04:30", "05:00", "05:30", "05:59", "06:00", "06:40", "07:10"],
        "first": ["04:30", "05:00", "05:30", "05:59", "05:00", "05:40", "07:10"],
        "second": ["04:30", "06:00", "06:30", "06:59", "06:00", "06:40", "07:10"],
    }
    if ambiguous is None:
        assert len(rejects) == 10
        assert all("happened twice" in reject.reason for reject in rejects)
        return
    assert rejects == []
    assert got == {
        (at + 1, symbol): clock for at, clock in enumerate(by_choice[ambiguous]) for symbol in "AB"
    }


def test_an_order_that_does_not_tell_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    clocks = ["01:00", "01:30", "01:10", "01:40", "01:20"]
    path.write_text(
        "time,symbol,price,size\n" + "".join(f"2024-11-03 {clock}:00,A,1,1\n" for clock in clocks),
        encoding="utf-8",
    )
    (batch,) = list(CsvReader(path, parse_options(time_zone="America/New_York", ambiguous="order")))
    assert len(batch) == 0
    assert all("do not go back just once" in reject.reason for reject in batch.rejects)
