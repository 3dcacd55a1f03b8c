"""Files that are wrong: a clear message, no traceback, and what was good is stored."""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tests.feeding import Tickdeck

HEADER = "time,symbol,price,size"
GOOD = "2024-03-08T15:00:00Z,ALS,84.2,100"
LATER = "2024-03-08T15:00:01Z,ALS,84.3,200"


def text(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


# Each between a good row before and a good row after: the line, then the field and a part of the reason.
BAD_ROWS = {
    "bad number": ("2024-03-08T15:00:00Z,ALS,84.2.1,100", "price", "'84.2.1' is no number"),
    "thousands": ("2024-03-08T15:00:00Z,ALS,1_000,100", "price", "is no number"),
    "NaN": ("2024-03-08T15:00:00Z,ALS,NaN,100", "price", "not finite"),
    "infinity": ("2024-03-08T15:00:00Z,ALS,inf,100", "price", "not finite"),
    "overflow": ("2024-03-08T15:00:00Z,ALS,1e999,100", "price", "not finite"),
    "negative price": ("2024-03-08T15:00:00Z,ALS,-84.2,100", "price", "not above zero"),
    "zero price": ("2024-03-08T15:00:00Z,ALS,0.00,100", "price", "not above zero"),
    "no price": ("2024-03-08T15:00:00Z,ALS,,100", "price", "is empty"),
    "negative size": ("2024-03-08T15:00:00Z,ALS,84.2,-1", "size", "below zero"),
    "no size": ("2024-03-08T15:00:00Z,ALS,84.2,", "size", "is empty"),
    "naive time": ("2024-03-08T15:00:00,ALS,84.2,100", "time", "no time zone"),
    "no time": (",ALS,84.2,100", "time", "is empty"),
    "no such day": ("2024-02-30T15:00:00Z,ALS,84.2,100", "time", "does not exist"),
    "words for a time": ("yesterday,ALS,84.2,100", "time", "no ISO 8601 time"),
    "before 1970": ("1969-12-31T23:59:59Z,ALS,84.2,100", "time", "out of range"),
    "after 2199": ("2200-01-01T00:00:00Z,ALS,84.2,100", "time", "out of range"),
    "no symbol": ("2024-03-08T15:00:00Z,,84.2,100", "symbol", "is empty"),
    "long symbol": (f"2024-03-08T15:00:00Z,{'A' * 65},84.2,100", "symbol", "longer than 64"),
    "blank before a symbol": ('2024-03-08T15:00:00Z,"\tA",84.2,100', "symbol", "control character"),
    "too few fields": ("2024-03-08T15:00:00Z,ALS,84.2", "line", "has 3 fields, the header has 4"),
    "too many fields": ("2024-03-08T15:00:00Z,ALS,84.2,100,", "line", "has 5 fields, the header has 4"),
    "open quote": ('2024-03-08T15:00:00Z,"ALS,84.2,100', "line", "quoted field"),
    "text after a quote": ('2024-03-08T15:00:00Z,"ALS"X,84.2,100', "line", "quoted field"),
    "Latin-1": ("2024-03-08T15:00:00Z,CAF\udce9,84.2,100", "symbol", "no UTF-8 text (byte 0xE9)"),
    "NUL": ("2024-03-08T15:00:00Z,A\0B,84.2,100", "line", "NUL"),
    "10 MB": ("2024-03-08T15:00:00Z," + "A" * 10_000_000, "line", "too long: 10,000,021 bytes"),
}  # fmt: skip


def test_each_bad_row_is_told_and_its_neighbours_are_stored(tickdeck: Tickdeck, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    lines = [HEADER, *(GOOD for _ in range(5))]
    for bad, _, _ in BAD_ROWS.values():
        lines += [bad, LATER]
    # The NUL stands far from the beginning, where it would make the file look binary.
    lines[6:6] = [f"2024-03-08T14:00:00Z,BER,{i / 100 + 1:.2f},1" for i in range(3000)]
    path.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape"))
    ran = tickdeck("load", path, "--rejects", tmp_path / "refused.csv")
    assert ran.code == 3
    assert "Traceback" not in ran.out + ran.err
    assert f"rejected       {len(BAD_ROWS)}" in ran.out
    assert str(tmp_path / "refused.csv") in ran.out
    with (tmp_path / "refused.csv").open(encoding="utf-8", newline="") as file:
        refused = list(csv.DictReader(file))
    assert len(refused) == len(BAD_ROWS)
    for reject, (bad, field, reason) in zip(refused, BAD_ROWS.values(), strict=True):
        assert reject["file"] == str(path)
        assert int(reject["line"]) == lines.index(bad) + 1
        assert reject["field"] == field, reject
        assert reason in reject["reason"], reject
        shown = bad.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        assert reject["raw"] == shown or reject["raw"].startswith(shown[:2000] + "… (10,000,021 bytes)")
    assert tickdeck.rows("select count(*) from ticks") == [(3005 + len(BAD_ROWS),)]


WRONG_FILES: dict[str, tuple[bytes, list[str], str, int]] = {
    "empty": (b"", [], "is empty", 0),
    "only blank lines": (b"\n\r\n\n", [], "is empty", 0),
    "header only": (text(HEADER), [], "line 1: has a header and no rows", 0),
    "header only, no line end": (HEADER.encode(), [], "line 1: has a header and no rows", 0),
    "missing column": (text("time,symbol,size", "1,2,3"), [], "line 1, field price: there is no such column", 0),
    "missing time": (text("symbol,price,size", "A,2,3"), [], "line 1, field time", 0),
    "missing symbol": (text("time,price,size", "1,2,3"), [], "line 1, field symbol", 0),
    "missing size": (text("time,symbol,price", "1,A,3"), [], "line 1, field size", 0),
    "mapped to nothing": (text(HEADER, GOOD), ["--map", "price=px"], "line 1, field price: there is no column 'px'", 0),
    "duplicate header": (text("time,symbol,price,size,Price", GOOD), [], "line 1, field price: the header names", 0),
    "no header": (text(GOOD, LATER), [], "line 1: has data where the names of the columns should be", 0),
    "binary": (random.Random(1).randbytes(4096) + b"\0\n" + random.Random(2).randbytes(4096), [], "binary file", 0),
    "an image": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0" * 9, [], "binary file", 0),
    "a zip archive": (b"PK\x03\x04" + bytes(100), [], "zip archive", 0),
    "half of UTF-16": (text(HEADER, GOOD, LATER).decode().encode("utf-16")[:-1], [], "UTF-16-LE text is damaged", 1),
    "Latin-1 header": (b"time,symbol,pr\xe9cio,size\n", [], "line 1: the header is no UTF-8 text (byte 0xE9", 0),
    "unknown delimiter": (text("time^symbol^price^size", "1^A^1^1"), [], "line 1: cannot tell what separates", 0),
    "wrong delimiter": (text(HEADER, GOOD), ["--delimiter", ";"], "line 1: the delimiter ';' is not in", 0),
    "naive times": (
        text(HEADER, "2024-03-08T15:00:00,ALS,84.2,100"), [],
        "line 2, field time: the time '2024-03-08T15:00:00' has no time zone: say --time-zone", 0,
    ),
    "truncated gzip": (gzip.compress(text(HEADER, GOOD, *[LATER] * 400))[:-40], [], "cut short", 0),
    "truncated zstd": (zstandard.compress(text(HEADER, GOOD, *[LATER] * 400))[:-2], [], "cut short", 0),
    "damaged gzip": (
        gzip.compress(text(HEADER, GOOD)) + b"\x1f\x8b\x08\0" + b"x" * 99, [], "data are damaged", 1,
    ),
    "rubbish after gzip": (gzip.compress(text(HEADER, GOOD)) + b"rubbish", [], "data are damaged", 1),
    "a header of 10 MB": (b"time," * 2_000_000 + b"\n" + text(GOOD), [], "line 1: the header is too long", 0),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_file_is_told_and_what_was_good_is_kept(
    tickdeck: Tickdeck, tmp_path: Path, name: str
) -> None:
    content, options, message, at_least = WRONG_FILES[name]
    path = tmp_path / "wrong.csv"
    path.write_bytes(content)
    fine = tmp_path / "fine.csv"
    fine.write_bytes(text(HEADER, "2024-03-08T15:00:00Z,BER,17.2,100"))
    ran = tickdeck("load", path, *([] if options else [fine]), *options)
    assert ran.code == 1
    assert f"error: {path}" in ran.err
    assert message in ran.err
    assert "Traceback" not in ran.out + ran.err
    assert tickdeck.rows("select count(*) >= %s from ticks where symbol = 'ALS'", at_least) == [(True,)]
    if not options:
        assert tickdeck.rows("select count(*) from ticks where symbol = 'BER'") == [(1,)]


def test_the_line_cut_off_by_a_truncation_is_not_taken_for_a_whole_one(
    tickdeck: Tickdeck, tmp_path: Path
) -> None:
    path = tmp_path / "cut.csv.gz"
    rows = [
        f"2024-03-08T15:00:{i % 60:02d}.{i * 7919 % 1000:03d}Z,ALS,{84 + i * 31 % 97 / 100:.2f},{i * 13}"
        for i in range(900)
    ]
    whole = text(HEADER, *rows)
    half = len(whole) // 2
    path.write_bytes(gzip.compress(whole[:half]) + gzip.compress(whole[half:])[:-1])
    ran = tickdeck("load", path, "--json")
    assert ran.code == 1
    stored = ran.summary["stored"]
    assert 0 < stored < 900
    assert ran.summary["rejected"] == 1
    assert "is cut off" in Path(ran.summary["rejects_file"]).read_text(encoding="utf-8")
    assert tickdeck.rows("select size from ticks order by size") == [(float(i * 13),) for i in range(stored)]


NOT_WRONG: dict[str, Callable[[bytes], bytes]] = {
    "BOM": lambda raw: b"\xef\xbb\xbf" + raw,
    "CRLF": lambda raw: raw.replace(b"\n", b"\r\n"),
    "no last line end": lambda raw: raw.removesuffix(b"\n"),
    "blank lines": lambda raw: raw.replace(b"\n", b"\n\n"),
    "quotes": lambda raw: raw.replace(b"ALS", b'"ALS"'),
    "blanks": lambda raw: raw.replace(b",", b", "),
    "gzip named csv": gzip.compress,
    "UTF-16": lambda raw: raw.decode().encode("utf-16"),
    "CR": lambda raw: raw.replace(b"\n", b"\r"),
}


@pytest.mark.parametrize("name", NOT_WRONG)
def test_what_is_only_unusual_is_read(tickdeck: Tickdeck, tmp_path: Path, name: str) -> None:
    path = tmp_path / "some.csv"
    path.write_bytes(NOT_WRONG[name](text(HEADER, GOOD, LATER)))
    ran = tickdeck("load", path)
    assert (ran.code, ran.err.strip()) == (0, "")
    assert tickdeck.rows("select symbol, price, size from ticks order by time") == [
        ("ALS", 84.2, 100.0),
        ("ALS", 84.3, 200.0),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["load", "missing.csv"], "missing.csv: cannot be read: No such file or directory"),
        (["load", "."], ".: is a folder"),
        (["load", "missing.csv", "--map", "cost=px"], "--map 'cost=px'"),
        (["load", "missing.csv", "--delimiter", "::"], "--delimiter '::'"),
        (["load", "missing.csv", "--time-zone", "Mars/Olympus"], "--time-zone 'Mars/Olympus' is unknown"),
        # What lies beside the zones in some systems' folders: this machine's own, and one that counts leap seconds.
        (["load", "missing.csv", "--time-zone", "localtime"], "--time-zone 'localtime' is unknown"),
        (["load", "missing.csv", "--time-zone", "right/UTC"], "--time-zone 'right/UTC' is unknown"),
        (["load", "missing.csv", "--time-unit", "weeks"], "--time-unit 'weeks'"),
        (["load", "missing.csv", "--symbol", " A"], "--symbol ' A' begins or ends with a space"),
        (["load", "missing.csv", "--exchange", "XXXX"], "--exchange 'XXXX' is unknown"),
        (["load", "missing.csv", "--exchange-timezone", "Mars/Olympus"], "--exchange-timezone"),
        (["feed", "csv", "missing.csv"], "missing.csv: cannot be read"),
        (["feed", "csv", "missing.csv", "--speed", "0"], "--speed '0'"),
        (["feed", "csv", "missing.csv", "--loop"], "--loop needs --shift-to-now"),
        (["feed", "walk", "--symbols", "0"], "--symbols 0"),
        (["feed", "walk", "--duration", "soon"], "--duration 'soon'"),
        (["feed", "walk", "--speed", "max"], "--speed max needs a --duration"),
        (["feed", "walk", "--speed", "10"], "--speed needs a --start"),
        (["feed", "walk", "--start", "2024-03-08T10:00"], "--start: 2024-03-08T10:00:00 has no time zone"),
    ],
)
def test_a_wrong_option_is_told(
    tickdeck: Tickdeck, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = tickdeck(*arguments)
    assert ran.code == 1
    assert message in ran.err
    assert "Traceback" not in ran.out + ran.err
