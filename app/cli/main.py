"""The command line: which file beside this one has which command, and saying what went wrong."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import FrameType
from typing import Any, Final

import typer
from rich.markup import escape
from typer.core import TyperGroup

import tickdeck
from tickdeck.app.cli.common import FEED_RUNS, errors, say
from tickdeck.db.errors import FeedRunsError, TickdeckError

FILES: Final[Mapping[str, str]] = {
    "run": "serve", "serve": "serve", "load": "feed", "inspect": "feed", "feed": "feed", "ingest": "ingest", "export": "export",
    "replay": "replay", "verify": "verify", "instruments": "instruments", "ticks": "ticks", "archive": "archive", "db": "db",
    "user": "user", "audit": "user", "alert": "alert", "bench": "bench",
}  # fmt: skip
"""Every command, in the order of the help, and the file that has it."""


class Commands(TyperGroup):
    """A file is imported once one of its commands is asked for: each needs other libraries, which take a second together."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the library's signature
        """All names; nothing is imported for them."""
        return list(FILES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name."""
        return _commands_of(FILES[cmd_name]).get_command(ctx, cmd_name) if cmd_name in FILES else None


@cache
def _commands_of(file: str) -> TyperGroup:
    commands = typer.Typer()
    import_module(f"tickdeck.app.cli.{file}").register(commands)
    return typer.main.get_group(commands)


app = typer.Typer(
    name="tickdeck",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


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
