"""Many rows at once, as columns: PostgreSQL's binary COPY, taken over without looking at each row; and ticks so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tickdeck.db.archive.read import archived_ticks, joined
from tickdeck.db.errors import DatabaseError
from tickdeck.db.market.types import (
    EARLIEST_US,
    LATEST_US,
    MAX_SEQ,
    MIN_TIME_US,
    UPDATES_ALL,
    TickBatch,
    from_us,
)
from tickdeck.db.session import Connection, translate
from tickdeck.db.statements import statement

PIECE: Final = 50_000
"""Ticks that are read at a time: some 4 MB."""
EPOCH_2000_US: Final = 946_684_800_000_000
"""PostgreSQL's times count from there."""
_HEADER: Final = 19  # signature, flags, length of the extension, which is none
_END: Final = 2
_FIELDS: Final = (
    ("time", ">i8"), ("seq", ">i8"), ("price", ">f8"), ("size", ">f8"), ("bid", ">f8"), ("ask", ">f8"),
    ("updates", ">i2"), ("side", ">i2"),
)  # fmt: skip
_NONE: Final = np.empty(0, dtype=list(_FIELDS))


async def read_columns(
    connection: Connection, name: str, fields: Sequence[tuple[str, str]], *arguments: object, what: str
) -> NDArray[np.void]:
    """What the statement `name` selects, as a structured array: each row's `fields`, of the types that are said.

    No value may be null: every row must have one length.  A time is µs since 2000 (`EPOCH_2000_US`).  `what` is
    said where it cannot be read.  Raises `DatabaseError` and its kinds.
    """
    pieces: list[bytes] = []

    async def keep(piece: bytes) -> None:
        pieces.append(piece)

    with translate(f"cannot read {what}"):
        await connection.copy_from_query(statement(name), *arguments, output=keep, format="binary")
    content = b"".join(pieces)
    # How many fields a row has, and each with its length before it.
    row = np.dtype(
        [
            ("fields", ">i2"),
            *(part for field, kind in fields for part in ((f"{field}_length", ">i4"), (field, kind))),
        ]
    )
    rows = np.frombuffer(content[_HEADER : max(_HEADER, len(content) - _END)], dtype=row)
    if len(rows) and not (rows["fields"] == len(fields)).all():
        raise DatabaseError(f"cannot read {what}: the server's rows are not as they were asked for")
    return rows


async def read_tick_columns(
    connection: Connection,
    symbol: str,
    start_us: int,
    end_us: int,
    *,
    after: tuple[int, int] = (-1, 0),
    up_to: tuple[int, int] = (LATEST_US, MAX_SEQ),
    limit: int = PIECE,
) -> TickBatch:
    """The first `limit` ticks of `symbol` in [start_us, end_us) after `after` and up to `up_to`, both (time_us, seq), in order.

    In a transaction whose reads see one moment (`db.session.reading`).  Without exchange and conditions; `updates` and `side` are None where all of them are as usual.  100,000 take some
    150 ms.  Raises `DatabaseError` and its kinds.
    """
    low, high = max(start_us, EARLIEST_US), min(end_us, LATEST_US)
    rows = (
        await read_columns(
            connection, "tick_columns", _FIELDS, symbol, from_us(low), from_us(high),
            from_us(max(after[0], MIN_TIME_US - 1)), after[1], from_us(min(up_to[0], LATEST_US)), up_to[1], limit,
            what="ticks",
        )
        if low < high
        else _NONE
    )  # fmt: skip
    archived = await archived_ticks(connection, [symbol], low, high, after=after, up_to=up_to, limit=limit)
    updates, side = rows["updates"].astype(np.int16), rows["side"].astype(np.int16)
    price, size, bid, ask = (rows[name].astype(np.float64) for name in ("price", "size", "bid", "ask"))
    ticks = TickBatch(
        rows["time"].astype(np.int64) + EPOCH_2000_US,
        np.full(len(rows), symbol, dtype=object),
        rows["seq"].astype(np.int64),
        price,
        size,
        bid,
        ask,
        updates=None if (updates == UPDATES_ALL).all() else updates,
        side=None if not side.any() else side,
    )
    return ticks if archived is None else _with_archived(ticks, archived, limit)


def _with_archived(ticks: TickBatch, archived: TickBatch, limit: int) -> TickBatch:
    """The first `limit` ticks of both, as the columns have them."""
    both = joined(ticks, replace(archived, exchange=None, conditions=None)).take(slice(0, limit))
    updates, side = both.updates, both.side
    return replace(
        both,
        updates=None if updates is None or (updates == UPDATES_ALL).all() else updates,
        side=None if side is None or not side.any() else side,
    )


async def tick_column_pages(
    connection: Connection,
    symbol: str,
    start_us: int,
    end_us: int,
    *,
    after: tuple[int, int] = (-1, 0),
    up_to: tuple[int, int] = (LATEST_US, MAX_SEQ),
) -> AsyncIterator[TickBatch]:
    """All of them, in pieces as `read_tick_columns` has them; none is empty."""
    while True:
        ticks = await read_tick_columns(connection, symbol, start_us, end_us, after=after, up_to=up_to)
        if len(ticks):
            yield ticks
        if len(ticks) < PIECE:
            return
        after = int(ticks.time_us[-1]), int(ticks.seq[-1])
        start_us = after[0]
