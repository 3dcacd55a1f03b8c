"""`tickdeck db`: start, stop, look at, migrate and enter the database."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from tickdeck.app.cli.common import (
    Terminal,
    database,
    database_settings,
    embedded_server,
    errors,
    progress_bar,
    say,
)
from tickdeck.db.errors import ConfigurationError

if TYPE_CHECKING:
    from tickdeck.db.session import Role
    from tickdeck.db.upkeep.check import State

app = typer.Typer(
    help="The database: the embedded TimescaleDB, or the one DATABASE_URL names.", no_args_is_help=True
)


COLOURS: Final[dict[State, str]] = {"ok": "green", "mind": "yellow", "wrong": "bold red"}


def register(root: typer.Typer) -> None:
    """Add the commands of this module to the root of the command line."""
    root.add_typer(app, name="db")


@app.command()
def up() -> None:
    """Start the embedded database, migrate it, and leave it running; prints its address."""
    from tickdeck.db.revisions import is_current

    settings = database_settings()
    if settings.database_url is not None:
        raise ConfigurationError(
            "DATABASE_URL is set: that server is not Tickdeck's to start; use `db migrate`"
        )
    with progress_bar() as report:
        url = embedded_server(settings, report).up()
    if not is_current(url):  # a standby has the schema of its primary, and takes nothing that is written
        from tickdeck.db.migrate import upgrade

        upgrade(url)
    say(url)


@app.command()
def down() -> None:
    """Stop the embedded database."""
    stopped = embedded_server(database_settings()).down()
    say("stopped" if stopped else "was not running")


@app.command()
def status(as_json: bool = typer.Option(False, "--json", help="One JSON object.")) -> None:
    """Say which database is used, where, and whether it runs."""
    from tickdeck.db.url import safe_url

    settings = database_settings()
    if settings.database_url is not None:
        facts: dict[str, object] = {"kind": "DATABASE_URL", "url": safe_url(settings.database_url)}
    else:
        found = embedded_server(settings).status()
        facts = {
            "kind": "embedded",
            "running": found.running,
            "pid": found.pid,
            "url": found.url,
            "postgresql": found.postgresql,
            "timescaledb": found.timescaledb,
            "data": str(found.data_dir),
            "bytes": found.size,
        }
    if as_json:
        say(json.dumps(facts))
        return
    for name, value in facts.items():  # never cut to the terminal's width: the address is to be copied
        say(f"{name:<12} {'-' if value is None else value}")


@app.command()
def migrate(
    yes: bool = typer.Option(
        False, "--yes", help="Also in a database that holds tables of something else, beside those."
    ),
) -> None:
    """Bring the schema to this version, in an empty database or Tickdeck's own."""
    from tickdeck.db.migrate import upgrade
    from tickdeck.db.revisions import head

    with progress_bar() as report, database(database_settings(), schema="any", progress=report) as url:
        upgrade(url, beside_others=yes)
        say(f"the schema is at revision {head()}")


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def shell(context: typer.Context) -> None:
    """Open psql on the database; what follows is passed to psql."""
    from tickdeck.db.url import libpq_url

    settings = database_settings()
    if settings.database_url is not None:
        psql = shutil.which("psql")
        if psql is None:
            raise ConfigurationError("psql is not installed; the address is in DATABASE_URL")
        command = [psql, libpq_url(settings.database_url)]
    else:
        server = embedded_server(settings)
        if not server.status().running:
            raise ConfigurationError("the embedded database is not running: start it with `tickdeck db up`")
        command = server.psql_command()
    os.execv(command[0], [*command, *context.args])  # noqa: S606 - psql takes this terminal over


@app.command()
def backup(
    target: Path = typer.Argument(
        help="A file (.tar, .tar.gz, .tgz), or a folder that is not there or empty."
    ),
) -> None:
    """Copy the whole database to TARGET while it runs and feeds write; restored by `db restore`."""
    from tickdeck.db.embedded import EmbeddedUnavailable
    from tickdeck.db.upkeep.backup import back_up, newest

    settings = database_settings()
    programs = [found] if (found := shutil.which("pg_basebackup")) else []
    began = time.monotonic()
    with progress_bar() as report, database(settings, schema="any", progress=report) as url:
        with suppress(EmbeddedUnavailable):  # it was never installed
            programs.append(embedded_server(settings).program("pg_basebackup"))
        program = newest(programs)
        report(f"copying the database to {target}", None)
        size = back_up(url, target, program)
    say(f"{target}: {size:,} bytes in {time.monotonic() - began:.1f} s")


