"""What goes over the bus: ticks, gaps and corrections of one feed, as an Arrow IPC stream with one record batch.

The schema's metadata hold the version of all this, the feed's name, and gaps and corrections as JSON.  Columns are those of
`TickBatch`; a column that a feed does not have is left out, a bid or ask that is none is NaN.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, TypeVar
from zlib import crc32

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import TypeAdapter

from tickdeck.db.feed_gaps import FeedGap
from tickdeck.db.market.corrections import Correction
from tickdeck.db.market.types import BUY, MAX_TIME_US, MIN_TIME_US, SELL, UPDATES_ALL, TickBatch
from tickdeck.feeds.base import NO_TICKS

VERSION: Final = 1
MOST_TICKS: Final = 2_000
"""Ticks of one message: far below what a server takes as it comes (1 MiB)."""

_TEXT: Final = pa.dictionary(pa.int32(), pa.string())
COLUMNS: Final = {
    "time_us": pa.timestamp("us", "UTC"),
    "symbol": _TEXT,
    "seq": pa.int64(),
    "price": pa.float64(),
    "size": pa.float64(),
    "bid": pa.float64(),
    "ask": pa.float64(),
    "exchange": _TEXT,
    "conditions": _TEXT,
    "updates": pa.int16(),
    "side": pa.int16(),
}
_OPTIONAL: Final = frozenset({"exchange", "conditions", "updates", "side"})
_WITH_NULLS: Final = frozenset({"exchange", "conditions"})
_GAPS: Final = TypeAdapter(list[FeedGap])
_CORRECTIONS: Final = TypeAdapter(list[Correction])
Row = TypeVar("Row", FeedGap, Correction)


class MessageError(ValueError):
    """Bytes that are no message of this version; the text says why."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one message says; `feed` is the name of whose it is."""

    feed: str
    ticks: TickBatch
    gaps: tuple[FeedGap, ...] = ()
    corrections: tuple[Correction, ...] = ()


def encoded(message: Message) -> bytes:
    """The same message gives the same bytes."""
    columns, schema = [], []
    for name, kind in COLUMNS.items():
        column = getattr(message.ticks, name)
        if column is None:
            continue
        columns.append(_texts(column) if kind == _TEXT else pa.array(column).view(kind))
        schema.append(pa.field(name, kind, nullable=name in _WITH_NULLS))
    told = {b"tickdeck": str(VERSION).encode(), b"feed": message.feed.encode()}
    if message.gaps:
        told[b"gaps"] = orjson.dumps(message.gaps)
    if message.corrections:
        told[b"corrections"] = orjson.dumps(message.corrections)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema(schema, metadata=told)) as out:
        out.write_batch(pa.record_batch(columns, schema=pa.schema(schema)))
    return bytes(sink.getvalue())


def decoded(data: bytes) -> Message:
    """What `encoded` was given; raises `MessageError` for anything else, whoever has sent it."""
    try:
        return _decoded(data)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        if isinstance(exc, MessageError):
            raise
        raise MessageError(f"cannot be read: {exc or type(exc).__name__}") from exc


def _decoded(data: bytes) -> Message:
    with pa.ipc.open_stream(data) as stream:
        told = stream.schema.metadata or {}
        version = told.get(b"tickdeck")
        if version is None:
            raise MessageError("is an Arrow stream, and says no version of Tickdeck's messages")
        if version != str(VERSION).encode():
            raise MessageError(
                f"is of version {version.decode(errors='replace')[:20]}, and this is version {VERSION}"
            )
        _require(stream.schema)
        batches = list(stream)
    if len(batches) != 1:
        raise MessageError(f"has {len(batches)} record batches, not one")
    batches[0].validate(full=True)
    return Message(
        told[b"feed"].decode(),
        _ticks(batches[0]),
        _said(_GAPS, told.get(b"gaps", b"[]")),
        _said(_CORRECTIONS, told.get(b"corrections", b"[]")),
    )


