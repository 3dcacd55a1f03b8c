"""Decides from a file's first rows how it is read: its notation, its times, and what its columns stand for."""

from __future__ import annotations

import dataclasses
import re
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from tickdeck.db.market.buckets import is_known_zone
from tickdeck.db.market.types import BUY, DAY_US, EPOCH, SELL
from tickdeck.feeds.csv.fields import Fields
from tickdeck.feeds.csv.layout import Layout
from tickdeck.feeds.csv.notations import (
    BLANKS,
    UNDEFINED_PRICE,
    WITHOUT_FORMULAS,
    WITHOUT_RETURNS,
    without_mark,
)
from tickdeck.feeds.csv.numbers import read_decimals
from tickdeck.feeds.csv.options import TRADE_IDS, CsvOptions, plain, quoted
from tickdeck.feeds.csv.times import (
    CLOCK_TEXT,
    DATE_TEXT,
    DAY_FIRST,
    EARLIEST_GUESS_US,
    HOUR_LOST,
    OTHER_EPOCH_US,
    TIME_TEXT,
    UNIT_EXPONENT,
    UNIT_NAMES,
    TimeError,
    TimeFormat,
    TimeStyle,
    TimeUnit,
    compact_date,
    foreign,
    is_naive,
    match_time,
    named_zone,
    odd_epoch,
    plausible_unit,
    read_time,
    seconds_or_short_year,
    time_format,
    tomorrow_us,
)
from tickdeck.feeds.errors import FileError

_SAMPLE_ROWS: Final = 1000
_NUMBER: Final = re.compile(r"[+-]?\d+\.?\d*(e[+-]?\d{1,2})?", re.ASCII | re.IGNORECASE)
_DECIMAL_COMMA: Final = re.compile(
    rf"[+-]?(\d+|\d{{1,3}}(\.\d{{3}})+),(\d{{1,2}}|\d{{4,}})|[+-]?\d{{1,3}}([{BLANKS}]\d{{3}})+,\d+", re.ASCII
)
"""A comma that can only be a decimal mark."""
_DECIMAL_POINT: Final = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)\.(\d{1,2}|\d{4,})", re.ASCII)
_GROUPED_BY_POINTS: Final = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+", re.ASCII)
_FILE_DATE: Final = re.compile(r"(?<!\d)(\d{4})([-_.]?)(\d{2})\2(\d{2})(?!\d)", re.ASCII)
_UTC_NAME: Final = re.compile(
    r"(?<![a-z])(?:utc|gmt)(?![a-z]|\s*[+-]\d)|\[g\]|(?:utc|gmt)(?:date)?time|time(?:stamp)?(?:utc|gmt)\b",
    re.IGNORECASE,
)
_UTC_ZONES: Final = frozenset(
    {"UTC", "Etc/UTC", "Etc/UCT", "UCT", "GMT", "Etc/GMT", "GMT0", "Etc/Greenwich", "Greenwich", "Zulu", "Etc/Zulu",
     "Universal", "Etc/Universal"}
)  # fmt: skip
VOLUMES: Final = frozenset(
    {"volume", "vol", "v", "totalvolume", "dayvolume", "cumvolume", "cumulativevolume"}
)
"""Names of columns of sizes that are those of bars and days as well."""
_TOTAL: Final = re.compile(
    r"(total|cum|cumulative|acc|accumulated|day|daily|session)(traded)?(volume|vol|qty|quantity|size|shares)(traded)?"
    r"|volumetraded|tradedvolume|ttq"
)
"""Names of columns of a day's total so far, which is the size of no trade, whoever says so."""
_MINOR: Final = re.compile(
    r"cents?\b|pence|paise|_x?10{2,}\b|[x*]10{2,}\b|1?e-\d+\b|[ _(]1?e-?\d+\b"
    r"|(?:^|[^a-z])(?:micros?|nanos?|millis?|mills|bps|basis_?points?|pips|sats|satoshis?|wei|gwei|fixed|scaled|int(?:eger)?)(?:$|[^a-z])",
    re.IGNORECASE,
)
"""In the name of a column of prices: not of the currency itself."""
_FIXED_WIDTH: Final = 5
OWN: Final = ("time", "symbol", "seq", "price", "size", "bid", "ask", "exchange", "conditions")
"""What `tickdeck export` writes: its seq is that of the ticks, whatever it is."""
_LARGE: Final = 100_000_000
_LEAST: Final = 1_000_000
"""A tenth and a thousandth of 1, in 1e-9."""
_TICK: Final = 100_000
"""What prices of 1e-9 are multiples of, as none has more than four decimals."""
_SCALES: Final = frozenset(
    {
        "pricedecimals",
        "pricescale",
        "priceexponent",
        "pricedivisor",
        "pricemultiplier",
        "pricefactor",
        "decimals",
        "displayfactor",
    }
)
"""Columns that say how many decimals whole numbers have."""
_PLAIN: Final = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_POWERS: Final = (100, 1_000, 10_000, 100_000, 1_000_000)
_PRICES: Final = frozenset(
    {"price", "last", "lastprice", "tradeprice", "lastpx", "px", "ltp", "lasttradedprice"}
)
_SURELY_TOTAL: Final = 12
_DECIMAL_ZERO: Final = re.compile(r"\d+\.0+", re.ASCII)
_MUCH: Final = 2
_SLIPS: Final = 10
"""One of so many prices may be a slip."""
_LATER_DATES: Final = frozenset(
    {"expiry", "expiration", "expirationdate", "expirydate", "maturity", "maturitydate", "settlement"}
)
_SHORT_YEAR: Final = re.compile(
    r"\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d[0-5]\d(\d{3}|\d{6})?", re.ASCII
)
"""Digits of a date and time whose year has two."""
_HALVES: Final = frozenset({b"AM", b"PM", b"A.M.", b"P.M.", b""})
_PARTS: Final = re.compile(r":\d\d(?:[.,]|(?<=:\d\d:\d\d):)(\d+)", re.ASCII)
_MIDNIGHT: Final = re.compile(r"\d{4}-\d{2}-\d{2}([ T]00:00(?::00(?:\.0+)?)?)", re.ASCII)
_NO_YEARS: Final = frozenset({1, 1899, 1900, 1904, 1970})
"""Of dates that stand for none before a time of day."""
_DAYS_APART: Final = 7
"""A trade of the evening is of the next day that is traded, after holidays."""
_SHORT_CLOCK: Final = re.compile(r"([01]\d|2[0-3])[0-5]\d[0-5]\d(\d{3})?", re.ASCII)
_WHOLE: Final = re.compile(r"[+-]?\d{1,30}(\.0*)?", re.ASCII)
_WIDEST_SEQ: Final = 1 << 63
_MONTHS: Final = 12
_MONTH_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CENTURY: Final = 69
"""Years of two digits below are of this century, as strptime has it."""
_CLOCK_BEHIND: Final = re.compile(
    r"(?P<gap>[ T,_]+)\d{1,2}:\d{2}(?P<seconds>:\d{2})?(?P<fraction>[.,:]\d+)?(?P<half> ?[AP]M)?"
    r"(?P<zone> ?(?:GMT|UTC)?[+-]\d{2}:?\d{2}|Z)?",
    re.ASCII | re.IGNORECASE,
)
_ZONE_COLUMNS: Final = frozenset(
    {
        "timezone",
        "tz",
        "zone",
        "timezonename",
        "tzname",
        "gmtoffset",
        "utcoffset",
        "tzoffset",
        "timezoneoffset",
    }
)
"""Columns that say of what zone a time is, by the names that `plain` makes of theirs."""
_ZONE_IN_NAME: Final = re.compile(r"[(\[_ ]([A-Z]{2,4}|[A-Z][a-z]+(?:/[A-Z][A-Za-z_]+)?)[)\]]?$")
_HOURS: Final = re.compile(
    r"(?:UTC|GMT)?\s?(?P<sign>[+-]?)(?P<hours>\d{1,2}(?:\.\d+)?)(?::?(?P<minutes>\d{2}))?", re.ASCII
)
_COUNTED: Final = re.compile(r"[+-]?\d{2,5}", re.ASCII)
"""Minutes or seconds from UTC."""
_NAMED_ZONES: Final = frozenset(
    {"EST", "EDT", "ET", "CST", "CDT", "CT", "MST", "MDT", "MT", "PST", "PDT", "PT", "BST", "CET", "CEST", "EET", "EEST",
     "MSK", "IST", "JST", "KST", "HKT", "SGT", "AEST", "AEDT", "WIB", "New", "London", "Chicago", "Frankfurt", "Tokyo"}
)  # fmt: skip
"""Zones that the names of columns have, none of which is UTC all year."""
_ZONE_ROWS: Final = 100
_FEW_ROWS: Final = 4
_CLOCK_DIGITS: Final = (6, 9, 12, 15)
SIDE_TEXTS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("buy", "b", "buyer", "bought"), BUY),
    **dict.fromkeys(("sell", "s", "seller", "sold"), SELL),
}
"""What the side of the aggressor is called, in lower case; anything else says nothing of it.  Numbers do not: 1 is the buyer of
FIX (tag 54), and the seller of others."""
_SIGNS: Final[Mapping[str, int]] = {"1": BUY, "+1": BUY, "-1": SELL, "1.0": BUY, "-1.0": SELL}
"""Where the seller is below zero, though, they do."""
_BUYER_WAITED: Final[Mapping[str, int]] = {
    **dict.fromkeys(("false", "f", "0"), BUY),
    **dict.fromkeys(("true", "t", "1"), SELL),
}
_WAITED: Final[Mapping[str, int]] = {text: -side for text, side in SIDE_TEXTS.items()}
_TURNED: Final[Mapping[str, Mapping[str, int]]] = {
    "isbuyermaker": _BUYER_WAITED, "buyermaker": _BUYER_WAITED, "makerside": _WAITED, "restingside": _WAITED,
    "passiveside": _WAITED,
}  # fmt: skip
"""Columns that say the side of the order that waited."""
_DAY_S: Final = 86_400
_EARLY_S: Final = 900
"""Numbers since midnight are mostly of later than a quarter past it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the rows of one file are read.

    `symbol`: of every row.  `symbol_blanks`: what stands for a blank in one.  `price_scale`: prices are divided by
    10**price_scale.  `decimal`: the decimal mark.  `marked`: the fields whose numbers have the mark
    of a unit (`--unit-mark`).  `signed_sizes`: a size below zero is a sale.  `sides`: what the texts of
    the side's column (in lower case) say of it.
    `withdraws`: a condition may say in a word that its trade does not stand.
    `occurrence`: a row's seq is its place among the rows of equal symbol and time.
    `fills`: seq numbers messages, of which one may hold several trades.  `assumed` says what was
    found, as short statements.
    """

    layout: Layout
    style: TimeStyle
    symbol: str | None = None
    symbol_blanks: str | None = None
    price_scale: int = 0
    decimal: str = "."
    marked: frozenset[str] = frozenset()
    signed_sizes: bool = False
    sides: Mapping[str, int] = dataclasses.field(default_factory=lambda: SIDE_TEXTS)
    withdraws: bool = True
    occurrence: bool = True
    fills: bool = False
    assumed: tuple[str, ...] = ()

    @property
    def options(self) -> CsvOptions:
        return self.layout.options


