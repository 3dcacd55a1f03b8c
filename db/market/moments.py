"""Times and speeds as users write them, in one place for notebooks, the REST interface and the command line."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from datetime import date, datetime

from tickdeck.db.errors import MarketDataError, excerpt
from tickdeck.db.market.buckets import day_of
from tickdeck.db.market.types import MAX_TIME_US, MIN_TIME_US, from_us, to_us

Moment = datetime | date | str
"""An aware datetime (pandas' Timestamp too), a date (its midnight, in UTC unless said otherwise), or either in ISO 8601."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def parse_moment(moment: Moment, name: str, days: str = "UTC") -> int:
    """`moment` in µs since the epoch (UTC); a date is the start of that day by the rule `days` (see `db.market.buckets`).

    Raises `MarketDataError`, which calls it `name`, where it cannot be read, has a time of day but no time zone,
    or lies outside 1970 … 2199.
    """
    if isinstance(moment, str):
        moment = _parse(moment.strip(), name)
    if not isinstance(moment, datetime):
        moment = from_us(day_of(moment, days).label_us)
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


def iso(time_us: int) -> str:
    """`time_us` as ISO 8601 in UTC, with as many decimals as it needs: 2024-03-01T14:30:00.250000Z."""
    return f"{from_us(time_us).replace(tzinfo=None).isoformat()}Z"


def parse_speed(value: object, name: str, *, least: float, most: float) -> float:
    """How many times as fast as the market: a number from `least` to `most`, or a text such as 10, 0.5 or 60x.

    `max`, as fast as possible, is infinity.  Raises `MarketDataError`, which calls it `name`, for anything else.
    """
    speed = math.nan
    if isinstance(value, str):
        text = value.strip().lower()
        if text == "max":
            return math.inf
        with suppress(ValueError):
            speed = float(text.removesuffix("x"))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        with suppress(OverflowError):
            speed = float(value)
    if not least <= speed <= most:
        raise MarketDataError(f"{name} {excerpt(value)} is not possible; use {least:g} to {most:,g}, or max")
    return speed


def _parse(text: str, name: str) -> datetime | date:
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else datetime.fromisoformat(text)
    except ValueError as exc:
        raise MarketDataError(
            f"{name}: {text!r} is no time; write 2024-03-01 or 2024-03-01T14:30:00Z"
        ) from exc
