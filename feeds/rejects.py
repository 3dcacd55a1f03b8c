"""Refused input rows, and the file that keeps them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

import numpy as np

from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.moments import iso
from tickdeck.db.market.spreadsheets import protect
from tickdeck.db.market.types import TickBatch
from tickdeck.feeds.errors import FeedError

MAX_RAW_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Reject:
    """One refused input row: where it stood (`line` counts from 1), the field, why, and the line itself."""

    file: str
    line: int
    field: str
    reason: str
    raw: str


def shown(raw: bytes, length: int | None = None) -> str:
    """`raw` as text for a reject: bytes that are no UTF-8 escaped, cut where it is very long.

    `length` is that of the whole line in bytes where `raw` is only its beginning.
    """
    whole = len(raw) if length is None else length
    text = raw[:MAX_RAW_CHARACTERS].decode("utf-8", "backslashreplace")
    return text if whole <= MAX_RAW_CHARACTERS else f"{text}… ({whole:,} bytes)"


class RejectsFile:
    """Keeps rejects in a CSV file (file, line, field, reason, raw), which is made with the first of them.

    `first` holds the first few for a summary, `reasons` counts all by field and reason.  What lies at `path` already is
    never overwritten: with `numbered` the name gets a number then, else the first reject raises `FeedError`.
    """

    def __init__(self, path: Path, *, numbered: bool = False) -> None:
        self.path = path
        self.count = 0
        self.first: list[Reject] = []
        self.reasons: Counter[tuple[str, str]] = Counter()
        self._numbered = numbered
        self._file: TextIO | None = None

    @classmethod
    def asked_for(cls, path: Path, inputs: Sequence[Path], *, force: bool) -> Self:
        """The file that a user names; looked at here, before anything is read.

        Raises `ConfigurationError` where it is one of the `inputs` (by whatever name), is there already and not
        `force`, or cannot be made.  What is no regular file, such as a pipe or /dev/null, is written to.
        """
        try:
            if any(path.exists() and each.exists() and path.samefile(each) for each in inputs):
                raise ConfigurationError(f"--rejects {path} is a file to be read: name another one")
            if path.is_dir():
                raise ConfigurationError(f"--rejects {path} is a folder, not a file")
            if path.is_symlink() and not path.exists():
                raise ConfigurationError(f"--rejects {path} is a link that leads nowhere")
            if path.is_file():
                if not force:
                    raise ConfigurationError(f"--rejects {path} is there already: --force replaces it")
                path.unlink()
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.open("x").close()  # only trying tells whether it can be made
                path.unlink()
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else exc
            raise ConfigurationError(f"--rejects {path} cannot be written: {reason}") from exc
        return cls(path)

    def add(self, rejects: Iterable[Reject]) -> None:
        """Write these; raises `FeedError` where the file cannot be written."""
        try:
            for reject in rejects:
                if self._file is None:
                    self._file = self._open()
                    csv.writer(self._file).writerow(["file", "line", "field", "reason", "raw"])
                csv.writer(self._file).writerow(
                    [
                        protect(reject.file),
                        reject.line,
                        protect(reject.field),
                        protect(reject.reason),
                        protect(reject.raw),
                    ]
                )
                self._count(reject)
            if self._file is not None:
                self._file.flush()
        except OSError as exc:
            raise FeedError(f"the rejects file {self.path} cannot be written: {exc.strerror or exc}") from exc

    def keep_unstored(self, ticks: TickBatch) -> Path:
        """Write ticks that no database took into a file of their own beside this one; returns its path.

        `tickdeck load` reads it: its columns are those of the ticks, times in UTC to the µs, numbers in full.  Raises
        `OSError`.
        """
        columns = {
            field.name: getattr(ticks, field.name)
            for field in fields(ticks)
            if getattr(ticks, field.name) is not None and field.name not in {"updates", "side"}
        }
        if ticks.side is not None:
            columns["side"] = np.array(ticks.side_names(), dtype=object)
        file, path = _open_new(self.path.with_name(f"{self.path.stem}-not-stored.csv"))
        with file:
            out = csv.writer(file)
            out.writerow(["time" if name == "time_us" else name for name in columns])
            times = map(iso, columns.pop("time_us").tolist())
            out.writerows(
                zip(times, *(map(_cell, column.tolist()) for column in columns.values()), strict=True)
            )
        return path

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> TextIO:
        if self._numbered:
            file, self.path = _open_new(self.path)
            return file
        regular = not self.path.exists() or self.path.is_file()
        return self.path.open("x" if regular else "w", encoding="utf-8", newline="")

    def _count(self, reject: Reject) -> None:
        self.count += 1
        if len(self.first) < 5:
            self.first.append(reject)
        if len(self.reasons) < 1000 or (reject.field, reject.reason) in self.reasons:
            self.reasons[reject.field, reject.reason] += 1


def _open_new(path: Path) -> tuple[TextIO, Path]:
    """A new file at `path`, or where that is taken at the first free `path-2`, `path-3`, … beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        free = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        with suppress(FileExistsError):  # two who start at once never share one
            return free.open("x", encoding="utf-8", newline=""), free
    raise AssertionError("numbers do not end")


def _cell(value: object) -> object:
    if isinstance(value, str):
        return protect(value)
    return "" if value is None or value != value else value  # noqa: PLR0124 - NaN
