"""Which ticks of a symbol are in what is made of them, while they are read after each other as they are stored.

What notifications tell are sums of seconds, and not the ticks: these are read from the place on that was reached.  A tick
that is stored late lies before it, and shows in nothing but the count: more were told of than came.
"""

from __future__ import annotations

import numpy as np

from tickdeck.db.market.messages import Snapshot
from tickdeck.db.market.types import TickBatch


class Following:
    """Counts the ticks that notifications told of against those that were read.

    `behind`: some were told of that no read can have had yet.  `astray`: some lie before the place that was reached, so that
    all has to be read anew.  One that was read before its notification came may hide that until it comes.
    """

    def __init__(self) -> None:
        self._whole: Snapshot | None = None  # what all was read in
        self._newest: Snapshot | None = None  # what the last ones were read in
        self._told: list[tuple[int, int]] = []  # (xid, ticks) that no read has seen
        self._balance = 0  # read since, less told of

    def loaded(self, as_of: Snapshot | None) -> None:
        """All was read in the snapshot `as_of` (None: in a replay, which tells of nothing)."""
        self._whole = self._newest = as_of
        self._told = [each for each in self._told if as_of is not None and not as_of.sees(each[0])]
        self._balance = 0

    def told(self, xid: int, ticks: int) -> None:
        """A notification came: the transaction stored so many."""
        if self._whole is not None and self._whole.sees(xid):
            return
        if self._newest is not None and self._newest.sees(xid):
            self._balance -= ticks
        else:
            self._told.append((xid, ticks))

    def read(self, as_of: Snapshot, ticks: int) -> None:
        """So many came by a read in the snapshot `as_of` of what lies after the place that was reached."""
        self._newest = as_of
        self._balance += ticks - sum(count for xid, count in self._told if as_of.sees(xid))
        self._told = [each for each in self._told if not as_of.sees(each[0])]

    def lost(self) -> None:
        """A tick came for what was made of others already: all has to be read anew."""
        self._balance = min(self._balance, 0) - 1

    @property
    def behind(self) -> bool:
        """Is there anything to read?"""
        return bool(self._told) or self.astray

    @property
    def astray(self) -> bool:
        """Is all to be read anew?"""
        return self._balance < 0


def after(ticks: TickBatch, position: tuple[int, int]) -> TickBatch:
    """Those of `ticks`, in (time, seq) order, that lie after a place."""
    first = int(np.searchsorted(ticks.time_us, position[0], side="left"))
    while first < len(ticks) and (int(ticks.time_us[first]), int(ticks.seq[first])) <= position:
        first += 1
    return ticks.take(slice(first, None)) if first else ticks
