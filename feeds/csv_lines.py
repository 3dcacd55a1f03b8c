"""Cuts a stream of bytes into lines without copying them: each line is a start and an end in a shared block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from feeds.errors import FileError
from feeds.rejects import MAX_RAW_CHARACTERS, Reject, shown

MAX_LINE_BYTES: Final = 1 << 20
"""A longer line is refused; it is never held in memory as a whole."""
PADDING: Final = 64
"""Zero bytes after the last line, so that a fixed-width look at any field stays inside the block."""

_NEWLINE: Final = 10
_RETURN: Final = 13
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Lines:
    """Some whole lines of one file: `data[start[i]:end[i]]` is line number `number[i]` (from 1).

    Line ends (LF or CRLF) are outside of start and end; empty lines are left out.  `data` ends in PADDING
    zero bytes.
    """

    file: str
    data: bytes
    start: NDArray[np.intp]
    end: NDArray[np.intp]
    number: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def codes(self) -> NDArray[np.uint8]:
        return np.frombuffer(self.data, dtype=np.uint8)

    def raw(self, row: int) -> bytes:
        return self.data[self.start[row] : self.end[row]]

    def take(self, where: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Lines:
        return Lines(self.file, self.data, self.start[where], self.end[where], self.number[where])


def cut(file: str, data: bytes, first_number: int) -> Lines:
    """The lines of `data`, which ends in a line end, counted from `first_number`."""
    codes = np.frombuffer(data, dtype=np.uint8)
    end = np.flatnonzero(codes == _NEWLINE)
    start = np.empty_like(end)
    start[:1] = 0
    start[1:] = end[:-1] + 1
    number = np.arange(first_number, first_number + len(end), dtype=np.int64)
    if b"\r" in data:
        end = end - ((end > start) & (codes[end - 1] == _RETURN))
    if not (end > start).all():
        kept = end > start
        start, end, number = start[kept], end[kept], number[kept]
    return Lines(file, data + bytes(PADDING), start, end, number)


def read_lines(file: str, blocks: Iterable[bytes]) -> Iterator[Lines | Reject | FileError]:
    """Yield the lines of `blocks` a block at a time, a reject for each line that is too long.

    The last item is the `FileError` of `blocks` where it raised one; the unfinished line before it is a reject,
    because a number cut short looks like a good one.  A byte order mark before the first line is dropped.
    """
    cutter = _Cutter(file)
    try:
        for number, block in enumerate(blocks):
            yield from cutter.add(block if number else block.removeprefix(_BOM))
    except FileError as exc:
        yield from cutter.broken_off()
        yield exc
    else:
        yield from cutter.finish()


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
            lines = cut(self._file, data, self._number)
            self._number += data.count(b"\n")
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
            yield cut(self._file, bytes(self._kept) + b"\n", self._number)

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
