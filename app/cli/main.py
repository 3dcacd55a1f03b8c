"""The command line: puts the commands of the files beside this one together, and says what went wrong."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import typer
from rich.markup import escape

import tickdeck
from tickdeck.app.cli import alert as cli_alert
from tickdeck.app.cli import bench as cli_bench
from tickdeck.app.cli import db as cli_db
from tickdeck.app.cli import export as cli_export
from tickdeck.app.cli import feed as cli_feeds
from tickdeck.app.cli import instruments as cli_instruments
from tickdeck.app.cli import replay as cli_replay
from tickdeck.app.cli import serve as cli_serve
from tickdeck.app.cli import ticks as cli_ticks
from tickdeck.app.cli import user as cli_user
from tickdeck.app.cli import verify as cli_verify
from tickdeck.app.cli.common import FEED_RUNS, errors, say
from tickdeck.db.errors import FeedRunsError, TickdeckError

app = typer.Typer(
    name="tickdeck",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
cli_serve.register(app)
cli_feeds.register(app)
cli_export.register(app)
cli_instruments.register(app)
cli_ticks.register(app)
cli_replay.register(app)
cli_verify.register(app)
app.add_typer(cli_db.app, name="db")
cli_user.register(app)
cli_alert.register(app)
app.add_typer(cli_bench.app, name="bench")


def _print_version(show: bool) -> None:
    if show:
        say(f"tickdeck {tickdeck.__version__}")
        raise typer.Exit


@app.callback()
def tickdeck_command(
    _version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
    ),
) -> None:
    """A live market dashboard on TimescaleDB."""
    from tickdeck.app import logs
    from tickdeck.app.config import LogSettings

    logs.configure(LogSettings())


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
        sys.exit(FEED_RUNS if isinstance(exc, FeedRunsError) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as exc:
        from pydantic import ValidationError  # a library that most commands do without

        if not isinstance(exc, ValidationError):
            raise
        for wrong in exc.errors():
            name = "_".join(str(part) for part in wrong["loc"])
            errors.print(f"[bold red]error:[/] setting {escape(name)}: {escape(wrong['msg'])}")
        sys.exit(1)
