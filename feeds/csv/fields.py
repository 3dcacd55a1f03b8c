"""Cuts a stream of bytes into lines, and all lines of a block into fields at once, without copying them.

A line or a field is a start and an end in a shared block.  No library does this with the promise that each row is
told by its own line (docs/decisions/csv-tokenizer.md).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tickdeck.feeds.errors import FileError
from tickdeck.feeds.rejects import MAX_RAW_CHARACTERS, Reject, shown

MAX_LINE_BYTES: Final = 1 << 20
"""A longer line is refused; it is never held in memory as a whole."""
PADDING: Final = 64
"""Zero bytes after the last line, so that a fixed-width look at any field stays inside the block."""

UNIT_SEPARATOR: Final = "\x1f"
"""Stands for the delimiter in lines whose quotes have been taken off."""

_NEWLINE: Final = 10
_RETURN: Final = 13
_SPACE: Final = 32
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Lines:
    """Some whole lines of one file: `data[start[i]:end[i]]` is line number `number[i]` (from 1).

    Line ends (LF or CRLF) are outside of start and end; empty lines are left out.  `data` ends in PADDING
    zero bytes.  `unended`: the only line is the last one of its file and has no line end there.
    """

    file: str
    data: bytes
    start: NDArray[np.intp]
    end: NDArray[np.intp]
    number: NDArray[np.int64]
    unended: bool = False

    def __len__(self) -> int:
        return len(self.start)

    @property
    def codes(self) -> NDArray[np.uint8]:
        return np.frombuffer(self.data, dtype=np.uint8)

    def raw(self, row: int) -> bytes:
        return self.data[self.start[row] : self.end[row]]

    def take(self, where: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Lines:
        return Lines(self.file, self.data, self.start[where], self.end[where], self.number[where])


@dataclass(frozen=True, slots=True)
class LineOrigins:
    """From which line of which file each tick of a batch came: tick i is line `row[i]` of `blocks[block[i]]`."""

    blocks: tuple[Lines, ...]
    block: NDArray[np.intp]
    row: NDArray[np.intp]

    @classmethod
    def of(cls, lines: Lines, rows: NDArray[np.intp]) -> LineOrigins:
        """Ticks of one block: `rows` are their lines in it."""
        return cls((lines,), np.zeros(len(rows), dtype=np.intp), rows)

    def take(self, where: NDArray[np.bool_] | NDArray[np.intp] | slice) -> LineOrigins:
        return LineOrigins(self.blocks, self.block[where], self.row[where])

    def join(self, others: Sequence[LineOrigins]) -> LineOrigins:
        every = [self, *others]
        shifts = np.cumsum([0, *(len(each.blocks) for each in every[:-1])])
        return LineOrigins(
            tuple(lines for each in every for lines in each.blocks),
            np.concatenate([each.block + shift for each, shift in zip(every, shifts, strict=True)]),
            np.concatenate([each.row for each in every]),
        )

    def line(self, index: int) -> int:
        return int(self.blocks[self.block[index]].number[self.row[index]])

    def reject(self, index: int, field: str, reason: str) -> Reject:
        lines, row = self.blocks[self.block[index]], int(self.row[index])
        return Reject(lines.file, int(lines.number[row]), field, reason, shown(lines.raw(row)))


def cut(file: str, data: bytes, first_number: int) -> Lines:
    """The lines of `data`, which ends in a line end, counted from `first_number`."""
    return _cut(file, data, first_number)[0]


def _cut(file: str, data: bytes, first_number: int) -> tuple[Lines, int]:
    """The lines of `data`, and how many there are with the empty ones."""
    codes = np.frombuffer(data, dtype=np.uint8)
    end = np.flatnonzero(codes == _NEWLINE)
    count = len(end)
    start = np.empty_like(end)
    start[:1] = 0
    start[1:] = end[:-1] + 1
    number = np.arange(first_number, first_number + count, dtype=np.int64)
    if b"\r" in data:
        end = end - ((end > start) & (codes[end - 1] == _RETURN))
    if not (end > start).all():
        kept = end > start
        start, end, number = start[kept], end[kept], number[kept]
    return Lines(file, data + bytes(PADDING), start, end, number), count


def read_lines(file: str, blocks: Iterable[bytes]) -> Iterator[Lines | Reject | FileError]:
    """Yield the lines of `blocks` a block at a time, a reject for each line that is too long.

    The last item is the `FileError` of `blocks` where it raised one; the unfinished line before it is a reject,
    because a number cut short looks like a good one.  A byte order mark before the first line is dropped.
    """
    cutter = _Cutter(file)
    try:
        for number, block in enumerate(blocks):
            yield from cutter.add(_without_marks(block, first=not number))
    except FileError as exc:
        yield from cutter.broken_off()
        yield exc
    else:
        yield from cutter.finish()


def _without_marks(block: bytes, *, first: bool) -> bytes:
    """`block` without byte order marks at its beginning and, where files were put behind each other, of its lines."""
    while first and block.startswith(_BOM):
        block = block.removeprefix(_BOM)
    return block.replace(b"\n" + _BOM, b"\n") if _BOM[0] in block else block  # one byte is looked for fastest


class _Cutter:
    """Holds the beginning of a line until its end comes; never more of it than a line may have."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._number = 1  # of the next line to come out
        self._kept = bytearray()
        self._dropped = 0  # bytes of that line that were not kept

    def add(self, block: bytes) -> Iterator[Lines | Reject]:
        """The lines that end in `block`."""
        after = block.rfind(b"\n") + 1
        if after:
            yield from self._whole(block, after)
        else:
            self._keep(block)

    def _whole(self, block: bytes, after: int) -> Iterator[Lines | Reject]:
        first_end = block.find(b"\n")
        length = len(self._kept) + self._dropped + first_end
        if length > MAX_LINE_BYTES:
            beginning = bytes(self._kept[:MAX_RAW_CHARACTERS]) + block[:MAX_RAW_CHARACTERS]
            yield _too_long(self._file, self._number, beginning, length)
            self._number += 1
            data = block[first_end + 1 : after]
        else:
            data = bytes(self._kept) + block[:after]
        self._kept.clear()
        self._dropped = 0
        self._keep(block[after:])
        if data:
            lines, count = _cut(self._file, data, self._number)
            self._number += count
            yield lines

    def _keep(self, piece: bytes) -> None:
        room = MAX_LINE_BYTES + 1 - len(self._kept)
        self._kept += piece[:room]
        self._dropped += max(0, len(piece) - room)

    def finish(self) -> Iterator[Lines | Reject]:
        """The last line, which needs no line end."""
        if len(self._kept) > MAX_LINE_BYTES:
            length = len(self._kept) + self._dropped
            yield _too_long(self._file, self._number, bytes(self._kept[:MAX_RAW_CHARACTERS]), length)
        elif self._kept:
            yield replace(cut(self._file, bytes(self._kept) + b"\n", self._number), unended=True)

    def broken_off(self) -> Iterator[Reject]:
        """The last line where the file ended before its time."""
        if self._kept:
            raw = shown(bytes(self._kept[:MAX_RAW_CHARACTERS]), len(self._kept) + self._dropped)
            yield Reject(
                self._file, self._number, "line", "is cut off: the file ends in the middle of it", raw
            )


