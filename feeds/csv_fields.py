"""Splits lines into fields, all lines of a block at once."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from feeds.csv_lines import PADDING, Lines
from feeds.rejects import Reject, shown

UNIT_SEPARATOR: Final = "\x1f"
"""Stands for the delimiter in lines whose quotes have been taken off."""

_SPACE: Final = 32


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of `lines`, row by row: field c of row r is `data[start[c, r]:end[c, r]]`, without blanks.

    `lines` are those the fields were cut from; their `raw` is the line as it stands in the file.
    """

    lines: Lines
    data: bytes
    start: NDArray[np.intp]
    end: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.lines)

    def text(self, column: int, row: int) -> bytes:
        return self.data[self.start[column, row] : self.end[column, row]]

    def column(self, column: int) -> Column:
        return Column(self.data, self.start[column], self.end[column] - self.start[column])


@dataclass(frozen=True, slots=True)
class Column:
    """One field of many rows: `length[i]` bytes of `data` from `start[i]`."""

    data: bytes
    start: NDArray[np.intp]
    length: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.start)

    def take(self, where: NDArray[np.intp]) -> Column:
        return Column(self.data, self.start[where], self.length[where])

    def matrix(self, width: int) -> NDArray[np.uint8]:
        """The first `width` (≤ PADDING) bytes of each field, one row of the result a byte position: (width, n).

        Bytes after a field's end are zero.
        """
        view: NDArray[np.void] = np.ndarray(
            (len(self.data) - width + 1,), dtype=f"V{width}", buffer=self.data, strides=(1,)
        )
        rows = view[self.start].view(np.uint8).reshape(len(self), width)
        made = np.ascontiguousarray(rows.T)
        if len(self) and int(self.length.min()) < width:
            for position in range(int(self.length.min()), width):
                made[position] *= self.length > position
        return made


def split_fields(lines: Lines, delimiter: str, columns: int) -> tuple[Fields, list[Reject]]:
    """The fields of those lines that have exactly `columns` of them, and a reject for each other line.

    Fields may be quoted as RFC 4180 has it, but a quoted field ends on its own line.
    """
    rejects: list[Reject] = []
    data, start, end = lines.data, lines.start, lines.end
    if b'"' in data:
        data, start, end, good, rejects = _unquoted(lines, delimiter, columns)
        lines = lines.take(good)
        delimiter = UNIT_SEPARATOR
    codes = np.frombuffer(data, dtype=np.uint8)
    at = np.flatnonzero(codes == ord(delimiter))
    inner = columns - 1
    if not _regular(at, start, end, inner):
        first = np.searchsorted(at, start)
        count = np.searchsorted(at, end) - first
        good = np.flatnonzero(count == inner)
        rejects += [
            Reject(lines.file, int(lines.number[row]), "line",
                   f"has {int(count[row]) + 1} fields, the header has {columns}", shown(lines.raw(int(row))))
            for row in np.flatnonzero(count != inner)
        ]  # fmt: skip
        lines, start, end = lines.take(good), start[good], end[good]
        at = at[first[good][:, None] + np.arange(inner)].ravel()
    between = at.reshape(len(lines), inner).T
    starts = np.concatenate([start[None, :], between + 1])
    ends = np.concatenate([between, end[None, :]])
    if b" " in data:
        _strip(codes, starts, ends)
    return Fields(lines, data, starts, ends), rejects


def _regular(at: NDArray[np.intp], start: NDArray[np.intp], end: NDArray[np.intp], inner: int) -> bool:
    """Whether the delimiters at `at` are `inner` for each line."""
    if len(at) != len(start) * inner:
        return False
    if inner == 0:
        return True
    between = at.reshape(len(start), inner)
    return bool((between[:, 0] >= start).all() and (between[:, -1] < end).all())


def _strip(codes: NDArray[np.uint8], start: NDArray[np.intp], end: NDArray[np.intp]) -> None:
    """Move the starts and ends inwards over blanks, in place."""
    while (blank := (codes[start] == _SPACE) & (start < end)).any():
        start += blank
    while (blank := (codes[end - 1] == _SPACE) & (start < end)).any():
        end -= blank


def _unquoted(
    lines: Lines, delimiter: str, columns: int
) -> tuple[bytes, NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], list[Reject]]:
    """The lines written anew without quotes, delimited by UNIT_SEPARATOR; the rows kept; the rejects."""
    rejects: list[Reject] = []
    good: list[int] = []
    rewritten: list[str] = []
    for row in range(len(lines)):
        # Latin-1 maps every byte to one character and back: what the bytes mean is decided field by field.
        line = lines.raw(row).decode("latin-1")
        reason = None
        fields: list[str] = []
        if UNIT_SEPARATOR in line:
            reason = "contains the control character 0x1F"
        elif '"' not in line:
            fields = line.split(delimiter)
        else:
            try:
                fields = next(
                    csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=delimiter != " ")
                )
            except csv.Error as exc:
                reason = f"has a quoted field that does not end as it should: {exc}"
        if reason is None and len(fields) != columns:
            reason = f"has {len(fields)} fields, the header has {columns}"
        if reason is None:
            good.append(row)
            rewritten.append(UNIT_SEPARATOR.join(fields))
        else:
            rejects.append(Reject(lines.file, int(lines.number[row]), "line", reason, shown(lines.raw(row))))
    length = np.fromiter(map(len, rewritten), dtype=np.intp, count=len(rewritten))
    end = np.cumsum(length + 1) - 1
    data = "\n".join([*rewritten, ""]).encode("latin-1") + bytes(PADDING)
    return data, end - length, end, np.array(good, dtype=np.intp), rejects
