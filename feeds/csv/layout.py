"""Finds out which column of a file is which: its delimiter and the meaning of its header's names."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tickdeck.feeds.csv.fields import Lines
from tickdeck.feeds.csv.notations import NO_NUMBER, NO_UTF8, WITHOUT_RETURNS
from tickdeck.feeds.csv.options import CsvOptions, plain
from tickdeck.feeds.csv.presets import NO_PRESET, Preset, named, presets, recognised
from tickdeck.feeds.csv.times import CLOCK_TEXT, DAY_FIRST, TIME_TEXT
from tickdeck.feeds.errors import FileError

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": (
        "time_msc", "time_utc", "timestamp_utc", "utc_time", "datetime_utc", "utc_datetime", "time_gmt", "time",
        "timestamp", "ts", "datetime", "date_time", "t", "ts_event", "transact_time", "transaction_time", "trade_time",
        "event_time", "exchange_time", "time_exchange", "exchange_timestamp", "trade_timestamp", "trade_ts",
        "participant_timestamp", "sip_timestamp", "time_m", "timestamp_ms", "timestamp_us", "timestamp_ns", "time_ms",
        "time_us", "time_ns", "epoch", "unix", "unix_time", "unix_timestamp", "gmt_time", "time_g", "local_time", "mts",
        "created_time", "created_at", "executed_at",
    ),
    "date": ("date", "trade_date", "day", "utc_date", "date_utc", "date_gmt", "gmt_date", "date_g"),
    "fraction": (
        "ms", "msec", "msecs", "millis", "millisec", "millisecond", "milliseconds", "us", "usec", "usecs", "micros",
        "microsec", "microsecond", "microseconds", "ns", "nsec", "nanos", "nanosec", "nanosecond", "nanoseconds",
    ),
    "symbol": (
        "symbol", "ticker", "sym", "instrument", "ric", "security", "sym_root", "pair", "product_id", "code", "s",
        "symbol_id", "instrument_name", "inst_id", "currency_pair", "ticker_symbol", "trading_symbol", "secid",
    ),
    "suffix": ("sym_suffix", "symbol_suffix", "suffix"),
    "price": ("price", "last", "px", "p", "last_price", "trade_price", "last_traded_price", "ltp", "rate"),
    "size": (
        "size", "last_size", "trade_size", "last_qty", "last_quantity", "last_traded_quantity", "ltq", "last_volume", "trade_volume", "trade_qty", "trade_quantity",
        "qty", "quantity", "base_amount", "amount", "shares", "volume", "vol", "sz", "v",
    ),
    "bid": ("bid", "bid_price", "price_bid", "best_bid", "best_bid_price", "bid_px", "best_bid_px", "bid_px_00", "b"),
    "ask": (
        "ask", "ask_price", "price_ask", "offer", "offer_price", "best_ask", "best_ask_price", "best_offer", "ask_px",
        "best_ask_px", "ask_px_00", "ofr", "a",
    ),
    "exchange": ("exchange", "venue", "ex", "exch", "mic", "market"),
    "conditions": (
        "conditions", "condition", "cond", "conds", "sale_condition", "sale_conditions", "tr_scond", "c",
    ),
    "seq": (
        "seq", "sequence", "sequence_number", "seq_no", "seqnum", "tr_seqnum", "trade_seq", "trade_id", "tid",
        "trade_no", "trade_number", "trade_num", "agg_trade_id", "deal_id", "deal_no", "tick_id", "id",
    ),
    "side": ("side", "taker_side", "aggressor_side", "aggressor", "direction", "oper", "is_buyer_maker"),
}  # fmt: skip
"""For each field the names its column goes by, the likeliest first; see `plain` for how names are compared."""

_BAR_PART: Final = re.compile(
    r"(?:bid|ask|mid|trade)?(?:(?P<high>high|maxprice)|(?P<low>low|minprice)|(?P<open>open|startprice)"
    r"|(?P<close>close|endprice))(?:price|px|bid|ask|mid)?"
)
"""Names of the parts of a bar; two that belong together make a file one of bars, whatever stands beside them."""
_BARS_ELSEWHERE: Final = (
    ("hoch", "tief"), ("eröff", "schlu"), ("máx", "mín"), ("max", "min"), ("apertura", "cierre"), ("apertura", "chiusura"),
    ("abertura", "fechamento"), ("plus haut", "plus bas"), ("ouverture", "clôture"), ("макс", "мин"), ("откр", "закр"),
    ("najw", "najn"), ("otwarcie", "zamkn"), ("最高", "最低"), ("开盘", "收盘"), ("高値", "安値"), ("始値", "終値"), ("고가", "저가"),
)  # fmt: skip
"""How names begin that parts of bars have in other languages; two of a pair make a file one of bars."""
_AVERAGES: Final = frozenset(
    {"vwap", "twap", "avgprice", "averageprice", "adjclose", "settle", "settlement", "settlementprice"}
)
"""Prices that are of no trade."""
_SNAPSHOT: Final = frozenset(
    {"openinterest", "fundingrate", "markprice", "indexprice", "markiv", "bidiv", "askiv", "strikeprice"}
)
"""Columns of a ticker's snapshots, which repeat the last price; of a file without sizes."""
_EITHER_SIZE: Final = (("amount",), ("volume", "vol", "v"))
"""One is the size and the other money, and which is which differs by market."""
_EXECUTED: Final = frozenset(
    {"filled", "filledqty", "filledquantity", "filledsize", "executed", "executedqty", "executedquantity", "cumqty",
     "leavesqty", "remaining", "remainingqty", "origqty"}
)  # fmt: skip
"""How much of an order was traded, or is left: beside it a quantity is not that of a trade."""
_NO_HEADER: Final = ("#", "sep=", '"sep=')
"""How a comment begins, and the line by which Excel is told the delimiter."""
_CANDIDATES: Final = (",", ";", "\t", "|", " ")
_NUMBER: Final = re.compile(r"[+-]?\d+([.,]\d+)*", re.ASCII)
_PAIR: Final = re.compile(r"[A-Za-z0-9_.]+=\S", re.ASCII)
"""A name and its value, as FIX and logs write them."""
_MAX_TITLES: Final = 50
_SURELY_NAMES: Final = 3
"""A line with so many known names is the header."""


