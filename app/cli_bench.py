"""`tickdeck bench`: measure on this machine; every figure is a ratio inside one run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import typer
from rich.console import Console

from app.database import database
from app.progress import progress_bar
from db.config import DatabaseSettings
from db.errors import ConfigurationError

app = typer.Typer(help="Measure on this machine.", no_args_is_help=True)
errors = Console(stderr=True, soft_wrap=True)

DAY: Final = Path("../shared/data/us-equities-2013-10-07-trades.csv.gz")

AS_JSON = typer.Option(False, "--json", help="One JSON object instead of a table.")


@contextmanager
def _playwright() -> Iterator[None]:
    """Tell whoever installed Tickdeck without what its benchmarks need how to get it."""
    try:
        yield
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] != "playwright":
            raise
        raise ConfigurationError(
            "this benchmark drives a browser: pip install 'tickdeck[bench]', or use `make bench` in a checkout"
        ) from exc


@app.command()
def ingest(
    as_json: bool = AS_JSON,
    day: Path = typer.Option(
        DAY, "--day", envvar="TICKDECK_BENCH_DAY", help="A file of real trades, if there."
    ),
    rounds: int = typer.Option(5, "--rounds", min=1, help="Rounds of each case."),
) -> None:
    """Ticks a second of the whole write path against a bare COPY of the same rows."""
    from bench.ingest import run  # noqa: PLC0415 - start-up time of the other commands

    with progress_bar(errors) as progress, database(DatabaseSettings(), progress=progress) as url:
        run(url, as_json=as_json, day=day if day.exists() else None, rounds=rounds)


@app.command()
def push(
    as_json: bool = AS_JSON,
    viewers: str = typer.Option("1,20,100,300,1000", "--viewers", help="Numbers of viewers, with commas."),
    seconds: float = typer.Option(2.0, "--seconds", min=1, help="How long each load lasts."),
    rounds: int = typer.Option(2, "--rounds", min=1, help="Rounds of each case."),
    browser: bool = typer.Option(True, help="Until the painted cell in Chromium, too."),
) -> None:
    """Milliseconds from an INSERT to the frame at N viewers, and what they cost, against Dash's own ways."""
    with _playwright():
        from bench.push import run  # noqa: PLC0415

    try:
        counts = sorted({int(count) for count in viewers.split(",")})
    except ValueError as exc:
        raise typer.BadParameter(f"{viewers!r} is no list of whole numbers", param_hint="--viewers") from exc
    if not 1 <= counts[0] <= counts[-1] <= 5000:
        raise typer.BadParameter("from 1 to 5000 viewers", param_hint="--viewers")
    with progress_bar(errors) as progress, database(DatabaseSettings(), progress=progress) as url:
        run(url, as_json=as_json, viewers=counts, seconds=seconds, rounds=rounds, browser=browser)


@app.command()
def history(
    as_json: bool = AS_JSON,
    full: bool = typer.Option(False, "--full", help="50 million stored ticks too: some 10 minutes, 7 GB."),
) -> None:
    """Milliseconds to the JSON of a 500-candle chart of each interval, against folding the raw ticks."""
    from bench.history import run  # noqa: PLC0415

    with progress_bar(errors) as progress, database(DatabaseSettings(), progress=progress) as url:
        run(url, as_json=as_json, full=full, progress=progress)


@app.command()
def replay(
    as_json: bool = AS_JSON,
    day: Path = typer.Option(
        DAY, "--day", envvar="TICKDECK_BENCH_DAY", help="A file of real trades, if there."
    ),
    year: bool = typer.Option(True, help="Seek with a year of days stored, too."),
) -> None:
    """Ticks a second of a replay, its seek times, its pacing, and what ten replays cost the live market."""
    from bench.replay import run  # noqa: PLC0415

    with progress_bar(errors) as progress, database(DatabaseSettings(), progress=progress) as url:
        run(url, as_json=as_json, day=day if day.exists() else None, year=year)


@app.command()
def browser(
    as_json: bool = AS_JSON,
    rounds: int = typer.Option(3, "--rounds", min=1, help="Rounds of each case."),
) -> None:
    """Main-thread milliseconds of the page's updates in Chromium, against Plotly's own and lightweight-charts."""
    with _playwright():
        from bench.browser import run  # noqa: PLC0415

    with progress_bar(errors) as progress, database(DatabaseSettings(), progress=progress) as url:
        run(url, as_json=as_json, rounds=rounds)
