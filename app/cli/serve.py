"""`tickdeck run` and `tickdeck serve`: the dashboard, with a feed of its own or without."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from tickdeck.app.cli.common import (
    FEED_RUNS,
    ROWS_REFUSED,
    Schema,
    database,
    describe,
    embedded_server,
    progress_bar,
    say,
)
from tickdeck.db.errors import ConfigurationError

if TYPE_CHECKING:
    from tickdeck.app.children import Program
    from tickdeck.app.config import Settings
    from tickdeck.app.feed_process import FeedCommand

RUN_PAGE: Final = "run.page"
"""The file in the data folder with the address of the page of `tickdeck run`."""

PORT = typer.Option(None, "--port", min=0, max=65535, help="Port of the page (default 8050; 0: a free one).")
HOST = typer.Option(None, "--host", help="Address to listen on (default 127.0.0.1).")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(run)
    app.command()(serve)


def run(
    port: int = PORT,
    host: str = HOST,
    csv: list[Path] = typer.Option([], "--csv", help="Replay these files instead of the random walk."),
    speed: str = typer.Option("1", "--speed", help="With --csv: times real speed, or max."),
    shift_to_now: bool = typer.Option(False, "--shift-to-now", help="With --csv: date the first tick now."),
    feed: list[str] = typer.Option(
        [], "--feed", help="A live feed and its symbols: binance:BTC/USDT,ETH/USDT. May come again."
    ),
    url: list[str] = typer.Option(
        [], "--url", help="With --feed: where the exchange is; of several feeds, NAME=URL."
    ),
    feeds: Path = typer.Option(None, "--feeds", help="A feeds file: sections with symbols and options."),
    no_feed: bool = typer.Option(False, "--no-feed", help="Start no feed: show what others write."),
    symbols: int = typer.Option(100, "--symbols", min=1, max=5000, help="Symbols of the random walk."),
    rate: float = typer.Option(1000.0, "--rate", min=0.1, help="Ticks a second of the random walk."),
) -> None:
    """Start database, feed and dashboard in one process tree; Ctrl-C stops all of it."""
    from tickdeck.app.cli.feeds_file import named, written
    from tickdeck.app.feed_process import csv_command, walk_command
    from tickdeck.feeds.clock import PacedClock

    # What is wrong is told before anything is started.
    if url and not feed:
        raise ConfigurationError("--url needs a --feed")
    if no_feed and (feed or feeds or csv):
        raise ConfigurationError("--no-feed, and a feed besides: leave one of them away")
    commands = [*named(feed, url), *(written(feeds) if feeds is not None else [])]
    twice = {each.name for each in commands if [other.name for other in commands].count(each.name) > 1}
    if twice:
        raise ConfigurationError(
            f"{', '.join(sorted(twice))}: in --feed and in {feeds}; leave one of them away"
        )
    if csv:
        PacedClock.of(speed)  # before anything is started
        commands.append(csv_command(csv, speed, shift_to_now=shift_to_now))
    if not commands and not no_feed:
        commands.append(walk_command(symbols, rate))
    _run(port, host, [_program(each) for each in commands])


def serve(
    port: int = PORT,
    host: str = HOST,
    listening: int | None = typer.Option(None, "--listening", hidden=True),
    named: str | None = typer.Option(None, "--named", hidden=True),
) -> None:
    """Start database and dashboard, no feed.

    `run` hands over the socket that listens already, and what the database is called: as JSON, which is ASCII, as in the locale C
    nothing else can be handed over.
    """
    # Here and not above: Dash and Plotly take a second to import, which other commands need not wait for.
    from tickdeck.app import logs
    from tickdeck.app.cli.playing import spill_settings
    from tickdeck.app.main import serve_until_stopped
    from tickdeck.app.web.server import open_socket
    from tickdeck.feeds.spill import waiting

    settings = _settings(port, host)
    with ExitStack() as stack:
        stack.enter_context(logs.OUTPUT.by_thread())
        if listening is None:
            sock = stack.enter_context(open_socket(settings.dashboard.host, settings.dashboard.port))
        else:
            sock = stack.enter_context(socket.socket(fileno=listening))
        with progress_bar() as report:
            schema: Schema = "migrate" if named is None else "any"
            url = stack.enter_context(database(settings.database, schema=schema, progress=report))
        asyncio.run(
            serve_until_stopped(
                settings,
                url,
                sock,
                spilled=partial(waiting, spill_settings()),
                database=describe(settings.database, url) if named is None else json.loads(named),
                on_live=lambda page: say(f"Tickdeck is live at {page} (Ctrl-C stops it)"),
            )
        )


def _program(feed: FeedCommand) -> Program:
    from tickdeck.app.children import Program
    from tickdeck.app.feed_process import RESTARTS

    # At its end a feed that has one is done, and also where some rows were refused.
    done = frozenset[int]() if feed.lasts else frozenset({0, ROWS_REFUSED})
    return Program(
        f"feed {feed.name}",
        feed.arguments,
        done=done,
        fatal=frozenset({FEED_RUNS}),
        quiet=True,
        restarts_in=RESTARTS,
    )


def _run(port: int | None, host: str | None, feeds: Sequence[Program]) -> None:
    """The database, `tickdeck serve` and the feeds, each started again where it dies, until a signal comes."""
    from tickdeck.app import logs
    from tickdeck.app.children import Program
    from tickdeck.app.web.server import address, open_socket

    settings = _settings(port, host)
    with ExitStack() as stack:
        stack.enter_context(logs.OUTPUT.by_thread())
        embedded = None if settings.database.database_url else embedded_server(settings.database)
        if embedded is not None and feeds:
            stack.enter_context(_only_run(embedded.data_dir))
        sock = stack.enter_context(open_socket(settings.dashboard.host, settings.dashboard.port))
        if embedded is not None and feeds:
            (embedded.data_dir / RUN_PAGE).write_text(address(sock))
        with progress_bar() as report:
            url = stack.enter_context(database(settings.database, schema="migrate", progress=report))
        # Whatever names the database here, there it is this address.
        where = {"DATABASE_URL": url, "DATABASE_URL_FILE": None, "TICKDECK_DATABASE_URL_FILE": None}
        listening = [
            "--listening",
            str(sock.fileno()),
            "--named",
            json.dumps(describe(settings.database, url)),
        ]
        given = [] if host is None else ["--host", host]
        page = Program(
            "dashboard", ["serve", *given, *listening], fatal=frozenset({1, 2}), descriptors=(sock.fileno(),)
        )  # fmt: skip
        programs = [
            replace(each, environment=where, standby=settings.dashboard.standby) for each in (page, *feeds)
        ]
        code = asyncio.run(_keep(programs))
    if code:
        raise typer.Exit(code)


async def _keep(programs: Sequence[Program]) -> int:
    from tickdeck.app.children import Children

    async with Children() as children:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, children.end)
        for each in programs:
            children.start(each)
        return await children.wait()


@contextmanager
def _only_run(data_dir: Path) -> Iterator[None]:
    """Be the one `tickdeck run` with feeds on this data folder; raises `ConfigurationError` where there is one.

    Two would feed the same market twice.
    """
    from tickdeck.db.embedded import taken

    page, lock = data_dir / RUN_PAGE, data_dir / "run.lock"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock.touch()
    except OSError as exc:
        raise ConfigurationError(
            f"the data folder {data_dir} cannot be written: {exc.strerror or exc}; name another one in TICKDECK_DATA_DIR"
        ) from exc
    with taken(lock) as is_ours:
        if not is_ours:
            where = f" at {page.read_text()}" if page.exists() else ""
            raise ConfigurationError(
                f"`tickdeck run` has this market live already{where}, on the data folder {data_dir}: open that page, "
                "start another one with `tickdeck run --no-feed --port 0`, or name another folder in TICKDECK_DATA_DIR"
            )
        yield


def _settings(port: int | None, host: str | None) -> Settings:
    from tickdeck.app.config import DashboardSettings, Settings

    options = {name: value for name, value in {"port": port, "host": host}.items() if value is not None}
    return Settings(dashboard=DashboardSettings(**options))  # type: ignore[arg-type]
