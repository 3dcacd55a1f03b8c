"""What a user may say about a CSV file; what is not said is told from the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from db.errors import ConfigurationError
from feeds.csv_times import TimeUnit

FIELDS: Final = (
    "time", "date", "symbol", "price", "size", "bid", "ask", "exchange", "conditions", "seq",
)  # fmt: skip
_DELIMITERS: Final = {
    "comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|", "space": " ",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """`columns`: field to the name of its column, None where the file has none for it.  `time_zone`: the IANA
    zone of times that state none.  `header`: the column names of a file that has no header line.
    """

    columns: Mapping[str, str | None] = field(default_factory=dict)
    delimiter: str | None = None
    time_zone: str | None = None
    time_unit: TimeUnit | None = None
    symbol: str | None = None
    header: tuple[str, ...] | None = None


def parse_options(
    *,
    columns: str | None = None,
    delimiter: str | None = None,
    time_zone: str | None = None,
    time_unit: str | None = None,
    symbol: str | None = None,
    header: str | None = None,
) -> CsvOptions:
    """Options from the texts of a command line; raises `ConfigurationError` naming the option."""
    names = None if header is None else tuple(name.strip() for name in header.split(","))
    if symbol is not None:
        reason = symbol_fault(symbol)
        if reason is not None:
            raise ConfigurationError(f"--symbol {symbol!r} {reason}")
    return CsvOptions(
        _columns(columns), _delimiter(delimiter), _zone(time_zone), _unit(time_unit), symbol, names
    )


def symbol_fault(symbol: str) -> str | None:
    """What keeps `symbol` from being one, or None."""
    if not symbol:
        return "is empty"
    if len(symbol.encode()) > 32:
        return "is longer than 32 bytes"
    if any(character.isspace() or not character.isprintable() for character in symbol):
        return "contains a blank or a control character"
    return None


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
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ConfigurationError(
            f"--time-zone {text!r} is unknown: give a name of the IANA database, such as America/New_York"
        ) from exc


def _unit(text: str | None) -> TimeUnit | None:
    if text is None:
        return None
    for unit in get_args(TimeUnit):
        if unit == text.lower().replace("µs", "us"):
            return unit  # type: ignore[no-any-return]
    raise ConfigurationError(f"--time-unit {text!r} is unknown: use s, ms, us or ns")
