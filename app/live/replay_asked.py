"""What a viewer or the command line asks of a replay, understood or refused with a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, TypeVar

from app.live.replay_clock import ReplayError
from db.market import MAX_TIME_US, MIN_TIME_US, to_us

MOST_SYMBOLS: Final = 50
MOST_STEPS: Final = 1_000
FIRST_DAY: Final = date(1970, 1, 1)
LAST_DAY: Final = date(2199, 12, 31)

_Kind = TypeVar("_Kind", str, int)


def parse_instant(value: object, name: str) -> int:
    """µs since the epoch of milliseconds since the epoch, or of ISO 8601 with a zone; `ReplayError` otherwise."""
    time_us = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        time_us = round(value * 1000) if abs(value) < MAX_TIME_US else MAX_TIME_US
    elif isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is None:
            raise ReplayError(f"{name}: {value!r} has no time zone; write it as 2013-10-07T13:30Z")
        time_us = None if moment is None else to_us(moment)
    if time_us is None:
        raise ReplayError(f"{name}: {value!r} is no time; write it as 2013-10-07T13:30Z")
    if not MIN_TIME_US <= time_us < MAX_TIME_US:
        raise ReplayError(f"{name}: {value!r} is not between 1970 and 2200")
    return time_us


def parse_day(value: object) -> date:
    """A calendar day, `2013-10-07`; `ReplayError` otherwise."""
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        day = None
    if day is None or not FIRST_DAY <= day <= LAST_DAY:
        raise ReplayError(f"day: {value!r} is no day between 1970 and 2199; write it as 2013-10-07")
    return day


def parse_symbols(value: object) -> list[str]:
    """Symbols as a list, or as text with commas; `ReplayError` for none or too many."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ReplayError("symbols must be a list of texts")
    symbols = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not 1 <= len(symbols) <= MOST_SYMBOLS:
        raise ReplayError(f"a replay has 1 to {MOST_SYMBOLS} symbols, not {len(symbols)}")
    return symbols


def field_of(asked: Mapping[str, Any], name: str, kind: type[_Kind]) -> _Kind:
    """The field `name`, which must be a `kind`; `ReplayError` naming it otherwise."""
    value = asked.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ReplayError(f"{name} must be {'a text' if kind is str else 'a whole number'}, not {value!r}")
    return value


def steps_of(asked: Mapping[str, Any]) -> int:
    """How many steps, negative for back; one where not said."""
    steps = 1 if "steps" not in asked else field_of(asked, "steps", int)
    if not 1 <= abs(steps) <= MOST_STEPS:
        raise ReplayError(f"steps must be 1 to {MOST_STEPS}, or as many back, not {steps}")
    return steps
