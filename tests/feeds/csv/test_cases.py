"""Files as people have them: right to the microsecond and the last digit, or refused with the way out."""

from __future__ import annotations

import csv
import re
import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest

from tests.feeding import Tickdeck
from tests.paths import SHARED

CASES: Final = SHARED / "cases"
pytestmark = pytest.mark.skipif(not CASES.exists(), reason="the case files are not on this machine")

NEW_YORK: Final = ("--time-zone", "America/New_York")
UTC: Final = ("--time-zone", "UTC")
Stored = tuple[str, str, int | None, float, float]
"""Time (UTC), symbol, seq (None: any), price, size."""


@dataclass(frozen=True)
class Case:
    """`given`: the options with which the file is right.  `ticks`: what is stored then, by time and seq.

    `refused`: how many rows are not.  `without`: a part of what is said without the options (None: it is right
    without any).  `never`: no options make ticks of it.
    """

    given: tuple[str, ...] = ()
    ticks: tuple[Stored, ...] = ()
    refused: int = 0
    without: str | None = None
    never: bool = False


def day(clock: str, symbol: str, seq: int | None, price: float, size: float = 1.0) -> Stored:
    return f"2024-01-02T{clock}", symbol, seq, price, size


TABLE: Final[dict[str, Case]] = {
    "taq_ms.csv": Case(
        ("--date", "2024-01-02", *NEW_YORK),
        (day("14:30:00.123", "TQM", 1, 10), day("15:00:00.456", "TQM", 1, 11), day("20:59:59.999", "TQM", 1, 12)),
        without="say --date",
    ),
    "EQY_US_ALL_TRADE_20240102_a.txt": Case(
        (), (day("14:30:00.012345", "TAQA", 1001, 187.15, 37), day("14:30:00.512345", "TAQA", 1002, 187.16, 5))
    ),
    "compact12.csv": Case(
        UTC, (day("09:30:00", "C12", 1, 10), day("09:31:00", "C12", 1, 11)), without="say --time-zone"
    ),
    "dotnet_ticks.csv": Case(without=".NET ticks", never=True),
    "excel_serial.csv": Case(without="Excel serial day", never=True),
    "epoch0.csv": Case(without="stands for no time", never=True),
    "20240102_trade_lean.csv": Case(
        ("--preset", "lean", "--symbol", "X", *NEW_YORK),
        (day("14:30:00.123", "X", 1, 187.15, 100), day("14:30:00.456", "X", 1, 187.16, 50),
         day("20:59:59.999", "X", 1, 187.2, 10)),
        without="--preset (of 6 columns: ",
    ),
    "binance_agg_mixed.csv": Case(
        ("--preset", "binance-aggtrades", "--symbol", "B"),
        (("2024-12-31T23:59:59.999", "B", 100, 42000.1, 0.01), ("2025-01-01T00:00:00.000123", "B", 101, 42000.2, 0.02),
         ("2025-01-01T00:00:00.500123", "B", 102, 42000.3, 0.03)),
        without="binance-aggtrades",
    ),
    "epoch_and_date.csv": Case(
        (), (day("14:30:00.123", "EPD", 1, 10.5, 3), day("14:30:01.456", "EPD", 1, 10.6, 4))
    ),
    "ms_midnight.csv": Case(
        ("--time-unit", "ms", *NEW_YORK),
        (day("09:00:00.123", "MSM", 1, 10), day("10:00:05.123", "MSM", 1, 10.2), day("14:30:00.123", "MSM", 1, 11)),
        without="say --time-unit ms",
    ),
    "databento_mbp1.csv": Case(
        ("--where", "action=T"), (day("14:30:00.002123", "MBPX", 1, 476.12, 50),), without="say --where action=T"
    ),
    "taq_corr.csv": Case(
        (), (day("14:30:00.1", "CORR", 1, 10, 100), day("14:30:00.3", "CORR.B", 3, 5000, 100))
    ),
    "quandl_fut.csv": Case(without="holds bars, not ticks", never=True),
    "wrds_brk.csv": Case(
        (), (day("14:30:00.1", "BRKW.A", 1, 545000), day("14:30:00.2", "BRKW.B", 2, 358.5, 100))
    ),
    "databento_raw.csv": Case(
        (), (day("14:30:00.000123", "ESH4", 1, 4780.25, 3), day("14:30:00.000123", "ESH4", 2, 4780.5, 2),
             day("14:30:00.000123", "ESH4", 3, 4780.5, 7)), refused=1,
    ),
    "rev.csv": Case(
        (), tuple(day(f"14:30:0{second}", "REV", seq, float(f"10{second}.{seq - 1}"))
                  for second in range(4) for seq in (1, 2, 3)),
    ),
    "day1.csv": Case(
        ("--symbol", "D"), tuple(day(f"14:30:0{at}", "D", 1, 10 + at) for at in range(3)), without="or --symbol"
    ),
    "excel_de.csv": Case(
        ("--decimal", "comma", *UTC),
        (day("09:30:00", "SAPX", 1, 123.45, 1500), day("09:30:01", "SAPX", 1, 123, 1500),
         day("09:30:02", "SAPX", 1, 1234, 12), day("09:30:03", "SAPX", 1, 1234.56, 12000)),
        without="say --decimal comma",
    ),
    "dukas.csv": Case(
        ("--symbol", "EURUSD"),
        (day("00:00:00.123", "EURUSD", 1, 1.10431, 0), day("00:00:00.633", "EURUSD", 1, 1.104315, 0)),
        without="or --symbol",
    ),
    "kibot.txt": Case(
        ("--preset", "kibot", "--symbol", "K"),
        (day("14:30:00", "K", 1, 470.25, 100), day("14:30:00", "K", 2, 470.26, 300),
         ("2024-12-31T20:59:59", "K", 1, 580.26, 300)),
        without="--preset",
    ),
    "ninja_ES.txt": Case(
        ("--preset", "ninjatrader", "--symbol", "ES 03-24", *NEW_YORK),
        (day("14:30:00.123", "ES 03-24", 1, 4780.25, 3), day("14:30:00.123", "ES 03-24", 2, 4780.5, 1),
         day("14:30:01", "ES 03-24", 1, 4780.25, 2)),
        without="--preset",
    ),
    "mt5_EURUSD.csv": Case(
        ("--symbol", "EURUSD", *UTC),
        (day("00:00:01.234", "EURUSD", 1, 1.10436, 0), day("00:00:01.734", "EURUSD", 1, 1.104365, 0),
         day("00:00:02.011", "EURUSD", 1, 1.10437, 0), day("00:00:02.5", "EURUSD", 1, 1.104345, 0)),
        without="or --symbol",
    ),
    "pd_index.csv": Case(
        ("--symbol", "P"), (day("14:30:00", "P", 1, 1.5), day("14:30:00.5", "P", 1, 1.6, 2)), without="or --symbol"
    ),
    "cdd_BTCUSD_m.csv": Case(without="holds bars, not ticks below 1 title line", never=True),
    "pepe.csv": Case(
        (), (day("14:30:00", "BRKAX", 1, 621000.01, 0.001), day("14:30:00", "PEPEBTC", 1, 3.12e-11, 1e9),
             day("14:30:00", "SHIBX", 1, 0.00000812), day("14:30:01", "PEPEBTC", 1, 3.15e-11, 2500000000.5)),
    ),
    "truefx.csv": Case(
        ("--preset", "truefx"),
        (day("00:00:00.123", "EUR/USD", 1, 1.104335, 0), day("00:00:00.123", "EUR/USD", 2, 1.10434, 0),
         day("00:00:01.001", "EUR/USD", 1, 1.10432, 0)),
        without="truefx",
    ),
    "binance_trades_2025.csv": Case(
        ("--preset", "binance-trades", "--symbol", "BTCUSDT"),
        (("2025-01-01T00:00:00.010866", "BTCUSDT", 4359000001, 93576.01, 0.00012),
         ("2025-01-01T00:00:00.010866", "BTCUSDT", 4359000002, 93576.0, 0.00001),
         ("2025-01-01T00:00:00.133001", "BTCUSDT", 4359000003, 93575.99, 1.5)),
        without="binance-trades",
    ),
    "kraken_XBTUSD.csv": Case(
        ("--preset", "kraken", "--symbol", "XBT/USD"),
        (("2023-10-01T00:00:00.1234", "XBT/USD", 1, 26967.1, 0.0037186),
         ("2023-10-01T00:00:00.1234", "XBT/USD", 2, 26967.2, 0.01), ("2023-10-01T00:00:01", "XBT/USD", 1, 26966.9, 1.25)),
        without="kraken",
    ),
    "tardis_trades.csv": Case(
        (), (("2024-01-01T00:00:00.123456", "BTCUSDT_TD", 3000000001, 42283.58, 0.00042),
             ("2024-01-01T00:00:00.123456", "BTCUSDT_TD", 3000000002, 42283.57, 0.01)),
    ),
    "mixed_zones.csv": Case(
        NEW_YORK,
        (("2024-03-10T06:30:00", "MZN", 1, 4, 1), ("2024-03-10T06:59:59", "MZN", 1, 1, 1),
         ("2024-03-10T07:00:00", "MZN", 1, 2, 1), ("2024-03-10T07:30:00", "MZN", 1, 5, 1),
         ("2024-11-03T05:30:00", "MZN", 1, 7, 1), ("2024-11-03T06:30:00", "MZN", 1, 8, 1),
         ("2024-11-03T07:00:00", "MZN", 1, 9, 1)),
        refused=2, without="say --time-zone",
    ),
    "wti.csv": Case(
        ("--allow-negative",),
        tuple((f"2020-04-20T18:{minute}:00", "CLK20", 1, price, size)
              for minute, price, size in ((29, 0.01, 5), (30, -37.63, 12), (31, -40.32, 3), (32, 0, 3), (33, 1.1, 3))),
    ),
}  # fmt: skip


