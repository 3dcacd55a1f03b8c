"""Prices whose unit changes inside a file, or from one file to the next; and true moves that only look like it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.feeding import Tickdeck
from tickdeck.db.market.types import concat
from tickdeck.feeds.csv.options import parse_options
from tickdeck.feeds.csv.reader import CsvReader
from tickdeck.feeds.errors import FileError

START = datetime(2024, 3, 8, 14, 30, tzinfo=UTC)
Rows = list[tuple[datetime, str, str]]


def walk(
    count: int, *, start: datetime = START, price: float = 187.15, symbol: str = "A", seed: int = 1
) -> Rows:
    """Trades a second or so apart, with two decimals."""
    dice = random.Random(seed)
    rows: Rows = []
    for _ in range(count):
        start += timedelta(milliseconds=dice.randrange(1, 2_000))
        price = max(0.01, price + dice.choice([-0.01, 0, 0.01]))
        rows.append((start, symbol, f"{price:.2f}"))
    return rows


def scaled(rows: Rows, by: float, form: str = "{:.2f}") -> Rows:
    return [(at, symbol, form.format(float(price) * by)) for at, symbol, price in rows]


def write(path: Path, rows: Rows) -> Path:
    lines = [f"{at.isoformat()},{symbol},{price},100" for at, symbol, price in rows]
    path.write_text("\n".join(["time,symbol,price,size", *lines, ""]), encoding="utf-8")
    return path


def read(path: Path, **options: Any) -> tuple[list[float], list[str], str, list[str]]:
    """Prices, reasons of the rejects, the fault, and what is said."""
    reader = CsvReader(path, parse_options(**options))
    batches, fault = [], ""
    try:
        for batch in reader:
            batches.append(batch)  # noqa: PERF402 - those before a fault count
    except FileError as exc:
        fault = str(exc)
    said = [] if reader.facts is None else reader.facts.assumptions()
    prices = concat([each.ticks for each in batches]).price.tolist() if batches else []
    return prices, [reject.reason for each in batches for reject in each.rejects], fault, said


@pytest.mark.parametrize("by", [100, 1_000, 10_000, 0.01])
@pytest.mark.parametrize("form", ["{:.2f}", "{:.0f}"])
def test_what_goes_on_in_another_unit_is_not_read(tmp_path: Path, by: float, form: str) -> None:
    rows = walk(3_000)
    path = write(tmp_path / "joined.csv", rows[:1_500] + scaled(rows[1_500:], by, form))
    prices, rejects, fault, _ = read(path)
    assert (prices, rejects) == ([], [])
    assert "line 1502" in fault
    assert "--price-scale 1" in fault
    prices, rejects, fault, _ = read(path, price_scale="1")
    assert (len(prices), rejects, fault) == (3_000, [], "")


def test_far_into_a_file_what_came_before_is_kept(tmp_path: Path) -> None:
    """Behind the block by which it was decided how the file is read; of one symbol among others."""
    rows = walk(60_000)
    other = walk(60_000, symbol="B", price=12, seed=2)
    mixed = sorted(rows[:50_000] + scaled(rows[50_000:], 100, "{:.0f}") + other)
    path = write(tmp_path / "long.csv", mixed)
    assert path.stat().st_size > 3 << 20
    prices, rejects, fault, _ = read(path)
    first = next(n for n, row in enumerate(mixed) if float(row[2]) > 5_000)
    assert (prices, rejects) == ([float(row[2]) for row in mixed[:first]], [])
    assert f"line {first + 2:,}".replace(",", "") in fault.replace(",", "")


def test_units_that_take_turns(tmp_path: Path) -> None:
    rows = walk(400)
    turns = [scaled([row], 100)[0] if n % 3 == 2 else row for n, row in enumerate(rows)]
    prices, _, fault, _ = read(write(tmp_path / "turns.csv", turns))
    assert prices == []
    assert "100 times" in fault


def test_the_last_rows_of_a_file_in_another_unit_are_refused(tmp_path: Path) -> None:
    rows = walk(500)
    path = write(tmp_path / "end.csv", rows[:498] + scaled(rows[498:], 100))
    prices, rejects, fault, _ = read(path)
    assert (len(prices), len(rejects), fault) == (498, 2, "")
    assert "a bad print, or of another unit" in rejects[0]


SLIPS = {
    "one": ([20], 60),
    "two together": ([20, 21], 60),
    "the first": ([0], 60),
    "the last": ([59], 60),
    "three, apart": ([5, 30, 40], 60),
    "far into the file": ([45_000, 45_001, 59_999], 60_000),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_few_whole_prices_among_decimals_are_refused_by_themselves(tmp_path: Path, name: str) -> None:
    places, count = SLIPS[name]
    rows = [(at, symbol, f"{float(price) + 0.005:.3f}") for at, symbol, price in walk(count)]
    wrong = [scaled([row], 100, "{:.0f}")[0] if n in places else row for n, row in enumerate(rows)]
    prices, rejects, fault, _ = read(write(tmp_path / "slips.csv", wrong))
    assert prices == [float(row[2]) for n, row in enumerate(rows) if n not in places]
    assert (len(rejects), fault) == (len(places), "")
    assert not any("--price-scale" in each for each in rejects), "that would take them as they are"
    assert all("rejects file" in each for each in rejects)


def test_many_whole_prices_among_decimals_end_the_file(tmp_path: Path) -> None:
    rows = walk(400)
    turns = [scaled([row], 100, "{:.0f}")[0] if n % 7 == 3 else row for n, row in enumerate(rows)]
    prices, rejects, fault, _ = read(write(tmp_path / "turns.csv", turns))
    assert (prices, rejects) == ([], [])
    assert "--price-scale 100" in fault


OWN_NAMES = "time,symbol,seq,price,size,bid,ask,exchange,conditions"


def test_who_writes_the_columns_of_an_export_is_looked_at_as_all_are(tmp_path: Path) -> None:
    rows = walk(120)
    path = tmp_path / "own.csv"
    mixed = rows[:60] + scaled(rows[60:], 100)
    lines = [f"{at.isoformat()},{symbol},{n},{price},100,,,,T" for n, (at, symbol, price) in enumerate(mixed)]
    path.write_text("\n".join([OWN_NAMES, *lines, ""]), encoding="utf-8")
    prices, _, fault, _ = read(path)
    assert prices == []
    assert "100 times" in fault
    lines = [f"{at.isoformat()},{symbol},{n},{price},100,,,,T1" for n, (at, symbol, price) in enumerate(rows)]
    path.write_text("\n".join([OWN_NAMES, *lines])[:-1], encoding="utf-8")
    prices, rejects, fault, _ = read(path)
    assert (len(prices), len(rejects), fault) == (119, 1, "")


def crash() -> Rows:
    """A flash crash: 40 dollars to a cent within a minute, by other steps than powers of ten, and back."""
    levels = [40, 38, 30, 21, 12, 7.5, 3, 1.4, 0.4, 0.15, 0.04, 0.01, 0.01, 0.01, 0.01, 0.01, 6, 24, 39]
    return [(START + timedelta(seconds=n), "A", f"{price:.2f}") for n, price in enumerate(levels * 4)]


def moon() -> Rows:
    """Ten thousand times as much within a day, as of a coin of memes."""
    return [
        (START + timedelta(seconds=8 * n), "A", f"{1e-6 * 10 ** (n / 2_500):.10f}") for n in range(10_000)
    ]


def bad_prints() -> Rows:
    rows = walk(2_000)
    for place in (700, 1_400):
        rows[place] = scaled([rows[place]], 100)[0]
    return rows


def split() -> Rows:
    """One share for a hundred, over a night."""
    return walk(800, price=1.87) + walk(800, start=START + timedelta(hours=22), price=187.0, seed=3)


def opening() -> Rows:
    return [(START - timedelta(seconds=1), "A", "1.87"), *walk(500)]


@pytest.mark.parametrize("of", [crash, moon, bad_prints, split, opening])
def test_true_moves_and_bad_prints_are_taken(tmp_path: Path, of: Any) -> None:
    rows = of()
    prices, rejects, fault, said = read(write(tmp_path / "true.csv", rows))
    assert (rejects, fault) == ([], "")
    assert prices == [float(row[2]) for row in rows]
    assert any("as after a split" in each for each in said) == (of is split)


def test_a_file_is_compared_with_what_is_stored(tickdeck: Tickdeck, tmp_path: Path) -> None:
    rows = walk(600)
    assert tickdeck("load", write(tmp_path / "day1.csv", rows[:300])).code == 0
    for name, later in (("after", timedelta(days=3)), ("within", -timedelta(seconds=100))):
        cents = scaled([(at + later, symbol, price) for at, symbol, price in rows[300:]], 100, "{:.0f}")
        path = write(tmp_path / f"{name}.csv", cents)
        fine = write(tmp_path / "fine.csv", [(START, "B", "12.5")])
        ran = tickdeck("load", path, fine)
        assert ran.code == 1
        assert "are 100 times what is stored of" in ran.err
    assert tickdeck.rows("select symbol, count(*) from ticks group by 1 order by 1") == [("A", 300), ("B", 1)]
    ran = tickdeck("load", tmp_path / "after.csv", "--price-scale", "100")
    assert (ran.code, ran.err.strip()) == (0, "")
    assert tickdeck.rows("select max(price) < 200, count(*) from ticks where symbol = 'A'") == [(True, 600)]
    months = scaled([(at + timedelta(days=90), symbol, price) for at, symbol, price in rows[:9]], 100)
    assert tickdeck("load", write(tmp_path / "later.csv", months)).code == 0, "a split may lie in between"


CUT = {
    "decimals": ("time,symbol,size,price", "{at},A,100,101.25", "{at},A,100,101.2", "price"),
    "a point": ("time,symbol,size,price", "{at},A,100,101.25", "{at},A,100,101.", "price"),
    "no decimals": ("time,symbol,size,price", "{at},A,100,101.25", "{at},A,100,10", "price"),
    "time": ("symbol,price,size,time", "A,101.25,100,{at}.123456Z", "A,101.25,100,{at}.1234Z", "time"),
    "number": ("symbol,price,size,time", "A,101.25,100,1709908200{ms}", "A,101.25,100,170990820000", "time"),
    "word": ("time,symbol,price,size,side", "{at},A,101.25,100,buyer", "{at},A,101.25,100,bu", "side"),
}


@pytest.mark.parametrize("name", CUT)
def test_a_last_line_that_was_cut_is_refused(tmp_path: Path, name: str) -> None:
    header, whole, last, field = CUT[name]
    at = [f"2024-03-08T14:30:{n:02d}" for n in range(40)]
    lines = [whole.format(at=at[n], ms=f"{n:03d}") for n in range(39)] + [last.format(at=at[39])]
    path = tmp_path / "cut.csv"
    path.write_text("\n".join([header, *lines]), encoding="utf-8")
    options: dict[str, Any] = {"time_zone": "UTC"} if name not in {"time", "number"} else {}
    reader = CsvReader(path, parse_options(**options))
    rejects = [reject for batch in reader for reject in batch.rejects]
    assert [(each.line, each.field) for each in rejects] == [(41, field)]
    if name != "a point":
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")
        prices, refused, fault, _ = read(path, **options)
        assert (len(prices), fault) == (40 - len(refused), "")
        assert "no end" not in " ".join(refused), "who ends the line has said that it is whole"


@pytest.mark.parametrize("last", ["100", "1", "", "7.25"])
def test_a_last_line_without_an_end_is_said_and_taken(tmp_path: Path, last: str) -> None:
    """Sizes of any length, decimals as they come, a column that may be empty."""
    header = "time,symbol,price,size" if last.isdigit() else "time,symbol,size,price,conditions"
    row = "2024-03-08T14:30:00Z,A,101.25,{}" if last.isdigit() else "2024-03-08T14:30:00Z,A,5,7.5,{}"
    values = ["100", "12", "3000", "", "T", "7.25"] if not last.isdigit() else ["100", "12", "3000"]
    lines = [row.format(values[n % len(values)]) for n in range(60)] + [row.format(last)]
    path = tmp_path / "whole.csv"
    path.write_text("\n".join([header, *lines]), encoding="utf-8")
    prices, rejects, fault, said = read(path)
    assert (len(prices), rejects, fault) == (61, [], "")
    assert any(each.startswith("line 62, the last, has no line end") for each in said)


def test_a_last_line_that_was_refused_is_taken_from_the_rejects(tickdeck: Tickdeck, tmp_path: Path) -> None:
    path = tmp_path / "cut.csv"
    lines = [f"2024-03-08T14:30:{n:02d}Z,A,100,101.25" for n in range(39)]
    path.write_text(
        "\n".join(["time,symbol,size,price", *lines, "2024-03-08T14:30:38Z,A,7,101.2"]), encoding="utf-8"
    )
    assert tickdeck("load", path, "--rejects", tmp_path / "refused.csv").code == 3
    ran = tickdeck("load", tmp_path / "refused.csv")
    assert (ran.code, ran.err.strip()) == (0, "")
    assert tickdeck.rows("select seq, price, size from ticks order by time desc, seq desc limit 2") == [
        (2, 101.2, 7.0),
        (1, 101.25, 100.0),
    ]
    assert np.isclose(tickdeck.rows("select count(*) from ticks")[0][0], 40)
