"""Reads one row with all the care there is: for the rows that the column-wise reading is not certain of.

Says either what the row holds or which field is wrong and why.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

import numpy as np

from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.mids import mids
from tickdeck.db.market.rules import symbol_fault
from tickdeck.db.market.spreadsheets import unprotect
from tickdeck.db.market.types import BUY, SELL
from tickdeck.feeds.csv.notations import (
    BLANKS,
    NO_NUMBER,
    NO_UTF8,
    UNDEFINED_PRICE,
    what_helps,
    withdrawn,
    without_mark,
)
from tickdeck.feeds.csv.times import TimeError, cut_short, read_fraction, read_time

if TYPE_CHECKING:
    from tickdeck.feeds.csv.reading import Reading

_WIDEST_SEQ: Final = 1 << 63
_MINUS: Final = str.maketrans("\u2212", "-")
"""The minus of typography, which is no hyphen."""
_GROUP: Final = r"[+-]?[1-9]\d{0,2}(?:[%s]\d{3})+(?:[%s]\d*)?"
_GROUPED_BY_POINT: Final = re.compile(_GROUP % (f".{BLANKS}", ","), re.ASCII)
_GROUPED_BY_COMMA: Final = re.compile(
    rf"{_GROUP % (f',{BLANKS}', '.')}|[+-]?[1-9]\d?(?:,\d{{2}})*,\d{{3}}(?:\.\d*)?",
    re.ASCII,  # 12,34,567 in India
)
_GROUPED_BY_BLANK: Final = re.compile(_GROUP % (BLANKS, "."), re.ASCII)
_GROUP_MARKS: Final = str.maketrans("", "", f".,{BLANKS}")
_WIDE_BLANKS: Final = "\u00a0\u202f\u2007\u2009\u3000"
_PRICES: Final = frozenset({"price", "bid", "ask"})
_COMMA_NUMBER: Final = re.compile(r"[+-]?(\d+,?\d*|,\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


class FieldError(MarketDataError):
    """The field that keeps a row from being a tick."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Row:
    """One tick; see `db.market.TickBatch` for the units.

    `price` is NaN where one side of a quote is missing that an earlier row may have.  `seq` is 0 where the file
    has none.
    """

    time_us: int
    symbol: str
    seq: int
    price: float
    size: float
    bid: float
    ask: float
    exchange: str | None
    conditions: str | None
    side: int


def read_row(fields: Mapping[str, bytes], reading: Reading, *, fold: int | None = None) -> Row:
    """The tick of one row, `fields` by name; raises `FieldError` with the first thing that is wrong.

    `fold`: which of two instants is meant where a clock was put back.
    """
    time_us, symbol = read_key(fields, reading, fold=fold)
    seq = _seq(text_of(fields, "seq")) if "seq" in fields else 0
    negative = allows_negative(symbol, reading)
    bid, ask = (_quote(fields, name, reading, negative=negative) for name in ("bid", "ask"))
    price = text_of(fields, "price")
    size = text_of(fields, "size")
    sides = ("bid", "ask") if "bid" in fields and "ask" in fields else ()
    quoted = [name for name in sides if _there(text_of(fields, name))]
    if not quoted or (_there(price) and not _is_quote_only(price, size, (bid, ask), negative=negative)):
        value = _price("price", price, reading)
        if value <= 0 and not negative:
            raise FieldError("price", f"{price} is not above zero (where it may be: --allow-negative)")
    else:
        for field in quoted:
            if math.isnan(bid if field == "bid" else ask):
                raise FieldError(field, "is zero, so that there is no mid to take as the price")
        value = float(mids(np.array([bid]), np.array([ask]))[0])
        size = size if _there(size) else "0"
    shares = _number("size", size, reading) if "size" in fields else 0.0
    if shares < 0:
        if not reading.signed_sizes:
            raise FieldError(
                "size",
                f"{size} is below zero (where the sign is the side: --map side={reading.layout.names[reading.layout.index['size']]})",
            )
        shares = -shares
    exchange, conditions = (unprotect(text_of(fields, name)) or None for name in ("exchange", "conditions"))
    if reading.withdraws and conditions is not None and (why := withdrawn(conditions)) is not None:
        raise FieldError("conditions", why)
    side = side_of(fields.get("side", b""), reading)
    return Row(time_us, symbol, seq, value, shares, bid, ask, exchange, conditions, side)


def side_of(text: bytes, reading: Reading) -> int:
    """Who took the price that was there, as `TickBatch.side`; 0 where the text does not say."""
    if reading.signed_sizes:
        return 0 if not text.strip(b"0.,+-eE") else SELL if text.startswith(b"-") else BUY
    return reading.sides.get(text.decode("utf-8", "replace").strip().lower(), 0)


def _there(text: str) -> bool:
    return bool(text) and text not in NO_NUMBER


def allows_negative(symbol: str, reading: Reading) -> bool:
    """Whether prices of 0 and below are prices of `symbol`."""
    return reading.options.allow_negative or symbol in reading.options.negative_symbols


def _is_quote_only(price: str, size: str, quote: tuple[float, float], *, negative: bool) -> bool:
    """Whether a row with a quote has 0 for its last trade, as where there was none."""
    if negative or all(map(math.isnan, quote)):
        return False
    return _is_zero(price) and (not _there(size) or _is_zero(size))


def _is_zero(text: str) -> bool:
    return re.fullmatch(r"0*[.,]?0*", text) is not None and "0" in text