def stored(tickdeck: Tickdeck) -> list[Stored]:
    rows = tickdeck.rows(
        "select time at time zone 'UTC', symbol, seq, price, size from ticks order by 1, 2, 3"
    )
    return [(each[0].isoformat(), *each[1:]) for each in rows]


def expected(ticks: tuple[Stored, ...]) -> list[Stored]:
    return [(datetime.fromisoformat(each[0]).isoformat(), *each[1:]) for each in ticks]


@pytest.mark.parametrize("name", TABLE)
def test_each_file_is_stored_exactly_with_the_options_a_careful_user_gives(
    tickdeck: Tickdeck, name: str
) -> None:
    case = TABLE[name]
    ran = tickdeck("load", CASES / name, *case.given)
    if case.never:
        assert ran.code not in {0, 3}
        assert case.without is not None
        assert case.without in ran.err
    else:
        assert ran.code == (3 if case.refused else 0), ran.err
        assert f"rejected       {case.refused}" in ran.out
    assert stored(tickdeck) == expected(case.ticks)


@pytest.mark.parametrize("name", [name for name, case in TABLE.items() if case.without and not case.never])
def test_without_them_nothing_is_stored_and_the_way_out_is_told(tickdeck: Tickdeck, name: str) -> None:
    ran = tickdeck("load", CASES / name)
    assert ran.code not in {0, 3}
    assert TABLE[name].without is not None
    assert str(TABLE[name].without) in ran.err
    assert stored(tickdeck) == []


