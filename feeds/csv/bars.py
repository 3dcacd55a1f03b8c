"""Reads files of bars (open, high, low, close, volume): dailies of Yahoo and Stooq, klines of Binance, and their like.

A bar is labelled by its start.  Its interval is told from the distances between the times, or stated; a day without a time of
day is a day of the instrument's exchange.  What could mean two things is never guessed.
"""

from __future__ import annotations

import csv
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Final

from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.bars import IMPORTABLE, Bar, bar_fault
from tickdeck.db.market.buckets import day_of
from tickdeck.db.market.rules import symbol_fault
from tickdeck.db.market.spreadsheets import unprotect
from tickdeck.db.market.types import DAY_US, HOUR_US, INTERVAL_SECONDS, MINUTE_US, Interval, parse_interval
from tickdeck.feeds.csv.bytes import ByteSource
from tickdeck.feeds.csv.fields import Lines, read_lines
from tickdeck.feeds.csv.layout import ALIASES
from tickdeck.feeds.csv.options import CsvOptions, plain
from tickdeck.feeds.csv.times import (
    TIME_TEXT,
    TimeError,
    TimeStyle,
    compact_date,
    is_naive,
    match_time,
    plausible_unit,
    read_time,
    seconds_or_short_year,
    tomorrow_us,
)
from tickdeck.feeds.errors import FileError
from tickdeck.feeds.rejects import Reject, shown

BAR_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("open_time", "start_time", "start", "window_start", "bucket", *ALIASES["time"], "opentimestamp"),
    "date": ALIASES["date"],
    "symbol": ALIASES["symbol"],
    "open": ("open", "o", "open_price", "first"),
    "high": ("high", "h", "high_price", "max"),
    "low": ("low", "l", "low_price", "min"),
    "close": ("close", "c", "close_price"),
    "volume": ("volume", "vol", "v", "base_volume", "base_asset_volume"),
    "turnover": ("turnover", "quote_volume", "quote_asset_volume"),
    "vwap": ("vwap", "vw"),
    "trades": ("count", "trades", "number_of_trades", "trade_count", "num_trades", "n", "transactions"),
}
"""For each field the names its column goes by, the likeliest first."""
_NEEDED: Final = ("open", "high", "low", "close")
_BINANCE: Final = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count", "taker_buy_volume",
    "taker_buy_quote_volume", "ignore",
)  # fmt: skip
"""Binance's klines, whose files have no header: https://github.com/binance/binance-public-data#klines."""
_ADJUSTED: Final = re.compile(r"adj(usted|usting)?(close|closing)?(price)?|.*adjclose")
_CANDIDATES: Final = (",", ";", "\t", "|")
_NUMBER: Final = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)
_SAMPLE: Final = 5_000
"""Rows by which the interval is told."""
_LEAST: Final = 2
"""So many distances, and half of all, must be of the interval."""
_TOGETHER: Final = 2_000
_NOTHING: Final = frozenset({"", "null", "nan", "na", "n/a", "none", "-"})
_OPTIONAL: Final = ("turnover", "vwap", "trades")
_NUMBERS: Final = (*_NEEDED, "volume", *_OPTIONAL)
_DAYS: Final = frozenset({"1d", "1w", "1M"})


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a file as far as it says something by itself; `time` is a day where it has no time of day."""

    line: int
    raw: str
    symbol: str
    time: int | date
    values: Mapping[str, float]


class _RowError(Exception):
    """A row that is no bar."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


@dataclass(slots=True)
class BarFacts:
    """How a file was read."""

    interval: Interval | None = None
    columns: str = ""
    words: list[str] = field(default_factory=list)
    """What should be known of it: what was told from it, and what was left out."""


@dataclass(frozen=True, slots=True)
class BarBatch:
    """Good bars of one file in its order with the line of each, what was refused, and how many came twice."""

    bars: tuple[Bar, ...]
    lines: tuple[int, ...]
    raws: tuple[str, ...]
    rejects: tuple[Reject, ...]
    repeated: int


