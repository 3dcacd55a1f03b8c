"""The tape of a symbol: whatever the way in which messages come, each trade is taken once or lies in a gap."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tickdeck.feeds.exchange.tape import NumberedTape, TimedTape
from tickdeck.feeds.exchange.trades import Mark, Trade


def trade(number: int, time_us: int | None = None) -> Trade:
    return Trade("X", number, 1000 * number if time_us is None else time_us, 1.0, 1.0)


@given(st.lists(st.integers(1, 40), max_size=120), st.integers(0, 2**32))
def test_each_number_is_taken_once_or_is_in_a_gap(numbers: list[int], seed: int) -> None:
    """Any numbers in any order, some of them filled afterwards."""
    tape = NumberedTape()
    taken = [number for number in numbers if tape.take(trade(number, time_us=1), "")]
    assert len(taken) == len(set(taken))
    if not taken:
        return
    missing = {number for gap in tape.gaps for number in range(gap.after.number + 1, gap.before.number)}
    assert missing.isdisjoint(taken)
    assert missing | set(taken) >= set(range(taken[0], max(taken) + 1))
    assert tape.duplicates == len(numbers) - len(taken)
    filling = sorted(missing)
    random.Random(seed).shuffle(filling)
    assert all(tape.fill(trade(number, time_us=1)) for number in filling)
    assert not any(tape.fill(trade(number, time_us=1)) for number in filling)
    assert tape.gaps == []


def test_a_hole_within_one_batch_is_seen() -> None:
    tape = NumberedTape(Mark(0, 10))
    assert [tape.take(trade(number), "why") for number in (11, 14, 15)] == [True] * 3
    assert [(gap.after.number, gap.before.number, gap.count) for gap in tape.gaps] == [(11, 14, 2)]


def test_numbers_that_do_not_exist_are_no_gap() -> None:
    tape = NumberedTape(Mark(0, 10))
    tape.take(trade(1_000_000_000), "")
    tape.cover(11, 1_000_000_000)
    (gap,) = tape.changed.values()
    assert (tape.gaps, gap.state) == ([], "none")


def test_what_was_told_and_did_not_come_is_a_gap() -> None:
    tape = NumberedTape(Mark(0, 10))
    tape.told(Mark(20_000, 12), "heartbeat")
    assert [gap.count for gap in tape.gaps] == [2]
    assert tape.take(trade(11), "")
    assert tape.take(trade(12), "")
    assert tape.gaps == []


def test_numbers_that_begin_anew_lose_nothing_unsaid() -> None:
    tape = NumberedTape(Mark(1_000_000, 1000))
    tape.take(trade(1003, 1_003_000), "")
    assert tape.take(trade(4, 2_000_000), "")
    old, new = tape.changed.values()
    assert (old.state, old.count) == ("missing", 2)
    assert (new.state, new.after, new.before) == ("filling", Mark(1_003_000, 0), Mark(2_000_000, 4))
    assert tape.take(trade(5, 2_000_001), "")
    assert not tape.take(trade(5, 2_000_001), "")


def test_a_doubled_message_that_is_out_of_order_is_no_new_count() -> None:
    tape = NumberedTape(Mark(0, 10))
    tape.take(trade(11, 500), "")
    tape.take(trade(12, 400), "")
    assert not tape.take(trade(11, 500), "")
    assert tape.gaps == []


def test_of_a_gap_that_is_too_old_the_newer_part_is_filled() -> None:
    tape = NumberedTape(Mark(0, 0))
    tape.take(trade(1000, 1_000_000), "")
    (gap,) = tape.gaps
    tape.give_up_before(gap, 900_000, "old")
    (newer,) = tape.gaps
    assert (gap.state, gap.after.number, gap.before.number) == ("missing", 0, 901)
    assert (newer.after.number, newer.before.number) == (900, 1000)


def test_without_numbers_that_count_a_lost_connection_is_a_gap_of_time() -> None:
    tape = TimedTape(Mark(1_000, 7))
    tape.resumed(9_000, "cut")
    assert [(gap.after.time_us, gap.before.time_us, gap.count) for gap in tape.gaps] == [(1_000, 9_000, None)]
    assert tape.fill(trade(9, 5_000))
    assert not tape.take(trade(9, 5_000), "")
    tape.cover(1_000, 6_000)
    assert [(gap.after.time_us, gap.before.time_us) for gap in tape.gaps] == [(6_000, 9_000)]
    tape.cover(6_000, 9_000)
    assert tape.gaps == []
