"""Times as users write them, in one place for notebooks, the REST interface and the command line."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time

from db.errors import MarketDataError
from db.market import MAX_TIME_US, MIN_TIME_US, to_us

Moment = datetime | date | str
"""An aware datetime (pandas' Timestamp too), a date (its midnight in UTC), or either in ISO 8601."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def parse_moment(moment: Moment, name: str) -> int:
    """`moment` in µs since the epoch (UTC).

    Raises `MarketDataError`, which calls it `name`, where it cannot be read, has a time of day but no time zone,
    or lies outside 1970 … 2199.
    """
    if isinstance(moment, str):
        moment = _parse(moment.strip(), name)
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time(), UTC)
    if moment.tzinfo is None:
        raise MarketDataError(
            f"{name}: {moment.isoformat()} has no time zone; write {moment.isoformat()}Z for UTC"
        )
    try:
        time_us = to_us(moment)
    except (TypeError, ValueError, OverflowError) as exc:  # pandas' NaT is a datetime too
        raise MarketDataError(f"{name}: {moment} is no time") from exc
    if not MIN_TIME_US <= time_us <= MAX_TIME_US:
        raise MarketDataError(f"{name}: {moment.isoformat()} is not between 1970 and 2199")
    return time_us


def _parse(text: str, name: str) -> datetime | date:
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else datetime.fromisoformat(text)
    except ValueError as exc:
        raise MarketDataError(
            f"{name}: {text!r} is no time; write 2024-03-01 or 2024-03-01T14:30:00Z"
        ) from exc
