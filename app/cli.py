"""The command line: `tickdeck run`, `serve`, and the groups of commands in app/cli_*.py."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from types import FrameType

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from app import cli_bench, cli_db, cli_export, cli_feeds, cli_replay, cli_upkeep, cli_verify
from db.errors import TickdeckError

app = typer.Typer(
    name="tickdeck",
    help="A live market dashboard on TimescaleDB.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
cli_upkeep.add_to(cli_db.app)
app.add_typer(cli_db.app, name="db")
app.add_typer(cli_bench.app, name="bench")
cli_feeds.register(app)
cli_export.register(app)
cli_replay.register(app)
cli_verify.register(app)
errors = Console(stderr=True, soft_wrap=True)

PORT = typer.Option(None, "--port", min=0, max=65535, help="Port of the page (default 8050; 0: a free one).")
HOST = typer.Option(None, "--host", help="Address to listen on (default 127.0.0.1).")


@app.command()
def run(
    port: int = PORT,
    host: str = HOST,
    csv: list[Path] = typer.Option([], "--csv", help="Replay these files instead of the random walk."),
    speed: str = typer.Option("1", "--speed", help="With --csv: times real speed, or max."),
    shift_to_now: bool = typer.Option(False, "--shift-to-now", help="With --csv: date the first tick now."),
    no_feed: bool = typer.Option(False, "--no-feed", help="Start no feed: show what others write."),
    symbols: int = typer.Option(100, "--symbols", min=1, max=5000, help="Symbols of the random walk."),
    rate: float = typer.Option(1000.0, "--rate", min=0.1, help="Ticks a second of the random walk."),
) -> None:
    """Start database, feed and dashboard in one process tree; Ctrl-C stops all of it."""
    from app.feed_process import csv_command, walk_command  # noqa: PLC0415 - start-up time of the other commands
    from feeds.clock import parse_speed  # noqa: PLC0415

    if no_feed:
        feed = None
    elif csv:
        parse_speed(speed)  # what is wrong is told before anything is started
        feed = csv_command(csv, speed, shift_to_now=shift_to_now)
    else:
        feed = walk_command(symbols, rate)
    _serve(port, host, feed)


@app.command()
def serve(port: int = PORT, host: str = HOST) -> None:
    """Start database and dashboard, no feed."""
    _serve(port, host, None)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(metadata.version("tickdeck"))


def _serve(port: int | None, host: str | None, feed: list[str] | None) -> None:
    # Here and not above: Dash and Plotly take a second to import, which other commands need not wait for.
    from app import logs  # noqa: PLC0415
    from app.config import DashboardSettings, Settings  # noqa: PLC0415
    from app.database import database, describe  # noqa: PLC0415
    from app.feed_process import FeedProcess  # noqa: PLC0415
    from app.live.listening import open_socket  # noqa: PLC0415
    from app.progress import progress_bar  # noqa: PLC0415
    from app.serve import serve_until_stopped  # noqa: PLC0415

    asked = {name: value for name, value in {"port": port, "host": host}.items() if value is not None}
    settings = Settings(dashboard=DashboardSettings(**asked))  # type: ignore[arg-type]
    logs.configure(settings.dashboard)
    with ExitStack() as stack:
        sock = stack.enter_context(open_socket(settings.dashboard.host, settings.dashboard.port))
        with progress_bar(errors) as report:
            url = stack.enter_context(database(settings.database, progress=report))
        asyncio.run(
            serve_until_stopped(
                settings,
                url,
                sock,
                database=describe(settings.database, url),
                beside=None if feed is None else FeedProcess(feed, url),
                on_live=lambda page: typer.echo(f"Tickdeck is live at {page} (Ctrl-C stops it)"),
            )
        )


def _interrupt(number: int, frame: FrameType | None) -> None:
    """What SIGINT does now: asyncio cancels its main task then, where an exception could end up in any other."""
    handler = signal.getsignal(signal.SIGINT)
    (handler if callable(handler) else signal.default_int_handler)(number, frame)


def main() -> None:
    """The `tickdeck` command: errors a user can mend are one line and exit code 1, never a traceback.

    SIGTERM does what Ctrl-C does: everything is stopped in order, and half a file is removed.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except TickdeckError as exc:
        errors.print(f"[bold red]error:[/] {escape(str(exc))}")
        sys.exit(1)
    except ValidationError as exc:
        for wrong in exc.errors():
            name = "_".join(str(part) for part in wrong["loc"])
            errors.print(f"[bold red]error:[/] setting {escape(name)}: {escape(wrong['msg'])}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
