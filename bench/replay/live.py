"""Ten replays beside the live market: what they cost the live viewers, and in memory."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import structlog

from bench.report import Row
from tickdeck.app.config import LiveSettings, ReplaySettings
from tickdeck.app.live.hub import Hub
from tickdeck.app.push.broadcast import Viewer
from tickdeck.app.push.outlets import Message
from tickdeck.app.replay.rooms import Rooms
from tickdeck.db.market.types import TickBatch
from tickdeck.db.session import Pool
from tickdeck.db.ticks.store import TickStore

REPLAYS: Final = 10
SPEED: Final = 60
LONE_TICKS: Final = 120
EVERY_S: Final = 0.11


class CountingOutlet:
    """An outlet that only notes when a row came, and how many bytes did."""

    def __init__(self) -> None:
        self.bytes = 0
        self.arrived = asyncio.Event()
        self.arrived_at = 0.0

    def ready(self) -> bool:
        return True

    def write(self, message: Message) -> None:
        self.bytes += len(message.data)
        if b'"watchlist"' not in message.data:
            return  # a status
        self.arrived_at = time.perf_counter()
        self.arrived.set()

    async def drained(self) -> None:
        return

    def close(self) -> None:
        return

    def abort(self) -> None:
        raise ConnectionAbortedError


async def beside_live(url: str, pool: Pool, writer: Pool, symbols: Sequence[str], day: date) -> list[Row]:
    """From the INSERT of a lone tick to its live frame, alone and beside ten replays at 60 times real time."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(Hub(url, pool, LiveSettings()))
        rooms = await stack.enter_async_context(Rooms(hub, pool, ReplaySettings()))
        await hub.ready()
        viewers = stack.enter_context(ExitStack())
        outlet = CountingOutlet()
        live = Viewer(outlet)
        viewers.enter_context(rooms.connected(live))
        await _lone_ticks(writer, outlet, "LIVE", 5)  # registers the symbol
        await rooms.subscribe(live, {"watchlist": "all"})
        alone = await _lone_ticks(writer, outlet, "LIVE", LONE_TICKS)
        before_mb = _resident_mb()
        replays = []
        for _ in range(REPLAYS):
            counting = CountingOutlet()
            viewer = Viewer(counting)
            viewers.enter_context(rooms.connected(viewer))
            opened = {"symbols": list(symbols), "day": day.isoformat(), "speed": SPEED, "play": True}
            complaints = await rooms.replay(viewer, {"open": opened})
            complaints += await rooms.subscribe(
                viewer,
                {"watchlist": "all", "chart": {"symbol": symbols[-1], "interval": "1m"}, "tape": symbols[-1]},
            )
            if complaints:
                raise RuntimeError(complaints[0])
            replays.append(counting)
        busy = await _lone_ticks(writer, outlet, "LIVE", LONE_TICKS)
        used_mb = _resident_mb() - before_mb
    return [
        {"case": "live latency, no replay", **spread(alone)},
        {
            "case": f"live latency, {REPLAYS} replays at {SPEED}",
            **spread(busy),
            "replay_kB": round(sum(each.bytes for each in replays) / 1000 / REPLAYS),
            "memory_MB": used_mb,
            "baseline": "no replay",
            "ratio": float(np.median(busy) / np.median(alone)),
        },
    ]


async def _lone_ticks(writer: Pool, outlet: CountingOutlet, symbol: str, count: int) -> list[float]:
    """Milliseconds from the start of each tick's INSERT to the next message a viewer gets."""
    store = TickStore(writer)
    nothing = np.array([np.nan])
    took = []
    for number in range(count):
        outlet.arrived.clear()
        now_us = time.time_ns() // 1000
        price, size = np.array([100.0 + number % 7]), np.array([1.0])
        tick = TickBatch(
            np.array([now_us]),
            np.array([symbol], dtype=object),
            np.array([number]),
            price,
            size,
            nothing,
            nothing,
        )
        began = time.perf_counter()
        await store.write(tick)
        if outlet.bytes:
            async with asyncio.timeout(10):
                await outlet.arrived.wait()
            took.append((outlet.arrived_at - began) * 1000)
        await asyncio.sleep(EVERY_S * 2)
    return took


def spread(values: Sequence[float]) -> Row:
    """Percentiles of milliseconds, as the columns of a row."""
    return {
        "p50_ms": float(np.percentile(values, 50)),
        "p95_ms": float(np.percentile(values, 95)),
        "p99_ms": float(np.percentile(values, 99)),
        "max_ms": float(np.max(values)),
    }


def _resident_mb() -> float:
    statm = Path("/proc/self/statm")
    return int(statm.read_text(encoding="ascii").split()[1]) * 4096 / 1e6 if statm.exists() else 0.0
