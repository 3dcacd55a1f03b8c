"""Quantiles of the last minute, and the clock of somebody else."""

from __future__ import annotations

from tickdeck.db.latency import KEPT_S, Skew, Window


def test_the_last_minutes_quantiles_by_nearest_rank() -> None:
    now = 100.0
    window = Window(lambda: now)
    assert window.quantiles_ms() is None
    window.add(9.0)
    now += KEPT_S + 1
    assert window.quantiles_ms() is None
    for number in range(200, 0, -1):
        window.add(number / 1000)
    assert window.quantiles_ms() == (100.0, 198.0)


def test_a_clock_is_known_by_the_answer_of_the_shortest_way() -> None:
    assert Skew().seconds is None
    clock = Skew()
    clock.heard(0, 1_000_000, 3_900_000)
    assert clock.seconds == 3.4
    clock.heard(5_000_000, 5_010_000, 8_005_000)
    assert clock.seconds == 3.0
    clock.forget()
    clock.heard(0, 100_000, 90_000)
    assert clock.seconds == 0.0, "within half of the way that is the same clock"


def test_a_clock_that_was_set_is_known_at_the_next_answer() -> None:
    clock = Skew()
    assert not clock.heard(0, 1_000, 2_000_500)
    assert not clock.heard(1_000_000, 1_600_000, 3_250_000), "a long way, in which it may show this"
    assert clock.seconds == 2.0
    assert not clock.heard(2_000_000, 3_602_001_000, 3_602_000_500), "ours was set while it answered"
    assert clock.seconds == 2.0
    assert clock.heard(3_603_000_000, 3_603_001_000, 5_000_500)
    assert clock.seconds == -3_598.0
    assert clock.heard(4_000_000, 4_001_000, 6_000_500), "and back again"
    assert not clock.heard(5_000_000, -3_595_000_000, 7_000_000)
    assert clock.seconds == 2.0
