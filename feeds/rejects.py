"""Refused input rows, and the file that keeps them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

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

    `first` holds the first few for a summary, `reasons` counts all by field and reason.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.first: list[Reject] = []
        self.reasons: Counter[tuple[str, str]] = Counter()
        self._file: TextIO | None = None

    def add(self, rejects: Iterable[Reject]) -> None:
        for reject in rejects:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("w", encoding="utf-8", newline="")
                csv.writer(self._file).writerow(["file", "line", "field", "reason", "raw"])
            csv.writer(self._file).writerow(
                [reject.file, reject.line, reject.field, reject.reason, reject.raw]
            )
            self.count += 1
            if len(self.first) < 5:
                self.first.append(reject)
            if len(self.reasons) < 1000 or (reject.field, reject.reason) in self.reasons:
                self.reasons[reject.field, reject.reason] += 1
        if self._file is not None:
            self._file.flush()

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
