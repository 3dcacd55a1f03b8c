"""`tickdeck archive`: days of ticks in Parquet files instead of the table."""

from __future__ import annotations

from datetime import date

import typer

from tickdeck.app.cli.common import database, database_settings, progress_bar, say
from tickdeck.db.errors import ConfigurationError

app = typer.Typer(
    help="Old days of ticks in Parquet files instead of the table, read as one with it.", no_args_is_help=True
)


def register(root: typer.Typer) -> None:
    """Add the commands of this module to the root of the command line."""
    root.add_typer(app, name="archive")


@app.command()
def run(
    older_than: float | None = typer.Option(
        None, "--older-than", min=1, help="Days, instead of the setting TICKDECK_ARCHIVE_AFTER_DAYS."
    ),
) -> None:
    """Move whole days (UTC) that are older than so many days to the archive; candles stay.  Feeds and dashboards go on."""
    from tickdeck.db.archive.layout import archive_folder, parquet
    from tickdeck.db.archive.move import archive_days

    settings = database_settings()
    days = older_than or settings.archive_after_days
    if days is None:
        raise ConfigurationError("say how old: --older-than DAYS, or TICKDECK_ARCHIVE_AFTER_DAYS")
    if settings.keep_ticks_days is not None and settings.keep_ticks_days <= days:
        raise ConfigurationError(
            f"ticks are dropped after {settings.keep_ticks_days:g} days (TICKDECK_KEEP_TICKS_DAYS): none gets {days:g} days "
            "old; archive earlier or keep them longer"
        )
    parquet()
    root = archive_folder(settings)
    with progress_bar() as report, database(settings, progress=report) as url:
        done = archive_days(url, root, days, report=report)
    say(f"{done.days:,} days of a symbol archived in {root}: {done.ticks:,} ticks, {done.bytes:,} bytes")
    if done.compressed:
        say(
            f"{done.compressed:,} chunks are compressed and stay: archive earlier than TICKDECK_COMPRESS_AFTER_DAYS"
        )
    if done.in_use:
        say(f"{done.in_use:,} are in use and left for the next time")


@app.command()
def status() -> None:
    """Say what is in the archive, and whether its files are there."""
    from tickdeck.db.archive.layout import archive_folder, files_in
    from tickdeck.db.archive.move import catalogue

    settings = database_settings()
    root = archive_folder(settings)
    with database(settings) as url:
        days = catalogue(url)
    present = set(files_in(root))
    named = {each.file for each in days}
    say(f"{'folder':<10} {root}")
    if days:
        symbols = len({each.symbol for each in days})
        say(f"{'days':<10} {len(days):,} of {symbols:,} symbols, from {days[0].day} to {days[-1].day}")
        ticks, size = sum(each.ticks for each in days), sum(each.bytes for each in days)
        say(f"{'ticks':<10} {ticks:,} in {size:,} bytes ({size / ticks:.1f} each)")
    else:
        say(f"{'days':<10} none")
    if left := present - named:
        say(
            f"{'left over':<10} {len(left):,} files that no day needs (those of `restore` go an hour later, with `archive run`)"
        )
    if missing := sorted(named - present):
        say(f"{len(missing):,} files are missing, the first is {root / missing[0]}", err=True)
        raise typer.Exit(1)


@app.command()
def verify() -> None:
    """Read every file: is it what was written, and what the candles count?  Exit code 1: some are not."""
    from tickdeck.db.archive.layout import archive_folder
    from tickdeck.db.archive.move import verify_archive

    settings = database_settings()
    with progress_bar() as report, database(settings, progress=report) as url:
        wrong = verify_archive(url, archive_folder(settings), report)
    for each in wrong:
        say(each)
    if wrong:
        raise typer.Exit(1)
    say("every file is what was written, and what the candles count")


@app.command()
def restore(
    symbol: str = typer.Argument(None, help="The symbol of the day."),
    day: str = typer.Argument(None, metavar="DAY", help="The day (UTC), such as 2024-03-20."),
    everything: bool = typer.Option(False, "--all", help="All days of the archive."),
) -> None:
    """Bring an archived day back into the table, to cancel or correct ticks or to add some.

    The next `archive run` archives it again.
    """
    from tickdeck.db.archive.layout import archive_folder
    from tickdeck.db.archive.move import catalogue, restore_day

    settings = database_settings()
    if settings.keep_ticks_days is not None:
        raise ConfigurationError(
            "TICKDECK_KEEP_TICKS_DAYS is set: the next turn of the retention would drop what is brought back; unset it first"
        )
    root = archive_folder(settings)
    with progress_bar() as report, database(settings, progress=report) as url:
        if everything:
            places = [(each.symbol, each.day) for each in catalogue(url)]
        elif symbol is None or day is None:
            raise ConfigurationError("say which SYMBOL and DAY, or --all")
        else:
            places = [(symbol, _day(day))]
        ticks = 0
        for number, place in enumerate(places):
            report(f"restoring {place[0]} {place[1]}", number / len(places))
            ticks += restore_day(url, root, *place)
    say(f"{ticks:,} ticks of {len(places):,} days of a symbol are back in the table")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise ConfigurationError(f"{text!r} is no day such as 2024-03-20") from exc
