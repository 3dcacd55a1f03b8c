"""Files as spreadsheets, brokers and other countries write them: right, or refused with advice that leads to right data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.types import concat, from_us
from tickdeck.feeds.base import FeedBatch
from tickdeck.feeds.csv.options import parse_options
from tickdeck.feeds.csv.reader import CsvReader
from tickdeck.feeds.errors import FileError

HEAD: Final = "time,symbol,price,size"
UTC: Final = {"time_zone": "UTC"}


@dataclass(frozen=True)
class Case:
    """A file and `options`.  `advice`: a part of what is said.  `followed`: the options that it leads to, `repaired` the
    text; then the ticks are `ticks`: time of day, price, size.
    """

    text: str
    options: dict[str, Any] = field(default_factory=dict)
    advice: str = ""
    followed: dict[str, Any] | None = None
    repaired: str | None = None
    ticks: tuple[tuple[str, float, float], ...] = ()


def rows(*cells: str, head: str = HEAD) -> str:
    """Trades of A a second apart, each `price,size` and what follows."""
    lines = [f"2024-01-02T12:00:0{at}Z,A,{each}" for at, each in enumerate(cells)]
    return "\n".join([head, *lines, ""])


def clocks(*times: str, head: str = HEAD) -> str:
    """Trades of A at these times, at prices 1, 2, …"""
    return "\n".join([head, *(f"{each},A,{at},1" for at, each in enumerate(times, start=1)), ""])


ONE: Final = (("12:00:00", 1.0, 1.0),)
TWO: Final = (("12:00:00", 45.12, 1.0), ("12:00:01", 45.13, 1.0))

CASES: Final[dict[str, Case]] = {
    "a currency's mark": Case(rows("$45.12,1", "$45.13,1"), {}, "say --unit-mark '$'", {"unit_mark": "$"}, ticks=TWO),
    "a mark before thousands": Case(
        rows('"$1,045.12",1'), {"unit_mark": "$"}, "say --decimal point", {"unit_mark": "$", "decimal": "point"},
        ticks=(("12:00:00", 1045.12, 1),),
    ),
    "pence": Case(rows("612.4p,1"), {}, "say --unit-mark 'p'", {"unit_mark": "p"}, ticks=(("12:00:00", 612.4, 1),)),
    "a mark behind a decimal comma": Case(
        rows("45,12 €;1", "45,13 €;1", head=HEAD.replace(",", ";")).replace("Z,A,", "Z;A;"), {"unit_mark": "€"},
        "say --decimal comma", {"unit_mark": "€", "decimal": "comma"}, ticks=TWO,
    ),
    "one price of another unit": Case(rows("$45.12,1", "45.13,1"), {"unit_mark": "$"}, "has no '$', as others have"),
    "a rounded size": Case(rows("45.12,1.2K"), {}, "it is rounded"),
    "32nds": Case(rows("109-16,1"), {}, "32nds of bonds"),
    "fractions": Case(rows("45 1/8,1"), {}, "fractions are not read"),
    "a percentage": Case(rows("45.12%,1"), {}, "a percentage"),
    "a negative of accounts": Case(rows("(45.12),1"), {"allow_negative": True}, "write its minus in front"),
    "the minus of typography": Case(rows("\u22123.5,1"), {"allow_negative": True}, ticks=(("12:00:00", -3.5, 1),)),
    "blanks of another width around": Case(rows("\u00a045.12\u202f,1"), ticks=TWO[:1]),
    "groups as in India": Case(rows('"1,23,456.70",1'), {"decimal": "point"}, ticks=(("12:00:00", 123456.7, 1),)),
    "a comma of either kind": Case(
        rows("45,123;1", head=HEAD.replace(",", ";")).replace("Z,A,", "Z;A;"), {}, "--decimal comma", {"decimal": "comma"},
        ticks=(("12:00:00", 45.123, 1),),
    ),
    "a point of either kind": Case(
        rows("45.123;1.500", "45.124;2.000", head=HEAD.replace(",", ";")).replace("Z,A,", "Z;A;"), {},
        "say --decimal point or comma", {"decimal": "comma"}, ticks=(("12:00:00", 45123, 1500), ("12:00:01", 45124, 2000)),
    ),
    "a dash for nothing": Case(rows("45.12,1,-,--", head=f"{HEAD},bid,ask"), ticks=TWO[:1]),
    "formulas for a spreadsheet": Case('time,symbol,price,size\n="2024-01-02T12:00:00Z",="A",="1",="1"\n', {}, "sed -E"),
    "cents among dollars": Case(rows("45.12,1", "4513,1", "45.14,1"), {}, "may be of another unit, such as cents"),
    "prices of 1e-9": Case(rows("187150000000,1"), {}, "say --price-scale", {"price_scale": "1000000000"}, ticks=(("12:00:00", 187.15, 1),)),
    "dates that a spreadsheet swapped": Case(
        clocks(*(f"{day} 12:00:00" for day in ("2024-01-12", "2024-02-12", "13/12/2024", "14/12/2024"))), UTC,
        "a spreadsheet took days for months",
    ),
    "years of two digits first": Case(
        clocks("24-01-02 12:00:00"), UTC, "or '%y-%m-%d %H:%M:%S'", {**UTC, "time_format": "%y-%m-%d %H:%M:%S"}, ticks=ONE,
    ),
    "AM and PM behind a date": Case(
        clocks("01/13/2024 12:00:00 PM"), UTC, "'%m/%d/%Y %I:%M:%S %p'", {**UTC, "time_format": "%m/%d/%Y %I:%M:%S %p"}, ticks=ONE,
    ),
    "an offset behind a date": Case(
        clocks("13.01.2024 13:00:00.000 GMT+0100"), {}, "'%d.%m.%Y %H:%M:%S.%f GMT%z'",
        {"time_format": "%d.%m.%Y %H:%M:%S.%f GMT%z"}, ticks=ONE,
    ),
    "AM and PM in a column": Case(
        clocks("2024-01-02 09:30:00").replace("size\n", "size,ampm\n").replace(",1,1\n", ",1,1,PM\n"), UTC, "join it to the time",
    ),
    "milliseconds without zeros in front": Case(
        clocks("2024-01-02 12:00:00.9", "2024-01-02 12:00:00.10", "2024-01-02 12:00:00.11"), UTC, "without zeros in front",
    ),
    "prices whose decimals are in a column": Case(
        rows("4512,1,2", head=f"{HEAD},price_decimals"), {}, "say --price-scale", {"price_scale": "100"}, ticks=(("12:00:00", 45.12, 1),),
    ),
    "cents among dollars, late": Case(rows(*["45.12,1"] * 9) + "".join("2024-01-02T12:01:00Z,A,4513,1\n" for _ in range(1500)), {}, "such as cents"),
    "what is no trade by a flag": Case(rows("1,1,0", "2,1,1", head=f"{HEAD},is_quote"), {}, "does not stand", ticks=ONE),
    "what is a trade by a flag": Case(rows("1,1,1", "2,1,0", head=f"{HEAD},is_trade"), {}, "is no trade", ticks=ONE),
    "cancels by another word": Case(rows("1,1,AT", "2,1,OTC CANCEL", head=f"{HEAD},trade_type"), {}, "has rows that are no trades"),
    "hours up to 12 of one symbol behind another": Case(
        clocks(*(f"2024-01-02 {hour}:30:00" for hour in ("01", "12"))) + "2024-01-02 01:30:00,B,3,1\n", UTC,
        ticks=(("01:30:00", 1, 1), ("12:30:00", 2, 1), ("01:30:00", 3, 1)),
    ),
    "p.m.": Case(clocks("2024-01-02 12:00:00 p.m."), UTC, ticks=ONE),
    "AM and PM that were lost": Case(clocks("2024-01-02 11:59:58", "2024-01-02 12:59:59", "2024-01-02 01:00:00"), UTC, "AM and PM were lost"),
    "hours that were lost": Case(clocks("59:59.1"), {**UTC, "date": "2024-01-02"}, "has lost its hour"),
    "a zone that could be several": Case(
        clocks("2024-01-02 13:00:00 CET"), {}, "with CET in the format",
        {"time_format": "%Y-%m-%d %H:%M:%S CET", "time_zone": "Europe/Berlin"}, ticks=ONE,
    ),
    "a zone in a column": Case(
        clocks("2024-01-02 13:00:00").replace("size\n", "size,timezone\n").replace(",1,1\n", ",1,1,CET\n"), UTC,
        "which has CET: say --time-zone", {"time_zone": "Europe/Berlin"}, ticks=ONE,
    ),
    "an offset in a column": Case(
        clocks("2024-01-02 07:00:00").replace("size\n", "size,GMT Offset\n").replace(",1,1\n", ",1,1,-5\n"), UTC,
        "which has -5", {"time_zone": "America/New_York"}, ticks=ONE,
    ),
    "a zone in the column's name": Case(
        clocks("2024-01-02 14:00:00", head="Time (EET),symbol,price,size"), {**UTC, "columns": "time=Time (EET)"},
        "is in EET by its name", {"time_zone": "Europe/Athens", "columns": "time=Time (EET)"}, ticks=ONE,
    ),
    "a clock without its first zero": Case(
        clocks("93000", "120000"), {**UTC, "date": "2024-01-02"}, "say --time-format %H%M%S",
        {**UTC, "date": "2024-01-02", "time_format": "%H%M%S"}, ticks=(("09:30:00", 1, 1), ("12:00:00", 2, 1)),
    ),
    "a day's end in a file of two rows": Case(clocks("23:59:59", "00:00:01"), {**UTC, "date": "2024-01-02"}, "begin anew"),
    "another order of the file's own names": Case(
        "time,symbol,kurs,stueck\n2024-01-02T12:00:00Z,A,1,2\ntime,symbol,stueck,kurs\n2024-01-02T12:00:01Z,A,2,1\n",
        {"columns": "price=kurs,size=stueck"}, "another header follows",
    ),
    "a header of another language": Case(rows("1,1") + "Zeit,Papier,Menge,Kurs\n2024-01-02T12:00:01Z,A,2,1\n", {}, "another header follows"),
    "a note of several lines, one of which looks like a row": Case(
        HEAD + ',note\n2024-01-02T12:00:00Z,A,1,1,"see\n2024-01-02T12:00:01Z,A,99,1,x"\n2024-01-02T12:00:02Z,A,2,1,y\n',
        ticks=(("12:00:00", 1, 1), ("12:00:02", 2, 1)),
    ),
    "a quote too many": Case(
        HEAD + ',note\n2024-01-02T12:00:00Z,A,1,1,"5 inch\n2024-01-02T12:00:01Z,A,2,1,x\n2024-01-02T12:00:02Z,A,3,1,y\n', {},
        "quoted field", ticks=(("12:00:01", 2, 1), ("12:00:02", 3, 1)),
    ),
    "byte order marks within": Case("\ufeff\ufeff" + rows("1,1") + "\ufeff2024-01-02T12:00:01Z,A,2,1\n", ticks=(("12:00:00", 1, 1), ("12:00:01", 2, 1))),
    "another delimiter below the header": Case(f"{HEAD}\n2024-01-02T12:00:00Z;A;1;1\n", {}, "its rows are separated by ';'", {},
        f"{HEAD.replace(',', ';')}\n2024-01-02T12:00:00Z;A;1;1\n", ONE),
    "lines in quotes": Case(f'"{HEAD}"\n"2024-01-02T12:00:00Z,A,1,1"\n', {}, "each line is one quoted field", {}, rows("1,1"), ONE),
    "fields in single quotes": Case("'time','symbol','price','size'\n'2024-01-02T12:00:00Z','A','1','1'\n", {}, "is in single quotes"),
    "levels of a book": Case(rows("1,1,1", "1.1,1,2", head=f"{HEAD},level"), {}, "holds the levels of a book"),
    "orders with what was filled": Case(
        rows("1,10,4", head="time,symbol,price,qty,filled"), {}, "rows may be orders", {"columns": "size=filled"}, ticks=(("12:00:00", 1, 4),),
    ),
    "values within an object": Case('{"data":{"time":"2024-01-02T12:00:00Z","symbol":"A","price":1,"size":1}}\n', {}, "jq -c '. + .data | del(.data)'", {},
        '{"time":"2024-01-02T12:00:00Z","symbol":"A","price":1,"size":1}\n', ONE),
    "objects with commas behind": Case('{"time":"2024-01-02T12:00:00Z","symbol":"A","price":1,"size":1},\n', ticks=ONE),
    "arrays": Case("[1704196800123,1,1]\n[1704196800124,1,1]\n", {}, "jq -r '@csv'"),
    "a midnight behind each date": Case(
        "date,time,symbol,price,size\n2024-01-02 00:00:00,12:00:00,A,1,1\n2024-01-03 00:00:00,12:00:01,A,2,1\n", UTC,
        ticks=(("12:00:00", 1, 1), ("12:00:01", 2, 1)),
    ),
    "no date before the time of day": Case(
        "date,time,symbol,price,size\n2024-01-02,1970-01-01 12:00:00,A,1,1\n", UTC, "say --time-format '1970-01-01 %H:%M:%S'",
        {**UTC, "time_format": "1970-01-01 %H:%M:%S"}, ticks=ONE,
    ),
    "Excel's no date before the time of day": Case(
        "date,time,symbol,price,size\n2024-01-02,1899-12-30 12:00:00.5,A,1,1\n", UTC, "say --time-format '1899-12-30 %H:%M:%S.%f'",
        {**UTC, "time_format": "1899-12-30 %H:%M:%S.%f"}, ticks=ONE,
    ),
    "two dates, of which one is another's": Case(
        "trade_date,time,symbol,price,size\n2023-01-05,2024-01-02 12:00:00,A,1,1\n", UTC, "say --map date=", {**UTC, "columns": "date="}, ticks=ONE,
    ),
    "the date of the next session": Case("trade_date,time,symbol,price,size\n2024-01-05,2024-01-02 12:00:00,A,1,1\n", UTC, ticks=ONE),
    "milliseconds without zeros behind a colon": Case(clocks("2024-01-02 12:00:00:5", "2024-01-02 12:00:00:50"), UTC, "without zeros in front"),
    "hours from UTC beside a time in UTC": Case(
        "#RIC,Date[G],Time[G],GMT Offset,Type,Price,Volume\nA,02-JAN-2024,12:00:00.123,-5,Trade,1,1\n", ticks=ONE,
    ),
    "minutes from UTC": Case("time,tz_offset,symbol,price,size\n2024-01-02 07:00:00,-300,A,1,1\n", {"time_zone": "America/New_York"}, ticks=ONE),
    "seconds from UTC": Case("time,gmtoffset,symbol,price,size\n2024-01-02 07:00:00,-18000,A,1,1\n", {"time_zone": "America/New_York"}, ticks=ONE),
    "minutes from UTC of another zone": Case("time,tz_offset,symbol,price,size\n2024-01-02 07:00:00,-300,A,1,1\n", UTC, "say --time-zone"),
    "thin blanks between thousands": Case(rows("1\u2009234.5,1\u2007000"), ticks=(("12:00:00", 1234.5, 1000),)),
    "a limit beside the price": Case(
        rows("2,1,1", head="time,symbol,price,last_price,size"), {}, "say --map price=COLUMN", {"columns": "price=last_price"}, ticks=ONE,
    ),
    "the price twice": Case(rows("1,1.0,1", head="time,symbol,price,last_price,size"), ticks=ONE),
    "sizes called s": Case(
        '{"t":"2024-01-02T12:00:00Z","p":1,"s":1,"v":7}\n', {}, "say --map size=s", {"columns": "size=s", "symbol": "A"}, ticks=ONE,
    ),
    "spreads in 1e-9": Case(rows("500000000,1", "25000000,1"), {}, "say --price-scale", {"price_scale": "1000000000"},
        ticks=(("12:00:00", 0.5, 1), ("12:00:01", 0.025, 1))),
    "columns set apart by 0x01": Case(rows("1,1").replace(",", "\x01"), {}, "tr '\\001' '\\t'", {}, rows("1,1").replace(",", "\t"), ONE),
    "two times that were floats of 32 bits": Case(clocks("1704196864", "1704197120"), {}, "floats of 32 bits"),
}  # fmt: skip


def read(folder: Path, text: str, options: dict[str, Any]) -> tuple[list[tuple[str, float, float]], str]:
    """The ticks, and what is said of the rest."""
    path = folder / "trades.csv"
    path.write_text(text, encoding="utf-8", newline="")
    batches: list[FeedBatch] = []
    fault = ""
    try:
        batches += CsvReader(path, parse_options(**options), corrections=True)
    except FileError as exc:
        fault = str(exc)
    said = [reject.reason for batch in batches for reject in batch.rejects]
    ticks = concat([batch.ticks for batch in batches]) if batches else None
    times = [] if ticks is None else [f"{from_us(int(each)):%H:%M:%S}" for each in ticks.time_us]
    return (
        [] if ticks is None else list(zip(times, ticks.price.tolist(), ticks.size.tolist(), strict=True)),
        "\n".join([*said, fault]).strip(),
    )


@pytest.mark.parametrize("name", CASES)
def test_it_is_read_right_or_the_advice_leads_there(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    ticks, said = read(tmp_path, case.text, case.options)
    assert case.advice in said
    assert bool(said) == bool(case.advice)
    if case.followed is not None:
        text = case.text if case.repaired is None else case.repaired
        ticks, said = read(tmp_path, text, case.followed)
        assert said == ""
    if case.ticks:
        assert ticks == list(case.ticks)


def test_a_quoted_field_goes_on_in_the_next_block(tmp_path: Path) -> None:
    line = "2024-01-02T12:00:00Z,A,1,1,x\n"
    # A block ends within the field, wherever that is.
    many = (1 << 20) // len(line) + 1
    text = (
        f"{HEAD},note\n" + line * (many - 5) + '2024-01-02T12:00:01Z,A,2,1,"' + "y\n" * 80 + 'z"\n' + line * 5
    )
    ticks, said = read(tmp_path, text, {})
    assert (len(ticks), said) == (many + 1, "")
    assert ticks[many - 5] == ("12:00:01", 2, 1)


def test_a_mark_that_makes_another_number_is_none() -> None:
    for mark in ("K", "%", "3", "", "-"):
        with pytest.raises(ConfigurationError, match="--unit-mark"):
            parse_options(unit_mark=mark)


def test_the_side_that_waited_is_turned_round(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    path.write_text(rows("1,1,buy", "1,1,sell", head=f"{HEAD},maker_side"))
    (batch,) = CsvReader(path, parse_options(columns="side=maker_side"))
    assert batch.ticks.side is not None
    assert batch.ticks.side.tolist() == [-1, 1]


def test_an_export_s_seq_is_that_of_the_ticks_whatever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    lines = [f"2024-01-02T12:00:0{at}Z,A,0,1,1,,,,," for at in range(6)]
    path.write_text("\n".join(["time,symbol,seq,price,size,bid,ask,exchange,conditions,side", *lines, ""]))
    (batch,) = CsvReader(path, parse_options())
    assert batch.ticks.seq.tolist() == [0] * 6
