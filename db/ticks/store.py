"""Stores batches of ticks: what is new, exactly once; what cannot be stored comes back with its reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import asyncpg
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickdeck.db.feed_positions import FeedPosition, put_position
from tickdeck.db.instruments import negative_symbols
from tickdeck.db.market.conditions import family_of, updates_of
from tickdeck.db.market.rules import TickReject, find_rejects
from tickdeck.db.market.types import UPDATES_ALL, TickBatch, from_us, to_us
from tickdeck.db.session import Connection, Pool, PoolOrConnection, writing
from tickdeck.db.statements import statement
from tickdeck.db.ticks.archived import Compared, compare_with_archive
from tickdeck.db.ticks.copy import columns_of, encode_ticks
from tickdeck.db.ticks.identity import Distinct, Identity, differences, distinct, identity, named, tick_values

DEADLOCK_TRIES: Final = 5

Conditions = Literal["auto", "all", "sip", "lean", "polygon"]
"""How a feed's sale conditions are read; "auto" waits for the first text that is unmistakable."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch: `stored` + `already` + len(`rejects`) is its length.

    `already` counts ticks that were stored before (in the table or the archive), or come more than once in the batch, with the same values, and those
    that were stored and cancelled, or as they were before a correction.
    """

    stored: int
    already: int
    rejects: tuple[TickReject, ...]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Of a batch without repeats: how many were stored, and which differ from what is stored (those values)."""

    stored: int
    differing: dict[Identity, dict[str, Any]]


_PRICES: Final = frozenset({"price", "bid", "ask"})


class Moved:
    """Says of ticks what they move, by their conditions (see `db.market.conditions`); one for each source."""

    def __init__(self, conditions: Conditions = "auto") -> None:
        self._conditions: Conditions = conditions

    def __call__(self, batch: TickBatch) -> TickBatch:
        """`batch` with what each tick moves; as it is where all of them move all."""
        if self._conditions == "all":
            return batch if batch.updates is None else replace(batch, updates=None)
        if batch.updates is not None or batch.conditions is None:
            return batch
        if self._conditions == "auto":
            texts = [text for text in pd.unique(batch.conditions) if isinstance(text, str)]
            self._conditions = family_of(texts) or "auto"
        if self._conditions == "auto":  # nothing unmistakable yet
            return batch
        updates = updates_of(batch.conditions, batch.time_us, self._conditions, batch.exchange)
        return batch if (updates == UPDATES_ALL).all() else replace(batch, updates=updates)


