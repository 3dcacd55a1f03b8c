"""What commands with `--to` do: publish a feed to a bus in the place of a database."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from tickdeck.app.cli.common import ROWS_REFUSED
from tickdeck.app.cli.playing import rejects_file, spill_settings, until_stopped
from tickdeck.app.feed_process import RESTARTS

if TYPE_CHECKING:
    from tickdeck.db.market.types import Instrument
    from tickdeck.feeds.base import Feed
    from tickdeck.feeds.plugins import Published
    from tickdeck.feeds.writer import FeedWriter

    Instruments: TypeAlias = Callable[[], Awaitable[list[Instrument]]]
    """Those of a feed."""

ToBus = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="NATS-URL",
        help="Publish to this bus (nats://host:4222) instead of the database, see docs/bus.md.",
    ),
]


def publish_to(url: str, command: str, made: Callable[[Published], tuple[Feed, Instruments | None]]) -> None:
    """Publish the feed that is `made` until it ends or is stopped, and say at its end what it did.

    Raises `typer.Exit` with `ROWS_REFUSED` where rows were refused.
    """
    from tickdeck.app.cli.report import say_ended
    from tickdeck.feeds.bus.connection import Bus
    from tickdeck.feeds.bus.journal import Journal
    from tickdeck.feeds.bus.publish import publish_feed
    from tickdeck.feeds.bus.settings import BusSettings, address_of

    settings = BusSettings()
    address = address_of(url, settings)
    journal = Journal()
    feed, instruments = made(journal)
    rejects = rejects_file(None, [Path(command)])
    writers: list[FeedWriter] = []

    async def work() -> None:
        bus = Bus(address, settings, name=f"tickdeck feed {feed.name}")
        try:
            await publish_feed(
                feed,
                journal,
                bus,
                rejects,
                instruments=instruments,
                watch=writers.append,
                restarts=int(os.environ.get(RESTARTS, "0")),
                spill=spill_settings(f"{address.safe}/{settings.bus_stream}"),
            )
        finally:
            await bus.close()

    try:
        with rejects:
            asyncio.run(until_stopped(work()))
    finally:
        say_ended(writers, rejects, "published")
    if rejects.count:
        raise typer.Exit(ROWS_REFUSED)
