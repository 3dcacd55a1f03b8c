"""The clock of a replay: market time that runs at a speed, stops, and is set, but never jumps by itself."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from tickdeck.db.errors import TickdeckError
from tickdeck.db.market.moments import parse_speed

MIN_SPEED: Final = 0.25
MAX_SPEED: Final = 1000.0
FIRST_SEQ: Final = -(2**63)
LAST_SEQ: Final = 2**63 - 1


class ReplayError(TickdeckError):
    """A replay that cannot be opened or a control that it cannot follow."""


class Position(NamedTuple):
    """A place among the ticks: all with (time, seq) up to this one, itself included, have happened."""

    time_us: int
    seq: int

    @classmethod
    def at(cls, time_us: int) -> Position:
        """After every tick of the instant `time_us`."""
        return cls(time_us, LAST_SEQ)


def replay_speed(value: object) -> float:
    """A replay's speed as people and JSON write it (see `db.market.moments.parse_speed`)."""
    return parse_speed(value, "speed", least=MIN_SPEED, most=MAX_SPEED)


def speed_text(speed: float) -> float | str:
    """A speed as JSON carries it: a number, or `max`."""
    return "max" if math.isinf(speed) else speed


class ReplayClock:
    """Market time, µs since the epoch, within `[start_us, end_us]`; starts at `start_us`, paused.

    At a finite speed it runs by `monotonic` (seconds).  As fast as possible there is no pace to follow: it then
    stands where the player puts it with `hold`, and `limit_us` is the end.  Changing the speed, pausing and
    playing keep its reading.
    """

    def __init__(
        self,
        start_us: int,
        end_us: int,
        *,
        speed: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.start_us = start_us
        self.end_us = end_us
        self._monotonic = monotonic
        self._speed = speed
        self._playing = False
        self._anchor_us = start_us
        self._anchor_s = monotonic()

    @property
    def playing(self) -> bool:
        """Whether it runs; at its end it no longer moves but still counts as playing."""
        return self._playing

    @property
    def speed(self) -> float:
        """Seconds of market time a second; infinite: as fast as possible."""
        return self._speed

    def now_us(self) -> int:
        """The market time now."""
        if not self._playing or math.isinf(self._speed):
            return self._anchor_us
        passed = (self._monotonic() - self._anchor_s) * self._speed
        return min(self.end_us, self._anchor_us + max(0, int(passed * 1_000_000)))

    def limit_us(self) -> int:
        """The market time up to which ticks are due now."""
        return self.end_us if self._playing and math.isinf(self._speed) else self.now_us()

    def seconds_until(self, time_us: int) -> float:
        """Seconds of real time until the clock shows `time_us`: 0 if it does, infinite while it stands."""
        left_us = time_us - self.limit_us()
        if left_us <= 0:
            return 0.0
        return left_us / 1_000_000 / self._speed if self._playing else math.inf

    def play(self) -> None:
        """Run from where it stands."""
        self._set(self.now_us())
        self._playing = True

    def pause(self) -> None:
        """Stand still where it is."""
        self._set(self.now_us())
        self._playing = False

    def set_speed(self, speed: float) -> None:
        """Go on from where it is at another speed (see `replay_speed`)."""
        self._set(self.now_us())
        self._speed = speed

    def hold(self, time_us: int) -> None:
        """Stand at `time_us` now and run on from there: ticks due later were not to be had yet."""
        self._set(max(self.start_us, min(self.end_us, time_us)))

    def seek(self, time_us: int) -> None:
        """Show `time_us`; raise `ReplayError` outside the range."""
        if not self.start_us <= time_us <= self.end_us:
            raise ReplayError("the instant is outside the replay's range")
        self._set(time_us)

    def _set(self, time_us: int) -> None:
        self._anchor_us = time_us
        self._anchor_s = self._monotonic()
