"""The file that `tickdeck export` writes: rows as CSV, and a name that only a whole file gets."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, ParamSpec, TypeVar, cast

import numpy as np
import zstandard
from numpy.typing import NDArray

from db.errors import ConfigurationError, TickdeckError
from db.market import Candle, TickBatch

TICK_COLUMNS: Final = ("time", "symbol", "seq", "price", "size", "bid", "ask", "exchange", "conditions")
"""The columns of an export of ticks; `tickdeck load` knows each by its name."""
CANDLE_COLUMNS: Final = (
    "time", "symbol", "open", "high", "low", "close", "volume", "turnover", "trades",
)  # fmt: skip

Write = Callable[[bytes], object]
P = ParamSpec("P")
T = TypeVar("T")


class ReaderGoneError(TickdeckError):
    """Whoever reads standard output has had enough."""


def tick_rows(batch: TickBatch) -> bytes:
    """The lines of `batch`, in its order: times in UTC to the µs, numbers in full, empty where there is none."""
    nothing = [None] * len(batch)
    return csv_lines(
        zip(
            _times(batch.time_us),
            batch.symbol.tolist(),
            batch.seq.tolist(),
            *(map(_number, column.tolist()) for column in (batch.price, batch.size, batch.bid, batch.ask)),
            nothing if batch.exchange is None else batch.exchange.tolist(),
            nothing if batch.conditions is None else batch.conditions.tolist(),
            strict=True,
        )
    )


def candle_rows(symbol: str, candles: Sequence[Candle]) -> bytes:
    """The lines of `candles`, in their order, written as those of ticks."""
    times = _times(np.array([candle.time_us for candle in candles], dtype=np.int64))
    return csv_lines(
        (
            time, symbol, *map(_number, (c.open, c.high, c.low, c.close, c.volume, c.turnover)), c.trades,
        )
        for time, c in zip(times, candles, strict=True)
    )  # fmt: skip


def csv_lines(rows: Iterable[Sequence[Any]]) -> bytes:
    """The rows as CSV (RFC 4180 but for the line end, which is LF), in UTF-8."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def require_free(path: Path, *, force: bool) -> None:
    """Raise `ConfigurationError` where `path` is something, unless it is a file and `force`."""
    if path.exists() and not path.is_file():
        raise ConfigurationError(f"{path} is no file: name another one, or none for standard output")
    if path.exists() and not force:
        raise ConfigurationError(f"{path} is there already: --force replaces it")


@contextmanager
def written_to(path: Path | None, *, force: bool) -> Iterator[Write]:
    """A function that writes to `path`, compressed as its ending says, or to standard output (None).

    A file has another name until the block ends well, and is removed where it does not.  Raises as `require_free`,
    `TickdeckError` where the file cannot be written, and `ReaderGoneError` of standard output.
    """
    if path is None:
        try:
            yield _told(sys.stdout.buffer.write, "standard output")
            _told(sys.stdout.buffer.flush, "standard output")()
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
                yield _told(stream.write, path)
            file.flush()
            os.fsync(file.fileno())
        require_free(path, force=force)
        part.replace(path)
    except OSError as exc:
        raise _unwritten(path, exc) from exc
    finally:
        part.unlink(missing_ok=True)  # a whole one has its own name by then


def _told(write: Callable[P, T], where: Path | str) -> Callable[P, T]:
    """`write`, whose errors are no longer taken for those of a database."""

    def told(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return write(*args, **kwargs)
        except BrokenPipeError as exc:
            raise ReaderGoneError from exc
        except OSError as exc:
            raise _unwritten(where, exc) from exc

    return told


def _unwritten(where: Path | str, exc: OSError) -> TickdeckError:
    return TickdeckError(f"{where} cannot be written: {exc.strerror or exc}")


@contextmanager
def _compressed(file: BinaryIO, ending: str) -> Iterator[BinaryIO]:
    if ending == ".zst":
        with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as stream:
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


def _times(time_us: NDArray[np.int64]) -> list[str]:
    """Such as 2024-03-08T13:01:01.997000Z."""
    return [f"{text}Z" for text in np.datetime_as_string(time_us.view("M8[us]"), unit="us").tolist()]


def _number(value: float) -> str:
    """The shortest text that is read back as the same float; empty for NaN."""
    return "" if value != value else repr(value).removesuffix(".0")  # noqa: PLR0124
