"""The newest ticks of one symbol."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from tickdeck.db.market.types import TickBatch

_NO_VERSION: Final = -1


@dataclass(frozen=True, slots=True)
class TapeTick:
    """One tick as the tape shows it; (time_us, seq) is its place and, within the symbol, its identity."""

    time_us: int
    seq: int
    price: float
    size: float
    bid: float | None
    ask: float | None
    exchange: str | None
    conditions: str | None
    side: str | None
    """`buy` or `sell`: who took the price that was there; None: not known."""


class Tape:
    """The newest `limit` ticks, newest first, each with the state's version when it came in."""

    def __init__(self, symbol: str, limit: int) -> None:
        self.symbol = symbol
        self.limit = limit
        self.loaded = False
        self.version = _NO_VERSION
        self._ticks: list[tuple[int, TapeTick]] = []

    def load(self, batch: TickBatch, version: int) -> bool:
        """Take the newest ticks as read, newest first; False where ticks that were there are gone."""
        return self._replace(tape_ticks(batch), version)

    def merge(self, since_us: int, batch: TickBatch, version: int) -> bool:
        """Take the newest ticks from `since_us` on, newest first, at least `limit` of them where there are so many.

        Older ones stay.  False where ticks that were there are gone.
        """
        older = [tick for _, tick in self._ticks if tick.time_us < since_us]
        return self._replace([*tape_ticks(batch), *older], version)

    def _replace(self, ticks: list[TapeTick], version: int) -> bool:
        known = {tick: since for since, tick in self._ticks}
        after = [(known.pop(tick, version), tick) for tick in ticks[: self.limit]]
        if any(since == version for since, _ in after):
            self.version = version
        self._ticks = after
        first = not self.loaded
        self.loaded = True
        edge = (after[-1][1].time_us, after[-1][1].seq) if len(after) == self.limit else (0, 0)
        return first or all((tick.time_us, tick.seq) < edge for tick in known)

    def extend(self, newer: TickBatch, version: int) -> None:
        """Take ticks that are all later than those that are there, newest first; at least one."""
        fresh = [(version, tick) for tick in tape_ticks(newer)[: self.limit]]
        self._ticks = [*fresh, *self._ticks[: self.limit - len(fresh)]]
        self.version = version

    def since(self, version: int) -> list[TapeTick]:
        """The ticks that came in after `version`, newest first."""
        if self.version <= version:
            return []
        return [tick for came, tick in self._ticks if came > version]

    def ticks(self) -> list[TapeTick]:
        """All ticks of the tape, newest first."""
        return [tick for _, tick in self._ticks]


def tape_ticks(batch: TickBatch) -> list[TapeTick]:
    """The batch's ticks, in its order."""
    exchange = batch.exchange if batch.exchange is not None else [None] * len(batch)
    conditions = batch.conditions if batch.conditions is not None else [None] * len(batch)
    return [
        TapeTick(time_us, seq, price, size, _number(bid), _number(ask), where, how, side)
        for time_us, seq, price, size, bid, ask, where, how, side in zip(
            batch.time_us.tolist(), batch.seq.tolist(), batch.price.tolist(), batch.size.tolist(),
            batch.bid.tolist(), batch.ask.tolist(), exchange, conditions, batch.side_names(), strict=True,
        )
    ]  # fmt: skip


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