class TickStore:
    """Writes batches of ticks, each in one transaction; several calls at once are fine.

    A batch of new ticks is copied straight into the table.  Where one is stored already that fails and the batch
    goes through a staging table; after such a batch the next one takes that way at once, until one is all new.
    Where ticks lie in a stretch that retention dropped, or their times are none that the server takes (the future, long
    ago), it refuses the batch, and it is stored without them; after such a batch the next one is looked over first.
    Ticks of days that are archived are compared with their files: none of them is stored.
    """

    def __init__(self, pool: Pool, *, allow_negative: bool = False, conditions: Conditions = "auto") -> None:
        """`allow_negative`: prices of 0 and below are prices, else of instruments for which that is set.  `conditions`: in which notation they are (see
        `db.market.conditions`); "all": every print moves all.
        """
        self._pool = pool
        self._allow_negative = allow_negative
        self._moved = Moved(conditions)
        self._expect_stored = False
        self._expect_refused = False

    async def write(self, batch: TickBatch, position: FeedPosition | None = None) -> Written:
        """Store `batch`, in any order, with or without what is stored already, and with it `position`.

        The candles are right, and the listeners told, once this returns.  Raises `DatabaseUnavailableError`
        where the connection is lost: then all of the batch is stored or none; writing it again settles it.
        """
        rejects = find_rejects(batch, allow_negative=self._allow_negative)
        if not self._allow_negative and any(each.field in _PRICES for each in rejects):
            negative = await negative_symbols(self._pool)
            rejects = find_rejects(batch, allow_negative=negative) if negative else rejects
        good, rows = _without(batch, rejects)
        good = self._moved(good)
        async with writing(self._pool, "cannot write ticks"):
            stored, refused = await self._write_kept(good, position)
        rejects += _at(rows, refused)
        rejects.sort(key=lambda reject: reject.index)
        return Written(stored, len(batch) - stored - len(rejects), tuple(rejects))

    async def _write_kept(
        self, batch: TickBatch, position: FeedPosition | None
    ) -> tuple[int, list[TickReject]]:
        """Store what the server takes: how many were stored, and what was not for which reason."""
        refused = await find_refused(self._pool, batch) if self._expect_refused and len(batch) else []
        cancelled: list[TickReject] = []  # left out like the refused, but no rejects: they were stored before
        archived = Compared()
        for last_try in (False, False, False, True):
            kept, rows = _without(batch, [*refused, *cancelled, *archived.left_out])
            try:
                stored, conflicts = await self._write_new(kept, position)
            except asyncpg.PostgresError as exc:
                if exc.sqlstate not in _REFUSALS or last_try:
                    raise
                if exc.sqlstate == CANCELLED_SQLSTATE:
                    cancelled = await find_cancelled(self._pool, batch)
                elif exc.sqlstate == ARCHIVED_SQLSTATE:
                    archived = await compare_with_archive(self._pool, batch)
                else:
                    refused = await find_refused(self._pool, batch)
            else:
                break
        self._expect_refused = bool(refused)
        return stored, [*refused, *archived.rejects, *_at(rows, conflicts)]

    async def _write_new(
        self, batch: TickBatch, position: FeedPosition | None
    ) -> tuple[int, list[TickReject]]:
        """Store what is not stored yet: how many that were, and what contradicts another tick."""
        if not len(batch):
            if position is not None:
                await put_position(self._pool, position)
            return 0, []
        ticks = distinct(batch)
        outcome = await self._store(ticks.batch, position)
        return outcome.stored, list(_conflicts(batch, ticks, outcome.differing))

    async def _store(self, batch: TickBatch, position: FeedPosition | None) -> _Outcome:
        async with self._pool.acquire() as connection:
            try:
                for _ in range(DEADLOCK_TRIES):
                    # All write in one order, but a multi-day batch a chunk at a time: two can still meet.
                    with suppress(asyncpg.DeadlockDetectedError):
                        return await self._store_once(connection, batch, position)
                return await self._store_once(connection, batch, position)
            except asyncpg.InternalClientError:
                connection.terminate()  # it may look open still: the pool is not to hand it out again
                raise

    async def _store_once(
        self, connection: Connection, batch: TickBatch, position: FeedPosition | None
    ) -> _Outcome:
        if not self._expect_stored:
            try:
                if position is None:  # a COPY is a transaction of its own
                    return await _copy(connection, batch)
                async with connection.transaction():
                    outcome = await _copy(connection, batch)
                    await put_position(connection, position)
                    return outcome
            except asyncpg.UniqueViolationError:
                self._expect_stored = True
        outcome = await _copy_and_insert(connection, batch, position)
        self._expect_stored = outcome.stored < len(batch)
        return outcome


async def _copy(connection: Connection, batch: TickBatch) -> _Outcome:
    await connection.copy_to_table(
        "ticks", source=_pieces(connection, batch), columns=columns_of(batch), format="binary"
    )
    return _Outcome(len(batch), {})


async def _copy_and_insert(
    connection: Connection, batch: TickBatch, position: FeedPosition | None
) -> _Outcome:
    async with connection.transaction():
        if position is not None:
            await put_position(connection, position)
        await connection.execute(statement("create_offered_ticks"))
        await connection.copy_to_table(
            "offered_ticks",
            schema_name="pg_temp",
            source=_pieces(connection, batch),
            columns=columns_of(batch),
            format="binary",
        )
        status: str = await connection.execute(statement("store_offered_ticks"))
        stored = int(status.rpartition(" ")[2])
        if stored == len(batch):
            return _Outcome(stored, {})
        rows = await connection.fetch(
            statement("differing_offered_ticks"),
            from_us(int(batch.time_us.min())),
            from_us(int(batch.time_us.max())),
        )
    return _Outcome(stored, {(row["symbol"], to_us(row["time"]), row["seq"]): dict(row) for row in rows})


async def _pieces(connection: Connection, batch: TickBatch) -> AsyncIterator[bytes]:
    """The COPY stream; it ends where the connection does, which the driver does not look at, and then fails."""
    for piece in encode_ticks(batch):
        await asyncio.sleep(0)  # only the event loop hears that it is gone
        if connection.is_closed():
            return
        yield piece


