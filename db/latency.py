"""How long things take, and how far clocks are apart: of the last moments only."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Final

KEPT_S: Final = 60.0
KEPT: Final = 2_000


class Window:
    """Durations of the last minute, the newest `KEPT` of them at the most; `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._taken: deque[tuple[float, float]] = deque(maxlen=KEPT)

    def add(self, seconds: float) -> None:
        """Something took so long."""
        self._taken.append((self._clock(), max(0.0, seconds)))

    def quantiles_ms(self) -> tuple[float, float] | None:
        """Median and 99th percentile (nearest rank) in milliseconds; None where nothing was taken lately."""
        oldest = self._clock() - KEPT_S
        while self._taken and self._taken[0][0] < oldest:
            self._taken.popleft()
        if not self._taken:
            return None
        ordered = sorted(seconds for _, seconds in self._taken)
        median, worst = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.99))
        return round(1000 * median, 1), round(1000 * worst, 1)


SET_S: Final = 1.0
"""Clocks that go apart by more from one answer to the next were set."""


class Skew:
    """How far another clock is ahead of ours, from answers that say what it shows (Cristian's algorithm).

    The answer of the shortest way counts, of the last ten; what lies within half of that way cannot be told from none.
    """

    def __init__(self) -> None:
        self._answers: deque[tuple[float, float]] = deque(maxlen=10)

    def heard(self, asked_us: int, answered_us: int, theirs_us: int) -> bool:
        """It showed `theirs_us` at some moment between these two of ours; whether one of the two was set since the last time."""
        way = (answered_us - asked_us) / 1e6
        apart = (theirs_us - (asked_us + answered_us) / 2) / 1e6
        was_set = False
        if self._answers:
            shortest, before = min(self._answers)
            was_set = abs(apart - before) > SET_S + (abs(way) + shortest) / 2
        if was_set:
            self._answers.clear()
        if way >= 0:  # else ours was set in between, and nothing is known
            self._answers.append((way, apart))
        return was_set

    def forget(self) -> None:
        """It may be another clock from now on."""
        self._answers.clear()

    @property
    def seconds(self) -> float | None:
        """Theirs minus ours; 0 within what can be known, None where nothing is."""
        if not self._answers:
            return None
        way, apart = min(self._answers)
        return apart if abs(apart) > way / 2 else 0.0


_server_is_ahead_us = 0


def server_is_ahead(seconds: float) -> None:
    """Tell this process how far the database's clock is ahead of its own."""
    global _server_is_ahead_us  # noqa: PLW0603 - a process has one database, and whoever reads asks for its clock
    _server_is_ahead_us = round(seconds * 1e6)


def server_now_us() -> int:
    """The database's clock in µs since the epoch, as far as this process has heard of it, else its own."""
    return time.time_ns() // 1000 + _server_is_ahead_us
