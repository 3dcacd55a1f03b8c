"""`tickdeck load` and `tickdeck feed`: bring ticks in."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape

from app.cli_feed_walk import walk
from app.cli_options import FileOptions, Files, Speed, takes_file_options

if TYPE_CHECKING:
    from db.pool import Pool
    from feeds.writer import FeedWriter

errors = Console(stderr=True, soft_wrap=True)
feed_app = typer.Typer(help="Play ticks in as they come due.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the root of the command line."""
    app.command()(takes_file_options(load))
    feed_app.command()(takes_file_options(csv))
    feed_app.command()(walk)
    app.add_typer(feed_app, name="feed")


def load(
    files: Files,
    *,
    options: FileOptions,
    as_json: bool = typer.Option(False, "--json", help="Print the summary as one JSON object."),
) -> None:
    """Store files as fast as possible; rows that are stored already are skipped.

    Exit code 0: every row was taken; 2: some were refused (they are in the rejects file); 1: a file could not
    be read to its end, or the database failed.
    """
    from app.cli_feed_report import Summary, load_bar  # noqa: PLC0415 - other commands need not wait for NumPy
    from app.cli_feed_runs import rejects_path, with_pool  # noqa: PLC0415
    from feeds.csv_load import CsvLoad  # noqa: PLC0415
    from feeds.registering import Registrar  # noqa: PLC0415
    from feeds.rejects import RejectsFile  # noqa: PLC0415
    from feeds.run import run_feed  # noqa: PLC0415
    from feeds.writer import BULK  # noqa: PLC0415

    how, venue = options.csv(), options.venue()
    feed = CsvLoad(files, how)
    rejects = RejectsFile(rejects_path(options.rejects_file, files))

    async def work(pool: Pool) -> Summary:
        registrar = Registrar(pool, venue)
        writer: list[FeedWriter] = []
        began = time.perf_counter()
        async with load_bar(errors, feed, writer):
            counters = await run_feed(
                feed, pool, rejects, limits=BULK, prepare=registrar.see, watch=writer.append
            )
        seconds = time.perf_counter() - began
        assumptions = {each.file: each.facts.assumptions() for each in feed.readers if each.facts is not None}
        return Summary(counters, seconds, rejects, registrar, assumptions)

    with rejects:
        summary = with_pool(work) if feed.readers else None
    if summary is not None and as_json:
        typer.echo(json.dumps({**summary.as_json(), "errors": [str(each) for each in feed.failures]}))
    elif summary is not None:
        summary.show(Console(soft_wrap=True))
    for failure in feed.failures:
        errors.print(f"[bold red]error:[/] {escape(str(failure))}", highlight=False)
    if summary is None and feed.readers:
        errors.print("stopped; what was read so far is stored")
        raise typer.Exit(130)
    if feed.failures:
        raise typer.Exit(1)
    if rejects.count:
        raise typer.Exit(2)


def csv(
    files: Files,
    speed: Speed = "1",
    shift_to_now: bool = typer.Option(
        False, "--shift-to-now", help="Date the first tick now, the rest after it."
    ),
    loop: bool = typer.Option(
        False, "--loop", help="Begin again at the end, for ever (with --shift-to-now)."
    ),
    *,
    options: FileOptions,
) -> None:
    """Play files, each sorted by time, as if they happened now; several are merged in order of time."""
    from app.cli_feed_runs import Watch, play_in, rejects_path  # noqa: PLC0415 - as above
    from feeds.clock import PacedClock, parse_speed  # noqa: PLC0415
    from feeds.csv_replay import CsvReplay  # noqa: PLC0415
    from feeds.registering import Registrar  # noqa: PLC0415
    from feeds.rejects import RejectsFile  # noqa: PLC0415
    from feeds.run import run_feed  # noqa: PLC0415

    how, venue = options.csv(), options.venue()
    feed = CsvReplay(files, how, PacedClock(parse_speed(speed)), shift_to_now=shift_to_now, loop=loop)
    rejects = RejectsFile(rejects_path(options.rejects_file, files))

    async def work(pool: Pool, watch: Watch) -> None:
        registrar = Registrar(pool, venue)
        await run_feed(feed, pool, rejects, prepare=registrar.see, watch=watch)

    play_in(work, rejects)