def _without(batch: TickBatch, rejects: Sequence[TickReject]) -> tuple[TickBatch, NDArray[np.intp]]:
    """The other ticks, and which rows of `batch` they are."""
    rows = np.delete(np.arange(len(batch)), [reject.index for reject in rejects])
    return batch.take(rows) if rejects else batch, rows


def _at(rows: NDArray[np.intp], rejects: Iterable[TickReject]) -> Iterator[TickReject]:
    """The rejects of a part of a batch as those of the batch, whose `rows` it was."""
    return (replace(reject, index=int(rows[reject.index])) for reject in rejects)


def _conflicts(
    batch: TickBatch, ticks: Distinct, differing: dict[Identity, dict[str, Any]]
) -> Iterator[TickReject]:
    """What differs from the stored tick of its identity, or from the first of it in `batch`."""
    if differing:
        for position, row in enumerate(ticks.rows.tolist()):
            tick = identity(ticks.batch, position)
            if tick in differing:
                values = tick_values(ticks.batch, position)
                what = differences(differing[tick], "stored", values, "offered")
                yield TickReject(row, "seq", f"{named(tick)} is stored already with other values: {what}")
    for row, position in zip(ticks.repeats.tolist(), ticks.repeated.tolist(), strict=True):
        tick = identity(ticks.batch, position)
        kept = differing.get(tick) or tick_values(ticks.batch, position)
        if what := differences(kept, "kept", tick_values(batch, row), "offered"):
            yield TickReject(row, "seq", f"{named(tick)} comes more than once with other values: {what}")


DROPPED_SQLSTATE: Final = "TD001"
"""What the trigger raises for a statement with a tick that lies where retention dropped."""
UNTIMELY_SQLSTATE: Final = "TD002"
"""And with one whose time is none that is taken."""


CANCELLED_SQLSTATE: Final = "TD003"
"""And with one that was cancelled."""
ARCHIVED_SQLSTATE: Final = "TD004"
"""And with one of a day that is archived."""
_REFUSALS: Final = frozenset({DROPPED_SQLSTATE, UNTIMELY_SQLSTATE, CANCELLED_SQLSTATE, ARCHIVED_SQLSTATE})


async def find_cancelled(source: PoolOrConnection, batch: TickBatch) -> list[TickReject]:
    """One reject for each tick of `batch` that was stored once and cancelled; by row.  Raises the driver's errors."""
    rows = await source.fetch(
        statement("cancelled_ticks"),
        batch.symbol.tolist(),
        [from_us(time_us) for time_us in batch.time_us.tolist()],
        batch.seq.tolist(),
    )
    return [TickReject(row[0], "seq", "was cancelled") for row in rows]


async def find_refused(source: PoolOrConnection, batch: TickBatch) -> list[TickReject]:
    """One reject for each tick of `batch` (not empty, all storable) that the server refuses for its time; by row.

    Raises the driver's errors.
    """
    since_us, until_us = await source.fetchrow(statement("time_limits"))
    found: dict[int, TickReject] = {}
    for row in np.flatnonzero(batch.time_us > until_us).tolist():
        when = from_us(int(batch.time_us[row])).isoformat()
        found[row] = TickReject(
            row,
            "time",
            f"{when} lies in the future: later than {from_us(until_us).isoformat()} (TICKDECK_TICKS_AHEAD_S)",
        )
    for row in np.flatnonzero(batch.time_us < since_us).tolist():
        when = from_us(int(batch.time_us[row])).isoformat()
        found[row] = TickReject(
            row,
            "time",
            f"{when} lies too far back: before {from_us(since_us).isoformat()} (TICKDECK_TICKS_SINCE)",
        )
    first_us, last_us = int(batch.time_us.min()), int(batch.time_us.max())
    stretches = await source.fetch(statement("dropped_stretches"), from_us(first_us), from_us(last_us))
    for start_us, end_us in stretches:
        reason = (
            f"the ticks from {from_us(start_us).isoformat()} to {from_us(end_us).isoformat()} were dropped by "
            "retention: their candles stayed and may count this one already"
        )
        inside = (batch.time_us >= start_us) & (batch.time_us < end_us)
        for row in np.flatnonzero(inside).tolist():
            found.setdefault(row, TickReject(row, "time", reason))
    return [found[row] for row in sorted(found)]
