"""Finds out which column of a file is which: its delimiter and the meaning of its header's names."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from feeds.csv_options import CsvOptions
from feeds.csv_times import TIME_TEXT
from feeds.errors import FileError

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": (
        "time", "timestamp", "ts", "datetime", "date_time", "time_utc", "timestamp_utc", "utc_time", "t",
        "ts_event", "event_time", "trade_time", "transact_time", "exchange_time", "participant_timestamp",
        "sip_timestamp", "time_m", "timestamp_ms", "timestamp_us", "timestamp_ns", "epoch",
    ),
    "date": ("date", "trade_date", "day"),
    "symbol": (
        "symbol", "ticker", "sym", "instrument", "ric", "security", "sym_root", "pair", "product_id", "code", "s",
    ),
    "price": ("price", "last", "px", "p", "last_price", "trade_price", "rate"),
    "size": (
        "size", "volume", "qty", "quantity", "amount", "shares", "last_size", "trade_size", "vol", "sz", "v",
    ),
    "bid": ("bid", "bid_price", "best_bid", "bid_px", "b"),
    "ask": ("ask", "ask_price", "offer", "offer_price", "best_ask", "ask_px", "ofr", "a"),
    "exchange": ("exchange", "venue", "ex", "exch", "mic", "market"),
    "conditions": (
        "conditions", "condition", "cond", "conds", "sale_condition", "sale_conditions", "tr_scond", "c",
    ),
    "seq": (
        "seq", "sequence", "sequence_number", "seq_no", "seqnum", "tr_seqnum", "trade_id", "tradeid",
        "trade_number", "id",
    ),
}  # fmt: skip
"""For each field the names its column goes by, the likeliest first; see `plain` for how names are compared."""

_CANDIDATES: Final = (",", ";", "\t", "|", " ")
_NUMBER: Final = re.compile(r"[+-]?\d+([.,]\d+)?", re.ASCII)


def plain(name: str) -> str:
    """A column's name for comparing: lower case, anything but letters and digits as one underscore."""
    return re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")


@dataclass(frozen=True, slots=True)
class Layout:
    """How the lines of one file are read: `index` gives the column of each field that there is.

    `header_line` is the number of the line with the names, or 0 where they were given by hand.
    """

    delimiter: str
    names: tuple[str, ...]
    index: Mapping[str, int]
    header_line: int

    def described(self) -> str:
        """`field=column` of each field, as --map takes them."""
        return ", ".join(f"{field}={self.names[at]}" for field, at in self.index.items())


def find_layout(file: str, number: int, first_line: bytes, options: CsvOptions) -> Layout:
    """The layout of a file whose `first_line` that is not empty has this number; raises `FileError` saying what is missing."""
    try:
        line = first_line.decode()
    except UnicodeDecodeError as exc:
        reason = f"the header is no UTF-8 text (byte 0x{first_line[exc.start]:02X} at {exc.start + 1})"
        raise FileError(file, reason, line=number) from exc
    if any(not character.isprintable() and character != "\t" for character in line):
        raise FileError(file, "this is no text: it looks like a binary file", line=number)
    if options.header is not None:
        delimiter = options.delimiter or max(_CANDIDATES, key=line.count)
        return _layout(file, delimiter, options.header, options, header_line=0)
    choices = (options.delimiter,) if options.delimiter else _CANDIDATES
    split = {delimiter: _names(file, number, line, delimiter) for delimiter in choices}
    delimiter = max(choices, key=lambda each: (_known(split[each], options), len(split[each])))
    names = split[delimiter]
    if len(names) == 1:
        told = f"the delimiter {delimiter!r} is not in" if options.delimiter else "cannot tell what separates"
        raise FileError(
            file, f"{told} the columns of the header {_short(line)!r}: say --delimiter", line=number
        )
    if all(_NUMBER.fullmatch(name) or TIME_TEXT.fullmatch(name) for name in names[:1]):
        reason = (
            f"has data where the names of the columns should be: {_short(line)!r}; say --columns NAME,NAME,…"
        )
        raise FileError(file, reason, line=number)
    return _layout(file, delimiter, names, options, header_line=number)


def _names(file: str, number: int, line: str, delimiter: str) -> tuple[str, ...]:
    try:
        row = next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=delimiter != " "))
    except csv.Error as exc:
        raise FileError(file, f"the header's quotes do not match: {exc}", line=number) from exc
    return tuple(name.strip() for name in row)


def _known(names: tuple[str, ...], options: CsvOptions) -> int:
    told = {plain(name) for name in options.columns.values() if name}
    every = {alias for aliases in ALIASES.values() for alias in aliases} | told
    return sum(plain(name) in every for name in names)


def _layout(
    file: str, delimiter: str, names: tuple[str, ...], options: CsvOptions, *, header_line: int
) -> Layout:
    line = header_line or None
    counted = Counter(name.lower() for name in names if name)
    for name, count in counted.items():
        if count > 1:
            raise FileError(file, f"the header names this column {count} times", line=line, field=name)
    by_plain = {plain(name): at for at, name in reversed(list(enumerate(names)))}
    index: dict[str, int] = {}
    for field, aliases in ALIASES.items():
        if field in options.columns:
            wanted = options.columns[field]
            if wanted is not None:
                index[field] = _place(file, wanted, names, by_plain, field, line)
            continue
        taken = {wanted for wanted in options.columns.values() if wanted}
        found = [by_plain[alias] for alias in aliases if alias in by_plain]
        found = [at for at in found if names[at] not in taken]
        if found:
            index[field] = found[0]
    if "time" not in index and "date" in index:
        index["time"] = index.pop("date")
    if options.symbol is not None:
        index.pop("symbol", None)
    _require(file, index, names, options, line)
    return Layout(delimiter, names, index, header_line)


def _place(
    file: str, wanted: str, names: tuple[str, ...], by_plain: Mapping[str, int], field: str, line: int | None
) -> int:
    if wanted in names:
        return names.index(wanted)
    if plain(wanted) in by_plain:
        return by_plain[plain(wanted)]
    raise FileError(
        file, f"there is no column {wanted!r}; the columns are {_list(names)}", line=line, field=field
    )


def _require(
    file: str, index: Mapping[str, int], names: tuple[str, ...], options: CsvOptions, line: int | None
) -> None:
    quotes = "bid" in index and "ask" in index
    needed = {
        "time": "",
        "symbol": " or --symbol for a file of one symbol",
        "price": ", or both bid and ask",
        "size": ", or --map size= if the file has none",
    }
    for field, otherwise in needed.items():
        excused = {
            "symbol": options.symbol is not None,
            "price": quotes,
            "size": options.columns.get("size", "") is None or (quotes and "price" not in index),
        }
        if field in index or excused.get(field, False):
            continue
        reason = f"there is no such column among {_list(names)}: say --map {field}=COLUMN{otherwise}"
        raise FileError(file, reason, line=line, field=field)


def _list(names: tuple[str, ...]) -> str:
    return _short(", ".join(names), 300)


def _short(text: str, length: int = 120) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