def split_long(lines: Lines) -> tuple[Lines, list[Reject]]:
    """`lines` without those that are longer than MAX_LINE_BYTES, and a reject for each of these."""
    long = (lines.end - lines.start) > MAX_LINE_BYTES
    if not long.any():
        return lines, []
    rejects = [
        _too_long(lines.file, int(lines.number[i]), lines.raw(i), int(lines.end[i] - lines.start[i]))
        for i in np.flatnonzero(long).tolist()
    ]
    return lines.take(~long), rejects


def _too_long(file: str, number: int, beginning: bytes, length: int) -> Reject:
    reason = f"is too long: {length:,} bytes, at most {MAX_LINE_BYTES:,} are read"
    return Reject(file, number, "line", reason, shown(beginning, length))


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

    Fields may be quoted as RFC 4180 has it; a row of several lines, as `join_open` makes them, has the number of its first.
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


MAX_QUOTED_LINES: Final = 100
"""A quoted field that does not end within so many lines has a quote too many."""


def hold_open(lines: Lines, delimiter: str) -> tuple[Lines, Lines | None]:
    """`lines` without those at their end in which a quoted field may go on; and these."""
    first = max(0, len(lines) - MAX_QUOTED_LINES)
    if lines.data.find(b'"', int(lines.start[first]) if len(lines) else 0) < 0:
        return lines, None
    odd = [row for row in range(first, len(lines)) if lines.raw(row).count(b'"') % 2]
    if not odd or not _is_open(lines.raw(odd[-1]), delimiter):
        return lines, None
    return lines.take(slice(odd[-1])), lines.take(slice(odd[-1], None))