def read_key(fields: Mapping[str, bytes], reading: Reading, *, fold: int | None = None) -> tuple[int, str]:
    """Time and symbol of a row, by which rows are counted; raises `FieldError`."""
    try:
        time_us = read_time(text_of(fields, "time"), text_of(fields, "date"), reading.style, fold=fold)
        if "fraction" in fields:
            time_us += read_fraction(text_of(fields, "fraction"), reading.style)
    except TimeError as exc:
        raise FieldError("time", str(exc)) from exc
    symbol = reading.symbol
    if symbol is None:
        symbol = whole_symbol(
            unprotect(text_of(fields, "symbol")), unprotect(text_of(fields, "suffix")), reading.symbol_blanks
        )
        fault = symbol_fault(symbol)
        if fault is not None:
            raise FieldError("symbol", fault)
    return time_us, symbol


def whole_symbol(root: str, suffix: str, blanks: str | None) -> str:
    """A root with its suffix behind a point (`BRK` `A`: BRK.A), blanks written as `blanks` where that is given."""
    symbol = f"{root}.{suffix}" if suffix else root
    return symbol if blanks is None else re.sub(r"\s+", blanks, symbol)


def text_of(fields: Mapping[str, bytes], field: str) -> str:
    raw = fields.get(field, b"")
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise FieldError(field, f"is no UTF-8 text (byte 0x{raw[exc.start]:02X}): {NO_UTF8}") from exc


def _number(field: str, text: str, reading: Reading, scale: int = 0) -> float:
    if not text:
        raise FieldError(field, "is empty")
    bare = _unmarked(field, text, reading)
    plain: str | None = _ungrouped(bare, reading)
    if reading.decimal == ",":
        plain = plain.replace(",", ".") if plain and _COMMA_NUMBER.fullmatch(plain) else None
    try:
        # float() takes more than files write numbers with: underscores, digits of other scripts.
        value = Decimal(plain) if plain is not None and plain.isascii() and "_" not in plain else None
    except InvalidOperation:
        value = None
    if value is None:
        grouped = (
            reading.decimal == "."
            and _GROUPED_BY_COMMA.fullmatch(bare) is not None
            and ("." in bare or bare.count(",") > 1)
        )
        said = reading.options.decimal is not None
        way_out = (
            " (where commas group thousands, say --decimal point)"
            if grouped and not said
            else what_helps(bare, decimal_said=said)
        )
        raise FieldError(field, f"{cut_short(text)!r} is no number{way_out}")
    bond_like = field in _PRICES and sum(text.count(mark) for mark in "'\u2019") == 1
    if bond_like and "." not in str(plain) and reading.options.decimal is None:
        raise FieldError(
            field,
            f"{cut_short(text)!r} may be thousands, or points and 32nds as of bonds (say --decimal point where it is thousands)",
        )
    number = float(value.scaleb(-scale) if scale and value.is_finite() else value)
    if not math.isfinite(number):
        raise FieldError(field, f"{cut_short(text)} is not finite")
    return number


def _unmarked(field: str, text: str, reading: Reading) -> str:
    """A number without what stands around it: blanks that are no ASCII, and the mark of its unit where the field has one."""
    plain = text.strip(_WIDE_BLANKS).translate(_MINUS)
    mark = reading.options.unit_mark
    if mark is None or field not in reading.marked:
        return plain
    bare = without_mark(plain, mark)
    if bare is None:
        raise FieldError(field, f"{cut_short(text)!r} has no {mark!r}, as others have (--unit-mark)")
    return bare


def _ungrouped(text: str, reading: Reading) -> str:
    """A number without the marks that group its thousands; commas are such only where the point is said to be decimal."""
    if reading.decimal == ",":
        grouped, mark = _GROUPED_BY_POINT, ","
    elif reading.options.decimal == ".":
        grouped, mark = _GROUPED_BY_COMMA, "."
    else:
        grouped, mark = _GROUPED_BY_BLANK, "."
    if grouped.fullmatch(text) is None:
        return text
    whole, point, fraction = text.partition(mark)
    return whole.translate(_GROUP_MARKS) + point + fraction


def _price(field: str, text: str, reading: Reading) -> float:
    if text.isdigit() and int(text) == UNDEFINED_PRICE:
        raise FieldError(field, f"{text} stands for no price")
    if reading.price_scale and reading.decimal in text:
        raise FieldError(
            field,
            f"{cut_short(text)} has a point, where prices are whole numbers of 1e-{reading.price_scale}",
        )
    return _number(field, text, reading, reading.price_scale)


def _quote(fields: Mapping[str, bytes], field: str, reading: Reading, *, negative: bool) -> float:
    """A bid or ask; NaN where there is none, which many files write as 0."""
    text = text_of(fields, field)
    if not text or text in NO_NUMBER or (text.isdigit() and int(text) == UNDEFINED_PRICE):
        return math.nan
    value = _price(field, text, reading)
    if value < 0 and not negative:
        raise FieldError(field, f"{text} is below zero")
    return value or math.nan


def _seq(text: str) -> int:
    try:
        value = Decimal(text) if text.isascii() and "_" not in text else None
    except InvalidOperation:
        value = None
    if (
        value is not None
        and value.is_finite()
        and isinstance(power := value.as_tuple().exponent, int)
        and power > 0
    ):
        raise FieldError("seq", f"{cut_short(text)!r} has lost its last {power} digits")
    if value is None or not value.is_finite() or value != value.to_integral_value():
        raise FieldError(
            "seq",
            f"{cut_short(text)!r} is no whole number ({'where numbers are texts: --map seq=' if text else 'it is empty'})",
        )
    if not -_WIDEST_SEQ <= value < _WIDEST_SEQ:
        raise FieldError("seq", f"{cut_short(text)} does not fit into 64 bits")
    return int(value)
