"""Files as brokers, spreadsheets, terminals and exchanges leave them: each is right, or refused with why and what helps."""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.feeding import Tickdeck
from tickdeck.db.market.types import from_us
from tickdeck.feeds.csv.options import parse_options
from tickdeck.feeds.csv.reader import CsvReader
from tickdeck.feeds.errors import FileError

HEAD = "time,symbol,price,size\n"


def at(second: int) -> str:
    return f"2024-01-02T14:30:{second:02d}Z"


def rows(*ends: str, head: str = HEAD) -> str:
    """A trade a second: what follows the time and the symbol A."""
    return head + "".join(f"{at(n)},A,{end}\n" for n, end in enumerate(ends))


def zipped(members: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return made.getvalue()


QUOTES = "time,symbol,bid,ask\n"
# What is in the file, the options, the prices that come out, and a part of why the rest does not.
ODD: dict[str, tuple[str | bytes, dict[str, Any], list[float], str]] = {
    "Japanese broker": ("約定日時,銘柄,約定単価,約定数量\n2024/01/04 09:00:00,7203,2590.5,100\n", {"time_zone": "Asia/Tokyo"}, [],
                        "say --map time=COLUMN"),
    "the same, said": ("約定日時,銘柄,約定単価,約定数量\n2024/01/04 09:00:00,7203,2590.5,100\n", {
        "time_zone": "Asia/Tokyo", "columns": "time=約定日時,symbol=銘柄,price=約定単価,size=約定数量"}, [2590.5], ""),
    "German broker": ("Datum;Zeit;Kurs;Stück\n02.01.2024;09:00:00;1.234,50;1.500\n", {
        "symbol": "SAP", "time_zone": "Europe/Berlin", "decimal": "comma", "time_format": "%d.%m.%Y",
        "columns": "date=Datum,time=Zeit,price=Kurs,size=Stück"}, [1234.5], ""),
    "thin blanks": ("time;symbol;price;size\n" + at(0) + ";A;12\u202f345,5;1\u202f000\n", {"decimal": "comma"}, [12345.5], ""),
    "apostrophes": ("time;symbol;price;size\n" + at(0) + ";A;12'345.5;1'000\n", {}, [12345.5], ""),
    "ids of a spreadsheet": (rows("10,1,1.23457E+15", "10,2,1.23457E+15", head="time,symbol,price,size,trade_id\n"), {}, [10, 10], ""),
    "ids above 2^63": (rows("10,1,18446744073709551615", head="time,symbol,price,size,id\n"), {}, [10], ""),
    "hexadecimal ids": (rows("10,1,0x1f", "11,1,0x20", head="time,symbol,price,size,id\n"), {}, [10, 11], ""),
    "some of them look decimal": (rows("10,1,1f", "11,1,20", "12,1,21", head="time,symbol,price,size,id\n"), {}, [11, 12],
                                  "--map seq="),
    "days of a spreadsheet": (HEAD + "45293.6041667,A,10,1\n", {}, [], "Excel serial day"),
    "errors of a spreadsheet": (rows("#REF!,1", "#DIV/0!,1", "10,#N/A", "11,1"), {}, [11], "is no number"),
    "formulas": (HEAD + '"=""' + at(0) + '""",A,10,1\n', {}, [], "as a formula"),
    "a total below": (rows("10,1", "11,2") + "Total,,,3\n", {}, [10, 11], "'Total' is no ISO 8601 time"),
    "a comment below": (rows("10,1") + "# end of file\n", {}, [10], "has 1 fields"),
    "a row of units": (HEAD + "UTC,,USD,shares\n" + rows("10,1", head=""), {}, [10], "'UTC' is no ISO 8601 time"),
    "two header lines": ("time,symbol,trade,trade\n,,price,size\n" + at(0) + ",A,10,1\n", {}, [], "say --map price="),
    "a name twice": (rows("10,11,1", head="time,symbol,price,price,size\n"), {}, [], "names columns twice"),
    "psql": (" time | symbol | price | size \n-----+---+---+---\n 2024-01-02 14:30:00+00 | A | 10 | 1\n(1 row)\n", {}, [10],
             "has 1 fields"),
    "Markdown": ("| time | symbol | price | size |\n|---|---|---|---|\n| " + at(0) + " | A | 10 | 1 |\n", {}, [10], "'---'"),
    "notes of several lines": ("time,symbol,price,size,note\n" + at(0) + ',A,10,1,"a\nb"\n' + at(1) + ",A,11,1,x\n", {}, [10, 11], ""),
    "line ends of three kinds": (HEAD + at(0) + ",A,10,1\r\n" + at(1) + ",A,11,1\r" + at(2) + ",A,12,1\n", {}, [10], "has 7 fields"),
    "NUL at the end": ((rows("10,1")).encode() + bytes(4096), {}, [10], "NUL"),
    "EST": (HEAD + "2024-01-02 09:30:00 EST,A,10,1\n", {}, [10], ""),
    "CST": (HEAD + "2024-01-02 09:30:00 CST,A,10,1\n", {}, [], "could be several"),
    "p. m.": (HEAD + "2024-01-02 01:30:00 오후,A,10,1\n", {"time_zone": "Asia/Seoul"}, [], "say --time-format"),
    "years of two digits": (HEAD + "24-01-02 09:30:00,A,10,1\n", {"time_zone": "UTC"}, [], "--time-format '%d-%m-%y"),
    "mail's dates": (HEAD + '"Tue, 02 Jan 2024 14:30:00 GMT",A,10,1\n', {}, [], "say --time-format"),
    "mail's dates, said": (HEAD + '"Tue, 02 Jan 2024 14:30:00 GMT",A,10,1\n', {
        "time_zone": "UTC", "time_format": "%a, %d %b %Y %H:%M:%S GMT"}, [10], ""),
    "epoch with exponent": (HEAD + "1.704205800123E+12,A,10,1\n", {}, [10], ""),
    "rounded epoch": (HEAD + "1.7042E+09,A,10,1\n", {}, [], "has lost its last 5 digits"),
    "epoch below 0": (HEAD + "-1704205800,A,10,1\n", {}, [], "no time from 1990 to tomorrow"),
    "nothing as 1970": (HEAD + "1970-01-01T00:00:00Z,A,10,1\n" + at(0) + ",A,11,1\n", {}, [11], "stands for no time"),
    "milliseconds late": (HEAD + "".join(f"{1704205800 + n},A,10,1\n" for n in range(1200)) + "1704255800123,A,11,1\n", {}, [10] * 1200,
                          "looks like milliseconds"),
    "a skipped hour": (HEAD + "2024-03-10 02:30:00,A,10,1\n2024-03-10 03:30:00,A,11,1\n", {"time_zone": "America/New_York"}, [11],
                       "was skipped"),
    "eighths": (rows("101 1/8,1", "101,1"), {}, [101], "fractions are not read"),
    "32nds": (rows("119-165,1", "101,1"), {}, [101], "32nds"),
    "dollars": (rows("$10.5,1", "$11,2"), {}, [], "--unit-mark '$'"),
    "dollars, said": (rows("$10.5,1", "$11,2"), {"unit_mark": "$"}, [10.5, 11], ""),
    "words for none": (rows("None,1", "null,1", "-,1", "N/A,1", "10,nan", "11,1"), {}, [11], "is no number"),
    "thousands as K": (rows("10,1.2K", "10,3"), {}, [10], "it is rounded"),
    "no size": (rows("10,0", "11,1"), {}, [10, 11], ""),
    "in parentheses": (rows("(10.5),1", "11,1"), {}, [11], "write its minus in front"),
    "a percentage": (rows("10%,1", "11,1"), {}, [11], "neither a price nor a size"),
    "digits of another script": (rows("\uff11\uff10,1", "11,1"), {}, [11], "is no number"),
    "-1 for none": (rows("-1,0", "11,1"), {}, [11], "is not above zero"),
    "bids alone": (rows("10", head="time,symbol,bid\n"), {}, [], "or both bid and ask"),
    "nobody offers": (rows("10,99999.99", "10,11", "10,199999.99", head=QUOTES), {}, [10.5], "stands for no ask"),
    "nobody offers, taken": (rows("10,99999.99", head=QUOTES), {"all_rows": True}, [50004.995], ""),
    "an option's wide quote": (rows("0.01,5", head=QUOTES), {}, [2.505], ""),
    "no quote": (rows("0,0", "10,11", head=QUOTES), {}, [10.5], "no mid"),
    "crossed": (rows("11,10", head=QUOTES), {}, [10.5], ""),
    "a book": (rows("10,1,11,2", head="time,symbol,bid1,bidsize1,ask1,asksize1\n"), {}, [], "say --map price="),
    "bars": (rows("10,11,9,10,100", head="time,symbol,open,high,low,close,volume\n"), {}, [], "holds bars"),
    "a quote far below": ("time,symbol,price,size,type\n" + "".join(f"{at(n % 60)},A,10,1,trade\n" for n in range(1200)) + at(0) +
                         ",A,11,1,quote\n", {}, [], "--where type=trade"),
    "cancelled far below": ("time,symbol,price,size,cancelled\n" + "".join(f"{at(n % 60)},A,10,1,0\n" for n in range(1200)) + at(0) +
                            ",A,11,1,1\n", {}, [10] * 1200, "does not stand"),
    "states": (rows("10,1,FILLED", "11,1,CANCELLED", head="time,symbol,price,size,status\n"), {}, [], "--where status=FILLED"),
    "one's own fills": ("Date/Time,Symbol,Action,Quantity,Price\n2024-01-02 09:30:00,AAPL,BUY,100,187.15\n", {
        "time_zone": "America/New_York"}, [], "--where Action="),
    "invisible letters": (HEAD + at(0) + ",\u202eA,10,1\n" + at(1) + ",A\u200b,10,1\n" + at(2) + ",A,11,1\n", {}, [11],
                          "control character"),
    "single quotes": ("'time','symbol','price','size'\n'" + at(0) + "','A','10','1'\n", {}, [], "in single quotes"),
    "aligned by blanks": ("time                 symbol price size\n" + at(0) + "  A      10    1\n", {}, [], "tr -s"),
    "EBCDIC": (rows("10,1").encode("cp037"), {}, [], "no UTF-8 text"),
    "UTF-16 without a mark": (rows("10,1").encode("utf-16-le"), {}, [10], ""),
    "two members": (gzip.compress(rows("10,1").encode()) + gzip.compress(rows("11,1").encode()), {}, [10, 11], ""),
    "packed twice": (gzip.compress(gzip.compress(rows("10,1").encode())), {}, [], "is compressed once more"),
    "a page of an error": ("<!DOCTYPE html><html><body>404</body></html>", {}, [], "an HTML page"),
    "a pointer": ("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", {}, [], "Git LFS"),
    "an answer of an error": ('{"error":"rate limit","code":429}', {}, [], "no such column among error, code"),
    "an array": (json.dumps([{"time": at(0), "symbol": "A", "price": 10, "size": 1}]), {}, [], "jq -c '.[]'"),
    "keys that change": ((f'{{"time":"{at(0)}","symbol":"A","price":10,"size":1}}\n{{"size":2,"price":11,"symbol":"A","time":"{at(1)}","x":1}}\n'
                         f'{{"time":"{at(2)}","symbol":"A","price":12}}\n'), {}, [10, 11], "size is empty"),
    "a level down": (f'{{"time":"{at(0)}","symbol":"A","trade":{{"price":10,"size":1}}}}\n', {}, [], "jq -c '. + .trade | del(.trade)'"),
    "rows a level down": (f'{{"symbol":"A","trades":[{{"time":"{at(0)}","price":10,"size":1}}]}}\n', {}, [], "jq -c '.trades[]'"),
    "lists as columns": (json.dumps({"time": [at(0)], "symbol": ["A"], "price": [10]}), {}, [], "a list of values for each of"),
    "deeper": ('{"error":[],"result":{"XXBTZUSD":[["42000.1","0.1",1704205800.1]]}}', {}, [], "deeper than one level"),
    "10,000 columns": (",".join(["time,symbol,price,size", *(f"c{n}" for n in range(10_000))]) + "\n" +
                       ",".join([f"{at(0)},A,10,1", *["0"] * 10_000]) + "\n", {}, [10], ""),
    "a line of 2 MB": (rows("10,1", "11,1" + " " * 2_000_000), {}, [10], "is too long"),
    "hundredths of a second": (HEAD + "170420580012,A,10,1\n", {}, [], "write a zero behind each, which makes milliseconds"),
    "hundredths, or a clock of that day": (HEAD + "170420580012,A,10,1\n", {"date": "2024-01-02", "time_zone": "UTC"}, [],
                                           "looks like hundredths of a second"),
    "a clock of another day": (HEAD + "170420580012,A,10,1\n", {"date": "2024-02-02", "time_zone": "UTC"}, [10], ""),
    "hundredths, with the zero": (HEAD + "1704205800120,A,10,1\n", {}, [10], ""),
    "tenths, or microseconds since midnight": (HEAD + "17042058001,A,10,1\n", {}, [], "(--time-unit us and a date), or tenths"),
    "100 ns": (HEAD + "17042058001234567,A,10,1\n", {}, [], "write two zeros behind each, which makes nanoseconds"),
    "since 2000, or of 1994": (HEAD + "757521000125000000,A,10,1\n", {}, [], "the first needs --time-unit ns"),
    "of 1994": (HEAD + "757521000125000000,A,10,1\n", {"time_unit": "ns"}, [10], ""),
    "since 1900": (HEAD + "3913194600,A,10,1\n", {}, [], "take 2208988800 off each"),
    "of 1985": (HEAD + "473385600,A,10,1\n", {}, [], "(where it is one: say --time-unit)"),
    "since midnight of no day": (HEAD + "52200123,A,10,1\n", {"time_unit": "ms"}, [], "say --date"),
    "a session's date": ("date,time,symbol,price,size\n20240103,17:00:00,A,10,1\n20240103,23:59:59,A,11,1\n20240103,00:00:01,A,12,1\n", {
        "time_zone": "America/Chicago"}, [], "go from 23:59 to 00:00 on one date"),
    "two days, two symbols": (("date,time,symbol,price,size\n20240103,00:00:01,A,10,1\n20240103,23:59:59,A,11,1\n20240104,00:00:01,A,12,1\n"
                               "20240103,00:00:01,B,13,1\n"), {"time_zone": "UTC"}, [10, 11, 12, 13], ""),
    "carriage returns": (rows("10,1").replace("\n", "\r\r\n"), {}, [], "tr -d '\\r'"),
    "carriage returns in front": (rows("10,1").replace("\n", "\n\r"), {}, [], "tr -d '\\r'"),
    "each minute": (HEAD.replace("size", "volume") + "".join(f"2024-01-02T14:{n:02d}:00Z,A,10,1\n" for n in range(30)), {}, [], "at a full minute"),
    "to the minute": (HEAD.replace("size", "volume") + "".join(f"2024-01-02T14:{n // 2:02d}:00Z,A,10,1\n" for n in range(30)), {}, [10] * 30, ""),
    "bars of one price": (rows("10,1,7", "11,1,9", head="time,symbol,price,size,num_trades\n"), {}, [], "counts up to 9 trades"),
    "a count of one": (rows("10,1,1", "11,1,1", head="time,symbol,price,size,num_trades\n"), {}, [10, 11], ""),
    "closes": (rows("10,1", head="time,symbol,close,size\n"), {"columns": "price=close"}, [], "the price of a bar"),
    "German bars": ("Datum;Hoch;Tief;Schluss;Stück\n" + at(0) + ";11;9;10;1\n", {"columns": "time=Datum,price=Schluss,size=Stück"}, [],
                    "holds bars"),
    "Chinese bars": ("时间,最高价,最低价,收盘价,成交量\n" + at(0) + ",11,9,10,1\n", {"columns": "time=时间,price=收盘价,size=成交量"}, [],
                     "holds bars"),
    "snapshots": (rows(*(f"10,5,{100 + n // 3}" for n in range(9)), head="time,symbol,LTP,LTQ,Volume Traded\n"), {}, [],
                  "repeat the last trade"),
    "totals of trades": (rows(*(f"10,5,{100 + 5 * n}" for n in range(9)), head="time,symbol,LTP,LTQ,Volume Traded\n"), {}, [10] * 9, ""),
    "the flag of an exchange": (rows("10,1,N", "11,1,Y", head="time,symbol,price,size,TrdCancelFlag\n"), {}, [10], "does not stand"),
    "not valid": (rows("10,1,1", "11,1,0", head="time,symbol,price,size,is_valid\n"), {}, [10], "does not stand"),
    "a bust by its condition": (rows("10,1,", "11,1,BUST", head="time,symbol,price,size,cond\n"), {}, [10], "does not stand"),
    "indicative": (rows("10,1,CONT", "11,1,INDICATIVE", head="time,symbol,price,size,trade_type\n"), {}, [], "are no trades: INDICATIVE"),
    "a cancel leaves its trade in": (rows("10,1,OK", "10,1,CANCELLED", head="time,symbol,price,size,status\n"), {}, [],
                                     "stay as they were with that"),
    "trades and sums of them": (rows("10,1,trade", "10,1,aggTrade", head="time,symbol,price,size,e\n"), {}, [], "say --where e=trade"),
    "a seller's size below zero": (rows("10,1", "10,-2", head="time,symbol,price,Amount\n"), {}, [10], "--map side=Amount"),
    "sides of a book, or not": (rows("10,1,B", "11,1,A", head="time,symbol,price,size,side\n"), {}, [], "--map side=side"),
    "micros": (rows("187150000,1", head="time,symbol,price_micros,size\n"), {"columns": "price=price_micros"}, [], "say --price-scale"),
    "micros, said": (rows("187150000,1", head="time,symbol,price_micros,size\n"), {"columns": "price=price_micros", "price_scale": "1000000"},
                     [187.15], ""),
    "French thousands": ("time;symbol;price;size\n" + at(0) + ";A;1\u00a0234,5;1\n", {}, [], "say --decimal comma"),
    "points between thousands": (rows("1.234.567,1"), {}, [], "say --decimal comma"),
    "Arabic digits": (rows("\u0661\u0668\u0667,1", "10,1"), {}, [10], "of another script"),
    "prices that nothing can hold": (rows("1e-320,1", "1.7e308,1", "10,1"), {"decimal": "point"}, [1e-320, 1.7e308, 10], ""),
    "no symbol": (HEAD + "".join(f"{at(n)},{text},{n + 10},1\n" for n, text in enumerate(["1E+05", "A\u00a0", "A", "NULL"])),
                  {}, [12, 13], "that a spreadsheet has shortened"),
    "symbols as formulas": (HEAD + at(0) + ',"=""0700""",10,1\n', {}, [], "sed -E"),
    "symbols as decimals": (HEAD + at(0) + ",7203.0,10,1\n", {}, [], "taken for decimals"),
    "windows-1252 among": (rows("187\u00a0150,1", "10,1").encode("cp1252"), {"decimal": "point"}, [10], "iconv -f windows-1252"),
    "a hole of NULs": (rows("10,1", "1\x001,1", "12,1"), {}, [10, 12], "NUL"),
    "a dump": ("COPY trades (time, symbol, price, size) FROM stdin;\n" + at(0) + "\tA\t10\t1\n", {}, [], "a dump of a database"),
    "a table of HTML": ("<table><tr><td>time</td></tr></table>", {}, [], "an HTML page"),
    "names in each line": (f"time={at(0)} symbol=A price=10 size=1\n", {}, [], "names its values in each line"),
    "arrays as lines": (f'["{at(0)}","A",10,1]\n', {}, [], "jq -r '@csv'"),
    "objects of MongoDB": (f'{{"time":{{"$date":"{at(0)}"}},"symbol":"A","price":{{"$numberDecimal":"10.5"}},"size":1}}\n', {}, [], "jq -c 'map_values("),
}  # fmt: skip


def read(path: Path, **options: Any) -> tuple[list[tuple[Any, ...]], str]:
    """The ticks, and all that was said against the file and its rows."""
    reader = CsvReader(path, parse_options(**options), _member(path))
    ticks: list[tuple[Any, ...]] = []
    against = []
    try:
        for batch in reader:
            columns = batch.ticks
            ticks += zip(
                columns.symbol.tolist(), columns.time_us.tolist(), columns.seq.tolist(),
                columns.price.tolist(), columns.size.tolist(), strict=True,
            )  # fmt: skip
            against += [f"{reject.field} {reject.reason}" for reject in batch.rejects]
    except FileError as exc:
        against.append(str(exc))
    return ticks, "\n".join(against)


def _member(path: Path) -> str | None:
    return "inner.csv" if path.suffix == ".zip" else None


@pytest.mark.parametrize("name", ODD)
def test_it_is_right_or_refused_with_what_helps(tmp_path: Path, name: str) -> None:
    content, options, prices, why = ODD[name]
    path = tmp_path / "file.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    ticks, against = read(path, **options)
    assert [each[3] for each in ticks] == prices
    assert why in against
    assert bool(against) == bool(why)


def test_the_same_comes_into_the_database(tickdeck: Tickdeck, tmp_path: Path) -> None:
    """All that need no option, in one go: what inspecting them says, and a file that is refused keeps none from being stored."""
    wanted: list[tuple[str, float, float]] = []
    paths = []
    for number, (content, options, _, _) in enumerate(ODD.values()):
        if options or isinstance(content, bytes):
            continue
        path = tmp_path / f"{number}.csv"
        path.write_text(re.sub(r"\bA\b", f"S{number}", content), encoding="utf-8")
        paths.append(path)
        wanted += [(symbol, price, size) for symbol, _, _, price, size in read(path)[0]]
    ran = tickdeck("load", *paths, "--rejects", tmp_path / "refused.csv")
    assert ran.code == 1
    assert "Traceback" not in ran.out + ran.err
    stored = tickdeck.rows("select symbol, price, size from ticks")
    assert sorted(stored) == sorted(wanted)
    assert len({symbol for symbol, _, _ in wanted}) > 20


Row = tuple[datetime, str, str, str]


def made_up(chance: random.Random) -> list[Row]:
    """Rows of three symbols, prices above and below 0, many at one instant; every tenth is no tick."""
    moment = datetime(2024, 1, 2, 6, tzinfo=UTC)
    made: list[Row] = []
    for _ in range(chance.randrange(30, 150)):
        moment += timedelta(microseconds=chance.choice([0, 0, 1, 17_000, 5_000_000]))
        price = repr(chance.choice([1, 1, 1, -1]) * chance.randrange(1, 10**6) / 100)
        shown = chance.choice(["soon", "", "1x"]) if made and chance.random() < 0.1 else price
        made.append((moment, f"S {chance.randrange(3)}", shown, str(chance.randrange(1, 1000))))
    return made


def packed(folder: Path, name: str, made: list[Row], how: str, chance: random.Random) -> Path:
    """The rows in a file of some kind."""
    keys = HEAD.strip().split(",")
    texts = [(at.isoformat(), *rest) for at, *rest in made]
    csv = "\n".join([HEAD.strip(), *(",".join(each) for each in texts), ""])
    path = folder / name
    if how == "json":
        lines = [json.dumps(dict(chance.sample(list(zip(keys, each, strict=True)), 4))) for each in texts]
        path.write_text("\n".join([*lines, ""]))
    elif how == "zip":
        path = path.with_suffix(".zip")
        path.write_bytes(zipped({"inner.csv": csv}))
    elif how == "gzip":
        half = csv.index("\n", len(csv) // 2) + 1
        path.write_bytes(gzip.compress(csv[:half].encode()) + gzip.compress(csv[half:].encode()))
    elif how in {"parquet", "arrow"}:
        columns = zip(*texts, strict=True)
        table = pa.table({key: list(column) for key, column in zip(keys, columns, strict=True)})
        table = table.set_column(1, "symbol", table["symbol"].dictionary_encode())
        if how == "parquet":
            pq.write_table(table, path, row_group_size=chance.randrange(5, 60))
        else:
            with pa.ipc.new_file(str(path), table.schema) as writer:
                writer.write_table(table)
    else:
        path.write_text(csv)
    return path


@pytest.mark.parametrize("seed", range(36))
def test_rows_in_any_packing_in_files_that_overlap(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    made = made_up(chance)
    moments = sorted({each[0] for each in made})
    low, high = sorted(chance.sample(range(len(moments)), 2))
    parts = [
        made,
        [each for each in made if each[0] <= moments[high]],
        [each for each in made if each[0] >= moments[low]],
    ]
    known: dict[tuple[str, int, int], tuple[float, float]] = {}
    for number, part in enumerate(parts):
        how = ("csv", "json", "zip", "gzip", "parquet", "arrow")[(seed + number) % 6]
        path = packed(tmp_path, f"{number}.data", part, how, chance)
        ticks, against = read(path, allow_negative=True)
        good = [
            (at, symbol, float(price), float(size))
            for at, symbol, price, size in part
            if price[-1:].isdigit()
        ]
        assert [(from_us(each[1]), each[0], *each[3:]) for each in ticks] == good
        assert len(against.splitlines()) == len(part) - len(good)
        found = {each[:3]: each[3:] for each in ticks}
        assert len(found) == len(ticks), "two ticks of one identity"
        known = known or found
        assert found.items() <= known.items(), "the same row is another tick in another file"
