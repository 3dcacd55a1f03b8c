"""Looks again and again whether the newest candles are what their ticks fold to."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from tickdeck.db.candles.verify import Difference, verify
from tickdeck.db.errors import DatabaseError
from tickdeck.db.market.types import from_us
from tickdeck.db.session import Pool

_FIRST_S: Final = 60.0
"""A start has better things to do."""
_PAUSE: Final = 5
"""After each part so many times as long as it took: feeds and viewers are not to feel it."""
_NAMED: Final = 3

log = structlog.get_logger(__name__)


def tell(differences: Sequence[Difference]) -> str:
    """The differences in one sentence, with the way out; empty where there are none."""
    if not differences:
        return ""
    named = [
        f"{each.symbol} {each.interval} {from_us(each.time_us):%Y-%m-%dT%H:%M}Z"
        for each in differences[:_NAMED]
    ]
    more = f" and {len(differences) - _NAMED} more" if len(differences) > _NAMED else ""
    return f"candles differ from their ticks: {', '.join(named)}{more}; `tickdeck verify --repair` folds them again"


class CandleWatch:
    """Verifies the candles of the last `hours` hours every `every_s` seconds, gently.

    What differs is looked at twice before it counts.  `found` is told after each look: of nothing where all is right.
    The log has one line when candles begin to differ, or others do, and one when it is over.
    """

    def __init__(
        self,
        pool: Pool,
        found: Callable[[Sequence[Difference]], None],
        *,
        hours: float,
        every_s: float,
        first_s: float = _FIRST_S,
    ) -> None:
        self._pool = pool
        self._found = found
        self._hours = hours
        self._every_s = every_s
        self._first_s = first_s
        self._said = ""

    async def run(self) -> None:
        """Look until cancelled.  A database that cannot be asked is said by others."""
        await asyncio.sleep(min(self._first_s, self._every_s))
        while True:
            try:
                await self.look()
            except DatabaseError as exc:
                log.debug("candles_not_verified", reason=str(exc))
            # Several dashboards on one database are not in step.
            await asyncio.sleep(self._every_s * random.uniform(0.8, 1.2))  # noqa: S311

    async def look(self) -> Sequence[Difference]:
        """Look once, and say what is to be said."""
        since_us = time.time_ns() // 1000 - round(self._hours * 3_600_000_000)
        differences = await verify(self._pool, since_us=since_us, breathe=_breathe)
        if differences:
            again = await verify(self._pool, since_us=since_us, breathe=_breathe)
            lasting = {_key(each) for each in again}
            differences = [each for each in differences if _key(each) in lasting]
        said = tell(differences)
        if said and said != self._said:
            log.error("candles_differ", count=len(differences), reason=said)
        elif self._said and not said:
            log.warning("candles_right_again")
        self._said = said
        self._found(differences)
        return differences


def _key(each: Difference) -> tuple[str, str, int]:
    return each.symbol, each.interval, each.time_us


async def _breathe(took_s: float) -> None:
    await asyncio.sleep(_PAUSE * took_s)
