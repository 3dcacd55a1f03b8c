"""Reads columns of times into µs since the epoch, all rows at once: epoch numbers and ISO 8601 texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from db.market import MAX_TIME_US
from feeds.csv_fields import Column
from feeds.csv_numbers import read_decimals

TimeUnit = Literal["s", "ms", "us", "ns"]
UNIT_NAMES: Final[dict[TimeUnit, str]] = {
    "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds",
}  # fmt: skip
UNIT_EXPONENT: Final[dict[TimeUnit, int]] = {"s": 0, "ms": 3, "us": 6, "ns": 9}
_UNIT_LIMIT: Final[tuple[tuple[TimeUnit, int], ...]] = (("s", 10**11), ("ms", 10**14), ("us", 10**17))

TIME_TEXT: Final = re.compile(
    r"(?P<year>\d{4})(?:(?P<dash>[-/.])(?P<month>\d{2})(?P=dash)(?P<day>\d{2})|(?P<month2>\d{2})(?P<day2>\d{2}))"
    r"(?:[T _](?:(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?"
    r"|(?P<hour2>\d{2})(?P<minute2>\d{2})(?P<second2>\d{2})(?:[.,]?(?P<fraction2>\d+))?)"
    r"\s?(?P<zone>Z|UTC|(?P<sign>[+-])(?P<zone_hour>\d{2})(?::?(?P<zone_minute>\d{2}))?)?)?",
    re.ASCII | re.IGNORECASE,
)
COMPACT: Final = re.compile(r"(\d{8})(\d{6})(\d{3}|\d{6}|)", re.ASCII)
"""Date and time in one run of 14, 17 or 20 digits: as an epoch number it would be past the year 2200."""
_MAX_WIDTH: Final = 48
_MAX_FORMS: Final = 24


def unit_of(number: float) -> TimeUnit:
    """The unit that puts an epoch number of this magnitude between the years 1973 and 5138."""
    for unit, limit in _UNIT_LIMIT:
        if abs(number) < limit:
            return unit
    return "ns"


@dataclass(frozen=True, slots=True)
class TimeStyle:
    """How a file writes its times: epoch numbers of `unit`, or texts (None) that may lack a zone.

    `guessed`: the unit was told by magnitude, and a row of another magnitude is refused.
    """

    unit: TimeUnit | None
    guessed: bool
    zone: str | None


Times = tuple[NDArray[np.int64], NDArray[np.bool_]]
"""µs since the epoch, and the rows where they are certain; the others need a look one by one."""


def read_epochs(column: Column, unit: TimeUnit, *, guessed: bool) -> Times:
    """Read plain decimal epoch numbers; digits below a microsecond are cut off."""
    numbers = read_decimals(column)
    exponent = UNIT_EXPONENT[unit]
    whole = numbers.mantissa
    shift = 6 - exponent - numbers.scale.astype(np.int16)
    up = np.uint64(10) ** np.clip(shift, 0, 6).astype(np.uint64)
    down = np.uint64(10) ** np.clip(-shift, 0, 19).astype(np.uint64)
    micros = whole * up // down
    fits = (whole // down) < np.uint64(MAX_TIME_US) // up
    good = numbers.good & ~numbers.negative & (numbers.scale < 19) & fits & (micros < np.uint64(MAX_TIME_US))
    if guessed:
        value = whole.astype(np.float64) / 10.0 ** numbers.scale.astype(np.float64)
        limits = [0.0, *(float(limit) for _, limit in _UNIT_LIMIT), np.inf]
        place = ("s", "ms", "us", "ns").index(unit)
        good &= (value >= limits[place]) & (value < limits[place + 1])
    return np.where(good, micros, np.uint64(0)).astype(np.int64), good


def read_texts(time: Column, date: Column | None, zone: str | None) -> Times:
    """Read ISO 8601 texts, or times of day whose date stands in `date`; naive ones in `zone`.

    The rows of one form (same length, marks at the same places) are read together; a form is learnt from its
    first row.
    """
    rows = len(time)
    micros = np.zeros(rows, dtype=np.int64)
    good = np.zeros(rows, dtype=np.bool_)
    naive = np.zeros(rows, dtype=np.bool_)
    left = np.arange(rows)
    lengths = time.length if date is None else time.length + (date.length << 16)
    for _ in range(_MAX_FORMS):
        if not len(left):
            break
        first = left[:1]
        form = _Form.of(bytes(_joined(time.take(first), date and date.take(first))).decode("latin-1"))
        if form is None:
            left = left[1:]
            continue
        same = left[lengths[left] == lengths[first]]
        matrix = _joined(time.take(same), date and date.take(same))
        fits = form.fits(matrix)
        if not fits.all():
            same, matrix = same[fits], matrix[:, fits]
        micros[same], good[same] = form.micros(matrix)
        naive[same] = form.naive
        if len(same) == len(left):
            break
        left = np.setdiff1d(left, same, assume_unique=True)
    naive &= good
    if naive.any():
        if zone is None:
            good &= ~naive
        else:
            micros[naive], good[naive] = _localised(micros[naive], zone)
    return micros, good


def _joined(time: Column, date: Column | None) -> NDArray[np.uint8]:
    """The texts as (width, n) bytes, all of one width; a date stands before its time, a blank between."""
    clock = time.matrix(min(_MAX_WIDTH, int(time.length[0])))
    if date is None:
        return clock
    day = date.matrix(min(_MAX_WIDTH, int(date.length[0])))
    return np.concatenate([day, np.full((1, len(time)), 32, dtype=np.uint8), clock])


def _localised(micros: NDArray[np.int64], zone: str) -> Times:
    """Wall-clock µs in `zone` as UTC; not certain where the clock was changed."""
    local = pd.DatetimeIndex(micros.view("M8[us]")).tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    utc = local.tz_convert("UTC").as_unit("us")
    return np.asarray(utc.asi8, dtype=np.int64), np.asarray(utc.notna(), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class _Form:
    """Where a text of one form has its parts, as (start, end) positions."""

    text: str
    parts: dict[str, tuple[int, int]]
    naive: bool

    @classmethod
    def of(cls, text: str) -> _Form | None:
        match = TIME_TEXT.fullmatch(text)
        if match is None:
            compact = COMPACT.fullmatch(text)
            if compact is None:
                return None
            ends = {"year": (0, 4), "month": (4, 6), "day": (6, 8), "hour": (8, 10), "minute": (10, 12)}
            return cls(text, {**ends, "second": (12, 14), "fraction": (14, len(text))}, naive=True)
        names = [name for name, value in match.groupdict().items() if value]
        return cls(text, {name.rstrip("2"): match.span(name) for name in names}, match["zone"] is None)

    def fits(self, matrix: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """The rows (columns of `matrix`) that have digits and marks where this form has them."""
        good = np.ones(matrix.shape[1], dtype=np.bool_)
        for position, character in enumerate(self.text):
            codes = matrix[position]
            good &= (codes - np.uint8(48) < 10) if character.isdigit() else (codes == ord(character))
        return good

    def number(self, matrix: NDArray[np.uint8], part: str, most: int = 9) -> NDArray[np.int64]:
        start, end = self.parts.get(part, (0, 0))
        value = np.zeros(matrix.shape[1], dtype=np.int32)
        for position in range(start, min(end, start + most)):
            value *= 10
            value += matrix[position] - np.uint8(48)
        return value.astype(np.int64)

    def micros(self, matrix: NDArray[np.uint8]) -> Times:
        """µs since the epoch as if the text were UTC, less its offset; and the rows whose date and time exist."""
        year, month, day = (self.number(matrix, part) for part in ("year", "month", "day"))
        hour, minute, second = (self.number(matrix, part) for part in ("hour", "minute", "second"))
        start, end = self.parts.get("fraction", (0, 0))
        fraction = self.number(matrix, "fraction", 6) * 10 ** (6 - min(6, end - start))
        months = (year - 1970) * 12 + month - 1
        days = months.view("M8[M]").astype("M8[D]").view(np.int64) + day - 1
        back = days.view("M8[D]").astype("M8[M]").view(np.int64)
        good = (month >= 1) & (month <= 12) & (day >= 1) & (back == months)
        good &= (hour < 24) & (minute < 60) & (second < 60)
        offset = self.number(matrix, "zone_hour") * 60 + self.number(matrix, "zone_minute")
        good &= (offset < 24 * 60) & (self.number(matrix, "zone_minute") < 60)
        if "sign" in self.parts and self.text[self.parts["sign"][0]] == "-":
            offset = -offset
        seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second
        return seconds * 1_000_000 + fraction, good
