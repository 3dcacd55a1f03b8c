"""Opens replays: finds the instruments, the range of a day, its trading sessions and its profile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.live.replay import Player
from app.live.replay_asked import parse_instant, parse_symbols
from app.live.replay_clock import parse_speed
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

    @classmethod
    def parse(cls, asked: Mapping[str, Any]) -> Asked:
        """Read `{"symbols", "from", "to", "at", "speed"}`; all but the symbols and one of from and at may lack."""
        times = {
            name: None if asked.get(name) is None else parse_instant(asked[name], name)
            for name in ("from", "to", "at")
        }
        if times["from"] is None and times["at"] is None:
            parse_instant(None, "from")
        return cls(
            parse_symbols(asked.get("symbols")),
            times["from"],
            times["to"],
            times["at"],
            parse_speed(asked.get("speed", 1)),
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """A player that stands where it was asked to, and what is known of its range."""

    player: Player
    calendar: TradingCalendar
    profile: Profile
    sessions: list[TradingSession]


async def open_replay(pool: Pool, asked: Asked, *, on_change: Callable[[], None] = lambda: None) -> Opened:
    """Open what was asked for; raise `ReplayError` or `UnknownSymbolError` where it cannot be.

    Hours and zone are those of the first symbol.  Without `from` the range starts with the day of `at`, without
    `to` it ends with the day of `from`: days as the exchange trades, before and after hours included.
    """
    instruments = await instruments_of(pool, asked.symbols)
    calendar = await asyncio.to_thread(calendar_of, instruments[0])
    start_us, end_us = await asyncio.to_thread(_range, calendar, asked)
    player = Player(pool, instruments, start_us, end_us, speed=asked.speed, on_change=on_change)
    try:
        await player.open(asked.at_us)
        profile = await read_profile(pool, asked.symbols, start_us, end_us)
        sessions = await asyncio.to_thread(calendar.sessions, start_us, end_us)
    except BaseException:
        await player.close()
        raise
    return Opened(player, calendar, profile, sessions)


def calendar_of(instrument: Instrument) -> TradingCalendar:
    """When the instrument trades; takes a while the first time."""
    return TradingCalendar(instrument.exchange, instrument.timezone)


def _range(calendar: TradingCalendar, asked: Asked) -> tuple[int, int]:
    start_us = asked.start_us
    if start_us is None:
        at_us = asked.at_us or 0
        start_us = calendar.trading_day(calendar.day(at_us))[0]
        start_us = min(start_us, at_us)
    end_us = asked.end_us
    if end_us is None:
        day = calendar.day(start_us if asked.at_us is None else asked.at_us)
        end_us = max(calendar.trading_day(day)[1], start_us + 1, asked.at_us or 0)
    return start_us, end_us