@app.command()
def restore(
    source: Path = typer.Argument(exists=True, help="What `db backup` made of an embedded database."),
) -> None:
    """Make the embedded database of a backup, where there is none; says what it holds."""
    from tickdeck.db.revisions import head
    from tickdeck.db.upkeep.backup import held

    settings = database_settings()
    if settings.database_url is not None:
        raise ConfigurationError(
            "DATABASE_URL is set: that server's data folder is not Tickdeck's to restore; unset it to restore into an "
            "embedded database"
        )
    with progress_bar() as report:
        server = embedded_server(settings, report)
        server.restore(source)
        with server as url:
            found = held(url)
    newest = (
        "none" if found.newest is None else f"newest {found.newest.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC"
    )
    say(
        f"restored in {server.data_dir}: {found.ticks:,} ticks ({newest}) of {found.symbols:,} symbols, "
        f"{found.candles:,} candles"
    )
    if found.revision is None:
        say("it has no schema yet: `tickdeck run` or `db migrate` makes it")
    elif found.revision != head():
        say(
            f"its schema is at revision {found.revision}: `tickdeck run` or `db migrate` brings it to {head()}"
        )


@app.command()
def standby(
    folder: Path = typer.Argument(help="Its data folder, which is not there yet or has no database."),
) -> None:
    """Make FOLDER a standby of the embedded database and leave it running; prints its address, for TICKDECK_READ_URL."""
    from tickdeck.db.embedded import EmbeddedServer
    from tickdeck.db.upkeep.standby import make_standby, name_of

    settings = database_settings()
    if settings.database_url is not None:
        raise ConfigurationError(
            "DATABASE_URL is set: standbys of that server are made with its own tools, as docs/replicas.md says"
        )
    with progress_bar() as report, database(settings, schema="any", progress=report) as url:
        server = EmbeddedServer(folder, progress=report)
        report(f"copying the database to {folder}", None)
        address = make_standby(url, server)
    errors.print(f"the primary knows it as {name_of(server.data_dir)}")
    say(address)


@app.command("check")
def check_database(as_json: bool = typer.Option(False, "--json", help="A list of JSON objects.")) -> None:
    """Look the database over: schema, drift, edition, versions, roles, disk.  Exit code 1: something is wrong."""
    from rich.markup import escape
    from rich.table import Table

    from tickdeck.db.upkeep.check import check

    settings = database_settings()
    url, disk = settings.database_url, None
    if url is None:
        server = embedded_server(settings)
        if not server.status().running:
            raise ConfigurationError("the embedded database is not running: start it with `tickdeck db up`")
        url, disk = server.url, server.data_dir
    findings = check(url, settings, disk=disk)
    if as_json:
        say(json.dumps([asdict(finding) for finding in findings]))
    else:
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        for finding in findings:
            colour = COLOURS[finding.state]
            table.add_row(f"[{colour}]{finding.state}[/]", escape(finding.subject), escape(finding.detail))
        Terminal(soft_wrap=True).print(table)
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)


@app.command()
def retention(
    keep_days: float | None = typer.Option(
        None, "--keep-days", min=0.001, help="Instead of the setting TICKDECK_KEEP_TICKS_DAYS."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say how much would be dropped."),
    every: float | None = typer.Option(
        None, "--every", min=1, help="Go on for ever, with so many seconds between."
    ),
) -> None:
    """Drop ticks that are over their time; their candles stay.  Only whole days (chunks) are dropped."""
    from tickdeck.db.upkeep.retention import Retention, drop_expired

    settings = database_settings()
    keep = keep_days or settings.keep_ticks_days
    if every is not None and not dry_run:
        with database(settings) as url:
            asyncio.run(
                Retention(
                    url, settings.model_copy(update={"keep_ticks_days": keep, "upkeep_interval_s": every})
                ).run()
            )
        return
    if keep is None:
        say("ticks are kept for ever: TICKDECK_KEEP_TICKS_DAYS is not set")
        return
    with database(settings) as url:
        done = drop_expired(url, keep, dry_run=dry_run)
    verb = "would be dropped" if dry_run else "dropped"
    say(f"{done.chunks} chunks of ticks before {done.before:%Y-%m-%d %H:%M} UTC {verb}")
    if done.in_use:
        say(f"{done.in_use} are in use and left for the next time")


@app.command()
def compress() -> None:
    """Switch the compression of old ticks as TICKDECK_COMPRESS_AFTER_DAYS says."""
    from tickdeck.db.upkeep import compression

    settings = database_settings()
    with database(settings) as url:
        say(compression.apply(url, settings.compress_after_days))


@app.command()
def logins(
    reader: Path = typer.Option(
        ..., "--reader-password-file", help="The password of tickdeck_reader, alone."
    ),
    writer: Path = typer.Option(
        ..., "--writer-password-file", help="The password of tickdeck_writer, alone."
    ),
    settings: Path | None = typer.Option(
        None, "--settings-password-file", help="The password of tickdeck_settings, alone."
    ),
) -> None:
    """Let dashboards log in as tickdeck_reader and tickdeck_settings, and feeds as tickdeck_writer."""
    from tickdeck.db.upkeep.logins import allow_logins

    files: dict[Role, Path] = {"reader": reader, "writer": writer}
    if settings is not None:
        files["settings"] = settings
    with database(database_settings()) as url:
        allow_logins(url, {role: _password(path) for role, path in files.items()})
    say(f"{', '.join(f'tickdeck_{role}' for role in files)} may log in")


def _password(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise ConfigurationError(f"{path}: {exc.strerror or exc}") from exc
