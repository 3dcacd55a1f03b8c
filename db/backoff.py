"""How long to wait before something that failed is tried again."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Final

FIRST_S: Final = 0.1
LONGEST_S: Final = 2.0


@dataclass(slots=True)
class Backoff:
    """Pauses between tries, for ever: each twice as long as the one before, up to `longest_s`.

    Each is shortened by chance, by half at the most, so that those who lost the same server do not come back to it
    at once.  `failures` counts the pauses since the start or the last `reset`.
    """

    first_s: float = FIRST_S
    longest_s: float = LONGEST_S
    failures: int = 0

    def next_pause_s(self) -> float:
        """The length of the pause after one more failure."""
        doublings = min(self.failures, 62)  # more make no float, and no difference
        self.failures += 1
        longest = min(self.longest_s, self.first_s * 2.0**doublings)
        return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, no secret

    async def pause(self) -> None:
        """Wait as long as `next_pause_s` says."""
        await asyncio.sleep(self.next_pause_s())

    def reset(self) -> None:
        """It worked: the next failure is the first one again."""
        self.failures = 0
