"""A listener for tests, and what it heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from tickdeck.db.feeds_status import report_feed
from tickdeck.db.listener import Listener
from tickdeck.db.market.messages import Bar, Bars, FeedStatus, Message
from tickdeck.db.market.types import Candle
from tickdeck.db.session import Pool


class Heard:
    """Messages in the order they came; those about feeds only mark how far it is."""

    listener: Listener

    def __init__(self) -> None:
        self.told: list[Message] = []
        self.connects = 0
        self.losses: list[str] = []
        self.refused = 0
        self._marks = 0
        self._changed = asyncio.Event()

    async def up_to_now(self, pool: Pool) -> None:
        """Return once all that was committed before has arrived; `pool` must be a writer's."""
        seen = self._marks
        await report_feed(pool, "mark", kind="test", state="running")
        await self.until(lambda: self._marks > seen)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def on_message(self, message: Message) -> None:
        if isinstance(message, FeedStatus):
            self._marks += 1
        else:
            self.told.append(message)
        self._changed.set()

    async def on_connected(self) -> None:
        self.connects += 1
        self._changed.set()

    def on_lost(self, reason: str) -> None:
        self.losses.append(reason)
        self._changed.set()

    def on_refused(self) -> None:
        self.refused += 1

    def merged(self, symbols: Sequence[str]) -> tuple[dict[str, list[Candle]], dict[str, Bar]]:
        """All bars of `symbols` merged by second, in order, and of each symbol the bar with the last tick."""
        seconds: dict[tuple[str, int], Candle] = {}
        newest: dict[str, Bar] = {}
        for message in self.told:
            assert isinstance(message, Bars)
            for bar in message.bars:
                if bar.symbol not in symbols:
                    continue
                key = bar.symbol, bar.candle.time_us
                seconds[key] = seconds[key].merge(bar.candle) if key in seconds else bar.candle
                if bar.symbol not in newest or _end(newest[bar.symbol]) < _end(bar):
                    newest[bar.symbol] = bar
        candles: dict[str, list[Candle]] = {}
        for (symbol, _), candle in sorted(seconds.items()):
            candles.setdefault(symbol, []).append(candle)
        return candles, newest


def _end(bar: Bar) -> tuple[int, int]:
    return bar.candle.last_us, bar.candle.last_seq


@asynccontextmanager
async def hearing(url: str) -> AsyncIterator[Heard]:
    """Listen to the database at `url`; already listening when entered."""
    heard = Heard()
    heard.listener = Listener(
        url,
        on_message=heard.on_message,
        on_connected=heard.on_connected,
        on_lost=heard.on_lost,
        on_refused=heard.on_refused,
    )
    task = asyncio.create_task(heard.listener.run())
    try:
        await heard.until(lambda: heard.connects)
        yield heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