class BarFile:
    """Iterate for `BarBatch`es; raises `FileError` where the file is none of bars, or cannot be read to its end.

    `interval`: of all bars, None: told from the file.  `zones`: the day rule of each symbol that is known; `zone`: of the
    others, None where nobody has said it, so that a day without a time cannot be placed.  `columns`: field to column, as
    `--map` says it.
    """

    def __init__(
        self,
        path: Path,
        options: CsvOptions,
        columns: Mapping[str, str],
        *,
        interval: Interval | None,
        zones: Mapping[str, str],
        zone: str | None,
        member: str | None = None,
        prefix: str = "",
    ) -> None:
        self._source = ByteSource(path, member)
        self.name = self._source.name
        self.facts = BarFacts(interval)
        self._options = options
        self._given = columns
        self._zones = zones
        self._zone = zone
        self._prefix = prefix
        self._style: TimeStyle | None = None
        self._delimiter = ","
        self._index: dict[str, int] = {}
        self._width = 0
        self._rejects: list[Reject] = []
        self._failed: FileError | None = None
        self._newest_first: bool | None = None
        self._before: dict[str, Bar] = {}

    def __iter__(self) -> Iterator[BarBatch]:
        rows = self._rows()
        sample = list(islice(rows, _SAMPLE))
        if self._failed is not None and not sample:
            raise self._failed
        if sample:
            self._find_order(sample)
            if self.facts.interval is None:
                self.facts.interval = self._told(sample)
                self.facts.words.append(f"bars of {self.facts.interval}, by the distance between their times")
        everything = chain(sample, rows)
        while chunk := list(islice(everything, _TOGETHER)):
            yield self._batch(chunk)
        if self._rejects:
            yield self._batch([])
        if self._failed is not None:
            raise self._failed

    # -- lines ------------------------------------------------------------------------------------------------

    def _rows(self) -> Iterator[_Row]:
        first = True
        for item in read_lines(self.name, self._source.blocks()):
            if isinstance(item, Reject):
                self._rejects.append(item)
            elif isinstance(item, FileError):
                self._failed = item
            elif len(item):
                skip = self._begin(item) if first else 0
                first = False
                for row in range(skip, len(item)):
                    read = self._row(int(item.number[row]), item.raw(row))
                    if read is not None:
                        yield read
        if first and self._failed is None and not self._rejects:
            self._failed = FileError(self.name, "is empty")

    def _begin(self, lines: Lines) -> int:
        """Find the columns; how many lines are no data."""
        line = int(lines.number[0])
        text = _decoded(lines.raw(0))
        self._delimiter = self._options.delimiter or max(_CANDIDATES, key=text.count)
        try:
            cells = self._split(text)
        except _RowError as exc:
            raise self._fault(exc.reason, line) from exc
        if self._source.columns is not None:
            names, skip = self._source.columns, 0
        elif self._options.header is not None:
            names, skip = self._options.header, 0
        elif any(_NUMBER.fullmatch(each) or TIME_TEXT.fullmatch(each) for each in cells):
            if len(cells) != len(_BINANCE):
                raise FileError(
                    self.name,
                    f"has data where the names of the columns should be: {text[:120]!r}; say --columns NAME,NAME,…",
                    line=line,
                )
            names, skip = _BINANCE, 0
            self.facts.words.append("Binance's klines, by their twelve columns without a header")
        else:
            names, skip = tuple(cells), 1
        self._width = len(names)
        self._find_columns(names, line)
        return skip

    def _find_columns(self, names: Sequence[str], line: int) -> None:
        keys = [plain(name) for name in names]
        for each in BAR_ALIASES:
            at = self._place(each, names, keys, line)
            if at is not None:
                self._index[each] = at
        adjusted = [name for name, key in zip(names, keys, strict=True) if _ADJUSTED.fullmatch(key)]
        volumes = [name for name, key in zip(names, keys, strict=True) if key.startswith("volume")]
        only = f" (an adjusted close is none: {', '.join(adjusted)})" if adjusted else ""
        listed = ", ".join(names)
        for each in _NEEDED:
            if each not in self._index:
                raise self._fault(
                    f"there is no such column among {listed}{only}: say --map {each}=COLUMN", line, each
                )
        if "time" not in self._index and "date" not in self._index:
            raise self._fault(f"there is no such column among {listed}: say --map time=COLUMN", line, "time")
        if "symbol" not in self._index and self._options.symbol is None:
            raise self._fault("there is no symbol: say --symbol", line, "symbol")
        if "volume" not in self._index:
            if volumes and "volume" not in self._given:
                raise self._fault(
                    f"which of {', '.join(volumes)} is in units of the instrument: say --map volume=COLUMN",
                    line,
                    "volume",
                )
            self.facts.words.append("no column of volumes: they are 0")
        if adjusted:
            self.facts.words.append(
                f"{', '.join(adjusted)} ignored: an adjusted close is no price at which was traded"
            )
        self.facts.columns = ", ".join(f"{name}={names[at]}" for name, at in self._index.items())

    def _place(self, field: str, names: Sequence[str], keys: Sequence[str], line: int) -> int | None:
        """Where the column of a field stands; raises `FileError` where it was said and is not there, or could be two."""
        if field in self._given:
            wanted = self._given[field]
            if wanted in names:
                return names.index(wanted)
            if wanted and plain(wanted) not in keys:
                raise self._fault(
                    f"there is no column {wanted!r}; the columns are {', '.join(names)}", line, field
                )
            return keys.index(plain(wanted)) if wanted else None
        key = next((plain(alias) for alias in BAR_ALIASES[field] if plain(alias) in keys), None)
        if key is not None and keys.count(key) > 1:
            raise self._fault(f"the header names columns alike: say --map {field}=COLUMN", line, field)
        return None if key is None else keys.index(key)

    def _fault(self, reason: str, line: int, field: str | None = None) -> FileError:
        return FileError(self.name, reason, line=line, field=field)

    def _split(self, text: str) -> list[str]:
        try:
            row = next(csv.reader([text], delimiter=self._delimiter, strict=True))
        except csv.Error as exc:
            raise _RowError("line", f"cannot be split into fields: {exc}") from exc
        return [cell.strip() for cell in row]

    # -- rows -------------------------------------------------------------------------------------------------

    def _row(self, line: int, raw: bytes) -> _Row | None:
        """The row, or None for one that is refused or of another symbol."""
        text = shown(raw)
        try:
            cells = self._cells(raw)
            symbol = self._symbol(cells)
            if symbol is None:
                return None
            return _Row(line, text, symbol, self._time(cells, line), self._values(cells))
        except _RowError as exc:
            self._refuse(line, exc.field, exc.reason, text)
        except TimeError as exc:
            self._refuse(line, "time", str(exc), text)
        except UnicodeDecodeError as exc:
            self._refuse(line, "line", f"is no UTF-8 text: {exc.reason}", text)
        return None

    def _cells(self, raw: bytes) -> list[str]:
        cells = self._split(raw.decode())
        if len(cells) != self._width:
            raise _RowError("line", f"has {len(cells)} fields, the header {self._width}")
        return cells

    def _symbol(self, cells: Sequence[str]) -> str | None:
        """The instrument's symbol; None where the row is of another than the one that is taken."""
        symbol = self._options.symbol or ""
        if "symbol" in self._index:
            own = unprotect(cells[self._index["symbol"]])
            if symbol and own != symbol:
                return None
            symbol = own
        if symbol and ":" not in symbol:
            symbol = f"{self._prefix}{symbol}"
        reason = symbol_fault(symbol)
        if reason is not None:
            raise _RowError("symbol", reason)
        return symbol

    def _values(self, cells: Sequence[str]) -> dict[str, float]:
        values: dict[str, float] = {}
        for each in _NUMBERS:
            if each not in self._index:
                continue
            written = cells[self._index[each]]
            empty = written.lower() in _NOTHING
            if empty and each in _OPTIONAL:
                continue
            number = _number(written, self._options.decimal or ".")
            if number is None:
                raise _RowError(each, f"{each} is empty" if empty else f"{written[:60]!r} is no number")
            values[each] = number
        return values

    def _refuse(self, line: int, name: str, reason: str, raw: str) -> None:
        self._rejects.append(Reject(self.name, line, name, reason, raw))

    def _time(self, cells: Sequence[str], line: int) -> int | date:
        """The instant, or the day where there is no time of day; raises `TimeError`."""
        written = cells[self._index["time"]] if "time" in self._index else ""
        day = cells[self._index["date"]] if "date" in self._index else ""
        if not written:
            written, day = day, ""
        if self._style is None:
            self._style = self._find_style(written, day, line)
        style = self._style
        if style.units:
            return read_time(written, "", style)
        match = match_time(written, style, day)
        if match is not None and not any(
            value and name.startswith(("hour", "zone")) for name, value in match.groupdict().items()
        ):
            at = read_time(written, day, TimeStyle(zone="UTC", format=style.format))
            return date.fromordinal(date(1970, 1, 1).toordinal() + at // DAY_US)
        fold = {"first": 0, "second": 1}.get(self._options.double_hour or "")
        return read_time(written, day, style, fold=fold)

    def _find_style(self, written: str, day: str, line: int) -> TimeStyle:
        """How the file's times are written, by its first row."""
        given = self._options
        number = not day and written.replace(".", "", 1).isdigit() and given.time_format is None
        if number and not (compact_date(written) and not given.time_units):
            units = given.time_units
            if not units:
                unit = plausible_unit(float(written), tomorrow_us())
                if unit is None:
                    raise FileError(
                        self.name, f"{written!r} is no time: say --time-unit", line=line, field="time"
                    )
                if unit == "s" and (either := seconds_or_short_year([written])) is not None:
                    raise FileError(self.name, f"{written!r} {either}", line=line, field="time")
                # Binance's files have milliseconds, since 2025 microseconds.
                units = ("ms", "us") if unit in {"ms", "us"} else (unit,)
            return TimeStyle(units=units, guessed=not given.time_units)
        style = TimeStyle(zone=given.time_zone, format=given.time_format, double_hour=given.double_hour)
        match = match_time(written, style, day)
        if match is not None and is_naive(match) and given.time_zone is None:
            has_clock = any(value and name.startswith("hour") for name, value in match.groupdict().items())
            if has_clock:
                raise FileError(
                    self.name,
                    f"the time {written!r} has no time zone: say --time-zone",
                    line=line,
                    field="time",
                )
        return style

    # -- bars -------------------------------------------------------------------------------------------------

    def _find_order(self, sample: Sequence[_Row]) -> None:
        """Whether the file runs newest first, by the first two different times of a symbol."""
        before: dict[str, int] = {}
        for row in sample:
            at = _comparable(row.time)
            known = before.setdefault(row.symbol, at)
            if known != at:
                self._newest_first = at < known
                return
        self._newest_first = False

    def _told(self, sample: Sequence[_Row]) -> Interval:
        """The interval by the distances between times; raises `FileError` where they do not tell."""
        by_symbol: dict[str, set[int]] = {}
        for row in sample:
            by_symbol.setdefault(row.symbol, set()).add(_comparable(row.time))
        distances = [
            later - earlier for times in by_symbol.values() for earlier, later in pairwise(sorted(times))
        ]
        usual = max(set(distances), key=distances.count, default=0)
        if 0 < usual < MINUTE_US:
            raise FileError(
                self.name,
                f"holds bars of {usual / 1e6:g} s: none below a minute are imported; load the trades they came from",
            )
        steps = Counter(map(_interval_of, distances))
        told = max((each for each in steps if each is not None), key=lambda each: steps[each], default=None)
        if told is None or steps[told] < _LEAST or steps[told] < len(distances) / 2:
            raise FileError(
                self.name,
                "the distances between the times do not tell the interval: say --interval, such as 1d",
            )
        return told

    def _batch(self, rows: Sequence[_Row]) -> BarBatch:
        interval = self.facts.interval
        bars: list[Bar] = []
        lines: list[int] = []
        raws: list[str] = []
        repeated = 0
        now_us = time.time_ns() // 1000
        for row in rows:
            assert interval is not None  # noqa: S101 - told by the rows before
            bar, fault = self._bar(row, interval, now_us)
            if fault is not None:
                self._refuse(row.line, *fault, row.raw)
            elif bar is None:
                repeated += 1
            else:
                bars.append(bar)
                lines.append(row.line)
                raws.append(row.raw)
        rejects, self._rejects = tuple(self._rejects), []
        return BarBatch(tuple(bars), tuple(lines), tuple(raws), rejects, repeated)

    def _bar(self, row: _Row, interval: Interval, now_us: int) -> tuple[Bar | None, tuple[str, str] | None]:
        """The bar, or what is wrong with it; neither where it came before."""
        zone = self._zones.get(row.symbol, self._zone)
        if isinstance(row.time, date):
            if interval not in _DAYS:
                return None, ("time", f"{row.time} has no time of day, which a bar of {interval} needs")
            if zone is None:
                raise FileError(
                    self.name,
                    f"{row.time} is a day of an exchange that is not known: say --exchange, such as XNYS, or none for "
                    "days in UTC",
                    line=row.line,
                    field="time",
                )
            time_us = day_of(row.time, zone).label_us
        else:
            time_us = row.time
        values = row.values
        volume = values.get("volume", 0.0)
        turnover = values.get("turnover")
        if turnover is None and "vwap" in values:
            turnover = values["vwap"] * volume
        trades = values.get("trades", 0.0)
        if trades != trades // 1:
            return None, ("trades", f"{trades:g} is no number of trades")
        bar = Bar(
            row.symbol, interval, time_us, values["open"], values["high"], values["low"], values["close"],
            volume, turnover, int(trades),
        )  # fmt: skip
        fault = bar_fault(bar, zone or "UTC", now_us, allow_negative=self._options.allow_negative)
        if fault is not None:
            return None, fault
        before = self._before.get(row.symbol)
        if before is not None and before.time_us == time_us:
            same = before.prices_and_volume == bar.prices_and_volume
            return None, None if same else ("time", "the bar came before with other values")
        if before is not None and (time_us < before.time_us) != bool(self._newest_first):
            way = "later" if self._newest_first else "earlier"
            return None, ("time", f"is {way} than the bar before it: the file is not sorted")
        self._before[row.symbol] = bar
        return bar, None


def parse_columns(text: str | None) -> dict[str, str]:
    """`--map` of a file of bars: field=column, empty for none; raises `ConfigurationError`."""
    given: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in (text or "").split(","))):
        name, equals, column = part.partition("=")
        name = name.strip().lower()
        if not equals or name not in BAR_ALIASES or name in given:
            raise ConfigurationError(
                f"--map {part!r}: write field=column once for each, with a field of {', '.join(BAR_ALIASES)}"
            )
        given[name] = column.strip()
    return given


