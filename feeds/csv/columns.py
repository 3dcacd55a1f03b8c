"""Turns the fields of a block into ticks, column by column, and says of which rows it is certain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickdeck.db.market.mids import mids
from tickdeck.db.market.rules import symbol_fault
from tickdeck.db.market.spreadsheets import unprotect
from tickdeck.db.market.types import MAX_TIME_US, MIN_TIME_US, TickBatch
from tickdeck.feeds.csv.fields import Column, Fields
from tickdeck.feeds.csv.notations import NO_NUMBER, withdrawn
from tickdeck.feeds.csv.numbers import read_decimals
from tickdeck.feeds.csv.reading import Reading
from tickdeck.feeds.csv.rows import Row, side_of, whole_symbol
from tickdeck.feeds.csv.times import read_fractions, read_times

_MAX_TEXT: Final = 64
_WORD: Final = 8
_NINE: Final = ord("9")
_MAX_WORD: Final = max(map(len, NO_NUMBER))
_KEEP_BYTES: Final = np.array([(1 << (8 * count)) - 1 for count in range(_WORD + 1)], dtype="<u8")


Coded = tuple[NDArray[np.intp], NDArray[np.object_]]
"""Texts as places in an array of them, which may have one of them twice."""


@dataclass(slots=True)
class Columns:
    """All rows of a block as ticks; only those where `good` mean anything.

    The price is NaN where one side of a quote is missing that an earlier row may have.  `keyed`: the rows whose
    time and symbol are known, also where something else is wrong with them.  `coded`: the symbols; None where rows were read by themselves.
    """

    ticks: TickBatch
    good: NDArray[np.bool_]
    keyed: NDArray[np.bool_]
    coded: Coded | None


def read_columns(fields: Fields, reading: Reading) -> Columns:
    """Read every column of `fields`.

    A row is good where each field is of the plainest form and within its bounds.  Any other may still be a
    tick: `rows.read_row` decides.
    """
    rows = len(fields)
    index = reading.layout.index

    def column(field: str) -> Column | None:
        return fields.column(index[field]) if field in index else None

    def number(field: str) -> Column | None:
        return None if (found := column(field)) is None else _without_words(found)

    time_us, good = read_times(fields.column(index["time"]), column("date"), reading.style)
    if (fraction := column("fraction")) is not None:
        parts, fine = read_fractions(fraction, reading.style)
        time_us, good = time_us + parts, good & fine
    good &= (time_us >= MIN_TIME_US) & (time_us < MAX_TIME_US)
    coded, fine = _symbols(column("symbol"), column("suffix"), rows, reading)
    good &= fine
    codes, names = coded
    symbols = names[codes]
    keyed = good.copy()
    seq, fine = _seqs(column("seq"), rows)
    good &= fine
    numbers = {name: number(name) for name in ("price", "size", "bid", "ask")}
    good &= not any(name in reading.marked and name in index for name in numbers)
    bid, fine = _quotes(numbers["bid"], rows, reading)
    good &= fine
    ask, fine = _quotes(numbers["ask"], rows, reading)
    good &= fine
    price, size, fine = _prices(numbers, bid, ask, reading)
    good &= fine
    texts: list[NDArray[np.object_] | None] = []
    for name in ("exchange", "conditions"):
        part = column(name)
        if part is None:
            texts.append(None)
            continue
        values, fine = _texts(part, withdrawn if name == "conditions" and reading.withdraws else None)
        good &= fine
        texts.append(values)
    sides = column("side")
    side = None if sides is None else _sides(sides, reading)
    ticks = TickBatch(time_us, symbols, seq, price, size, bid, ask, texts[0], texts[1], side=side)
    return Columns(ticks, good, keyed, coded)


def put_row(columns: Columns, row: int, tick: Row) -> None:
    """Set one row to `tick`, read by itself, and call it good."""
    ticks = columns.ticks
    put_key(columns, row, tick.time_us, tick.symbol)
    ticks.seq[row], ticks.price[row], ticks.size[row] = tick.seq, tick.price, tick.size
    ticks.bid[row], ticks.ask[row] = tick.bid, tick.ask
    if ticks.exchange is not None:
        ticks.exchange[row] = tick.exchange
    if ticks.conditions is not None:
        ticks.conditions[row] = tick.conditions
    if ticks.side is not None:
        ticks.side[row] = tick.side
    columns.good[row] = True


def put_key(columns: Columns, row: int, time_us: int, symbol: str) -> None:
    """Set time and symbol of one row."""
    columns.ticks.time_us[row], columns.ticks.symbol[row] = time_us, symbol
    columns.coded = None
    columns.keyed[row] = True


def _without_words(column: Column) -> Column:
    """`column` with nothing in place of the words that stand for no number."""
    codes = np.frombuffer(column.data, dtype=np.uint8)[column.start]
    words = np.flatnonzero(
        ((codes > _NINE) | (codes == ord("#"))) & (column.length > 0) & (column.length <= _MAX_WORD)
    )
    if not len(words):
        return column
    length = column.length.copy()
    numbers, first = codes_of(column.take(words))
    starts = column.start[words[first]].tolist()
    texts = [
        column.data[start : start + size]
        for start, size in zip(starts, length[words[first]].tolist(), strict=True)
    ]
    none = np.array([text.decode("latin-1") in NO_NUMBER for text in texts], dtype=np.bool_)
    length[words[none[numbers]]] = 0
    return Column(column.data, column.start, length)


def _symbols(
    column: Column | None, suffix: Column | None, rows: int, reading: Reading
) -> tuple[Coded, NDArray[np.bool_]]:
    if column is None or reading.symbol is not None:
        one = np.full(1, reading.symbol, dtype=object)
        return (np.zeros(rows, dtype=np.intp), one), np.ones(rows, dtype=np.bool_)
    joined = suffix is not None or reading.symbol_blanks is not None
    roots, names, fine = _coded_texts(column, None if joined else symbol_fault)
    good = fine[roots] & (column.length > 0)
    if not joined:
        return (roots, names), good
    if suffix is None:
        ends, last, fine = (
            np.zeros(rows, dtype=np.intp),
            np.full(1, None, dtype=object),
            np.ones(1, dtype=np.bool_),
        )
    else:
        ends, last, fine = _coded_texts(suffix)
    pairs, different = pd.factorize(roots * len(last) + ends)
    whole = np.empty(len(different), dtype=object)
    for place, pair in enumerate(different.tolist()):
        whole[place] = whole_symbol(
            names[pair // len(last)] or "", last[pair % len(last)] or "", reading.symbol_blanks
        )
    allowed = np.array([symbol_fault(each) is None for each in whole], dtype=np.bool_)
    return (pairs, whole), good & fine[ends] & allowed[pairs]


def _sides(column: Column, reading: Reading) -> NDArray[np.int16]:
    codes, first = codes_of(column)
    texts = [
        column.data[at : at + n] for at, n in zip(column.start[first], column.length[first], strict=True)
    ]
    return np.array([side_of(text, reading) for text in texts], dtype=np.int16)[codes]


def _seqs(column: Column | None, rows: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    if column is None:
        return np.zeros(rows, dtype=np.int64), np.ones(rows, dtype=np.bool_)
    return read_decimals(column).integers()


def _quotes(
    column: Column | None, rows: int, reading: Reading
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    if column is None:
        return np.full(rows, np.nan), np.ones(rows, dtype=np.bool_)
    value, good = read_decimals(column, reading.decimal).floats(reading.price_scale)
    none = column.length == 0
    value[none | (value == 0)] = np.nan
    return value, (good & ~(value < 0)) | none


def _prices(
    columns: dict[str, Column | None], bid: NDArray[np.float64], ask: NDArray[np.float64], reading: Reading
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Prices and sizes: the mid and 0 where a row has a quote only; no price yet where it has one side only."""
    price, size = columns["price"], columns["size"]
    empty = [np.isnan(bid) if part is None else part.length == 0 for part in (columns["bid"], columns["ask"])]
    mid = mids(bid, ask)
    quoted = (np.isnan(bid) <= empty[0]) & (np.isnan(ask) <= empty[1]) & ~(empty[0] & empty[1])
    if columns["bid"] is None or columns["ask"] is None:
        quoted[:] = False
    if price is None:
        value, good, quote_only = mid, quoted, np.ones(len(mid), dtype=np.bool_)
    else:
        value, good = read_decimals(price, reading.decimal).floats(reading.price_scale)
        quote_only = price.length == 0
        if size is not None and not reading.options.allow_negative and (value <= 0).any():
            # 0 for price and size beside a quote: there was no trade yet.
            none = (
                good
                & (value == 0)
                & ~(np.isnan(bid) & np.isnan(ask))
                & (not reading.options.negative_symbols)
            )
            amount, fine = read_decimals(size, reading.decimal).floats()
            quote_only |= none & ((fine & (amount == 0)) | (size.length == 0))
        good &= value > 0
        if quote_only.any():
            value = np.where(quote_only, mid, value)
            good = np.where(quote_only, quoted, good)
    if size is None:
        return value, np.zeros(len(value)), good
    shares, fine = read_decimals(size, reading.decimal).floats()
    missing = size.length == 0
    shares[missing] = 0
    if reading.signed_sizes:
        shares = np.abs(shares)
    return value, shares, good & ((fine & (shares >= 0)) | (missing & quote_only))


