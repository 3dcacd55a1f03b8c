"""Reading CSV files: whatever a file is written like, the same ticks come back."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.fuzzing import examples
from tickdeck.db.market.spreadsheets import protect
from tickdeck.db.market.types import TickBatch, concat, from_us
from tickdeck.feeds.csv.options import CsvOptions, parse_options
from tickdeck.feeds.csv.reader import CsvReader
from tickdeck.feeds.csv.rows import FieldError, read_row
from tickdeck.feeds.errors import FileError
from tickdeck.feeds.rejects import Reject

Tick = tuple[int, str, int, float, float, float | None, float | None, str | None, str | None]
FIELDS = ("time", "symbol", "seq", "price", "size", "bid", "ask", "exchange", "conditions")

visible = st.characters(codec="utf-8", exclude_categories=["C", "Z"])
symbols = st.text(visible, min_size=1, max_size=6).filter(lambda text: len(text.encode()) <= 32)
inner = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=12)
texts = st.none() | inner.map(lambda text: text.strip(" ")).filter(bool)
prices = st.floats(min_value=1e-12, max_value=1e12, allow_subnormal=False)
ticks_of_any_kind = st.lists(
    st.tuples(
        st.integers(662_688_000_000_000, 1_760_000_000_000_000),  # 1991 to 2025, what a number is taken for
        symbols,
        st.integers(-(2**63), 2**63 - 1),
        prices | st.decimals(Decimal("0.01"), Decimal(10000), places=2).map(float),
        st.just(0.0) | prices | st.integers(0, 10**6).map(float),
        st.none() | prices,
        st.none() | prices,
        texts,
        texts,
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda tick: tick[:3],
).filter(
    lambda ticks: 2 * len({seq for _, _, seq, *_ in ticks}) > len(ticks)
)  # else the column numbers no trades


# Each is applied to the two halves of a file: members and frames in a row are one content.
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes, "gzip": gzip.compress, "zstd": zstandard.compress, "bzip2": bz2.compress, "xz": lzma.compress,
}  # fmt: skip


@dataclass(frozen=True)
class Dialect:
    """One way of writing a file."""

    delimiter: str
    quoting: Literal[0, 1, 2, 3]
    line_end: str
    bom: bool
    time: str
    compression: str
    last_line_end: bool
    blank_after: bool


dialects = st.builds(
    Dialect,
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    line_end=st.sampled_from(["\n", "\r\n"]),
    bom=st.booleans(),
    time=st.sampled_from(["Z", "offset", "space", "us", "ns", "s", "compact"]),
    compression=st.sampled_from(list(COMPRESS)),
    last_line_end=st.booleans(),
    blank_after=st.booleans(),
)


def written_time(time_us: int, style: str) -> str:
    moment = from_us(time_us)
    ways = {
        "Z": moment.isoformat().replace("+00:00", "Z"),
        "offset": moment.astimezone(timezone(timedelta(hours=-5, minutes=-30))).isoformat(),
        "space": moment.astimezone(ZoneInfo("Asia/Tokyo")).isoformat(" "),
        "us": str(time_us),
        "ns": f"{time_us}789",
        "s": f"{time_us // 10**6}.{time_us % 10**6:06d}",
        "compact": f"{moment:%Y%m%d %H%M%S.%f}+0000".rjust(27, "0"),
    }
    return ways[style]


def written(ticks: list[Tick], dialect: Dialect) -> bytes:
    out = io.StringIO()
    writer = csv.writer(
        out,
        delimiter=dialect.delimiter,
        quoting=dialect.quoting,
        lineterminator=dialect.line_end,
    )
    writer.writerow(FIELDS)
    for time_us, *rest in ticks:
        shown = [
            protect(value) if isinstance(value, str) else "" if value is None else value for value in rest
        ]
        writer.writerow([written_time(time_us, dialect.time), *shown])
        if dialect.blank_after:
            out.write(dialect.line_end)
    text = out.getvalue()
    if not dialect.last_line_end:
        text = text.removesuffix(dialect.line_end)
    raw = text.encode("utf-8-sig" if dialect.bom else "utf-8")
    half = len(raw) // 2
    return b"".join(map(COMPRESS[dialect.compression], [raw[:half], raw[half:]]))


def unit_of(style: str) -> str | None:
    return style if style in {"s", "us", "ns"} else None


def read(path: Path, options: CsvOptions) -> tuple[list[Tick], list[Reject]]:
    batches = list(CsvReader(path, options))
    rejects = [reject for batch in batches for reject in batch.rejects]
    return rows_of(concat([batch.ticks for batch in batches])), rejects


def rows_of(batch: TickBatch) -> list[Tick]:
    none: list[str | None] = [None] * len(batch)

    def quote(values: NDArray[np.float64]) -> list[float | None]:
        return [None if math.isnan(value) else value for value in values.tolist()]

    return list(
        zip(
            batch.time_us.tolist(), batch.symbol.tolist(), batch.seq.tolist(), batch.price.tolist(),
            batch.size.tolist(), quote(batch.bid), quote(batch.ask),
            none if batch.exchange is None else batch.exchange.tolist(),
            none if batch.conditions is None else batch.conditions.tolist(),
            strict=True,
        )
    )  # fmt: skip


@settings(
    max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(ticks=ticks_of_any_kind, dialect=dialects)
def test_any_ticks_in_any_dialect_read_back_identical(
    tmp_path: Path, ticks: list[Tick], dialect: Dialect
) -> None:
    path = tmp_path / "ticks"
    path.write_bytes(written(ticks, dialect))
    options = parse_options(delimiter=dialect.delimiter, time_unit=unit_of(dialect.time))
    assert read(path, options) == (ticks, [])


junk = st.sampled_from(
    ["", "1", "-1", "+2.50", "0", "0.0", "1e3", "1_0", "nan", "inf", "-inf", "1e400", "12345678901234567890123",
     ".5", "5.", ".", "-", "1.2.3", "0x10", "\uff11", "é", " 7 ", "9007199254740993", "0.1000000000000000055511151231",
     "2013-10-07T08:00:00Z", "2013-10-07 08:00:00.123456789+01:30", "2013-02-30T08:00:00Z", "2013-10-07",
     "2013-11-03T01:30:00", "2013-03-10T02:30:00", "2013-10-07T24:00:00Z", "20131007 080000.5Z",
     "20131007080000", "20131007080000123", "2013-10-07T8:00:00Z", "2013-10-07T08:00Z", "9999-12-31T00:00:00Z",
     "1381132800", "1381132800.464", "1381132800464", "1381132800464123", "1381132800464123456", "-5", "1e9",
     "SPY", "A B", "x" * 33, "x" * 70, "BRK.B", "2013/10/07T08:00:00,5-0500", "2013-10-07T08:00:00+25:00"]
) | st.text(st.characters(codec="ascii", exclude_categories=["C"], exclude_characters='"|,'), max_size=8)  # fmt: skip
styles = st.sampled_from([None, "s", "ms", "us", "ns"])


@settings(
    max_examples=examples(80), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(cells=st.lists(st.tuples(*[junk] * 9), min_size=1, max_size=30), unit=styles)
def test_reading_by_columns_equals_reading_row_by_row(
    tmp_path: Path, cells: list[tuple[str, ...]], unit: str | None
) -> None:
    good = ("2013-10-07T08:00:00Z" if unit is None else "5", "SPY", "1", "1", "1", "", "", "", "")
    rows = [good, good, *cells] if len(cells) < 2 else [*[good] * (len(cells) + 1), *cells]
    path = tmp_path / "ticks.csv"
    path.write_text("\n".join(map("|".join, [FIELDS, *rows])) + "\n", encoding="utf-8", newline="")
    zoned = any("2013" in row[0] and not row[0].endswith(("Z", "0")) for row in rows)
    zone = "America/New_York" if unit is None and zoned else None
    reader = CsvReader(path, parse_options(time_zone=zone, time_unit=unit))
    (batch,) = list(reader)
    assert reader.facts is not None
    reading = reader.facts.reading
    kept: list[Tick] = []
    refused = []
    quotes: dict[str, dict[str, tuple[int, float]]] = {}
    for number, row in enumerate(rows, start=1):
        cells_of = {name: row[at].strip(" ").encode() for name, at in reading.layout.index.items()}
        try:
            tick = read_row(cells_of, reading)
        except FieldError as exc:
            refused.append((number + 1, exc.field, exc.reason))
            continue
        last = quotes.setdefault(tick.symbol, {})
        lacking = None
        sides = {"bid": tick.bid, "ask": tick.ask}
        for side, value in sides.items():
            if not math.isnan(value):
                last[side] = tick.time_us, value
            elif math.isnan(tick.price):
                since, carried = last.get(side, (0, math.nan))
                lacking = side if math.isnan(carried) or since > tick.time_us else lacking
                sides[side] = carried
        if lacking is not None:
            refused.append((number + 1, lacking, "is empty, and no earlier row has one to carry over"))
            continue
        price = (
            tick.price
            if not math.isnan(tick.price)
            else float(sum(map(Decimal, map(repr, sides.values()))) / 2)
        )
        quoted = [None if math.isnan(value) else value for value in sides.values()]
        kept.append((tick.time_us, tick.symbol, tick.seq, price, tick.size, quoted[0], quoted[1],
                     tick.exchange, tick.conditions))  # fmt: skip
    counted = range(2, 3) if reading.occurrence else range(0)
    without = [
        tuple(value for at, value in enumerate(row) if at not in counted) for row in rows_of(batch.ticks)
    ]
    assert without == [tuple(value for at, value in enumerate(row) if at not in counted) for row in kept]
    assert [(reject.line, reject.field, reject.reason) for reject in batch.rejects] == refused


def file_of(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "some.csv"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("1381132800", 1381132800_000000),
        ("1381132800.4641239", 1381132800_464123),
        ("1381132800464", 1381132800_464000),
        ("1381132800464.25", 1381132800_464250),
        ("1381132800464123", 1381132800_464123),
        ("1381132800464123999", 1381132800_464123),
        ("1.381132800464e12", 1381132800_464000),
        ("20131007080000", 1381132800_000000),
        ("2013-10-07T08:00:00.464123999Z", 1381132800_464123),
        ("2013-10-07 04:00:00,5-04:00", 1381132800_500000),
        ("20131007T080000Z", 1381132800_000000),
        ("2013-10-07T08:00:00 UTC", 1381132800_000000),
    ],
)
def test_times_are_told_by_their_looks(tmp_path: Path, first: str, expected: int) -> None:
    path = file_of(tmp_path, "ts,sym,px,qty", f'"{first}",A,1,1')
    zone = "UTC" if first == "20131007080000" else None
    (row,), rejects = read(path, parse_options(time_zone=zone))
    assert (row[0], rejects) == (expected, [])


def test_columns_go_by_many_names_and_quotes_have_a_mid(tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        "Trade Date|Time|<TICKER>|Best Bid|Offer|Venue|note",
        "2013-10-07|09:30:00.5|SPY|10|10.5|P|x",
        "2013-10-07|9:30:01|SPY|10|0|P|x",
    )
    rows, rejects = read(path, parse_options(time_zone="America/New_York"))
    assert rows == [(1381152600_500000, "SPY", 1, 10.25, 0.0, 10.0, 10.5, "P", None)]
    assert [(reject.line, reject.field) for reject in rejects] == [(3, "ask")]


def test_a_row_with_a_quote_only_takes_the_mid_in_a_file_of_trades_and_quotes(tmp_path: Path) -> None:
    path = file_of(tmp_path, "t,s,p,v,bid,ask", "5,A,10,3,,", "6,A,,,10,11", "7,A,,,10,", "8,A,0,1,10,11")
    rows, rejects = read(path, parse_options(time_unit="s"))
    assert [(row[3], row[4]) for row in rows] == [(10.0, 3.0), (10.5, 0.0), (10.5, 0.0)]
    assert [(reject.line, reject.field) for reject in rejects] == [(5, "price")]


def test_blocks_and_their_edges_do_not_show(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    count = 120_000
    lines = [
        f"{1381132800000 + i},{'ABCDEFGHIJKLMNOP'[: i % 16 + 1]},{i / 100 + 1:.2f},{i}" for i in range(count)
    ]
    path.write_text("\r\n".join(["ts,sym,px,qty", *lines]), encoding="utf-8", newline="")
    reader = CsvReader(path, parse_options())
    batches = list(reader)
    ticks = concat([batch.ticks for batch in batches])
    assert len(batches) > 2
    assert ticks.seq.tolist() == [1] * count
    assert ticks.time_us.tolist() == [(1381132800000 + i) * 1000 for i in range(count)]
    assert ticks.price.tolist() == [float(f"{i / 100 + 1:.2f}") for i in range(count)]
    assert ticks.symbol.tolist() == ["ABCDEFGHIJKLMNOP"[: i % 16 + 1] for i in range(count)]
    assert reader.source.position == reader.source.size == path.stat().st_size


rubbish = st.lists(
    st.sampled_from([b"time,symbol,price,size", b"t;s;p;v;bid;ask", b"5,A,1,1", b"1381132800,A,1.5,2", b'"', b"\xe9",
                     b"\r", b"\0", b",,,", b";", b"\x1f", b"\xef\xbb\xbf", b"nan", b"-", b"2013-10-07T08:00:00Z", b"{", b"{}", b'{"t": 5, "s": "A", "p": 1, "v": 1}',
                     b"PAR1", b"DBN\1", b"PK\3\4", b"\xff\xfe", b"[{", b"BZh9", b"\xff\xff\xff\xff", b"ARROW1\0\0"])
    | st.binary(max_size=12),
    max_size=30,
)  # fmt: skip


@settings(
    max_examples=examples(120), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    pieces=rubbish,
    joint=st.sampled_from([b"\n", b",", b"\r\n"]),
    compressed=st.booleans(),
    cut=st.integers(0, 60),
)
def test_no_bytes_whatever_break_the_reader(
    tmp_path: Path, pieces: list[bytes], joint: bytes, compressed: bool, cut: int
) -> None:
    raw = joint.join(pieces)
    path = tmp_path / "rubbish"
    path.write_bytes((gzip.compress(raw) if compressed else raw)[: -cut or None])
    lines = raw.count(b"\n") + 1
    reader = iter(CsvReader(path, parse_options()))
    told = 0
    with suppress(FileError):  # the one thing it may raise
        for batch in reader:
            told += len(batch) + len(batch.rejects)
            assert all(0 < reject.line <= lines and reject.reason for reject in batch.rejects)
            assert np.isfinite(batch.ticks.price).all()
            assert (batch.ticks.price > 0).all()
    assert told <= lines
