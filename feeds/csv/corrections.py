"""Reads a file of cancels and corrections: a CSV with a header, one of them a row."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.corrections import KINDS, Correction, CorrectionKind, require_change
from tickdeck.db.market.moments import parse_moment
from tickdeck.db.market.spreadsheets import unprotect
from tickdeck.db.market.types import BUY, MAX_SEQ, SELL
from tickdeck.feeds.errors import FileError

_NEEDED: Final = ("kind", "symbol", "time", "seq")
COLUMNS: Final = (
    *_NEEDED, "price", "size", "bid", "ask", "exchange", "conditions", "side", "known", "reason",
)  # fmt: skip
"""The columns of such a file."""
T = TypeVar("T")
_SIDES: Final = {"buy": BUY, "sell": SELL, "unknown": 0}


def read_corrections(path: Path) -> list[tuple[int, Correction]]:
    """Every row as a correction with its line, in the file's order; an empty field stays as it is.

    Columns are `COLUMNS`, in any order: kind (cancel or correct), symbol, time, seq, and what is other now.  Raises
    `FileError` with line and field for the first row that is none: a file is taken whole or not at all.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            names = rows.fieldnames or []
            for name in _NEEDED:
                if name not in names:
                    raise FileError(str(path), "there is no such column", line=1, field=name)
            for name in names:
                if name not in COLUMNS:
                    reason = f"is no column of a correction: these are {', '.join(COLUMNS)}"
                    raise FileError(str(path), reason, line=1, field=name)
            return [(rows.line_num, _correction(path, rows.line_num, row)) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise FileError(str(path), f"cannot be read: {exc}") from exc


def _correction(path: Path, line: int, row: dict[str | None, str | None]) -> Correction:
    if None in row or None in row.values():
        raise FileError(str(path), "has more or fewer fields than the header", line=line)
    fields = {str(name): unprotect(str(value)) for name, value in row.items()}

    def read(name: str, reader: Callable[[str, str], T], *, needed: bool = False) -> T | None:
        """None where the field is empty and not needed."""
        text = fields.get(name, "")
        if not text and not needed:
            return None
        try:
            return reader(text, name)
        except MarketDataError as exc:
            raise FileError(str(path), str(exc), line=line, field=name) from exc

    correction = Correction(
        symbol=fields["symbol"],
        time_us=read("time", parse_moment, needed=True) or 0,
        seq=read("seq", _seq, needed=True) or 0,
        kind=read("kind", _kind, needed=True) or "cancel",
        price=read("price", _number),
        size=read("size", _number),
        bid=read("bid", _number),
        ask=read("ask", _number),
        exchange=fields.get("exchange") or None,
        conditions=fields.get("conditions") or None,
        side=read("side", _side),
        known_us=read("known", parse_moment),
        reason=fields.get("reason", ""),
    )
    try:
        require_change(correction)
    except MarketDataError as exc:
        raise FileError(str(path), str(exc), line=line) from exc
    return correction


def _kind(text: str, _: str) -> CorrectionKind:
    for kind in KINDS:
        if kind == text:
            return kind
    raise MarketDataError(f"{text!r} is neither {' nor '.join(KINDS)}")


def _seq(text: str, _: str) -> int:
    if text.isascii() and text.removeprefix("-").isdecimal() and abs(int(text)) <= MAX_SEQ:
        return int(text)
    raise MarketDataError(f"{text!r} is no whole number of 64 bits")


def _number(text: str, _: str) -> float:
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise MarketDataError(f"{text!r} is no number")
    return number


def _side(text: str, _: str) -> int:
    if text not in _SIDES:
        raise MarketDataError(f"{text!r} is none of {', '.join(_SIDES)}")
    return _SIDES[text]
