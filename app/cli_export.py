"""`tickdeck export`: stored ticks or candles, as a CSV file."""

from __future__ import annotations

from pathlib import Path

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(export)


def export(
    file: Path | None = typer.Argument(
        None, help="The file; .gz, .zst, .bz2 and .xz are compressed.  Without it: standard output."
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
    force: bool = typer.Option(False, "--force", help="Replace a file that is there."),
) -> None:
    """Write stored ticks, by time and seq, as CSV that `tickdeck load` reads back; or candles, by symbol and time.

    All is of one moment, also while feeds write.
    """
    from app.export_file import ReaderGoneError  # noqa: PLC0415 - start-up time of the other commands
    from app.export_run import export as run  # noqa: PLC0415
    from app.export_run import wanted  # noqa: PLC0415

    asked = wanted(symbols, start, end, candles)
    try:
        run(file, asked, force=force)
    except ReaderGoneError:
        raise typer.Exit from None  # as `head` wants it
