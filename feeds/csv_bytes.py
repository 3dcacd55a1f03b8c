"""The decompressed bytes of a file, in blocks; what it is compressed with is told by its first bytes."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

import zstandard

from feeds.errors import FileError

BLOCK_BYTES: Final = 1 << 20
# Small, because a crafted zstd block can grow ten-thousandfold in one call.
COMPRESSED_BYTES: Final = 1 << 14


class _Decompressor(Protocol):
    """One gzip member, zstd frame, bz2 or xz stream; `eof` once it is complete."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


_FORMATS: Final[tuple[tuple[bytes, str, Callable[[], _Decompressor]], ...]] = (
    (b"\x1f\x8b", "gzip", lambda: zlib.decompressobj(wbits=31)),
    (b"\x28\xb5\x2f\xfd", "zstd", lambda: zstandard.ZstdDecompressor().decompressobj()),
    (b"BZh", "bzip2", bz2.BZ2Decompressor),
    (b"\xfd7zXZ\x00", "xz", lzma.LZMADecompressor),
)
_FOREIGN: Final = (
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"PAR1", "a Parquet file: write it out as CSV first"),
    (b"\xff\xfe", "UTF-16 text: save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text: save it as UTF-8"),
)


class ByteSource:
    """A file's decompressed content, read once from start to end.

    `size` and `position` are bytes of the file as it lies on disk, for a progress bar.  `compression` is its
    name or None, known after the first block.  Several gzip members or zstd frames in a row are one content.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        self.compression: str | None = None
        try:
            if path.is_dir():
                raise FileError(str(path), "is a folder, not a file")
            self.size = path.stat().st_size
        except OSError as exc:
            raise FileError(str(path), f"cannot be read: {exc.strerror}") from exc

    def blocks(self) -> Iterator[bytes]:
        """Yield non-empty blocks of about a megabyte.

        Raises `FileError` where the file cannot be opened or is of a foreign kind, and, after all that can be
        read has been yielded, where compressed data are cut short or damaged.
        """
        try:
            with self.path.open("rb") as file:
                head = file.peek(8)[:8]
                for magic, what in _FOREIGN:
                    if head.startswith(magic):
                        raise FileError(str(self.path), f"is {what}")
                for magic, name, make in _FORMATS:
                    if head.startswith(magic):
                        self.compression = name
                        yield from self._decompressed(iter(lambda: file.read(COMPRESSED_BYTES), b""), make)
                        return
                for block in iter(lambda: file.read(BLOCK_BYTES), b""):
                    self.position += len(block)
                    yield block
        except OSError as exc:
            raise FileError(str(self.path), f"cannot be read: {exc.strerror or exc}") from exc

    def _decompressed(self, pieces: Iterator[bytes], make: Callable[[], _Decompressor]) -> Iterator[bytes]:
        ready = bytearray()
        streams = _Streams(make)
        failure: FileError | None = None
        try:
            for piece in pieces:
                self.position += len(piece)
                streams.decompress(piece, ready)
                if len(ready) >= BLOCK_BYTES:
                    yield bytes(ready)
                    ready.clear()
        except (zlib.error, zstandard.ZstdError, lzma.LZMAError, OSError, ValueError, EOFError) as exc:
            near = f"near byte {self.position:,}"
            failure = FileError(str(self.path), f"its {self.compression} data are damaged {near}: {exc}")
        else:
            if not streams.complete:
                after = f"after byte {self.position:,}"
                failure = FileError(str(self.path), f"its {self.compression} data are cut short {after}")
        if ready:
            yield bytes(ready)
        if failure is not None:
            raise failure


class _Streams:
    """Compressed streams one after another, as one content."""

    def __init__(self, make: Callable[[], _Decompressor]) -> None:
        self._make = make
        self._stream = make()
        self.complete = True
        """Whether what was read so far ends where a stream ends."""

    def decompress(self, piece: bytes, into: bytearray) -> None:
        """Append what `piece` holds to `into`, also what stands before a fault."""
        while piece:
            if self.complete and not piece.strip(b"\0"):
                break  # padding after the last stream, as tapes have it
            self.complete = False
            into += self._stream.decompress(piece)
            piece = b""
            if self._stream.eof:
                piece = self._stream.unused_data
                self._stream = self._make()
                self.complete = True
