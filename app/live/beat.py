"""How often something may happen."""

from __future__ import annotations

from typing import Final

SPARE: Final = 1
"""Beats that a quiet time leaves over: of two ticks shortly after one another the second need not wait."""


def next_beat(due: float, now: float, period: float) -> float:
    """When the next one may come after one at `now`, all in seconds of one clock.

    `due` is what this returned for the one before (0 at first).  One a `period` in the long run; after a quiet
    time `SPARE` more.  The generic cell rate algorithm (ITU-T I.371), whose theoretical arrival time is `due`
    and `SPARE` periods.
    """
    return max(due, now - SPARE * period) + period
