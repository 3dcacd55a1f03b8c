"""How slow the machine is at present, for what is required within seconds: a limit holds where processors are free."""

from __future__ import annotations

import time
from typing import Final

_WORK_S: Final = 0.03


def slowness() -> float:
    """How many times its own processor time a little work takes at this moment: 1 where a processor is free."""
    began, worked = time.monotonic(), time.thread_time()
    while time.thread_time() - worked < _WORK_S:
        pass
    return max(1.0, (time.monotonic() - began) / _WORK_S)


class Stopwatch:
    """`watch = Stopwatch(); …; assert watch.seconds() < 5`."""

    def __init__(self) -> None:
        self._slowest = slowness()
        self._began = time.monotonic()

    def seconds(self) -> float:
        """How long it has been, as a machine that has nothing else to do would have had it."""
        took = time.monotonic() - self._began
        self._slowest = max(self._slowest, slowness())
        return took / self._slowest