def id_of(data: bytes) -> str:
    """By which a repeat of a message is known: the same for the same bytes, whichever process sends them."""
    return blake2b(data, digest_size=16).hexdigest()


def parted(ticks: TickBatch, partitions: int) -> Iterator[tuple[int, TickBatch]]:
    """`ticks` by the partition of their symbols, in their order, at most `MOST_TICKS` each."""
    codes, symbols = pd.factorize(ticks.symbol)
    places = np.array([partition_of(each, partitions) for each in symbols], dtype=np.int64)[codes]
    for partition in np.unique(places).tolist():
        its = ticks if partitions == 1 else ticks.take(places == partition)
        for part in its.chunks(MOST_TICKS):
            yield partition, part


@lru_cache(maxsize=100_000)
def partition_of(symbol: str, partitions: int) -> int:
    """Where a symbol's ticks go, always the same."""
    return crc32(symbol.encode("utf-8", "surrogatepass")) % partitions


def by_partition(of: Sequence[Any], partitions: int) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Gaps or corrections by the partition of their symbols, in their order."""
    for partition in range(partitions):
        its = tuple(each for each in of if partition_of(each.symbol, partitions) == partition)
        if its:
            yield partition, its


def _texts(column: NDArray[np.object_]) -> pa.DictionaryArray:
    codes, values = pd.factorize(column)  # none: -1
    indices = pa.array(codes, pa.int32(), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(values), pa.string()))


def _require(schema: pa.Schema) -> None:
    names = schema.names
    if len(set(names)) < len(names):
        raise MessageError("has a column twice")
    for name in [*COLUMNS, *names]:
        if name not in COLUMNS:
            raise MessageError(f"has a column {name[:40]!r}, which is none of version {VERSION}")
        if name not in names:
            if name in _OPTIONAL:
                continue
            raise MessageError(f"has no column {name!r}")
        kind = schema.field(name).type
        if kind != COLUMNS[name]:
            raise MessageError(f"has a column {name!r} of type {kind}, not {COLUMNS[name]}")


def _ticks(batch: pa.RecordBatch) -> TickBatch:
    if not batch.num_rows:
        return NO_TICKS
    columns = {}
    for name in batch.schema.names:
        column = batch.column(name)
        if column.null_count and name not in _WITH_NULLS:
            raise MessageError(f"has no {name} in {column.null_count} of its ticks")
        if COLUMNS[name] == _TEXT:
            values = np.array([*column.dictionary.to_pylist(), None], dtype=object)
            if name == "symbol" and None in values[:-1]:
                raise MessageError("has a symbol that is none")
            columns[name] = values[column.indices.fill_null(len(values) - 1).to_numpy()]
        else:
            plain = column.view(pa.int64()) if name == "time_us" else column
            columns[name] = plain.to_numpy(zero_copy_only=False).copy()
    ticks = TickBatch(**columns)
    for name, least, most in (("updates", 0, UPDATES_ALL), ("side", SELL, BUY)):
        column = getattr(ticks, name)
        if column is not None and not ((column >= least) & (column <= most)).all():
            raise MessageError(f"has {name} that are not between {least} and {most}")
    return ticks


def _said(rows: TypeAdapter[list[Row]], data: bytes) -> tuple[Row, ...]:
    """Gaps or corrections, with nothing in them that no database takes: it would refuse them again and again."""
    found = rows.validate_json(data)
    for row in found:
        for name, value in ((each.name, getattr(row, each.name)) for each in fields(row)):
            if isinstance(value, str) and "\x00" in value:
                raise MessageError(f"has a zero byte in {name}")
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise MessageError(f"has {name} {value}, which is out of range")
            if name.endswith("_us") and value is not None and not MIN_TIME_US <= value <= MAX_TIME_US:
                raise MessageError(f"has {name} {value}, which is no time")
    return tuple(found)
