"""Turns the fields of a block into ticks, column by column, and says of which rows it is certain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from db.market import MAX_TIME_US, TickBatch
from feeds.csv_fields import Column, Fields
from feeds.csv_layout import Layout
from feeds.csv_numbers import read_decimals
from feeds.csv_options import symbol_fault
from feeds.csv_rows import Row
from feeds.csv_times import Times, TimeStyle, read_epochs, read_texts

_MAX_TEXT: Final = 40
_WORD: Final = 8
_KEEP_BYTES: Final = np.array([(1 << (8 * count)) - 1 for count in range(_WORD + 1)], dtype="<u8")


@dataclass(slots=True)
class Columns:
    """All rows of a block as ticks; only those where `good` mean anything."""

    ticks: TickBatch
    good: NDArray[np.bool_]


def read_columns(fields: Fields, layout: Layout, style: TimeStyle, *, symbol: str | None) -> Columns:
    """Read every column of `fields`.  `symbol` stands for all rows of a file of one symbol.

    A row is good where each field is of the plainest form and within its bounds.  Any other may still be a
    tick: `csv_rows.read_row` decides.
    """
    rows = len(fields)
    index = layout.index

    def column(field: str) -> Column | None:
        return fields.column(index[field]) if field in index else None

    time_us, good = _times(fields, layout, style)
    good &= (time_us >= 0) & (time_us < MAX_TIME_US)
    symbols, fine = _symbols(column("symbol"), rows, symbol)
    good &= fine
    seq, fine = _seqs(column("seq"), fields, layout)
    good &= fine
    bid, fine = _quotes(column("bid"), rows)
    good &= fine
    ask, fine = _quotes(column("ask"), rows)
    good &= fine
    price, size, fine = _prices(column("price"), column("size"), bid, ask)
    good &= fine
    texts: list[NDArray[np.object_] | None] = []
    for name in ("exchange", "conditions"):
        part = column(name)
        if part is None:
            texts.append(None)
            continue
        values, fine = _texts(part)
        good &= fine
        texts.append(values)
    return Columns(TickBatch(time_us, symbols, seq, price, size, bid, ask, texts[0], texts[1]), good)


def put_row(columns: Columns, row: int, tick: Row) -> None:
    """Set one row to `tick`, read by itself, and call it good."""
    ticks = columns.ticks
    ticks.time_us[row], ticks.symbol[row], ticks.seq[row] = tick.time_us, tick.symbol, tick.seq
    ticks.price[row], ticks.size[row], ticks.bid[row], ticks.ask[row] = (
        tick.price,
        tick.size,
        tick.bid,
        tick.ask,
    )
    if ticks.exchange is not None:
        ticks.exchange[row] = tick.exchange
    if ticks.conditions is not None:
        ticks.conditions[row] = tick.conditions
    columns.good[row] = True


def _times(fields: Fields, layout: Layout, style: TimeStyle) -> Times:
    time = fields.column(layout.index["time"])
    if "date" in layout.index:
        return read_texts(time, fields.column(layout.index["date"]), style.zone)
    if style.unit is None:
        return read_texts(time, None, style.zone)
    return read_epochs(time, style.unit, guessed=style.guessed)


def _symbols(
    column: Column | None, rows: int, symbol: str | None
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    if column is None:
        return np.full(rows, symbol, dtype=object), np.ones(rows, dtype=np.bool_)
    values, good = _texts(column, symbol_fault)
    return values, good & (column.length > 0)


def _seqs(
    column: Column | None, fields: Fields, layout: Layout
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    if column is None:
        return fields.lines.number - layout.header_line, np.ones(len(fields), dtype=np.bool_)
    return read_decimals(column).integers()


def _quotes(column: Column | None, rows: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    if column is None:
        return np.full(rows, np.nan), np.ones(rows, dtype=np.bool_)
    value, good = read_decimals(column).floats()
    none = column.length == 0
    value[none | (value == 0)] = np.nan
    return value, (good & ~(value < 0)) | none


def _prices(
    price: Column | None, size: Column | None, bid: NDArray[np.float64], ask: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Prices and sizes: the mid and 0 where a row has a quote only."""
    mid = bid / 2 + ask / 2
    if price is None:
        value, good, quote_only = mid, ~np.isnan(mid), np.ones(len(mid), dtype=np.bool_)
    else:
        value, good = read_decimals(price).floats()
        quote_only = price.length == 0
        if quote_only.any():
            value = np.where(quote_only, mid, value)
            good |= quote_only
        good &= value > 0
    if size is None:
        return value, np.zeros(len(value)), good
    shares, fine = read_decimals(size).floats()
    missing = size.length == 0
    shares[missing] = 0
    return value, shares, good & ((fine & (shares >= 0)) | (missing & quote_only))


def _texts(
    column: Column, fault: Callable[[str], str | None] = lambda _: None
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """The texts (None where empty), each different one made once; not good where too long or at fault."""
    codes, first = _codes(column)
    values = np.empty(len(first), dtype=object)
    good = np.ones(len(first), dtype=np.bool_)
    for code, row in enumerate(first.tolist()):
        start = int(column.start[row])
        raw = column.data[start : start + int(column.length[row])]
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            good[code] = False
            continue
        good[code] = len(raw) <= _MAX_TEXT and fault(text) is None
        values[code] = text or None
    return values[codes], good[codes]


def _codes(column: Column) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows numbered by their text, and for each number the first row that has it.

    Texts are compared as whole machine words; what is longer than _MAX_TEXT is not compared to its end.
    """
    longest = int(min(_MAX_TEXT, column.length.max(initial=1)))
    words = -(-longest // _WORD)
    codes = np.zeros(len(column), dtype=np.intp)
    for word in range(words):
        view: NDArray[np.uint64] = np.ndarray(
            (len(column.data) - words * _WORD + 1,),
            dtype="<u8",
            buffer=column.data,
            offset=word * _WORD,
            strides=(1,),
        )
        kept = _KEEP_BYTES[np.clip(column.length - word * _WORD, 0, _WORD)]
        part, different = pd.factorize(view[column.start] & kept)
        if word:
            part, _ = pd.factorize(codes * len(different) + part)
        codes = part
    first = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return codes, first
