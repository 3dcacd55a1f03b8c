"""`tickdeck export`: stored ticks or candles, as CSV, Parquet or Arrow."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import typer

from tickdeck.app.cli.common import database, database_settings, errors, progress_bar


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(export)


def export(
    file: Path | None = typer.Argument(
        None,
        help="The file: CSV (.gz, .zst, .bz2 and .xz are compressed), .parquet, or .arrow and .feather.  Without it: "
        "CSV on standard output.",
    ),
    symbols: str | None = typer.Option(
        None, "--symbols", help="Symbols, separated by commas (default: all)."
    ),
    start: str | None = typer.Option(
        None, "--from", help="First instant, such as 2013-10-07 or 2013-10-07T13:30Z."
    ),
    end: str | None = typer.Option(None, "--to", help="First instant that is left out."),
    candles: str | None = typer.Option(
        None, "--candles", help="Candles of this interval (1m) instead of ticks."
    ),
    indicators: str | None = typer.Option(
        None, "--indicators", help="Columns more of candles, such as 'ema(20),macd' (see docs/indicators.md)."
    ),
    gaps: Path | None = typer.Option(
        None, "--gaps", help="A CSV file for the gaps that lie in it: what feeds have missed."
    ),
    force: bool = typer.Option(False, "--force", help="Replace a file that is there."),
) -> None:
    """Write stored ticks, by time and seq, as a file that `tickdeck load` reads back; or candles, by symbol and time.

    All is of one moment, also while feeds write.
    """
    from tickdeck.app.export import ReaderGoneError, format_of, parse_selection, require_free, written_to
    from tickdeck.app.export import export as write_rows
    from tickdeck.app.rows import GAP_COLUMNS, gap_row, header_csv, rows_csv

    selection = parse_selection(symbols, start, end, candles, indicators)
    form = format_of(file, candles=selection.interval is not None, columns=selection.columns)
    if file is not None:
        require_free(file, force=force)
    if gaps is not None:
        require_free(gaps, force=force)
    # Where the rows themselves are on the screen, a bar would be drawn into them.
    silent = not errors.is_terminal or (file is None and sys.stdout.isatty())
    try:
        with (
            progress_bar() as report,
            database(database_settings(), progress=report) as url,
            written_to(file, force=force) as write,
        ):
            rows, count, missed = asyncio.run(
                write_rows(url, selection, form, write, _nothing if silent else report)
            )
    except ReaderGoneError:
        raise typer.Exit from None  # as `head` wants it
    if gaps is not None:
        with written_to(gaps, force=force) as write:
            write(header_csv(GAP_COLUMNS) + rows_csv(map(gap_row, missed)))
    kind = "ticks" if selection.interval is None else f"{selection.interval} candles"
    place = "" if file is None else f" in {file}"
    errors.print(f"{rows:,} {kind} of {count:,} symbols{place}", highlight=False, markup=False)
    if missed:
        told = f", listed in {gaps}" if gaps is not None else " (--gaps FILE lists them)"
        stretches = f"{len(missed):,} gap{'s' if len(missed) > 1 else ''}"
        errors.print(f"{stretches} in it: trades that feeds have missed{told}", highlight=False, markup=False)


def _nothing(message: str, fraction: float | None) -> None:
    """Report nothing."""
