"""What files write times with: numbers since 1970, dates and times of day as text, or numbers since midnight.

A column is read all rows at once (`read_times`), a single field with all the care there is (`read_time`); the
two agree wherever the first is certain.  Everything comes out as µs since the epoch, digits below cut off.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.buckets import is_known_zone
from tickdeck.db.market.types import DAY_US, EPOCH, MAX_TIME_US, MIN_TIME_US
from tickdeck.feeds.csv.fields import Column
from tickdeck.feeds.csv.numbers import read_decimals

TimeUnit = Literal["s", "ms", "us", "ns"]
UNIT_NAMES: Final[dict[TimeUnit, str]] = {
    "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds",
}  # fmt: skip
UNIT_EXPONENT: Final[dict[TimeUnit, int]] = {"s": 0, "ms": 3, "us": 6, "ns": 9}
DoubleHour = Literal["first", "second", "order"]
"""Which of the two instants is meant where clocks were put back: `order` tells by the place in the file."""

EARLIEST_GUESS_US: Final = 631_152_000_000_000
"""1990-01-01: a number is never guessed to be a time before."""

_MONTH: Final = (
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?"
)
_DATE: Final = (
    r"(?:(?P<year>\d{4})(?:(?P<dash>[-/.])(?P<month>\d{1,2})(?P=dash)(?P<day>\d{1,2})"
    r"|(?P<month2>\d{2})(?P<day2>\d{2}))"
    rf"|(?P<day3>\d{{1,2}})(?P<gap>[-/ ]?)(?P<month_name>{_MONTH})(?P=gap)(?P<year3>\d{{4}}))"
)
_CLOCK: Final = (
    r"(?:0D|0\s?days?\s)?"  # a span of time since midnight, as kdb+ and pandas write it
    r"(?:(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,:](?P<fraction>\d+))?)?"
    r"(?:\s?(?P<half>[AP]\.?M\.?))?"
    r"|(?P<hour2>\d{2})(?P<minute2>\d{2})(?P<second2>\d{2})"
    r"(?:[.,](?P<fraction2>\d+)|(?P<fraction3>\d{3}|\d{6}|\d{7}|\d{9}))?)"
)
_ZONE: Final = (
    r"(?:\s*(?P<zone>Z|(?:(?:UTC|GMT)\s?)?(?P<sign>[+-])(?P<zone_hour>\d{2}|(?<=UTC[+-])\d|(?<=GMT[+-])\d)"
    r"(?::?(?P<zone_minute>\d{2}))?(?:\[[\w/+-]+\])?|UTC|GMT)"
    r"|\s+(?P<zone_name>[A-Z][A-Z0-9_+-]*(?:/[A-Z0-9_+-]+)*))?"
)
_FLAGS: Final = re.ASCII | re.IGNORECASE
DATE_TEXT: Final = re.compile(_DATE, _FLAGS)
CLOCK_TEXT: Final = re.compile(_CLOCK + _ZONE, _FLAGS)
TIME_TEXT: Final = re.compile(rf"{_DATE}(?:(?:[T_D:]|\s+){_CLOCK}{_ZONE})?", _FLAGS)
COMPACT: Final = re.compile(
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)"
    r"(?:(?P<hour>\d\d)(?P<minute>\d\d)(?:(?P<second>\d\d)(?P<fraction>\d\d|\d{3}|\d{6}|\d{9})?)?)?",
    re.ASCII,
)
"""A date, or date and time, in one run of 8, 12, 14, 16, 17, 20 or 23 digits."""
DAY_FIRST: Final = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?:\D.*)?", re.ASCII)
"""A date that has its year last: which of the first two is the month, nobody can know."""

HOUR_LOST: Final = re.compile(r"\d{2}:\d{2}\.\d", re.ASCII)
"""Minutes, seconds and a tenth: what spreadsheets show of a time by themselves."""

_NORTH_AMERICA: Final = {
    "EST": -5,
    "EDT": -4,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
    "UTC": 0,
    "GMT": 0,
}
"""Hours from UTC of the names in RFC 5322, 4.3, without CST, which is China's as well."""
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MAX_WIDTH: Final = 48
_MAX_FORMS: Final = 64
_SHOWN: Final = 60
_OUT_OF_RANGE: Final = "is out of range: 1970 to 2199 are allowed"


class TimeError(MarketDataError):
    """Why a field is no time."""


