"""Which candle an instant belongs to: the same rule as the database's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.types import CALENDAR_INTERVALS, INTERVAL_SECONDS, Interval, from_us, to_us


@dataclass(frozen=True, slots=True)
class Bucket:
    """What one candle covers: the half-open `[first_us, end_us)`, labelled `label_us`; µs since the epoch (UTC).

    The label of a day, a week and a month is its start, mostly midnight, as the server names it.  It differs from `first_us` only
    where that start happens twice (clocks going back over it), of which the server takes the second.
    """

    label_us: int
    first_us: int
    end_us: int

    def holds(self, time_us: int) -> bool:
        return self.first_us <= time_us < self.end_us


def bucket_of(time_us: int, interval: Interval, days: str) -> Bucket:
    """The bucket of `interval` that holds `time_us`.

    Days, weeks (from Monday) and months follow the day rule `days`, all others divide the UTC day.  A day rule is an IANA
    zone, whose midnights begin the days, or a zone and when its days start, as `America/New_York 17:00`: up to noon of
    their own date, else of the date before.  Raises `zoneinfo.ZoneInfoNotFoundError` where a calendar is needed and there is no such zone.
    """
    if interval not in CALENDAR_INTERVALS:
        width_us = INTERVAL_SECONDS[interval] * 1_000_000
        start_us = time_us - time_us % width_us
        return Bucket(start_us, start_us, start_us + width_us)
    rule = _rule(days)
    local = from_us(time_us).astimezone(rule.zone).replace(tzinfo=None, fold=0) - rule.start
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if interval == "1w":
        day -= timedelta(days=day.weekday())
    elif interval == "1M":
        day = day.replace(day=1)
    return _calendar_bucket(day, interval, days)


def local_day(time_us: int, days: str) -> Bucket:
    """The day by the rule `days` that holds `time_us`; raises `zoneinfo.ZoneInfoNotFoundError` for no zone."""
    return bucket_of(time_us, "1d", days)


def date_of(time_us: int, days: str) -> date:
    """The date of the day by the rule `days` that holds `time_us`."""
    rule = _rule(days)
    return (from_us(time_us).astimezone(rule.zone).replace(tzinfo=None) - rule.start).date()


def day_of(day: date, days: str) -> Bucket:
    """The day of that date by the rule `days`."""
    return _calendar_bucket(datetime.combine(day, time()), "1d", days)


def next_label(time_us: int, interval: Interval, days: str) -> int:
    """The first label of `interval` that is not before `time_us`."""
    bucket = bucket_of(time_us, interval, days)
    return (
        bucket.label_us if time_us <= bucket.label_us else bucket_of(bucket.end_us, interval, days).label_us
    )


def zone_and_start(days: str) -> tuple[str, timedelta]:
    """The IANA zone of the day rule `days`, and when its days start, from the midnights of their dates on."""
    rule = _rule(days)
    return rule.zone.key, rule.start


def require_day_start(text: str) -> None:
    """Raise `MarketDataError` unless days can start then: HH:MM, in the small hours only whole ones.

    Clocks change in the small hours, by whole ones: a time in between may be skipped, or come twice and start one day twice.
    """
    try:
        start = time.fromisoformat(text) if re.fullmatch(r"\d\d:\d\d", text) else None
    except ValueError:
        start = None
    if start is None:
        raise MarketDataError(f"{text!r} is no time of day: write it as 17:00")
    if start.hour < 4 and start.minute:
        raise MarketDataError(f"days cannot start at {text}: before 04:00 they start at a whole hour")


def is_known_zone(name: str) -> bool:
    """Whether `name` is an IANA name, letter by letter: the one list of zones for instruments, files and settings.

    PostgreSQL takes more: any case, abbreviations such as `PST`, and rules such as `EST5EDT4`; so do some systems'
    folders, with `localtime` and `posixrules`.
    """
    return name in _zone_names()


@cache
def _zone_names() -> frozenset[str]:
    # Some systems keep these beside the zones: this machine's own one, and the one of a machine that has none.
    return frozenset(available_timezones() - {"localtime", "Factory"})


class _Rule(NamedTuple):
    zone: ZoneInfo
    start: timedelta
    """From the date's midnight on."""


@lru_cache(maxsize=256)
def _rule(days: str) -> _Rule:
    name, _, start = days.partition(" ")
    hours, minutes = map(int, start.split(":")) if start else (0, 0)
    since = timedelta(hours=hours, minutes=minutes)
    return _Rule(ZoneInfo(name), since - timedelta(days=1) if since > timedelta(hours=12) else since)


@lru_cache(maxsize=4096)
def _calendar_bucket(day: datetime, interval: Interval, days: str) -> Bucket:
    first, label = _starts(day, days)
    if interval == "1M":
        following = (day + timedelta(days=31)).replace(day=1)
    else:
        following = day + timedelta(days=7 if interval == "1w" else 1)
    return Bucket(label, first, _starts(following, days)[0])


def _starts(day: datetime, days: str) -> tuple[int, int]:
    """The first instant of the naive `day`, and the instant that the server names its start."""
    rule = _rule(days)
    local = (day + rule.start).replace(tzinfo=rule.zone)
    first = local.astimezone(UTC)
    second = local.replace(fold=1).astimezone(UTC)
    return to_us(first), to_us(max(first, second))
