"""Tells by its first bytes what a file is: text, a kind that is read otherwise, or one to be refused by its name."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from enum import Enum
from typing import Final

HEAD_BYTES: Final = 1 << 16
"""So much of a file, decompressed, is looked at."""


class Kind(Enum):
    """How the content of a file is read."""

    TEXT = "text"
    JSON_LINES = "JSON lines"
    PARQUET = "Parquet"
    ARROW_FILE = "Arrow file"
    ARROW_STREAM = "Arrow stream"
    DBN = "DBN"


_READ_OTHERWISE: Final = (
    (b"PAR1", Kind.PARQUET),
    (b"ARROW1\0\0", Kind.ARROW_FILE),
    (b"\xff\xff\xff\xff", Kind.ARROW_STREAM),
    *((b"DBN" + bytes([version]), Kind.DBN) for version in range(1, 16)),
)

_AS_CSV: Final = "write the trades out as CSV or Parquet first"
_UNPACK: Final = "unpack it first"
_FOREIGN: Final[tuple[tuple[bytes, str], ...]] = (
    (
        b"SQLite format 3\0",
        f"a SQLite database: {_AS_CSV}, such as `sqlite3 -csv -header FILE 'select … from …'`",
    ),
    (b"%PDF-", f"a PDF document: {_AS_CSV} where it came from"),
    (b"\x89HDF\r\n\x1a\n", f"an HDF5 file (as pandas' to_hdf makes it): {_AS_CSV}"),
    (b"ORC", f"an ORC file: {_AS_CSV}"),
    (b"Obj\x01", f"an Avro file: {_AS_CSV}"),
    (b"FEA1", "a Feather file of version 1: write it anew as version 2 (Arrow)"),
    (b"\x93NUMPY", f"a NumPy array: {_AS_CSV}"),
    (b"MATLAB 5.0 MAT-file", f"a MATLAB file: {_AS_CSV}, such as with writetable"),
    (b"RDX2\n", f"an R workspace: {_AS_CSV}, such as with write.csv"),
    (b"RDX3\n", f"an R workspace: {_AS_CSV}, such as with write.csv"),
    (b"<stata_dta>", f"a Stata file: {_AS_CSV}, such as with export delimited"),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Microsoft Office file (.xls): save its sheet as CSV UTF-8 first",
    ),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file: `git lfs pull` fetches it"),
    (b"{\\rtf", "a rich text document: save it as plain text"),
    (b"Rar!\x1a\x07", f"a RAR archive: {_UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c", f"a 7-Zip archive: {_UNPACK}"),
    (b"\x1f\x9d", f"compressed by compress (.Z): {_UNPACK}"),
    (b"LZIP\1", f"compressed by lzip: {_UNPACK}"),
    (b"\x04\x22\x4d\x18", f"compressed by LZ4: {_UNPACK}, such as with lz4 -d"),
    (b"\xff\x06\x00\x00sNaPpY", f"compressed by Snappy: {_UNPACK}"),
    (b"\x5d\x00\x00", f"compressed by the old LZMA format: {_UNPACK}, such as with unlzma"),
    (b"\x89PNG\r\n\x1a\n", "a picture (PNG), a binary file"),
    (b"\xff\xd8\xff", "a picture (JPEG), a binary file"),
    (b"GIF8", "a picture (GIF), a binary file"),
    (b"\x7fELF", "a program, a binary file"),
    (b"PGDMP", "a PostgreSQL dump: restore it, and export the trades as CSV"),
)
_ZIPPED: Final[tuple[tuple[Callable[[str], bool], str], ...]] = (
    (lambda name: name.startswith("xl/"),
     "an Excel workbook, whose cells do not hold times exactly: save the sheet as CSV UTF-8 first (File, Save as)"),
    (lambda name: name.startswith("word/"), "a Word document: save it as plain text"),
    (lambda name: name == "content.xml", "an OpenDocument file: save its sheet as CSV in UTF-8 first"),
    (lambda name: name == "META-INF/MANIFEST.MF", "a Java archive"),
    (lambda name: name.endswith(".npy"), f"an archive of NumPy arrays: {_AS_CSV}"),
)  # fmt: skip

_UNICODE: Final = (  # the longer marks first: that of UTF-32 begins as that of UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def kind_of(head: bytes) -> Kind:
    """How a content that begins with `head` is read; text where it is not known to be anything else."""
    for magic, kind in _READ_OTHERWISE:
        if _begins(head, magic):
            return kind
    return Kind.JSON_LINES if head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{") else Kind.TEXT


def foreign(head: bytes) -> str | None:
    """What a content that begins with `head` is, and the way out, where it cannot be read; else None."""
    known = next((what for magic, what in _FOREIGN if _begins(head, magic)), None)
    return known or _foreign_by_looks(head)


def _begins(head: bytes, magic: bytes) -> bool:
    """Whether `head` begins with `magic`; four letters alone could be a symbol, in a file without a header."""
    if not head.startswith(magic):
        return False
    short = len(magic) <= 4 and magic.isalnum()
    return not short or any(code < 9 or 13 < code < 32 or code > 126 for code in head[:64])


def _foreign_by_looks(head: bytes) -> str | None:
    if head[257:262] == b"ustar":
        return f"a tar archive: {_UNPACK}, such as with tar -xf"
    if head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        return f"a Python pickle: it is not opened, as it could run anything; {_AS_CSV}"
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()[:200].lower()
    if text.startswith(
        (
            b"<!doctype",
            b"<html",
            b"<head",
            b"<body",
            b"<table",
            b"<meta",
            b"<div",
            b"<style",
            b"<script",
            b"<!--",
        )
    ):
        return "an HTML page, perhaps an error page that a download saved: download the data again"
    if text.startswith((b"<?xml", b"<error")):
        return f"an XML document: {_AS_CSV}"
    if text.startswith(
        (b"insert into", b"create table", b"-- postgresql database dump", b"-- mysql dump", b"/*!")
    ) or (text.startswith(b"copy ") and b" from stdin" in text):
        return "a dump of a database (SQL): restore it, and export the trades as CSV with a header"
    return _json_array(text)


def _json_array(text: bytes) -> str | None:
    inside = text[1:].lstrip()[:1]
    if text[:1] != b"[":
        return None
    if inside in (b"[", b'"') or inside.isdigit():
        return (
            "JSON whose rows are arrays: `jq -r '@csv'` (where all are in one array: `jq -r '.[]|@csv'`) makes lines of them, "
            "for --columns"
        )
    if inside in (b"{", b"]"):
        return "one JSON array: write one object a line, such as with jq -c '.[]'"
    return None


def foreign_zip(names: list[str]) -> str | None:
    """What a zip archive with members of these names is where it is no archive of data files."""
    return next((what for fits, what in _ZIPPED for name in names if fits(name)), None)


def encoding_of(head: bytes) -> str | None:
    """The codec of a text in UTF-16 or UTF-32, told by its mark or by where the zero bytes of ASCII stand; else None."""
    for mark, codec in _UNICODE:
        if head.startswith(mark):
            return codec
    sample = head[: len(head) // 4 * 4][:4096]
    if not sample or b"\0" not in sample:
        return None
    zero = [sample[place::4].count(0) * 4 / len(sample) for place in range(4)]
    for codec, wanted in (
        ("utf-32-le", (0, 1, 1, 1)), ("utf-32-be", (1, 1, 1, 0)), ("utf-16-le", (0, 1, 0, 1)), ("utf-16-be", (1, 0, 1, 0)),
    ):  # fmt: skip
        if all(share > 0.9 if each else share < 0.1 for share, each in zip(zero, wanted, strict=True)):
            return codec
    return None
