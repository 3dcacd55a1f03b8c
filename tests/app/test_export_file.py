"""Exported files: the reader of CSV files gets every tick back as it was, and half a file never has the whole's name."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.feeds.csv.test_reader import Tick, ticks_of_any_kind
from tests.fuzzing import examples
from tickdeck.app.export import format_of, written_to
from tickdeck.app.rows import TICK_COLUMNS, candles_csv, header_csv, ticks_csv
from tickdeck.app.table_files import ENDINGS
from tickdeck.db.errors import ConfigurationError, TickdeckError
from tickdeck.db.market.spreadsheets import FORMULA_STARTS, protect, unprotect
from tickdeck.db.market.types import Candle, TickBatch, concat
from tickdeck.feeds.csv.options import CsvOptions
from tickdeck.feeds.csv.reader import CsvReader

HEADER = header_csv(TICK_COLUMNS)
on_files = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


def batch_of(ticks: list[Tick]) -> TickBatch:
    kinds = (np.int64, object, np.int64, *[np.float64] * 4, object, object)
    columns = zip(*ticks, strict=True)
    side = np.arange(len(ticks), dtype=np.int16) % 3 - 1
    batch = TickBatch(*(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)))
    return replace(batch, side=side)


def rows_of(batch: TickBatch) -> list[tuple[object, ...]]:
    """With the text of each float, as NaN is not equal to itself."""
    names = ["time_us", *TICK_COLUMNS[1:-1]]
    columns = [*(getattr(batch, name).tolist() for name in names), batch.side_names()]
    return [tuple(map(repr, row)) for row in zip(*columns, strict=True)]


@on_files
@given(ticks=ticks_of_any_kind)
def test_every_tick_is_read_back_as_it_was(tmp_path: Path, ticks: list[Tick]) -> None:
    path = tmp_path / "ticks.csv"
    batch = batch_of(ticks)
    path.write_bytes(HEADER + ticks_csv(batch))
    read = [*CsvReader(path, CsvOptions())]
    assert [reject for each in read for reject in each.rejects] == []
    assert rows_of(concat([each.ticks for each in read])) == rows_of(batch)


def test_how_ticks_and_candles_are_written() -> None:
    ticks = batch_of([
        (1_709_902_861_997_000, "A,B", -3, 17.36, 100.0, None, 17.4, None, '@ "T"'),
        (0, "É", 2**63 - 1, 1e-30, 0.0, 0.1 + 0.2, None, "Q", None),
    ])  # fmt: skip
    assert ticks_csv(ticks).decode() == (
        '2024-03-08T13:01:01.997000Z,"A,B",-3,17.36,100,,17.4,,"\'@ ""T""",sell\n'
        "1970-01-01T00:00:00.000000Z,É,9223372036854775807,1e-30,0,0.30000000000000004,,Q,,\n"
    )
    assert ticks_csv(batch_of([(0, "A", 1, 1.5, 1.0, None, None, None, None)]).take(slice(0))) == b""
    candle = Candle(60_000_000, 1.0, 2.5, 0.5, 2.0, 300.0, 450.25, 7, 0, 0, 0, 0)
    assert candles_csv("A", [candle]) == b"1970-01-01T00:01:00.000000Z,A,1,2.5,0.5,2,300,450.25,7\n"


@pytest.mark.parametrize(
    "text",
    [
        "=cmd|' /C calc'!A0",
        "@x",
        "+1",
        "-",
        "'=x",
        "''+",
        "'quoted'",
        "\t=1",
        "\r",
        "\n=1",
        "\uff1d1+1",
        "\uff20x",
        " =1",
        "\u3000\uff1d1",
        "\u00a0@x",
        "' =x",
    ],
)
def test_no_text_is_a_formula_for_a_spreadsheet_and_each_is_read_back(tmp_path: Path, text: str) -> None:
    symbol = text.replace(" ", "").strip() or "S"
    batch = batch_of([(0, symbol, 1, 1.5, 1.0, None, None, text.strip() or None, text.strip() or None)])
    path = tmp_path / "ticks.csv"
    path.write_bytes(HEADER + ticks_csv(batch))
    cells = path.read_text().splitlines()[1].split(",")
    assert not [cell for cell in (cells[1], *cells[7:]) if cell.startswith(tuple(FORMULA_STARTS))]
    assert protect(text)[0] not in FORMULA_STARTS
    assert protect(text).strip(" \u3000\u00a0\u200b\ufeff")[0] not in FORMULA_STARTS
    assert unprotect(protect(text)) == text
    read = [*CsvReader(path, CsvOptions())]
    assert [reject for each in read for reject in each.rejects] == []
    assert rows_of(concat([each.ticks for each in read])) == rows_of(batch)


