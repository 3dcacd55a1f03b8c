"""The feed that `tickdeck run` starts: a child process, so that making ticks never delays a frame."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog

STOP_TIMEOUT_S: Final = 5.0

log = structlog.get_logger(__name__)


def walk_command(symbols: int, rate: float) -> list[str]:
    """Arguments of `tickdeck` for the random walk; it backfills its history on the first start."""
    return ["feed", "walk", "--symbols", str(symbols), "--rate", str(rate)]


def csv_command(files: Sequence[Path], speed: str, *, shift_to_now: bool) -> list[str]:
    """Arguments of `tickdeck` for replaying files."""
    options = ["--speed", speed, *(["--shift-to-now"] if shift_to_now else [])]
    return ["feed", "csv", *(str(file.absolute()) for file in files), *options]


class FeedProcess:
    """`async with FeedProcess(…)`: runs `tickdeck` with these arguments on the database at `url`.

    The child ends with the block, and also where this process is killed.  A feed that ends by itself (a file's
    end, a refused file) is logged; the dashboard goes on.
    """

    def __init__(self, arguments: Sequence[str], url: str) -> None:
        self._arguments = list(arguments)
        self._url = url
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app.child", *self._arguments, env={**os.environ, "DATABASE_URL": self._url},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        self._watching = asyncio.create_task(self._watch(self._process))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is None or self._watching is None:
            return
        self._watching.cancel()
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        if code:
            log.error("feed_failed", feed=self._arguments[1], exit_code=code)
        else:
            log.info("feed_ended", feed=self._arguments[1])
