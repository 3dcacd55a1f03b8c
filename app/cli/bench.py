"""`tickdeck bench`: measure on this machine; every figure is a ratio inside one run."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from tickdeck.app.cli.common import database, database_settings, progress_bar
from tickdeck.db.errors import ConfigurationError

app = typer.Typer(help="Measure on this machine.", no_args_is_help=True)

DAY = typer.Option(
    None, "--day", envvar="TICKDECK_BENCH_DAY", exists=True, help="A file of real trades; else made-up ones."
)
AS_JSON = typer.Option(False, "--json", help="One JSON object instead of a table.")


def benchmark(name: str) -> Callable[..., Any]:
    """`run` of bench/`name`; raises `ConfigurationError` where what it needs is not installed."""
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / "bench" / name).is_dir():
        raise ConfigurationError("benchmarks come with a checkout of Tickdeck, not with an installation")
    try:
        run: Callable[..., Any] = import_module(f"bench.{name}").run
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] != "playwright":
            raise
        raise ConfigurationError(
            "this benchmark drives a browser: pip install 'tickdeck[bench]', or use `make bench` in a checkout"
        ) from exc
    return run


def measure(name: str, *, shows_progress: bool = False, **options: Any) -> None:
    """Run bench/`name` with `options`, on a server on which it makes databases of its own."""
    run = benchmark(name)
    with progress_bar() as report, database(database_settings(), schema="any", progress=report) as url:
        if shows_progress:
            options["progress"] = report
        run(url, **options)


def register(root: typer.Typer) -> None:
    """Add the commands of this module to the root of the command line."""
    root.add_typer(app, name="bench")


@app.command()
def ingest(
    as_json: bool = AS_JSON,
    day: Path | None = DAY,
    rounds: int = typer.Option(5, "--rounds", min=1, help="Rounds of each case."),
) -> None:
    """Ticks a second of the whole write path against a bare COPY of the same rows."""
    measure("ingest", as_json=as_json, day=day, rounds=rounds)


@app.command()
def push(
    as_json: bool = AS_JSON,
    viewers: str = typer.Option(
        "",
        "--viewers",
        help="Numbers of viewers, with commas.  [default: 1,20,100,300,1000; with --door: 300]",
    ),
    seconds: float = typer.Option(2.0, "--seconds", min=1, help="How long each load lasts."),
    rounds: int = typer.Option(2, "--rounds", min=1, help="Rounds of each case."),
    browser: bool = typer.Option(True, help="Until the painted cell in Chromium, too."),
    door: bool = typer.Option(
        False, "--door", help="Instead: what signing in costs, and somebody who tries passwords."
    ),
) -> None:
    """Milliseconds from an INSERT to the frame at N viewers, and what they cost, against Dash's own ways."""
    try:
        wanted = viewers or ("300" if door else "1,20,100,300,1000")
        counts = sorted({int(count) for count in wanted.split(",")})
    except ValueError as exc:
        raise typer.BadParameter(f"{viewers!r} is no list of whole numbers", param_hint="--viewers") from exc
    if not 1 <= counts[0] <= counts[-1] <= 5000:
        raise typer.BadParameter("from 1 to 5000 viewers", param_hint="--viewers")
    measure(
        "push", as_json=as_json, viewers=counts, seconds=seconds, rounds=rounds, browser=browser, door=door
    )


@app.command()
def alerts(
    as_json: bool = AS_JSON,
    rules: int = typer.Option(10_000, "--rules", min=1, help="Alert rules that wait."),
) -> None:
    """Microseconds that alert rules add to each tick in the hub, against a look at every rule."""
    benchmark("alerts")(as_json=as_json, rules=rules)


@app.command()
def history(
    as_json: bool = AS_JSON,
    full: bool = typer.Option(False, "--full", help="50 million stored ticks too: some 10 minutes, 7 GB."),
) -> None:
    """Milliseconds to the JSON of a 500-candle chart of each interval, against folding the raw ticks."""
    measure("history", shows_progress=True, as_json=as_json, full=full)


@app.command()
def replay(
    as_json: bool = AS_JSON,
    day: Path | None = DAY,
    year: bool = typer.Option(True, help="Seek with a year of days stored, too."),
) -> None:
    """Ticks a second of a replay, its seek times, its pacing, and what ten replays cost the live market."""
    measure("replay", as_json=as_json, day=day, year=year)


@app.command()
def browser(
    as_json: bool = AS_JSON,
    rounds: int = typer.Option(3, "--rounds", min=1, help="Rounds of each case."),
    minutes: float = typer.Option(0, "--minutes", min=0, help="Whether heap and listeners grow in so long."),
    only_chart: bool = typer.Option(False, "--only-chart", help="Only what must hold of the chart."),
) -> None:
    """Main-thread milliseconds of the page's updates in Chromium, against Plotly's own and lightweight-charts."""
    measure("browser", as_json=as_json, rounds=rounds, minutes=minutes, only_chart=only_chart)


@app.command()
def soak(
    as_json: bool = AS_JSON,
    minutes: float | None = typer.Option(None, "--minutes", min=0.2, help="How long ticks come; 10."),
    rounds: int | None = typer.Option(
        None, "--rounds", min=1, help="Only kill -9, of a process by chance, and so many times."
    ),
    rate: int = typer.Option(2000, "--rate", min=20, help="Ticks a second."),
    viewers: int = typer.Option(20, "--viewers", min=1, max=500, help="Viewers that stay."),
    seed: int = typer.Option(0, "--seed", help="The same seed hurts in the same order."),
) -> None:
    """All of Tickdeck under load while its processes are killed and stopped: sent = stored = folded = shown.

    On a database of its own.  Exit code 1: something was lost, doubled, wrong, never right again, or has grown.
    """
    run = benchmark("soak")
    if not run(minutes=minutes, rounds=rounds, rate=rate, viewers=viewers, seed=seed, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def exchange(
    as_json: bool = AS_JSON,
    rate: float = typer.Option(1000.0, "--rate", min=1, help="Trades a second."),
    seconds: float = typer.Option(
        60.0, "--seconds", min=5, help="How long; 600 tells whether memory is flat."
    ),
) -> None:
    """Milliseconds from a local exchange's trade to the painted cell, and what becomes of all trades under cuts."""
    measure("exchange", as_json=as_json, rate=rate, seconds=seconds)
