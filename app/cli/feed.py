"""`tickdeck load` and `tickdeck feed`: bring ticks in."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from tickdeck.app.cli.bars import load_bars
from tickdeck.app.cli.common import (
    ROWS_REFUSED,
    FileOptions,
    Files,
    Speed,
    Terminal,
    database_settings,
    errors,
    say,
    takes_file_options,
    whoami,
)
from tickdeck.app.cli.playing import play_in, rejects_file, spill_settings, with_pool
from tickdeck.app.cli.plugged import FeedGroup
from tickdeck.app.cli.publishing import ToBus, publish_to
from tickdeck.db.errors import ConfigurationError

if TYPE_CHECKING:
    from tickdeck.app.cli.playing import Watch
    from tickdeck.db.market.types import Instrument
    from tickdeck.db.session import Pool
    from tickdeck.feeds.writer import FeedWriter

feed_app = typer.Typer(help="Play ticks in as they come due.", no_args_is_help=True, cls=FeedGroup)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the root of the command line."""
    app.command()(takes_file_options(load))
    app.command()(takes_file_options(inspect))
    feed_app.command()(takes_file_options(csv))
    feed_app.command()(walk)
    feed_app.command("list")(list_feeds)
    feed_app.command()(subscribe)
    feed_app.command()(unsubscribe)
    app.add_typer(feed_app, name="feed")


def load(
    files: Files,
    *,
    options: FileOptions,
    bars: bool = typer.Option(
        False, "--bars", help="The files hold bars: they become imported candles, where there are no ticks."
    ),
    interval: Annotated[
        str | None,
        typer.Option("--interval", help="Of the bars, such as 1d (default: told by their times)."),
    ] = None,
    as_json: bool = typer.Option(False, "--json", help="Print the summary as one JSON object."),
) -> None:
    """Store files as fast as possible; rows that are stored already are skipped.

    Exit code 0: every row was taken; 3: some were refused (they are in the rejects file); 1: a file could not
    be read to its end, or the database failed; 2: the command was called wrongly.
    """
    from tickdeck.app.cli.report import Summary, load_bar
    from tickdeck.db.registering import Registrar
    from tickdeck.feeds.csv.load import CsvLoad
    from tickdeck.feeds.csv.neighbours import Neighbours
    from tickdeck.feeds.run import run_feed
    from tickdeck.feeds.writer import BULK

    if bars:
        load_bars(files, options, interval, as_json=as_json)
        return
    if interval is not None:
        raise ConfigurationError("--interval is that of bars: say --bars")
    how, venue = options.csv(), options.venue()
    rejects = rejects_file(options.rejects_file, files, force=options.force)
    feed = CsvLoad(files, how)
    located = options.located(feed)

    async def work(pool: Pool) -> Summary:
        feed.allow_negative(await _negative(pool, options))
        feed.compare_with(Neighbours(pool, options.at_venue))
        registrar = Registrar(pool, venue)
        writer: list[FeedWriter] = []
        began = time.perf_counter()
        async with load_bar(feed, writer):
            counters = await run_feed(
                located,
                pool,
                rejects,
                limits=BULK,
                prepare=lambda batch: registrar.see(batch.ticks),
                watch=writer.append,
                allow_negative=options.allow_negative,
                conditions=options.conditions,
            )
        seconds = time.perf_counter() - began
        assumptions = {each.file: each.facts.assumptions() for each in feed.readers if each.facts is not None}
        return Summary(counters, seconds, rejects, registrar, assumptions)

    with rejects:
        summary = with_pool(work, history=True) if feed.readers else None
    if summary is not None and as_json:
        say(json.dumps({**summary.as_json(), "errors": [str(each) for each in feed.failures]}))
    elif summary is not None:
        summary.show(Terminal(soft_wrap=True))
    for failure in feed.failures:
        errors.print(f"[bold red]error:[/] {escape(str(failure))}", highlight=False)
    if summary is None and feed.readers:
        errors.print("stopped; what was read so far is stored")
        raise typer.Exit(130)
    if feed.failures:
        raise typer.Exit(1)
    if rejects.count:
        raise typer.Exit(ROWS_REFUSED)


