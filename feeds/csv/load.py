"""Reads CSV files for storing as fast as that goes: no clock, no order of time needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from tickdeck.feeds.base import FeedBatch, ahead
from tickdeck.feeds.csv.bytes import members_of
from tickdeck.feeds.csv.fields import LineOrigins
from tickdeck.feeds.csv.neighbours import Neighbours
from tickdeck.feeds.csv.options import CsvOptions
from tickdeck.feeds.csv.reader import CsvReader
from tickdeck.feeds.csv.repairs import repairs_in
from tickdeck.feeds.errors import FileError


class CsvLoad:
    """A feed that ends: file after file, each in its own order.

    A file that cannot be read to its end does not keep the next ones from being read; `failures` holds the
    errors in the order of the files.  `size` and `position` are bytes on disk of all files, for a progress bar.
    """

    kind = "load"

    def __init__(self, paths: Sequence[Path], options: CsvOptions) -> None:
        self.name = ", ".join(path.name for path in paths)
        self.readers: list[CsvReader] = []
        self.failures: list[FileError] = []
        self._compares = options.price_scale is None and not options.all_rows
        self._neighbours: Neighbours | None = None
        self._refused: set[str] = set()
        self._repaired: set[str] = set()  # somebody has looked at the rows of these
        for path in paths:
            try:
                found = _readers(path, options)
                self.readers += found
                if repairs_in(path) is not None:
                    self._repaired.update(reader.file for reader in found)
            except FileError as exc:
                self.failures.append(exc)

    def allow_negative(self, symbols: frozenset[str]) -> None:
        """Take prices of 0 and below of these; before anything is read."""
        for reader in self.readers:
            reader.allow_negative(symbols)

    def compare_with(self, stored: Neighbours) -> None:
        """Refuse a file, from there on, whose prices are of another unit than what is stored beside them."""
        self._neighbours = stored if self._compares else None

    @property
    def size(self) -> int:
        return sum(reader.source.size for reader in self.readers)

    @property
    def position(self) -> int:
        return sum(reader.source.position for reader in self.readers)

    async def batches(self) -> AsyncIterator[FeedBatch]:
        """Yield the blocks of all files."""
        async for batch in ahead(self._blocks()):
            file = batch.origins.blocks[0].file if isinstance(batch.origins, LineOrigins) else ""
            if self._neighbours is not None and len(batch) and file not in self._refused | self._repaired:
                fault = await self._neighbours.fault(file, batch)
                if fault is not None:
                    self.failures.append(fault)
                    self._refused.add(file)
            if file not in self._refused:
                yield batch

    def _blocks(self) -> Iterator[FeedBatch]:
        for reader in self.readers:
            try:
                for batch in reader:
                    if reader.file in self._refused:
                        break
                    yield batch
            except FileError as exc:
                self.failures.append(exc)


def _readers(path: Path, options: CsvOptions) -> list[CsvReader]:
    """Those of `path`, or, where that is a rejects file, of the files its rows came from."""
    repairs = repairs_in(path)
    if repairs is None:
        return [CsvReader(path, options, member, corrections=True) for member in members_of(path)]
    found = []
    for name, lines in repairs.items():
        source = Path(name)
        inside = not source.exists() and source.parent.is_file()
        reader = (
            CsvReader(source.parent, options, source.name, lines)
            if inside
            else CsvReader(source, options, None, lines)
        )
        found.append(reader)
    return found
