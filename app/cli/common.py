"""What commands share: their database, a progress bar, and options that several have."""

from __future__ import annotations

import asyncio
import functools
import getpass
import inspect
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, TypeVar, get_type_hints

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from tickdeck.db.embedded import EmbeddedServer
from tickdeck.db.embedded import Progress as Report
from tickdeck.db.errors import printable

if TYPE_CHECKING:
    from tickdeck.db.config import DatabaseSettings
    from tickdeck.db.registering import Venue
    from tickdeck.db.session import Pool, Role
    from tickdeck.feeds.base import Feed
    from tickdeck.feeds.csv.options import CsvOptions

T = TypeVar("T")

ROWS_REFUSED: Final = 3
"""The exit code where some rows were refused; 0: all is well, 1: it failed, 2: it was called wrongly (Click's own)."""

FEED_RUNS: Final = 4
"""The exit code of a feed that another process runs on the same database."""


class Terminal(Console):
    """What people read: whatever names, notes and files hold, nothing of it is taken for the terminal's own commands."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            if segment.control is not None or segment.text.isprintable():
                yield segment
            else:
                yield Segment("\n".join(map(printable, segment.text.split("\n"))), segment.style)


def say(text: str, *, err: bool = False) -> None:
    """One line of a result, on standard output; whatever is in it, it stays one."""
    typer.echo(printable(text), err=err)


errors: Final = Terminal(stderr=True, soft_wrap=True)
"""Standard error, for whatever is said to people besides the result."""


def database_settings() -> DatabaseSettings:
    """The settings of the database, as the environment has them now."""
    from tickdeck.db.config import DatabaseSettings

    return DatabaseSettings()


def whoami() -> str:
    """Who runs the command, for the audit log: the account and the machine."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's account without a name
        name = f"uid {os.getuid()}"
    return f"{name}@{os.uname().nodename}"


def embedded_server(settings: DatabaseSettings, progress: Report | None = None) -> EmbeddedServer:
    """The embedded server of the settings' data folder, up or not."""
    return EmbeddedServer(settings.data_dir, progress=progress)


Schema: TypeAlias = Literal["migrate", "require", "any"]
"""What a command wants of the database's schema: `migrate` makes it or brings it to this version, in an empty database
or Tickdeck's own; `require` writes nothing and refuses where it is not there at this version; `any` does not look."""


@contextmanager
def database(
    settings: DatabaseSettings, *, schema: Schema = "require", progress: Report | None = None
) -> Iterator[str]:
    """Have a database with that schema until the block ends and yield its address.

    DATABASE_URL wins.  The embedded server is started, or joined where another process has started it, and
    stopped by the last who uses it.  Raises `EmbeddedUnavailable`, `DatabaseUnavailableError`,
    `SchemaError` (`ForeignDatabaseError` for a database of something else) or `ConfigurationError`.
    """
    from tickdeck.db.revisions import is_current, require_schema

    with ExitStack() as stack:
        url = settings.database_url
        if url is None:
            url = stack.enter_context(embedded_server(settings, progress))
        if schema == "migrate" and not is_current(url):
            from tickdeck.db.migrate import upgrade  # Alembic, which is seldom needed

            upgrade(url)
        elif schema == "require":
            require_schema(url)
        yield url


def on_database(
    role: Role, work: Callable[[Pool], Awaitable[T]], *, size: int = 1, statement_timeout_s: float = 30.0
) -> T:
    """What `work` returns, done with a pool that acts as tickdeck_`role` on the configured database.

    Raises as `database` does: its schema has to be there.
    """
    from tickdeck.db.session import open_pool

    settings = database_settings()

    async def run(url: str) -> T:
        pool = await open_pool(url, role=role, size=size, statement_timeout_s=statement_timeout_s)
        try:
            return await work(pool)
        finally:
            await pool.close()

    with database(settings) as url:
        return asyncio.run(run((role == "settings" and settings.settings_url) or url))


def describe(settings: DatabaseSettings, url: str) -> str:
    """The database in a few words for the status line, such as `embedded · TimescaleDB 2.19.3`."""
    from tickdeck.db.revisions import looking_over, server_facts
    from tickdeck.db.url import host_of

    with looking_over(url) as connection:
        facts = server_facts(connection)
    where = "embedded" if settings.database_url is None else host_of(url) or "local"
    return f"{where} · TimescaleDB {facts.timescaledb}"


