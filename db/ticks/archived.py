"""Ticks that come again, or late, for a day that is archived: which of them its file has."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

import numpy as np

from tickdeck.db.archive.read import ArchivedDay, archived_days, archived_ticks
from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.rules import TickReject
from tickdeck.db.market.types import DAY_US, TickBatch, floor_us
from tickdeck.db.session import PoolOrConnection, reading
from tickdeck.db.ticks.identity import Identity, differences, identity, named, tick_values


@dataclass(frozen=True, slots=True)
class Compared:
    """Of a batch: `left_out` are the ticks of archived days, by row, and of these `rejects` those that no file has as they are."""

    left_out: tuple[TickReject, ...] = field(default=())
    rejects: tuple[TickReject, ...] = field(default=())


async def compare_with_archive(source: PoolOrConnection, batch: TickBatch) -> Compared:
    """Look for the ticks of `batch` (not empty) that lie in archived days of their symbols in these days' files.

    What a file has with the same values needs nothing more.  Anything else is a reject, with the command that brings the
    day back into the table, which then decides about it.  Raises `DatabaseError` and its kinds.
    """
    symbols = sorted(set(batch.symbol.tolist()))
    first_us, last_us = int(batch.time_us.min()), int(batch.time_us.max())
    left_out: list[TickReject] = []
    rejects: list[TickReject] = []
    async with reading(source) as connection:
        # All of each day: what lies before its first tick or after its last is one of it as well.
        low_us, high_us = floor_us(first_us, DAY_US), floor_us(last_us, DAY_US) + DAY_US
        for day in await archived_days(connection, symbols, low_us, high_us):
            start_us = floor_us(day.first_us, DAY_US)
            inside = (
                (batch.symbol == day.symbol)
                & (batch.time_us >= start_us)
                & (batch.time_us < start_us + DAY_US)
            )
            rows = np.flatnonzero(inside).tolist()
            if not rows:
                continue
            times = batch.time_us[inside]
            try:
                kept = await archived_ticks(connection, [day.symbol], int(times.min()), int(times.max()) + 1)
            except ConfigurationError as exc:
                refused = [TickReject(row, "time", f"{_in_archive(day)}, and {exc}") for row in rows]
                rejects += refused
            else:
                refused = [TickReject(row, "time", _in_archive(day)) for row in rows]
                rejects += [] if kept is None else _differing(batch, rows, kept, day)
            left_out += refused
    return Compared(tuple(left_out), tuple(rejects))


def _differing(batch: TickBatch, rows: list[int], kept: TickBatch, day: ArchivedDay) -> list[TickReject]:
    places: dict[Identity, int] = {
        (day.symbol, time_us, seq): place
        for place, (time_us, seq) in enumerate(zip(kept.time_us.tolist(), kept.seq.tolist(), strict=True))
    }
    found = []
    for row in rows:
        tick = identity(batch, row)
        place = places.get((tick[0], int(tick[1]), int(tick[2])))
        if place is None:
            found.append(TickReject(row, "time", f"{named(tick)} is new, and {_in_archive(day)}"))
        elif what := differences(tick_values(kept, place), "stored", tick_values(batch, row), "offered"):
            found.append(
                TickReject(
                    row,
                    "seq",
                    f"{named(tick)} is stored already with other values: {what}; {_in_archive(day)}",
                )
            )
    return found


def _in_archive(day: ArchivedDay) -> str:
    return (
        f"the ticks of {day.symbol} on {day.day} are in the archive: `tickdeck archive restore {shlex.quote(day.symbol)} {day.day}` brings "
        "them back into the table, which then takes it"
    )
