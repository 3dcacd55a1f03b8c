"""Cancels and corrections among the trades of one file: by the tape's codes, or by a column that says the kind of each row."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tickdeck.db.market.corrections import Correction, CorrectionKind
from tickdeck.db.market.types import TickBatch
from tickdeck.feeds.base import FeedBatch
from tickdeck.feeds.csv.fields import Lines
from tickdeck.feeds.rejects import Reject, shown

Mark: TypeAlias = Literal["gone", "cancel record", "correction record", "cancel", "correct"]
"""What a row is besides a trade: one that was cancelled later; the record of the tape that says so, or that a trade was
corrected; and a row that names its trade by its number, to cancel or to correct it."""

CODES: Final[dict[str, Mark]] = {
    "7": "gone", "8": "gone", "10": "cancel record", "11": "cancel record", "12": "correction record",
}  # fmt: skip
"""Of NYSE's TAQ (Daily TAQ Client Specification, Trade Correction Indicator): 07 and 08 trades that were an error or were
cancelled later, 10 and 11 the records of that; 01 a trade that is given corrected, 12 the record of that."""
KINDS: Final[dict[str, Mark]] = {
    "cancel": "cancel", "cancelled": "cancel", "canceled": "cancel", "bust": "cancel", "busted": "cancel",
    "correct": "correct", "corrected": "correct", "correction": "correct",
}  # fmt: skip
_Key: TypeAlias = tuple[object, ...]
CORRECTED: Final = "1"


@dataclass(slots=True)
class Marked:
    """Takes the rows that are no trades out of the blocks of a file, and makes corrections of them.

    A cancelled trade (`gone`) is stored as any other and cancelled when its record comes (by symbol, exchange, price and
    size), so that it is known since when; where there is none, at the end of the file.
    """

    file: str
    marks: dict[int, Mark] = field(default_factory=dict)
    """By line, of the rows that were read and not looked at yet."""
    corrected: set[int] = field(default_factory=set)
    """The lines of trades that are given corrected."""
    cancels: int = 0
    corrections: int = 0
    _records: list[tuple[Mark, _Key, Reject, Correction]] = field(default_factory=list)
    _gone: defaultdict[_Key, deque[Correction]] = field(default_factory=lambda: defaultdict(deque))
    _given: defaultdict[_Key, int] = field(default_factory=lambda: defaultdict(int))

    def take_records(self, ticks: TickBatch, good: NDArray[np.bool_], lines: Lines) -> None:
        """Have the good rows that are records, or name other rows, be no ticks."""
        records = [line for line, mark in self.marks.items() if mark != "gone"]
        for row in np.flatnonzero(good & np.isin(lines.number, records)).tolist():
            line = int(lines.number[row])
            mark = self.marks.pop(line)
            good[row] = False
            kind: CorrectionKind = "cancel" if "cancel" in mark else "correct"
            time_us = int(ticks.time_us[row])
            named = Correction(
                symbol=str(ticks.symbol[row]), time_us=time_us, seq=int(ticks.seq[row]), kind=kind,
                price=float(ticks.price[row]) if mark == "correct" else None,
                size=float(ticks.size[row]) if mark == "correct" else None,
                exact_time=False, known_us=time_us, reason="by the file",
            )  # fmt: skip
            what = (
                "trade of this file that was cancelled"
                if kind == "cancel"
                else "trade of this file given corrected"
            )
            reject = Reject(self.file, line, "line", f"is the record of no {what}", shown(lines.raw(row)))
            self._records.append(
                (mark, _key(ticks, row, corrected=mark == "correction record"), reject, named)
            )

    def settle(self, batch: FeedBatch) -> FeedBatch:
        """The batch with the corrections that can be told by now."""
        ticks, origins = batch.ticks, batch.origins
        if origins is not None and (self.marks or self.corrected):
            for row in range(len(batch)):
                line = origins.line(row)
                if self.marks.pop(line, None) == "gone":
                    self._gone[_key(ticks, row, corrected=False)].append(
                        Correction(
                            symbol=str(ticks.symbol[row]), time_us=int(ticks.time_us[row]), seq=int(ticks.seq[row]),
                            kind="cancel", reason="by the file",
                        )
                    )  # fmt: skip
                elif line in self.corrected:
                    self.corrected.discard(line)
                    self._given[_key(ticks, row, corrected=True)] += 1
        made = [*self._matched()]
        return replace(batch, corrections=(*batch.corrections, *made)) if made else batch

    def end(self) -> tuple[list[Correction], list[Reject]]:
        """The cancels that have no record, and the records that belong to nothing."""
        left = [each for waiting in self._gone.values() for each in waiting]
        rejects = [reject for _, _, reject, _ in self._records]
        self.cancels += len(left)
        self._gone.clear()
        self._records.clear()
        return left, rejects

    def said(self) -> Iterator[str]:
        """Short statements of what was found."""
        if self.cancels:
            yield f"trades cancelled: {self.cancels:,}"
        if self.corrections:
            yield f"trades corrected: {self.corrections:,}"

    def _matched(self) -> Iterator[Correction]:
        waiting: list[tuple[Mark, _Key, Reject, Correction]] = []
        for record in self._records:
            mark, key, _, named = record
            if mark in ("cancel", "correct"):
                self.cancels += mark == "cancel"
                self.corrections += mark == "correct"
                yield named
            elif mark == "cancel record" and self._gone[key]:
                gone = self._gone[key].popleft()
                self.cancels += 1
                yield Correction(
                    symbol=gone.symbol, time_us=gone.time_us, seq=gone.seq, kind="cancel",
                    known_us=max(named.time_us, gone.time_us), reason="by the file",
                )  # fmt: skip
            elif mark == "correction record" and self._given[key]:
                self._given[key] -= 1
                self.corrections += 1
            else:
                waiting.append(record)
        self._records = waiting


def _key(ticks: TickBatch, row: int, *, corrected: bool) -> _Key:
    """What a record and its trade have in common; a corrected trade has other values than its record."""
    exchange = None if ticks.exchange is None else ticks.exchange[row]
    values = () if corrected else (float(ticks.price[row]), float(ticks.size[row]))
    return (str(ticks.symbol[row]), exchange, *values)
