"""Runs feeds for commands: a pool that writes, a signal that stops, a file for what is refused, a line at the end."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import typer

from tickdeck.app.cli.common import ROWS_REFUSED, Schema, database, database_settings, progress_bar
from tickdeck.app.feed_process import RESTARTS

if TYPE_CHECKING:
    from tickdeck.db.config import DatabaseSettings
    from tickdeck.db.session import Pool
    from tickdeck.feeds.rejects import RejectsFile
    from tickdeck.feeds.spill import SpillSettings
    from tickdeck.feeds.writer import FeedWriter

    Watch = Callable[[FeedWriter], None]
    """Is told of each writer that a command uses."""

STATEMENT_TIMEOUT_S: Final = 300.0
"""A transaction of many ticks on a busy machine is slow, not stuck."""

T = TypeVar("T")


def with_pool(work: Callable[[Pool], Awaitable[T]], *, history: bool = False) -> T | None:
    """Run `work` with a pool that writes into the configured database; None where a signal stopped it.

    It has one connection more than the settings say, for a feed's lock.  `history`: however old a tick is, it is taken.
    SIGINT and SIGTERM cancel `work`, which has its time to store what it holds.
    """
    settings = database_settings()
    # The one that was there before it has seen to the schema; to look at all migrations takes a part of a second.
    schema: Schema = "any" if int(os.environ.get(RESTARTS, "0")) else "migrate"
    with progress_bar() as report, database(settings, schema=schema, progress=report) as url:
        return asyncio.run(_stoppable(url, settings, work, history=history))


async def _stoppable(
    url: str, settings: DatabaseSettings, work: Callable[[Pool], Awaitable[T]], *, history: bool
) -> T | None:
    from tickdeck.db.session import close_pool, open_pool

    async def working() -> T:
        pool = await open_pool(
            url,
            role="writer",
            size=settings.pool_size + 1,
            statement_timeout_s=STATEMENT_TIMEOUT_S,
            settings=settings.tick_times(history=history),
        )
        try:
            return await work(pool)
        finally:
            await close_pool(pool)

    return await until_stopped(working())


async def until_stopped(work: Coroutine[Any, Any, T]) -> T | None:
    """What `work` returns; None where SIGINT or SIGTERM stopped it, which cancel it."""
    task = asyncio.ensure_future(work)
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

    Raises `typer.Exit` with `ROWS_REFUSED` where rows were refused.
    """
    from tickdeck.app.cli.report import say_ended

    writers: list[FeedWriter] = []
    try:
        with rejects:
            with_pool(lambda pool: work(pool, writers.append))
    finally:
        say_ended(writers, rejects)
    if rejects.count:
        raise typer.Exit(ROWS_REFUSED)


def spill_settings(bus: str | None = None) -> SpillSettings:
    """Where the feeds of the configured database, or of the `bus` of that address, keep what it does not take, in the data folder."""
    from tickdeck.db.embedded import default_data_dir
    from tickdeck.db.url import place_of
    from tickdeck.feeds.spill import SpillSettings

    settings = database_settings()
    if not settings.spill_mb:
        return SpillSettings()
    folder = (settings.data_dir or default_data_dir()) / "spill"
    if bus is not None or settings.database_url is not None:
        place = bus or place_of(settings.database_url or "")
        folder /= hashlib.sha256(place.encode()).hexdigest()[:12]
    return SpillSettings(folder, settings.spill_mb << 20, sync=settings.spill_sync)


def rejects_file(given: Path | None, files: Sequence[Path], *, force: bool = False) -> RejectsFile:
    """The file for refused rows: the one that was asked for (see `RejectsFile.asked_for`), else a new one in the
    data folder.
    """
    from tickdeck.db.embedded import default_data_dir
    from tickdeck.feeds.rejects import RejectsFile

    if given is not None:
        return RejectsFile.asked_for(given, files, force=force)
    stem = re.sub(r"[^\w.-]+", "_", files[0].name.split(".")[0]) if files else "feed"
    folder = (database_settings().data_dir or default_data_dir()) / "rejects"
    name = f"{stem}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.csv"
    return RejectsFile(folder / name, numbered=True)
