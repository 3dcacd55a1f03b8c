"""What files are packed in: read as the plain file is, or refused by the name of what they are; damage keeps nothing."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import random
import sqlite3
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import zstandard

from tests.feeding import Tickdeck
from tests.paths import SHARED
from tickdeck.db.market.types import TickBatch, concat
from tickdeck.feeds.base import NO_TICKS
from tickdeck.feeds.csv import compression as compression_module
from tickdeck.feeds.csv.options import CsvOptions, parse_options
from tickdeck.feeds.csv.reader import CsvReader
from tickdeck.feeds.errors import FileError
from tickdeck.feeds.rejects import Reject

HEADER = b"time,symbol,price,size\n"
ROWS = [
    f"2024-01-02T14:30:{n // 1000 % 60:02d}.{n % 1000:03d}Z,ABC,{n * 7919 % 10_007 / 100 + 1:.2f},{n % 97 + 1}\n".encode()
    for n in range(3000)
]
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


def read(path: Path, options: CsvOptions | None = None) -> tuple[TickBatch, list[Reject], str]:
    """The ticks and rejects of a file, and what it was refused for."""
    ticks, failure = [NO_TICKS], ""
    rejects: list[Reject] = []
    try:
        for batch in CsvReader(path, options or CsvOptions()):
            ticks.append(batch.ticks)
            rejects += batch.rejects
    except FileError as exc:
        failure = str(exc)
    return concat(ticks), rejects, failure


def packed(tmp_path: Path, content: bytes, name: str = "some.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def of(rows: Iterable[bytes]) -> bytes:
    return HEADER + b"".join(rows)


@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("held", [compression_module.HELD_BYTES, 5000], ids=["held", "read twice"])
def test_no_row_of_a_damaged_member_is_kept_wherever_the_damage_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str, held: int
) -> None:
    monkeypatch.setattr(compression_module, "HELD_BYTES", held)
    compress = COMPRESS[compression]
    first, second, third = (
        compress(of(ROWS[:1000])),
        compress(b"".join(ROWS[1000:2000])),
        compress(b"".join(ROWS[2000:])),
    )
    shuffler = random.Random(3)
    silent = 0
    for _ in range(30):
        place = shuffler.randrange(len(second))
        damaged = bytearray(second)
        damaged[place] ^= 1 << shuffler.randrange(8)
        ticks, rejects, failure = read(packed(tmp_path, first + damaged + third))
        if (
            len(ticks) == 3000
        ):  # a bit that nothing depends on, such as that of the operating system in gzip's header
            assert ticks.price.tolist() == [float(row.split(b",")[2]) for row in ROWS]
            assert failure == ""
            silent += 1
            continue
        assert (len(ticks), rejects) == (1000, [])
        assert "data are damaged" in failure or "data are cut short" in failure
        assert f"{len(first):,}" in failure
    assert silent < 8


@pytest.mark.parametrize("compression", COMPRESS)
def test_of_what_was_cut_short_only_whole_members_are_kept(tmp_path: Path, compression: str) -> None:
    compress = COMPRESS[compression]
    first, second = compress(of(ROWS[:1000])), compress(b"".join(ROWS[1000:]))
    for keep in (1, 7, len(second) // 2, len(second) - 1):
        ticks, rejects, failure = read(packed(tmp_path, first + second[:keep]))
        assert (len(ticks), rejects) == (1000, [])
        assert "cut short" in failure
        assert "line 1,002 and all that follow" in failure
    ticks, _, failure = read(packed(tmp_path, compress(of(ROWS))[:-1]))
    assert len(ticks) == 0
    assert "cut short" in failure
    assert "none of its rows is kept" in failure


@pytest.mark.parametrize("compression", COMPRESS)
def test_what_follows_the_last_member_is_told_and_padding_is_none_of_it(
    tmp_path: Path, compression: str
) -> None:
    whole = COMPRESS[compression](of(ROWS))
    ticks, _, failure = read(packed(tmp_path, whole + b"<html>not found</html>"))
    assert len(ticks) == 3000
    assert f"at byte {len(whole):,}, stands what is no" in failure
    ticks, _, failure = read(packed(tmp_path, whole + bytes(100_000)))
    assert (len(ticks), failure) == (3000, "")


def test_a_line_begun_in_a_good_member_and_ended_in_a_bad_one_is_a_reject(tmp_path: Path) -> None:
    whole = of(ROWS)
    place = len(of(ROWS[:500])) + 30
    bad = bytearray(gzip.compress(whole[place:]))
    bad[-5] ^= 1
    ticks, rejects, failure = read(packed(tmp_path, gzip.compress(whole[:place]) + bad))
    assert len(ticks) == 500
    assert [(each.line, each.field) for each in rejects] == [(502, "line")]
    assert rejects[0].raw == ROWS[500][:30].decode()
    assert "member 2" in failure
    assert "line 502" in failure


def test_the_case_with_a_flipped_byte(tickdeck: Tickdeck) -> None:
    case = SHARED / "cases" / "flip.csv.gz"
    if not case.exists():
        pytest.skip("the case files are not on this machine")
    ran = tickdeck("load", case, "--json")
    assert (ran.code, ran.summary["stored"], ran.summary["rejected"]) == (1, 0, 0)
    assert "its gzip data are damaged in member 1, between bytes 0 and 17,546" in ran.err
    assert tickdeck.rows("select count(*) from ticks") == [(0,)]


def test_a_frame_without_a_checksum_is_said(tmp_path: Path) -> None:
    for checksum in (False, True):
        path = packed(tmp_path, zstandard.ZstdCompressor(write_checksum=checksum).compress(of(ROWS)))
        reader = CsvReader(path, CsvOptions())
        assert sum(map(len, reader)) == 3000
        assert reader.facts is not None
        assert any("without a checksum" in each for each in reader.facts.assumptions()) is not checksum


def test_frames_of_zstd_that_hold_nothing_are_passed_over(tmp_path: Path) -> None:
    skipped = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
    whole = COMPRESS["zstd"](of(ROWS))
    ticks, _, failure = read(packed(tmp_path, skipped + whole + skipped))
    assert (len(ticks), failure) == (3000, "")


@pytest.mark.parametrize("compression", ["", "gzip"])
def test_a_pipe_is_read_as_a_file_is(tmp_path: Path, compression: str) -> None:
    content = of(ROWS * 20)
    content = COMPRESS[compression](content) if compression else content
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(content,))
    writer.start()
    ticks, _, failure = read(path)
    writer.join()
    assert (len(ticks), failure) == (60_000, "")


ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_texts_in_any_unicode_with_any_line_end_are_the_same(
    tmp_path: Path, encoding: str, line_end: str
) -> None:
    rows = [*ROWS, "2024-01-02T14:31:00Z,ÄÖ😀,1.5,1\n".encode()]
    content = of(rows).decode().replace("\n", line_end).encode(encoding)
    ticks, rejects, failure = read(packed(tmp_path, content))
    assert (len(ticks), rejects, failure) == (3001, [], "")
    assert ticks.symbol[-1] == "ÄÖ😀"
    assert (ticks.seq == 1).all()


def test_half_a_character_of_utf_16_spoils_its_field_only(tmp_path: Path) -> None:
    bad = "2024-01-02T14:31:00Z,A\ud83dB,1.5,1\n".encode("utf-16-le", "surrogatepass")
    content = of(ROWS).decode().encode("utf-16") + bad + ROWS[0].decode().encode("utf-16-le")
    ticks, rejects, failure = read(packed(tmp_path, content))
    assert (len(ticks), failure) == (3001, "")
    assert [(each.line, each.field) for each in rejects] == [(3002, "symbol")]


def test_lines_that_end_in_cr_keep_their_numbers_beyond_a_block(tmp_path: Path) -> None:
    rows = [b"\r", *(row.replace(b"\n", b"\r") for row in ROWS * 15), b"x,y\r"]
    ticks, rejects, failure = read(packed(tmp_path, HEADER.replace(b"\n", b"\r") + b"".join(rows)))
    assert (len(ticks), failure) == (45_000, "")
    assert [(each.line, each.raw) for each in rejects] == [(45_003, "x,y")]


def test_the_case_whose_lines_end_in_cr() -> None:
    case = SHARED / "cases" / "cr_only.csv"
    if not case.exists():
        pytest.skip("the case files are not on this machine")
    ticks, rejects, failure = read(case)
    assert (rejects, failure) == ([], "")
    assert ticks.time_us.tolist() == [1_704_205_800_000_000, 1_704_205_801_000_000]
    assert ticks.price.tolist() == [1.5, 1.6]


def test_latin_1_is_told_by_row_or_by_the_header(tmp_path: Path) -> None:
    row = "2024-01-02T14:30:00Z,CAFÉ,1.5,1\n".encode("latin-1")
    ticks, rejects, _ = read(packed(tmp_path, of([ROWS[0], row])))
    assert len(ticks) == 1
    assert [(each.line, each.field) for each in rejects] == [(3, "symbol")]
    assert rejects[0].reason.startswith("is no UTF-8 text (byte 0xC9): if it is of Western Europe, `iconv")
    _, _, failure = read(packed(tmp_path, "time,symbol,précio,size\n".encode("latin-1") + row))
    assert (
        "the header is no UTF-8 text (byte 0xE9 at 15): if it is of Western Europe, `iconv -f windows-1252 -t utf-8 FILE"
        in failure
    )


def test_the_first_column_without_a_name_is_the_time_of_a_data_frame(tmp_path: Path) -> None:
    content = b",symbol,price,size\n2024-01-02 14:30:00.000+00:00,ABC,1.5,1\n2024-01-02 14:30:00.500+00:00,ABC,1.6,2\n"
    ticks, rejects, failure = read(packed(tmp_path, content))
    assert (rejects, failure) == ([], "")
    assert ticks.time_us.tolist() == [1_704_205_800_000_000, 1_704_205_800_500_000]
    case = SHARED / "cases" / "pd_index.csv"
    if not case.exists():
        pytest.skip("the case files are not on this machine")
    ticks, rejects, failure = read(case, parse_options(symbol="ABC"))
    assert (ticks.price.tolist(), rejects, failure) == ([1.5, 1.6], [], "")


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("packing", COMPRESS)
def test_what_was_compressed_before_it_was_zipped_is_read(tmp_path: Path, packing: str) -> None:
    whole = COMPRESS[packing](of(ROWS))
    ticks, rejects, failure = read(packed(tmp_path, zipped({"some.csv.packed": whole})))
    assert (len(ticks), rejects, failure) == (len(ROWS), [], "")
    ticks, _, failure = read(packed(tmp_path, zipped({"some.csv.packed": whole[:-9]})))
    assert len(ticks) == 0
    assert "cut short" in failure


def test_a_zip_archive_is_read_file_by_file(tickdeck: Tickdeck, tmp_path: Path) -> None:
    path = packed(
        tmp_path,
        zipped({
            "day/a.csv": of(ROWS[:10]),
            "__MACOSX/day/._a.csv": b"\0\5\x16\7",
            "day/b.csv": of([*ROWS[10:15], b"x,ABC,1,1\n"]),
        }),
        "two.zip",
    )  # fmt: skip
    ran = tickdeck("load", path, "--json")
    assert (ran.code, ran.summary["stored"], ran.summary["rejected"]) == (3, 15, 1)
    kept = Path(ran.summary["rejects_file"]).read_text(encoding="utf-8")
    assert f"{path}/day/b.csv,7,time," in kept
    single = packed(tmp_path, zipped({"a.csv": of(ROWS[:20])}), "one.zip")
    ran = tickdeck("load", single, "--json")
    assert (ran.code, ran.summary["rejected"]) == (0, 0)


def test_the_files_of_a_zip_archive_are_played_in_order_of_time(tickdeck: Tickdeck, tmp_path: Path) -> None:
    path = packed(tmp_path, zipped({"a.csv": of(ROWS[::2]), "b.csv": of(ROWS[1::2])}), "two.zip")
    ran = tickdeck("feed", "csv", path, "--speed", "max")
    assert ran.code == 0
    assert tickdeck.rows("select count(*) from ticks") == [(3000,)]


def test_a_damaged_member_of_a_zip_archive_is_not_kept(tmp_path: Path) -> None:
    whole = bytearray(zipped({"a.csv": of(ROWS)}))
    shuffler = random.Random(4)
    end = whole.rindex(b"PK\x01\x02")
    for _ in range(30):
        damaged = bytearray(whole)
        damaged[shuffler.randrange(40, end)] ^= 16
        ticks, rejects, failure = read(packed(tmp_path, bytes(damaged)))
        assert (len(ticks), rejects) == (0, [])
        assert "none of its rows is kept" in failure


def sqlite(tmp_path: Path) -> bytes:
    path = tmp_path / "made.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table ticks (time text)")
    connection.close()
    return path.read_bytes()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"), io.BytesIO(b""))
    return out.getvalue()


def numpy_file() -> bytes:
    out = io.BytesIO()
    np.save(out, np.arange(3))
    return out.getvalue()


def excel(tmp_path: Path) -> bytes:
    return zipped(
        {"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>", "xl/worksheets/sheet1.xml": b"<x/>"}
    )


FOREIGN: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "SQLite": (sqlite, "is a SQLite database"),
    "PDF": (lambda _: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "is a PDF document"),
    "HTML": (lambda _: b"\n<!DOCTYPE html>\n<html><body>404</body></html>", "is an HTML page"),
    "XML": (lambda _: b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', "is an XML document"),
    "HDF5": (lambda _: b"\x89HDF\r\n\x1a\n" + bytes(99), "is an HDF5 file"),
    "ORC": (lambda _: b"ORC\x0a\x0b\x12\x13" + bytes(99), "is an ORC file"),
    "Avro": (lambda _: b"Obj\x01\x04\x14avro.codec", "is an Avro file"),
    "pickle": (lambda _: pickle.dumps({"time": [1, 2]}), "is a Python pickle"),
    "old Excel": (lambda _: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "is an old Microsoft Office file"),
    "Excel": (excel, "is an Excel workbook"),
    "OpenDocument": (lambda _: zipped({"mimetype": b"x", "content.xml": b"<x/>"}), "is an OpenDocument file"),
    "NumPy": (lambda _: numpy_file(), "is a NumPy array"),
    "tar": (lambda _: tarred(), "is a tar archive"),
    "tar.gz": (lambda _: gzip.compress(tarred()), "is a tar archive: unpack it first, such as with tar -xf, in a file"),
    "RAR": (lambda _: b"Rar!\x1a\x07\x01\0", "is a RAR archive"),
    "7z": (lambda _: b"7z\xbc\xaf\x27\x1c\0\4", "is a 7-Zip archive"),
    "LZ4": (lambda _: b"\x04\x22\x4d\x18\x64\x40", "is compressed by LZ4"),
    "old LZMA": (lambda _: lzma.compress(of(ROWS), lzma.FORMAT_ALONE), "is compressed by the old LZMA format"),
    "zip of two": (lambda _: zipped({"a.csv": of(ROWS), "b.csv": of(ROWS)}), "is a zip archive of 2 files"),
    "gzip twice": (lambda _: gzip.compress(gzip.compress(of(ROWS))), "is compressed once more: unpack it first"),
    "zip in gzip": (lambda _: gzip.compress(zipped({"a": b"b"})), "is a zip archive: unpack it first"),
    "JSON array": (lambda _: json.dumps([{"t": 1, "p": 2}], indent=1).encode(), "is one JSON array"),
    "JSON over lines": (lambda _: json.dumps({"t": 1, "p": 2}, indent=1).encode(), "is JSON, but not an object a line"),
    "something": (lambda _: bytes(range(256)) * 9, "binary file"),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_file_of_rows_is_named(tmp_path: Path, name: str) -> None:
    make, message = FOREIGN[name]
    ticks, rejects, failure = read(packed(tmp_path, make(tmp_path)))
    assert (len(ticks), rejects) == (0, [])
    assert message in failure


@pytest.mark.parametrize("symbol", ["ORC", "ORCL", "PAR1", "DBN", "FEA1", "RDX2"])
def test_a_symbol_at_the_beginning_is_no_mark_of_a_foreign_kind(tmp_path: Path, symbol: str) -> None:
    content = f"{symbol},2024-01-02T14:30:00Z,1.5,1\n".encode()
    ticks, rejects, failure = read(packed(tmp_path, content), parse_options(header="symbol,time,price,size"))
    assert (ticks.symbol.tolist(), rejects, failure) == ([symbol], [], "")


def test_json_lines_are_rows_whose_keys_are_columns(tmp_path: Path) -> None:
    lines = [
        '{"ts": "2024-01-02T14:30:00.5Z", "symbol": "ABC", "price": 0.1234567890123456789, "size": 10, "c": [12, "I"]}',
        '{"symbol": "ABC", "ts": 1704205801, "price": "1.50", "size": 1e1, "late": {"a": 1}}',
        "",
        '{"symbol": "ABC", "ts": "2024-01-02T14:30:02Z", "price": null, "size": 1}',
        '{"symbol": "ABC", "ts": "2024-01-02T14:30:03Z", "price": NaN, "size": 1}',
        '{"symbol": "ABC", "ts": "2024-01-02T14:30:04Z", "price": 1, "price": 2, "size": 1}',
        '{"symbol": "ABC", "ts": "2024-01-02T14:30:05Z", "price": 1, "size": 1',
        "[1, 2]",
        '{"symbol": "A\\u0000B", "ts": "2024-01-02T14:30:06Z", "price": 1, "size": 1}',
        '{"symbol": "\\ud83d", "ts": "2024-01-02T14:30:06Z", "price": 1, "size": 1}',
        '{"symbol": "ABC", "ts": "2024-01-02T14:30:07Z", "price": 1.5, "size": 2, "c": ["x"]}',
    ]
    ticks, rejects, failure = read(packed(tmp_path, "\n".join(lines).encode()))
    assert failure == ""
    assert ticks.price.tolist() == [0.1234567890123456789, 1.5]
    assert ticks.seq.tolist() == [1, 1]
    assert ticks.conditions is not None
    assert ticks.conditions.tolist() == ["12,I", "x"]
    told = [
        (2, "time"),
        (4, "price"),
        (5, "price"),
        (6, "line"),
        (7, "line"),
        (8, "line"),
        (9, "symbol"),
        (10, "symbol"),
    ]
    assert [(each.line, each.field) for each in rejects] == told
    assert [each.raw for each in rejects] == [lines[line - 1] for line, _ in told]
    assert "names 'price' more than once" in rejects[3].reason


def test_digits_of_json_numbers_are_those_of_the_file(tmp_path: Path) -> None:
    lines = [
        f'{{"time": 1704205800.{n:06d}, "symbol": "A", "price": 1, "size": 1}}\n'
        for n in range(0, 1_000_000, 997)
    ]
    ticks, rejects, failure = read(packed(tmp_path, "".join(lines).encode()), parse_options(time_unit="s"))
    assert (rejects, failure) == ([], "")
    assert ticks.time_us.tolist() == [1_704_205_800_000_000 + n for n in range(0, 1_000_000, 997)]
