"""The newest order flow of one symbol, kept up to date from its ticks."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from tickdeck.app.market.following import Following, after
from tickdeck.db.market.flowfold import Cell, FlowFold, LargePrint
from tickdeck.db.market.messages import Snapshot
from tickdeck.db.market.types import MINUTE_US, TickBatch


class FlowCell(NamedTuple):
    """What traded in one minute at one price; `cell` as in `FlowFold`."""

    minute_us: int
    price: float
    cell: Cell


class Flow:
    """All that traded since `from_us`, the start of the hour (UTC) that the newest ticks were in when it was read.

    `version` is the state's at the last change; `readings` counts how often it was read, after which what was over before
    may be another one.
    """

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.loaded = False
        self.version = 0
        self.readings = 0
        self.from_us = 0
        self.following = Following()
        self._fold = FlowFold()
        self._versions: dict[tuple[int, float], int] = {}  # the cell that changed last is last
        self._prints: list[tuple[int, LargePrint]] = []  # (version, large trade), the newest version last

    @property
    def position(self) -> tuple[int, int]:
        """(time_us, seq) of the last tick in it; before all of them where there is none."""
        return self._fold.position

    @property
    def sides(self) -> list[int]:
        """How many trades since it was read have their side from the feed, quotes, the tick rule, or nowhere."""
        return self._fold.sides

    def load(self, fold: FlowFold, from_us: int, as_of: Snapshot | None, version: int) -> bool:
        """Take what was read, of ticks from `from_us` on; False where `since` cannot tell what changed."""
        before = {key: cell for key, cell in self._fold.cells.items() if key[0] >= from_us}
        told = not self.loaded or (from_us >= self.from_us and before.keys() <= fold.cells.keys())
        same = {
            key: at
            for key, at in self._versions.items()
            if key in before and before[key] == fold.cells.get(key)
        }
        self._versions = same | dict.fromkeys((key for key in fold.cells if key not in same), version)
        self._prints = [each for each in self._prints if each[1][1] >= from_us]
        had = {large for _, large in self._prints}
        large = [each for heap in fold.prints.values() for each in heap]
        # One that was among the largest of its minute, and would still be, is none any more: viewers are to forget it.
        least = {minute: min(heap)[0] for minute, heap in fold.prints.items()}
        if any(each[0] > least.get(each[1] - each[1] % MINUTE_US, -1.0) for each in had - set(large)):
            self._prints, told = [(version, each) for each in large], False
        else:
            self._prints += [(version, each) for each in large if each not in had]
        self._fold, self.from_us = fold, from_us
        self.following.loaded(as_of)
        self.loaded, self.version, self.readings = True, version, self.readings + 1
        return told

    def extend(self, ticks: TickBatch, version: int) -> bool:
        """Take the next ticks, in (time, seq) order; those up to its position are in it already.  Whether there were any."""
        ticks = after(ticks, self.position)
        if not len(ticks):
            return False
        for key in self._fold.fold(ticks):
            self._versions.pop(key, None)
            self._versions[key] = version
        self._prints += [(version, each) for each in self._fold.new_prints]
        if len(self._versions) != len(self._fold.cells):  # an hour is over
            self._versions = {key: at for key, at in self._versions.items() if key in self._fold.cells}
            self.from_us = max(self.from_us, self._fold.oldest_us)
            self._prints = [each for each in self._prints if each[1][1] >= self.from_us]
        self.version = version
        return True

    def since(self, version: int) -> list[FlowCell]:
        """The cells that changed after `version`."""
        found = []
        for key, changed in reversed(self._versions.items()):
            if changed <= version:
                break
            found.append(FlowCell(*key, self._fold.cells[key]))
        return found

    def prints_since(self, version: int) -> list[LargePrint]:
        """Large trades that came after `version`: the largest of each minute as it was, so there may be more than it keeps."""
        first = bisect_right(self._prints, version, key=lambda each: each[0])
        return [each for _, each in self._prints[first:]]