def test_a_symbol_that_is_not_in_the_file_is_told_and_one_that_is_filters(tickdeck: Tickdeck) -> None:
    ran = tickdeck("load", CASES / "multi.csv", "--symbol", "ONLYAAA")
    assert ran.code not in {0, 3}
    assert "there are AAA, BBB" in ran.err
    assert stored(tickdeck) == []
    ran = tickdeck("load", CASES / "multi.csv", "--symbol", "AAA")
    assert "1 rows left out by --symbol AAA" in ran.out
    assert stored(tickdeck) == expected((day("14:30:00", "AAA", 1, 190.5),))


def test_files_that_overlap_are_recognised(tickdeck: Tickdeck) -> None:
    for name in ("day1.csv", "month.csv"):
        assert tickdeck("load", CASES / name, "--symbol", "D").code == 0
    assert [each[3] for each in stored(tickdeck)] == [9, 10, 11, 12]


def test_repaired_rejects_are_stored_in_the_order_of_the_file(tickdeck: Tickdeck, tmp_path: Path) -> None:
    rejects = tmp_path / "refused.csv"
    assert tickdeck("load", CASES / "rj.csv", "--rejects", rejects).code == 3
    rejects.write_text(rejects.read_text(encoding="utf-8").replace("1,010", "1010"), encoding="utf-8")
    assert tickdeck("load", rejects).code == 0
    assert [each[3] for each in stored(tickdeck)] == [10.0, 1010.5, 10.2, 1010.7]


def test_newest_first_is_told_and_candles_open_with_the_oldest(tickdeck: Tickdeck) -> None:
    ran = tickdeck("load", CASES / "rev.csv")
    assert "newest first" in ran.out
    assert tickdeck.rows("select open, close from candles where symbol = 'REV' and interval = '1m'") == [
        (100.0, 103.2)
    ]


def test_the_double_hour_is_told_by_the_order_of_the_file(tickdeck: Tickdeck) -> None:
    path = CASES / "dst_naive.csv"
    ran = tickdeck("load", path, *NEW_YORK, "--ambiguous", "order")
    assert ran.code == 0, ran.out
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 150
    assert tickdeck.rows("select count(*), min(time), max(time) from ticks where symbol = 'DSN'")[0][0] == 150
    times = [each[0] for each in stored(tickdeck)]
    assert len(set(times)) == 150
    began = datetime.fromisoformat("2013-11-03T04:00:00")
    assert [(datetime.fromisoformat(each) - began).total_seconds() for each in times] == [
        600 * at for at in range(150)
    ]


