"""Background tasks that never end unheard: one that fails is said in the log and started again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self

import structlog

from tickdeck.db.backoff import Backoff

LONGEST_PAUSE_S: Final = 30.0
WELL_AFTER_S: Final = 60.0
"""A task that ran for so long has got over what made it fail before."""
CANCEL_AGAIN_S: Final = 0.5

log = structlog.get_logger(__name__)


class Supervisor:
    """`async with Supervisor()`: the loops that `start` is given run until the block ends.

    A loop that raises, or returns, is logged and called again after a pause that grows to half a minute.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def start(self, name: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `loop()`, called `name` in the log, until `stop`."""
        task = asyncio.get_running_loop().create_task(self._run(name, loop), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def every(self, seconds: float, name: str, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `act()` again and again, `seconds` after it was done, until `stop`."""

        async def loop() -> None:
            while True:
                await asyncio.sleep(seconds)
                await act()

        self.start(name, loop)

    async def stop(self) -> None:
        """Cancel all of them, and return once they have ended."""
        # Again and again: where a transaction cannot be rolled back, the driver's error takes a cancellation's place.
        while tasks := set(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CANCEL_AGAIN_S)

    async def _run(self, name: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        clock = asyncio.get_running_loop().time
        backoff = Backoff(longest_s=LONGEST_PAUSE_S)
        while True:
            began = clock()
            try:
                await loop()
                log.error("background_task_ended", task=name)
            except Exception:
                log.exception("background_task_failed", task=name)
            if clock() - began > WELL_AFTER_S:
                backoff.reset()
            await backoff.pause()