async def _negative(pool: Pool, options: FileOptions) -> frozenset[str]:
    """The symbols, as files write them, whose prices may be 0 and below by what is set for their instruments."""
    from tickdeck.db.instruments import negative_symbols

    found = await negative_symbols(pool)
    if options.at_venue is None:
        return found
    return found | {each.removeprefix(f"{options.at_venue}:") for each in found}


def inspect(files: Files, *, options: FileOptions) -> None:
    """Say how files would be read: layout, columns, times, order, the first and last ticks; store nothing.

    Exit code 0: every row is a tick; 3: some would be refused; 1: a file cannot be read, or not to its end.
    """
    from tickdeck.feeds.csv.inspection import inspect_files

    how = options.csv()
    found = [each for path in files for each in inspect_files(path, how)]
    for each in found:
        for line in each.lines():
            say(line)
    if any(each.fault is not None for each in found):
        raise typer.Exit(1)
    if any(each.rejected for each in found):
        raise typer.Exit(ROWS_REFUSED)


def csv(
    files: Files,
    speed: Speed = "1",
    shift_to_now: bool = typer.Option(
        False, "--shift-to-now", help="Date the first tick now, the rest after it."
    ),
    loop: bool = typer.Option(
        False, "--loop", help="Begin again at the end, for ever (with --shift-to-now)."
    ),
    from_start: bool = typer.Option(
        False, "--from-start", help="Begin with the first row, also where an earlier run was stopped."
    ),
    *,
    options: FileOptions,
) -> None:
    """Play files, each sorted by time, as if they happened now; several are merged in order of time."""
    from tickdeck.db.registering import Registrar
    from tickdeck.feeds.clock import PacedClock
    from tickdeck.feeds.csv.replay import CsvReplay
    from tickdeck.feeds.exclusive import exclusively
    from tickdeck.feeds.run import run_feed

    how, venue = options.csv(), options.venue()
    rejects = rejects_file(options.rejects_file, files, force=options.force)
    feed = CsvReplay(
        files, how, PacedClock.of(speed), shift_to_now=shift_to_now, loop=loop, from_start=from_start,
        since_us=database_settings().ticks_since_us,
    )  # fmt: skip
    located = options.located(feed)

    async def work(pool: Pool, watch: Watch) -> None:
        feed.allow_negative(await _negative(pool, options))
        registrar = Registrar(pool, venue)
        await run_feed(
            located,
            pool,
            rejects,
            prepare=lambda batch: registrar.see(batch.ticks),
            watch=watch,
            allow_negative=options.allow_negative,
            conditions=options.conditions,
        )

    async def alone(pool: Pool, watch: Watch) -> None:
        async with exclusively(pool, located.name, by=whoami(), speed=speed, shift_to_now=shift_to_now):
            await work(pool, watch)

    play_in(alone, rejects)


