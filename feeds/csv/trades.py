"""Tells which rows of a file are trades (or quotes) at all: files also hold bars, orders, cancels and corrections."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tickdeck.feeds.csv.columns import codes_of
from tickdeck.feeds.csv.fields import Column, Fields
from tickdeck.feeds.csv.layout import Layout
from tickdeck.feeds.csv.marked import CODES, CORRECTED, KINDS, Mark, Marked
from tickdeck.feeds.csv.options import TRADE_IDS, plain, quoted
from tickdeck.feeds.csv.rows import whole_symbol
from tickdeck.feeds.errors import FileError
from tickdeck.feeds.rejects import Reject, shown

_TRADE_WORDS: Final = frozenset(
    {"t", "trade", "trades", "ticktrade", "tradenb", "aggtrade", "trd", "deal", "execution", "executed", "fill", "match",
     "last", "lastmatch", "lasttrade"}
)  # fmt: skip
_KINDS: Final = frozenset(
    {"action", "eventtype", "event", "msgtype", "messagetype", "recordtype", "rectype", "rowtype", "ticktype",
     "updatetype", "entrytype", "mdentrytype", "pricetype", "quotetype", "datatype", "field", "ev", "type", "kind"}
)  # fmt: skip
"""Columns that say what kind of row each is, by the names that `plain` makes of theirs."""
_LOOSE_KINDS: Final = frozenset({"type", "kind", "event", "recordtype", "updatetype", "datatype"})
"""Names of columns that say other things as well: they count where a value is a word for what is no trade."""
_OTHER_WORDS: Final = frozenset(
    {"q", "a", "add", "c", "m", "d", "clear", "r", "order", "new", "open", "done", "change", "received", "update",
     "status", "imbalance", "break"}
)  # fmt: skip
_NO_TRADE: Final = re.compile(
    r"(best|national)?(bid|ask|offer|quote)s?(bid|ask|nb|size|price|update)*|n?bbo|book|orderbook|booksnapshot|snapshot"
    r"|depth|settle(ment)?(price)?|ohlc|candles?|bars?|openinterest|volume"
    r"|indicative(price)?|theoretical|heartbeat|statistics?|(trade|order)?(correct|modif|bust|expir|amend)[a-z]{0,5}|[a-z]*(cancel|delet|reject)[a-z]*"
)
"""Words for rows that are no trades, in whatever column they stand."""
_WITHDRAWS: Final = re.compile(r"cancel|bust|correct|delet|amend|modif|break")
_WITHDRAWN: Final = (
    " (trades that those rows cancel or correct stay as they were with that: take them out of the file, or later with "
    "tickdeck ticks cancel)"
)
_COUNTS: Final = frozenset(
    {"trades", "numtrades", "ntrades", "notrades", "nooftrades", "numberoftrades", "tradecount", "tradescount", "counttrades",
     "numoftrades", "nrtrades", "numtransactions", "tickcount", "numticks"}
)  # fmt: skip
"""Columns of how many trades a row is made of."""
_ONE_SIDE: Final = re.compile(r"[._-](bid|ask)s?[._-]", re.IGNORECASE)
"""How platforms name files of one side of the quotes, which look as those of trades do."""
_SIDE_OF_NINJATRADER: Final = re.compile(r"\.(?:Bid|Ask)\.txt(?:\.\w+)?$")
"""Its trades, its bids and its asks have one layout, with both quotes beside each."""
_STATES: Final = frozenset({"status", "state", "orderstatus", "ordstatus", "execstatus", "tradestatus"})
_NOT_DONE: Final = frozenset(
    {
        "new",
        "open",
        "opened",
        "pending",
        "pendingnew",
        "working",
        "submitted",
        "accepted",
        "queued",
        "replaced",
        "void",
    }
)
_SIDES: Final = frozenset({"bid", "bids", "ask", "asks", "offer", "a"})
_ORDER_IDS: Final = frozenset({"orderid", "orderref", "orderreference", "orderno", "ordernumber"})
_LEVELS: Final = frozenset({"level", "lvl", "pricelevel", "booklevel", "mdpricelevel", "bookdepth", "depth"})
_FLAGS: Final = frozenset(
    {"isquote", "isorder", "isindicative", "iscancel", "isbust", "cancelled", "canceled", "cancel", "iscancelled", "iscanceled", "cancelflag", "cxl", "busted", "isbusted", "deleted",
     "isdeleted", "voided", "isvoid", "suspicious", "unreported", "canceledtradeconditionid",
     "cancelledtradeconditionid"}
)  # fmt: skip
_FLAG: Final = re.compile(
    r"(?:is|was|trade|trd|deal|exec|msg|row|tick)*"
    r"(?:cancel(?:l?ed|lation|l?)|cxl|bust(?:ed)?|void(?:ed)?|delet(?:ed|ion|e)|annul(?:l?ed|ment)|withdrawn|revers(?:ed|al)|invalid"
    r"|erroneous|broken|indicative)(?:flag|indicator|ind|yn|trade|trd|mark)?"
)
"""The same by how such names are made, as of TrdCancelFlag."""
_VALID_FLAGS: Final = frozenset({"isvalid", "valid", "validflag", "isgood"})
_UPDATES: Final = frozenset(
    {"updactn", "updateaction", "mdupdateaction", "tradeupdateaction", "acaoatualizacao"}
)
_NEW: Final = frozenset({"", "0", "new", "New", "NEW"})
"""What FIX (tag 279) and who follows it call what is new, and neither a change nor a cancel."""
_NOT_SET: Final = frozenset({"", "0", "0.0", "false", "False", "FALSE", "f", "F", "n", "N", "no", "No", "NO"})
_INSTRUMENTS: Final = frozenset(
    {
        "instrumentid",
        "securityid",
        "permno",
        "isin",
        "cusip",
        "sedol",
        "figi",
        "conid",
        "assetid",
        "stockcode",
    }
)
_CONTRACTS: Final = frozenset(
    {"contract", "contractmonth", "contractid", "expiry", "expiration", "expirationdate", "expirydate", "maturity",
     "maturitydate", "strike", "strikeprice", "putcall", "callput", "optiontype", "right", "optionright",
     "currency", "quote", "quotecurrency", "quoteasset", "series"}
)  # fmt: skip
_NAMES: Final = frozenset(
    {"name", "description", "company", "companyname", "sector", "note", "notes", "comment"}
)
"""Columns of free text."""
_MAX_WORD: Final = 24
_FEW: Final = 24
"""A column that says what rows are has no more different values."""
_CORRECTIONS: Final = (
    "tr_corr", "corr", "correction", "correction_code", "correction_indicator", "trade_correction_indicator",
    "trade_correction",
)  # fmt: skip
_VALID: Final = frozenset({"", "0", "0.0", "00", "000", "1", "1.0", "01", "N", "n", "NaN", "nan"})
"""Corrections of trades that stand: 00 regular, 01 given with its corrected values (Daily TAQ, 7.1)."""
_VALID_OR_TOLD: Final = _VALID | {
    f"{zeros}{code}{end}" for code in CODES for zeros in ("", "0") for end in ("", ".0")
}
_MAX_SHOWN: Final = 6


class RowChoice:
    """Which rows of a file are taken, by what its user said and by what the columns mean.

    `left_out` counts the rows that `--where` and `--symbol` leave out.
    """

    def __init__(self, file: str, layout: Layout, sample: Fields, *, corrections: bool = False) -> None:
        """Raises `FileError` where rows are no trades and nothing was said about it.

        `corrections`: cancels and corrections among the rows are taken (`marked`), else they are refused.
        """
        self.left_out = 0
        self._file = file
        self._layout = layout
        options = layout.options
        self._where: dict[int, frozenset[str]] = {}
        for name, values in options.where.items():
            at = layout.column(name)
            if at is None:
                raise FileError(
                    file, f"--where: there is no column {name!r}", line=layout.header_line or None
                )
            self._where[at] = values
        self._guards: dict[int, tuple[Callable[[str], bool], str]] = {}
        self._symbol = options.symbol if "symbol" in layout.index else None
        self._others: Counter[str] = Counter()
        self._values: dict[int, Counter[str]] = {at: Counter() for at in self._where}
        self._taken = False
        self.marked: Marked | None = None
        """Cancels and corrections among the rows, where they are to be applied."""
        self._marking: tuple[int, Mapping[str, Mark]] | None = None
        if corrections and not options.all_rows:
            self._marking = self._find_marks(sample)
            self.marked = None if self._marking is None else Marked(file)
        self._guard_names()
        self._single = self._instrument_columns(sample)
        self._of: dict[tuple[int, str], str] = {}
        self._guard_flags(sample)
        if not options.all_rows:
            if layout.preset and layout.preset.trades and layout.column(layout.preset.trades) is None:
                raise FileError(
                    file,
                    f"has no column {layout.preset.trades}, so that it holds no single trades but samples or a book: "
                    "load the trades",
                    line=layout.header_line or None,
                )
            self._refuse_others(sample)

    def _find_marks(self, sample: Fields) -> tuple[int, Mapping[str, Mark]] | None:
        """The column in which the tape's codes, or words in a column `kind`, mark rows as cancelled and others as saying so."""
        free = {self._layout.names[at]: at for at in self._free()}
        for name in _CORRECTIONS:
            at = self._layout.column(name)
            if at is not None and at in free.values():
                return at, CODES
        kinds = [at for name, at in free.items() if plain(name) == "kind"]
        if kinds and "seq" in self._layout.index:
            words = {plain(value) for value in _coded(sample.column(kinds[0]))[1]}
            if words & _TRADE_WORDS and words <= _TRADE_WORDS | KINDS.keys():
                self._guards[kinds[0]] = (
                    lambda value: plain(value) in _TRADE_WORDS or plain(value) in KINDS,
                    "is no trade",
                )
                return kinds[0], KINDS
        return None

    def _guard_names(self) -> None:
        """Guard the columns whose names say that rows may not stand."""
        layout = self._layout
        for name, values in (layout.preset.guard if layout.preset else {}).items():
            self._guard(name, values, "is no single trade")
        for name in _CORRECTIONS:
            at = layout.column(name)
            told = at is not None and at == self.marked_by
            self._guard(
                name, _VALID_OR_TOLD if told else _VALID, "marks a trade that was corrected or cancelled"
            )
        for name in layout.names:
            if plain(name) in _FLAGS or _FLAG.fullmatch(plain(name)):
                self._guard(name, _NOT_SET, "marks a trade that does not stand")
            if plain(name) in {"istrade", "isexecution"}:
                at = layout.column(name)
                if at is not None and at not in self._where and at not in layout.index.values():
                    self._guards[at] = (lambda value: value not in _NOT_SET), "marks what is no trade"
            if plain(name) in _VALID_FLAGS:
                at = layout.column(name)
                if at is not None and at not in self._where and at not in layout.index.values():
                    self._guards[at] = (
                        (lambda value: not value or value not in _NOT_SET),
                        "marks a trade that does not stand",
                    )
            if plain(name) in _UPDATES:
                self._guard(name, _NEW, "marks a trade that was changed or cancelled")

    def _guard(self, name: str, values: frozenset[str], meaning: str) -> None:
        at = self._layout.column(name)
        if at is not None and at not in self._where and at not in self._layout.index.values():
            self._guards[at] = values.__contains__, meaning

    def _guard_flags(self, sample: Fields) -> None:
        """Where a layout's flags say which rows are trades, rows without them repeat the last trade, if there was any."""
        preset, price = self._layout.preset, self._layout.index.get("price")
        if preset is None or price is None:
            return
        for name, mask in preset.flags.items():
            at = self._layout.column(name)
            if at is not None and any(value.strip("0.") for value in _coded(sample.column(price))[1]):
                self._guards[at] = partial(_has_flag, mask), "is no trade"

    def _instrument_columns(self, sample: Fields) -> list[int]:
        """The columns beside the symbol, or in its place, in which another value is another instrument."""
        wanted = _CONTRACTS if "symbol" in self._layout.index else _CONTRACTS | _INSTRUMENTS
        found = [at for at in self._free() if plain(self._layout.names[at]) in wanted]
        return [
            at
            for at in found
            if plain(self._layout.names[at]) != "quote" or not _are_numbers(sample.column(at))
        ]

    def _free(self) -> list[int]:
        """The columns that stand for no field and of which nothing was said."""
        used = {*self._layout.index.values(), *self._where, *self._guards}
        return [at for at in range(len(self._layout.names)) if at not in used]

    def _refuse_others(self, sample: Fields) -> None:
        names = {at: plain(name) for at, name in enumerate(self._layout.names)}
        keys = set(names.values())
        kinds = [at for at in self._free() if names[at] in _KINDS]
        line = self._layout.header_line or None
        told = any(names[at] in _KINDS for at in self._where)
        for at in self._free() if not told else ():
            if at in self._single:
                continue
            self._look_into(at, sample, names[at])
        guarded = told or any(names[at] in _KINDS for at in self._guards)
        if "issnapshot" in keys or ({"side", "depth"} <= keys and not guarded):
            raise FileError(self._file, "holds orders of a book, not trades", line=line)
        levels = [name for name in self._layout.names if plain(name) in _LEVELS]
        if levels and not guarded and not self._where and not keys & TRADE_IDS:
            raise FileError(
                self._file,
                f"holds the levels of a book by its column {levels[0]}, not trades (where they are: --all-rows)",
                line=line,
                field=levels[0],
            )
        self._refuse_sides(sample, guarded=guarded or bool(keys & TRADE_IDS))
        counts = next((name for name in self._layout.names if plain(name) in _COUNTS), None)
        if counts is not None and not self._layout.preset:
            self._refuse_sums(sample, counts)
        ids = sorted(keys & _ORDER_IDS)
        if ids and not guarded and not self._where and not keys & TRADE_IDS:
            example = f", such as --where {self._layout.names[kinds[0]]}=…" if kinds else ""
            raise FileError(
                self._file,
                f"has numbers of orders, so that rows may be orders and not trades: say --where which are trades{example}",
                line=line,
                field=next(name for name in self._layout.names if plain(name) == ids[0]),
            )
        name = Path(self._file).name
        one_side = _ONE_SIDE.search(name)
        if re.search("liquidation", name, re.IGNORECASE):
            raise FileError(
                self._file, "holds orders of liquidations by its name, not trades: load the trades"
            )
        if (
            one_side is not None
            and "price" in self._layout.index
            and (_SIDE_OF_NINJATRADER.search(name) or not {"bid", "ask"} & set(self._layout.index))
        ):
            raise FileError(
                self._file,
                f"holds {one_side[1].lower()}s by its name, not trades: load the file of the trades (Last)",
            )

    def _refuse_sums(self, sample: Fields, name: str) -> None:
        """Raise `FileError` where a column counts several trades in a row: such a row is a bar's, or trades put together."""
        at = self._layout.column(name)
        counts = [] if at is None or at not in self._free() else _coded(sample.column(at))[1]
        most = max((int(value) for value in counts if value.isdigit() and value.isascii()), default=0)
        if most > 1:
            raise FileError(
                self._file,
                f"counts up to {most:,} trades in a row, so that rows may be bars of one price: load the trades (--all-rows: each "
                "row is of trades at one price, to be taken as one)",
                line=self._layout.header_line or None,
                field=name,
            )

    def _look_into(self, at: int, sample: Fields, key: str) -> None:
        """Raise `FileError` where a column says that some of the first rows are no trades; guard the later ones."""
        column = sample.column(at)
        if key in _NAMES or (key not in _KINDS and len(column) and int(column.length.max()) > _MAX_WORD):
            return
        words = {value: plain(value) for value in _coded(column)[1] if value}
        trades = {value for value, word in words.items() if word in _TRADE_WORDS}
        if key in _KINDS - _LOOSE_KINDS:
            others = set(words) - trades
        else:
            if len(words) > _FEW:
                return
            others = {
                value for value, word in words.items() if _is_other(word, key, beside_trades=bool(trades))
            }
            if others and trades:
                others = set(words) - trades
            if others and key in _STATES:
                trades = set(words) - others
        name = self._layout.names[at]
        if {"trade", "aggtrade"} <= set(words.values()):
            single = next(value for value, word in words.items() if word == "trade")
            raise FileError(
                self._file,
                f"has trades, and the same put together (aggTrade): say --where {_equals(name, {single})}",
                line=self._layout.header_line or None,
                field=name,
            )
        if others:
            shown_others = ", ".join(sorted(others)[:_MAX_SHOWN])
            withdrawn = any(_WITHDRAWS.search(words[value]) for value in others)
            way_out = f": say --where {_equals(name, trades)}" if trades else self._other_way_out(words, name)
            raise FileError(
                self._file,
                f"has rows that are no trades: {shown_others}{way_out}{_WITHDRAWN if withdrawn and trades else ''}",
                line=self._layout.header_line or None,
                field=name,
            )
        if trades and key in _KINDS:
            self._guards[at] = frozenset(trades).__contains__, "is no trade"
        elif any(word and not word.isdigit() for word in words.values()):
            self._guards[at] = (
                lambda value: not _is_other(plain(value), key, beside_trades=False),
                "is no trade",
            )

    @staticmethod
    def _other_way_out(words: Mapping[str, str], name: str) -> str:
        if set(words.values()) <= _SIDES | {"b"}:
            return f", as a book has (where it is the side of trades: --map {quoted(f'side={name}')})"
        return f" (where others are: --where {name}=… with what stands for a trade)"

    def _refuse_sides(self, sample: Fields, *, guarded: bool) -> None:
        """Raise `FileError` where the sides are those of a book, and nothing says that the rows are trades."""
        at = self._layout.index.get("side")
        if at is None or guarded or "side" in self._layout.options.columns or at in self._where:
            return
        words = {plain(value) for value in _coded(sample.column(at))[1]}
        if words & _SIDES:
            name = self._layout.names[at]
            raise FileError(
                self._file,
                f"holds bids and asks, as a book has (where it is the side of trades: --map {quoted(f'side={name}')})",
                line=self._layout.header_line or None,
                field=name,
            )

    def _refuse_second_instrument(self, fields: Fields) -> None:
        """Raise `FileError` where the rows of one symbol are of several instruments."""
        at_symbol = self._layout.index.get("symbol")
        if self._symbol is not None or at_symbol is None:
            codes, symbols = np.zeros(len(fields), dtype=np.intp), [self._symbol or ""]
        else:
            codes, symbols = _coded(fields.column(at_symbol))
        for at in self._single:
            marks, different = _coded(fields.column(at))
            for pair in np.unique(codes * len(different) + marks).tolist():
                symbol, value = symbols[pair // len(different)], different[pair % len(different)]
                known = self._of.setdefault((at, symbol), value)
                if known != value and known and value:
                    name = self._layout.names[at]
                    other = f", --map symbol={name} each by itself" if plain(name) in _INSTRUMENTS else ""
                    raise FileError(
                        self._file,
                        f"holds several instruments under one symbol: {known} and {value}; "
                        f"--where {quoted(f'{name}={known}')} takes one{other}",
                        line=int(fields.lines.number[int(np.flatnonzero(marks == pair % len(different))[0])]),
                        field=name,
                    )

    def choose(self, fields: Fields) -> tuple[Fields, list[Reject]]:
        """The rows that are taken, and those that are refused because they are no trades.

        Rows that cancel or correct others are among those that are taken; `marked` knows their lines.
        """
        wanted = np.ones(len(fields), dtype=np.bool_)
        for at, values in self._where.items():
            codes, different = _coded(fields.column(at))
            if not self._taken:
                self._values[at].update(different)
            wanted &= np.array([each in values for each in different], dtype=np.bool_)[codes]
        if self._symbol is not None:
            wanted &= self._of_symbol(fields)
        if self._single and not self._layout.options.all_rows:
            self._refuse_second_instrument(fields if wanted.all() else _take(fields, np.flatnonzero(wanted)))
        refused = np.zeros(len(fields), dtype=np.bool_)
        rejects: list[Reject] = []
        for at, (allowed, meaning) in self._guards.items():
            codes, different = _coded(fields.column(at))
            wrong = np.array([not allowed(each) for each in different], dtype=np.bool_)[codes]
            wrong &= wanted & ~refused
            for row in np.flatnonzero(wrong).tolist():
                reason = f"{different[codes[row]]} {meaning}"
                lines = fields.lines
                rejects.append(
                    Reject(
                        lines.file,
                        int(lines.number[row]),
                        self._layout.names[at],
                        reason,
                        shown(lines.raw(row)),
                    )
                )
            refused |= wrong
        self._mark(fields, wanted & ~refused)
        self.left_out += int((~wanted).sum())
        self._taken = self._taken or bool(wanted.any())
        kept = wanted & ~refused
        return (fields if kept.all() else _take(fields, np.flatnonzero(kept))), rejects

    @property
    def marked_by(self) -> int | None:
        """The column that says what is cancelled and corrected, where that is applied."""
        return None if self._marking is None else self._marking[0]

    def _mark(self, fields: Fields, kept: NDArray[np.bool_]) -> None:
        if self._marking is None or self.marked is None:
            return
        at, marks = self._marking
        codes, different = _coded(fields.column(at))
        words = [plain(each) if marks is KINDS else _code(each) for each in different]
        for code, word in enumerate(words):
            mark = marks.get(word)
            if mark is None and not (marks is CODES and word == CORRECTED):
                continue
            lines = fields.lines.number[np.flatnonzero((codes == code) & kept)].tolist()
            if mark is None:
                self.marked.corrected.update(lines)
            else:
                self.marked.marks.update(dict.fromkeys(lines, mark))

    def _of_symbol(self, fields: Fields) -> NDArray[np.bool_]:
        index = self._layout.index
        codes, roots = _coded(fields.column(index["symbol"]))
        blanks = self._layout.preset.symbol_blanks if self._layout.preset else None
        if "suffix" not in index:
            symbols = [whole_symbol(root, "", blanks) for root in roots]
            if not self._taken:
                self._others.update(symbols[:1000])
            return np.array([each == self._symbol for each in symbols], dtype=np.bool_)[codes]
        behind, ends = _coded(fields.column(index["suffix"]))
        made = [
            whole_symbol(roots[a], ends[b], blanks)
            for a, b in zip(codes.tolist(), behind.tolist(), strict=True)
        ]
        if not self._taken:
            self._others.update(sorted(set(made))[:1000])
        return np.array([each == self._symbol for each in made], dtype=np.bool_)

    def finish(self) -> None:
        """Raise `FileError` where not one row was taken, which no one can have meant."""
        if self._taken or not self.left_out:
            return
        for at, values in self._where.items():
            seen = self._values[at]
            if not values & set(seen):
                raise FileError(
                    self._file,
                    f"--where leaves no row: the column has {_some(seen)}",
                    field=self._layout.names[at],
                )
        if self._symbol is not None and self._symbol not in self._others:
            raise FileError(
                self._file,
                f"no row has the symbol {self._symbol!r} of --symbol: there are {_some(self._others)}",
                field=self._layout.names[self._layout.index["symbol"]],
            )
        raise FileError(self._file, "no row is left by --where and --symbol")

    def said(self) -> Iterator[str]:
        """Short statements of what was chosen."""
        if self.marked is not None:
            yield from self.marked.said()
        if self.left_out:
            yield f"{self.left_out:,} rows left out by {' and '.join(self._left_out_by())}"

    def _left_out_by(self) -> Iterator[str]:
        where: Mapping[str, frozenset[str]] = self._layout.options.where
        for name, values in where.items():
            yield f"--where {_equals(name, values)}"
        if self._symbol is not None:
            yield f"--symbol {quoted(self._symbol)}"


def _code(value: str) -> str:
    """A code of the tape without what writing it adds: 08, 8 and 8.0 are one."""
    return value.removesuffix(".0").lstrip("0")


def _has_flag(mask: int, value: str) -> bool:
    return value.isdigit() and int(value) & mask != 0


def _is_other(word: str, key: str, *, beside_trades: bool) -> bool:
    """Whether a word in a column of the name `key` stands for rows that are no trades."""
    if _NO_TRADE.fullmatch(word) or (key in _STATES and word in _NOT_DONE):
        return True
    if key not in _LOOSE_KINDS:
        return False
    return word == "a" or (word in _OTHER_WORDS and (len(word) > 1 or beside_trades))


def _take(fields: Fields, rows: NDArray[np.intp]) -> Fields:
    return replace(
        fields, lines=fields.lines.take(rows), start=fields.start[:, rows], end=fields.end[:, rows]
    )


def _coded(column: Column) -> tuple[NDArray[np.intp], list[str]]:
    """The rows numbered by their text, and the texts."""
    if len(column) and int(column.length.max()) > 64:
        texts = list(_values(column))
    else:
        codes, first = codes_of(column)
        return codes, list(_values(column.take(first)))
    different = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    return np.array([different[text] for text in texts], dtype=np.intp), list(different)


def _are_numbers(column: Column) -> bool:
    return any(value.replace(".", "").isdigit() for value in _coded(column)[1])


def _values(column: Column) -> Iterator[str]:
    for start, length in zip(column.start.tolist(), column.length.tolist(), strict=True):
        yield column.data[start : start + length].decode("utf-8", "backslashreplace")


def _some(values: Counter[str]) -> str:
    names = list(values)
    more = f" and {len(names) - _MAX_SHOWN:,} more" if len(names) > _MAX_SHOWN else ""
    return ", ".join(name or "nothing" for name in names[:_MAX_SHOWN]) + more


def _equals(column: str, values: Iterable[str]) -> str:
    return quoted(f"{column}={','.join(sorted(values))}")