_KNOWN: Final = frozenset(plain(alias) for aliases in ALIASES.values() for alias in aliases)


@dataclass(frozen=True, slots=True)
class Layout:
    """How the lines of one file are read: `index` gives the column of each field that there is.

    `header_line` is the number of the line with the names, or 0 where there is none; `skip` lines of the first
    block are no data: the header and `titles` above it.  `preset` is the known layout that this is, `told`
    that a user said so.  `options` are the user's, completed by it.
    """

    delimiter: str
    names: tuple[str, ...]
    index: Mapping[str, int]
    header_line: int
    skip: int
    titles: int
    preset: Preset | None
    options: CsvOptions

    def described(self) -> str:
        """`field=column` of each field, as --map takes them."""
        return ", ".join(
            f"{field}={self.names[at] or '(the first, unnamed)'}" for field, at in self.index.items()
        )

    def column(self, name: str) -> int | None:
        """The place of the column of this name, compared as `plain` does where it is not written so."""
        if name in self.names:
            return self.names.index(name)
        return _places(self.names).get(plain(name))

    def without(self, field: str) -> Layout:
        """The same without one of its fields."""
        return replace(self, index={name: at for name, at in self.index.items() if name != field})


def find_layout(file: str, lines: Lines, options: CsvOptions, names: tuple[str, ...] | None = None) -> Layout:
    """The layout of a file that begins with `lines` (at least one); raises `FileError` saying what is missing.

    `names` are those of the columns where the file has them elsewhere: then it has no header line.
    """
    name = Path(file).name
    preset = None
    if options.preset not in {None, NO_PRESET}:
        preset = named(options.preset or "")
        options = preset.applied(options, name)
    if names is not None:
        preset, options = _recognised(preset, options, names if options.header is None else (), name)
        return _layout(file, ",", options.header or names, options, lines, preset, skip=0)
    first = _text(file, lines, 0)
    if options.header is not None:
        delimiter = options.delimiter or max(_CANDIDATES, key=first.count)
        return _layout(file, delimiter, options.header, options, lines, preset, skip=0)
    at = _header_at(file, lines, options)
    line, number = _text(file, lines, at), int(lines.number[at])
    delimiter, names = _split(file, number, line, options)
    if _is_data(names, options):
        at = 0
        delimiter, names = _split(file, int(lines.number[0]), first, options, preset)
        preset, options = _recognised(preset, options, names, name, has_header=False)
        if preset is None or not preset.columns:
            reason = (
                f"has data where the names of the columns should be: {_short(first)!r}; "
                f"say --columns NAME,NAME,… or --preset{_fitting_presets(len(names))}"
            )
            raise FileError(file, reason, line=int(lines.number[0]))
        _require_fit(file, preset, names, first, int(lines.number[0]))
        return _layout(file, delimiter, preset.columns[: len(names)], options, lines, preset, skip=0)
    if len(names) == 1 and line.startswith('"') and len(_names(file, number, names[0], ",")) > 1:
        reason = (
            'each line is one quoted field: take the quotes around it off, as `sed \'s/^"//; s/"$//; s/""/"/g\' FILE | '
            "tickdeck load /dev/stdin …` does"
        )
        raise FileError(file, reason, line=number)
    if len(pairs := [name for name in names if _PAIR.match(name)]) >= _SURELY_NAMES:
        reason = (
            f"names its values in each line, as in {_short(pairs[1], 40)!r}, which is not read: write it as CSV, with the names in "
            "a header"
        )
        raise FileError(file, reason, line=number)
    if len(names) == 1:
        told = f"the delimiter {delimiter!r} is not in" if options.delimiter else "cannot tell what separates"
        raise FileError(
            file, f"{told} the columns of the header {_short(line)!r}: say --delimiter", line=number
        )
    if delimiter == " " and "" in names:
        raise FileError(
            file,
            "its columns are set apart by several blanks: make each run of them one, as "
            "`tr -s ' ' < FILE | tickdeck load /dev/stdin …` does",
            line=number,
        )
    preset, options = _recognised(preset, options, names, name)
    return _layout(file, delimiter, names, options, lines, preset, skip=at + 1)


