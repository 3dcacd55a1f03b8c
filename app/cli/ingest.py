"""`tickdeck ingest`: store what feeds have published to a bus."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tickdeck.app.cli.playing import play_in, rejects_file
from tickdeck.app.feed_process import RESTARTS

if TYPE_CHECKING:
    from tickdeck.app.cli.playing import Watch
    from tickdeck.db.session import Pool


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(ingest)


def ingest(
    source: str = typer.Option(..., "--from", metavar="NATS-URL", help="The bus, such as nats://host:4222."),
    writers: int = typer.Option(
        1, "--writers", min=1, max=64, help="So many processes, which share the symbols among themselves."
    ),
) -> None:
    """Store what feeds have published to a bus with `tickdeck feed … --to`; runs until it is stopped.

    More of it may run, here and on other machines, on the same database: they share the partitions of the stream.
    """
    from tickdeck.feeds.bus.settings import BusSettings, address_of

    settings = BusSettings()
    address = address_of(source, settings)
    if writers > 1:
        code = asyncio.run(_keep(source, writers))
        if code:
            raise typer.Exit(code)
        return

    from tickdeck.feeds.bus.connection import Bus
    from tickdeck.feeds.bus.ingest import BusFeed
    from tickdeck.feeds.live import run_live

    rejects = rejects_file(None, [Path("ingest")])

    async def work(pool: Pool, watch: Watch) -> None:
        bus = Bus(address, settings, name="tickdeck ingest")
        async with BusFeed(bus, pool) as feed:
            await run_live(feed, pool, rejects, restarts=int(os.environ.get(RESTARTS, "0")), watch=watch)

    play_in(work, rejects)


async def _keep(source: str, writers: int) -> int:
    """A process each, started again where it dies, until a signal comes."""
    from tickdeck.app.children import Children, Program

    async with Children() as children:
        for stop in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(stop, children.end)
        for number in range(1, writers + 1):
            children.start(
                Program(
                    f"writer {number}",
                    ["ingest", "--from", source],
                    fatal=frozenset({1, 2}),
                    restarts_in=RESTARTS,
                )
            )
        return await children.wait()
