"""What the feed commands share: a database, a pool that writes, a rejects file, and an orderly end on a signal."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TypeAlias, TypeVar

import typer
from rich.console import Console

from app.cli_feed_report import say_ended
from app.database import database
from app.progress import progress_bar
from db.config import DatabaseSettings
from db.embedded import default_data_dir
from db.pool import Pool, open_pool
from feeds.rejects import RejectsFile
from feeds.writer import FeedWriter

STATEMENT_TIMEOUT_S = 300.0
"""A transaction of many ticks on a busy machine is slow, not stuck."""

T = TypeVar("T")
Watch: TypeAlias = Callable[[FeedWriter], None]
"""Is told of each writer that a command uses."""

errors = Console(stderr=True, soft_wrap=True)


def with_pool(work: Callable[[Pool], Awaitable[T]]) -> T | None:
    """Run `work` with a pool that writes into the configured database; None where a signal stopped it.

    SIGINT and SIGTERM cancel `work`, which has its time to store what it holds.
    """
    settings = DatabaseSettings()
    with progress_bar(errors) as report, database(settings, progress=report) as url:
        return asyncio.run(_stoppable(url, settings, work))


async def _stoppable(url: str, settings: DatabaseSettings, work: Callable[[Pool], Awaitable[T]]) -> T | None:
    async def working() -> T:
        pool = await open_pool(
            url, role="writer", size=settings.pool_size, statement_timeout_s=STATEMENT_TIMEOUT_S
        )
        try:
            return await work(pool)
        finally:
            with suppress(TimeoutError):
                await asyncio.wait_for(pool.close(), 5)

    task = asyncio.ensure_future(working())
    loop = asyncio.get_running_loop()
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        if stopped:
            return None
        raise


def play_in(work: Callable[[Pool, Watch], Awaitable[None]], rejects: RejectsFile) -> None:
    """Run `work` as `with_pool` does and say at its end what the feeds did whose writers it handed to `Watch`.

    Raises `typer.Exit` with code 2 where rows were refused.
    """
    writers: list[FeedWriter] = []
    try:
        with rejects:
            with_pool(lambda pool: work(pool, writers.append))
    finally:
        say_ended(writers, rejects)
    if rejects.count:
        raise typer.Exit(2)


def rejects_path(given: Path | None, files: Sequence[Path]) -> Path:
    """The file for refused rows: the one that was asked for, else a new one in the data folder."""
    if given is not None:
        return given
    stem = re.sub(r"[^\w.-]+", "_", files[0].name.split(".")[0]) if files else "feed"
    folder = (DatabaseSettings().data_dir or default_data_dir()) / "rejects"
    name = f"{stem}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"
    return next(
        path
        for number in count(1)
        if not (path := folder / f"{name}{f'-{number}' if number > 1 else ''}.csv").exists()
    )