def put_before(held: Lines, lines: Lines) -> Lines:
    """Both as one."""
    kept = held.data[int(held.start[0]) : int(held.end[-1])] + b"\n"
    shift = len(kept)
    return Lines(
        lines.file,
        kept + lines.data,
        np.concatenate([held.start - held.start[0], lines.start + shift]),
        np.concatenate([held.end - held.start[0], lines.end + shift]),
        np.concatenate([held.number, lines.number]),
    )


def join_open(lines: Lines, delimiter: str, columns: int) -> Lines:
    """`lines`, each that has a quoted field of several lines joined with those to one of `columns` fields."""
    if b'"' not in lines.data:
        return lines
    odd = [row for row in range(len(lines)) if lines.raw(row).count(b'"') % 2]
    end, kept = lines.end.copy(), np.ones(len(lines), dtype=np.bool_)
    done = -1
    for first, last in pairwise(odd):
        if first <= done or last - first > MAX_QUOTED_LINES or not _is_open(lines.raw(first), delimiter):
            continue
        whole = lines.data[int(lines.start[first]) : int(lines.end[last])].decode("latin-1")
        try:
            rows = list(
                csv.reader([f"{line}\n" for line in whole.split("\n")], delimiter=delimiter, strict=True)
            )
        except csv.Error:
            continue
        if len(rows) == 1 and len(rows[0]) == columns:
            end[first], done = lines.end[last], last
            kept[first + 1 : last + 1] = False
    return lines if kept.all() else Lines(lines.file, lines.data, lines.start, end, lines.number).take(kept)


def _is_open(raw: bytes, delimiter: str) -> bool:
    """Whether a line ends within a quoted field."""
    try:
        next(
            csv.reader(
                [raw.decode("latin-1")], delimiter=delimiter, strict=True, skipinitialspace=delimiter != " "
            ),
            None,
        )
    except csv.Error as exc:
        return str(exc) == "unexpected end of data"
    return False


def fields_of(lines: Lines, rows: Sequence[Sequence[bytes]], columns: int) -> Fields:
    """Fields that were cut from `lines` otherwise: for each line its `columns` fields, without blanks at their ends."""
    length = np.fromiter(
        (len(cell) for row in rows for cell in row), dtype=np.intp, count=len(rows) * columns
    )
    end = np.cumsum(length)
    data = b"".join([cell for row in rows for cell in row]) + bytes(PADDING)
    shape = (len(rows), columns)
    return Fields(lines, data, (end - length).reshape(shape).T, end.reshape(shape).T)


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
                # A row of several lines has its line ends within fields.
                fields = next(
                    csv.reader(
                        [line.replace("\n", " ")],
                        delimiter=delimiter,
                        strict=True,
                        skipinitialspace=delimiter != " ",
                    )
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
