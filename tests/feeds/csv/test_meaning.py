"""What columns and values mean: each kind of file that could be read in two ways is read in the right one, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tickdeck.db.market.types import concat, from_us
from tickdeck.feeds.csv.options import parse_options
from tickdeck.feeds.csv.reader import CsvReader
from tickdeck.feeds.errors import FileError

PLAIN = "time,symbol,price,size\n"
NOON = "2024-01-02T12:00:00Z"
FURTHER = 1 << 48

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "MATLAB days": (PLAIN + "739253.604167,A,1,1\n", {}, "a MATLAB day number"),
    "Julian days": (PLAIN + "2460312.104,A,1,1\n", {}, "a Julian day number"),
    "a FILETIME": (PLAIN + "133486722000000000,A,1,1\n", {}, "a Windows FILETIME"),
    ".NET ticks, said to be ns": (PLAIN + "638397846001234567,A,1,1\n", {"time_unit": "ns"}, ".NET ticks"),
    "seconds since midnight": (PLAIN + "34200.0042,A,1,1\n", {}, "seconds since midnight need --time-unit and --date"),
    "the clock's digits or milliseconds": (PLAIN + "34200123,A,1,1\n", {}, "may be the digits of a clock"),
    "a wrong unit": (PLAIN + "1704205800000,A,1,1\n", {"time_unit": "us"}, "looks like milliseconds, not like microseconds"),
    "a zone that no number needs": (PLAIN + "1704205800,A,1,1\n", {"time_zone": "UTC"}, "leave --time-zone out"),
    "a zone that no text needs": (PLAIN + f"{NOON},A,1,1\n", {"time_zone": "UTC"}, "leave --time-zone out"),
    "a date that no time needs": (PLAIN + f"{NOON},A,1,1\n", {"date": "2024-01-02"}, "leave --date out"),
    "day or month": (PLAIN + "01/02/2024 09:30:00,A,1,1\n", {"time_zone": "UTC"}, "where %d is the day and %m the month"),
    "month first, which the numbers prove": (PLAIN + "01/13/2024 09:30:00,A,1,1\n", {"time_zone": "UTC"}, "--time-format '%m/%d/%Y %H:%M:%S'"),
    "a format of another notation": (PLAIN + f"{NOON},A,1,1\n", {"time_format": "%d.%m.%Y %H:%M:%S"}, "is not written as --time-format"),
    "bars": ("time,symbol,open,high,low,last,volume\n", {}, "holds bars, not ticks"),
    "a book": ("timestamp,symbol,is_snapshot,side,price,amount\n1704067200123456,X,true,bid,42.5,2\n", {}, "holds orders of a book"),
    "a book by level": (f"time,symbol,side,depth,price,size\n{NOON},X,bid,1,42.5,2\n", {}, "holds orders of a book"),
    "quotes among trades": (f"time,eventtype,symbol,price,size\n{NOON},QUOTE BID,A,1,1\n{NOON},TRADE,A,2,1\n", {}, "say --where eventtype=TRADE"),
    "bars by other names": ("Mnemonic,Date,Time,StartPrice,MaxPrice,MinPrice,EndPrice,TradedVolume\n", {}, "holds bars, not ticks"),
    "klines": ("open_time,open,high,low,close,volume,close_time\n1,1,1,1,1,1,1\n", {}, "holds bars, not ticks"),
    "amount or volume": (f"time,symbol,price,volume,amount\n{NOON},A,7.5,1200,9000\n", {}, "either of amount and volume may be the size"),
    "columns alike": (f"t,T,s,p,v\n{NOON},{NOON},A,1,1\n", {}, "alike (t, T): say --map time=COLUMN"),
    "a column twice": (f"time,symbol,price,price,size\n{NOON},A,1,2,1\n", {}, "the header names columns twice"),
    "a book of sides a and b": (f"date,type,symbol,price,amount\n{NOON},b,A,1,1\n{NOON},a,A,2,1\n", {}, "as a book has"),
    "bids and asks": (f"time,symbol,side,price,size\n{NOON},A,bid,1,1\n", {}, "as a book has"),
    "quotes under another name": (f"time,symbol,Trade Type,price,size\n{NOON},A,Trade,1,1\n{NOON},A,Bid,2,1\n", {}, "say --where 'Trade Type=Trade'"),
    "one field a row": (f"time,symbol,field,price,size\n{NOON},A,LAST,1,1\n{NOON},A,BID,2,1\n", {}, "say --where field=LAST"),
    "orders that were cancelled": (f"time,symbol,price,qty,status\n{NOON},A,1,1,filled\n{NOON},A,2,1,cancelled\n", {}, "say --where status=filled"),
    "messages of orders": (f"time,symbol,type,order_id,price,size\n{NOON},A,1,7,1,1\n{NOON},A,4,7,1,1\n", {}, "has numbers of orders"),
    "samples of a book": (
        f"ts_event,rtype,publisher_id,instrument_id,side,price,size,symbol\n{NOON},195,1,5,B,1,1,A\n", {}, "has no column action",
    ),
    "a ticker": (f"timestamp,symbol,last_price,mark_price,open_interest\n{NOON},A,1,1,5\n", {}, "holds a ticker's snapshots"),
    "two instruments under one symbol": (
        f"time,instrument_id,price,size\n{NOON},5602,1,1\n{NOON},5603,2,1\n", {"symbol": "ES"}, "--where instrument_id=5602 takes one",
    ),
    "two months of a future": (f"time,symbol,expiry,price,size\n{NOON},ES,202403,1,1\n{NOON},ES,202406,2,1\n", {}, "several instruments under one symbol"),
    "another zone than the name says": ("Time (UTC),symbol,price,size\n2024-01-02 12:00:00,A,1,1\n", {"time_zone": "Europe/Berlin"}, "is UTC by its name"),
    "epochs that were floats of 32 bits": (PLAIN + "1704205824.0,A,1,1\n1704205952.0,A,1,1\n1704206080.0,A,1,1\n", {}, "floats of 32 bits"),
    "parts of a second or of a millisecond": (PLAIN.replace("time", "time,us") + "1704205800,1,A,1,1\n1704205800,2,A,1,1\n", {}, "--map fraction="),
    "dates alone": ("date,symbol,price,volume\n2024-01-02,A,1,1\n2024-01-03,A,1,1\n", {"time_zone": "UTC"}, "one price a day is no tick"),
    "dates in a column of another name": ("day of,time,symbol,price,size\n2024-01-02,12:00:00,A,1,1\n", {"date": "2024-01-03", "time_zone": "UTC"}, "say --map 'date=day of'"),
    "the day's volume": (PLAIN.replace("size", "volume") + "".join(f"2024-01-02T12:00:0{at}Z,A,1,{1000 + at}\n" for at in range(3)), {}, "say --map size= to leave it out"),
    "prices with points that are said to have none": (PLAIN + f"{NOON},A,187.15,1\n", {"price_scale": "10000"}, "187.15 has a point"),
    "years of two digits or a clock": (PLAIN + "230102093000,A,1,1\n", {"date": "2023-01-02", "time_zone": "UTC"}, "may begin with a year of two digits"),
    "years of two digits or seconds": (PLAIN + "1201021430,A,1,1\n1201021431,A,1,1\n", {"time_zone": "UTC"}, "seconds since 1970 or begin with a year of two digits"),
    "day and month the other way round": (PLAIN + "01/02/2024 12:00:00,A,1,1\n13/02/2024 12:00:00,A,1,1\n", {
        "time_zone": "UTC", "time_format": "%m/%d/%Y %H:%M:%S"}, "the format is '%d/%m/%Y %H:%M:%S'"),
    "minutes since 1970": (PLAIN + "28403430,A,1,1\n28403431,A,1,1\n", {}, "may be minutes since 1970"),
    "days since 1970": (PLAIN + "19724,A,1,1\n19725,A,1,1\n", {}, "may be days since 1970"),
    "two currencies": (f"time,symbol,currency,price,size\n{NOON},A,EUR,1,1\n{NOON},A,USD,1,1\n", {}, "several instruments under one symbol"),
    "a base with two quote currencies": (f"time,base,quote,price,size\n{NOON},A,EUR,1,1\n{NOON},A,USD,1,1\n", {"columns": "symbol=base"}, "several instruments"),
    "calls and puts": (f"time,symbol,strike,right,price,size\n{NOON},A,5,C,1,1\n{NOON},A,5,P,1,1\n", {}, "several instruments"),
    "no row of --where": (f"time,action,symbol,price,size\n{NOON},T,A,1,1\n", {"where": ["action=X"]}, "--where leaves no row: the column has T"),
    "a column that is not there": (PLAIN + f"{NOON},A,1,1\n", {"where": ["kind=X"]}, "there is no column 'kind'"),
}  # fmt: skip

READ: dict[str, tuple[str, dict[str, Any], list[tuple[str, str, int, float, float]]]] = {
    "last size before the day's volume": (f"time,symbol,last,volume,last_size\n{NOON},A,1.5,1000000,100\n", {}, [("12:00:00", "A", 1, 1.5, 100)]),
    "root and suffix": (
        f"time,symbol,suffix,price,size\n{NOON},BRK,A,1,10\n{NOON},IBM,,1,10\n", {}, [("12:00:00", "BRK.A", 1, 1, 10), ("12:00:00", "IBM", 1, 1, 10)],
    ),
    "ids that are no numbers": (
        f"time,symbol,price,size,trade_id\n{NOON},A,1,1,f0-1\n{NOON},A,2,1,a0-1\n", {}, [("12:00:00", "A", 1, 1, 1), ("12:00:00", "A", 2, 2, 1)],
    ),
    "an epoch beside a date": ("date,ts,symbol,price,size\n2024-01-03,1704196800123,A,1,1\n", {}, [("12:00:00.123", "A", 1, 1, 1)]),
    "a time beside a date": (f"date,ts,symbol,price,size\n2024-01-03,{NOON},A,1,1\n", {}, [("12:00:00", "A", 1, 1, 1)]),
    "signed sizes": (f"time,symbol,price,amount\n{NOON},A,1,-10\n", {"columns": "side=amount"}, [("12:00:00", "A", 1, 1, 10)]),
    "fixed-point prices": (PLAIN + f"{NOON},A,1871500,10\n", {"price_scale": "10000"}, [("12:00:00", "A", 1, 187.15, 10)]),
    "prices below zero": (PLAIN + f"{NOON},A,-37.63,10\n{NOON},A,0,10\n", {"allow_negative": True}, [("12:00:00", "A", 1, -37.63, 10), ("12:00:00", "A", 2, 0, 10)]),
    "kdb times and repeated blanks": (
        PLAIN + "2024.01.02D12:00:00.123456789,A,1,1\n2024/1/2  12:00:01,A,1,1\n2024-01-02 07:00:02 America/New_York,A,1,1\n",
        {"time_zone": "UTC"}, [("12:00:00.123456", "A", 1, 1, 1), ("12:00:01", "A", 1, 1, 1), ("12:00:02", "A", 1, 1, 1)],
    ),
    "names of months": (PLAIN.replace(",", ";") + "Jan 2, 2024 12:00:00 PM;A;1;1\n", {"time_zone": "UTC", "time_format": "%b %d, %Y %I:%M:%S %p"}, [("12:00:00", "A", 1, 1, 1)]),
    "all names in quotes": ('"time","symbol","price","size"\n' + f'"{NOON}","A","1","1"\n', {}, [("12:00:00", "A", 1, 1, 1)]),
    "names in camel case": (f"tradeTime,symbol,bidPrice,askPrice\n{NOON},A,1,2\n", {}, [("12:00:00", "A", 1, 1.5, 0)]),
    "names that differ in case, mapped": (
        f"T,t,s,p,q\n{NOON},7,A,1,1\n", {"columns": "time=T,size=q,seq=t"}, [("12:00:00", "A", 7, 1, 1)],
    ),
    "letters that are orders": (
        f"e,s,t,p,q,b,a,T\ntrade,A,7,1,2,88,50,{NOON}\n", {"columns": "time=T,size=q,seq=t"}, [("12:00:00", "A", 7, 1, 2)],
    ),
    "letters that are a quote": (f"t,s,b,a\n{NOON},A,1,2\n", {}, [("12:00:00", "A", 1, 1.5, 0)]),
    "one letter that is no ask": (f"a,p,q,T\n7,1,2,{NOON}\n", {"columns": "size=q", "symbol": "A"}, [("12:00:00", "A", 1, 1, 2)]),
    "names of columns twice that nothing uses": (f"time,symbol,price,size,x,x\n{NOON},A,1,1,,\n", {}, [("12:00:00", "A", 1, 1, 1)]),
    "comments and a line for Excel": (f"# made by us\n# on, a, day, in, 2024\nsep=;\ntime;symbol;price;size\n{NOON};A;1;1\n", {}, [("12:00:00", "A", 1, 1, 1)]),
    "a table of psql": (" time | symbol | price | size \n" + f" {NOON} | A | 1 | 1 \n", {}, [("12:00:00", "A", 1, 1, 1)]),
    "rows that end with a delimiter": (PLAIN + f"{NOON},A,1,1,\n{NOON},A,2,1,\n", {}, [("12:00:00", "A", 1, 1, 1), ("12:00:00", "A", 2, 2, 1)]),
    "a zone by the column's name": ("Time (UTC),symbol,price,size\n2024-01-02 12:00:00,A,1,1\n", {}, [("12:00:00", "A", 1, 1, 1)]),
    "offsets behind UTC or GMT": (PLAIN + "2024-01-02 13:00:00 GMT+1,A,1,1\n2024-01-02 14:00:00 UTC+02:00,A,2,1\n2024-01-02 13:00:00.5 GMT+0100,A,3,1\n", {}, [
        ("12:00:00", "A", 1, 1, 1), ("12:00:00", "A", 2, 2, 1), ("12:00:00.5", "A", 1, 3, 1)]),
    "months by name and spans since midnight": (
        PLAIN + "02JAN2024:12:00:00.5,A,1,1\n02-Jan-2024 12:00:01,A,2,1\n2024.01.02 0D12:00:02.25,A,3,1\n", {"time_zone": "UTC"},
        [("12:00:00.5", "A", 1, 1, 1), ("12:00:01", "A", 1, 2, 1), ("12:00:02.25", "A", 1, 3, 1)],
    ),
    "parts of a second in a column": (
        "date,time,msec,symbol,price,size\n20240102,120000,5,A,1,1\n20240102,120000,250,A,2,1\n", {"time_zone": "UTC"},
        [("12:00:00.005", "A", 1, 1, 1), ("12:00:00.25", "A", 1, 2, 1)],
    ),
    "nanoseconds beside seconds": (PLAIN.replace("time", "time,nanos") + "1704196800,500000999,A,1,1\n", {}, [("12:00:00.5", "A", 1, 1, 1)]),
    "parts of a second that the time has itself": (PLAIN.replace("time", "time,ms") + f"{NOON[:-1]}.5Z,7,A,1,1\n", {}, [("12:00:00.5", "A", 1, 1, 1)]),
    "texts where the layout has numbers": (
        "timestamp,symbol,side,size,price,tickDirection,trdMatchID\n2024-01-02D12:00:00.25,A,Buy,1,2,PlusTick,0-a\n", {"time_zone": "UTC"},
        [("12:00:00.25", "A", 1, 2, 1)],
    ),
    "further fills of one number, and a tick twice": (
        f"time,symbol,price,size,sequence\n{NOON},A,1,1,7\n{NOON},A,2,1,7\n{NOON},A,2,1,7\n{NOON},A,2,1,8\n", {},
        [("12:00:00", "A", 7, 1, 1), ("12:00:00", "A", FURTHER + 7, 2, 1), ("12:00:00", "A", FURTHER + 7, 2, 1), ("12:00:00", "A", 8, 2, 1)],
    ),
    "numbers that lost their digits": (
        f"time,symbol,price,size,trade_id\n{NOON},A,1,1,1.2E+15\n{NOON},A,1,1,1.2E+15\n", {}, [("12:00:00", "A", 1, 1, 1), ("12:00:00", "A", 2, 1, 1)],
    ),
    "numbers of an instrument": (
        "time,symbol,price,size,id\n" + f"{NOON},A,1,1,7\n" * 4, {}, [("12:00:00", "A", at, 1, 1) for at in range(1, 5)],
    ),
    "nothing, as tools write it": (
        f"time,symbol,price,size,bid,ask,exchange\n{NOON},A,1,1,NULL,0n,\n{NOON},A,nan,\\N,1,2,\n", {},
        [("12:00:00", "A", 1, 1, 1), ("12:00:00", "A", 2, 1.5, 0)],
    ),
    "no trade yet beside a quote": (f"time,symbol,bid,ask,last,volume\n{NOON},A,1,2,0.0,0\n", {}, [("12:00:00", "A", 1, 1.5, 0)]),
    "thousands grouped by blanks": (
        f"time;symbol;price;size\n{NOON};A;1\u202f234,56;1 500\n", {"decimal": "comma"}, [("12:00:00", "A", 1, 1234.56, 1500)],
    ),
    "thousands grouped by an apostrophe": (f"time;symbol;price;size\n{NOON};A;1'234.5;1'500\n", {}, [("12:00:00", "A", 1, 1234.5, 1500)]),
    "thousands grouped by commas, as said": (f'time,symbol,price,size\n{NOON},A,"1,234.5","1,500"\n', {"decimal": "point"}, [("12:00:00", "A", 1, 1234.5, 1500)]),
    "a volume that goes up and down": (PLAIN.replace("size", "volume") + f"{NOON},A,1,1000\n{NOON},A,1,1001\n{NOON},A,1,999\n", {}, [
        ("12:00:00", "A", 1, 1, 1000), ("12:00:00", "A", 2, 1, 1001), ("12:00:00", "A", 3, 1, 999)]),
    "prices of a layout without its points": (
        "34200123,1687.25,5,,0,0\n", {"preset": "lean", "symbol": "A", "date": "2024-01-02", "time_zone": "UTC"}, [("09:30:00.123", "A", 1, 1687.25, 5)],
    ),
    "rows that begin with their number": ('"time","symbol","price","size"\n' + f'"1","{NOON}","A",1,1\n"2","{NOON}","A",2,1\n', {}, [
        ("12:00:00", "A", 1, 1, 1), ("12:00:00", "A", 2, 2, 1)]),
    "the header again, written otherwise": (PLAIN + f"{NOON},A,1,1\n" + "Time, Symbol, Price, Size\n" + f"{NOON},A,2,1\n", {}, [
        ("12:00:00", "A", 1, 1, 1), ("12:00:00", "A", 2, 2, 1)]),
    "a time in UTC beside a local one": ("timestamp,timestamp_utc,symbol,price,size\n2024-01-02 07:00:00,2024-01-02 12:00:00,A,1,1\n", {}, [("12:00:00", "A", 1, 1, 1)]),
    "one symbol of several": (PLAIN + f"{NOON},A,1,1\n{NOON},B,2,1\n", {"symbol": "B"}, [("12:00:00", "B", 1, 2, 1)]),
    "sides carried over": ("time,symbol,bid,ask\n2024-01-02T12:00:00Z,A,9,10\n2024-01-02T12:00:01Z,A,9.5,\n", {}, [("12:00:00", "A", 1, 9.5, 0), ("12:00:01", "A", 1, 9.75, 0)]),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_mean_two_things_is_refused_as_a_whole(tmp_path: Path, name: str) -> None:
    content, options, message = REFUSED[name]
    path = tmp_path / "some.csv"
    path.write_text(content, encoding="utf-8")
    stored = 0
    reader = CsvReader(path, parse_options(**options))
    with pytest.raises(FileError) as told:
        stored += sum(map(len, reader))
    assert message in str(told.value)
    assert stored == 0


@pytest.mark.parametrize("name", READ)
def test_columns_are_read_for_what_they_mean(tmp_path: Path, name: str) -> None:
    content, options, expected = READ[name]
    path = tmp_path / "some.csv"
    path.write_text(content, encoding="utf-8")
    batches = list(CsvReader(path, parse_options(**options)))
    assert [reject for batch in batches for reject in batch.rejects] == []
    ticks = concat([batch.ticks for batch in batches])
    times = [from_us(int(each)).replace(tzinfo=None).isoformat()[11:] for each in ticks.time_us]
    got = zip(times, ticks.symbol, ticks.seq.tolist(), ticks.price.tolist(), ticks.size.tolist(), strict=True)
    if "letters that are orders" in name:
        assert np.isnan(ticks.bid).all()
    assert [(f"{float(time[6:]):09.6f}", time[:5], *rest) for time, *rest in got] == [
        (f"{float(time[6:]):09.6f}", time[:5], *rest) for time, *rest in expected
    ]


ROWS_REFUSED: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "a time that a spreadsheet rounded": (PLAIN + "1.70421E+12,A,1,1\n", {}, "time", "has lost its last 7 digits"),
    "a decimal comma of a leading zero": (PLAIN.replace(",", ";") + f"{NOON};A;0.853;1\n", {"decimal": "comma"}, "price", "is no number"),
    "a number that lost its digits": (f"time,symbol,price,size,seq\n{NOON},A,1,1,1\n{NOON},A,1,1,2\n{NOON},A,1,1,1.2E+5\n", {}, "seq", "has lost its last 4 digits"),
    "commas that can only group": (f'{PLAIN}{NOON},A,"1,234.56",1\n', {}, "price", "say --decimal point"),
    "commas that may be decimal": (f'{PLAIN}{NOON},A,"1,234",1\n', {}, "price", "'1,234' is no number"),
    "the last trade again": (
        "time,bid,ask,last,volume,time_msc,flags\n1704196800,1,2,1,5,1704196800123,56\n1704196800,1,2,1,5,1704196800223,4\n", {"symbol": "A"},
        "flags", "4 is no trade",
    ),
    "a trade that was cancelled": (f"time,symbol,price,size,cancelled\n{NOON},A,1,1,true\n", {}, "cancelled", "does not stand"),
    "a span of a day": (PLAIN + "2024-01-02 0D12:00:00,A,1,1\n2024-01-02 1D12:00:00,A,1,1\n", {"time_zone": "UTC"}, "time", "no ISO 8601"),
    "another zone of the same length": (
        PLAIN + "2024-01-02 12:00:00 Etc/GMT+5,A,1,1\n2024-01-02 12:00:00 Etc/GMT+X,A,1,1\n", {}, "time", "names a zone that is unknown",
    ),
    "a part of more than a second": (PLAIN.replace("time", "time,ms") + "1704196800,5,A,1,1\n1704196800,6,A,1,1\n1704196800,1000,A,1,1\n", {}, "time", "is no part of a second"),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS_REFUSED)
def test_a_row_is_refused_for_what_it_means(tmp_path: Path, name: str) -> None:
    content, options, field, reason = ROWS_REFUSED[name]
    path = tmp_path / "some.csv"
    path.write_text(content, encoding="utf-8")
    batches = list(CsvReader(path, parse_options(**options)))
    (reject,) = [reject for batch in batches for reject in batch.rejects]
    assert (reject.line, reject.field) == (len(content.splitlines()), field)
    assert reason in reject.reason


def test_zones_of_one_length_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text(
        PLAIN + "2024-01-02 12:00:00 Etc/GMT+5,A,1,1\n2024-01-02 12:00:00 Etc/GMT+6,A,2,1\n", encoding="utf-8"
    )
    ticks = concat([batch.ticks for batch in CsvReader(path, parse_options())])
    assert [from_us(int(each)).hour for each in ticks.time_us] == [17, 18]


def test_a_file_of_one_date_ends_where_its_clock_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "trades_20240102.csv"
    path.write_text(
        PLAIN + "09:30:00,A,1,1\n23:59:59,A,2,1\n09:00:00,B,2,1\n00:00:01,A,3,1\n00:00:02,A,3,1\n",
        encoding="utf-8",
    )
    batches = iter(CsvReader(path, parse_options(time_zone="UTC")))
    assert next(batches).ticks.price.tolist() == [1, 2, 2]
    with pytest.raises(FileError, match=r"line 5: here the times of day of A begin anew"):
        next(batches)


def test_fills_of_one_number_are_told_apart_across_blocks_and_wherever_a_file_begins(tmp_path: Path) -> None:
    head = "time,symbol,price,size,sequence\n"
    quiet = [f"{1704196800 + at // 50},A,1,1,{at}\n" for at in range(60_000)]
    fills = [f"1704198001,A,{price},1,60001\n" for price in (2, 3, 4)]
    path = tmp_path / "some.csv"
    read = []
    for rows in (quiet + fills, fills):
        path.write_text(head + "".join(rows), encoding="utf-8")
        ticks = concat(
            [batch.ticks for batch in CsvReader(path, parse_options(symbol="A", columns="symbol="))]
        )
        assert len(ticks) == len(rows)
        read.append(ticks.seq[-3:].tolist())
    assert read == [[60001, 60001 + FURTHER, 60001 + 2 * FURTHER]] * 2


@pytest.mark.parametrize(
    "name", ["b_liquidations_2024-01-02.csv", "ES 03-24.Bid.txt", "DAT_NT_EURUSD_T_ASK_202401.csv"]
)
def test_a_file_of_no_trades_is_told_by_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(PLAIN + f"{NOON},A,1,1\n", encoding="utf-8")
    with pytest.raises(FileError, match="by its name, not trades"):
        list(CsvReader(path, parse_options()))
