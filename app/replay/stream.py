"""A replay as a stream of messages cut on its own clock: the same bytes each time, whatever the pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from tickdeck.app.push.frames import NEVER, FrameBuilder, Versions
from tickdeck.app.push.protocol import Subscription
from tickdeck.app.replay.clock import Position
from tickdeck.app.replay.player import Player

STATUS: Final[dict[str, Any]] = {"state": "replay"}


async def messages(player: Player, watched: Subscription, every_us: int) -> AsyncIterator[bytes]:
    """A snapshot at the start, then a frame at each `every_us` of market time that changed anything.

    Cuts lie on whole multiples of `every_us` since the epoch, and at the end of the range; a frame holds all
    ticks up to and including its cut, which is its `time`.  The clock's speed only says when they come.
    """
    state = player.state
    frames = FrameBuilder(state, lambda: player.position.time_us, STATUS)
    if watched.chart is not None:
        await player.read_chart(state.open_chart(*watched.chart))
    if watched.tape is not None:
        state.open_tape(watched.tape)
        await player.read_tapes([watched.tape])
    has: Versions = NEVER
    await player.play()
    while True:
        message, has = frames.build(watched, has, Versions.of(state.version))
        if message is not None:
            yield message
        following = await player.market.wait_next_place()
        if following is None:
            return
        cut_us = min(-(-following.time_us // every_us) * every_us, player.clock.end_us)
        await asyncio.sleep(player.clock.seconds_until(cut_us))
        await player.market.advance(Position.at(cut_us))
        player.on_change()
