"""Compressed files: every member is proved to be sound before a byte of it is passed on."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

import numpy as np
import zstandard

# Small, because a crafted zstd block can grow ten-thousandfold in one call.
PIECE_BYTES: Final = 1 << 14
HELD_BYTES: Final = 1 << 26
"""So much of what a part holds is kept in memory until its checksum is known to be right."""
_NEWLINE: Final = 10
_RETURN: Final = 13
_SKIPPED: Final = tuple(bytes([0x50 + number, 0x2A, 0x4D, 0x18]) for number in range(16))
"""Frames of zstd that hold no data; some tools write one at the beginning."""
_ZSTD_HEADER: Final = 18


class _Decompressor(Protocol):
    """One gzip member, zstd frame, bz2 or xz stream; `eof` once it is complete."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Compression:
    """A format: its name, what it calls the parts that it is made of, and what takes one of these apart."""

    name: str
    part: str
    magic: tuple[bytes, ...]
    open: Callable[[], _Decompressor]


_FORMATS: Final = (
    Compression("gzip", "member", (b"\x1f\x8b",), lambda: zlib.decompressobj(wbits=31)),
    Compression(
        "zstd",
        "frame",
        (b"\x28\xb5\x2f\xfd", *_SKIPPED),
        lambda: zstandard.ZstdDecompressor().decompressobj(),
    ),
    Compression("bzip2", "stream", (b"BZh",), bz2.BZ2Decompressor),
    Compression("xz", "stream", (b"\xfd7zXZ\x00",), lzma.LZMADecompressor),
)
_ERRORS: Final = (zlib.error, zstandard.ZstdError, lzma.LZMAError, OSError, ValueError, EOFError)


def compression_of(head: bytes) -> Compression | None:
    """What a file that begins with `head` is compressed with."""
    return next((each for each in _FORMATS if head.startswith(each.magic)), None)


class SoundParts:
    """The content of those parts of a compressed file that are whole and whose checksums are right, up to the first other.

    What a part holds is kept back until its checksum was compared; of a part of more than HELD_BYTES nothing is kept, and
    it is decompressed once more afterwards.  `advance` is told of the bytes of the file that were read.
    """

    def __init__(self, file: BinaryIO, compression: Compression, advance: Callable[[int], None]) -> None:
        self.damage: str | None = None
        """What is wrong with the part that is not sound, once all is read; None where the file ends there."""
        self.unchecked = False
        """Whether a part so far had no checksum, so that a changed byte may not show."""
        self._file = file
        self._compression = compression
        self._advance = advance

    def __iter__(self) -> Iterator[bytes]:
        """Yield the content in pieces of any length.  Raises `OSError` where the file cannot be read."""
        parts = _Parts(self._compression)
        held: list[bytes] = []
        size = 0
        self._file.seek(0)
        while piece := self._file.read(PIECE_BYTES):
            self._advance(len(piece))
            blocks = parts.decompress(piece)
            while True:
                try:
                    block, whole = next(blocks)
                except StopIteration:
                    break
                except _ERRORS as exc:
                    self.damage = parts.damaged(str(exc), len(piece))
                    return
                self.unchecked = parts.unchecked
                size += len(block)
                if size <= HELD_BYTES:
                    held.append(block)
                else:
                    held.clear()
                if not whole:
                    continue
                if size <= HELD_BYTES:
                    yield from held
                else:
                    yield from self._again(*parts.span)
                held.clear()
                size = 0
        if not parts.between:
            self.damage = parts.cut_short()

    def _again(self, begin: int, end: int) -> Iterator[bytes]:
        """The content of the part in these bytes of the file, which is sound."""
        place = self._file.tell()
        self._file.seek(begin)
        stream = self._compression.open()
        while begin < end and (piece := self._file.read(min(PIECE_BYTES, end - begin))):
            begin += len(piece)
            if block := stream.decompress(piece):
                yield block
        self._file.seek(place)


class _Parts:
    """Compressed parts one after another, as one content; keeps account of where each begins, and with which line."""

    def __init__(self, compression: Compression) -> None:
        self._compression = compression
        self._stream = compression.open()
        self._place = 0  # behind what was decompressed
        self._number = 1  # of the part in progress
        self._line = self._lines = 1  # in which it begins, and that of the newest byte
        self._foreign = False  # whether it is no part at all
        self.start = 0
        """Where the part in progress begins."""
        self.span = (0, 0)
        """Where the part that was completed last begins and ends."""
        self.between = False
        """Whether that one has no byte yet."""
        self.unchecked = False

    def decompress(self, piece: bytes) -> Iterator[tuple[bytes, bool]]:
        """What `piece` holds, and whether its part is complete with it and sound; raises one of _ERRORS."""
        while piece:
            if self.between and not piece.strip(b"\0"):
                self._place += len(piece)
                return  # padding after the last part, as tapes have it
            if self._place == self.start:
                self._begin(piece)
            self.between = False
            block = self._stream.decompress(piece)
            self._place += len(piece)
            self._count(block)
            if not self._stream.eof:
                if block:
                    yield block, False
                return
            piece = self._stream.unused_data
            self._place -= len(piece)
            self.span = (self.start, self._place)
            self.start, self._line, self._number = self._place, self._lines, self._number + 1
            self._stream = self._compression.open()
            self.between = True
            yield block, True

    def _count(self, block: bytes) -> None:
        """Take account of the lines in `block`, the newest one."""
        codes = np.frombuffer(block, dtype=np.uint8)
        self._lines += int(np.count_nonzero(codes == _NEWLINE) or np.count_nonzero(codes == _RETURN))

    def damaged(self, reason: str, read: int) -> str:
        """What is wrong, where the piece of `read` bytes in progress does not decompress."""
        name, part = self._compression.name, self._compression.part
        if self._foreign:
            return (
                f"its {name} data are damaged: behind {part} {self._number - 1}, at byte {self.start:,}, stands what is no "
                f"{part} of {name}; the rows before it are kept"
            )
        place = f"{part} {self._number}, between bytes {self.start:,} and {self._place + read:,}"
        return f"its {name} data are damaged in {place} ({reason}): {self._lost()}"

    def cut_short(self) -> str:
        name, part = self._compression.name, self._compression.part
        place = f"{part} {self._number}, which begins at byte {self.start:,}"
        return f"its {name} data are cut short after byte {self._place:,}, in {place}: {self._lost()}"

    def _lost(self) -> str:
        if self._number == 1:
            return "nothing in it can be relied on, none of its rows is kept"
        return f"none of its rows is kept, those are line {self._line:,} and all that follow"

    def _begin(self, piece: bytes) -> None:
        first = self._number == 1
        self._foreign = not first and not any(
            piece.startswith(magic[: len(piece)]) for magic in self._compression.magic
        )
        if self._compression.name == "zstd" and len(piece) >= _ZSTD_HEADER and not piece.startswith(_SKIPPED):
            with suppress(zstandard.ZstdError):
                self.unchecked |= not zstandard.get_frame_parameters(piece).has_checksum
