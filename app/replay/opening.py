"""Opens replays: finds the instruments, the range of a day and its trading sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, TypeVar

from tickdeck.app.replay.clock import ReplayError, replay_speed
from tickdeck.app.replay.player import Player
from tickdeck.db.errors import excerpt
from tickdeck.db.market.rules import symbol_fault
from tickdeck.db.market.sessions import TradingCalendar, TradingSession
from tickdeck.db.market.types import (
    MAX_TIME_US,
    MIN_TIME_US,
    Instrument,
    to_us,
)
from tickdeck.db.replay_reads import instruments_of
from tickdeck.db.session import Source


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """A replay as it was requested; None: to be found."""

    symbols: list[str]
    start_us: int | None
    end_us: int | None
    at_us: int | None
    speed: float
    day: date | None = None
    from_open: bool = True
    """Where only the day is said: begin at the session's open, not where the day's trading starts."""
    as_known: bool = False
    """Ticks as they were known at the clock; else the corrected ones."""
    last_day: date | None = None
    """The day with which it ends, where no end is said."""
    skip_nights: bool = False
    """Whether hours without ticks in which the exchange is closed are skipped."""

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> ReplayRequest:
        """Read `{"symbols", "day", "start", "from", "to", "at", "speed", "as_known"}`: the symbols and one of day, from and at at least."""
        times = {
            name: None if fields.get(name) is None else parse_instant(fields[name], name)
            for name in ("from", "to", "at")
        }
        day = None if fields.get("day") is None else parse_day(fields["day"])
        if times["from"] is None and times["at"] is None and day is None:
            parse_instant(None, "from")
        return cls(
            parse_symbols(fields.get("symbols")),
            times["from"],
            times["to"],
            times["at"],
            replay_speed(fields.get("speed", 1)),
            day,
            _from_open(fields.get("start", "open")),
            parse_switch(fields, "as_known"),
            None if fields.get("last_day") is None else parse_day(fields["last_day"]),
            parse_switch(fields, "skip_nights"),
        )


@dataclass(frozen=True, slots=True)
class Replay:
    """An open replay: a player that stands where it was requested to, and what is known of its range."""

    player: Player
    calendar: TradingCalendar
    sessions: list[TradingSession]
    range_given: bool
    """Whether the range was requested, and is not just the trading day's."""
    skip_nights: bool = False


async def open_replay(
    source: Source, request: ReplayRequest, *, on_change: Callable[[], None] = lambda: None
) -> Replay:
    """Open what was requested; raise `ReplayError` or `UnknownSymbolError` where it cannot be.

    Hours and zone are those of the first symbol.  Without `from` the range starts with the day of `at`, without
    `to` it ends with the day of `from`: days as the exchange trades, before and after hours included.
    """
    instruments = await instruments_of(source, request.symbols)
    calendar = await asyncio.to_thread(calendar_of, instruments[0])
    start_us, end_us, at_us = await asyncio.to_thread(_range_of, calendar, request)
    player = Player(
        source,
        instruments,
        start_us,
        end_us,
        speed=request.speed,
        on_change=on_change,
        as_known=request.as_known,
    )
    try:
        await player.open(at_us)
        sessions = await asyncio.to_thread(calendar.sessions, start_us, end_us)
    except BaseException:
        await player.close()
        raise
    return Replay(
        player,
        calendar,
        sessions,
        request.start_us is not None or request.end_us is not None or request.last_day is not None,
        request.skip_nights,
    )


def _from_open(start: object) -> bool:
    if start not in ("open", "day"):
        raise ReplayError(f"start must be open or day, not {excerpt(start)}")
    return bool(start == "open")


def calendar_of(instrument: Instrument) -> TradingCalendar:
    """When the instrument trades; takes a while the first time."""
    return TradingCalendar(instrument.exchange, instrument.days)


def _range_of(calendar: TradingCalendar, request: ReplayRequest) -> tuple[int, int, int]:
    """Start, end and first instant, each as requested or else from the trading day; a day opens at its open."""
    start_us, end_us, at_us = request.start_us, request.end_us, request.at_us
    if request.day is not None:
        day = request.day
        session = calendar.session_of_day(day)
        if at_us is None and start_us is None and session is not None and request.from_open:
            at_us = session.open_us
    else:
        day = calendar.day(at_us if at_us is not None else start_us or 0)
    first_us, last_us = calendar.trading_day(day)
    if start_us is None:
        start_us = first_us if at_us is None else min(first_us, at_us)
    if end_us is None:
        if request.last_day is not None and request.last_day > day:
            _, last_us = calendar.trading_day(request.last_day)
        end_us = max(last_us, start_us + 1, at_us or 0)
    return start_us, end_us, start_us if at_us is None else at_us


MOST_SYMBOLS: Final = 50
MOST_STEPS: Final = 1_000
MAX_TEXT: Final = 64
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
            raise ReplayError(f"{name}: {excerpt(value)} has no time zone; write it as 2013-10-07T13:30Z")
        time_us = None if moment is None else to_us(moment)
    if time_us is None:
        raise ReplayError(f"{name}: {excerpt(value)} is no time; write it as 2013-10-07T13:30Z")
    if not MIN_TIME_US <= time_us < MAX_TIME_US:
        raise ReplayError(f"{name}: {excerpt(value)} is not between 1970 and 2200")
    return time_us


def parse_day(value: object) -> date:
    """A calendar day, `2013-10-07`; `ReplayError` otherwise."""
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        day = None
    if day is None or not FIRST_DAY <= day <= LAST_DAY:
        raise ReplayError(f"day: {excerpt(value)} is no day between 1970 and 2199; write it as 2013-10-07")
    return day


def parse_symbols(value: object) -> list[str]:
    """Symbols as a list, or as text with commas; `ReplayError` for none or too many."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise ReplayError("symbols must be a list of texts")
    symbols = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    for symbol in symbols:
        fault = symbol_fault(symbol)
        if fault is not None:
            raise ReplayError(f"symbols: {excerpt(symbol)} {fault}")
    if not 1 <= len(symbols) <= MOST_SYMBOLS:
        raise ReplayError(f"a replay has 1 to {MOST_SYMBOLS} symbols, not {len(symbols)}")
    return symbols


def parse_field(fields: Mapping[str, Any], name: str, kind: type[_Kind]) -> _Kind:
    """The field `name`, which must be a `kind`; `ReplayError` naming it otherwise."""
    value = fields.get(name)
    too_long = isinstance(value, str) and len(value) > MAX_TEXT
    if not isinstance(value, kind) or isinstance(value, bool) or too_long:
        wanted = f"a text of at most {MAX_TEXT} characters" if kind is str else "a whole number"
        raise ReplayError(f"{name} must be {wanted}, not {excerpt(value)}")
    return value


def parse_switch(fields: Mapping[str, Any], name: str) -> bool:
    """The field `name`, true or false (where it is not said); `ReplayError` otherwise."""
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise ReplayError(f"{name} must be true or false, not {excerpt(value)}")
    return value


def parse_steps(fields: Mapping[str, Any]) -> int:
    """How many steps, negative for back; one where not said."""
    steps = 1 if "steps" not in fields else parse_field(fields, "steps", int)
    if not 1 <= abs(steps) <= MOST_STEPS:
        raise ReplayError(f"steps must be 1 to {MOST_STEPS}, or as many back, not {excerpt(steps)}")
    return steps
