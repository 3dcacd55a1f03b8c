"""Which calendar day an instant falls into: the same rule as the database's `time_bucket` with a zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from db.market import from_us, to_us


@dataclass(frozen=True, slots=True)
class LocalDay:
    """A calendar day of one zone: its label and the half-open `[first_us, end_us)` it covers, µs since the epoch.

    The label is where the server puts the day's start; it differs from `first_us` only where midnight happens
    twice (clocks going back over it), of which the server takes the second.
    """

    label_us: int
    first_us: int
    end_us: int

    def holds(self, time_us: int) -> bool:
        return self.first_us <= time_us < self.end_us


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=4096)
def _day_of(date: datetime, zone: str) -> LocalDay:
    first, label = _midnights(date, zone)
    return LocalDay(label, first, _midnights(date + timedelta(days=1), zone)[0])


def _midnights(date: datetime, zone: str) -> tuple[int, int]:
    """The first instant of the naive `date`, and the instant that the server names its midnight."""
    local = date.replace(tzinfo=_zone(zone))
    first = local.astimezone(UTC)
    second = local.replace(fold=1).astimezone(UTC)
    return to_us(first), to_us(max(first, second))


def local_day(time_us: int, zone: str) -> LocalDay:
    """The day in the IANA `zone` that holds `time_us`; raises `zoneinfo.ZoneInfoNotFoundError` for no zone."""
    local = from_us(time_us).astimezone(_zone(zone))
    return _day_of(local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0), zone)