def _require_fit(file: str, preset: Preset, names: tuple[str, ...], first: str, line: int) -> None:
    """Raise `FileError` where a file without a header may have other columns than `preset`; `names` are its first row's fields."""
    if not len(preset.columns) - preset.optional <= len(names) <= len(preset.columns):
        reason = f"has {len(names)} columns, the preset {preset.name} has {', '.join(preset.columns)}"
        raise FileError(file, reason, line=line)
    if preset.checked == "memory":
        reason = (
            f"has no header, and the layout of the preset {preset.name} was compared with no file of that vendor: look at "
            f"{_short(first)!r}, leave --preset out, and name the {len(names)} columns in their order with --columns NAME,NAME,… "
            f"(of the names {', '.join(preset.columns)}, if they are those)"
        )
        raise FileError(file, reason, line=line)


def _recognised(
    preset: Preset | None,
    options: CsvOptions,
    names: tuple[str, ...],
    file_name: str,
    *,
    has_header: bool = True,
) -> tuple[Preset | None, CsvOptions]:
    """The layout that the columns' names, or the file's own, are known for, and the options completed by it."""
    if preset is None and options.preset != NO_PRESET:
        preset = recognised(map(plain, names), file_name, has_header=has_header)
        options = options if preset is None else preset.applied(options, file_name)
    return preset, options


def _fitting_presets(columns: int) -> str:
    """The presets without a header that have so many columns."""
    fitting = [
        each.name
        for each in presets().values()
        if each.columns
        and each.checked != "memory"
        and len(each.columns) - each.optional <= columns <= len(each.columns)
    ]
    return f" (of {columns} columns: {', '.join(fitting)})" if fitting else ""


def _text(file: str, lines: Lines, row: int) -> str:
    raw, number = lines.raw(row), int(lines.number[row])
    try:
        line = raw.decode()
    except UnicodeDecodeError as exc:
        reason = f"the header is no UTF-8 text (byte 0x{raw[exc.start]:02X} at {exc.start + 1}): {NO_UTF8}"
        raise FileError(file, reason, line=number) from exc
    if line.count("\x01") > 1:
        reason = "its columns are set apart by the character 0x01: `tr '\\001' '\\t' < FILE | tickdeck load /dev/stdin …` makes tabs of it"
        raise FileError(file, reason, line=number)
    if line.strip("\r") != line:
        raise FileError(file, f"its lines end in more than CR and LF: {WITHOUT_RETURNS}", line=number)
    if any(not character.isprintable() and character != "\t" for character in line):
        raise FileError(file, "this is no text: it looks like a binary file", line=number)
    return line


