"""`tickdeck verify`: the candles against the ticks."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import typer

from tickdeck.app.cli.common import database, database_settings, progress_bar, say, whoami
from tickdeck.app.cli.playing import STATEMENT_TIMEOUT_S

if TYPE_CHECKING:
    from tickdeck.db.candles.verify import Difference


def register(app: typer.Typer) -> None:
    """Add `verify` to the command line."""
    app.command(name="verify")(verify_candles)


def verify_candles(
    hours: float = typer.Option(
        None, "--hours", min=0.001, help="Only the candles of the last hours; else all."
    ),
    fold_again: bool = typer.Option(
        False, "--repair", help="Fold those that differ again from their ticks, also while feeds write."
    ),
) -> None:
    """Compare every stored candle with its ticks, also while feeds write.  Exit code 1: some differ, and still do.

    Candles that were imported follow from no ticks: they are counted and left alone, and so are the minutes of archived days.
    """
    from tickdeck.db.archive.read import count_archived
    from tickdeck.db.candles.imported import list_imported
    from tickdeck.db.candles.repair import verify_and_repair
    from tickdeck.db.candles.verify import verify
    from tickdeck.db.session import close_pool, open_pool

    since_us = None if hours is None else time.time_ns() // 1000 - round(hours * 3_600_000_000)
    found: list[Difference] = []

    with progress_bar() as progress, database(database_settings(), progress=progress) as url:

        async def run() -> tuple[list[Difference], int, int]:
            reader = await open_pool(url, role="reader", size=1)
            try:
                imported = sum(each.bars for each in await list_imported(reader))
                archived = await count_archived(reader, since_us)
                if not fold_again:
                    differing = await verify(
                        reader,
                        since_us=since_us,
                        progress=lambda done, of: progress("comparing candles with ticks", done / of),
                    )
                    return differing, imported, archived
                progress("comparing candles with ticks", None)
                writer = await open_pool(url, role="writer", size=1, statement_timeout_s=STATEMENT_TIMEOUT_S)
                try:
                    differing = await verify_and_repair(
                        reader, writer, actor=whoami(), since_us=since_us, found=found.append
                    )
                    return differing, imported, archived
                finally:
                    await close_pool(writer)
            finally:
                await close_pool(reader)

        differences, imported, archived = asyncio.run(run())
    for each in found or differences:
        say(_said(each))
    if imported:
        say(f"{imported:,} imported candles are left alone: there are no ticks to compare them with")
    if archived:
        say(
            f"the minutes of {archived:,} archived days are left out: `tickdeck archive verify` compares their files with the candles"
        )
    if differences and fold_again:
        say(f"{len(differences)} differ still: they cannot be folded from their ticks", err=True)
    if differences:
        raise typer.Exit(1)
    if found:
        say(f"{len(found)} candles were folded again; every candle is what its ticks fold to now")
    else:
        say("every candle is what its ticks fold to")


def _said(each: Difference) -> str:
    from tickdeck.db.market.types import from_us

    return (
        f"{each.symbol} {each.interval} {from_us(each.time_us).isoformat()}: "
        f"stored {each.stored or 'nothing'}, the ticks fold to {each.folded or 'nothing'}"
    )
