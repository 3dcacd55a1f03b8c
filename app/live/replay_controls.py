"""The controls of a replay as messages: `{"do": …}` of the viewer who holds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.live.broadcast import Viewer
from app.live.replay_asked import field_of, parse_instant, steps_of
from app.live.replay_clock import ReplayError, parse_speed
from app.live.replay_reader import iso
from app.live.replay_room import Room
from db.errors import UnknownSymbolError
from db.market import parse_interval

MINUTE_US: Final = 60_000_000
UNITS: Final = ("tick", "candle", "minute")
DOINGS: Final = (
    "play", "pause", "seek", "step", "speed", "loop", "open", "close", "take", "give", "leave", "live",
)  # fmt: skip


async def control(room: Room, viewer: Viewer, asked: Mapping[str, Any]) -> None:
    """Do what `viewer` asks of the room's replay; raise `ReplayError` (or its kin) where that cannot be."""
    doing = asked.get("do")
    if doing not in DOINGS:
        raise ReplayError(f"a replay cannot do {doing!r}; it can {', '.join(DOINGS)}")
    if doing == "take":
        room.take(viewer)
        return
    room.require_controls(viewer)
    player = room.player
    if doing == "give":
        room.give(viewer, field_of(asked, "to", str))
    elif doing == "play":
        await player.play()
    elif doing == "pause":
        player.pause()
    elif doing == "speed":
        player.set_speed(parse_speed(asked.get("speed")))
    elif doing == "seek":
        await player.seek(parse_instant(asked.get("to"), "to"))
    elif doing == "step":
        await _step(room, asked)
    elif doing == "loop":
        off = asked.get("from") is None and asked.get("to") is None
        await player.set_loop(
            None if off else (parse_instant(asked.get("from"), "from"), parse_instant(asked.get("to"), "to"))
        )
    else:
        await player.seek(_edge(room, doing))


async def _step(room: Room, asked: Mapping[str, Any]) -> None:
    unit = asked.get("unit", "tick")
    steps = steps_of(asked)
    if unit == "tick":
        await room.player.step_tick(steps)
    elif unit == "minute":
        await room.player.step_time(steps * MINUTE_US)
    elif unit == "candle":
        symbol = field_of(asked, "symbol", str)
        if symbol not in room.player.instruments:
            raise UnknownSymbolError(symbol)
        await room.player.step_candle(parse_interval(field_of(asked, "interval", str)), symbol, steps)
    else:
        raise ReplayError(f"a step is a {', a '.join(UNITS)}, not {unit!r}")


def _edge(room: Room, doing: str) -> int:
    """The open (close) of the trading session of the clock's day, or the nearest other one in the range."""
    clock = room.player.clock
    now_us = room.player.position.time_us
    sessions = room.calendar.sessions(clock.start_us, clock.end_us)
    edges = [s.open_us if doing == "open" else s.close_us for s in sessions]
    day = room.calendar.day(now_us)
    within = [edge for edge in edges if clock.start_us <= edge <= clock.end_us]
    if not within:
        raise ReplayError(
            f"there is no {doing} of a trading session between {iso(clock.start_us)} and {iso(clock.end_us)}"
        )
    return min(within, key=lambda edge: (room.calendar.day(edge) != day, abs(edge - now_us)))
