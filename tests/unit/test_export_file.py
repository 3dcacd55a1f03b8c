"""Exported files: the reader of CSV files gets every tick back as it was, and half a file never has the whole's name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from app.export_file import TICK_COLUMNS, candle_rows, csv_lines, tick_rows, written_to
from db.errors import ConfigurationError, TickdeckError
from db.market import Candle, TickBatch, concat
from feeds.csv_options import CsvOptions
from feeds.csv_reader import CsvReader
from tests.unit.test_csv_reader import Tick, ticks_of_any_kind

HEADER = csv_lines([TICK_COLUMNS])
on_files = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def batch_of(ticks: list[Tick]) -> TickBatch:
    kinds = (np.int64, object, np.int64, *[np.float64] * 4, object, object)
    columns = zip(*ticks, strict=True)
    return TickBatch(*(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)))


def rows_of(batch: TickBatch) -> list[tuple[object, ...]]:
    """With the text of each float, as NaN is not equal to itself."""
    columns = [getattr(batch, name if name != "time" else "time_us").tolist() for name in TICK_COLUMNS]
    return [tuple(map(repr, row)) for row in zip(*columns, strict=True)]


@on_files
@given(ticks=ticks_of_any_kind)
def test_every_tick_is_read_back_as_it_was(tmp_path: Path, ticks: list[Tick]) -> None:
    path = tmp_path / "ticks.csv"
    batch = batch_of(ticks)
    path.write_bytes(HEADER + tick_rows(batch))
    read = [*CsvReader(path, CsvOptions())]
    assert [reject for each in read for reject in each.rejects] == []
    assert rows_of(concat([each.ticks for each in read])) == rows_of(batch)


def test_how_ticks_and_candles_are_written() -> None:
    ticks = batch_of([
        (1_709_902_861_997_000, "A,B", -3, 17.36, 100.0, None, 17.4, None, '@ "T"'),
        (0, "É", 2**63 - 1, 1e-30, 0.0, 0.1 + 0.2, None, "Q", None),
    ])  # fmt: skip
    assert tick_rows(ticks).decode() == (
        '2024-03-08T13:01:01.997000Z,"A,B",-3,17.36,100,,17.4,,"@ ""T"""\n'
        "1970-01-01T00:00:00.000000Z,É,9223372036854775807,1e-30,0,0.30000000000000004,,Q,\n"
    )
    assert tick_rows(batch_of([(0, "A", 1, 1.5, 1.0, None, None, None, None)]).take(slice(0))) == b""
    candle = Candle(60_000_000, 1.0, 2.5, 0.5, 2.0, 300.0, 450.25, 7, 0, 0, 0, 0)
    assert candle_rows("A", [candle]) == b"1970-01-01T00:01:00.000000Z,A,1,2.5,0.5,2,300,450.25,7\n"


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