def test_prices_and_times_are_exact_or_refused_for_their_own_reason(tickdeck: Tickdeck) -> None:
    ran = tickdeck("load", CASES / "prices.csv", "--json")
    assert ran.code == 3
    good = [621000.0, 0.00000812, 1e-9, 8.12e-06, 123456789.123456789, 0.1, 5.5, 0.5, 5.0, 1e30,
            12345678901234567890.12, 99999999999999999.99]  # fmt: skip
    assert [each[3] for each in stored(tickdeck)] == good
    lines = (CASES / "prices.csv").read_text(encoding="utf-8").splitlines()
    assert ran.summary["rejected"] == len(lines) - 1 - len(good)
    ran = tickdeck("load", CASES / "times.csv", "--json")
    assert ran.code == 3
    times = {each[4]: each[0] for each in stored(tickdeck) if each[1] == "TIM"}
    assert times == {
        1: "2024-01-03T00:00:00", 2: "2017-01-01T00:00:00", 3: "2024-01-02T09:00:00", 4: "2024-01-02T14:30:00.123456",
        5: "2024-01-02T14:30:00.999999", 7: "2024-01-02T14:30:00", 8: "2024-01-02T14:30:00", 9: "2024-01-02T14:30:00",
        13: "2024-01-02T09:30:00", 14: "2024-01-02T09:30:00", 16: "2024-01-02T09:30:00.500000",
        17: "2024-01-02T09:30:00", 22: "2024-01-02T09:30:00",
        23: "2024-01-02T09:30:00", 24: "2024-01-02T09:30:00", 28: "2024-01-02T09:30:00", 29: "2024-01-02T09:30:00",
    }  # fmt: skip


def test_symbols_stay_as_they_are_written(tickdeck: Tickdeck) -> None:
    with (CASES / "symbols.csv").open(encoding="utf-8", newline="") as file:
        symbols = [row["symbol"] for row in csv.DictReader(file)]
    ran = tickdeck("load", CASES / "symbols.csv")
    assert ran.code == 3
    assert [each[1] for each in stored(tickdeck)] == [each for each in symbols if each]


def test_a_rejects_file_never_replaces_the_file_that_is_read(tickdeck: Tickdeck, tmp_path: Path) -> None:
    path = tmp_path / "self.csv"
    path.write_bytes((CASES / "self.csv").read_bytes())
    for rejects in (path, tmp_path / "link.csv"):
        if rejects != path:
            rejects.symlink_to(path)
        ran = tickdeck("load", path, "--rejects", rejects)
        assert ran.code not in {0, 3}
        assert stored(tickdeck) == []
    assert path.read_bytes() == (CASES / "self.csv").read_bytes()


def test_nothing_of_a_damaged_member_is_kept_and_its_place_is_told(tickdeck: Tickdeck) -> None:
    ran = tickdeck("load", CASES / "flip.csv.gz")
    assert ran.code not in {0, 3}
    assert "its gzip data are damaged in member" in ran.err
    assert {each[3] for each in stored(tickdeck)} <= {100.25}, "a price that a flipped byte made"
    assert "between bytes" in ran.err


def test_lines_that_end_in_cr_are_read(tickdeck: Tickdeck) -> None:
    assert tickdeck("load", CASES / "cr_only.csv").code == 0
    assert stored(tickdeck) == expected((day("14:30:00", "CRO", 1, 1.5), day("14:30:01", "CRO", 1, 1.6)))


def test_parquet_is_read_as_the_csv_of_its_rows(tickdeck: Tickdeck) -> None:
    pytest.importorskip("pyarrow")
    assert tickdeck("load", CASES / "t.parquet").code == 0
    assert stored(tickdeck) == expected(
        (day("14:30:00.123456", "PQ", 1, 1.5), day("14:30:01", "PQ", 1, 1.6, 2))
    )


OPTION: Final = re.compile(
    r"--[a-z-]+(?: '[^']+'| (?!and\b|or\b|with\b|for\b|out\b|where\b|if\b)[A-Za-z0-9_.,=%/:-]+)?"
)


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.glob("*.*")) if CASES.exists() else [])
def test_advice_never_leads_to_wrong_data(tickdeck: Tickdeck, name: str) -> None:
    case = TABLE.get(name)
    if case is None:
        pytest.skip("has a test of its own")
    right = {(time, price, size) for time, _, _, price, size in expected(case.ticks)}
    given: list[str] = []
    for _ in range(6):
        ran = tickdeck("load", CASES / name, *given)
        wrong = {(each[0], each[3], each[4]) for each in stored(tickdeck)} - right
        assert not wrong, (given, wrong)
        advised = [part for text in OPTION.findall(ran.err) for part in [shlex.split(text)] if len(part) == 2]
        fresh = [
            part
            for part in advised
            if part[0] not in given and "COLUMN" not in part[1] and "NAME" not in part[1]
        ]
        if not fresh:
            break
        given += [part for pair in fresh for part in pair]
