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
