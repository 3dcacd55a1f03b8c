"""Runs `tickdeck export`: reads what was asked for in one snapshot, page by page, and writes it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console

from app.database import database
from app.export_file import (
    CANDLE_COLUMNS,
    TICK_COLUMNS,
    Write,
    candle_rows,
    csv_lines,
    require_free,
    tick_rows,
    written_to,
)
from app.progress import progress_bar
from db.candles import candle_pages
from db.config import DatabaseSettings
from db.connect import connect
from db.embedded import Progress
from db.errors import ConfigurationError
from db.instruments import list_instruments
from db.market import MAX_TIME_US, Interval, parse_interval
from db.moments import parse_moment
from db.pool import Connection
from db.reading import EARLIEST_US, reading
from db.replay_reads import instruments_of, stored_range
from db.ticks_read import tick_pages

ROWS_A_PAGE: Final = 20_000
STATEMENT_TIMEOUT_S: Final = 300.0
"""A page of ticks on a busy machine is slow, not stuck."""

errors = Console(stderr=True, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Ticks, or candles of `interval`, of `symbols` (None: all) in [start_us, end_us)."""

    symbols: Sequence[str] | None
    start_us: int
    end_us: int
    interval: Interval | None


class Page(NamedTuple):
    """`rows` lines of the file, and how much of the whole is done with them, from 0 to 1."""

    rows: int
    lines: bytes
    done: float


def wanted(symbols: str | None, start: str | None, end: str | None, candles: str | None) -> Wanted:
    """What the command's options say; raise `TickdeckError` for what cannot be."""
    low = EARLIEST_US if start is None else parse_moment(start, "--from")
    high = MAX_TIME_US if end is None else parse_moment(end, "--to")
    if low >= high:
        raise ConfigurationError(f"the range is reversed: --from {start} is not before --to {end}")
    names = None
    if symbols is not None:
        names = [*dict.fromkeys(name.strip() for name in symbols.split(",") if name.strip())]
        if not names:
            raise ConfigurationError("--symbols names none")
    return Wanted(names, low, high, None if candles is None else parse_interval(candles))


def export(file: Path | None, asked: Wanted, *, force: bool) -> None:
    """Write what is asked for to `file`, or to standard output (None); say on standard error what that was.

    Raises `ConfigurationError` where `file` is there already and not `force`, `UnknownSymbolError`,
    `TickdeckError` where it cannot be written, and the errors of the database.
    """
    if file is not None:
        require_free(file, force=force)
    settings = DatabaseSettings()
    # Where the rows themselves are on the screen, a bar would be drawn into them.
    silent = not errors.is_terminal or (file is None and sys.stdout.isatty())
    with (
        progress_bar(errors) as report,
        database(settings, progress=report) as url,
        written_to(file, force=force) as write,
    ):
        rows, symbols = asyncio.run(_export(url, asked, write, _nothing if silent else report))
    kind = "ticks" if asked.interval is None else f"{asked.interval} candles"
    place = "" if file is None else f" in {file}"
    errors.print(f"{rows:,} {kind} of {symbols:,} symbols{place}", highlight=False, markup=False)


async def _export(url: str, asked: Wanted, write: Write, report: Progress) -> tuple[int, int]:
    """How many rows were written, and of how many symbols they may be."""
    written = 0
    own = await connect(url, role="reader", statement_timeout_s=STATEMENT_TIMEOUT_S)
    try:
        async with reading(own) as connection:
            if asked.symbols is None:
                instruments = await list_instruments(connection)
            else:
                instruments = await instruments_of(connection, asked.symbols)
            symbols = [each.symbol for each in instruments]
            write(csv_lines([TICK_COLUMNS if asked.interval is None else CANDLE_COLUMNS]))
            async for page in _pages(connection, asked, symbols):
                write(page.lines)
                written += page.rows
                report(f"exporting, {written:,} rows", page.done)
    finally:
        await own.close()
    return written, len(symbols)


async def _pages(connection: Connection, asked: Wanted, symbols: Sequence[str]) -> AsyncIterator[Page]:
    stored = await stored_range(connection, symbols)
    if stored is None:
        return
    first_us, last_us = max(asked.start_us, stored[0]), min(asked.end_us, stored[1])

    def part(time_us: int) -> float:
        return min(1.0, max(0.0, (time_us - first_us) / max(1, last_us - first_us)))

    if asked.interval is None:
        async for ticks in tick_pages(connection, symbols, asked.start_us, asked.end_us, limit=ROWS_A_PAGE):
            if len(ticks):
                yield Page(len(ticks), tick_rows(ticks), part(int(ticks.time_us[-1])))
        return
    for number, symbol in enumerate(symbols):
        async for candles in candle_pages(
            connection, symbol, asked.interval, asked.start_us, asked.end_us, limit=ROWS_A_PAGE
        ):
            if candles:
                done = (number + part(candles[-1].time_us)) / len(symbols)
                yield Page(len(candles), candle_rows(symbol, candles), done)


def _nothing(message: str, fraction: float | None) -> None:
    """Report nothing."""