def find_reading(file: str, fields: Fields, layout: Layout, given: CsvOptions) -> Reading:
    """How a file is read whose first rows are `fields`; `given` is what the user said, without a preset.

    Raises `FileError` naming the option that is missing or of no use.
    """
    decimal = _decimal(file, fields, layout)
    _refuse_numbers_as_symbols(file, fields, layout, given)
    _refuse_changed_symbols(file, fields, layout, given)
    options = layout.options
    preset = layout.preset
    assumed: list[str] = []
    if preset is not None:
        how = "by --preset" if given.preset else "recognised by its columns"
        if not given.preset and not layout.header_line:
            how = "recognised by its name"
        assumed.append(f"{preset.title} ({how}; preset {preset.name})")
        if preset.checked == "memory":
            assumed.append("that layout was written from memory: compare the ticks with the file")
        if given.symbol is None and options.symbol is not None:
            assumed.append(f"symbol {options.symbol} from the file's name")
    if layout.titles:
        assumed.append(f"{layout.titles} title line{'s' if layout.titles > 1 else ''} above the header")
    layout, style, said = _find_style(file, fields, layout, given)
    assumed += said
    scale, said = _find_scale(file, fields, layout, given, decimal)
    assumed += said
    layout, said = _with_numbers(fields, layout)
    assumed += said
    _refuse_totals(file, fields, layout, given, decimal)
    _refuse_snapshots(file, fields, layout, given, decimal)
    _refuse_two_prices(file, fields, layout, given)
    index = layout.index
    return Reading(
        layout,
        style,
        symbol=options.symbol,
        symbol_blanks=None if preset is None else preset.symbol_blanks,
        price_scale=scale,
        decimal=decimal,
        marked=_marked(file, fields, layout),
        signed_sizes="side" in index and index["side"] == index.get("size"),
        sides=_sides(fields, layout, assumed),
        withdraws=not given.all_rows and layout.names[: len(OWN)] != OWN,
        occurrence="seq" not in index,
        fills="seq" in index and plain(layout.names[index["seq"]]) not in TRADE_IDS,
        assumed=tuple(assumed),
    )


def _find_scale(
    file: str, fields: Fields, layout: Layout, given: CsvOptions, decimal: str
) -> tuple[int, list[str]]:
    """The power of ten that prices are divided by, and what is assumed; raises `FileError` where they are no whole numbers."""
    preset, scale = layout.preset, layout.options.price_scale
    if (
        scale is None
        and preset is not None
        and preset.fixed_point is not None
        and _whole_prices(fields, layout)
    ):
        scale = preset.fixed_point
    if scale is None and "price" in layout.index and not given.all_rows:
        _refuse_scaled(file, fields, layout, decimal)
    pointed = _pointed(fields, layout, decimal) if scale else None
    if pointed is not None and given.price_scale is not None:
        text, name, line = pointed
        reason = f"{text} has a point: with --price-scale prices are whole numbers"
        raise FileError(file, reason, line=line, field=name)
    if pointed is not None:
        return 0, ["prices have points and are taken as they are written"]
    told = scale and given.price_scale is None
    return scale or 0, [f"prices are whole numbers of 1e-{scale}"] if told else []


def _refuse_scaled(file: str, fields: Fields, layout: Layout, decimal: str) -> None:
    """Raise `FileError` where prices are of another unit by their column's name, or digits with a point that is implied."""
    name, texts = (
        layout.names[layout.index["price"]],
        [each for each in _sample(fields, layout, "price") if each],
    )
    said = _MINOR.search(name)
    if said is not None:
        reason = (
            f"its prices are of another unit by its name ({said[0]}): say --price-scale, such as 100 for cents, or 1 where "
            "they are written as they are"
        )
        raise FileError(file, reason, line=layout.header_line or None, field=name)
    whole = [int(text) for text in texts if text.isdigit() and int(text) != UNDEFINED_PRICE]
    if (
        whole
        and all(map(str.isdigit, texts))
        and max(whole) >= _LARGE
        and all(each >= _LEAST and not each % _TICK for each in whole)
    ):
        reason = (
            f"{texts[0]} and the others have {len(texts[0])} digits and no point: say --price-scale, such as 1000000000 where "
            "9 of them are decimals, or 1 where none are"
        )
        raise FileError(file, reason, field=name)
    beside = next((each for each in layout.names if plain(each) in _SCALES), None)
    if beside is not None and all(map(str.isdigit, texts)):
        reason = f"beside it {beside} may say what its whole numbers are of: say --price-scale, such as 100 for cents, or 1"
        raise FileError(file, reason, line=layout.header_line or None, field=name)
    if decimal == ".":
        _refuse_two_units(file, fields, layout)
    digits = len({len(each) for each in texts}) == 1 and all(map(str.isdigit, texts))
    if digits and len(texts[0]) >= _FIXED_WIDTH and any(each[0] == "0" for each in texts):
        reason = (
            f"{texts[0]} is of fixed width, with decimals that are implied: say --price-scale, such as 100 where two are, or 1 "
            "where none are"
        )
        raise FileError(file, reason, field=name)


