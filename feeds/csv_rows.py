"""Reads one row with all the care there is: for the rows that the column-wise reading is not certain of.

Says either what the row holds or which field is wrong and why.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final
from zoneinfo import ZoneInfo

from db.errors import MarketDataError
from db.market import EPOCH, MAX_TIME_US, MIN_TIME_US
from feeds.csv_options import symbol_fault
from feeds.csv_times import COMPACT, TIME_TEXT, UNIT_EXPONENT, UNIT_NAMES, TimeStyle, unit_of

_SHOWN: Final = 60
_WIDEST_SEQ: Final = 1 << 63


class FieldError(MarketDataError):
    """The field that keeps a row from being a tick."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Row:
    """One tick; see `db.market.TickBatch` for the units."""

    time_us: int
    symbol: str
    seq: int
    price: float
    size: float
    bid: float
    ask: float
    exchange: str | None
    conditions: str | None


def read_row(fields: Mapping[str, bytes], style: TimeStyle, *, symbol: str | None, row_number: int) -> Row:
    """The tick of one row, `fields` by name; raises `FieldError` with the first thing that is wrong.

    `symbol` is for files of one symbol, `row_number` the seq where there is no such column.
    """
    time_us = read_time(_text(fields, "time"), _text(fields, "date"), style)
    if symbol is None:
        symbol = _text(fields, "symbol")
        fault = symbol_fault(symbol)
        if fault is not None:
            raise FieldError("symbol", fault)
    seq = _seq(_text(fields, "seq")) if "seq" in fields else row_number
    bid, ask = _quote(fields, "bid"), _quote(fields, "ask")
    price = _text(fields, "price")
    size = _text(fields, "size")
    if price or ("price" in fields and (math.isnan(bid) or math.isnan(ask))):
        value = _number("price", price)
        if value <= 0:
            raise FieldError("price", f"{price} is not above zero")
    else:
        for field, quote in (("bid", bid), ("ask", ask)):
            if math.isnan(quote):
                raise FieldError(field, "is empty or zero, so that there is no mid to take as the price")
        value = bid / 2 + ask / 2
        size = size or "0"
    shares = _number("size", size) if "size" in fields else 0.0
    if shares < 0:
        raise FieldError("size", f"{size} is below zero")
    exchange, conditions = _text(fields, "exchange") or None, _text(fields, "conditions") or None
    return Row(time_us, symbol, seq, value, shares, bid, ask, exchange, conditions)


def read_time(time: str, date: str, style: TimeStyle) -> int:
    """µs since the epoch; raises `FieldError`."""
    if not time:
        raise FieldError("time", "is empty")
    if style.unit is None or date:
        time_us = _read_text(f"{date} {time}" if date else time, style.zone)
    else:
        time_us = _read_epoch(time, style)
    if not MIN_TIME_US <= time_us < MAX_TIME_US:
        raise FieldError("time", f"{_cut(time)!r} is out of range: 1970 to 2199 are allowed")
    return time_us


def _read_epoch(text: str, style: TimeStyle) -> int:
    if style.unit is None:
        raise FieldError("time", f"{_cut(text)!r} is no time")
    try:
        number = Decimal(text)
    except InvalidOperation:
        if TIME_TEXT.fullmatch(text):
            return _read_text(text, style.zone)
        raise FieldError("time", f"{_cut(text)!r} is no number of {UNIT_NAMES[style.unit]}") from None
    if not number.is_finite() or abs(number) >= Decimal(10) ** 25:
        raise FieldError("time", f"{_cut(text)!r} is out of range: 1970 to 2199 are allowed")
    if style.guessed and number > 0 and unit_of(float(number)) != style.unit:
        raise FieldError(
            "time",
            f"{_cut(text)} looks like {UNIT_NAMES[unit_of(float(number))]}, the file's first rows like "
            f"{UNIT_NAMES[style.unit]}: say --time-unit",
        )
    return math.floor(number.scaleb(6 - UNIT_EXPONENT[style.unit]))


def _read_text(text: str, zone: str | None) -> int:
    match = TIME_TEXT.fullmatch(text)
    if match is None:
        compact = COMPACT.fullmatch(text)
        match = compact and TIME_TEXT.fullmatch(" ".join(compact.groups()[:2]) + compact[3])
    if match is None:
        raise FieldError("time", f"{_cut(text)!r} is no ISO 8601 time")
    part = match.groupdict()
    fraction = ((part["fraction"] or part["fraction2"] or "") + "000000")[:6]
    try:
        moment = datetime(
            int(part["year"]),
            int(part["month"] or part["month2"]),
            int(part["day"] or part["day2"]),
            int(part["hour"] or part["hour2"] or 0),
            int(part["minute"] or part["minute2"] or 0),
            int(part["second"] or part["second2"] or 0),
            int(fraction),
            tzinfo=UTC,
        )
    except ValueError as exc:
        raise FieldError("time", f"{_cut(text)!r} does not exist: {exc}") from exc
    if part["zone"] is not None:
        hours, minutes = int(part["zone_hour"] or 0), int(part["zone_minute"] or 0)
        if hours > 23 or minutes > 59:
            raise FieldError("time", f"{_cut(text)!r} has no offset that there is")
        offset = timedelta(hours=hours, minutes=minutes)
        shifted = (moment - EPOCH) + (offset if part["sign"] == "-" else -offset)
        return shifted // timedelta(microseconds=1)
    if zone is None:
        raise FieldError("time", f"{_cut(text)!r} has no time zone: say --time-zone")
    return _localise(moment.replace(tzinfo=None), zone, text)


def _localise(naive: datetime, zone: str, text: str) -> int:
    first = naive.replace(tzinfo=ZoneInfo(zone), fold=0)
    second = naive.replace(tzinfo=ZoneInfo(zone), fold=1)
    if first.utcoffset() != second.utcoffset():
        exists = first.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == naive
        why = "happened twice" if exists else "was skipped"
        raise FieldError("time", f"{_cut(text)!r} {why} in {zone}, when its clocks were changed")
    return (first.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)


def _text(fields: Mapping[str, bytes], field: str) -> str:
    raw = fields.get(field, b"")
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        raise FieldError(field, f"is no UTF-8 text (byte 0x{raw[exc.start]:02X})") from exc


def _number(field: str, text: str) -> float:
    if not text:
        raise FieldError(field, "is empty")
    try:
        # float() takes more than files write numbers with: underscores, digits of other scripts.
        value = float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        value = None
    if value is None:
        raise FieldError(field, f"{_cut(text)!r} is no number")
    if not math.isfinite(value):
        raise FieldError(field, f"{_cut(text)} is not finite")
    return value


def _quote(fields: Mapping[str, bytes], field: str) -> float:
    """A bid or ask; NaN where there is none, which many files write as 0."""
    text = _text(fields, field)
    if not text:
        return math.nan
    value = _number(field, text)
    if value < 0:
        raise FieldError(field, f"{text} is below zero")
    return value or math.nan


def _seq(text: str) -> int:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = None
    if value is None or not value.is_finite() or value != value.to_integral_value():
        raise FieldError("seq", f"{_cut(text)!r} is no whole number" + ("" if text else " (it is empty)"))
    if not -_WIDEST_SEQ <= value < _WIDEST_SEQ:
        raise FieldError("seq", f"{_cut(text)} does not fit into 64 bits")
    return int(value)


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
