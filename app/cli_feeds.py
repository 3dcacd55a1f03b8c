"""`tickdeck load` and `tickdeck feed`: bring ticks in."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape

from app.cli_feed_walk import SPEED, walk

if TYPE_CHECKING:
    from db.pool import Pool
    from feeds.csv_options import CsvOptions
    from feeds.writer import Counters, FeedWriter

FILES = typer.Argument(..., help="CSV files, also compressed (gzip, zstd, bzip2, xz).")
MAP = typer.Option(None, "--map", help="Which column is what: time=ts,price=px,… (seq= for: there is none).")
DELIMITER = typer.Option(None, "--delimiter", help="One character, or comma, semicolon, tab, pipe, space.")
TIME_ZONE = typer.Option(
    None,
    "--timezone",
    "--time-zone",
    help="IANA zone of times in the file that state none (America/New_York).",
)
TIME_UNIT = typer.Option(
    None, "--time-unit", help="Unit of epoch times: s, ms, us or ns (default: by magnitude)."
)
SYMBOL = typer.Option(None, "--symbol", help="The symbol of every row, for files without such a column.")
COLUMNS = typer.Option(None, "--columns", help="Names of the columns of a file without a header line.")
EXCHANGE = typer.Option(
    None,
    "--exchange",
    help="Where the symbols trade: an ISO 10383 code such as XNYS, or none (around the clock).",
)
EXCHANGE_ZONE = typer.Option(
    None,
    "--exchange-timezone",
    help="Zone whose midnights divide the day candles (default: the exchange's, else UTC).",
)
REJECTS = typer.Option(
    None, "--rejects", help="File for refused rows (default: a new one in the data folder)."
)

errors = Console(stderr=True, soft_wrap=True)
feed_app = typer.Typer(help="Play ticks in as they come due.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the root of the command line."""
    app.command()(load)
    feed_app.command()(walk)
    app.add_typer(feed_app, name="feed")


def load(
    files: list[Path] = FILES,
    columns: str = MAP,
    delimiter: str = DELIMITER,
    time_zone: str = TIME_ZONE,
    time_unit: str = TIME_UNIT,
    symbol: str = SYMBOL,
    header: str = COLUMNS,
    exchange: str = EXCHANGE,
    exchange_timezone: str = EXCHANGE_ZONE,
    rejects_file: Path = REJECTS,
    as_json: bool = typer.Option(False, "--json", help="Print the summary as one JSON object."),
) -> None:
    """Store files as fast as possible; rows that are stored already are skipped.

    Exit code 0: every row was taken; 2: some were refused (they are in the rejects file); 1: a file could not
    be read to its end, or the database failed.
    """
    from app.cli_feed_report import Summary, load_bar  # noqa: PLC0415 - other commands need not wait for NumPy
    from app.cli_feed_runs import rejects_path, with_pool  # noqa: PLC0415
    from feeds.csv_load import CsvLoad  # noqa: PLC0415
    from feeds.registering import Registrar, parse_venue  # noqa: PLC0415
    from feeds.rejects import RejectsFile  # noqa: PLC0415
    from feeds.run import run_feed  # noqa: PLC0415
    from feeds.writer import BULK  # noqa: PLC0415

    options = _options(columns, delimiter, time_zone, time_unit, symbol, header)
    venue = parse_venue(exchange, exchange_timezone)
    feed = CsvLoad(files, options)
    rejects = RejectsFile(rejects_path(rejects_file, files))

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


@feed_app.command()
def csv(
    files: list[Path] = FILES,
    speed: str = SPEED,
    shift_to_now: bool = typer.Option(
        False, "--shift-to-now", help="Date the first tick now, the rest after it."
    ),
    loop: bool = typer.Option(
        False, "--loop", help="Begin again at the end, for ever (with --shift-to-now)."
    ),
    columns: str = MAP,
    delimiter: str = DELIMITER,
    time_zone: str = TIME_ZONE,
    time_unit: str = TIME_UNIT,
    symbol: str = SYMBOL,
    header: str = COLUMNS,
    exchange: str = EXCHANGE,
    exchange_timezone: str = EXCHANGE_ZONE,
    rejects_file: Path = REJECTS,
) -> None:
    """Play files, each sorted by time, as if they happened now; several are merged in order of time."""
    from app.cli_feed_report import say_ended  # noqa: PLC0415
    from app.cli_feed_runs import rejects_path, with_pool  # noqa: PLC0415 - as above
    from feeds.clock import PacedClock, parse_speed  # noqa: PLC0415
    from feeds.csv_replay import CsvReplay  # noqa: PLC0415
    from feeds.registering import Registrar, parse_venue  # noqa: PLC0415
    from feeds.rejects import RejectsFile  # noqa: PLC0415
    from feeds.run import run_feed  # noqa: PLC0415

    options = _options(columns, delimiter, time_zone, time_unit, symbol, header)
    venue = parse_venue(exchange, exchange_timezone)
    feed = CsvReplay(files, options, PacedClock(parse_speed(speed)), shift_to_now=shift_to_now, loop=loop)
    rejects = RejectsFile(rejects_path(rejects_file, files))

    async def work(pool: Pool) -> Counters:
        registrar = Registrar(pool, venue)
        return await run_feed(feed, pool, rejects, prepare=registrar.see, watch=writers.append)

    writers: list[FeedWriter] = []
    try:
        with rejects:
            with_pool(work)
    finally:
        say_ended(writers, rejects)
    if rejects.count:
        raise typer.Exit(2)


def _options(
    columns: str | None,
    delimiter: str | None,
    time_zone: str | None,
    time_unit: str | None,
    symbol: str | None,
    header: str | None,
) -> CsvOptions:
    from feeds.csv_options import parse_options  # noqa: PLC0415 - as above

    return parse_options(
        columns=columns,
        delimiter=delimiter,
        time_zone=time_zone,
        time_unit=time_unit,
        symbol=symbol,
        header=header,
    )
