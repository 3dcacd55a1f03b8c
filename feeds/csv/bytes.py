"""The content of a file as blocks of UTF-8 text, whatever it is packed in; what that is is told by its first bytes."""

from __future__ import annotations

import codecs
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from select import select
from typing import BinaryIO, Final, cast

from tickdeck.feeds.csv.compression import Compression, SoundParts, compression_of
from tickdeck.feeds.csv.kinds import HEAD_BYTES, Kind, encoding_of, foreign, foreign_zip, kind_of
from tickdeck.feeds.csv.tables import dbn_rows, table_rows
from tickdeck.feeds.errors import FileError

BLOCK_BYTES: Final = 1 << 20
QUIET_S: Final = 0.1
"""How long nothing comes through a pipe before what has come is passed on."""
FIRST_QUIET_S: Final = 1.0
"""The same for the first block, by which it is decided how all is read."""
_MAGIC_BYTES: Final = 8
"""So many bytes tell most kinds of files; more may be long in coming through a pipe."""
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_ZIP_ERRORS: Final = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError)


class ByteSource:
    """A file's content, or that of one `member` of a zip archive, read once from start to end.

    `size` and `position` are bytes of the file as it lies on disk, for a progress bar.  `kind`, `packing` (short words
    for how the content is packed) and `columns` are known after the first block.
    """

    def __init__(self, path: Path, member: str | None = None) -> None:
        self.path = path
        self.name = str(path) if member is None else f"{path}/{member}"
        self.position = 0
        self.kind = Kind.TEXT
        self.packing: list[str] = []
        self.columns: tuple[str, ...] | None = None
        """The names that the file's own schema gives its columns; then no line of the text is a header."""
        self._member = member
        try:
            if path.is_dir():
                raise FileError(self.name, "is a folder, not a file")
            self.size = path.stat().st_size
        except OSError as exc:
            raise FileError(self.name, f"cannot be read: {exc.strerror}") from exc

    def blocks(self) -> Iterator[bytes]:
        """Yield non-empty blocks of about a megabyte: lines of text.  Of a pipe that falls quiet: what has come.

        Of what is compressed only whole members with the right checksum are passed on.  Raises `FileError` where the
        file cannot be opened or is of a foreign kind, and, after all that is sound has been yielded, where it is cut
        short or damaged.
        """
        try:
            with self.path.open("rb") as file:
                pieces = _pieces(file)
                head = _head(pieces)
                if head.startswith(_ZIP):
                    yield from self._zipped(file)
                elif compression := compression_of(head):
                    with self._seekable(file, head) as whole:
                        yield from self._compressed(whole, compression)
                else:
                    yield from self._plain(file, head, pieces)
        except OSError as exc:
            raise FileError(self.name, f"cannot be read: {exc.strerror or exc}") from exc
        self.position = self.size

    def _plain(self, file: BinaryIO, head: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
        if kind_of(head) in {Kind.PARQUET, Kind.ARROW_FILE, Kind.ARROW_STREAM}:
            self.kind = kind_of(head)
            self.packing.append(self.kind.value)
            with self._seekable(file, head) as whole:
                self.columns, rows = table_rows(whole, self.kind, self.name)
                yield from self._advancing(rows)
            return
        self.position = len(head)
        begin = (
            [head] if len(head) >= HEAD_BYTES else [head, b""]
        )  # all there is, or a pipe fell quiet behind it
        yield from self._content(chain(begin, self._advancing(pieces)))

    @contextmanager
    def _seekable(self, file: BinaryIO, head: bytes) -> Iterator[BinaryIO]:
        """`file`, or a copy of all of it where it is a pipe, of which `head` has been read."""
        if file.seekable():
            yield file
            return
        with tempfile.TemporaryFile() as copy:
            copy.write(head)
            shutil.copyfileobj(file, copy)
            self.size = copy.tell()
            yield cast("BinaryIO", copy)

    def _advancing(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.position = min(self.size, self.position + len(piece))
            yield piece

    def _compressed(self, file: BinaryIO, compression: Compression) -> Iterator[bytes]:
        self.packing.append(compression.name)
        parts = SoundParts(file, compression, self._advance)
        yield from self._content(self._noting(parts))
        if parts.damage is not None:
            raise FileError(self.name, parts.damage)

    def _noting(self, parts: SoundParts) -> Iterator[bytes]:
        """The content of `parts`; `packing` says where damage would not have shown."""
        noted = False
        for block in parts:
            if parts.unchecked and not noted:
                self.packing.append("without a checksum, so that damage may not show")
                noted = True
            yield block

    def _advance(self, read: int) -> None:
        self.position += read

    def _zipped(self, file: BinaryIO) -> Iterator[bytes]:
        if not file.seekable():
            raise FileError(self.name, "is a zip archive in a pipe: give it as a file")
        try:
            with zipfile.ZipFile(file) as archive:
                member = self._member_of(archive)
                with archive.open(member) as content:
                    while content.read(BLOCK_BYTES):  # its checksum is compared at the end
                        pass
                self.packing.append("zip")
                with archive.open(member) as content:
                    head = content.read(HEAD_BYTES)
                    compression = compression_of(head)
                    if compression is None:
                        rest = iter(lambda: content.read(BLOCK_BYTES), b"")
                        yield from self._content(self._advancing(chain([head] if head else [], rest)))
                        return
                    with (
                        tempfile.TemporaryFile() as copy
                    ):  # what was compressed by itself before it was zipped
                        copy.write(head)
                        shutil.copyfileobj(content, copy)
                        yield from self._compressed(cast("BinaryIO", copy), compression)
        except _ZIP_ERRORS as exc:
            raise FileError(
                self.name,
                f"the zip archive is damaged or of a kind that is not read ({exc}): none of its rows is kept",
            ) from exc

    def _member_of(self, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
        what = foreign_zip(archive.namelist())
        if what is not None:
            raise FileError(self.name, f"is {what}")
        files = [each for each in archive.infolist() if _is_data(each)]
        if self._member is not None:
            member = archive.getinfo(self._member)
        elif len(files) == 1:
            member = files[0]
        elif not files:
            raise FileError(self.name, "is a zip archive without a file in it")
        else:
            raise FileError(self.name, f"is a zip archive of {len(files)} files: give it as a file")
        if member.flag_bits & 1:
            raise FileError(self.name, "is a zip archive with a password: unpack it first")
        self.size = member.file_size
        return member

    def _content(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The text in `pieces` of any length, in blocks; the pieces are not all read where it is refused."""
        blocks = _gathered(pieces)
        first = next(blocks, b"")
        self._require_readable(first)
        self.kind = kind_of(first)
        blocks = chain([first] if first else [], blocks)
        if self.kind is Kind.DBN:
            self.packing.append(self.kind.value)
            self.columns, blocks = dbn_rows(blocks, self.name)
            yield from blocks
            return
        encoding = encoding_of(first)
        if encoding is not None:
            self.packing.append(encoding.upper())
            blocks = self._decoded(blocks, encoding)
            first = next(blocks, b"")
            self.kind = kind_of(first)
            blocks = chain([first], blocks)
        if self.kind is Kind.JSON_LINES:
            self.packing.append(self.kind.value)
        if b"\r" in first and b"\n" not in first:
            self.packing.append("lines that end in CR")
            blocks = (block.replace(b"\r", b"\n") for block in blocks)
        yield from blocks

    def _require_readable(self, head: bytes) -> None:
        packed = f", in a file compressed with {self.packing[0]}" if self.packing else ""
        what = foreign(head)
        if what is None and self.packing:
            kind = kind_of(head)
            if head.startswith(_ZIP):
                what = "a zip archive: unpack it first"
            elif kind in {Kind.PARQUET, Kind.ARROW_FILE, Kind.ARROW_STREAM}:
                what = f"of the kind {kind.value}: unpack it first"
            elif compression_of(head) is not None:
                what = "compressed once more: unpack it first"
        if what is not None:
            raise FileError(self.name, f"is {what}{packed}")

    def _decoded(self, blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        place = 0
        try:
            for block in blocks:
                if text := decoder.decode(block):
                    # Half a character goes on as it is: it makes its field no UTF-8 text, and only that.
                    yield text.encode("utf-8", "surrogatepass")
                place += len(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as exc:
            reason = f"its {encoding.upper()} text is damaged near byte {place:,}: {exc.reason}"
            raise FileError(self.name, reason) from exc


def members_of(path: Path) -> list[str | None]:
    """The names of the files in a zip archive of several, one after the other to be read; else just None: the file itself.

    What is wrong with the archive is told when it is read.
    """
    if not path.is_file():
        return [None]
    try:
        with path.open("rb") as file:
            if not file.read(len(_ZIP[0])).startswith(_ZIP):
                return [None]
            with zipfile.ZipFile(file) as archive:
                if foreign_zip(archive.namelist()) is not None:
                    return [None]
                names = [each.filename for each in archive.infolist() if _is_data(each)]
    except (OSError, *_ZIP_ERRORS):
        return [None]
    return [*names] if len(names) > 1 else [None]


def _is_data(member: zipfile.ZipInfo) -> bool:
    name = member.filename
    return (
        not member.is_dir()
        and not name.startswith("__MACOSX/")
        and not name.rpartition("/")[2].startswith(".")
    )


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """What is in the file, in pieces of any length; an empty one where nothing more comes through a pipe for a moment."""
    if file.seekable():
        head = file.read(HEAD_BYTES)
        yield from chain([head] if head else [], iter(lambda: file.read(BLOCK_BYTES), b""))
        return
    patience_s = FIRST_QUIET_S
    # Nothing is left in a buffer by reads of more than it holds, so that select tells.
    while piece := file.read1(BLOCK_BYTES):  # type: ignore[attr-defined]
        yield piece
        if not select([file], [], [], patience_s)[0]:
            yield b""
            patience_s = QUIET_S


def _head(pieces: Iterator[bytes]) -> bytes:
    """What a file begins with, at least as much as tells what it is."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= HEAD_BYTES or (not piece and len(head) >= _MAGIC_BYTES):
            break
    return head


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """`pieces` put together to blocks of at least BLOCK_BYTES, but for the last one and those before an empty piece."""
    ready = bytearray()
    lines = 2  # a header and a row: less tells nothing
    for piece in pieces:
        if not ready and len(piece) >= BLOCK_BYTES:
            yield piece
            continue
        ready += piece
        if len(ready) >= BLOCK_BYTES or (not piece and ready.count(b"\n") >= lines):
            yield bytes(ready)
            ready.clear()
            lines = 1
    if ready:
        yield bytes(ready)