def _refuse_two_units(file: str, fields: Fields, layout: Layout) -> None:
    """Raise `FileError` where a symbol's prices with a point and those without differ by a power of ten: cents among dollars."""
    pointed = read_decimals(fields.column(layout.index["price"])).scale > 0
    if pointed.all() or not pointed.any():
        return
    texts = _sample(fields, layout, "price", len(fields))
    symbols = (
        _sample(fields, layout, "symbol", len(fields)) if "symbol" in layout.index else [""] * len(texts)
    )
    of: dict[str, tuple[list[float], list[float]]] = {}
    for text, symbol in zip(texts, symbols, strict=True):
        if _PLAIN.fullmatch(text):
            with_point, without = of.setdefault(symbol, ([], []))
            (with_point if "." in text else without).append(float(text))
    for symbol, (with_point, without) in of.items():
        if _SLIPS * min(len(with_point), len(without)) <= len(with_point) + len(without):
            continue  # `Scales` refuses those rows by themselves, or ends the file where they begin
        if not with_point or not without or min(with_point) <= 0 or min(without) <= _MUCH * max(with_point):
            continue
        if max(with_point) > _MUCH * min(with_point) or max(without) > _MUCH * min(without):
            continue
        times = statistics.median_low(without) / statistics.median_low(with_point)
        if any(0.8 * power <= times <= 1.25 * power for power in _POWERS):
            row = next(at for at, text in enumerate(texts) if symbols[at] == symbol and text.isdigit())
            raise FileError(
                file,
                f"{texts[row]} is {times:,.0f} times what other prices of {symbol or 'it'} are, which have a point: it may "
                "be of another unit, such as cents: where all are true prices, --price-scale 1 takes them as they are written; "
                "else have each unit in a file of its own, that without a point with --price-scale "
                f"{min(_POWERS, key=lambda power: abs(power / times - 1))}",
                line=int(fields.lines.number[row]),
                field=layout.names[layout.index["price"]],
            )


def _with_numbers(fields: Fields, layout: Layout) -> tuple[Layout, list[str]]:
    """The layout without its seq where that numbers no trades, and why."""
    if "seq" not in layout.index:
        return layout, []
    if layout.preset is not None and layout.preset.occurrence:
        return layout.without("seq"), []
    name, texts = layout.names[layout.index["seq"]], _sample(fields, layout, "seq")
    if not any(texts):
        return layout.without("seq"), [f"{name} is empty and numbers no trades"]
    if not _are_numbers(texts):
        return layout.without("seq"), [f"{name} is no number and gives no order"]
    if layout.names[: len(OWN)] != OWN and not _are_different(texts):
        return layout.without("seq"), [f"{name} is the same for many rows and numbers no trades"]
    return layout, []


def _refuse_totals(file: str, fields: Fields, layout: Layout, given: CsvOptions, decimal: str) -> None:
    """Raise `FileError` where the column of volumes only grows, as the total of a day does."""
    at = layout.index.get("size")
    if at is None or given.all_rows or layout.preset is not None:
        return
    name = layout.names[at]
    total = _TOTAL.fullmatch(plain(name)) is not None
    if not total and (given.columns.get("size") or plain(name) not in VOLUMES):
        return
    rows = np.arange(min(_SAMPLE_ROWS, len(fields)))
    volume, good = read_decimals(fields.column(at).take(rows), decimal).floats()
    symbols = np.array(_sample(fields, layout, "symbol") if "symbol" in layout.index else [""] * len(rows))
    series = pd.Series(volume[good]).groupby(symbols[good])
    steps = series.diff().dropna().to_numpy()
    turns = steps if (steps >= 0).all() else -steps
    more = int((turns > 0).sum())
    if not len(turns) or (turns < 0).any():
        return
    least = float(series.min().min())
    if more >= _SURELY_TOTAL or total or (more > 1 and least > _MUCH * float(turns.max())):
        raise FileError(
            file,
            "only grows from row to row, as the total of a day does, and is no trade's size: say --map size= to leave it "
            + ("out" if total else "out (a column that is named there is taken as it is)"),
            field=name,
        )


def _refuse_snapshots(file: str, fields: Fields, layout: Layout, given: CsvOptions, decimal: str) -> None:
    """Raise `FileError` where a day's total beside the sizes stands still in many rows, which then repeat the last trade."""
    at = layout.index.get("size")
    if at is None or given.all_rows or layout.preset is not None:
        return
    rows = np.arange(min(_SAMPLE_ROWS, len(fields)))
    symbols = np.array(_sample(fields, layout, "symbol") if "symbol" in layout.index else [""] * len(rows))
    size, sized = read_decimals(fields.column(at).take(rows), decimal).floats()
    used = {*layout.index.values()}
    for other, name in enumerate(layout.names):
        if other in used or not (plain(name) in VOLUMES or _TOTAL.fullmatch(plain(name))):
            continue
        total, good = read_decimals(fields.column(other).take(rows), decimal).floats()
        good &= sized
        steps = pd.Series(total[good]).groupby(symbols[good]).diff().to_numpy()
        known = ~np.isnan(steps)
        idle = int((known & (steps == 0) & (size[good] > 0)).sum())
        if (
            (steps[known] >= 0).all()
            and (steps[known] > 0).any()
            and idle > 1
            and idle * 4 > int(known.sum())
        ):
            raise FileError(
                file,
                f"stays as it is in {idle:,} of the first rows, so that these repeat the last trade: load the trades (--all-rows: each "
                "row is one)",
                field=name,
            )


def _refuse_two_prices(file: str, fields: Fields, layout: Layout, given: CsvOptions) -> None:
    """Raise `FileError` where two columns are prices of a trade by their names and differ, as an order's limit and its price do."""
    if "price" not in layout.index or given.all_rows or layout.preset is not None or "price" in given.columns:
        return
    chosen = layout.names[layout.index["price"]]
    used = {*layout.index.values()}
    for at, name in enumerate(layout.names):
        if at in used or plain(name) not in _PRICES:
            continue
        for row in range(min(_SAMPLE_ROWS, len(fields))):
            one, other = (
                fields.text(each, row).decode("utf-8", "replace") for each in (layout.index["price"], at)
            )
            if _PLAIN.fullmatch(one) and _PLAIN.fullmatch(other) and float(one) != float(other):
                raise FileError(
                    file,
                    f"either of {chosen} ({one}) and {name} ({other}) may be the price of a trade: say --map price=COLUMN",
                    line=int(fields.lines.number[row]),
                    field=chosen,
                )


def _refuse_numbers_as_symbols(file: str, fields: Fields, layout: Layout, given: CsvOptions) -> None:
    """Raise `FileError` where a column s holds numbers, which are as often sizes as symbols."""
    at = layout.index.get("symbol")
    if at is None or plain(layout.names[at]) != "s" or "symbol" in given.columns or layout.preset is not None:
        return
    texts = _sample(fields, layout, "symbol")
    if texts and all(map(str.isdigit, texts)):
        reason = (
            f"has numbers ({texts[0]}), which may be sizes: say --map size={layout.names[at]} and --symbol, or --map "
            f"symbol={layout.names[at]} where they are symbols"
        )
        raise FileError(file, reason, line=int(fields.lines.number[0]), field=layout.names[at])


