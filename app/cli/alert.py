"""`tickdeck alert`: rules to be told by, and what they fired."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar, cast
from uuid import UUID, uuid4

import typer
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from tickdeck.app.cli.common import Terminal, on_database, say, whoami
from tickdeck.app.cli.user import known
from tickdeck.db import alerts, users
from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.buckets import day_of
from tickdeck.db.market.moments import iso
from tickdeck.db.market.types import Interval, Repeat
from tickdeck.db.session import Pool

T = TypeVar("T")

app = typer.Typer(help="Rules to be told by, and what they fired.", no_args_is_help=True)

USER = typer.Option(None, "--user", help="Whose; needed once there are users.")


def register(root: typer.Typer) -> None:
    """Add the commands of this module to the root of the command line."""
    root.add_typer(app, name="alert")


def _run(user: str | None, work: Callable[[Pool, int | None], Awaitable[T]]) -> T:
    """Do `work` as the user; raise `ConfigurationError` where there is none of that name, or one has to be named."""

    async def of_owner(pool: Pool) -> T:
        if user is None:
            if await users.any_user(pool):
                raise ConfigurationError("whose alerts? There are users: say --user NAME")
            return await work(pool, None)
        return await work(pool, (await known(pool, user)).id)

    return on_database("settings", of_owner)


@app.command()
def add(
    condition: str = typer.Argument(..., help='Such as "price crosses 167.5", "rises 1% in 5m", "new high".'),
    symbol: str | None = typer.Option(None, "--symbol", help="Of which symbol; none: of a feed."),
    repeat: Repeat = typer.Option("once", "--repeat", help="once, bar (once a bar) or rearm (each time)."),
    every: str = typer.Option("1m", "--every", help="The bar of `--repeat bar`: 1m to 1d."),
    note: str = typer.Option("", "--note", help="What it is about."),
    webhook: str | None = typer.Option(None, "--webhook", help="An address that gets each firing by POST."),
    email: str | None = typer.Option(None, "--email", help="Who gets a mail of each firing."),
    user: str | None = USER,
) -> None:
    """Wait for something."""
    from tickdeck.app.config import AlertSettings
    from tickdeck.app.market.alert_rules import check_rule

    said = check_rule(condition, symbol, every)
    refusal = AlertSettings().refusal(webhook=webhook, email=email)
    if refusal is not None:
        raise ConfigurationError(refusal)
    number = uuid4()

    async def work(pool: Pool, owner: int | None) -> None:
        rule = alerts.AlertRule(number, owner, symbol, str(said), repeat, every, note, webhook, email)
        await alerts.save_rule(pool, rule)
        await users.audit(
            pool, "alert_saved", actor=whoami(), subject=str(number),
            symbol=symbol, condition=str(said), webhook=webhook, email=email,
        )  # fmt: skip

    _run(user, work)
    say(str(number))


@app.command("list")
def list_rules(user: str | None = USER) -> None:
    """Show the rules."""
    table = Table("id", "symbol", "condition", "repeat", "waits", "note")
    for each in _run(user, alerts.list_rules):
        repeat = f"bar of {each.every}" if each.repeat == "bar" else each.repeat
        row = (
            str(each.id),
            each.symbol or "",
            each.condition,
            repeat,
            "yes" if each.active else "no",
            each.note,
        )
        table.add_row(*map(escape, row))
    _print(table)


@app.command()
def remove(number: UUID = typer.Argument(..., help="The rule's id."), user: str | None = USER) -> None:
    """Wait for it no more; what it fired stays in the log."""

    async def work(pool: Pool, owner: int | None) -> None:
        if not await alerts.delete_rule(pool, owner, number):
            raise ConfigurationError(f"there is no alert {number}; `tickdeck alert list` shows all")
        await users.audit(pool, "alert_removed", actor=whoami(), subject=str(number))

    _run(user, work)
    say(f"{number} is removed")


@app.command()
def log(
    user: str | None = USER, limit: int = typer.Option(50, "--limit", min=1, max=500, help="How many.")
) -> None:
    """Show what fired, the newest first."""
    table = Table("time (UTC)", "symbol", "condition", "value", "note", "not sent")

    async def work(pool: Pool, owner: int | None) -> list[alerts.LogEntry]:
        return await alerts.read_log(pool, owner, limit=limit)

    for each in _run(user, work):
        when = each.time.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
        row = (
            when,
            each.symbol or "",
            each.condition,
            f"{each.value:.10g}",
            each.note,
            each.undelivered or "",
        )
        table.add_row(*map(escape, row))
    _print(table)


@app.command("test")
def try_rule(
    condition: str = typer.Argument(..., help="As of `tickdeck alert add`."),
    symbol: str = typer.Option(..., "--symbol", help="Of which symbol."),
    day: datetime | None = typer.Option(
        None,
        "--day",
        formats=["%Y-%m-%d"],
        help="By the instrument's day rule; default: the newest with ticks.",
    ),
    repeat: Repeat = typer.Option("rearm", "--repeat", help="once, bar (once a bar) or rearm (each time)."),
    every: str = typer.Option("1m", "--every", help="The bar of `--repeat bar`: 1m to 1d."),
) -> None:
    """Show what a rule would have fired over a stored day."""
    from tickdeck.app.replay.trial import Trial, Wanted, newest_day, run_trial
    from tickdeck.db.replay_reads import instruments_of

    wanted = Wanted(symbol, condition, repeat, cast("Interval", every))

    async def run(pool: Pool) -> Trial:
        if day is None:
            return await run_trial(pool, wanted, *await newest_day(pool, symbol))
        (instrument,) = await instruments_of(pool, [symbol])
        bucket = day_of(day.date(), instrument.days)
        return await run_trial(pool, wanted, bucket.first_us, bucket.end_us)

    trial = on_database("reader", run, size=2)
    for each in trial.fired:
        say(f"{iso(each.time_us)} {each.value:.10g}")
    more = " and more" if trial.cut else ""
    say(f"fired {len(trial.fired)} times{more} from {iso(trial.start_us)} to {iso(trial.end_us)}", err=True)


def _print(table: Table) -> None:
    """As wide as it needs to be: ids are copied from it."""
    console = Terminal()
    needed = Measurement.get(console, console.options.update(max_width=1000), table).maximum
    console.width = max(console.width, needed)
    console.print(table)