def _header_at(file: str, lines: Lines, options: CsvOptions) -> int:
    """The row of the header: the first, or where that is a title, the one below that has known names."""
    start = 0
    for row in range(min(_MAX_TITLES, len(lines))):
        try:
            line = _text(file, lines, row)
            _, names = _split(file, int(lines.number[row]), line, options)
        except FileError:
            if row == 0:
                raise
            break
        known = _known(names, options)
        comment = line.startswith(_NO_HEADER)
        if known >= _SURELY_NAMES or (row == start and not comment and known == _SURELY_NAMES - 1):
            return row
        if row == start and comment:
            start += 1
        elif _is_data(names, options):
            break
    return start if start < len(lines) else 0


def _split(
    file: str, number: int, line: str, options: CsvOptions, preset: Preset | None = None
) -> tuple[str, tuple[str, ...]]:
    """The delimiter that makes most sense of a line, and its fields."""
    choices = (options.delimiter,) if options.delimiter else _CANDIDATES
    split, fault = {}, None
    for delimiter in choices:
        try:
            split[delimiter] = _names(file, number, line, delimiter)
        except FileError as exc:
            fault = fault or exc
    if not split and fault is not None:
        raise fault
    if any(len(split[each]) > 1 for each in split if each != " "):
        split.pop(" ", None)  # blanks stand inside names and titles as well
    fitting = (
        set() if preset is None else {*range(len(preset.columns) - preset.optional, len(preset.columns) + 1)}
    )
    delimiter = max(
        split,
        key=lambda each: (len(split[each]) in fitting, _known(split[each], options), len(split[each])),
    )
    return delimiter, split[delimiter]


def _is_data(names: tuple[str, ...], options: CsvOptions) -> bool:
    """Whether a first line holds values instead of names."""
    values = [*map(_is_value, names)]
    # One letter is a name of a column, and a value as well.
    return values[0] or (sum(values) >= 2 and _known([name for name in names if len(name) > 1], options) == 0)


def _names(file: str, number: int, line: str, delimiter: str) -> tuple[str, ...]:
    try:
        row = next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=delimiter != " "))
    except csv.Error as exc:
        raise FileError(file, f"the header's quotes do not match: {exc}", line=number) from exc
    return tuple(name.strip() for name in row)


