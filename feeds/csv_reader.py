"""Reads ticks from one CSV file, a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from db.market import TickBatch
from feeds.base import NO_TICKS, FeedBatch, Origins
from feeds.csv_bytes import ByteSource
from feeds.csv_columns import put_row, read_columns
from feeds.csv_fields import Fields, split_fields
from feeds.csv_layout import Layout, find_layout
from feeds.csv_lines import PADDING, Lines, read_lines, split_long
from feeds.csv_options import CsvOptions
from feeds.csv_rows import FieldError, read_row
from feeds.csv_style import find_style
from feeds.csv_times import UNIT_NAMES, TimeStyle
from feeds.errors import FileError
from feeds.rejects import Reject, shown

BINARY_SAMPLE: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What was found or assumed about a file, for its reader to check."""

    layout: Layout
    style: TimeStyle
    compression: str | None

    def assumptions(self) -> list[str]:
        """Short statements of how the file is read."""
        delimiter = {"\t": "tab", " ": "space"}.get(self.layout.delimiter, self.layout.delimiter)
        said = [f"delimiter {delimiter}", f"columns {self.layout.described()}"]
        if self.style.unit is not None:
            told = " (told by their magnitude)" if self.style.guessed else ""
            said.append(f"times in {UNIT_NAMES[self.style.unit]} since 1970 UTC{told}")
        else:
            zone = (
                f", in {self.style.zone} where they state no zone" if self.style.zone else " with their zone"
            )
            said.append(f"times in ISO 8601{zone}")
        if "seq" not in self.layout.index:
            said.append("seq is the row's number in the file")
        if "size" not in self.layout.index:
            said.append("size 0")
        if "price" not in self.layout.index:
            said.append("price is the mid of bid and ask")
        if self.compression:
            said.append(self.compression)
        return said


class CsvReader:
    """One file's ticks, in its order.  `facts` is known once the first batch has been read.

    seq is that of the file's column, else the number of the row in its file (from 1, refused and empty lines
    counted too), so that a file read again gives the same ticks.
    """

    def __init__(self, path: Path, options: CsvOptions) -> None:
        self.source = ByteSource(path)
        self.file = str(path)
        self.facts: FileFacts | None = None
        self._options = options

    def __iter__(self) -> Iterator[FeedBatch]:
        """Yield the ticks a block (about a megabyte of text) at a time, with the refused rows of that block.

        Raises `FileError` for what is wrong with the file as a whole, after what was good has been yielded.
        """
        layout: Layout | None = None
        rows = 0
        for item in read_lines(self.file, self.source.blocks()):
            if isinstance(item, FileError):
                raise item
            if isinstance(item, Reject):
                if layout is None:
                    raise FileError(self.file, f"the header {item.reason}", line=item.line)
                rows += 1
                yield FeedBatch(NO_TICKS, None, (item,))
                continue
            lines = item
            if layout is None and len(lines):
                if b"\0" in lines.data[:BINARY_SAMPLE].rstrip(b"\0"):
                    raise FileError(self.file, "is no text: it looks like a binary file")
                layout = find_layout(self.file, int(lines.number[0]), lines.raw(0), self._options)
                lines = lines.take(slice(1 if layout.header_line else 0, None))
            if layout is not None and len(lines):
                rows += len(lines)
                yield self._read(lines, layout)
        if layout is None:
            raise FileError(self.file, "is empty")
        if rows == 0:
            raise FileError(self.file, "has a header and no rows", line=layout.header_line)

    def _read(self, lines: Lines, layout: Layout) -> FeedBatch:
        lines, rejects = split_long(lines)
        lines, nul = _without_nul(lines)
        fields, uneven = split_fields(lines, layout.delimiter, len(layout.names))
        rejects += nul + uneven
        if self.facts is None and len(fields):
            layout, style = find_style(fields, layout, self._options)
            self.facts = FileFacts(layout, style, self.source.compression)
        if self.facts is None:
            return FeedBatch(NO_TICKS, None, tuple(rejects))
        ticks, rows, refused = self._ticks(fields, self.facts)
        rejects = sorted(rejects + refused, key=lambda reject: reject.line)
        return FeedBatch(ticks, Origins.of(fields.lines, rows), tuple(rejects))

    def _ticks(self, fields: Fields, facts: FileFacts) -> tuple[TickBatch, NDArray[np.intp], list[Reject]]:
        """The ticks of a block, the rows they came from, and the refused rows."""
        columns = read_columns(fields, facts.layout, facts.style, symbol=self._options.symbol)
        if columns.good.all():
            return columns.ticks, np.arange(len(fields)), []
        rejects = []
        for row in np.flatnonzero(~columns.good).tolist():
            lines = fields.lines
            number = int(lines.number[row])
            try:
                tick = read_row(
                    {name: fields.text(at, row) for name, at in facts.layout.index.items()},
                    facts.style,
                    symbol=self._options.symbol,
                    row_number=number - facts.layout.header_line,
                )
            except FieldError as exc:
                rejects.append(Reject(self.file, number, exc.field, exc.reason, shown(lines.raw(row))))
            else:
                put_row(columns, row, tick)
        kept = np.flatnonzero(columns.good)
        return columns.ticks.take(kept), kept, rejects


def _without_nul(lines: Lines) -> tuple[Lines, list[Reject]]:
    """`lines` without those that contain a NUL byte, which no text in the database can hold."""
    if lines.data.find(b"\0", 0, len(lines.data) - PADDING) < 0:
        return lines, []
    bad = np.array([b"\0" in lines.raw(row) for row in range(len(lines))], dtype=np.bool_)
    rejects = [
        Reject(lines.file, int(lines.number[row]), "line", "contains a NUL byte", shown(lines.raw(row)))
        for row in np.flatnonzero(bad).tolist()
    ]
    return lines.take(~bad), rejects
