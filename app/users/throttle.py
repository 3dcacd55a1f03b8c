"""How often something may be tried: a few times at once, then slowly."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Final

MOST_REMEMBERED: Final = 10_000


class Throttle:
    """`burst` tries at once for each key, and one each `period_s` in the long run (generic cell rate algorithm).

    It remembers a bounded number of keys; those that have been quiet the longest are forgotten first.
    """

    def __init__(self, burst: int, period_s: float, *, now: Callable[[], float] = time.monotonic) -> None:
        self._period_s = period_s
        self._tolerance_s = burst * period_s
        self._now = now
        self._due: dict[Hashable, float] = {}

    def wait_s(self, key: Hashable) -> float:
        """Take a try: 0 where it may go on, else for how many seconds none may (and it is not taken)."""
        now = self._now()
        due = max(now, self._due.pop(key, now))
        wait = due + self._period_s - self._tolerance_s - now
        self._due[key] = due if wait > 0 else due + self._period_s
        while len(self._due) > MOST_REMEMBERED:
            del self._due[next(iter(self._due))]
        return max(0.0, wait)

    def forgive(self, key: Hashable) -> None:
        """Forget the tries of a key: this one was right."""
        self._due.pop(key, None)

    def give_back(self, key: Hashable) -> None:
        """Count the newest try of a key no longer: it was right, and those before it stand."""
        if key in self._due:
            self._due[key] -= self._period_s
