"""A feed's ticks on disk while the database takes none: an append-only file in segments, read back in order.

A segment is `MAGIC` and records; a record is `HEAD` (length of its content, CRC-32 of all the rest, number) and the content
(see `_encoded`).  Numbers count up by one through all segments.  What a crash has left is read up to the first record that
is not whole; from there on nothing is, for a feed that goes on behind the newest tick must not go on behind a hole.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import numpy as np
import pandas as pd
import structlog
from numpy.typing import NDArray

from tickdeck.db.embedded import taken
from tickdeck.db.faults import Fault
from tickdeck.db.feed_gaps import FeedGap
from tickdeck.db.feed_positions import FeedPosition
from tickdeck.db.market.types import TickBatch
from tickdeck.feeds.base import FeedBatch
from tickdeck.feeds.errors import FeedError

MAGIC: Final = b"tickdeck spill 1"
HEAD: Final = struct.Struct("<IIQ")
SEGMENTS: Final = 16
"""So many are of the bound's size together: what is stored is given back to the disk a segment at a time."""
NEARLY_FULL: Final = 0.75

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Record:
    offset: int
    length: int
    number: int
    ticks: int


class _Segment:
    """A file, and those of its records that are not stored."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.records: deque[_Record] = deque()


@dataclass(frozen=True, slots=True)
class SpillSettings:
    """`folder`: one for each database; None: nothing is spilled.  `limit_bytes`: more is never on the disk.
    `sync`: what was spilled survives a loss of power too, not only of the process.
    """

    folder: Path | None = None
    limit_bytes: int = 256 << 20
    sync: bool = True


class Spill:
    """What is in `folder`, oldest first; `append` adds the newest, `first` reads the oldest, `drop_first` forgets that.

    The caller is one task of one process: see `opened`.  Raises `FeedError` where what is there cannot be read.
    """

    def __init__(self, folder: Path, *, limit_bytes: int = 256 << 20, sync: bool = True) -> None:
        self.limit_bytes = limit_bytes
        self.ticks = 0
        """In all records that are not stored."""
        self._folder = folder
        self._sync = sync
        self._segment_bytes = limit_bytes // SEGMENTS
        self._segments: deque[_Segment] = deque()
        self._number = 1  # of the next record
        self._full = Fault("spill_is_full", "spill_has_room")
        self._filling = Fault("spill_fills_up", "spill_is_emptied")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._scan()
        except OSError as exc:
            raise FeedError(f"the spilled ticks in {folder} cannot be read: {exc}") from exc

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return sum(each.size for each in self._segments)

    def __bool__(self) -> bool:
        """Whether anything is spilled."""
        return any(each.records for each in self._segments)

    def append(self, batch: FeedBatch) -> bool:
        """Add `batch`; False where the bound or the disk is reached: then nothing of it is there."""
        content = _encoded(batch)
        length = HEAD.size + len(content)
        if self.size + len(MAGIC) + length > self.limit_bytes:
            self._full.failed(f"{self.size:,} of {self.limit_bytes:,} bytes are used", ticks=self.ticks)
            return False
        number = self._number
        segment = self._segments[-1] if self._segments else None
        try:
            if segment is None or (segment.records and segment.size + length > self._segment_bytes):
                segment = self._new_segment(number)
            self._write(segment, _head(content, number) + content)
        except OSError as exc:
            self._full.failed(f"{self._folder}: {exc.strerror or exc}", ticks=self.ticks)
            return False
        segment.records.append(_Record(segment.size, length, number, len(batch)))
        segment.size += length
        self._number += 1
        self.ticks += len(batch)
        if self.size > NEARLY_FULL * self.limit_bytes:
            self._filling.failed(f"{self.size:,} of {self.limit_bytes:,} bytes are used", ticks=self.ticks)
        return True

    def first(self) -> FeedBatch:
        """The oldest batch; there is one."""
        segment = self._segments[0]
        record = segment.records[0]
        try:
            with segment.path.open("rb") as file:
                file.seek(record.offset)
                data = file.read(record.length)
        except OSError as exc:
            raise FeedError(f"the spilled ticks in {segment.path} cannot be read: {exc}") from exc
        if _content(data, record.number) is None:
            raise FeedError(
                f"{segment.path} has changed at byte {record.offset:,} since it was written: move it away to go on"
            )
        return _decoded(data[HEAD.size :])

    def drop_first(self) -> None:
        """The oldest batch is stored."""
        segment = self._segments[0]
        self.ticks -= segment.records.popleft().ticks
        if not segment.records:
            segment.path.unlink(missing_ok=True)
            self._segments.popleft()
            self._full.over()
        if not self:
            self._filling.over()

    def _new_segment(self, number: int) -> _Segment:
        path = self._folder / f"{number:012}.spill"
        segment = _Segment(path)
        try:
            self._write(segment, MAGIC)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        segment.size = len(MAGIC)
        if self._sync:
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        self._segments.append(segment)
        return segment

    def _write(self, segment: _Segment, data: bytes) -> None:
        """Add `data` whole or not at all; raises `OSError`."""
        file = os.open(segment.path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.ftruncate(file, segment.size)  # a part of what did not fit before
            written = 0
            while written < len(data):
                written += os.pwrite(file, data[written:], segment.size + written)
            if self._sync:
                os.fsync(file)
        except OSError:
            os.ftruncate(file, segment.size)
            raise
        finally:
            os.close(file)

    def _scan(self) -> None:
        paths = sorted(path for path in self._folder.glob("*.spill") if path.stem.isdecimal())
        if paths:
            self._number = int(paths[0].stem)
        for place, path in enumerate(paths):
            segment = _Segment(path)
            data = path.read_bytes()
            for record in _records(data, self._number):
                segment.records.append(record)
                segment.size = record.offset + record.length
                self.ticks += record.ticks
                self._number = record.number + 1
            if segment.records:
                self._segments.append(segment)
            # Of the last one its beginning may be all that there was time for.
            if segment.size < len(data) and (data != MAGIC or path != paths[-1]):
                self._set_aside(path, data, segment.size, paths[place + 1 :])
            if not segment.records:
                path.unlink(missing_ok=True)
            if segment.size < len(data):
                break

    def _set_aside(self, path: Path, data: bytes, end: int, later: list[Path]) -> None:
        """What is not whole is kept beside the rest, and named."""
        kept = _unused(path)
        kept.write_bytes(data[end:])
        os.truncate(path, end)
        for each in later:
            each.replace(_unused(each))
        log.error(
            "spill_is_damaged",
            file=str(path),
            from_byte=end,
            bytes=len(data) - end,
            kept_in=str(kept),
            later_files=[each.name for each in later],
        )


@contextmanager
def opened(settings: SpillSettings, feed: str) -> Iterator[Spill | None]:
    """The spill of the feed of that name; None where there is to be none, or another process has it."""
    if settings.folder is None:
        yield None
        return
    name = "".join(each if each.isalnum() or each in "-_" else "_" for each in feed)[:40]
    folder = settings.folder / f"{name}-{zlib.crc32(feed.encode()):08x}"
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            free = stack.enter_context(taken(folder / "lock"))
        except OSError as exc:
            log.warning("nothing_is_spilled", reason=f"{folder}: {exc.strerror or exc}")
            yield None
            return
        if not free:
            log.warning("nothing_is_spilled", reason=f"another process has {folder}")
            yield None
            return
        yield Spill(folder, limit_bytes=settings.limit_bytes, sync=settings.sync)


def waiting(settings: SpillSettings) -> dict[str, tuple[int, int]]:
    """Of each feed whose ticks wait on this machine's disk the bytes, and their bound; by its folder's name.

    For who looks on from outside: while the database is away nobody else can say it.
    """
    if settings.folder is None:
        return {}
    found = {}
    for folder in settings.folder.glob("*-????????"):
        size = 0
        for path in folder.glob("*.spill"):
            with suppress(FileNotFoundError):  # stored meanwhile
                size += path.stat().st_size
        if size:
            found[folder.name[:-9]] = size, settings.limit_bytes
    return found


def _unused(path: Path) -> Path:
    """A name for the damaged part of `path`."""
    names = (path.with_suffix(f".damaged{number or ''}") for number in count())
    return next(each for each in names if not each.exists())


def _records(data: bytes, number: int) -> Iterator[_Record]:
    """The records of a segment, of which the first is to be `number`, up to the first that is not whole."""
    offset = len(MAGIC)
    while data.startswith(MAGIC) and offset + HEAD.size <= len(data):
        length, _, _ = HEAD.unpack_from(data, offset)
        record = data[offset : offset + HEAD.size + length]
        content = _content(record, number)
        if content is None:
            return
        try:
            ticks = len(_decoded(content))
        except (ValueError, KeyError, TypeError):
            return  # whole, and not of this version
        yield _Record(offset, len(record), number, ticks)
        offset += len(record)
        number += 1


def _head(content: bytes, number: int) -> bytes:
    return HEAD.pack(len(content), _checksum(content, number), number)


def _checksum(content: bytes, number: int) -> int:
    return zlib.crc32(content, zlib.crc32(struct.pack("<IQ", len(content), number)))


def _content(record: bytes, number: int) -> bytes | None:
    """The content of a record if it is whole and has that number."""
    if len(record) < HEAD.size:
        return None
    length, checksum, found = HEAD.unpack_from(record)
    content = record[HEAD.size :]
    if len(content) != length or found != number or _checksum(content, number) != checksum:
        return None
    return content


def _encoded(batch: FeedBatch) -> bytes:
    """Ticks, gaps and position as bytes: a JSON object and its length, then the columns as they lie in memory.

    Texts are numbers into a list.  Where its ticks came from, and what was refused among them, is not kept.
    """
    columns: list[Any] = []
    parts: list[bytes] = []
    for field in fields(TickBatch):
        column: NDArray[Any] | None = getattr(batch.ticks, field.name)
        if column is None:
            continue
        texts = None
        if column.dtype == object:
            codes, values = pd.factorize(column)  # none: -1
            column, texts = codes.astype("<i4"), [str(each) for each in values]
        column = np.ascontiguousarray(column)
        column = column.astype(column.dtype.newbyteorder("<"), copy=False)
        part = column.tobytes()
        columns.append([field.name, column.dtype.str, len(part), texts])
        parts.append(part)
    said = {
        "columns": columns,
        "gaps": [asdict(each) for each in batch.gaps],
        "position": None if batch.position is None else asdict(batch.position),
    }
    told = json.dumps(said, default=str).encode()
    return b"".join([struct.pack("<I", len(told)), told, *parts])


def _decoded(content: bytes) -> FeedBatch:
    """What `_encoded` was given; raises `ValueError`, `KeyError` or `TypeError` where it is of another version."""
    (length,) = struct.unpack_from("<I", content)
    said: Mapping[str, Any] = json.loads(content[4 : 4 + length])
    offset = 4 + length
    columns: dict[str, NDArray[Any]] = {}
    for name, kind, size, texts in said["columns"]:
        column: NDArray[Any] = np.frombuffer(content[offset : offset + size], dtype=np.dtype(kind))
        column = column.astype(column.dtype.newbyteorder("="))
        if texts is not None:
            column = np.array([*texts, None], dtype=object)[column]
        columns[name] = column
        offset += size
    return FeedBatch(
        TickBatch(**columns),
        gaps=tuple(FeedGap(**{**each, "id": UUID(each["id"])}) for each in said["gaps"]),
        position=None if said["position"] is None else FeedPosition(**said["position"]),
    )
