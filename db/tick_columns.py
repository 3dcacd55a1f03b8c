"""Many ticks of one symbol at once, as columns: PostgreSQL's binary COPY, taken over without looking at each row."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import numpy as np

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
_EPOCH_2000_US: Final = 946_684_800_000_000
_HEADER: Final = 19  # signature, flags, length of the extension, which is none
_END: Final = 2
_FIELDS: Final = (
    ("time", ">i8"), ("seq", ">i8"), ("price", ">f8"), ("size", ">f8"), ("bid", ">f8"), ("ask", ">f8"),
    ("updates", ">i2"), ("side", ">i2"),
)  # fmt: skip
_ROW: Final = np.dtype(
    [
        ("fields", ">i2"),
        *(part for name, kind in _FIELDS for part in ((f"{name}_length", ">i4"), (name, kind))),
    ]
)
"""A row of the COPY: how many fields, and each with its length before it."""


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

    Without exchange and conditions; `updates` and `side` are None where all of them are as usual.  100,000 take some
    150 ms.  Raises `DatabaseError` and its kinds.
    """
    low, high = max(start_us, EARLIEST_US), min(end_us, LATEST_US)
    pieces: list[bytes] = []

    async def keep(piece: bytes) -> None:
        pieces.append(piece)

    if low < high:
        with translate("cannot read ticks"):
            await connection.copy_from_query(
                statement("tick_columns"), symbol, from_us(low), from_us(high),
                from_us(max(after[0], MIN_TIME_US - 1)), after[1], from_us(min(up_to[0], LATEST_US)), up_to[1], limit,
                output=keep, format="binary",
            )  # fmt: skip
    content = b"".join(pieces)
    rows = np.frombuffer(content[_HEADER : max(_HEADER, len(content) - _END)], dtype=_ROW)
    if len(rows) and not (rows["fields"] == len(_FIELDS)).all():
        raise DatabaseError("cannot read ticks: the server's rows are not as they were asked for")
    updates, side = rows["updates"].astype(np.int16), rows["side"].astype(np.int16)
    price, size, bid, ask = (rows[name].astype(np.float64) for name in ("price", "size", "bid", "ask"))
    return TickBatch(
        rows["time"].astype(np.int64) + _EPOCH_2000_US,
        np.full(len(rows), symbol, dtype=object),
        rows["seq"].astype(np.int64),
        price,
        size,
        bid,
        ask,
        updates=None if (updates == UPDATES_ALL).all() else updates,
        side=None if not side.any() else side,
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
