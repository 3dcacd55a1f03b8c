"""`tickdeck db`: start, stop, look at, migrate and enter the database."""

from __future__ import annotations

import json
import os
import shutil

import typer
from rich.console import Console

from app.database import database, embedded_server
from app.progress import progress_bar
from db.config import DatabaseSettings
from db.errors import ConfigurationError
from db.migrate import head, upgrade
from db.url import libpq_url, safe_url

app = typer.Typer(
    help="The database: the embedded TimescaleDB, or the one DATABASE_URL names.", no_args_is_help=True
)
errors = Console(stderr=True)


@app.command()
def up() -> None:
    """Start the embedded database, migrate it, and leave it running; prints its address."""
    settings = DatabaseSettings()
    if settings.database_url is not None:
        raise ConfigurationError(
            "DATABASE_URL is set: that server is not Tickdeck's to start; use `db migrate`"
        )
    with progress_bar(errors) as report:
        url = embedded_server(settings, report).up()
    upgrade(url)
    typer.echo(url)


@app.command()
def down() -> None:
    """Stop the embedded database."""
    stopped = embedded_server(DatabaseSettings()).down()
    typer.echo("stopped" if stopped else "was not running")


@app.command()
def status(as_json: bool = typer.Option(False, "--json", help="One JSON object.")) -> None:
    """Say which database is used, where, and whether it runs."""
    settings = DatabaseSettings()
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
        typer.echo(json.dumps(facts))
        return
    for name, value in facts.items():  # never cut to the terminal's width: the address is to be copied
        typer.echo(f"{name:<12} {'-' if value is None else value}")


@app.command()
def migrate() -> None:
    """Bring the schema to this version."""
    with progress_bar(errors) as report, database(DatabaseSettings(), progress=report):
        typer.echo(f"the schema is at revision {head()}")


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def shell(context: typer.Context) -> None:
    """Open psql on the database; what follows is passed to psql."""
    settings = DatabaseSettings()
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