def _refuse_changed_symbols(file: str, fields: Fields, layout: Layout, given: CsvOptions) -> None:
    """Raise `FileError` where a program has made other texts of the symbols: formulas, or numbers with a point."""
    if "symbol" not in layout.index or given.symbol is not None or given.all_rows:
        return
    texts = [text for text in _sample(fields, layout, "symbol") if text]
    name = layout.names[layout.index["symbol"]]
    reason = None
    if texts and all(text.startswith('="') for text in texts):
        reason = f"{texts[0]} is written as a formula for a spreadsheet: `{WITHOUT_FORMULAS} FILE | tickdeck load /dev/stdin …` takes that off"
    elif texts and all(map(_DECIMAL_ZERO.fullmatch, texts)):
        reason = (
            f"{texts[0]} and the others look like numbers that were taken for decimals: have the column written as text, with "
            "the zeros that it began with (--all-rows: they are symbols)"
        )
    if reason is not None:
        raise FileError(file, reason, line=int(fields.lines.number[0]), field=name)


def _sides(fields: Fields, layout: Layout, assumed: list[str]) -> Mapping[str, int]:
    preset = layout.preset
    if layout.options.sides:
        return layout.options.sides
    if preset is not None and preset.side is not None:
        return {
            **{text.lower(): BUY for text in preset.side.buy},
            **{text.lower(): SELL for text in preset.side.sell},
        }
    name = layout.names[layout.index["side"]] if "side" in layout.index else ""
    if plain(name) in _TURNED:
        return _TURNED[plain(name)]
    if not name or layout.index["side"] == layout.index.get("size"):
        return SIDE_TEXTS
    texts = set(_sample(fields, layout, "side"))
    if texts & {"-1", "-1.0"} and texts <= {*_SIGNS, "0", "0.0", ""}:
        return _SIGNS
    known = any(text.lower() in SIDE_TEXTS for text in texts)
    if unknown := sorted(text for text in texts if text and (text.isdigit() or not known))[:6]:
        assumed.append(
            f"the side is not known: {name} has {', '.join(unknown)} (say which is which: --sides buy=…,sell=…)"
        )
    return SIDE_TEXTS


def described(reading: Reading, *, newest_first: bool, marks: int | None = None) -> Iterator[str]:
    """Short statements of how a file is read, for its reader to check.  `marks`: the column of cancels and corrections."""
    layout, style = reading.layout, reading.style
    yield from reading.assumed
    yield f"columns {layout.described()}"
    used = {*layout.index.values(), *(layout.column(name) for name in layout.options.where), marks}
    ignored = [name or "(unnamed)" for at, name in enumerate(layout.names) if at not in used]
    if marks is not None:
        yield f"cancels and corrections by {layout.names[marks]}"
    if ignored:
        yield f"ignored {', '.join(ignored)}"
    if style.units:
        names = " or ".join(UNIT_NAMES[unit] for unit in style.units)
        told = " (told by their magnitude)" if style.guessed or len(style.units) > 1 else ""
        since = f"midnight in {style.zone}" if style.since_midnight else "1970 UTC"
        yield f"times in {names} since {since}{told}"
    else:
        zone = f", in {style.zone} where they state no zone" if style.zone else " with their zone"
        written = "ISO 8601" if style.format is None else f"the format {style.format.text}"
        yield f"times in {written}{zone}"
    if reading.decimal == ",":
        yield "decimal comma"
    if reading.marked:
        yield f"unit mark {layout.options.unit_mark} of {', '.join(sorted(reading.marked))}"
    if reading.occurrence:
        counted = ", counted from the file's end" if newest_first else ""
        yield f"seq counts the rows of equal symbol and time{counted}"
    if newest_first:
        yield "newest first"
    if "size" not in layout.index:
        yield "size 0"
    if "price" not in layout.index:
        yield "price is the mid of bid and ask"


def _sample(fields: Fields, layout: Layout, field: str, rows: int = _SAMPLE_ROWS) -> list[str]:
    at = layout.index[field]
    return [fields.text(at, row).decode("utf-8", "replace") for row in range(min(rows, len(fields)))]


def _decimal(file: str, fields: Fields, layout: Layout) -> str:
    """The decimal mark; raises `FileError` where numbers are not written with the one that holds."""
    stated = layout.options.decimal
    mark = stated or "."
    wrong = _DECIMAL_COMMA if mark == "." else _DECIMAL_POINT
    for field in ("price", "size", "bid", "ask"):
        if field not in layout.index:
            continue
        for row, text in enumerate(
            _sample(fields, layout, field, len(fields) if layout.delimiter != "," else _SAMPLE_ROWS)
        ):
            bare = None if layout.options.unit_mark is None else without_mark(text, layout.options.unit_mark)
            if wrong.fullmatch(text if bare is None else bare):
                advice = (
                    "say --decimal comma"
                    if stated is None
                    else f"the file does not fit --decimal {_name(mark)}"
                )
                raise FileError(
                    file,
                    f"{text!r} has a decimal {_name(',' if mark == '.' else '.')}: {advice}",
                    line=int(fields.lines.number[row]),
                    field=layout.names[layout.index[field]],
                )
    if stated is None and layout.delimiter == ";" and layout.preset is None:
        _refuse_either_point(file, fields, layout)
    return mark


def _refuse_either_point(file: str, fields: Fields, layout: Layout) -> None:
    """Raise `FileError` where every point may be one between thousands: `;` separates where the comma is decimal."""
    pointed: tuple[str, str, int] | None = None
    for field in ("price", "size", "bid", "ask"):
        if field not in layout.index:
            continue
        for row, text in enumerate(_sample(fields, layout, field)):
            if "." not in text or not text.strip("0."):
                continue
            if not _GROUPED_BY_POINTS.fullmatch(text):
                return
            pointed = pointed or (text, layout.names[layout.index[field]], int(fields.lines.number[row]))
    if pointed is not None:
        text, name, line = pointed
        reason = f"{text!r} may have a decimal point or one between thousands, as all others: say --decimal point or comma"
        raise FileError(file, reason, line=line, field=name)


def _marked(file: str, fields: Fields, layout: Layout) -> frozenset[str]:
    """The fields whose first numbers have the mark of --unit-mark; raises `FileError` where none has."""
    mark = layout.options.unit_mark
    if mark is None:
        return frozenset()
    found = {
        field
        for field in ("price", "size", "bid", "ask")
        if field in layout.index
        and any(without_mark(text.strip(), mark) is not None for text in _sample(fields, layout, field))
    }
    if not found:
        raise FileError(file, f"--unit-mark {mark!r}: no price and no size has it: leave it out")
    return frozenset(found)


def _name(mark: str) -> str:
    return "comma" if mark == "," else "point"


def _whole_prices(fields: Fields, layout: Layout) -> bool:
    prices = [
        text
        for field in ("price", "bid", "ask")
        if field in layout.index
        for text in _sample(fields, layout, field)
    ]
    return any(prices) and all(text.lstrip("-").isdigit() for text in prices if text)


def _pointed(fields: Fields, layout: Layout, decimal: str) -> tuple[str, str, int] | None:
    """The first price with a decimal mark, its column and its line."""
    for field in ("price", "bid", "ask"):
        if field not in layout.index:
            continue
        for row, text in enumerate(_sample(fields, layout, field)):
            if decimal in text and text.strip("+-0123456789") == decimal:
                return text, layout.names[layout.index[field]], int(fields.lines.number[row])
    return None


def _are_numbers(texts: list[str]) -> bool:
    """Whether most are whole numbers of 64 bits written in full, as trade numbers are."""
    filled = [text for text in texts if text]
    whole = (int(text.partition(".")[0]) for text in filled if _WHOLE.fullmatch(text))
    fitting = sum(-_WIDEST_SEQ <= number < _WIDEST_SEQ for number in whole)
    return not filled or 2 * fitting > len(filled)


def _are_different(texts: list[str]) -> bool:
    """Whether numbers tell rows apart: those of an instrument, a venue or a constant do not."""
    filled = [text for text in texts if text]
    return len(filled) < _FEW_ROWS or _FEW_ROWS * len(set(filled)) > len(filled)


def _find_style(
    file: str, fields: Fields, layout: Layout, given: CsvOptions
) -> tuple[Layout, TimeStyle, list[str]]:
    """How times are written, the layout without its date column where times have their date, and what is assumed."""
    return _Times(file, fields, layout, given).style()


