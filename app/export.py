"""The file that `tickdeck export` writes: CSV, Parquet or Arrow, under a name that only a whole file gets."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, ParamSpec, Protocol, TypeVar, cast

import zstandard

from tickdeck.app.rows import CANDLE_COLUMNS, TICK_COLUMNS, candles_csv, header_csv, ticks_csv
from tickdeck.app.table_files import TableFile, typed_ending
from tickdeck.db.candles.indicated import values_of
from tickdeck.db.candles.read import candle_pages
from tickdeck.db.embedded import Progress
from tickdeck.db.errors import ConfigurationError, TickdeckError
from tickdeck.db.feed_gaps import FeedGap, list_gaps
from tickdeck.db.instruments import days_of, list_instruments
from tickdeck.db.market.bar_types import ChartInterval, parse_chart_interval
from tickdeck.db.market.columns import Floats
from tickdeck.db.market.indicators import Indicator, parse_all
from tickdeck.db.market.moments import parse_moment
from tickdeck.db.market.types import (
    CALENDAR_INTERVALS,
    EARLIEST_US,
    LATEST_US,
    MAX_TIME_US,
    Candle,
    TickBatch,
)
from tickdeck.db.replay_reads import instruments_of, stored_range
from tickdeck.db.session import Connection, connect, reading
from tickdeck.db.ticks.read import tick_pages

Write = Callable[[bytes], object]

P = ParamSpec("P")

T = TypeVar("T")


class ReaderGoneError(TickdeckError):
    """Whoever reads standard output has had enough."""


def require_free(path: Path, *, force: bool) -> None:
    """Raise `ConfigurationError` where `path` is something, unless it is a file and `force`."""
    if path.exists() and not path.is_file():
        raise ConfigurationError(f"{path} is no file: name another one, or none for standard output")
    if path.exists() and not force:
        raise ConfigurationError(f"{path} is there already: --force replaces it")


def standard_output() -> BinaryIO:
    """Standard output for bytes, whose `write` takes all of them.

    With PYTHONUNBUFFERED `sys.stdout.buffer` is the raw file: where a reader goes in the middle of a write it says how much
    was taken instead of raising.
    """
    out = sys.stdout.buffer
    if isinstance(out, io.RawIOBase):
        return open(out.fileno(), "wb", closefd=False)
    return out


@contextmanager
def written_to(path: Path | None, *, force: bool) -> Iterator[Write]:
    """A function that writes to `path`, compressed as its ending says, or to standard output (None).

    A file has another name until the block ends well, and is removed where it does not.  Raises as `require_free`,
    `TickdeckError` where the file cannot be written, and `ReaderGoneError` of standard output.
    """
    if path is None:
        out = standard_output()
        try:
            yield _named_errors(out.write, "standard output")
            _named_errors(out.flush, "standard output")()
        except ReaderGoneError:
            # Python flushes once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise
        return
    path = path.resolve()  # what a link leads to is replaced, not the link
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            with _compressed(file, path.suffix.lower()) as stream:
                yield _named_errors(stream.write, path)
            file.flush()
            os.fsync(file.fileno())
        require_free(path, force=force)
        part.replace(path)
    except OSError as exc:
        raise _unwritten(path, exc) from exc
    finally:
        part.unlink(missing_ok=True)  # a whole one has its own name by then


def _named_errors(write: Callable[P, T], where: Path | str) -> Callable[P, T]:
    """`write`, whose errors are no longer taken for those of a database."""

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return write(*args, **kwargs)
        except BrokenPipeError as exc:
            raise ReaderGoneError from exc
        except OSError as exc:
            raise _unwritten(where, exc) from exc

    return call


def _unwritten(where: Path | str, exc: OSError) -> TickdeckError:
    return TickdeckError(f"{where} cannot be written: {exc.strerror or exc}")


@contextmanager
def _compressed(file: BinaryIO, ending: str) -> Iterator[BinaryIO]:
    if ending == ".zst":
        with zstandard.ZstdCompressor(write_checksum=True).stream_writer(file, closefd=False) as stream:
            yield cast("BinaryIO", stream)
    elif ending == ".gz":  # without name and time: the same ticks make the same file
        with gzip.GzipFile("", "wb", 6, file, mtime=0) as stream:
            yield cast("BinaryIO", stream)
    elif ending == ".bz2":
        with bz2.BZ2File(file, "wb") as stream:
            yield cast("BinaryIO", stream)
    elif ending == ".xz":
        with lzma.LZMAFile(file, "wb") as stream:
            yield cast("BinaryIO", stream)
    else:
        yield file


ROWS_A_PAGE: Final = 20_000
STATEMENT_TIMEOUT_S: Final = 300.0
"""A page of ticks on a busy machine is slow, not stuck."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Ticks, or candles of `interval` with `indicators`, of `symbols` (None: all) in [start_us, end_us).

    `start`, `end`: as they were said, for a date means an instrument's own day where days, weeks or months are exported.
    """

    symbols: Sequence[str] | None
    start_us: int
    end_us: int
    interval: ChartInterval | None
    indicators: Sequence[Indicator] = ()
    start: str | None = None
    end: str | None = None

    def within(self, days: str) -> tuple[int, int]:
        """[start, end) of an instrument with the day rule `days`."""
        if self.interval not in CALENDAR_INTERVALS:
            return self.start_us, self.end_us
        return (
            self.start_us if self.start is None else parse_moment(self.start, "--from", days),
            self.end_us if self.end is None else parse_moment(self.end, "--to", days),
        )

    @property
    def columns(self) -> list[str]:
        """The columns of the indicators."""
        return [column for each in self.indicators for column in each.columns]


class Format(Protocol):
    """Turns rows into the bytes of a file, a piece at a time."""

    def ticks(self, batch: TickBatch) -> bytes: ...
    def candles(self, symbol: str, candles: Sequence[Candle], values: Mapping[str, Floats]) -> bytes: ...
    def end(self) -> bytes: ...


class CsvFormat:
    """CSV, with a header line before the first rows, which an empty file has too."""

    def __init__(self, *, candles: bool, columns: Sequence[str]) -> None:
        self._header = header_csv([*CANDLE_COLUMNS, *columns] if candles else TICK_COLUMNS)

    def ticks(self, batch: TickBatch) -> bytes:
        return self._headed(ticks_csv(batch))

    def candles(self, symbol: str, candles: Sequence[Candle], values: Mapping[str, Floats]) -> bytes:
        return self._headed(candles_csv(symbol, candles, values))

    def end(self) -> bytes:
        return self._headed(b"")

    def _headed(self, lines: bytes) -> bytes:
        header, self._header = self._header, b""
        return header + lines


def format_of(path: Path | None, *, candles: bool, columns: Sequence[str] = ()) -> Format:
    """How a file of this name is written; standard output (None) is CSV.  `columns` are those of indicators.

    Raises `ConfigurationError` for a name that contradicts itself, and where the library for it is not installed.
    """
    ending = typed_ending(path)
    kind = CsvFormat if ending is None else partial(TableFile, ending)
    return kind(candles=candles, columns=columns)


class Page(NamedTuple):
    """`rows` rows of the file, and how much of the whole is done with them, from 0 to 1."""

    rows: int
    content: bytes
    done: float


def parse_selection(
    symbols: str | None,
    start: str | None,
    end: str | None,
    candles: str | None,
    indicators: str | None = None,
) -> Selection:
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
    wanted = parse_all([] if indicators is None else [indicators])
    if wanted and candles is None:
        raise ConfigurationError(
            "--indicators are those of candles: say which with --candles, such as --candles 1m"
        )
    interval = None if candles is None else parse_chart_interval(candles)
    return Selection(names, low, high, interval, wanted, start, end)


async def export(
    url: str, selection: Selection, form: Format, write: Write, report: Progress
) -> tuple[int, int, list[FeedGap]]:
    """Write the selection in `form`, all of one moment; return how many rows that was, of how many symbols they may be, and
    the gaps that lie in it: what feeds have missed of it.

    Raises `UnknownSymbolError`, what `write` raises, and the errors of the database.
    """
    written = 0
    own = await connect(url, role="reader", statement_timeout_s=STATEMENT_TIMEOUT_S)
    try:
        async with reading(own) as connection:
            if selection.symbols is None:
                instruments = await list_instruments(connection)
            else:
                instruments = await instruments_of(connection, selection.symbols)
            symbols = [each.symbol for each in instruments]
            async for page in _pages(connection, selection, symbols, form):
                write(page.content)
                written += page.rows
                report(f"exporting, {written:,} rows", page.done)
            write(form.end())
            gaps = await list_gaps(
                connection,
                symbols=symbols,
                from_us=selection.start_us,
                to_us=min(selection.end_us, LATEST_US),
            )
    finally:
        await own.close()
    return written, len(symbols), gaps


async def _pages(
    connection: Connection, selection: Selection, symbols: Sequence[str], form: Format
) -> AsyncIterator[Page]:
    stored = await stored_range(connection, symbols, imported=True)
    if stored is None:
        return
    first_us, last_us = max(selection.start_us, stored[0]), min(selection.end_us, stored[1])

    def part(time_us: int) -> float:
        return min(1.0, max(0.0, (time_us - first_us) / max(1, last_us - first_us)))

    if selection.interval is None:
        async for ticks in tick_pages(
            connection, symbols, selection.start_us, selection.end_us, limit=ROWS_A_PAGE
        ):
            if len(ticks):
                yield Page(len(ticks), form.ticks(ticks), part(int(ticks.time_us[-1])))
        return
    for number, symbol in enumerate(symbols):
        low, high = selection.within(await days_of(connection, symbol))
        async for candles in candle_pages(
            connection, symbol, selection.interval, low, high, limit=ROWS_A_PAGE
        ):
            if candles:
                done = (number + part(candles[-1].time_us)) / len(symbols)
                values = await values_of(
                    connection, symbol, selection.interval, selection.indicators, candles
                )
                yield Page(len(candles), form.candles(symbol, candles, values), done)