def same_names(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether two headers name the same columns in the same order."""
    return [plain(name) or name for name in one] == [plain(name) or name for name in other]


def is_header(cells: tuple[str, ...], names: tuple[str, ...]) -> bool:
    """Whether a line in the middle of a file holds names of columns: several that are known or the file's own, and no value.

    Letters of symbols, exchanges and conditions are short names, too: a bad row of T at P with condition T is no header.
    """
    if len(cells) == len(names) == len(set(cells)) >= _SURELY_NAMES and all(map(_is_name, cells)):
        return True  # of another language, perhaps
    own = {plain(name) for name in names if len(name) > 1}
    known = {plain(cell) for cell in cells}.intersection(_KNOWN | own)
    return len(known) >= _SURELY_NAMES and not any(map(_is_value, cells))


def _is_name(cell: str) -> bool:
    """Whether a cell has nothing but words."""
    bare = re.sub(r"[\s_.()/-]", "", cell)
    return len(bare) > 1 and bare.isalpha() and cell not in NO_NUMBER


def _is_value(cell: str) -> bool:
    forms = (_NUMBER, TIME_TEXT, CLOCK_TEXT, DAY_FIRST)
    return any(form.fullmatch(cell) for form in forms)


def _known(names: Iterable[str], options: CsvOptions) -> int:
    told = {plain(name) for name in options.columns.values() if name}
    return sum(plain(name) in _KNOWN or plain(name) in told for name in names)


def _layout(
    file: str,
    delimiter: str,
    names: tuple[str, ...],
    options: CsvOptions,
    lines: Lines,
    preset: Preset | None,
    *,
    skip: int,
) -> Layout:
    line = int(lines.number[skip - 1]) if skip else None
    if not options.all_rows:
        _refuse_bars(file, names, titles=max(0, skip - 1), line=line)
    _require_same_delimiter(file, lines, delimiter, names, skip)
    names = _with_unnamed(lines, delimiter, names, skip)
    index = _index(file, names, options, line)
    _require(file, index, names, options, line)
    if not options.all_rows and "price" in index:
        _refuse_bar_price(file, names[index["price"]], line)
    return Layout(delimiter, names, index, line or 0, skip, max(0, skip - 1), preset, options)


def _index(file: str, names: tuple[str, ...], options: CsvOptions, line: int | None) -> dict[str, int]:
    """The column of each field."""
    index = _found(file, names, options, line)
    for field, other in (("bid", "ask"), ("ask", "bid")):
        # One letter stands for anything, such as the buyer's and the seller's order, but in a file of quotes alone.
        short = field in index and len(names[index[field]]) == 1 and field not in options.columns
        if short and ("price" in index or other not in index):
            del index[field]
    if "size" in index and "size" not in options.columns:
        _require_one_size(file, names, index["size"], line)
    if "time" not in index and "date" in index:
        index["time"] = index.pop("date")
    if "time" not in index and names[0] == "" and "time" not in options.columns:
        index["time"] = 0  # the index of a data frame, as pandas writes it
    if "symbol" not in index:
        index.pop("suffix", None)
    return index


def _found(file: str, names: tuple[str, ...], options: CsvOptions, line: int | None) -> dict[str, int]:
    """The columns that were named for a field, or that have one of its names."""
    by_plain = _places(names)
    counted = Counter(names)
    # A side may be the sign of the size.
    taken = {wanted for name, wanted in options.columns.items() if wanted and name != "side"}
    index: dict[str, int] = {}
    for field, aliases in ALIASES.items():
        if field in options.columns:
            wanted = options.columns[field]
            if wanted is not None:
                index[field] = _place(file, wanted, names, by_plain, field, line)
                if counted[names[index[field]]] > 1:
                    raise FileError(file, f"the header names {wanted!r} twice", line=line, field=field)
            continue
        same = _named(aliases, [name for name in names if name not in taken])
        if len(same) > 1:
            told = "twice" if len(set(same)) == 1 else f"alike ({', '.join(same)}): say --map {field}=COLUMN"
            raise FileError(file, f"the header names columns {told}", line=line, field=field)
        if same:
            index[field] = names.index(same[0])
    return index


def _named(aliases: tuple[str, ...], names: list[str]) -> list[str]:
    """Those of `names` that are the likeliest of `aliases`."""
    keys = {plain(name) for name in names}
    key = next((key for key in map(plain, aliases) if key in keys), None)
    return [] if key is None else [name for name in names if plain(name) == key]


def _refuse_bars(file: str, names: tuple[str, ...], *, titles: int, line: int | None) -> None:
    """Raise `FileError` where the columns are those of bars."""
    parts: dict[str, list[str]] = {}
    for name in names:
        match = _BAR_PART.fullmatch(plain(name))
        if match is not None and match.lastgroup is not None:
            parts.setdefault(match.lastgroup, []).append(name)
    letters = {"o", "h", "l", "c"} <= {plain(name) for name in names}
    for words in _BARS_ELSEWHERE:
        found = [name for name in names if name.casefold().rstrip(".價价 ").startswith(words)]
        if len({word for word in words for name in found if name.casefold().startswith(word)}) > 1:
            parts.setdefault("high", []).extend(found)
            parts.setdefault("low", []).extend(found)
    if {"high", "low"} <= set(parts) or {"open", "close"} <= set(parts) or letters:
        below = f" below {titles} title line{'s' if titles > 1 else ''}" if titles else ""
        bar = [name for name in names if any(name in each for each in parts.values())] or ["o", "h", "l", "c"]
        raise FileError(
            file,
            f"holds bars, not ticks{below} (it has the columns {', '.join(bar[:4])}): candles are made from ticks "
            "here, so load the trades they came from, or have them as imported candles where there are no ticks: --bars",
            line=line,
        )


def _refuse_bar_price(file: str, name: str, line: int | None) -> None:
    """Raise `FileError` where the price is by its name that of a bar: one is no trade's, even if it stands alone."""
    if _BAR_PART.fullmatch(plain(name)) or plain(name) in _AVERAGES:
        reason = (
            "is by its name the price of a bar: load the trades it is made from, or have it as imported candles: --bars "
            "(--all-rows: it is each trade's)"
        )
        raise FileError(file, reason, line=line, field=name)


def _require_one_size(file: str, names: tuple[str, ...], chosen: int, line: int | None) -> None:
    """Raise `FileError` where two columns may be the size that differ in what they count."""
    keys = {plain(name): name for name in reversed(names)}
    part = next((keys[each] for each in keys if each in _EXECUTED and keys[each] != names[chosen]), None)
    if part is not None:
        raise FileError(
            file,
            f"beside {names[chosen]} there is {part}, so that rows may be orders, of which that was traded: say "
            "--map size=COLUMN, and --where which rows are trades",
            line=line,
            field="size",
        )
    both = [next((keys[each] for each in group if each in keys), None) for group in _EITHER_SIZE]
    if None not in both and names[chosen] in both:
        raise FileError(
            file,
            f"either of {both[0]} and {both[1]} may be the size, and the other one money: say --map size=COLUMN",
            line=line,
            field="size",
        )


def _places(names: tuple[str, ...]) -> dict[str, int]:
    """Where each name stands first, as `plain` compares them; those without a letter of ASCII are not among them."""
    return {key: at for at, name in reversed(list(enumerate(names))) if (key := plain(name))}


def _with_unnamed(lines: Lines, delimiter: str, names: tuple[str, ...], skip: int) -> tuple[str, ...]:
    """`names`, and one more where the first rows end with a delimiter that the header has not, or begin with their number."""
    rows = [lines.raw(row) for row in range(skip, min(len(lines), skip + _MAX_TITLES))]
    mark = delimiter.encode()
    if (
        skip
        and rows
        and all(
            row.count(mark) == len(names) and row.partition(mark)[0].strip(b'"') == str(number).encode()
            for number, row in enumerate(rows, start=1)
        )
    ):
        return ("", *names)  # the numbers of the rows, as R writes them
    if (
        skip
        and rows
        and mark != b" "
        and all(row.endswith(mark) and row.count(mark) == len(names) for row in rows)
    ):
        return (*names, "")
    return names


def _require_same_delimiter(
    file: str, lines: Lines, delimiter: str, names: tuple[str, ...], skip: int
) -> None:
    """Raise `FileError` where the first rows are separated by something else than the header."""
    rows = [lines.raw(row) for row in range(skip, min(len(lines), skip + _MAX_TITLES))]
    if not skip or not rows or len(names) < _SURELY_NAMES or any(delimiter.encode() in row for row in rows):
        return
    for other in _CANDIDATES[:-1]:
        if all(row.count(other.encode()) == len(names) - 1 for row in rows):
            reason = (
                f"its rows are separated by {other!r}, its header by {delimiter!r}: make them the same, as "
                f"`sed '{skip}s/{delimiter}/{other}/g' FILE | tickdeck load /dev/stdin …` does"
            )
            raise FileError(file, reason, line=int(lines.number[skip]))


def _place(
    file: str, wanted: str, names: tuple[str, ...], by_plain: Mapping[str, int], field: str, line: int | None
) -> int:
    if wanted in names:
        return names.index(wanted)
    if plain(wanted) in by_plain:
        alike = [name for name in names if plain(name) == plain(wanted)]
        if len(alike) > 1:
            raise FileError(
                file,
                f"{wanted!r} may be any of {', '.join(alike)}: write it as the header does",
                line=line,
                field=field,
            )
        return by_plain[plain(wanted)]
    raise FileError(
        file, f"there is no column {wanted!r}; the columns are {_list(names)}", line=line, field=field
    )


def _require(
    file: str, index: Mapping[str, int], names: tuple[str, ...], options: CsvOptions, line: int | None
) -> None:
    quotes = "bid" in index and "ask" in index
    needed = {
        "time": "",
        "symbol": " or --symbol for a file of one symbol",
        "price": ", or both bid and ask",
        "size": ", or --map size= if the file has none",
    }
    for field, otherwise in needed.items():
        excused = {
            "symbol": options.symbol is not None,
            "price": quotes,
            "size": options.columns.get("size", "") is None or (quotes and "price" not in index),
        }
        if field in index or excused.get(field, False):
            continue
        reason = f"there is no such column among {_list(names)}: say --map {field}=COLUMN{otherwise}"
        if field == "size" and not options.all_rows and _SNAPSHOT & set(map(plain, names)):
            reason = "holds a ticker's snapshots, which repeat its last price, not trades: load the trades"
        raise FileError(file, reason, line=line, field=field)


def _list(names: tuple[str, ...]) -> str:
    return _short(", ".join(name or "(unnamed)" for name in names), 300)


def _short(text: str, length: int = 120) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
