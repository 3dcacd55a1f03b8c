"""`tickdeck db check|retention|compress|logins`: the care of a database that stays."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from app.database import database, embedded_server
from db import compression
from db.check import State, check
from db.config import DatabaseSettings
from db.connect import Role
from db.errors import ConfigurationError
from db.logins import allow_logins
from db.retention import Retention, drop_expired

_COLOURS: dict[State, str] = {"ok": "green", "mind": "yellow", "wrong": "bold red"}


def add_to(app: typer.Typer) -> None:
    """Add these commands to the group `tickdeck db`."""
    app.command(name="check")(check_database)
    app.command(name="retention")(retention)
    app.command(name="compress")(compress)
    app.command(name="logins")(logins)


def check_database(as_json: bool = typer.Option(False, "--json", help="A list of JSON objects.")) -> None:
    """Look the database over: schema, drift, edition, versions, roles, disk.  Exit code 1: something is wrong."""
    settings = DatabaseSettings()
    url, disk = settings.database_url, None
    if url is None:
        server = embedded_server(settings)
        if not server.status().running:
            raise ConfigurationError("the embedded database is not running: start it with `tickdeck db up`")
        url, disk = server.url, server.data_dir
    findings = check(url, settings, disk=disk)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        for finding in findings:
            colour = _COLOURS[finding.state]
            table.add_row(f"[{colour}]{finding.state}[/]", finding.subject, finding.detail)
        Console(soft_wrap=True).print(table)
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)


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
    settings = DatabaseSettings()
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
        typer.echo("ticks are kept for ever: TICKDECK_KEEP_TICKS_DAYS is not set")
        return
    with database(settings) as url:
        done = drop_expired(url, keep, dry_run=dry_run)
    verb = "would be dropped" if dry_run else "dropped"
    typer.echo(f"{done.chunks} chunks of ticks before {done.before:%Y-%m-%d %H:%M} UTC {verb}")
    if done.in_use:
        typer.echo(f"{done.in_use} are in use and left for the next time")


def compress() -> None:
    """Switch the compression of old ticks as TICKDECK_COMPRESS_AFTER_DAYS says."""
    settings = DatabaseSettings()
    with database(settings) as url:
        typer.echo(compression.apply(url, settings.compress_after_days))


def logins(
    reader: Path = typer.Option(
        ..., "--reader-password-file", help="The password of tickdeck_reader, alone."
    ),
    writer: Path = typer.Option(
        ..., "--writer-password-file", help="The password of tickdeck_writer, alone."
    ),
) -> None:
    """Let dashboards log in as tickdeck_reader and feeds as tickdeck_writer."""
    files: dict[Role, Path] = {"reader": reader, "writer": writer}
    with database(DatabaseSettings()) as url:
        allow_logins(url, {role: _password(path) for role, path in files.items()})
    typer.echo("tickdeck_reader and tickdeck_writer may log in")


def _password(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise ConfigurationError(f"{path}: {exc.strerror or exc}") from exc