def parse_bar_interval(text: str | None) -> Interval | None:
    """`--interval`; raises `ConfigurationError` for one that bars cannot have, `MarketDataError` for none."""
    if text is None:
        return None
    interval = parse_interval(text)
    if interval not in IMPORTABLE:
        raise ConfigurationError(
            f"--interval {text}: none below a minute are imported; there are {', '.join(IMPORTABLE)}"
        )
    return interval


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _number(text: str, point: str) -> float | None:
    if not _NUMBER.fullmatch(text) or ("," in text) != ("," in text and point == ","):
        return None
    if point == "," and "." in text:
        return None
    return float(text.replace(",", "."))


def _comparable(when: int | date) -> int:
    """A time in µs; days as of UTC, for their distances."""
    return when if isinstance(when, int) else (when.toordinal() - date(1970, 1, 1).toordinal()) * DAY_US


def _interval_of(distance_us: int) -> Interval | None:
    """Which interval's bars lie so far apart; None: none's."""
    for interval in IMPORTABLE:
        width_us = INTERVAL_SECONDS[interval] * 1_000_000
        if interval == "1M":
            if 28 * DAY_US - HOUR_US <= distance_us <= 31 * DAY_US + HOUR_US:
                return interval
        elif interval in _DAYS:
            if abs(distance_us - width_us) <= HOUR_US:
                return interval
        elif distance_us == width_us:
            return interval
    return None
