"""Typed files: Parquet, Arrow and DBN are read by the rules of text files, every value as it is."""

from __future__ import annotations

import datetime as dt
import decimal
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import databento_dbn as dbn
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings

from tests.feeding import Tickdeck
from tests.feeds.csv.test_packing import read
from tests.feeds.csv.test_reader import FIELDS, Tick, rows_of, ticks_of_any_kind
from tests.fuzzing import examples
from tests.paths import SHARED
from tickdeck.feeds.csv.options import parse_options
from tickdeck.feeds.csv.reader import CsvReader

START_NS = 1_704_205_800_123_456_789


def write_feather(table: pa.Table, path: Path) -> None:
    pyarrow.feather.write_feather(table, path, compression="zstd")


def write_stream(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)


def write_parquet(table: pa.Table, path: Path) -> None:
    pyarrow.parquet.write_table(table, path, row_group_size=11)


WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    "Parquet": write_parquet, "Feather": write_feather, "Arrow stream": write_stream,
}  # fmt: skip


def table_of(ticks: list[Tick], unit: str = "us") -> pa.Table:
    columns = dict(zip(FIELDS, map(list, zip(*ticks, strict=True)), strict=True))
    time = pa.array(columns.pop("time"), pa.int64()).cast(pa.timestamp("us", "America/New_York"))
    types = {"seq": pa.int64(), **dict.fromkeys(("price", "size", "bid", "ask"), pa.float64())}
    return pa.table(
        {
            "time": time.cast(pa.timestamp(unit, "America/New_York")),
            **{name: pa.array(values, types.get(name, pa.string())) for name, values in columns.items()},
        }
    )


@pytest.mark.parametrize("kind", WRITERS)
@settings(
    max_examples=examples(12), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    deadline=None,
)  # fmt: skip
@given(ticks=ticks_of_any_kind)
def test_any_ticks_are_read_back_identical(tmp_path: Path, kind: str, ticks: list[Tick]) -> None:
    path = tmp_path / "ticks"
    WRITERS[kind](table_of(ticks), path)
    found, rejects, failure = read(path)
    assert (rows_of(found), rejects, failure) == (ticks, [], "")


def trades(**columns: pa.Array) -> pa.Table:
    """Three trades, with some columns in the place of the usual ones."""
    usual = {
        "time": pa.array([START_NS, START_NS + 1_000, START_NS + 1_000_000], pa.timestamp("ns", "UTC")),
        "symbol": pa.array(["ABC"] * 3), "price": pa.array([1.5, 1.25, 1.75]), "size": pa.array([1, 2, 3]),
    }  # fmt: skip
    return pa.table({**usual, **columns})