def walk(
    symbols: int = typer.Option(100, "--symbols", help="How many made-up symbols."),
    rate: float = typer.Option(1000.0, "--rate", help="Ticks a second on average, of all symbols together."),
    seed: int = typer.Option(7, "--seed", min=0, help="The same seed makes the same ticks."),
    speed: Speed = "1",
    duration: str = typer.Option(None, "--duration", help="End after this much market time: 30s, 5m, 1h."),
    start: str = typer.Option(
        None, "--start", help="Date the first tick then, such as 2024-03-08T12:00Z, instead of now."
    ),
    history: bool = typer.Option(
        True, "--history/--no-history", help="Fill the time before, as far as it is empty."
    ),
    to: ToBus = None,
) -> None:
    """Make ticks up: random prices of made-up symbols, at a rate that is held."""
    from tickdeck.db.instruments import describe_instruments
    from tickdeck.db.quotes import read_quotes
    from tickdeck.feeds.clock import PacedClock
    from tickdeck.feeds.exclusive import exclusively
    from tickdeck.feeds.run import run_feed
    from tickdeck.feeds.walk.feed import RandomWalk
    from tickdeck.feeds.writer import BULK

    def now_us() -> int:
        return time.time_ns() // 1000

    duration_us = _duration_us(duration)
    given_us = _start_us(start)
    clock = PacedClock.of(speed)
    rejects = rejects_file(None, [Path("walk")])
    if clock.speed is None and duration_us is None:
        raise ConfigurationError("--speed max needs a --duration: the walk has no end of its own")
    if clock.speed != 1 and given_us is None:
        raise ConfigurationError("--speed needs a --start: from now on, ticks would be dated in the future")

    def walk_of(resume: dict[str, tuple[int, float]], start_us: int) -> RandomWalk:
        return RandomWalk(
            clock, start_us, symbols=symbols, rate=rate, seed=seed, resume=resume, duration_us=duration_us,
            wall_us=now_us if given_us is None else None,
        )  # fmt: skip

    walk_of({}, 0)  # wrong options are told before a database is started
    if to is not None:
        apart = walk_of({}, now_us() if given_us is None else given_us)

        async def instruments() -> list[Instrument]:
            return apart.instruments()

        publish_to(to, "walk", lambda _: (apart, instruments))
        return

    async def work(pool: Pool, watch: Watch) -> None:
        start_us = now_us() if given_us is None else given_us
        names = [each.symbol for each in walk_of({}, 0).instruments()]
        stored = {
            each.symbol: (each.last_us, each.last)
            for each in await read_quotes(pool, names)
            if each.last is not None and each.last_us is not None
        }
        # Where the walk is dated before what is stored there is nothing to go on from.
        follows = history and all(time_us < start_us for time_us, _ in stored.values())
        feed = walk_of(stored if follows else {}, start_us)
        await describe_instruments(pool, feed.instruments())
        if follows:
            await run_feed(feed.past(), pool, rejects, limits=BULK, watch=watch)
        await run_feed(feed, pool, rejects, watch=watch, spill=spill_settings())

    async def alone(pool: Pool, watch: Watch) -> None:
        async with exclusively(pool, RandomWalk.name, by=whoami(), symbols=symbols, rate=rate, seed=seed):
            await work(pool, watch)

    play_in(alone, rejects)


def list_feeds() -> None:
    """List the feeds there are: those that come with Tickdeck, and those that other packages bring."""
    from tickdeck.feeds.plugins import installed, load

    rows = [
        ("csv", "Files, played as if they happened now"),
        ("walk", "A made-up market: a seeded random walk"),
    ]
    for name, entry in installed().items():
        try:
            summary = load(name).summary
        except ConfigurationError as exc:
            summary = str(exc)
        package = entry.dist.name if entry.dist is not None else ""
        rows.append((name, summary if package in {"", "tickdeck"} else f"{summary} ({package})"))
    width = max(len(name) for name, _ in rows)
    for name, summary in rows:
        say(f"{name:<{width}}  {summary}")


def subscribe(
    feed: str = typer.Argument(help="The feed's name, as the status line has it."),
    symbols: list[str] = typer.Argument(help="What it shall have besides, such as SOL/USDT."),
) -> None:
    """Have more symbols of a feed that runs; it need not be started again."""
    _want(feed, symbols, [])


def unsubscribe(
    feed: str = typer.Argument(help="The feed's name, as the status line has it."),
    symbols: list[str] = typer.Argument(help="What it need not have any more."),
) -> None:
    """Have fewer symbols of a feed that runs; what is stored of them stays."""
    _want(feed, [], symbols)


def _want(feed: str, more: list[str], fewer: list[str]) -> None:
    from tickdeck.db.feeds_status import want_symbols
    from tickdeck.db.users import audit_feed

    async def want(pool: Pool) -> list[str]:
        wanted = await want_symbols(pool, feed, more, fewer)
        await audit_feed(pool, "feed_symbols", subject=feed, by=whoami(), added=more, removed=fewer)
        return wanted

    wanted = with_pool(want)
    if wanted is not None:
        say(f"{feed}: {', '.join(wanted)}")


def _duration_us(text: str | None) -> int | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)?", text.strip().lower())
    if match is None or float(match[1]) == 0:
        raise ConfigurationError(f"--duration {text!r} is none: write 30s, 5m, 1h or 1d")
    return int(float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2] or "s"] * 1_000_000)


def _start_us(text: str | None) -> int | None:
    from tickdeck.db.market.moments import parse_moment

    return None if text is None else parse_moment(text, "--start")
