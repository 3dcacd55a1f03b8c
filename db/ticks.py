"""Stores batches of ticks: what is new, exactly once; what cannot be stored comes back with its reason."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import asyncpg
import numpy as np
from numpy.typing import NDArray

from db.connect import translate
from db.copy_binary import COLUMNS, encode_ticks
from db.dropped_ticks import DROPPED_SQLSTATE, find_dropped
from db.market import TickBatch, from_us, to_us
from db.pool import Connection, Pool
from db.statements import statement
from db.tick_identity import Distinct, Identity, differences, distinct, identity, named, tick_values
from db.tick_rules import TickReject, find_rejects

__all__ = ["TickReject", "TickStore", "Written"]

DEADLOCK_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch: `stored` + `already` + len(`rejects`) is its length.

    `already` counts ticks that were stored before, or come more than once in the batch, with the same values.
    """

    stored: int
    already: int
    rejects: tuple[TickReject, ...]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Of a batch without repeats: how many were stored, and which differ from what is stored (those values)."""

    stored: int
    differing: dict[Identity, dict[str, Any]]


class TickStore:
    """Writes batches of ticks, each in one transaction; several calls at once are fine.

    A batch of new ticks is copied straight into the table.  Where one is stored already that fails and the batch
    goes through a staging table; after such a batch the next one takes that way at once, until one is all new.
    Where ticks lie in a stretch that retention dropped, the server refuses the batch, and it is stored without them;
    after such a batch the next one is looked over first.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._expect_stored = False
        self._expect_dropped = False

    async def write(self, batch: TickBatch) -> Written:
        """Store `batch`, in any order, with or without what is stored already.

        The candles are right, and the listeners told, once this returns.  Raises `DatabaseUnavailableError`
        where the connection is lost: then all of the batch is stored or none; writing it again settles it.
        """
        rejects = find_rejects(batch)
        good, rows = _without(batch, rejects)
        with translate("cannot write ticks"):
            stored, refused = await self._write_kept(good)
        rejects += _at(rows, refused)
        rejects.sort(key=lambda reject: reject.index)
        return Written(stored, len(batch) - stored - len(rejects), tuple(rejects))

    async def _write_kept(self, batch: TickBatch) -> tuple[int, list[TickReject]]:
        """Store what does not lie in a dropped stretch: how many were stored, and what was not for which reason."""
        dropped = await find_dropped(self._pool, batch) if self._expect_dropped and len(batch) else []
        while True:
            kept, rows = _without(batch, dropped)
            try:
                stored, conflicts = await self._write_new(kept)
            except asyncpg.PostgresError as exc:
                if exc.sqlstate != DROPPED_SQLSTATE:
                    raise
                known, dropped = dropped, await find_dropped(self._pool, batch)
                if len(dropped) <= len(known):
                    raise
            else:
                self._expect_dropped = bool(dropped)
                return stored, [*dropped, *_at(rows, conflicts)]

    async def _write_new(self, batch: TickBatch) -> tuple[int, list[TickReject]]:
        """Store what is not stored yet: how many that were, and what contradicts another tick."""
        if not len(batch):
            return 0, []
        ticks = distinct(batch)
        outcome = await self._store(ticks.batch)
        return outcome.stored, list(_conflicts(batch, ticks, outcome.differing))

    async def _store(self, batch: TickBatch) -> _Outcome:
        async with self._pool.acquire() as connection:
            try:
                for _ in range(DEADLOCK_TRIES):
                    # All write in one order, but a multi-day batch a chunk at a time: two can still meet.
                    with suppress(asyncpg.DeadlockDetectedError):
                        return await self._store_once(connection, batch)
                return await self._store_once(connection, batch)
            except asyncpg.InternalClientError:
                connection.terminate()  # it may look open still: the pool is not to hand it out again
                raise

    async def _store_once(self, connection: Connection, batch: TickBatch) -> _Outcome:
        if not self._expect_stored:
            try:
                return await _copy(connection, batch)
            except asyncpg.UniqueViolationError:
                self._expect_stored = True
        outcome = await _copy_and_insert(connection, batch)
        self._expect_stored = outcome.stored < len(batch)
        return outcome


async def _copy(connection: Connection, batch: TickBatch) -> _Outcome:
    await connection.copy_to_table("ticks", source=_pieces(batch), columns=COLUMNS, format="binary")
    return _Outcome(len(batch), {})


async def _copy_and_insert(connection: Connection, batch: TickBatch) -> _Outcome:
    async with connection.transaction():
        await connection.execute(statement("create_offered_ticks"))
        await connection.copy_to_table(
            "offered_ticks", schema_name="pg_temp", source=_pieces(batch), columns=COLUMNS, format="binary"
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


async def _pieces(batch: TickBatch) -> AsyncIterator[bytes]:
    for piece in encode_ticks(batch):
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
