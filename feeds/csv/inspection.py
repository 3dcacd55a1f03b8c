"""Says how a file would be read, and stores nothing."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from tickdeck.db.market.types import TickBatch, from_us
from tickdeck.feeds.csv.bytes import members_of
from tickdeck.feeds.csv.options import CsvOptions
from tickdeck.feeds.csv.reader import CsvReader
from tickdeck.feeds.errors import FileError
from tickdeck.feeds.rejects import Reject

SHOWN_TICKS: Final = 3
_SHOWN_REJECTS: Final = 5
_SHOWN_SYMBOLS: Final = 10


@dataclass(slots=True)
class Inspection:
    """What one file, or one member of an archive, holds.

    `assumptions`: how it is read.  `first` and `last` ticks in the file's order, as texts.  `fault`: why it cannot be
    read, or not to its end.
    """

    file: str
    ticks: int = 0
    rejected: int = 0
    symbols: Counter[str] = field(default_factory=Counter)
    assumptions: list[str] = field(default_factory=list)
    first: list[str] = field(default_factory=list)
    last: deque[str] = field(default_factory=lambda: deque(maxlen=SHOWN_TICKS))
    rejects: list[Reject] = field(default_factory=list)
    earliest_us: int | None = None
    latest_us: int | None = None
    fault: FileError | None = None

    def warnings(self) -> Iterator[str]:
        """What a careful user would look at twice."""
        if self.fault is not None:
            yield str(self.fault)
        if self.rejected:
            yield f"{self.rejected:,} rows would be refused"
        if self.ticks and not self.symbols.keys() - {""} and not self.fault:
            yield "no symbol"

    def lines(self) -> Iterator[str]:
        """The whole in short lines."""
        yield self.file
        for said in self.assumptions:
            yield f"  {said}"
        if self.ticks:
            names = [name for name, _ in self.symbols.most_common(_SHOWN_SYMBOLS)]
            more = len(self.symbols) - len(names)
            yield f"  {self.ticks:,} ticks of {', '.join(names)}{f' and {more:,} more' if more else ''}"
            yield f"  from {_shown(self.earliest_us)} to {_shown(self.latest_us)}"
            yield "  first: time, symbol, seq, price, size, bid, ask"
            yield from (f"    {tick}" for tick in self.first)
            if self.ticks > SHOWN_TICKS:
                yield "  last:"
                yield from (f"    {tick}" for tick in self.last)
        for warning in self.warnings():
            yield f"  warning: {warning}"
        for each in self.rejects:
            yield f"    line {each.line}, {each.field}: {each.reason[:200]}"


def inspect_files(path: Path, options: CsvOptions) -> Iterator[Inspection]:
    """Read `path` to its end, a block at a time; one result for each member of an archive."""
    try:
        members = list(members_of(path))
    except FileError as exc:
        yield Inspection(str(path), fault=exc)
        return
    for member in members:
        yield _inspect(path, options, member)


def _inspect(path: Path, options: CsvOptions, member: str | None) -> Inspection:
    found = Inspection(str(path))
    try:
        reader = CsvReader(path, options, member, corrections=True)
        found.file = reader.file
        for batch in reader:
            found.rejected += len(batch.rejects)
            found.rejects += batch.rejects[: _SHOWN_REJECTS - len(found.rejects)]
            if len(batch):
                _add(found, batch.ticks)
            if reader.facts is not None:
                found.assumptions = reader.facts.assumptions()
    except FileError as exc:
        found.fault = exc
    else:
        if reader.facts is not None:
            found.assumptions = reader.facts.assumptions()
    return found


def _add(found: Inspection, ticks: TickBatch) -> None:
    found.ticks += len(ticks)
    found.symbols.update(ticks.symbol.tolist())
    earliest, latest = int(ticks.time_us.min()), int(ticks.time_us.max())
    found.earliest_us = earliest if found.earliest_us is None else min(found.earliest_us, earliest)
    found.latest_us = latest if found.latest_us is None else max(found.latest_us, latest)
    room = SHOWN_TICKS - len(found.first)
    found.first += [_tick(ticks, row) for row in range(min(room, len(ticks)))]
    found.last.extend(_tick(ticks, row) for row in range(max(0, len(ticks) - SHOWN_TICKS), len(ticks)))


def _tick(ticks: TickBatch, row: int) -> str:
    numbers = [ticks.price[row], ticks.size[row], ticks.bid[row], ticks.ask[row]]
    written = [
        "-" if np.isnan(number) else np.format_float_positional(number, trim="-") for number in numbers
    ]
    return "  ".join([_shown(int(ticks.time_us[row])), ticks.symbol[row], str(ticks.seq[row]), *written])


def _shown(time_us: int | None) -> str:
    return "" if time_us is None else from_us(time_us).isoformat().replace("+00:00", "Z")
