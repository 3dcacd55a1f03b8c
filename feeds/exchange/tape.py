"""What of a symbol's tape has come: exactly once each, and where the gaps are.

Two kinds: of exchanges that count a symbol's trades up by one (`NumberedTape`), where every neighbour tells, and of
those that do not (`TimedTape`), where only a lost connection does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID, uuid4

from tickdeck.db.feed_gaps import GapState
from tickdeck.feeds.exchange.trades import Mark, Trade

REMEMBERED: Final = 50_000
"""Trades of a symbol whose numbers are kept to know them again, where numbers do not count."""
BEGINS_ANEW_BELOW: Final = 1_000
"""Numbers that begin anew begin at 1: where the first that comes is below this, those before it can be asked for."""


@dataclass(slots=True)
class Gap:
    """A stretch between two marks, both of which lie outside of it."""

    id: UUID
    after: Mark
    before: Mark
    why: str
    state: GapState = "filling"
    numbered: bool = True

    @property
    def count(self) -> int | None:
        """How many trade numbers it has; None where they do not count."""
        return self.before.number - self.after.number - 1 if self.numbered else None


class Tape(ABC):
    """One symbol's tape.  `duplicates` counts what came again; whoever stores gaps empties `opened` and `changed`."""

    numbered: bool

    def __init__(self, top: Mark | None = None, gaps: Iterable[Gap] = ()) -> None:
        self.top = top
        """The newest trade that is known of."""
        self.gaps = list(gaps)
        """Those that are open, by place."""
        self.duplicates = 0
        self.opened: dict[UUID, Gap] = {}
        """Those that were opened, as they were then."""
        self.changed: dict[UUID, Gap] = {}

    @abstractmethod
    def take(self, trade: Trade, why: str) -> bool:
        """Whether the trade is new; where it shows that others are missing, a gap is opened with the reason `why`."""

    @abstractmethod
    def fill(self, trade: Trade) -> bool:
        """Whether the trade, which was asked for, is of a gap, and so new."""

    @abstractmethod
    def cover(self, low: int, high: int) -> None:
        """All trades from `low` to `high` (numbers, else times in µs), both included, have been taken: nothing is
        missing there any more.
        """

    @abstractmethod
    def told(self, newest: Mark, why: str) -> None:
        """The exchange says that its newest trade is `newest`, whether it came or not."""

    def give_up(self, gap: Gap, why: str) -> None:
        """Nobody can fill the gap: it stays, as missing."""
        if not gap.why.endswith(why):
            gap.why = f"{gap.why}; {why}"
        self._close(gap, "missing")

    def give_up_before(self, gap: Gap, time_us: int, why: str) -> None:
        """Nobody will fill what of the gap is older; of numbered trades that is reckoned from the times of its ends."""
        if gap.before.time_us <= time_us:
            self.give_up(gap, why)
        elif gap.after.time_us < time_us:
            share = (time_us - gap.after.time_us) / (gap.before.time_us - gap.after.time_us)
            at = (
                gap.after.number + int(share * (gap.before.number - gap.after.number)) if self.numbered else 0
            )
            if self.numbered and not gap.after.number < at < gap.before.number - 1:
                return
            place = next(place for place, each in enumerate(self.gaps) if each is gap)
            newer = self._open(Mark(time_us, at), gap.before, gap.why, place + 1)
            newer.state = "filling"
            gap.before = Mark(time_us, at + 1 if self.numbered else 0)
            self.give_up(gap, why)

    def _open(self, after: Mark, before: Mark, why: str, place: int | None = None) -> Gap:
        gap = Gap(uuid4(), after, before, why, numbered=self.numbered)
        self.gaps.insert(len(self.gaps) if place is None else place, gap)
        self.opened[gap.id] = replace(gap)
        self.changed[gap.id] = gap
        return gap

    def _close(self, gap: Gap, state: GapState) -> None:
        gap.state = state
        self.gaps = [each for each in self.gaps if each is not gap]
        self.changed[gap.id] = gap


