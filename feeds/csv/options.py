"""What a user may say about a file; what is not said is told from the file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Final, get_args

from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.buckets import is_known_zone
from tickdeck.db.market.rules import symbol_fault
from tickdeck.db.market.types import BUY, SELL
from tickdeck.feeds.csv.times import DoubleHour, TimeFormat, TimeUnit, time_format

FIELDS: Final = (
    "time", "date", "fraction", "symbol", "suffix", "price", "size", "bid", "ask", "exchange", "conditions", "seq", "side",
)  # fmt: skip
TRADE_IDS: Final = frozenset(
    {"tradeid", "tid", "tradeno", "tradenum", "tradenumber", "dealno", "tradeseq", "aggtradeid", "matchid", "trdmatchid", "dealid", "execid",
     "fillid", "iddeal"}
)  # fmt: skip
"""Columns whose numbers are of single trades, by the names that `plain` makes of theirs."""
_MULTIPLES: Final = frozenset({"k", "m", "mm", "mn", "mio", "b", "bn", "%", "e"})
"""What makes another number of one, and is no mere mark."""
_DELIMITERS: Final = {
    "comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|", "space": " ",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """What is said about files; everything may be left out.

    `columns`: field to the name of its column, None where the file has none for it.  `time_zone`: the IANA zone
    of times that state none.  `time_units`: of numbers since 1970 or midnight; several: each row by its
    magnitude.  `date`: of every row that has a time of day only.  `double_hour`: which instant is meant where
    clocks were put back.  `header`: the column names of a file that has no header line.  `symbol`: of every row
    of a file without symbols, else the one that is taken.  `where`: column to the values of the rows that are
    taken.  `all_rows`: take rows also where the file looks like one of bars, orders or quotes.  `price_scale`:
    prices are whole numbers of 10**-price_scale.  `decimal`: the decimal mark, None where it was not said.
    `sides`: what the texts of the side's column mean, in lower case, as `TickBatch.side`; empty: as they say.
    `allow_negative`: prices of 0 and below are prices; `negative_symbols`: of these symbols they are.  `unit_mark`: what
    stands before or behind the numbers of a column, such as $.  `preset`: the name of a known layout, "none" for none.
    """

    columns: Mapping[str, str | None] = field(default_factory=dict)
    delimiter: str | None = None
    time_zone: str | None = None
    time_units: tuple[TimeUnit, ...] = ()
    time_format: TimeFormat | None = None
    date: date | None = None
    double_hour: DoubleHour | None = None
    symbol: str | None = None
    header: tuple[str, ...] | None = None
    where: Mapping[str, frozenset[str]] = field(default_factory=dict)
    all_rows: bool = False
    price_scale: int | None = None
    decimal: str | None = None
    allow_negative: bool = False
    negative_symbols: frozenset[str] = frozenset()
    unit_mark: str | None = None
    sides: Mapping[str, int] = field(default_factory=dict)
    preset: str | None = None

    def digest(self) -> str:
        """Short, and the same in another process for the same options."""
        said = json.dumps(asdict(self), default=_plainly, sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def _plainly(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else repr(value)


def parse_options(
    *,
    columns: str | None = None,
    delimiter: str | None = None,
    time_zone: str | None = None,
    time_unit: str | None = None,
    time_format: str | None = None,
    date: str | None = None,
    ambiguous: str | None = None,
    symbol: str | None = None,
    header: str | None = None,
    where: Sequence[str] = (),
    all_rows: bool = False,
    price_scale: str | None = None,
    decimal: str | None = None,
    allow_negative: bool = False,
    unit_mark: str | None = None,
    sides: str | None = None,
    preset: str | None = None,
) -> CsvOptions:
    """Options from the texts of a command line; raises `ConfigurationError` naming the option."""
    if symbol is not None:
        reason = symbol_fault(symbol)
        if reason is not None:
            raise ConfigurationError(f"--symbol {symbol!r} {reason}")
    return CsvOptions(
        columns=_columns(columns),
        delimiter=_delimiter(delimiter),
        time_zone=_zone(time_zone),
        time_units=_units(time_unit),
        time_format=_format(time_format),
        date=_date(date),
        double_hour=_double_hour(ambiguous),
        symbol=symbol,
        header=None if header is None else tuple(name.strip() for name in header.split(",")),
        where=_where(where),
        all_rows=all_rows,
        price_scale=_scale(price_scale),
        decimal=_decimal(decimal),
        allow_negative=allow_negative,
        unit_mark=_unit_mark(unit_mark),
        sides=_sides(sides),
        preset=preset,
    )


def _sides(text: str | None) -> dict[str, int]:
    """`buy=2,sell=1`: what stands for whom; several for one by a repetition."""
    found: dict[str, int] = {}
    for part in (text or "").split(",") if text is not None else ():
        name, equals, value = part.strip().partition("=")
        side = {"buy": BUY, "sell": SELL}.get(name.strip().lower())
        value = value.strip().lower()
        if side is None or not equals or not value or found.get(value, side) != side:
            raise ConfigurationError(
                f"--sides {text!r} does not say which is which: write --sides buy=1,sell=2 with what stands in the column"
            )
        found[value] = side
    if text is not None and set(found.values()) != {BUY, SELL}:
        raise ConfigurationError(f"--sides {text!r} must say both: --sides buy=1,sell=2")
    return found


def _unit_mark(text: str | None) -> str | None:
    mark = None if text is None else text.strip()
    if mark is not None and (not mark or re.search(r"[\d.,+\s-]", mark) or mark.lower() in _MULTIPLES):
        raise ConfigurationError(
            f"--unit-mark {text!r} is none: say what stands before or behind every number of a column, such as $, p or EUR"
        )
    return mark


def plain(name: str) -> str:
    """A column's name for comparing: its letters and digits in lower case (`askPrice`, `Ask_Price`: askprice).

    Of a name in two scripts, as Chinese exchanges write them (`trade_id/交易id`), that is the Latin one.
    """
    return re.sub(r"[^a-z0-9]+", "", re.sub(r"/[^\x00-\x7f].*", "", name.lower()))


def quoted(text: str) -> str:
    """`text` as a command line takes it."""
    return f"'{text}'" if re.search(r"[\s\[\]()#&;|<>]", text) else text


def _columns(text: str | None) -> dict[str, str | None]:
    given: dict[str, str | None] = {}
    for part in (text or "").split(","):
        if not part.strip():
            continue
        name, equals, column = part.partition("=")
        name = name.strip().lower()
        if not equals or name not in FIELDS:
            raise ConfigurationError(
                f"--map {part.strip()!r}: write field=column, with a field of {', '.join(FIELDS)}"
            )
        if name in given:
            raise ConfigurationError(f"--map names the field {name!r} twice")
        given[name] = column.strip() or None
    return given


def _delimiter(text: str | None) -> str | None:
    if text is None:
        return None
    character = _DELIMITERS.get(text.lower(), text)
    if len(character) != 1 or not character.isascii() or character.isalnum() or character in '"\r\n.+-\0':
        raise ConfigurationError(
            f"--delimiter {text!r} is none: give one character, or comma, semicolon, tab, pipe or space"
        )
    return character


def _zone(text: str | None) -> str | None:
    if text is None:
        return None
    if not is_known_zone(text):
        raise ConfigurationError(
            f"--time-zone {text!r} is unknown: give a name of the IANA database, such as America/New_York"
        )
    return text


def _units(text: str | None) -> tuple[TimeUnit, ...]:
    if text is None:
        return ()
    for unit in get_args(TimeUnit):
        if unit == text.lower().replace("µs", "us"):
            return (unit,)
    raise ConfigurationError(f"--time-unit {text!r} is unknown: use s, ms, us or ns")


def _format(text: str | None) -> TimeFormat | None:
    if text is None:
        return None
    try:
        return time_format(text)
    except ValueError as exc:
        raise ConfigurationError(f"--time-format {text!r}: {exc}") from exc


def _date(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise ConfigurationError(f"--date {text!r} is none: write it as 2024-01-02") from exc


def _double_hour(text: str | None) -> DoubleHour | None:
    if text is None:
        return None
    for choice in get_args(DoubleHour):
        if choice == text.lower():
            return choice  # type: ignore[no-any-return]
    raise ConfigurationError(f"--ambiguous {text!r} is unknown: use order, first or second")


def _where(texts: Sequence[str]) -> dict[str, frozenset[str]]:
    given: dict[str, frozenset[str]] = {}
    for text in texts:
        column, equals, values = text.partition("=")
        column = column.strip()
        if not equals or not column:
            raise ConfigurationError(f"--where {text!r}: write column=value or column=value,value")
        if column in given:
            raise ConfigurationError(f"--where names the column {column!r} twice: write column=value,value")
        given[column] = frozenset(value.strip() for value in values.split(","))
    return given


def _scale(text: str | None) -> int | None:
    if text is None:
        return None
    digits = text.replace("_", "").replace(",", "")
    scale = len(digits) - 1
    if digits != "1" + "0" * scale or not 0 <= scale <= 18:
        raise ConfigurationError(
            f"--price-scale {text!r} is none: give what a price is divided by, a power of ten such as 10000"
        )
    return scale


def _decimal(text: str | None) -> str | None:
    marks = {"comma": ",", ",": ",", "point": ".", ".": "."}
    if text is None:
        return None
    if text.lower() not in marks:
        raise ConfigurationError(f"--decimal {text!r} is unknown: use comma or point")
    return marks[text.lower()]