def tomorrow_us() -> int:
    """The latest instant that a number is guessed to be."""
    return (datetime.now(UTC) + timedelta(days=1) - EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """A `--time-format`: strptime's directives as a pattern with one named group for each part."""

    text: str
    pattern: re.Pattern[str]
    has_date: bool
    has_clock: bool


@dataclass(frozen=True, slots=True)
class TimeStyle:
    """How a file writes its times.

    `units` empty: texts.  Otherwise numbers of that unit since 1970 or, with `since_midnight`, since the
    midnight of the row's date; more than one unit: each row's own magnitude tells.  `guessed`: the unit was told
    by magnitude.  `date`: that of every row that states none.  `zone`: of times that state none.
    `fraction`: parts of a second, of 10**-fraction, are in a column of their own.  `latest_us`: what lies later is no guess (tomorrow).
    """

    units: tuple[TimeUnit, ...] = ()
    since_midnight: bool = False
    guessed: bool = False
    zone: str | None = None
    date: date | None = None
    format: TimeFormat | None = None
    double_hour: DoubleHour | None = None
    fraction: int = 0
    latest_us: int = field(default_factory=tomorrow_us)

    def with_date(self, own: str) -> str:
        """The date of a row, whose own column says `own`."""
        return own or ("" if self.date is None else self.date.isoformat())


def plausible_unit(number: float, latest_us: int) -> TimeUnit | None:
    """The one unit in which `number` since 1970 is a time from 1990 to `latest_us`, if there is one."""
    for unit, exponent in UNIT_EXPONENT.items():
        if EARLIEST_GUESS_US <= number * 10.0 ** (6 - exponent) <= latest_us and foreign(number) is None:
            return unit
    return None


_ODD_UNITS: Final = {
    1: ("tenths of a second", "two zeros", "milliseconds"), 2: ("hundredths of a second", "a zero", "milliseconds"),
    4: ("units of 100 microseconds", "two zeros", "microseconds"), 5: ("units of 10 microseconds", "a zero", "microseconds"),
    7: ("units of 100 nanoseconds", "two zeros", "nanoseconds"), 8: ("units of 10 nanoseconds", "a zero", "nanoseconds"),
}  # fmt: skip
"""Parts of a second that are no thousands of one another, by their power of ten: name, what makes a unit that is read."""


@dataclass(frozen=True, slots=True)
class OddEpoch:
    """What a number since 1970 is where it counts in a unit that is not read: `day` of it, and `words` with the way out."""

    day: date
    words: str


def odd_epoch(number: float, latest_us: int) -> OddEpoch | None:
    """What a number is that is a time from 1990 to `latest_us` in one of the units that are not read."""
    for power, (name, zeros, unit) in _ODD_UNITS.items():
        if EARLIEST_GUESS_US <= (micros := number * 10.0 ** (6 - power)) <= latest_us:
            words = f"{name} since 1970, which are not read: write {zeros} behind each, which makes {unit}"
            return OddEpoch((EPOCH + timedelta(microseconds=micros)).date(), words)
    return None


OTHER_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01, since which kdb+ and PostgreSQL count."""

_FOREIGN: Final = (
    (
        20_000,
        80_000,
        "an Excel serial day",
        "show the column as a date and time before it is saved (seconds since midnight need --time-unit and --date)",
    ),
    (
        3_786_825_600,
        4_260_211_200,
        "seconds since 1900, as NTP counts them",
        "take 2208988800 off each, which leaves those since 1970 (microseconds since midnight need --time-unit and --date)",
    ),
    (720_000, 770_000, "a MATLAB day number", "write the times as text (datestr)"),
    (2_440_000, 2_480_000, "a Julian day number", "write the times as text"),
    (123_000_000_000_000_000, 140_000_000_000_000_000, "a Windows FILETIME", "write the times as text"),
    (624_000_000_000_000_000, 645_000_000_000_000_000, ".NET ticks", "write the times as text"),
)
"""Numbers of other calendars from about 1990 to 2050: from, to, name, way out."""


def foreign(number: float) -> str | None:
    """What a number that is none since 1970 looks like, with what to do; None where it looks like nothing."""
    if number == 0:
        return "stands for no time at all"
    for low, high, name, way_out in _FOREIGN:
        if low <= number < high:
            return f"looks like {name}, which is not read: {way_out}"
    return None


def compact_date(text: str) -> bool:
    """Whether digits are a date from 1970 to 2199, with or without a time of day."""
    match = COMPACT.fullmatch(text)
    return (
        match is not None
        and 1970 <= int(match["year"]) < 2200
        and 1 <= int(match["month"]) <= 12
        and 1 <= int(match["day"]) <= 31
        and int(match["hour"] or 0) <= 24
        and int(match["minute"] or 0) < 60
    )


_SHORT_YEAR_MINUTE: Final = re.compile(
    r"1\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d", re.ASCII
)


def seconds_or_short_year(texts: Iterable[str]) -> str | None:
    """What to say where numbers may be seconds since 1970 as well as dates and times, to the minute, of 2010 to 2019
    whose year has two digits; None where one of them can be one only.
    """
    if not all(_SHORT_YEAR_MINUTE.fullmatch(text) for text in texts):
        return None
    return (
        "may be seconds since 1970 or begin with a year of two digits: the first needs --time-unit s, the second "
        "--time-format %y%m%d%H%M and --time-zone"
    )


_DIRECTIVES: Final = {
    "Y": r"(?P<year>\d{4})", "y": r"(?P<short_year>\d{2})", "m": r"(?P<month>\d{N})", "d": r"(?P<day>\d{N})",
    "e": r"(?P<day>\d{N})", "b": r"(?P<month_name>[A-Z]{3,9})\.?", "B": r"(?P<month_name>[A-Z]{3,9})",
    "H": r"(?P<hour>\d{N})", "I": r"(?P<hour12>\d{N})", "p": r"(?P<half>[AP]\.?M\.?)", "M": r"(?P<minute>\d{N})",
    "S": r"(?P<second>\d{N})", "f": r"(?P<fraction>\d+)", "a": r"[A-Z]{2,3}\.?", "A": r"[A-Z]{6,9}",
    "z": r"(?P<zone>Z|(?P<sign>[+-])(?P<zone_hour>\d{2}):?(?P<zone_minute>\d{2})?)",
    "Z": r"(?P<zone_name>[A-Z][A-Z0-9_+-]*(?:/[A-Z0-9_+-]+)*)", "%": "%",
}  # fmt: skip
_SHORT: Final = {"T": "%H:%M:%S", "R": "%H:%M", "F": "%Y-%m-%d", "D": "%m/%d/%y"}


def time_format(text: str) -> TimeFormat:
    """Compile a strptime format; raises `ValueError` saying what is wrong with it."""
    whole = re.sub(r"%([TRFD])", lambda found: _SHORT[found[1]], text)
    pattern = ""
    used: list[str] = []
    pieces = re.findall(r"%.|\s+|[^%\s]|%$", whole)
    for at, piece in enumerate(pieces):
        if piece.isspace():
            pattern += r"\s+"
        elif piece[0] != "%":
            pattern += re.escape(piece)
        elif piece[1:] not in _DIRECTIVES:
            raise ValueError(f"{piece} is not known (known: {' '.join(f'%{name}' for name in _DIRECTIVES)})")
        else:
            beside = [pieces[other] for other in (at - 1, at + 1) if 0 <= other < len(pieces)]
            joined = any(each[0] == "%" and each != "%%" for each in beside)
            pattern += _DIRECTIVES[piece[1:]].replace("N", "2" if joined else "1,2")
            used.append(piece[1:])
    if used and used[0] == "H" and pieces[0] == "%H" and set(used) <= {"H", "M", "S"}:
        pattern = pattern.replace(
            r"(?P<hour>\d{2})", r"(?P<hour>\d{1,2})", 1
        )  # without its first zero: 93000
    if repeated := {name for name in used if used.count(name) > 1 and name != "%"}:
        raise ValueError(f"%{min(repeated)} comes twice")
    month, day, year = (bool(set(used) & names) for names in ({"m", "b", "B"}, {"d", "e"}, {"Y", "y"}))
    has_clock = bool(set(used) & {"H", "I"})
    if (month or day or year) and not (month and day and year):
        raise ValueError("a date needs a year, a month and a day")
    if not (year or has_clock) or ("I" in used) != ("p" in used):
        raise ValueError("a time needs %H, or %I with %p; a date %Y, %m and %d")
    return TimeFormat(text, re.compile(pattern, _FLAGS), year, has_clock)


def match_time(text: str, style: TimeStyle, day: str = "") -> re.Match[str] | None:
    """`text`, a time of day where a `day` stands before it, as its parts; None where it is none of the known forms."""
    if style.format is not None:
        form = style.format
        if not day or (form.has_date and form.has_clock):
            return form.pattern.fullmatch(f"{day} {text}" if day else text)
        return _half_formats(form).fullmatch(f"{day} {text}")
    if day:
        return TIME_TEXT.fullmatch(f"{day} {text}")
    return (COMPACT.fullmatch(text) if text.isdigit() else None) or TIME_TEXT.fullmatch(text)


@lru_cache(maxsize=16)
def _half_formats(form: TimeFormat) -> re.Pattern[str]:
    """A date and a time of day, one of which a format describes."""
    if form.has_date:
        return re.compile(rf"{form.pattern.pattern}\s+{_CLOCK}{_ZONE}", _FLAGS)
    return re.compile(rf"{_DATE}\s+{form.pattern.pattern}", _FLAGS)


def is_naive(match: re.Match[str]) -> bool:
    """Whether a time states no zone."""
    parts = match.groupdict()
    return not parts.get("zone") and not parts.get("zone_name")


@lru_cache(maxsize=256)
def named_zone(name: str) -> str | int | None:
    """The IANA zone or the minutes from UTC that a name after a time stands for; None where it is unknown."""
    if name.upper() in _NORTH_AMERICA:
        return 60 * _NORTH_AMERICA[name.upper()]
    return name if "/" in name and is_known_zone(name) else None


Times = tuple[NDArray[np.int64], NDArray[np.bool_]]
"""µs since the epoch, and the rows where they are certain; the others need a look one by one."""


def read_times(time: Column, day: Column | None, style: TimeStyle) -> Times:
    """The times of a block, whose dates stand in `day` where they are not in `time`."""
    if style.since_midnight:
        return _since_midnight(time, day, style)
    if style.units:
        micros, good = _epochs(time, style.units[0], style)
        for unit in style.units[1:]:
            others, fine = _epochs(time, unit, style)
            micros, good = np.where(fine, others, micros), good | fine
        return micros, good
    fixed = None if day is not None or style.date is None else style.date.isoformat().encode()
    return _texts(time, day if fixed is None else fixed, style)


def _epochs(column: Column, unit: TimeUnit, style: TimeStyle) -> Times:
    """Plain decimal numbers since 1970, certain from 1990 to tomorrow."""
    micros, good = _numbers(column, unit)
    good &= (micros >= EARLIEST_GUESS_US) & (micros <= style.latest_us)
    if unit == "ns":
        for low, high, *_ in _FOREIGN[-2:]:
            good &= (micros < low // 1000) | (micros >= high // 1000)
    return micros, good


def _numbers(column: Column, unit: TimeUnit) -> Times:
    numbers = read_decimals(column)
    whole = numbers.mantissa
    shift = 6 - UNIT_EXPONENT[unit] - numbers.scale.astype(np.int16)
    up = np.uint64(10) ** np.clip(shift, 0, 6).astype(np.uint64)
    down = np.uint64(10) ** np.clip(-shift, 0, 19).astype(np.uint64)
    micros = whole * up // down
    fits = (whole // down) < np.uint64(MAX_TIME_US) // up
    good = numbers.good & ~numbers.negative & (numbers.scale < 19) & fits & (micros < np.uint64(MAX_TIME_US))
    return np.where(good, micros, np.uint64(0)).astype(np.int64), good


def _since_midnight(time: Column, day: Column | None, style: TimeStyle) -> Times:
    micros, good = _numbers(time, style.units[0])
    good &= micros < DAY_US
    if day is not None:
        dates, fine = _texts(day, None, TimeStyle(zone="UTC", format=style.format, latest_us=style.latest_us))
        micros, good = micros + dates, good & fine
    elif style.date is not None:
        micros = micros + (style.date - EPOCH.date()).days * DAY_US
    else:
        good[:] = False
    if style.zone is None:
        return micros, np.zeros(len(micros), dtype=np.bool_)
    known = np.flatnonzero(good)
    micros[known], good[known] = _localised(micros[known], style.zone)
    return micros, good


def _texts(time: Column, day: Column | bytes | None, style: TimeStyle) -> Times:
    """Texts, or times of day whose date is `day`; naive ones in the style's zone.

    The rows of one form (same length, marks at the same places) are read together; a form is learnt from its
    first row.
    """
    rows = len(time)
    micros = np.zeros(rows, dtype=np.int64)
    good = np.zeros(rows, dtype=np.bool_)
    zones = [style.zone]
    in_zone = np.full(rows, -1, dtype=np.int8)  # a place in `zones`
    left = np.arange(rows)
    lengths = time.length if not isinstance(day, Column) else time.length + (day.length << 16)
    for _ in range(_MAX_FORMS):
        if not len(left):
            break
        first = left[:1]
        dated, text = _bytes_of(time, day, first)
        form = _Form.of(text.decode("latin-1"), dated.decode("latin-1"), style)
        if form is None:
            left = left[1:]
            continue
        same = left[lengths[left] == lengths[first]]
        matrix = _joined(time.take(same), day.take(same) if isinstance(day, Column) else day)
        fits = form.fits(matrix)
        if not fits.all():
            same, matrix = same[fits], matrix[:, fits]
        micros[same], good[same] = form.micros(matrix)
        if form.zone is not None and form.zone not in zones:
            zones.append(form.zone)
        if form.zone is not None or form.naive:
            in_zone[same] = zones.index(form.zone or style.zone)
        if len(same) == len(left):
            break
        left = np.setdiff1d(left, same, assume_unique=True)
    _into_utc(micros, good, in_zone, zones)
    return micros, good


def _into_utc(
    micros: NDArray[np.int64], good: NDArray[np.bool_], in_zone: NDArray[np.int8], zones: list[str | None]
) -> None:
    """Turn the wall clocks of each zone into UTC, in place; not certain where there is no zone."""
    for place, zone in enumerate(zones):
        where = np.flatnonzero(good & (in_zone == place))
        if not len(where):
            continue
        if zone is None:
            good[where] = False
        else:
            micros[where], good[where] = _localised(micros[where], zone)


def _bytes_of(time: Column, day: Column | bytes | None, row: NDArray[np.intp]) -> tuple[bytes, bytes]:
    def text(column: Column) -> bytes:
        start = int(column.start[row[0]])
        return bytes(column.data[start : start + min(_MAX_WIDTH, int(column.length[row[0]]))])

    return text(day) if isinstance(day, Column) else day or b"", text(time)


def _joined(time: Column, day: Column | bytes | None) -> NDArray[np.uint8]:
    """The texts as (width, n) bytes, all of one width; a date stands before its time, a blank between."""
    clock = time.matrix(min(_MAX_WIDTH, int(time.length[0])))
    if day is None:
        return clock
    if isinstance(day, bytes):
        dates = np.repeat(np.frombuffer(day, dtype=np.uint8)[:, None], len(time), axis=1)
    else:
        dates = day.matrix(min(_MAX_WIDTH, int(day.length[0])))
    return np.concatenate([dates, np.full((1, len(time)), 32, dtype=np.uint8), clock])


def _localised(micros: NDArray[np.int64], zone: str) -> Times:
    """Wall-clock µs in `zone` as UTC; not certain where the clock was changed."""
    local = pd.DatetimeIndex(micros.view("M8[us]")).tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    utc = local.tz_convert("UTC").as_unit("us")
    return np.asarray(utc.asi8, dtype=np.int64), np.asarray(utc.notna(), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class _Form:
    """Where a text of one form has its parts, as (start, end) positions, and what its letters mean."""

    text: str
    parts: dict[str, tuple[int, int]]
    month: int
    """The month where a name says it, else 0."""
    half: str
    naive: bool
    zone: str | None
    offset: int
    """Minutes from UTC by a name."""

    @classmethod
    def of(cls, text: str, day: str, style: TimeStyle) -> _Form | None:
        match = match_time(text, style, day)
        if match is None or not match.string.isascii():
            return None
        found = match.groupdict()
        parts = {name.rstrip("23"): match.span(name) for name, value in found.items() if value}
        if match["hour12"] if "hour12" in found else None:
            parts["hour"] = match.span("hour12")
        name = found.get("month_name")
        month = _month_of(name) if name else 0
        if month is None:
            return None
        zone: str | None = None
        offset = 0
        if found.get("zone_name"):
            named = named_zone(found["zone_name"])
            if named is None:
                return None
            zone, offset = (named, 0) if isinstance(named, str) else (None, named)
        half = (found.get("half") or "").replace(".", "").upper()
        return cls(match.string, parts, month, half, is_naive(match), zone, offset)

    def fits(self, matrix: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """The rows (columns of `matrix`) that have digits and marks where this form has them."""
        good = np.ones(matrix.shape[1], dtype=np.bool_)
        free = {at for name, span in self.parts.items() if name != "zone_name" for at in range(*span)}
        for position, character in enumerate(self.text):
            codes = matrix[position]
            varies = character.isdigit() and position in free
            good &= (codes - np.uint8(48) < 10) if varies else (codes == ord(character))
        return good

    def number(self, matrix: NDArray[np.uint8], part: str, most: int = 9) -> NDArray[np.int64]:
        start, end = self.parts.get(part, (0, 0))
        value = np.zeros(matrix.shape[1], dtype=np.int32)
        for position in range(start, min(end, start + most)):
            value *= 10
            value += matrix[position] - np.uint8(48)
        return value.astype(np.int64)

    def micros(self, matrix: NDArray[np.uint8]) -> Times:
        """µs since the epoch as if the text were UTC, less its offset; and the rows whose date and time exist.

        A leap second and 24:00 are not certain here.
        """
        year, month, day = (self.number(matrix, part) for part in ("year", "month", "day"))
        if "short_year" in self.parts:
            short = self.number(matrix, "short_year")
            year = short + np.where(short < 69, 2000, 1900)
        if self.month:
            month = np.full_like(day, self.month)
        hour, minute, second = (self.number(matrix, part) for part in ("hour", "minute", "second"))
        start, end = self.parts.get("fraction", (0, 0))
        fraction = self.number(matrix, "fraction", 6) * 10 ** (6 - min(6, end - start))
        months = (year - 1970) * 12 + month - 1
        days = months.view("M8[M]").astype("M8[D]").view(np.int64) + day - 1
        back = days.view("M8[D]").astype("M8[M]").view(np.int64)
        good = (month >= 1) & (month <= 12) & (day >= 1) & (back == months)
        good &= (hour < 24) & (minute < 60) & (second < 60)
        if self.half:
            good &= (hour >= 1) & (hour <= 12)
            hour = hour % 12 + (12 if self.half == "PM" else 0)
        offset = self.number(matrix, "zone_hour") * 60 + self.number(matrix, "zone_minute")
        good &= (offset < 24 * 60) & (self.number(matrix, "zone_minute") < 60)
        if "sign" in self.parts and self.text[self.parts["sign"][0]] == "-":
            offset = -offset
        seconds = ((days * 24 + hour) * 60 + minute - offset - self.offset) * 60 + second
        return seconds * 1_000_000 + fraction, good


def _month_of(name: str) -> int | None:
    short = name[:3].lower()
    return _MONTHS.index(short) + 1 if short in _MONTHS else None


def read_fractions(column: Column, style: TimeStyle) -> Times:
    """The parts of a second of a column of their own in µs, digits below cut off."""
    numbers = read_decimals(column)
    good = numbers.good & ~numbers.negative & (numbers.scale == 0)
    good &= numbers.mantissa < np.uint64(10**style.fraction)
    parts = np.where(good, numbers.mantissa, np.uint64(0)).astype(np.int64)
    return parts * 1_000_000 // int(10**style.fraction), good


def read_fraction(text: str, style: TimeStyle) -> int:
    """One such part of a second; raises `TimeError`."""
    if not text.isdigit() or not text.isascii() or int(text) >= 10**style.fraction:
        raise TimeError(f"{cut_short(text)!r} is no part of a second (0 to {10**style.fraction - 1:,})")
    return int(text) * 1_000_000 // int(10**style.fraction)


def read_time(text: str, day: str, style: TimeStyle, *, fold: int | None = None) -> int:
    """One time; raises `TimeError`.

    `day` is that of the row's date column, `fold` which of two instants is meant where a clock was put back
    (0 the first; None: not known).
    """
    if not text:
        raise TimeError("is empty")
    day = style.with_date(day)
    if style.since_midnight:
        time_us = _read_since_midnight(text, day, style, fold)
    elif style.units:
        time_us = _read_epoch(text, style, fold)
    else:
        time_us = _read_text(text, day, style, fold)
    if not MIN_TIME_US <= time_us < MAX_TIME_US:
        raise TimeError(f"{cut_short(text)!r} {_OUT_OF_RANGE}")
    return time_us


def _number(text: str, unit: TimeUnit) -> Decimal:
    try:
        number = Decimal(text) if text.isascii() and "_" not in text else None
    except InvalidOperation:
        number = None
    if number is None:
        raise TimeError(f"{cut_short(text)!r} is no number of {UNIT_NAMES[unit]}")
    if not number.is_finite() or abs(number) >= Decimal(10) ** 25:
        raise TimeError(f"{cut_short(text)!r} {_OUT_OF_RANGE}")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent > max(0, UNIT_EXPONENT[unit] - 6):
        raise TimeError(
            f"{cut_short(text)!r} has lost its last {exponent} digits, as spreadsheets do to long numbers: write it in full"
        )
    return number


def _read_since_midnight(text: str, day: str, style: TimeStyle, fold: int | None) -> int:
    unit = style.units[0]
    micros = math.floor(_number(text, unit).scaleb(6 - UNIT_EXPONENT[unit]))
    if not 0 <= micros < DAY_US:
        raise TimeError(f"{cut_short(text)!r} {UNIT_NAMES[unit]} since midnight are not within one day")
    match = match_time(day, style) if day else None
    if match is None:
        raise TimeError(f"{cut_short(day)!r} is no date for the time of day {cut_short(text)!r}")
    midnight = _wall_clock(match, day) - EPOCH.replace(tzinfo=None)
    if style.zone is None:
        raise TimeError(f"{cut_short(text)!r} has no time zone: say --time-zone")
    wall = EPOCH.replace(tzinfo=None) + midnight + timedelta(microseconds=micros)
    return _localise(wall, style.zone, text, fold)


def _read_epoch(text: str, style: TimeStyle, fold: int | None) -> int:
    try:
        number = _number(text, style.units[0])
    except TimeError:
        if TIME_TEXT.fullmatch(text):
            return _read_text(text, "", style, fold)
        raise
    value = float(number)
    told = plausible_unit(value, style.latest_us)
    names = " or ".join(UNIT_NAMES[unit] for unit in style.units)
    if told is None and (what := foreign(value)) is not None:
        raise TimeError(f"{cut_short(text)} {what}")
    if told is not None and told not in style.units:
        said = "the file's first rows like" if style.guessed else "the unit was said to be"
        raise TimeError(f"{cut_short(text)} looks like {UNIT_NAMES[told]}, {said} {names}")
    if told is None and (style.guessed or len(style.units) > 1):
        raise TimeError(f"{cut_short(text)} {names} since 1970 are no time from 1990 to tomorrow")
    return math.floor(number.scaleb(6 - UNIT_EXPONENT[told or style.units[0]]))


def _read_text(text: str, day: str, style: TimeStyle, fold: int | None) -> int:
    whole = f"{day} {text}" if day else text
    match = match_time(text, style, day)
    if match is None:
        raise TimeError(_why_no_time(text, day, style))
    parts = match.groupdict()
    wall = _wall_clock(match, whole)
    naive = wall - EPOCH.replace(tzinfo=None)
    leap = int(parts.get("second") or parts.get("second2") or 0) == 60
    if parts.get("zone"):
        hours, minutes = int(parts["zone_hour"] or 0), int(parts["zone_minute"] or 0)
        if hours > 23 or minutes > 59:
            raise TimeError(f"{cut_short(whole)!r} has no offset that there is")
        offset = timedelta(hours=hours, minutes=minutes)
        time_us = (naive + (offset if parts["sign"] == "-" else -offset)) // timedelta(microseconds=1)
    elif parts.get("zone_name"):
        named = named_zone(parts["zone_name"])
        if named is None:
            raise TimeError(
                f"{cut_short(whole)!r} names a zone that is unknown or could be several: "
                f"{parts['zone_name']!r} (known are offsets and names such as America/New_York)"
            )
        if isinstance(named, str):
            time_us = _localise(wall, named, whole, fold)
        else:
            time_us = (naive - timedelta(minutes=named)) // timedelta(microseconds=1)
    elif style.zone is None:
        raise TimeError(f"{cut_short(whole)!r} has no time zone: say --time-zone")
    else:
        time_us = _localise(wall, style.zone, whole, fold)
    if leap and (time_us // 1_000_000 % 86_400 or not _ends_half_year(time_us)):
        raise TimeError(f"{cut_short(whole)!r} does not exist: no leap second was there")
    return time_us


def _why_no_time(text: str, day: str, style: TimeStyle) -> str:
    whole = cut_short(f"{day} {text}" if day else text)
    if style.format is not None:
        return f"{whole!r} is not written as {style.format.text!r}"
    if DAY_FIRST.fullmatch(f"{day} {text}" if day else text):
        return (
            f"{whole!r} may have the day or the month first, and is written otherwise than the file's first times: where a "
            "spreadsheet took days for months those may be wrong, load the file as it was before"
        )
    if not day and CLOCK_TEXT.fullmatch(text):
        return f"{whole!r} is a time of day without a date: say --date"
    return f"{whole!r} is no ISO 8601 time"


def _ends_half_year(time_us: int) -> bool:
    after = EPOCH + timedelta(microseconds=time_us)
    return (after.month, after.day) in {(1, 1), (7, 1)}


def _wall_clock(match: re.Match[str], whole: str) -> datetime:
    """Date and time as written; 24:00 is the next day, second 60 the next second."""
    found = match.groupdict()

    def part(*names: str) -> int:
        return int(next((found[name] for name in names if found.get(name)), "0"))

    year = part("year", "year3")
    if found.get("short_year"):
        year = part("short_year") + (2000 if part("short_year") < 69 else 1900)
    month = _month_of(found["month_name"]) if found.get("month_name") else part("month", "month2")
    hour, minute, second = (
        part("hour", "hour2", "hour12"),
        part("minute", "minute2"),
        part("second", "second2"),
    )
    written = next((found[name] for name in ("fraction", "fraction2", "fraction3") if found.get(name)), "")
    fraction = f"{written}000000"[:6]
    later = timedelta()
    if found.get("half"):
        if not 1 <= hour <= 12:
            raise TimeError(f"{cut_short(whole)!r} does not exist: with AM or PM the hour is 1 to 12")
        hour = hour % 12 + (12 if found["half"][:1].upper() == "P" else 0)
    if (hour, minute, second, int(fraction)) == (24, 0, 0, 0):
        hour, later = 0, timedelta(days=1)
    if second == 60:
        second, later = 59, timedelta(seconds=1)
    day = part("day", "day2", "day3")
    try:
        return datetime(year, month or 0, day, hour, minute, second, int(fraction)) + later  # noqa: DTZ001
    except (ValueError, OverflowError) as exc:
        raise TimeError(f"{cut_short(whole)!r} does not exist: {exc}") from exc


def _localise(naive: datetime, zone: str, text: str, fold: int | None) -> int:
    first = naive.replace(tzinfo=ZoneInfo(zone), fold=0)
    second = naive.replace(tzinfo=ZoneInfo(zone), fold=1)
    if first.utcoffset() != second.utcoffset():
        exists = first.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == naive
        if not exists:
            raise TimeError(f"{cut_short(text)!r} was skipped in {zone}, when its clocks were changed")
        if fold is None:
            raise TimeError(
                f"{cut_short(text)!r} happened twice in {zone}, when its clocks were changed: say --ambiguous"
            )
        first = second if fold else first
    return (first.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)


def wall_clock_of(text: str, day: str, style: TimeStyle) -> datetime | None:
    """The date and time that a row shows where it is of the style's zone and the zone showed it twice; else None."""
    if style.zone is None:
        return None
    try:
        if style.since_midnight:
            unit = style.units[0]
            match = match_time(style.with_date(day), style)
            if match is None:
                return None
            micros = math.floor(_number(text, unit).scaleb(6 - UNIT_EXPONENT[unit]))
            wall = _wall_clock(match, text) + timedelta(microseconds=micros)
        else:
            match = match_time(text, style, style.with_date(day))
            if match is None or not is_naive(match) or style.units:
                return None
            wall = _wall_clock(match, text)
    except TimeError:
        return None
    zone = ZoneInfo(style.zone)
    first, second = wall.replace(tzinfo=zone, fold=0), wall.replace(tzinfo=zone, fold=1)
    twice = first.utcoffset() != second.utcoffset()
    exists = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall
    return wall if twice and exists else None


def cut_short(text: str) -> str:
    """`text`, cut where it would fill a message."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
