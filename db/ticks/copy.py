"""Encodes ticks as PostgreSQL's binary COPY format, whole columns at a time instead of value by value.

Rows of one shape (the length of each text, which values are null) have one layout in memory: each shape is one
structured array.  Format: https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickdeck.db.market.types import TickBatch

COLUMNS: Final = ("time", "symbol", "seq", "price", "size", "bid", "ask", "exchange", "conditions")


def columns_of(batch: TickBatch) -> tuple[str, ...]:
    """The columns of `ticks` in the order of the fields that `encode_ticks` makes of `batch`."""
    return COLUMNS + tuple(name for name in ("updates", "side") if getattr(batch, name) is not None)


_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no header extension
_END: Final = b"\xff\xff"
_EPOCH_2000_US: Final = 946_684_800_000_000
_NULL: Final = -1
_PIECE_ROWS: Final = 2048


@dataclass(frozen=True, slots=True)
class _Text:
    """A column of strings, each different one encoded once: row i is `table[codes[i]]`, or null where -1."""

    lengths: NDArray[np.int64]
    table: NDArray[np.bytes_]
    codes: NDArray[np.intp]

    @classmethod
    def of(cls, column: NDArray[np.object_] | None, rows: int) -> _Text:
        if column is None:
            column = np.full(rows, None, dtype=object)
        codes, values = pd.factorize(column)
        parts = [value.encode() for value in values]
        lengths = np.array([*map(len, parts), _NULL], dtype=np.int64)  # the last one is what code -1 picks
        table = np.array(parts, dtype=f"S{max(map(len, parts), default=0) or 1}")
        return cls(lengths[codes], table, codes)


def encode_ticks(batch: TickBatch) -> Iterator[bytes]:
    """The COPY stream of `batch`, in its order and in pieces: each is encoded while the server reads the last.

    Every value must be storable (no NUL, nothing that UTF-8 cannot hold).  NaN in `bid` and `ask`, None in `exchange`
    and `conditions` and 0 in `side` become null.
    """
    yield _SIGNATURE
    for piece in batch.chunks(_PIECE_ROWS):
        yield _encode_rows(piece)
    yield _END


def _encode_rows(batch: TickBatch) -> bytes:
    rows = len(batch)
    texts = {
        "symbol": _Text.of(batch.symbol, rows),
        "exchange": _Text.of(batch.exchange, rows),
        "conditions": _Text.of(batch.conditions, rows),
    }
    numbers: dict[str, NDArray[Any]] = {
        "time": batch.time_us - _EPOCH_2000_US, "seq": batch.seq, "price": batch.price, "size": batch.size,
        "bid": batch.bid, "ask": batch.ask,
    }  # fmt: skip
    if batch.updates is not None:
        numbers["updates"] = batch.updates
    if batch.side is not None:
        numbers["side"] = batch.side
    shape_of_row, firsts = _shapes(batch, texts)
    if len(firsts) == 1:
        return _rows(columns_of(batch), numbers, texts, slice(None), int(firsts[0]))
    encoded = np.empty(rows, dtype=object)
    for shape, first in enumerate(firsts):
        where = np.flatnonzero(shape_of_row == shape)
        block = _rows(columns_of(batch), numbers, texts, where, int(first))
        encoded[where] = np.frombuffer(block, dtype=f"V{len(block) // len(where)}").tolist()
    return b"".join(encoded.tolist())


def _shapes(batch: TickBatch, texts: dict[str, _Text]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The number of each row's shape, and the first row of each shape."""
    key = np.isnan(batch.bid) + 2 * np.isnan(batch.ask)
    if batch.side is not None:
        key = key + 4 * (batch.side == 0)
    for text in texts.values():
        key = (key << 20) + text.lengths + 1
    codes, different = pd.factorize(key)
    firsts = np.full(len(different), len(batch), dtype=np.intp)
    np.minimum.at(firsts, codes, np.arange(len(batch)))
    return codes, firsts


def _rows(
    names: tuple[str, ...],
    numbers: dict[str, NDArray[Any]],
    texts: dict[str, _Text],
    where: slice | NDArray[np.intp],
    first: int,
) -> bytes:
    """The encoded columns `names` of the rows `where`, all of the shape of row `first`."""
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    sizes: dict[str, int] = {}
    for name in names:
        if name in texts:
            sizes[name] = int(texts[name].lengths[first])
            kind = f"S{sizes[name]}"
        else:
            kind = numbers[name].dtype.newbyteorder(">").str
            sizes[name] = numbers[name].dtype.itemsize
            missing = numbers[name][first] == 0 if name == "side" else np.isnan(numbers[name][first])
            if name in {"bid", "ask", "side"} and missing:
                sizes[name] = _NULL
        layout.append((f"{name} size", ">i4"))
        if sizes[name] > 0:
            layout.append((name, kind))
    rows = numbers["time"][where]
    made = np.empty(len(rows), dtype=layout)
    made["fields"] = len(names)
    for name, size in sizes.items():
        made[f"{name} size"] = size
        if size <= 0:
            continue
        if name in texts:
            made[name] = texts[name].table.astype(f"S{size}")[texts[name].codes[where]]
        else:
            made[name] = numbers[name][where]
    return made.tobytes()