class NumberedTape(Tape):
    """Each trade's number is the one before it plus one; what is known is everything up to `top` but the gaps."""

    numbered = True

    def __init__(self, top: Mark | None = None, gaps: Iterable[Gap] = ()) -> None:
        super().__init__(top, sorted(gaps, key=lambda gap: gap.after.number))
        self._latest_us = 0 if top is None else top.time_us

    def take(self, trade: Trade, why: str) -> bool:
        """See `Tape.take`."""
        mark = trade.mark
        if self.top is None:
            self._reach(mark)
            return True
        if mark.number > self.top.number:
            if mark.number > self.top.number + 1:
                self._open(self.top, mark, why)
            self._reach(mark)
            return True
        if self._fill(mark):
            return True
        if mark.time_us > self._latest_us:  # what came before is older than the newest: this is another count
            self._begin_anew(mark)
            return True
        self.duplicates += 1
        return False

    def fill(self, trade: Trade) -> bool:
        """See `Tape.fill`."""
        return self._fill(trade.mark)

    def told(self, newest: Mark, why: str) -> None:
        """See `Tape.told`."""
        if self.top is not None and newest.number > self.top.number:
            self._open(self.top, Mark(newest.time_us, newest.number + 1), why)
            self._reach(newest)

    def cover(self, low: int, high: int) -> None:
        """See `Tape.cover`: numbers that were not among the trades there do not exist."""
        for gap in list(self.gaps):
            first, last = gap.after.number + 1, gap.before.number - 1
            if low <= first and high >= last:
                self._close(gap, "none")
            elif low <= first <= high:
                gap.after = Mark(gap.after.time_us, high)
                self.changed[gap.id] = gap
            elif low <= last <= high:
                gap.before = Mark(gap.before.time_us, low)
                self.changed[gap.id] = gap

    def _fill(self, mark: Mark) -> bool:
        for place, gap in enumerate(self.gaps):
            if gap.after.number < mark.number < gap.before.number:
                self._shrink(gap, mark, place)
                return True
        return False

    def _reach(self, mark: Mark) -> None:
        self.top = mark
        self._latest_us = max(self._latest_us, mark.time_us)

    def _shrink(self, gap: Gap, mark: Mark, place: int) -> None:
        self.changed[gap.id] = gap
        at_start, at_end = mark.number == gap.after.number + 1, mark.number == gap.before.number - 1
        if at_start and at_end:
            self._close(gap, "filled")
        elif at_start:
            gap.after = mark
        elif at_end:
            gap.before = mark
        else:
            self._open(mark, gap.before, gap.why, place + 1)
            gap.before = mark

    def _begin_anew(self, mark: Mark) -> None:
        for gap in list(self.gaps):
            self.give_up(gap, "the exchange's numbers began anew before it was filled")
        before = Mark(self._latest_us, 0)
        self._reach(mark)
        if mark.number == 1:
            return
        gap = self._open(before, mark, "the exchange's numbers began anew")
        if mark.number > BEGINS_ANEW_BELOW:
            gap.numbered = False
            self._close(gap, "missing")


class TimedTape(Tape):
    """Numbers know a trade again, but do not tell that one is missing."""

    numbered = False

    def __init__(self, top: Mark | None = None, gaps: Iterable[Gap] = ()) -> None:
        super().__init__(top, sorted(gaps, key=lambda gap: gap.after.time_us))
        self._seen: OrderedDict[tuple[int, int, str | None], None] = OrderedDict()

    def take(self, trade: Trade, why: str) -> bool:
        """See `Tape.take`; a gap is opened by `resumed` only."""
        del why
        known = (trade.time_us, trade.number, trade.exchange)
        if known in self._seen:
            self.duplicates += 1
            return False
        self._seen[known] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        if self.top is None or trade.mark > self.top:
            self.top = trade.mark
        return True

    def fill(self, trade: Trade) -> bool:
        """See `Tape.fill`: one that came is known by its number."""
        again = self.duplicates
        new = self.take(trade, "")
        self.duplicates = again
        return new

    def told(self, newest: Mark, why: str) -> None:
        """See `Tape.told`: without numbers that count it tells nothing."""

    def resumed(self, at_us: int, why: str) -> None:
        """From `at_us` on trades come again: what lies between the newest one and then is a gap."""
        if self.top is not None and at_us > self.top.time_us:
            self._open(self.top, Mark(at_us, 0), why)

    def cover(self, low: int, high: int) -> None:
        """See `Tape.cover`."""
        for gap in list(self.gaps):
            if low <= gap.after.time_us <= high:
                if high >= gap.before.time_us:
                    self._close(gap, "filled")
                else:
                    gap.after = Mark(high, 0)
                    self.changed[gap.id] = gap