MICROS = [START_NS // 1000, START_NS // 1000 + 1, START_NS // 1000 + 1000]
TIMES: dict[str, tuple[pa.Array, str | None, list[int]]] = {
    "ns with a zone": (pa.array([START_NS] * 3, pa.timestamp("ns", "Asia/Tokyo")), None, [MICROS[0]] * 3),
    "ns without": (pa.array([START_NS] * 3, pa.timestamp("ns")), "America/New_York", [MICROS[0] + 5 * 3_600_000_000] * 3),
    "ms": (pa.array([START_NS // 10**6] * 3, pa.timestamp("ms", "+05:00")), None, [MICROS[0] // 1000 * 1000] * 3),
    "s": (pa.array([START_NS // 10**9] * 3, pa.timestamp("s", "UTC")), None, [MICROS[0] // 10**6 * 10**6] * 3),
    "whole number of ns": (pa.array([START_NS] * 3), None, [MICROS[0]] * 3),
    "float of seconds": (pa.array([1_704_205_800.5] * 3), None, [1_704_205_800_500_000] * 3),
    "text": (pa.array(["2024-01-02T14:30:00.123456789Z"] * 3), None, [MICROS[0]] * 3),
}  # fmt: skip


@pytest.mark.parametrize("name", TIMES)
def test_times_of_every_type(tmp_path: Path, name: str) -> None:
    column, zone, expected = TIMES[name]
    write_parquet(trades(time=column), tmp_path / "t")
    found, rejects, failure = read(tmp_path / "t", parse_options(time_zone=zone))
    assert (found.time_us.tolist(), rejects, failure) == (expected, [], "")


def test_a_time_without_a_zone_asks_for_one(tmp_path: Path) -> None:
    write_parquet(trades(time=pa.array([START_NS] * 3, pa.timestamp("ns"))), tmp_path / "t")
    found, _, failure = read(tmp_path / "t")
    assert len(found) == 0
    assert "has no time zone: say --time-zone" in failure


def test_numbers_of_every_type_keep_their_value(tmp_path: Path) -> None:
    shuffler = random.Random(9)
    floats = [shuffler.uniform(1e-3, 1e6) for _ in range(3)]
    for column, expected in [
        (pa.array(floats), floats),
        (pa.array(np.array([187.15, 1e-7, 98765.43], dtype=np.float32)), [187.15, 1e-7, 98765.43]),
        (pa.array(np.array([187.125, 0.5, 2048], dtype=np.float16)), [187.125, 0.5, 2048.0]),
        (pa.array([decimal.Decimal("0.000000031200000001"), decimal.Decimal(7), decimal.Decimal("1e9")],
                  pa.decimal128(38, 18)), [0.000000031200000001, 7.0, 1e9]),
        (pa.array([2**62 - 1, 5, 2**53 + 1], pa.uint64()), [float(2**62 - 1), 5.0, float(2**53 + 1)]),
        (pa.array(["1.50", "2e-3", "3"]).dictionary_encode(), [1.5, 2e-3, 3.0]),
    ]:  # fmt: skip
        write_parquet(trades(price=column), tmp_path / "t")
        found, rejects, failure = read(tmp_path / "t")
        assert (found.price.tolist(), rejects, failure) == (expected, [], "")


@pytest.mark.parametrize("seconds", [1_704_205_800.5, 1_704_205_800_500.0])
def test_times_in_32_bits_are_refused(tmp_path: Path, seconds: float) -> None:
    """They would be stored up to a minute off, or hours."""
    write_parquet(trades(time=pa.array(np.full(3, seconds, dtype=np.float32))), tmp_path / "t")
    found, _, failure = read(tmp_path / "t")
    assert len(found) == 0
    assert "line 1, field time: 17042" in failure
    assert "which have seven digits" in failure
    assert "as 64-bit numbers" in failure


def test_a_refused_row_is_told_by_its_number_and_its_values(tmp_path: Path) -> None:
    table = trades(
        price=pa.array([float("nan"), -1.0, 2.0]),
        symbol=pa.array(['A,"B', "ABC", "A\nB"]),
        bid=pa.array([float("nan"), None, 3.5]),
        note=pa.array([b"\xff", b"x", b"y"]),
        book=pa.array([[1], [2], None]),
    )
    write_parquet(table, tmp_path / "t")
    found, rejects, failure = read(tmp_path / "t")
    assert (len(found), failure) == (0, "")
    assert [(each.line, each.field) for each in rejects] == [(1, "price"), (2, "price"), (3, "symbol")]
    assert rejects[0].raw == '2024-01-02 14:30:00.123456789Z,"A,""B",,1,,\\xff'
    assert rejects[1].raw == "2024-01-02 14:30:00.123457789Z,ABC,-1,2,,x"


@pytest.mark.parametrize("form", ["Parquet", "JSON lines"])
def test_texts_that_look_protected_stay_as_they_are(tmp_path: Path, form: str) -> None:
    texts = ["'=A1", "=A1", "''-x", "'x"]
    table = trades(exchange=pa.array(texts[:3]), conditions=pa.array(texts[1:]))
    path = tmp_path / "t"
    if form == "Parquet":
        write_parquet(table, path)
    else:
        table.to_pandas().to_json(path, orient="records", lines=True, date_format="iso", date_unit="ns")
    found, rejects, failure = read(path)
    assert (rejects, failure) == ([], "")
    assert found.exchange is not None
    assert found.conditions is not None
    assert (found.exchange.tolist(), found.conditions.tolist()) == (texts[:3], texts[1:])


def test_more_rows_than_a_batch_keep_their_numbers(tmp_path: Path) -> None:
    count = 50_000
    table = pa.table(
        {
            "ts": pa.array(np.arange(count) * 1000 + START_NS, pa.timestamp("ns", "UTC")),
            "sym": pa.array(["A", "B"] * (count // 2)),
            "px": pa.array(np.arange(count) / 100 + 1),
            "qty": pa.array(np.arange(count)),
        }
    )
    path = tmp_path / "t"
    pyarrow.parquet.write_table(table, path)
    reader = CsvReader(path, parse_options())
    batches = list(reader)
    assert len(batches) > 2
    lines = [batch.origins.line(row) for batch in batches if batch.origins for row in range(len(batch))]
    assert lines == list(range(1, count + 1))
    assert reader.facts is not None
    assert reader.facts.assumptions()[0] == "columns time=ts, symbol=sym, price=px, size=qty"
    assert reader.facts.assumptions()[-1] == "Parquet"


@pytest.mark.parametrize("name", [None, "when"])
def test_the_index_of_a_data_frame_is_a_column(tmp_path: Path, name: str | None) -> None:
    index = pd.DatetimeIndex(["2024-01-02T14:30:00.5Z", "2024-01-02T14:30:01Z"], name=name)
    pd.DataFrame({"symbol": ["A", "B"], "price": [1.5, 2.5], "size": [1, 2]}, index=index).to_parquet(
        tmp_path / "t"
    )
    found, rejects, failure = read(tmp_path / "t", parse_options(columns=name and f"time={name}"))
    assert (found.time_us.tolist(), rejects, failure) == (
        [1_704_205_800_500_000, 1_704_205_801_000_000],
        [],
        "",
    )


@pytest.mark.parametrize("kind", WRITERS)
def test_damage_keeps_nothing_of_where_it_is(tmp_path: Path, kind: str) -> None:
    rows = 4000
    table = pa.table(
        {
            "time": pa.array(np.arange(rows) * 10**9 + START_NS, pa.timestamp("ns", "UTC")),
            "symbol": pa.array(["ABC"] * rows),
            "price": pa.array(np.arange(rows) / 7 + 1),
            "size": pa.array(np.arange(rows)),
        }
    )
    path = tmp_path / "t"
    WRITERS[kind](table, path)
    whole = path.read_bytes()
    for keep in (len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:keep])
        found, rejects, failure = read(path)
        if kind == "Arrow stream":  # each batch stands for itself; the last three bytes are its end mark
            assert len(found) % 7 == 0 or len(found) == rows
            assert rejects == []
            assert len(found) == rows or "are damaged, no row from" in failure
        else:
            assert (len(found), rejects) == (0, [])
            assert f"its {'Arrow file' if kind == 'Feather' else kind} data are damaged" in failure


def test_a_damaged_row_group_is_named_by_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "t"
    rows = 30_000
    table = pa.table(
        {
            "time": pa.array(np.arange(rows) * 10**9 + START_NS, pa.timestamp("ns", "UTC")),
            "symbol": pa.array(["ABC"] * rows),
            "price": pa.array(np.random.default_rng(1).random(rows) + 1),
            "size": pa.array(np.arange(rows)),
        }
    )
    pyarrow.parquet.write_table(table, path, row_group_size=10_000, write_page_checksum=True)
    facts = pyarrow.parquet.ParquetFile(path).metadata.row_group(1).column(2)
    damaged = bytearray(path.read_bytes())
    damaged[facts.data_page_offset + facts.total_compressed_size // 2] ^= 1
    path.write_bytes(damaged)
    found, rejects, failure = read(path)
    assert (len(found), rejects) == (10_000, [])
    assert "its Parquet data are damaged, no row from 10,001 on is kept" in failure


@pytest.mark.parametrize(
    ("module", "head", "message"),
    [
        ("pyarrow", b"PAR1\0\0\0\0", "is a file of the kind Parquet: pip install 'tickdeck[parquet]'"),
        (
            "databento_dbn",
            b"DBN\3" + bytes(200),
            "is a DBN file of Databento: pip install 'tickdeck[databento]'",
        ),
    ],
)
def test_a_missing_library_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, head: bytes, message: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    path = tmp_path / "t"
    path.write_bytes(head)
    assert message in read(path)[2]


def dbn_file(*records: Any) -> bytes:
    day = dt.date(2024, 1, 2)
    interval = SimpleNamespace(start_date=day, end_date=day + dt.timedelta(days=1), symbol="17077")
    metadata = dbn.Metadata(
        dataset="GLBX.MDP3", start=START_NS, stype_in=dbn.SType.from_str("raw_symbol"),
        stype_out=dbn.SType.from_str("instrument_id"), schema=dbn.Schema.from_str("trades"), symbols=["ESH4"],
        partial=[], not_found=[], mappings=[SimpleNamespace(raw_symbol="ESH4", intervals=[interval])],
    )  # fmt: skip
    return b"".join(map(bytes, [metadata.encode(), *records]))


def dbn_trade(time_ns: int, price: int, size: int, sequence: int) -> Any:
    return dbn.TradeMsg(
        1, 17077, time_ns, price, size, dbn.Action.from_str("T"), dbn.Side.from_str("B"), 0, time_ns + 99, sequence=sequence
    )  # fmt: skip


@pytest.mark.parametrize("compress", [bytes, zstandard.ZstdCompressor(write_checksum=True).compress])
def test_trades_of_databento_are_read_with_their_symbols_and_prices(
    tickdeck: Tickdeck, tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    content = dbn_file(
        dbn_trade(START_NS, 4_780_250_000_000, 3, 55),
        dbn_trade(START_NS + 2_000, 4_780_250_000_001, 2, 56),
        dbn_trade(START_NS + 3_000, dbn.UNDEF_PRICE, 2, 57),
    )
    path = tmp_path / "trades.dbn.zst"
    path.write_bytes(compress(content))
    ran = tickdeck("load", path, "--json")
    assert (ran.code, ran.summary["stored"], ran.summary["rejected"]) == (3, 2, 1)
    stored = tickdeck.rows(
        "select symbol, price, size, extract(epoch from time) * 1000000 from ticks order by time"
    )
    assert stored == [
        ("ESH4", 4780.25, 3.0, START_NS // 1000),
        ("ESH4", 4780.250000001, 2.0, START_NS // 1000 + 2),
    ]
    kept = Path(ran.summary["rejects_file"]).read_text(encoding="utf-8").splitlines()[1]
    assert kept.startswith(f"{path},3,price,is empty")


def test_a_dbn_file_that_is_cut_short_is_told(tmp_path: Path) -> None:
    content = dbn_file(*(dbn_trade(START_NS + n, 4_780_250_000_000, 1, n) for n in range(5)))
    path = tmp_path / "t"
    path.write_bytes(content[:-7])
    found, rejects, failure = read(path)
    assert (len(found), rejects) == (4, [])
    assert "cut short: the file ends in the middle of a record" in failure


@pytest.mark.parametrize("kind", [*WRITERS, "DBN"])
def test_whatever_bytes_are_changed_the_file_is_read_or_told(tmp_path: Path, kind: str) -> None:
    shuffler = random.Random(6)
    path = tmp_path / "t"
    if kind == "DBN":
        whole = dbn_file(*(dbn_trade(START_NS + n, 4_780_250_000_000, 1, n) for n in range(20)))
    else:
        WRITERS[kind](trades(), path)
        whole = path.read_bytes()
    told = 0
    for _ in range(200):
        changed = bytearray(whole)
        changed[shuffler.randrange(6, len(whole))] = shuffler.randrange(256)
        path.write_bytes(changed)
        told += bool(read(path)[2])  # any error but FileError fails here
    assert told > 20


@pytest.mark.parametrize("kind", ["Feather", "DBN"])
def test_names_and_lengths_that_make_no_sense_are_damage(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "t"
    if kind == "DBN":  # a record shorter than its type has to be
        record = bytearray(bytes(dbn_trade(START_NS, 4_780_250_000_000, 1, 1)))
        record[0] -= 3
        path.write_bytes(dbn_file() + record[:-12])
    else:  # a column's name that is no text
        WRITERS[kind](trades(), path)
        path.write_bytes(path.read_bytes().replace(b"price", b"pr\xb5ce"))
    found, _, failure = read(path)
    assert len(found) == 0
    assert "data are damaged" in failure


def test_the_case_in_parquet() -> None:
    case = SHARED / "cases" / "t.parquet"
    if not case.exists():
        pytest.skip("the case files are not on this machine")
    found, rejects, failure = read(case)
    assert (rejects, failure) == ([], "")
    assert found.time_us.tolist() == [1_704_205_800_123_456, 1_704_205_801_000_000]
    assert (found.symbol.tolist(), found.price.tolist(), found.size.tolist()) == (
        ["PQ", "PQ"],
        [1.5, 1.6],
        [1.0, 2.0],
    )
