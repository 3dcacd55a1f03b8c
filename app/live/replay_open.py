"""Opens replays: finds the instruments, the range of a day, its trading sessions and its profile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.live.replay import Player
from app.live.replay_asked import parse_day, parse_instant, parse_symbols
from app.live.replay_clock import ReplayError, parse_speed
from app.live.replay_profile import Profile, read_profile
from db.instruments import Instrument
from db.pool import Pool
from db.replay_reads import instruments_of
from db.sessions import TradingCalendar, TradingSession


@dataclass(frozen=True, slots=True)
class Asked:
    """A replay as it was asked for; None: to be found."""

    symbols: list[str]
    start_us: int | None
    end_us: int | None
    at_us: int | None
    speed: float
    day: date | None = None
    from_open: bool = True
    """Where only the day is said: begin at the session's open, not where the day's trading starts."""

    @classmethod
    def parse(cls, asked: Mapping[str, Any]) -> Asked:
        """Read `{"symbols", "day", "start", "from", "to", "at", "speed"}`: the symbols and one of day, from and at at least."""
        times = {
            name: None if asked.get(name) is None else parse_instant(asked[name], name)
            for name in ("from", "to", "at")
        }
        day = None if asked.get("day") is None else parse_day(asked["day"])
        if times["from"] is None and times["at"] is None and day is None:
            parse_instant(None, "from")
        return cls(
            parse_symbols(asked.get("symbols")),
            times["from"],
            times["to"],
            times["at"],
            parse_speed(asked.get("speed", 1)),
            day,
            _from_open(asked.get("start", "open")),
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """A player that stands where it was asked to, and what is known of its range."""

    player: Player
    calendar: TradingCalendar
    profile: Profile
    sessions: list[TradingSession]
    ranged: bool
    """Whether the range was asked for, and is not just the trading day's."""


async def open_replay(pool: Pool, asked: Asked, *, on_change: Callable[[], None] = lambda: None) -> Opened:
    """Open what was asked for; raise `ReplayError` or `UnknownSymbolError` where it cannot be.

    Hours and zone are those of the first symbol.  Without `from` the range starts with the day of `at`, without
    `to` it ends with the day of `from`: days as the exchange trades, before and after hours included.
    """
    instruments = await instruments_of(pool, asked.symbols)
    calendar = await asyncio.to_thread(calendar_of, instruments[0])
    start_us, end_us, at_us = await asyncio.to_thread(_range, calendar, asked)
    player = Player(pool, instruments, start_us, end_us, speed=asked.speed, on_change=on_change)
    try:
        await player.open(at_us)
        profile = await read_profile(pool, asked.symbols, start_us, end_us)
        sessions = await asyncio.to_thread(calendar.sessions, start_us, end_us)
    except BaseException:
        await player.close()
        raise
    return Opened(player, calendar, profile, sessions, asked.start_us is not None or asked.end_us is not None)


def _from_open(start: object) -> bool:
    if start not in {"open", "day"}:
        raise ReplayError(f"start must be open or day, not {start!r}")
    return start == "open"


def calendar_of(instrument: Instrument) -> TradingCalendar:
    """When the instrument trades; takes a while the first time."""
    return TradingCalendar(instrument.exchange, instrument.timezone)


def _range(calendar: TradingCalendar, asked: Asked) -> tuple[int, int, int]:
    """Start, end and first instant, each as asked for or else from the trading day; a day opens at its open."""
    start_us, end_us, at_us = asked.start_us, asked.end_us, asked.at_us
    if asked.day is not None:
        day = asked.day
        session = calendar.session_of_day(day)
        if at_us is None and start_us is None and session is not None and asked.from_open:
            at_us = session.open_us
    else:
        day = calendar.day(at_us if at_us is not None else start_us or 0)
    first_us, last_us = calendar.trading_day(day)
    if start_us is None:
        start_us = first_us if at_us is None else min(first_us, at_us)
    if end_us is None:
        end_us = max(last_us, start_us + 1, at_us or 0)
    return start_us, end_us, start_us if at_us is None else at_us
