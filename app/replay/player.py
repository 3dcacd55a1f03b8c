"""The player: stored ticks, applied in order to a MarketState of their own as a replay's clock reaches them."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, Literal, TypeAlias

import structlog

from tickdeck.app.market.charts import Chart
from tickdeck.app.market.flow import Flow
from tickdeck.app.replay.clock import Position, ReplayClock, ReplayError
from tickdeck.app.replay.market import ReplayMarket
from tickdeck.app.replay.profile import Profile
from tickdeck.app.replay.reader import ReplayReader
from tickdeck.app.replay.ticks import BLOCK_TICKS, PACED_TICKS
from tickdeck.db.errors import TickdeckError
from tickdeck.db.market.bar_types import ChartInterval
from tickdeck.db.market.moments import iso
from tickdeck.db.market.types import Instrument
from tickdeck.db.session import Source

APPLY_S: Final = 0.025
"""While ticks are dense they are applied this often: a tick is never later than this against the clock."""
CLOCK_S: Final = 0.2
"""How often the clock's reading goes out where no tick is due."""
LEAD_S: Final = 1.0
"""Where what is skipped ends so long before the next tick, at the replay's speed."""
MOST_BEHIND_S: Final = 0.25
"""A player that is later than this against its clock lets the clock wait."""

log = structlog.get_logger(__name__)

PlayerState: TypeAlias = Literal["playing", "paused", "ended", "failed"]