class _Times:
    """The first times of a file, and what they can be."""

    def __init__(self, file: str, fields: Fields, layout: Layout, given: CsvOptions) -> None:
        self.file = file
        self.fields = fields
        self.layout = layout
        self.given = given
        self.options = layout.options
        self.latest_us = tomorrow_us()
        self.texts = _sample(fields, layout, "time")
        self.days = _sample(fields, layout, "date") if "date" in layout.index else None
        self.assumed: list[str] = []

    def fault(self, reason: str, row: int | None = None) -> FileError:
        line = None if row is None else int(self.fields.lines.number[row])
        return FileError(self.file, reason, line=line, field=self.layout.names[self.layout.index["time"]])

    def style(self) -> tuple[Layout, TimeStyle, list[str]]:
        layout, style = self._told()
        layout, style = self._with_fraction(layout, style)
        if self._named_utc() and not (style.units and not style.since_midnight):
            if self.given.time_zone is not None and self.given.time_zone not in _UTC_ZONES:
                raise self.fault("is UTC by its name: leave --time-zone out", 0)
            style = replace(style, zone=style.zone or "UTC")
        if style.zone is not None and self.given.time_zone is not None:
            self._require_use_of_zone(layout, style)
        elif style.zone is None:
            self._require_zone(layout, style)
        if self.given.date is not None and style.date is None:
            raise self.fault("the times have a date of their own: leave --date out", 0)
        if (
            style.zone is not None
            and not self.options.all_rows
            and not (style.units and not style.since_midnight)
        ):
            self._refuse_other_zones(layout, style, style.zone)
        return layout, style, self.assumed

    def _refuse_other_zones(self, layout: Layout, style: TimeStyle, zone: str) -> None:
        """Raise `FileError` where the name of the column, or a column beside it, says another zone than `zone`."""
        name = layout.names[layout.index["time"]]
        if (
            zone in _UTC_ZONES
            and (said := _ZONE_IN_NAME.search(name)) is not None
            and said[1] in _NAMED_ZONES
        ):
            raise self.fault(
                f"is in {said[1]} by its name, not in UTC: say --time-zone with the zone that it is"
            )
        if self._named_utc():
            return  # a column beside it says where the place is from which the row is
        used = {*layout.index.values()}
        beside = [
            at for at, each in enumerate(layout.names) if at not in used and plain(each) in _ZONE_COLUMNS
        ]
        for at in beside:
            for row in range(0, len(self.texts), max(1, len(self.texts) // _ZONE_ROWS)):
                told = self.fields.text(at, row).decode("utf-8", "replace")
                time_us = self._in_zone(layout, style, row) if told else None
                if time_us is not None and not _is_zone(told, zone, time_us):
                    raise self.fault(
                        f"{self.texts[row]!r} is not in {zone} by the column {layout.names[at]}, which has {told}: say "
                        "--time-zone with the zone that it is (--all-rows: as if the column were not there)",
                        row,
                    )

    def _in_zone(self, layout: Layout, style: TimeStyle, row: int) -> int | None:
        """A time in µs that states no zone; None where it does, or is none."""
        day = self.days[row] if self.days is not None and "date" in layout.index else ""
        try:
            time_us = read_time(self.texts[row], day, style, fold=0)
        except TimeError:
            return None
        if style.since_midnight:
            return time_us
        match = match_time(self.texts[row], style, style.with_date(day))
        return time_us if match is not None and is_naive(match) else None

    def _with_fraction(self, layout: Layout, style: TimeStyle) -> tuple[Layout, TimeStyle]:
        """Whether a column beside whole seconds has the parts of them."""
        if "fraction" not in layout.index:
            return layout, style
        own = r"\.\d" if style.units else r":\d\d[.,]\d|:\d\d:\d\d:\d|^\d{9}$|^\d{12}$|^\d{15,}$"
        finer = style.units not in {(), ("s",)} or any(re.search(own, text) for text in self.texts)
        if finer:
            return layout.without("fraction"), style
        name = layout.names[layout.index["fraction"]]
        parts = [text for text in _sample(self.fields, layout, "fraction") if text]
        exponent = _fraction_exponent(name)
        fitting = [int(text) for text in parts if text.isdigit() and int(text) < 10**exponent]
        if 2 * len(fitting) <= len(parts) and "fraction" not in self.given.columns:
            return layout.without("fraction"), style
        most = max(fitting, default=0)
        if exponent > 3 and 0 < most < 1000 and len(parts) > 1:
            raise self.fault(
                f"beside it {name} may be parts of a second or of a millisecond: join the columns, or leave the parts "
                "out with --map fraction="
            )
        self.assumed.append(f"the parts of a second from {name}")
        return layout, replace(style, fraction=exponent)

    def _named_utc(self) -> bool:
        """Whether the column's name says that its times are UTC."""
        index = self.layout.index
        names = [self.layout.names[index[field]] for field in ("time", "date") if field in index]
        return any(_UTC_NAME.search(name) is not None for name in names)

    def _base(self) -> TimeStyle:
        options = self.options
        return TimeStyle(
            zone=options.time_zone, format=options.time_format, double_hour=options.double_hour,
            latest_us=self.latest_us,
        )  # fmt: skip

    def _told(self) -> tuple[Layout, TimeStyle]:
        filled = [text for text in self.texts if text]
        if not filled:
            return self.layout, self._base()
        if self.options.time_format is not None:
            return self._formatted()
        numbers = [text for text in filled if _NUMBER.fullmatch(text)]
        if self.options.time_units and 2 * len(numbers) > len(filled):
            return self._numbers(numbers)
        dates = sum(compact_date(text) for text in numbers)
        if 2 * (len(numbers) - dates) > len(filled):
            return self._numbers(numbers)
        return self._texts(filled, dates)

    def _formatted(self) -> tuple[Layout, TimeStyle]:
        form = self.options.time_format
        style = self._base()
        day = ""
        if form is not None and not (form.has_date and form.has_clock):
            if self.days is None and not form.has_date:
                style = self._dated(style)
                day = style.with_date("")
            elif self.days is None:
                raise self.fault(f"--time-format {form.text!r} has no time of day")
        layout = self.layout
        days = self.days
        if days is not None and form is not None and form.has_date and form.has_clock:
            joined = sum(
                match_time(text, style, d) is not None for text, d in zip(self.texts, days, strict=True)
            )
            alone = sum(match_time(text, style) is not None for text in self.texts)
            if alone >= joined:
                days, layout = None, layout.without("date")
        rows = zip(self.texts, days or [day] * len(self.texts), strict=True)
        fitting = sum(match_time(text, style, each) is not None for text, each in rows)
        if form is not None:
            self._refuse_swapped(form)
        if 2 * fitting <= sum(map(bool, self.texts)) and form is not None:
            shown = f"{(days or [day])[0]} {self.texts[0]}".strip()
            raise self.fault(f"{shown!r} is not written as --time-format {form.text!r}", 0)
        return layout, style

    def _refuse_swapped(self, form: TimeFormat) -> None:
        """Raise `FileError` where day and month stand the other way round than the format says."""
        if not form.has_date or "%m" not in form.text or "%d" not in form.text:
            return
        swapped = time_format(form.text.replace("%d", "%\0").replace("%m", "%d").replace("%\0", "%m"))
        texts = self.texts if form.has_clock or self.days is None else self.days
        for row, text in enumerate(texts):
            match, other = form.pattern.fullmatch(text), swapped.pattern.fullmatch(text)
            if (
                match is not None
                and other is not None
                and int(match["month"]) > _MONTHS
                and int(other["month"]) <= _MONTHS
            ):
                raise self.fault(f"{text!r} has no such month: by it the format is {swapped.text!r}", row)

    def _dated(self, style: TimeStyle) -> TimeStyle:
        """`style` with the date of all rows, from --date or the file's name; raises `FileError`."""
        if "date" not in self.given.columns:
            self._refuse_other_dates()
        if self.options.date is not None:
            if self.given.date is None:
                self.assumed.append(f"date {self.options.date} from the file's name")
            return replace(style, date=self.options.date)
        named = _date_in(Path(self.file).name)
        if named is None:
            raise self.fault(f"{self._first()!r} is a time of day without a date: say --date", 0)
        self.assumed.append(f"date {named} from the file's name")
        return replace(style, date=named)

    def _refuse_other_dates(self) -> None:
        """Raise `FileError` where a column that is not used has dates: one date for all rows would be wrong."""
        used = {*self.layout.index.values()}
        for at, name in enumerate(self.layout.names):
            if at in used or plain(name) in _LATER_DATES:
                continue
            count = min(_SAMPLE_ROWS, len(self.fields))
            texts = [self.fields.text(at, row).decode("utf-8", "replace") for row in range(count)]
            filled = [text for text in texts if text]
            if filled and all(_is_date(text) for text in filled):
                raise self.fault(
                    f"{self._first()!r} is a time of day, and the column {name} has dates: say "
                    f"--map {quoted(f'date={name}')}",
                    0,
                )

    def _first(self) -> str:
        return next(text for text in self.texts if text)

    def _numbers(self, texts: list[str]) -> tuple[Layout, TimeStyle]:
        style = self._base()
        values = [abs(float(text)) for text in texts]
        middle = statistics.median_low(values)
        row = next(row for row, text in enumerate(self.texts) if _NUMBER.fullmatch(text))
        if told_rounded := _rounded(values):
            raise self.fault(f"{self.texts[row]} {told_rounded}", row)
        stated = self.options.time_units
        told = plausible_unit(middle, self.latest_us)
        if told is not None and not self.given.time_units and told not in stated:
            stated = ()  # a layout that was recognised, of a version that counts otherwise
        if told is not None:
            return self._since_1970(texts, told, stated, row)
        if stated and self._within_a_day(values, stated[0]):
            return self._since_midnight(middle, stated[0], row)
        shown = self.texts[row]
        if (what := foreign(middle)) is not None and not self._clock_digits(texts):
            raise self.fault(f"{shown} {what}", row)
        if not stated and self._clock_digits(texts):
            self._refuse_odd_epoch(
                middle, row, "where they are the digits of a clock: --time-format %H%M%S%f"
            )
            return self._texts([text for text in self.texts if text], 0)
        if stated and 0 < middle * 10.0 ** -UNIT_EXPONENT[stated[0]] < 7_258_118_400:
            layout = self.layout.without("date") if self.days is not None else self.layout
            return layout, replace(style, units=stated)
        raise self.fault(self._no_number_of_time(shown, values), row)

    def _since_1970(
        self, texts: list[str], told: TimeUnit, stated: tuple[TimeUnit, ...], row: int
    ) -> tuple[Layout, TimeStyle]:
        """Numbers that are of the unit `told` by their magnitude."""
        shown, style = self.texts[row], self._base()
        if told == "s" and not stated and (either := seconds_or_short_year(texts)) is not None:
            raise self.fault(f"{shown} {either}", row)
        if not stated:
            self._refuse_other_epoch(statistics.median_low(abs(float(text)) for text in texts), told, row)
        elif told not in stated:
            raise self.fault(f"{shown} looks like {UNIT_NAMES[told]}, not like {UNIT_NAMES[stated[0]]}", row)
        layout = self.layout.without("date") if self.days is not None else self.layout
        return layout, replace(style, units=stated or (told,), guessed=not stated, zone=style.zone)

    def _since_midnight(self, middle: float, unit: TimeUnit, row: int) -> tuple[Layout, TimeStyle]:
        """Numbers of less than a day, whose unit was said."""
        style = replace(self._base(), units=(unit,))
        if self._has_day():
            self._refuse_odd_epoch(middle, row, "--all-rows: they are since midnight, as was said")
            return self.layout, self._dated_if_needed(replace(style, since_midnight=True))
        if middle >= _EARLY_S * 10.0 ** UNIT_EXPONENT[unit] and not self.options.all_rows:
            raise self.fault(
                f"{self.texts[row]} is within a day, as {UNIT_NAMES[unit]} since midnight are: say --date "
                "(--all-rows: it is of 1 January 1970)",
                row,
            )
        return self.layout.without("date") if self.days is not None else self.layout, style

    def _refuse_other_epoch(self, middle: float, unit: TimeUnit, row: int) -> None:
        """Raise `FileError` where numbers are of the 1990s since 1970, and of these years since 2000."""
        micros = middle * 10.0 ** (6 - UNIT_EXPONENT[unit])
        if micros + OTHER_EPOCH_US > self.latest_us:
            return
        year, later = ((EPOCH + timedelta(microseconds=micros + more)).year for more in (0, OTHER_EPOCH_US))
        raise self.fault(
            f"{self.texts[row]} may be {UNIT_NAMES[unit]} since 1970 (of {year}), or since 2000 (of {later}), as kdb+ and "
            f"PostgreSQL count: the first needs --time-unit {unit}, for the second write the times as text",
            row,
        )

    def _refuse_odd_epoch(self, middle: float, row: int, otherwise: str) -> None:
        """Raise `FileError` where numbers that may be times of day may be of a unit since 1970 that is not read.

        A date that is far from what they are then tells that they are not.
        """
        odd = odd_epoch(middle, self.latest_us)
        if odd is None or self.options.all_rows:
            return
        shown = self.texts[row]
        if not self._has_day():
            raise self.fault(f"{shown} may be a time of day (then say --date), or {odd.words}", row)
        day = self.options.date or (None if self.days else _date_in(Path(self.file).name))
        text = self.days[row] if self.days else "" if day is None else day.isoformat()
        said, near = DATE_TEXT.match(text), DATE_TEXT.match(odd.day.isoformat())
        if said is not None and near is not None and abs(_day_of(said) - _day_of(near)) <= _DAYS_APART:
            raise self.fault(f"{shown} looks like {odd.words} ({otherwise})", row)

    def _has_day(self) -> bool:
        if self.days is not None:
            return any(DATE_TEXT.fullmatch(day) for day in self.days)
        return self.options.date is not None or _date_in(Path(self.file).name) is not None

    def _dated_if_needed(self, style: TimeStyle) -> TimeStyle:
        return style if self.days is not None else self._dated(style)

    @staticmethod
    def _within_a_day(values: list[float], unit: TimeUnit) -> bool:
        return all(value < _DAY_S * 10.0 ** UNIT_EXPONENT[unit] for value in values)

    @staticmethod
    def _clock_digits(texts: list[str]) -> bool:
        """Whether numbers are the digits of a clock (093000123): all of one length, which no number since midnight has."""
        heads = [text.partition(".")[0] for text in texts]
        if all(_SHORT_YEAR.fullmatch(head) for head in heads):
            return False  # may begin with a year of two digits
        lengths = {len(head) for head in heads}
        return (
            len(lengths) == 1
            and lengths <= ({6} if any("." in text for text in texts) else set(_CLOCK_DIGITS))
            and all(
                head.isdigit() and head[:2] < "25" and head[2:4] < "60" and head[4:6] < "61" for head in heads
            )
        )

    def _no_number_of_time(self, shown: str, values: list[float]) -> str:
        """Why numbers are no times, and what would make them."""
        if all(_SHORT_YEAR.fullmatch(text) for text in self.texts if text):
            return (
                f"{shown} may begin with a year of two digits or be the digits of a clock: say --time-format"
            )
        if (odd := odd_epoch(statistics.median_low(values), self.latest_us)) is not None:
            midnight = next((unit for unit in ("us", "ns") if self._within_a_day(values, unit)), None)
            either = (
                f"may be a number since midnight (--time-unit {midnight} and a date), or "
                if midnight
                else "looks like "
            )
            return f"{shown} {either}{odd.words}"
        for unit, scale in (("days", 86_400_000_000), ("minutes", 60_000_000)):
            if all(EARLIEST_GUESS_US <= value * scale <= self.latest_us for value in values):
                return f"{shown} may be {unit} since 1970, which are not read, or a number since midnight: write the times as text"
        digits_of: dict[TimeUnit, int] = {"s": 6, "ms": 9, "us": 12, "ns": 15}
        heads = [text.partition(".")[0] for text in self.texts if _NUMBER.fullmatch(text)]
        for unit, digits in digits_of.items():
            # From a quarter past midnight on, and of no more than a day.
            if not _EARLY_S * 10.0 ** UNIT_EXPONENT[unit] <= max(values) or not self._within_a_day(
                values, unit
            ):
                continue
            clocks = [head.zfill(digits) for head in heads]
            if any(clock[2:4] >= "60" or clock[4:6] >= "60" for clock in clocks):
                dated = "" if self._has_day() else " and --date"
                return f"{shown} looks like {UNIT_NAMES[unit]} since midnight: say --time-unit {unit}{dated}"
            return (
                f"{shown} may be the digits of a clock or a number since midnight: the first needs --time-format, the "
                "second --time-unit, and a date (--date) where there is none"
            )
        return (
            _short_clock(heads, shown)
            or f"{shown} is no time since 1970 in any unit, from 1990 to tomorrow (where it is one: say --time-unit)"
        )

    def _texts(self, filled: list[str], dates: int) -> tuple[Layout, TimeStyle]:
        style = self._base()
        if not self.options.all_rows:
            self._require_whole_clocks(self.layout, filled)
        clocks = sum(CLOCK_TEXT.fullmatch(text) is not None for text in filled)
        whole = sum(TIME_TEXT.fullmatch(text) is not None and not text.isdigit() for text in filled) + dates
        if self.given.time_units:
            raise self.fault(f"{filled[0]!r} is no number: leave --time-unit out", 0)
        if whole >= clocks and whole:
            self._require_clock(filled)
            self._require_one_notation(filled)
            self._require_known_zones(filled)
            if self.days is not None and not self.options.all_rows:
                self._refuse_another_day()
            layout = self.layout.without("date") if self.days is not None else self.layout
            return layout, style
        if clocks:
            if self.days is None:
                return self.layout, self._dated(style)
            form = self._midnights()
            if form is not None:
                return self.layout, replace(style, format=form)
            self._check_days()
            return self.layout, style
        last = [text for text in filled if DAY_FIRST.fullmatch(text)]
        if last:
            raise self.fault(_year_last(last), 0)
        raise self.fault(_no_time(filled[0]), 0)

    def _require_clock(self, filled: list[str]) -> None:
        """Raise `FileError` where times are dates alone."""
        days = sum(DATE_TEXT.fullmatch(text) is not None for text in filled)
        if 2 * days > len(filled) and not self.options.all_rows and self.days is None:
            raise self.fault(
                f"{filled[0]!r} is a date without a time of day: one price a day is no tick, load the trades it comes from",
                0,
            )

    def _require_one_notation(self, texts: list[str]) -> None:
        """Raise `FileError` where dates are as a spreadsheet leaves them that took days for months where it could.

        It makes dates of those that it can read its own way, which have their days and months swapped then, and leaves the
        others as they were: with a number above 12.
        """
        last = [match for text in texts if (match := DAY_FIRST.fullmatch(text)) is not None]
        if not last or any(max(int(match[1]), int(match[3])) <= _MONTHS for match in last):
            return
        read = [match for text in texts if (match := match_time(text, self._base())) is not None]
        days = [int(match["day"] or match["day2"] or 99) for match in read if "day2" in match.re.groupindex]
        if days and max(days) <= _MONTHS:
            raise self.fault(
                f"beside dates such as {read[0].string!r} there are such as {last[0].string!r}, as where a spreadsheet took "
                "days for months: the first may have them swapped, load the file as it was before"
            )

    def _require_whole_clocks(self, layout: Layout, texts: list[str]) -> None:
        """Raise `FileError` where AM and PM stand in a column of their own, or parts of a second lack zeros in front."""
        used = {*layout.index.values()}
        for at, name in enumerate(layout.names):
            count = min(_SAMPLE_ROWS, len(self.fields))
            if (
                at in used
                or (halves := {self.fields.text(at, row).upper() for row in range(count)}) - _HALVES
            ):
                continue
            if halves - {b""}:
                raise self.fault(f"beside it {name} has AM and PM: join it to the time, as in 9:30:00 PM")
        parts = [match[1] for text in texts if (match := _PARTS.search(text)) is not None]
        lengths = {*map(len, parts)}
        few = (max(lengths, default=9) <= 3 and len(lengths) > 1) or (
            max(lengths, default=9) <= 6 and len(lengths) > 3
        )
        if few and any(part.endswith("0") and len(part) > min(lengths) for part in parts):
            shown = next(
                text for text in texts if (match := _PARTS.search(text)) and len(match[1]) == min(lengths)
            )
            raise self.fault(
                f"{shown!r} may be a decimal, or a number of milliseconds without zeros in front, as others end in 0: write them "
                "all with as many digits (--all-rows: they are decimals)"
            )

    def _require_known_zones(self, texts: list[str]) -> None:
        """Raise `FileError` where the names of zones behind the times are known to nobody."""
        unknown = [
            match
            for text in texts
            if (match := match_time(text, self._base())) is not None
            and match.groupdict().get("zone_name")
            and named_zone(match["zone_name"]) is None
        ]
        if 2 * len(unknown) > len(texts):
            name = unknown[0]["zone_name"]
            raise self.fault(
                f"{unknown[0].string!r} names the zone {name}, which could be several: say how it is written, with {name} "
                f"in the format, and the zone that it is (such as --time-format '%Y-%m-%d %H:%M:%S {name}' --time-zone …)",
                0,
            )

    def _midnights(self) -> TimeFormat | None:
        """The format of dates that all have a midnight behind them, as data frames and databases write dates; else None."""
        days = [day for day in self.days or () if day]
        ends = {match[1] for day in days if (match := _MIDNIGHT.fullmatch(day)) is not None}
        if len(ends) != 1 or not all(_MIDNIGHT.fullmatch(day) for day in days):
            return None
        return time_format(f"%Y-%m-%d{ends.pop()}")

    def _refuse_another_day(self) -> None:
        """Raise `FileError` where a column of dates says other days than the times: then one of both is none of the trades."""
        for row, (day, text) in enumerate(zip(self.days or (), self.texts, strict=False)):
            own, said = TIME_TEXT.fullmatch(text), DATE_TEXT.match(day)
            if own is None or said is None or text.isdigit():
                continue
            if abs(_day_of(own) - _day_of(said)) <= _DAYS_APART:
                continue
            name, day_part = self.layout.names[self.layout.index["date"]], DATE_TEXT.match(text)
            shown = "" if day_part is None else day_part[0]
            clock = _clock_format(text[len(shown) :])
            joined = f"--time-format '{shown}{clock}'" if clock else "--time-format"
            no_day = int(own["year"] or own["year3"]) in _NO_YEARS
            right = "" if no_day else "where the time's is right, say --map date=; "
            raise self.fault(
                f"{text!r} is of another day than {day!r} in the column {name}: {right}"
                f"where {shown} stands for no date, say {joined}",
                row,
            )

    def _check_days(self) -> None:
        days = [day for day in self.days or () if day]
        if any(DATE_TEXT.fullmatch(day) for day in days):
            self._require_one_notation(days)
        if not days or any(DATE_TEXT.fullmatch(day) for day in days):
            return
        last = [day for day in days if DAY_FIRST.fullmatch(day)]
        if last:
            raise self.fault(_year_last(last), 0)
        raise self.fault(f"{days[0]!r} is no ISO 8601 date: say --time-format", 0)

    def _require_use_of_zone(self, layout: Layout, style: TimeStyle) -> None:
        if style.units and not style.since_midnight:
            raise self.fault(
                "the times are numbers since 1970 UTC and need no zone: leave --time-zone out", 0
            )
        if style.units:
            return
        at, day = layout.index["time"], layout.index.get("date")
        for row in range(len(self.fields)):
            text = self.fields.text(at, row).decode("utf-8", "replace")
            dated = "" if day is None else self.fields.text(day, row).decode("utf-8", "replace")
            match = match_time(text, style, style.with_date(dated))
            if match is None or is_naive(match):
                return
        raise self.fault("every time states its zone: leave --time-zone out", 0)

    def _require_zone(self, layout: Layout, style: TimeStyle) -> None:
        if style.units and not style.since_midnight:
            return
        naive = [0] if style.since_midnight else []
        aware = 0
        if not style.since_midnight:
            days = self.days if "date" in layout.index else None
            for row in range(0, len(self.texts), max(1, len(self.texts) // _ZONE_ROWS)):
                text = self.texts[row]
                match = match_time(text, style, style.with_date("" if days is None else days[row]))
                if match is not None and is_naive(match):
                    naive.append(row)
                elif match is not None:
                    aware += 1
        if len(naive) > aware:
            raise self.fault(
                f"the time {self.texts[naive[0]]!r} has no time zone: say --time-zone and the zone it is in",
                naive[0],
            )


def _day_of(match: re.Match[str]) -> int:
    """The day of a date as a number; those of one year are as far apart as they are."""
    parts = match.groupdict()
    year = int(parts["year"] or parts["year3"])
    month = parts["month"] or parts["month2"]
    number = int(month) if month else _MONTH_NAMES.index(parts["month_name"][:3].lower()) + 1
    return 372 * year + 31 * number + int(parts["day"] or parts["day2"] or parts["day3"])


def _is_zone(told: str, zone: str, time_us: int) -> bool:
    """Whether `told`, a name or hours from UTC, may be what `zone` has at an instant."""
    there = (EPOCH + timedelta(microseconds=time_us)).astimezone(ZoneInfo(zone))
    away = there.utcoffset() or timedelta()
    if _COUNTED.fullmatch(told) and away in (timedelta(minutes=int(told)), timedelta(seconds=int(told))):
        return True
    if (hours := _HOURS.fullmatch(told)) is not None:
        offset = timedelta(hours=float(hours["hours"]), minutes=int(hours["minutes"] or 0))
        return abs(away) == offset and (not offset or (away < timedelta()) == (hours["sign"] == "-"))
    if told in {zone, there.tzname()}:
        return True
    named = named_zone(told)
    if isinstance(named, int):
        return away == timedelta(minutes=named)
    return is_known_zone(told) and there.astimezone(ZoneInfo(told)).utcoffset() == away


def _no_time(text: str) -> str:
    """Why a text is no time, and what helps."""
    if HOUR_LOST.fullmatch(text):
        return (
            f"{text!r} has lost its hour, as a spreadsheet shows it (mm:ss): have the column shown as a date and time "
            "before it is saved"
        )
    if text.startswith("\r"):
        return f"{text!r} begins with a carriage return, as where lines end in LF and CR: {WITHOUT_RETURNS}"
    if text.startswith('="'):
        return (
            f"{text!r} is written as a formula for a spreadsheet: `{WITHOUT_FORMULAS} FILE | tickdeck load "
            "/dev/stdin …` takes that off"
        )
    if text[:1] == text[-1:] == "'" and len(text) > 1:
        return f"{text!r} is in single quotes, which stay parts of a field: have it written without, or in double quotes"
    return f"{text!r} is no ISO 8601 time: say --time-format"


def _short_clock(heads: list[str], shown: str) -> str | None:
    """What helps where numbers are the digits of a clock without their first zero."""
    lengths = {*map(len, heads)}
    for digits, advice in (
        (6, "say --time-format %H%M%S"),
        (9, "with milliseconds: write all 9 digits, and say --time-format %H%M%S%f"),
    ):
        if {digits - 1} <= lengths <= {digits - 1, digits} and all(
            _SHORT_CLOCK.fullmatch(head.zfill(digits)) for head in heads
        ):
            return f"{shown} may be the digits of a clock without their first zero: {advice}"
    return None


def _rounded(values: list[float]) -> str | None:
    """Why numbers are no times where they have gone through floats of 32 bits, which lie minutes apart."""
    different = set(values)
    for step in (128.0, 131_072.0, 134_217_728.0, 137_438_953_472.0):
        low, high = (2.0**23 * step, 2.0**24 * step)
        if len(different) > 1 and all(low <= each < high and each % step == 0 for each in different):
            return "and the others look like numbers that were kept as floats of 32 bits, which are minutes apart"
    return None


def _is_date(text: str) -> bool:
    """Whether a text is a date, or a date and time, and no mere number."""
    if text.isdigit():
        return len(text) == len("20240102") and compact_date(text)
    return TIME_TEXT.fullmatch(text) is not None or DAY_FIRST.fullmatch(text) is not None


def _fraction_exponent(name: str) -> int:
    """Of what power of ten a column's name says that it counts parts of a second."""
    key = plain(name)
    starts = {"mil": 3, "ms": 3, "mic": 6, "us": 6, "nano": 9, "ns": 9}
    return next((exponent for start, exponent in starts.items() if key.startswith(start)), 3)


def _date_in(name: str) -> date | None:
    """The one date that a file's name has."""
    found = set()
    for year, _, month, day in _FILE_DATE.findall(name):
        try:
            each = date(int(year), int(month), int(day))
        except ValueError:
            continue
        if 1970 <= each.year < 2200:
            found.add(each)
    return found.pop() if len(found) == 1 else None


def _year_last(texts: list[str]) -> str:
    """Why dates with their year last, or of two digits, are refused, with the formats that they can be of."""
    parts = [match for text in texts if (match := DAY_FIRST.fullmatch(text)) is not None]
    shown, mark = parts[0][0], parts[0][2]
    clock = _clock_format(shown[parts[0].end(4) :])
    short = any(len(match[4]) == len("24") for match in parts)
    orders = (("%d", "%m", "%y"), ("%m", "%d", "%y"), ("%y", "%m", "%d")) if short else (
        ("%d", "%m", "%Y"), ("%m", "%d", "%Y"),
    )  # fmt: skip
    fitting = [order for order in orders if all(_are_date(order, match.group(1, 3, 4)) for match in parts)]
    if len(fitting) == 1:
        where = "its year of two digits" if short else "its year last"
        return f"{shown!r} has {where}: say --time-format '{mark.join(fitting[0])}{clock}'"
    if not short:
        return (
            f"{shown!r} may have the day or the month first: say which with --time-format, where %d is the day and "
            "%m the month"
        )
    could = " or ".join(f"'{mark.join(order)}{clock}'" for order in fitting)
    return f"{shown!r} may have the day, the month or a year of two digits first: say --time-format" + (
        f" {could}" if could else ", where %y is the year, %m the month and %d the day"
    )


def _are_date(order: tuple[str, ...], texts: tuple[str, ...]) -> bool:
    """Whether numbers in this order are a date, from 1990 to tomorrow."""
    found = dict(zip(order, map(int, texts), strict=True))
    year = found.get("%Y", 1900 + found.get("%y", 0) + 100 * (found.get("%y", 0) < _CENTURY))
    try:
        each = date(year, found["%m"], found["%d"])
    except ValueError:
        return False
    return EARLIEST_GUESS_US <= (each - EPOCH.date()).days * DAY_US <= tomorrow_us()


def _clock_format(rest: str) -> str:
    """What strptime calls the time of day that follows a date, with what stands between."""
    match = _CLOCK_BEHIND.fullmatch(rest)
    if match is None:
        return ""
    gap, seconds, fraction, half, zone = match.group("gap", "seconds", "fraction", "half", "zone")
    hour = "%I" if half else "%H"
    end = "" if not half else f"{' ' if half[0] == ' ' else ''}%p"
    end += re.sub(r"[+-].*|Z", "%z", zone or "")
    return f"{gap}{hour}:%M{':%S' if seconds else ''}{fraction[0] + '%f' if fraction else ''}{end}"
