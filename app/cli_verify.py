"""`tickdeck verify`: the candles against the ticks."""

from __future__ import annotations

import asyncio

import typer
from rich.console import Console

from app.database import database
from app.progress import progress_bar
from db.config import DatabaseSettings
from db.market import from_us
from db.pool import open_pool
from db.verify import Difference, verify

errors = Console(stderr=True, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add `verify` to the command line."""
    app.command(name="verify")(verify_candles)


def verify_candles() -> None:
    """Compare every stored candle with its ticks, also while feeds write.  Exit code 1: some differ."""
    with progress_bar(errors) as progress, database(DatabaseSettings(), progress=progress) as url:

        async def run() -> list[Difference]:
            pool = await open_pool(url, role="reader", size=1)
            try:
                return await verify(
                    pool, progress=lambda done, of: progress("comparing candles with ticks", done / of)
                )
            finally:
                await pool.close()

        differences = asyncio.run(run())
    for each in differences:
        typer.echo(
            f"{each.symbol} {each.interval} {from_us(each.time_us).isoformat()}: "
            f"stored {each.stored or 'nothing'}, the ticks fold to {each.folded or 'nothing'}"
        )
    if differences:
        raise typer.Exit(1)
    typer.echo("every candle is what its ticks fold to")