class Player:
    """One replay of `[start_us, end_us]`, µs since the epoch: all its symbols on one clock.

    `state` holds what is known from the ticks up to `position` and from nothing later; `on_change` is called
    after every change of either.  Ticks are the corrected ones, or with `as_known` as they were known at the clock: what
    was cancelled or corrected later counts until the clock is there, as it was.  `open` first; `run` then plays until cancelled.
    Every control returns once `state` shows its effect.  One event loop, one lock: controls never interleave.
    """

    def __init__(
        self,
        source: Source,
        instruments: Sequence[Instrument],
        start_us: int,
        end_us: int,
        *,
        speed: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        on_change: Callable[[], None] = lambda: None,
        block_ticks: int = BLOCK_TICKS,
        as_known: bool = False,
    ) -> None:
        self.instruments = {each.symbol: each for each in instruments}
        self.clock = ReplayClock(start_us, end_us, speed=speed, monotonic=monotonic)
        self.loop: tuple[int, int] | None = None
        self.failure: str | None = None
        self.on_change = on_change
        self.skips: Callable[[int, int], bool] = lambda _from_us, _to_us: False
        """Whether a stretch of time without ticks is skipped while it plays."""
        self._reader = ReplayReader(source, list(self.instruments), start_us, end_us, as_known=as_known)
        self._block_ticks = block_ticks
        self.market = ReplayMarket(
            instruments, self._reader, Position.at(start_us), block_ticks=self._block_size(speed)
        )
        self.state = self.market.state
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()

    @property
    def position(self) -> Position:
        """The place up to which all ticks are in `state`; the clock that viewers are shown."""
        return self.market.position

    @property
    def profile(self) -> Profile:
        """How much is traded when in the whole range, as it is known at `position`."""
        return self.market.profile

    @property
    def status(self) -> PlayerState:
        """What the player does; `ended`: it stands at the end of its range, with all ticks applied."""
        if self.failure is not None:
            return "failed"
        if self.clock.playing:
            return "playing"
        return "ended" if self.position >= Position.at(self.clock.end_us) else "paused"

    # -- life -----------------------------------------------------------------------------------------------

    async def open(self, at_us: int | None = None) -> None:
        """Check the range and stand at `at_us` (the start), paused; raise `ReplayError` where nothing is stored."""
        await self._reader.check()
        await self.seek(self.clock.start_us if at_us is None else at_us)

    async def run(self) -> None:
        """Play whenever the clock does, until cancelled."""
        while True:
            self._wake.clear()
            async with self._lock:
                rest_s = await self._play_on()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if math.isinf(rest_s) else rest_s):
                    await self._wake.wait()

    async def close(self) -> None:
        """End the reading; the player cannot be used any more."""
        await self.market.close()

    # -- controls -------------------------------------------------------------------------------------------

    async def play(self) -> None:
        """Run on from here; from the end, again from the start."""
        if self.status == "ended":
            await self.seek(self.clock.start_us)
        elif self.status == "failed":
            await self.seek(self.position)
        self.clock.play()
        self._changed()

    def pause(self) -> None:
        """Stand still."""
        self._stop()
        self._changed()

    def set_speed(self, speed: float) -> None:
        """Go on from here at `speed` (see `replay_speed`)."""
        self.clock.hold(self.position.time_us)
        self.clock.set_speed(speed)
        self.market.set_block(self._block_size(speed))
        self._changed()

    async def seek(self, to: int | Position) -> None:
        """Show the market at an instant (all its ticks included) or a place; `ReplayError` outside the range."""
        position = Position.at(to) if isinstance(to, int) else to
        if not self.clock.start_us <= position.time_us <= self.clock.end_us:
            raise ReplayError(
                f"{iso(position.time_us)} is outside the replay, which is from {iso(self.clock.start_us)}"
                f" to {iso(self.clock.end_us)}"
            )
        async with self._lock:
            await self._load(position)
        self._changed()

    @property
    def as_known(self) -> bool:
        """Whether ticks are as they were known at the clock, and not the corrected ones."""
        return self._reader.as_known

    async def set_corrections(self, *, as_known: bool) -> None:
        """Show the ticks as they were known at the clock, or the corrected ones; the clock stays where it is."""
        async with self._lock:
            await self._reader.know(as_known=as_known)
            await self._load(self.position)
        self._changed()

    async def set_loop(self, between: tuple[int, int] | None) -> None:
        """Play `[from, to]` again and again; None: no longer.  `ReplayError` for what is not in the range."""
        if between is not None:
            first, last = between
            if not self.clock.start_us <= first < last <= self.clock.end_us:
                raise ReplayError(
                    f"the loop from {iso(first)} to {iso(last)} does not lie forward within the replay, "
                    f"which is from {iso(self.clock.start_us)} to {iso(self.clock.end_us)}"
                )
            if not first <= self.position.time_us < last:
                await self.seek(first)
        self.loop = between
        self._changed()

    async def step_tick(self, steps: int) -> None:
        """Stand `steps` places further (negative: back); ticks of one place count as one."""
        self._stop()
        async with self._lock:
            try:
                if steps > 0:
                    await self.market.advance_places(steps, Position.at(self.clock.end_us))
                else:
                    await self._load(await self._reader.place_back(self.position, -steps))
            finally:  # whoever wanted it may have gone in the middle of it
                self.clock.hold(self.position.time_us)
                self._changed()

    async def step_candle(self, interval: ChartInterval, symbol: str, steps: int) -> None:
        """Stand at the end of the candle in progress or, from there, of the next one (negative: the one before)."""
        self._stop()
        await self._seek_within(await self._reader.candle_end(symbol, interval, self.position, steps))

    async def step_time(self, step_us: int) -> None:
        """Stand `step_us` later or earlier, within the range."""
        self._stop()
        await self._seek_within(self.position.time_us + step_us)

    async def first_tick(
        self, symbol: str, after: Position, up_to: Position, least: float | None, most: float | None
    ) -> tuple[Position, float] | None:
        """As `ReplayReader.first_tick`."""
        return await self._reader.first_tick(symbol, after, up_to, least, most)

    # -- topics (as `app.push.topics` asks for them) --------------------------------------------------------

    async def read_chart(self, chart: Chart) -> None:
        """Read the candles of a chart of the state, as of the position."""
        async with self._lock:
            await self.market.load_chart(chart)

    async def read_flow(self, flow: Flow) -> None:
        """Read the order flow of a symbol of the state, as of the position."""
        async with self._lock:
            await self.market.load_flow(flow)

    async def read_tapes(self, symbols: Iterable[str]) -> None:
        """Read tapes of the state, as of the position."""
        async with self._lock:
            for symbol in symbols:
                await self.market.load_tape(symbol)

    # -- playing --------------------------------------------------------------------------------------------

    async def _play_on(self) -> float:
        """Apply what is due; return for how long there is nothing more to do, s."""
        if not self.clock.playing:
            return math.inf
        stop_us = self.clock.end_us if self.loop is None else self.loop[1]
        try:
            applied = await self._keep_up(min(self.clock.limit_us(), stop_us))
            if self.position >= Position.at(stop_us):
                await self._at_the_end()
                return 0.0
        except TickdeckError as exc:
            return self._fail(str(exc))
        except Exception:
            log.exception("replay_failed")
            return self._fail("the server failed; its log says why")
        self.on_change()
        if math.isinf(self.clock.speed):
            return 0.0
        following = self.market.next_place()
        lead_us = round(LEAD_S * 1_000_000 * min(self.clock.speed, 60))
        if (
            following is not None
            and following.time_us - lead_us > self.position.time_us
            and following.time_us - lead_us < stop_us
            and self.skips(self.position.time_us, following.time_us)
        ):
            self.clock.hold(following.time_us - lead_us)
        due_s = 0.0 if following is None else self.clock.seconds_until(following.time_us)
        return max(APPLY_S if applied else 0.001, min(due_s, self.clock.seconds_until(stop_us), CLOCK_S))

    def _fail(self, why: str) -> float:
        self._stop()
        self.failure = why
        self.on_change()
        return math.inf

    async def _keep_up(self, limit_us: int) -> int:
        """Apply some of what is due; where there is more than can be had or done, the clock waits."""
        applied = await self.market.apply_due(Position.at(limit_us))
        behind_us = limit_us - self.position.time_us
        most_us = MOST_BEHIND_S * self.clock.speed * 1_000_000
        if applied is None or math.isinf(self.clock.speed) or behind_us > most_us:
            self.clock.hold(self.position.time_us)
        return applied or 0

    async def _at_the_end(self) -> None:
        if self.loop is None:
            self._stop()
        else:
            await self._load(Position.at(self.loop[0]))
        self.on_change()

    async def _seek_within(self, time_us: int) -> None:
        """Seek within the range; what lies outside counts as its edge."""
        await self.seek(max(self.clock.start_us, min(self.clock.end_us, time_us)))

    async def _load(self, position: Position) -> None:
        await self.market.load(position)
        self.clock.seek(position.time_us)
        self.failure = None

    def _block_size(self, speed: float) -> int:
        return self._block_ticks if math.isinf(speed) else min(self._block_ticks, PACED_TICKS)

    def _stop(self) -> None:
        """Stop the clock exactly where the state is."""
        self.clock.pause()
        self.clock.hold(self.position.time_us)

    def _changed(self) -> None:
        self._wake.set()
        self.on_change()