class Quotes:
    """The last bid and ask of each symbol, for rows that have one side of a quote only."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, float, int, float]] = {}  # since when, bid; since when, ask

    def carry(self, columns: Columns) -> list[tuple[int, str]]:
        """Fill in the missing sides from the rows before, and the mids as prices.

        A side is only taken from a row that is not later.  Returns the rows, no longer good, that find none,
        with the side they lack.
        """
        ticks = columns.ticks
        rows = np.flatnonzero(columns.good)
        if np.isnan(ticks.bid[rows]).all() and np.isnan(ticks.ask[rows]).all():
            return []
        codes, symbols = pd.factorize(ticks.symbol[rows])
        known = [self._last.get(symbol, (0, np.nan, 0, np.nan)) for symbol in symbols]
        every = np.concatenate([np.arange(len(symbols)), codes])
        alone = np.isnan(ticks.price[rows])
        found: list[tuple[int, str]] = []
        last = []
        for side, values in (("bid", ticks.bid), ("ask", ticks.ask)):
            part = 0 if side == "bid" else 2
            value = np.concatenate([[each[part + 1] for each in known], values[rows]])
            since = np.concatenate([[each[part] for each in known], ticks.time_us[rows]]).astype(np.int64)
            place = pd.Series(np.where(np.isnan(value), np.nan, np.arange(len(value), dtype=np.float64)))
            source = place.groupby(every).ffill().to_numpy()
            there = ~np.isnan(source)
            at = np.where(there, source, 0).astype(np.intp)
            fine = there[len(symbols) :] & (since[at[len(symbols) :]] <= ticks.time_us[rows])
            lacking = alone & np.isnan(values[rows])
            filled = rows[lacking & fine]
            values[filled] = value[at[len(symbols) :]][lacking & fine]
            found += [(row, side) for row in rows[lacking & ~fine].tolist()]
            newest = pd.Series(at).groupby(every).last().to_numpy()
            has = pd.Series(there).groupby(every).last().to_numpy()
            last.append((since[newest], np.where(has, value[newest], np.nan)))
        for code, symbol in enumerate(symbols):
            (bid_us, bid), (ask_us, ask) = ((since[code], value[code]) for since, value in last)
            self._last[symbol] = (int(bid_us), float(bid), int(ask_us), float(ask))
        columns.good[[row for row, _ in found]] = False
        whole = rows[alone]
        ticks.price[whole] = mids(ticks.bid[whole], ticks.ask[whole])
        return sorted(found)


def _texts(
    column: Column, fault: Callable[[str], str | None] | None = None
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """The texts (None where empty), and where they are good."""
    codes, values, good = _coded_texts(column, fault)
    return values[codes], good[codes]


def _coded_texts(
    column: Column, fault: Callable[[str], str | None] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.object_], NDArray[np.bool_]]:
    """The rows as places among the different texts (None where empty), and which of these are not too long or at fault."""
    codes, first = codes_of(column)
    values = np.empty(len(first), dtype=object)
    good = np.ones(len(first), dtype=np.bool_)
    for code, row in enumerate(first.tolist()):
        start = int(column.start[row])
        raw = column.data[start : start + int(column.length[row])]
        try:
            text = unprotect(raw.decode())
        except UnicodeDecodeError:
            good[code] = False
            continue
        good[code] = len(raw) <= _MAX_TEXT and (fault is None or fault(text) is None)
        values[code] = text or None
    return codes, values, good


def codes_of(column: Column) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
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