@pytest.mark.parametrize("text", ["\u200b=1", "\ufeff@x", "\u2060\u2009-1"])
def test_what_cannot_be_seen_hides_no_formula(text: str) -> None:
    assert protect(text) == f"'{text}"
    assert unprotect(protect(text)) == text


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".csv.zst", ".csv.bz2", ".CSV.XZ"])
def test_half_a_file_is_no_file(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"ticks{ending}"

    def fail() -> None:
        with written_to(path, force=True) as write:
            write(HEADER * 10_000)
            assert len([*tmp_path.glob(f"{path.name}.*.part")]) == 1
            raise TickdeckError("the database is gone")

    with pytest.raises(TickdeckError, match="is gone"):
        fail()
    assert [*tmp_path.iterdir()] == []
    with written_to(path, force=False) as write:
        write(HEADER)
    whole = path.read_bytes()
    assert (whole == HEADER) is (ending == ".csv")
    with pytest.raises(TickdeckError, match="is gone"):
        fail()
    assert path.read_bytes() == whole
    assert [*tmp_path.iterdir()] == [path]


def test_what_is_there_is_replaced_only_where_that_is_asked_for(tmp_path: Path) -> None:
    path, link = tmp_path / "ticks.csv", tmp_path / "newest.csv"
    link.symlink_to(path)

    def write(*, force: bool, into: Path, meanwhile: bytes | None = None) -> None:
        with written_to(into, force=force) as out:
            out(HEADER)
            if meanwhile is not None:
                path.write_bytes(meanwhile)

    with pytest.raises(ConfigurationError, match="is there already: --force replaces it"):
        write(force=False, into=path, meanwhile=b"quicker")
    assert path.read_bytes() == b"quicker"
    write(force=True, into=link)
    assert link.is_symlink()
    assert path.read_bytes() == HEADER
    with pytest.raises(TickdeckError, match=r"none/ticks.csv cannot be written: No such file"):
        write(force=False, into=tmp_path / "none" / "ticks.csv")
    with pytest.raises(ConfigurationError, match="is no file"):
        write(force=True, into=tmp_path)
    assert sorted(tmp_path.iterdir()) == [link, path]


@pytest.mark.parametrize("ending", ENDINGS)
@settings(on_files, max_examples=examples(15))
@given(pages=st.lists(ticks_of_any_kind, min_size=1, max_size=3))
def test_every_tick_is_read_back_as_it_was_from_a_typed_file(
    tmp_path: Path, ending: str, pages: list[list[Tick]]
) -> None:
    path = tmp_path / f"ticks{ending}"
    form = format_of(path, candles=False)
    # No two of one identity, as in the database: a file's further fills of one number get numbers of their own.
    rows = [row[:3] for page in pages for row in page]
    assume(len({*rows}) == len(rows))
    batches = [batch_of(page) for page in pages]
    path.write_bytes(b"".join([*map(form.ticks, batches), form.end()]))
    read = [*CsvReader(path, CsvOptions())]
    assert [reject for each in read for reject in each.rejects] == []
    assert rows_of(concat([each.ticks for each in read])) == rows_of(concat(batches))


def test_a_typed_file_without_its_library_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r"needs pyarrow: pip install 'tickdeck\[parquet\]'"):
        format_of(tmp_path / "t.parquet", candles=False)