@contextmanager
def progress_bar() -> Iterator[Report]:
    """Yield a function that takes a message and a fraction (None: unknown); nothing is drawn before its first call."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("[progress.description]{task.description}"),
        BarColumn(bar_width=32),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
    )
    task = bar.add_task("", total=None, visible=False)

    def report(message: str, fraction: float | None) -> None:
        if not bar.live.is_started:
            bar.start()
        bar.update(
            task,
            description=message,
            completed=fraction or 0.0,
            total=1.0 if fraction is not None else None,
            visible=True,
        )

    try:
        yield report
    finally:
        if bar.live.is_started:
            bar.stop()


Files = Annotated[list[Path], typer.Argument(help="CSV files, also compressed (gzip, zstd, bzip2, xz).")]
Speed = Annotated[str, typer.Option("--speed", help="Times real speed, or max.")]


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How files are read and what becomes of their rows: each field is an option of the commands that read files."""

    columns: Annotated[
        str | None,
        typer.Option("--map", help="Which column is what: time=ts,price=px,… (seq= for: there is none)."),
    ] = None
    delimiter: Annotated[
        str | None, typer.Option(help="One character, or comma, semicolon, tab, pipe, space.")
    ] = None
    time_zone: Annotated[
        str | None,
        typer.Option(
            "--timezone",
            "--time-zone",
            help="IANA zone of times in the file that state none (America/New_York).",
        ),
    ] = None
    time_unit: Annotated[
        str | None, typer.Option(help="Unit of epoch times: s, ms, us or ns (default: by magnitude).")
    ] = None
    time_format: Annotated[
        str | None, typer.Option(help="How times are written, as strptime has it: '%d.%m.%Y %H:%M:%S.%f'.")
    ] = None
    date: Annotated[
        str | None, typer.Option(help="The date of rows that have a time of day only: 2024-01-02.")
    ] = None
    ambiguous: Annotated[
        str | None,
        typer.Option(
            help="Times that a clock showed twice are the first, the second, or told by the file's order: "
            "first, second, order."
        ),
    ] = None
    symbol: Annotated[
        str | None,
        typer.Option(
            help="The symbol of every row of a file without symbols; of others, the one that is taken."
        ),
    ] = None
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Take only the rows with this: column=value or column=value,value. May come again."
        ),
    ] = None
    all_rows: Annotated[
        bool,
        typer.Option("--all-rows", help="Take rows also where the file looks like one of bars or orders."),
    ] = False
    price_scale: Annotated[
        str | None, typer.Option(help="What prices are divided by, a power of ten: 10000.")
    ] = None
    decimal: Annotated[str | None, typer.Option(help="The decimal mark: comma or point.")] = None
    allow_negative: Annotated[
        bool, typer.Option("--allow-negative", help="Prices of 0 and below are prices.")
    ] = False
    unit_mark: Annotated[
        str | None,
        typer.Option(help="What stands before or behind every number of a column, as a currency's mark: $."),
    ] = None
    sides: Annotated[
        str | None,
        typer.Option(
            help="What stands in the side's column for who took the price: buy=1,sell=2 (numbers are not guessed)."
        ),
    ] = None
    preset: Annotated[
        str | None,
        typer.Option(help="A layout that is known by name (see docs/feeds.md); none: recognise nothing."),
    ] = None
    header: Annotated[
        str | None, typer.Option("--columns", help="Names of the columns of a file without a header line.")
    ] = None
    at_venue: Annotated[
        str | None,
        typer.Option(
            "--venue", help="Prefix of every symbol: BINANCE makes BTC/USDT the instrument BINANCE:BTC/USDT."
        ),
    ] = None
    exchange: Annotated[
        str | None,
        typer.Option(
            help="Where the symbols trade: an ISO 10383 code such as XNYS, or none (around the clock)."
        ),
    ] = None
    exchange_timezone: Annotated[
        str | None,
        typer.Option(help="Zone whose midnights divide the day candles (default: the exchange's, else UTC)."),
    ] = None
    day_start: Annotated[
        str | None,
        typer.Option(
            help="When by the clocks of that zone a day starts, HH:MM; after noon it is the next date's: 17:00 for currencies."
        ),
    ] = None
    conditions: Annotated[
        Literal["auto", "all", "sip", "lean", "polygon"],
        typer.Option(
            help="Notation of the sale conditions, which say what a print moves: sip (CTA and UTP), lean (bit mask), polygon (numbers), "
            "auto (by the first that is unmistakable); all: every print moves price and volume."
        ),
    ] = "auto"
    rejects_file: Annotated[
        Path | None,
        typer.Option("--rejects", help="File for refused rows (default: a new one in the data folder)."),
    ] = None
    force: Annotated[bool, typer.Option("--force", help="With --rejects: replace a file that is there.")] = (
        False
    )

    def csv(self) -> CsvOptions:
        """How to read the files; raises `ConfigurationError` naming the option that is wrong."""
        from tickdeck.feeds.csv.options import parse_options
        from tickdeck.feeds.csv.presets import require

        require(self.preset)
        return parse_options(
            columns=self.columns,
            delimiter=self.delimiter,
            time_zone=self.time_zone,
            time_unit=self.time_unit,
            time_format=self.time_format,
            date=self.date,
            ambiguous=self.ambiguous,
            symbol=self.symbol,
            header=self.header,
            where=self.where or (),
            all_rows=self.all_rows,
            price_scale=self.price_scale,
            decimal=self.decimal,
            allow_negative=self.allow_negative,
            unit_mark=self.unit_mark,
            sides=self.sides,
            preset=self.preset,
        )

    def located(self, feed: Feed) -> Feed:
        """`feed` with its symbols at the venue that is said; raises `ConfigurationError` where that is none."""
        from tickdeck.feeds.venues import AtVenue

        return feed if self.at_venue is None else AtVenue(feed, self.at_venue)

    def venue(self) -> Venue | None:
        """Where the files' symbols trade, if that is said; raises `ConfigurationError`."""
        from tickdeck.db.registering import parse_venue

        return parse_venue(self.exchange, self.exchange_timezone, self.day_start)


def takes_file_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` an option for each field of its keyword parameter `options`, in the place of that."""
    hints = get_type_hints(FileOptions, include_extras=True)
    spread = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(FileOptions)
    ]
    signature = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        parameters += spread if parameter.name == "options" else [parameter]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        options = FileOptions(**{parameter.name: given.pop(parameter.name) for parameter in spread})
        command(options=options, **given)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run
