"""Reads again what messages alone do not tell: after bulk loads, for late ticks of earlier days, and tapes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from app.live.beat import next_beat
from app.live.metrics import Metrics
from app.live.reader import StateReader
from app.live.state import MarketState
from db.errors import DatabaseError
from db.messages import Bars

RELOAD_PAUSE_S: Final = 0.25
RELOAD_PAUSE_FACTOR: Final = 3
"""Between two reads after bulk loads: at least the pause, and this many times what the last one took."""

log = structlog.get_logger(__name__)


class Rereads:
    """Asks are merged while a read is under way; a read that fails is tried again.

    `paused` while there is no database: the whole read after reconnecting covers what was asked until it began.
    `changed` is called after each read.
    """

    def __init__(
        self,
        state: MarketState,
        reader: StateReader,
        metrics: Metrics,
        *,
        tape_rate: float,
        changed: Callable[[], None],
    ) -> None:
        self._state = state
        self._reader = reader
        self._metrics = metrics
        self._tape_pause_s = 1 / tape_rate
        self._changed = changed
        self._paused = True
        self._reload = False
        self._work = asyncio.Event()
        self._tapes: set[str] = set()
        self._tape_work = asyncio.Event()

    def begin_whole_read(self) -> None:
        """A read of everything begins: forget what was asked before, it covers that."""
        self._reload = False

    def pause(self) -> None:
        """The database is away."""
        self._paused = True

    def resume(self) -> None:
        """The whole read is done."""
        self._paused = False
        self._work.set()

    def reload(self) -> None:
        """Ask for everything."""
        self._reload = True
        self._work.set()

    def after(self, message: Bars) -> None:
        """Ask for what the applied message left open: unsure quotes, and the tapes of its symbols."""
        if self._state.unsure:
            self._work.set()
        if self._state.tapes:
            self._tapes.update(bar.symbol for bar in message.bars if bar.symbol in self._state.tapes)
            if self._tapes:
                self._tape_work.set()

    async def run(self) -> None:
        """Do what is asked, one read at a time, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_quotes())
            group.create_task(self._read_tapes())

    async def _read_quotes(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            unsure = set(self._state.unsure)
            if self._paused or not (self._reload or unsure):
                continue
            reload, self._reload = self._reload, False
            began = time.monotonic()
            pause = RELOAD_PAUSE_S if reload else 0.0
            try:
                self._metrics.reads.labels("reload" if reload else "unsure").inc()
                await (self._reader.everything() if reload else self._reader.symbols(unsure))
            except DatabaseError as exc:
                log.warning("read_failed", reason=str(exc))
                self._reload |= reload
                self._work.set()
                pause = RELOAD_PAUSE_S
            self._changed()
            took = time.monotonic() - began
            await asyncio.sleep(max(pause, took * RELOAD_PAUSE_FACTOR))

    async def _read_tapes(self) -> None:
        due = 0.0
        while True:
            await self._tape_work.wait()
            self._tape_work.clear()
            symbols, self._tapes = self._tapes, set()
            try:
                await self._reader.tapes(symbols)
            except DatabaseError as exc:
                log.warning("tape_not_read", reason=str(exc))
                self._tapes |= symbols
                self._tape_work.set()
            self._changed()
            now = time.monotonic()
            due = next_beat(due, now, self._tape_pause_s)
            await asyncio.sleep(due - now)
