"""Reads ticks from one CSV file, a block at a time."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickdeck.db.market.conditions import updates_of
from tickdeck.db.market.types import DAY_US, TickBatch, from_us
from tickdeck.feeds.base import NO_TICKS, FeedBatch, join
from tickdeck.feeds.csv.bytes import ByteSource
from tickdeck.feeds.csv.columns import Coded, Columns, Quotes, codes_of, put_key, put_row, read_columns
from tickdeck.feeds.csv.fields import (
    PADDING,
    Fields,
    LineOrigins,
    Lines,
    cut,
    hold_open,
    join_open,
    put_before,
    read_lines,
    split_fields,
    split_long,
)
from tickdeck.feeds.csv.json_lines import json_columns, split_json
from tickdeck.feeds.csv.kinds import Kind
from tickdeck.feeds.csv.last_line import ENOUGH, cut_reason
from tickdeck.feeds.csv.layout import Layout, find_layout, is_header, same_names
from tickdeck.feeds.csv.notations import NO_ASKS, no_symbol
from tickdeck.feeds.csv.options import CsvOptions, plain
from tickdeck.feeds.csv.order import DoubleHours, Fills, Occurrences, runs_newest_first
from tickdeck.feeds.csv.reading import OWN, VOLUMES, Reading, described, find_reading
from tickdeck.feeds.csv.rows import FieldError, Row, read_key, read_row, text_of
from tickdeck.feeds.csv.scales import Scales
from tickdeck.feeds.csv.times import wall_clock_of
from tickdeck.feeds.csv.trades import RowChoice
from tickdeck.feeds.errors import FileError
from tickdeck.feeds.rejects import Reject, shown

BINARY_SAMPLE: Final = 1 << 16
_HALF_DAY_US: Final = DAY_US // 2
_HOUR_US: Final = DAY_US // 24
_NOON: Final = 12
_FEW_ROWS: Final = 8
_FAR_APART: Final = 100
_NUL_SHARE: Final = 50
"""Of more NUL bytes than one of so many a file is no text; lines with fewer are refused by themselves."""
_TAIL_ROWS: Final = 1_000
_MOST_STEPS: Final = 5
_MINUTE_US: Final = 60_000_000
_MANY_MINUTES: Final = 30
_DELIMITERS: Final = {"\t": "tab", " ": "space"}


@dataclass(slots=True)
class FileFacts:
    """What was found or assumed about a file, for its reader to check."""

    reading: Reading
    choice: RowChoice
    kind: Kind
    packing: Sequence[str]
    """Short words for how the content is packed, such as gzip."""
    newest_first: bool
    fills: int = 0
    """How many rows have the number of another with other values."""
    headers: int = 0
    """How often the header came again."""
    unended: int | None = None
    """The number of the last line, where it has no line end and the others have one."""
    steps: Sequence[str] = ()
    """Where prices went up or down by a power of ten from one day to another."""

    @property
    def layout(self) -> Layout:
        return self.reading.layout

    def assumptions(self) -> list[str]:
        """Short statements of how the file is read."""
        said = [
            *([f"delimiter {_DELIMITERS.get(self.layout.delimiter, self.layout.delimiter)}"]
              if self.kind is Kind.TEXT else []),
            *described(self.reading, newest_first=self.newest_first, marks=self.choice.marked_by),
            *self.choice.said(),
        ]  # fmt: skip
        if self.fills:
            said.append(f"{self.fills:,} rows are further fills of a number, and numbered apart")
        if self.headers:
            said.append(f"the header comes again {self.headers:,} times")
        said += self.steps[:_MOST_STEPS]
        if self.unended is not None:
            said.append(
                f"line {self.unended:,}, the last, has no line end: if the file was cut, its last field may be too"
            )
        return [*said, *self.packing]


class CsvReader:
    """The ticks of one file, or of one `member` of a zip archive, in its order.  `facts` is known after the first batch.

    seq is that of the file's column, else the number of the row among those of equal symbol and time (from 1,
    refused rows counted too), so that a file read again, or another one that overlaps it, gives the same ticks.
    """

    def __init__(
        self,
        path: Path,
        options: CsvOptions,
        member: str | None = None,
        repairs: Mapping[int, str] | None = None,
        *,
        corrections: bool = False,
    ) -> None:
        """`corrections`: rows that cancel or correct others are applied, else they are refused.  `repairs`: lines that were refused before, by number, as they are now: nothing else is yielded then.

        A repaired row gets the number that its place has among those of equal symbol and time, or, where these were
        not known before, the next one after all that are in the file.
        """
        self.source = ByteSource(path, member)
        self.file = self.source.name
        self.facts: FileFacts | None = None
        self._path = path
        self._member = member
        self._options = options
        self._corrections = corrections
        self._header = b""
        self._choice: RowChoice | None = None
        self._occurrences: Occurrences | None = None
        self._coded: Coded | None = None  # the symbols of the block, where they are as they were read
        self._fills = Fills(newest_first=False)
        self._quotes = Quotes()
        self._hours: DoubleHours | None = None
        self._held: tuple[FeedBatch, NDArray[np.bool_]] | None = None
        self._end: FileError | None = None
        self._before_us: int | None = None  # the time of the last row
        self._clocks: dict[str, int] = {}  # the last time of each symbol, in a file of one date
        self._scales = Scales()
        self._unended: int | None = None  # the number of the last line, where it has no line end
        self._tail: list[str] = []  # the last column of the rows that were read last
        self._begun = False
        self._repairs = None if repairs is None else dict(repairs)
        self._repaired: list[int] = []  # lines of the block whose place is kept

    def allow_negative(self, symbols: frozenset[str]) -> None:
        """Take prices of 0 and below of these; before the first row is read."""
        self._options = replace(self._options, negative_symbols=symbols)

    def __iter__(self) -> Iterator[FeedBatch]:
        """Yield the ticks a block (about a megabyte of text) at a time, with the refused rows of that block.

        Raises `FileError` for what is wrong with the file as a whole, after what was good has been yielded.
        """
        fault: FileError | None = None
        try:
            for batch in self._batches():
                marked = None if self._choice is None else self._choice.marked
                yield batch if marked is None else marked.settle(batch)
        except FileError as exc:
            fault = exc
        if self._choice is not None and self._choice.marked is not None:
            cancels, rejects = self._choice.marked.end()
            if cancels or rejects:
                yield FeedBatch(NO_TICKS, None, tuple(rejects), corrections=tuple(cancels))
        if fault is not None:
            raise fault

    def _batches(self) -> Iterator[FeedBatch]:
        rows = 0
        for item in self._blocks():
            if isinstance(item, FileError):
                yield from self._last()
                raise item
            if isinstance(item, Reject):
                rows += 1
                yield FeedBatch(NO_TICKS, None, (item,))
                continue
            lines, layout = item
            rows += len(lines)
            if len(lines):
                yield self._read(lines, layout)
            if self._end is not None:
                yield from self._last()
                raise self._end
        yield from self._last()
        yield from self._late()
        if rows == 0:
            raise FileError(self.file, "has a header and no rows", line=1)
        if self._choice is not None and self._repairs is None:
            self._choice.finish()

    def _blocks(self) -> Iterator[tuple[Lines, Layout] | Reject | FileError]:
        """The lines below the header with their layout; those of one row, in quotes, come together."""
        held: tuple[Lines, Layout] | None = None
        for item in self._pieces():
            if not isinstance(item, tuple) or self.source.kind is not Kind.TEXT or self.source.columns:
                if held is not None:
                    yield held
                held = None
                yield item
                continue
            lines, layout = item
            ready, opened = hold_open(lines if held is None else put_before(held[0], lines), layout.delimiter)
            held = None if opened is None else (opened, layout)
            if len(ready) or not len(lines):
                yield ready, layout
        if held is not None:
            yield held

    def _pieces(self) -> Iterator[tuple[Lines, Layout] | Reject | FileError]:
        """The lines below the header as they are cut, with their layout."""
        layout: Layout | None = None
        for item in read_lines(self.file, self.source.blocks()):
            if isinstance(item, FileError):
                yield item
                return
            if isinstance(item, Reject):
                if layout is None:
                    raise FileError(self.file, f"the header {item.reason}", line=item.line)
                yield item
                continue
            lines = item
            self._unended = _without_end(lines)
            if layout is None and len(lines):
                sample = lines.data[: min(BINARY_SAMPLE, int(lines.end[-1]))]
                if b"\0" in sample and (
                    not _is_text(lines.raw(0)) or sample.count(b"\0") * _NUL_SHARE > len(sample)
                ):
                    raise FileError(self.file, "is no text: it looks like a binary file")
                layout = find_layout(self.file, lines, self._options, self._names(lines))
                self._header = lines.raw(layout.skip - 1) if layout.skip else b""
                lines = lines.take(slice(layout.skip, None))
                if not len(lines) and layout.header_line:
                    yield Lines(self.file, lines.data, lines.start, lines.end, lines.number), layout
                    continue
            if layout is not None and len(lines):
                yield lines, layout
        if layout is None:
            raise FileError(self.file, "is empty")

    def _names(self, lines: Lines) -> tuple[str, ...] | None:
        """The columns of a file that names them otherwise than in a header line."""
        if self.source.kind is Kind.JSON_LINES:
            return json_columns(lines)
        return self.source.columns

    def _fields(self, lines: Lines, layout: Layout) -> tuple[Fields, list[Reject]]:
        """The fields of those rows that are taken, and the rows that are refused."""
        lines, rejects = split_long(lines)
        lines, nul = _without_nul(lines)
        if self.source.kind is Kind.TEXT and self.source.columns is None:
            lines = join_open(lines, layout.delimiter, len(layout.names))
        if self.source.kind is Kind.JSON_LINES:
            fields, uneven = split_json(lines, layout.names)
        else:
            fields, uneven = split_fields(lines, layout.delimiter, len(layout.names))
        rejects += nul
        for reject in uneven:
            if self._end is None and self._is_other_header(reject.raw, layout):
                self._end_at(reject.line, reject.raw)
            if self._end is None:
                rejects.append(reject)
        if self._end is not None and self._end.line is not None:
            before = np.flatnonzero(fields.lines.number < self._end.line)
            fields = _some(fields, before)
        if self._choice is None and len(fields):
            self._choice = RowChoice(self.file, layout, fields, corrections=self._corrections)
        if self._choice is None:
            return fields, rejects
        fields, refused = self._choice.choose(fields)
        return fields, rejects + refused

    def _read(self, lines: Lines, layout: Layout) -> FeedBatch:
        fields, rejects = self._fields(lines, layout)
        if self.facts is None and len(fields) and self._choice is not None:
            reading = find_reading(self.file, fields, layout, self._options)
            self.facts = FileFacts(
                reading, self._choice, self.source.kind, self.source.packing, newest_first=False
            )
        if self.facts is None:
            return FeedBatch(NO_TICKS, None, tuple(rejects))
        batch, good, refused = self._ticks(fields, self.facts)
        if self._repairs is not None:
            rejects, refused = [], []
        number_rejects: list[Reject] = []
        if self.facts.reading.occurrence:
            batch, good, number_rejects = self._numbered(batch, good)
        rejects = sorted(rejects + refused + number_rejects, key=lambda reject: reject.line)
        return replace(batch if good.all() else batch.take(np.flatnonzero(good)), rejects=tuple(rejects))

    def _ticks(self, fields: Fields, facts: FileFacts) -> tuple[FeedBatch, NDArray[np.bool_], list[Reject]]:
        """The rows of a block whose symbol and time are known, which of them are ticks, and the refused rows."""
        reading = facts.reading
        columns = read_columns(fields, reading)
        if self._occurrences is None:
            keyed = np.flatnonzero(columns.keyed)
            facts.newest_first = runs_newest_first(columns.ticks.time_us[keyed])
            self._occurrences = Occurrences(newest_first=facts.newest_first)
            self._fills = Fills(newest_first=facts.newest_first)
        if self._repairs:
            # Also those that could be read, and were refused for what was beside them.
            columns.good &= ~np.isin(fields.lines.number, list(self._repairs))
        rejects = [] if columns.good.all() else self._read_one_by_one(fields, columns, facts)
        _forget_sides(fields, columns, reading.layout)
        if self._choice is not None and self._choice.marked is not None:
            self._choice.marked.take_records(columns.ticks, columns.good, fields.lines)
        if "bid" in reading.layout.index and "ask" in reading.layout.index:
            lines = fields.lines
            for row, side in self._quotes.carry(columns):
                reason = "is empty, and no earlier row has one to carry over"
                rejects.append(Reject(self.file, int(lines.number[row]), side, reason, shown(lines.raw(row))))
        if reading.fills:
            good = np.flatnonzero(columns.good)
            columns.ticks.seq[good] = self._fills.number(columns.ticks.take(good))
            facts.fills = self._fills.found
        rejects += self._look_closer(fields, columns, facts)
        if self._repairs is not None:
            columns.good &= np.isin(fields.lines.number, self._repaired)
        kept = columns.keyed if reading.occurrence else columns.good
        known = np.flatnonzero(kept)
        origins = LineOrigins.of(fields.lines, known)
        ticks = _with_updates(columns.ticks, reading)
        if len(known) == len(kept):
            self._coded = columns.coded
            return FeedBatch(ticks, origins), columns.good, rejects
        self._coded = None
        return FeedBatch(ticks.take(known), origins), columns.good[known], rejects

    def _look_closer(self, fields: Fields, columns: Columns, facts: FileFacts) -> list[Reject]:
        """Refuse what each row alone does not tell: a last line that was cut, other units, times of other days or halves of them."""
        reading = facts.reading
        rejects: list[Reject] = []
        begun, self._begun = self._begun, True
        if self._repairs is None and not reading.options.all_rows:
            if not begun and facts.layout.preset is None:
                self._refuse_minutes(columns, fields.lines, facts)
            if reading.layout.names[: len(OWN)] != OWN:  # what an export wrote comes back as it was
                rejects += self._refuse_stand_ins(fields, columns, facts)
            rejects += self._refuse_cut(fields, columns, facts)
            if self._options.price_scale is None:
                rejects += self._refuse_other_scale(fields, columns, facts, begun=begun)
        if reading.style.zone is not None and not reading.style.units and not reading.options.all_rows:
            self._refuse_half_clock(columns, fields, facts)
        if reading.style.date is not None:
            self._end_at_midnight(columns, fields.lines, facts)
        elif "date" in reading.layout.index and self._repairs is None and not reading.options.all_rows:
            self._end_within_a_date(columns, fields, facts, begun=begun)
        return rejects

    def _refuse_minutes(self, columns: Columns, lines: Lines, facts: FileFacts) -> None:
        """Raise `FileError` where each of many rows with a volume is at a full minute, and alone there, as bars are and trades are not."""
        rows = np.flatnonzero(columns.good)
        times = columns.ticks.time_us[rows]
        size = facts.layout.index.get("size")
        if size is None or plain(facts.layout.names[size]) not in VOLUMES:
            return
        if len(rows) < _MANY_MINUTES or (times % _MINUTE_US).any():
            return
        if pd.DataFrame({"symbol": columns.ticks.symbol[rows], "time": times}).duplicated().any():
            return
        raise FileError(
            self.file,
            "has each row at a full minute, and no other of its symbol there, as bars have: load the trades, or have them as "
            "imported candles: --bars (--all-rows: they are trades)",
            line=int(lines.number[int(rows[0])]),
        )

    def _refuse_stand_ins(self, fields: Fields, columns: Columns, facts: FileFacts) -> list[Reject]:
        """Rows with a time, a quote or a symbol that stands for none: the first instant of 1970, an ask of nines far above the bid."""
        ticks, layout = columns.ticks, facts.layout
        found: list[tuple[str, NDArray[np.bool_], str]] = []
        if not ticks.time_us.all():
            found.append(
                (
                    "time",
                    columns.good & (ticks.time_us == 0),
                    "is the first instant of 1970, which stands for no time",
                )
            )
        if "ask" in layout.index:
            far = columns.good & np.isin(ticks.ask, NO_ASKS) & (ticks.ask > _FAR_APART * ticks.bid)
            found.append(("ask", far, "stands for no ask (where it is one: --all-rows)"))
        codes, symbols = columns.coded or pd.factorize(ticks.symbol)
        for code, symbol in enumerate(symbols):
            if isinstance(symbol, str) and (why := no_symbol(symbol)) is not None:
                found.append(("symbol", columns.good & (codes == code), why))
        rejects = []
        for field, where, reason in found:
            for row in np.flatnonzero(where).tolist():
                columns.good[row] = False
                number, raw = int(fields.lines.number[row]), shown(fields.lines.raw(row))
                rejects.append(Reject(self.file, number, field, reason, raw))
        return rejects

    def _refuse_cut(self, fields: Fields, columns: Columns, facts: FileFacts) -> list[Reject]:
        """The last line, where it has no end and its last field may have lost some: refused, and no tick any more."""
        layout = facts.layout
        at = len(layout.names) - 1
        field = next((name for name, place in layout.index.items() if place == at), None)
        if field is None or self.source.kind is not Kind.TEXT or self.source.columns is not None:
            return []
        row = len(fields) - 1
        last = row >= 0 and self._unended == fields.lines.number[row]
        if last:
            facts.unended = self._unended
        before = range(max(0, row + 1 - last - _TAIL_ROWS), row + 1 - last)
        texts = [fields.text(at, each).decode("utf-8", "replace") for each in before]
        self._tail = texts if len(texts) >= ENOUGH else [*self._tail, *texts][-_TAIL_ROWS:]
        if not last or not columns.good[row]:
            return []
        reason = cut_reason(fields.text(at, row).decode("utf-8", "replace"), self._tail)
        if reason is None:
            return []
        columns.good[row] = False
        return [Reject(self.file, self._unended or 0, field, reason, shown(fields.lines.raw(row)))]

    def _refuse_other_scale(
        self, fields: Fields, columns: Columns, facts: FileFacts, *, begun: bool
    ) -> list[Reject]:
        """End the file where a symbol's prices go on in another unit; refuse rows of which too few follow to tell.

        Raises `FileError` where that is among the rows by which it was decided how the file is read.
        """
        index, mark = facts.layout.index, facts.reading.decimal.encode()
        at = index.get("price", index.get("bid", 0))
        lines = fields.lines
        changes = self._scales.look(
            columns.ticks, columns.good, columns.coded, lambda row: mark in fields.text(at, row)
        )
        facts.steps = self._scales.said
        rejects = []
        for change in changes:
            number = int(lines.number[change.row])
            if change.alone:
                columns.good[change.row] = False
                reason = (
                    f"{change.words()}: a bad print, or of another unit (put it right in the rejects file and load that; "
                    "where it is right, load that as it is)"
                )
                rejects.append(Reject(self.file, number, "price", reason, shown(lines.raw(change.row))))
                continue
            fault = FileError(
                self.file,
                f"{change.words()} and so it goes on, as where another unit begins, such as cents: "
                + ("what comes from here on is not read; " if begun else "")
                + "where both are true prices, as before and after a split, --price-scale 1 takes them as they are written; else "
                f"have each unit in a file of its own, that of the larger numbers with --price-scale {10 ** abs(change.power)}",
                line=number,
                field=facts.layout.names[at],
            )
            if not begun:
                raise fault
            columns.good[change.row :] = columns.keyed[change.row :] = False
            self._end = fault
        return rejects

    def _end_at_midnight(self, columns: Columns, lines: Lines, facts: FileFacts) -> None:
        """End the file where its times of day begin anew, so that one date cannot be that of all rows."""
        over, _ = self._half_days_back(columns, newest_first=facts.newest_first)
        if not len(over):
            return
        row = int(over[0])
        columns.good[row:] = columns.keyed[row:] = False
        self._end = FileError(
            self.file,
            f"here the times of day of {columns.ticks.symbol[row]} begin anew, so that the file is of more than one day: "
            "what comes below is not read; put each day into a file of its own",
            line=int(lines.number[row]),
        )

    def _end_within_a_date(self, columns: Columns, fields: Fields, facts: FileFacts, *, begun: bool) -> None:
        """End the file where times begin anew on one date: it is that of a session, which began the evening before.

        Raises `FileError` where that is among the rows by which it was decided how the file is read.
        """
        over, steps = self._half_days_back(columns, newest_first=facts.newest_first)
        zone = ZoneInfo(facts.reading.style.zone or "UTC")
        times = columns.ticks.time_us
        for row, step in zip(over.tolist(), steps.tolist(), strict=True):
            here, there = (from_us(int(each)).astimezone(zone) for each in (times[row], times[row] - step))
            if here.date() != there.date():
                continue
            layout = facts.layout
            fault = FileError(
                self.file,
                f"here the times of {columns.ticks.symbol[row]} go from {there:%H:%M} to {here:%H:%M} on one date, as where it is that "
                f"of a session which began the evening before: {'what comes from here on is not read; ' if begun else ''}"
                "load it with the dates of the clock (--all-rows: they are)",
                line=int(fields.lines.number[row]),
                field=layout.names[layout.index["date"]],
            )
            if not begun:
                raise fault
            columns.good[row:] = columns.keyed[row:] = False
            self._end = fault
            return

    def _half_days_back(
        self, columns: Columns, *, newest_first: bool
    ) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """The rows that are half a day or more before the one of their symbol that precedes them, and by how many µs they are after it."""
        rows = np.flatnonzero(columns.keyed)
        codes, symbols = pd.factorize(columns.ticks.symbol[rows])
        before = np.array([self._clocks.get(symbol, -1) for symbol in symbols], dtype=np.int64)
        every = np.concatenate([np.arange(len(symbols)), codes])
        clocks = pd.Series(np.concatenate([before, columns.ticks.time_us[rows]]))
        steps = clocks.groupby(every).diff().to_numpy()[len(symbols) :]
        known = clocks.groupby(every).shift().to_numpy()[len(symbols) :] >= 0
        over = known & ((steps > _HALF_DAY_US) if newest_first else (steps < -_HALF_DAY_US))
        if newest_first and len(rows) < _FEW_ROWS:
            over |= known & (steps < -_HALF_DAY_US)  # too few to know which way they run
        self._clocks.update(zip(symbols, clocks.groupby(every).last().astype(np.int64), strict=True))
        return rows[over], steps[over].astype(np.int64)

    def _refuse_half_clock(self, columns: Columns, fields: Fields, facts: FileFacts) -> None:
        """Raise `FileError` where a clock goes on from 12:59 to 1:00 on one day: it has lost its AM and PM."""
        rows = np.flatnonzero(columns.keyed)
        if not len(rows):
            return
        times = columns.ticks.time_us[rows]
        steps = np.diff(times, prepend=times[0] if self._before_us is None else self._before_us)
        self._before_us = int(times[-1])
        back = steps if facts.newest_first else -steps
        at = facts.reading.layout.index["time"]
        zone = ZoneInfo(facts.reading.style.zone or "UTC")
        found = np.flatnonzero((back > _HALF_DAY_US - 2 * _HOUR_US) & (back <= _HALF_DAY_US))
        hours = np.unique(times // _HOUR_US * _HOUR_US) if len(found) else times[:0]
        if any(not 1 <= from_us(int(each)).astimezone(zone).hour <= _NOON for each in hours):
            return
        for place in found.tolist():
            here = from_us(int(times[place])).astimezone(zone)
            there = from_us(int(times[place] - steps[place])).astimezone(zone)
            one, twelve = (there, here) if facts.newest_first else (here, there)
            symbols = columns.ticks.symbol[rows[: place + 1]]
            if (one.hour, twelve.hour, one.date()) != (1, _NOON, twelve.date()) or symbols[-1] not in symbols[
                :-1
            ]:
                continue
            text = fields.text(at, int(rows[place])).decode("utf-8", "replace")
            if not re.search(r"[AP]\.?M", text, re.IGNORECASE):
                raise FileError(
                    self.file,
                    f"{text!r} follows on {there:%H:%M} of the same day, and no hour is above 12, as where AM and PM were "
                    "lost: load it with them, or with hours to 24 (--all-rows: the times are right as they are)",
                    line=int(fields.lines.number[int(rows[place])]),
                    field=facts.layout.names[at],
                )

    def _read_one_by_one(self, fields: Fields, columns: Columns, facts: FileFacts) -> list[Reject]:
        """Read the rows that are not good yet; returns those that are none."""
        reading = facts.reading
        lines = fields.lines
        rejects = []
        for row in np.flatnonzero(~columns.good).tolist():
            raw = lines.raw(row)
            number = int(lines.number[row])
            if raw == self._header or self._is_same_header(raw, reading.layout):
                facts.headers += 1
                columns.keyed[row] = False
                continue
            if self._is_other_header(raw.decode("utf-8", "replace"), reading.layout):
                self._end_at(number, shown(raw))
                columns.good[row:] = columns.keyed[row:] = False
                break
            texts = {name: fields.text(at, row) for name, at in reading.layout.index.items()}
            fold = self._fold(number, texts, reading)
            if self._repairs is not None and number in self._repairs:
                self._keep_key(columns, row, texts, reading, fold)
                self._put_repaired(columns, row, number, facts)
                continue
            try:
                tick = read_row(texts, reading, fold=fold)
            except FieldError as exc:
                reason = exc.reason
                if reading.style.double_hour == "order" and reason.endswith("say --ambiguous"):
                    reason = reason.replace(
                        "say --ambiguous",
                        "the file's order does not tell, for its times do not go back just once",
                    )
                rejects.append(Reject(self.file, number, exc.field, reason, shown(raw)))
                self._keep_key(columns, row, texts, reading, fold)
            else:
                put_row(columns, row, tick)
        return rejects

    def _keep_key(
        self, columns: Columns, row: int, texts: dict[str, bytes], reading: Reading, fold: int | None
    ) -> None:
        """Let a refused row be counted where its symbol and time can be read."""
        try:
            time_us, symbol = read_key(texts, reading, fold=fold)
        except FieldError:
            columns.keyed[row] = False
        else:
            put_key(columns, row, time_us, symbol)

    def _put_repaired(self, columns: Columns, row: int, line: int, facts: FileFacts) -> None:
        """Put the repaired row into its old place, where its symbol and time are what they were."""
        if self._repairs is None or line not in self._repairs or not columns.keyed[row]:
            return
        _, tick = self._repair(line, facts)
        if isinstance(tick, Row) and (tick.time_us, tick.symbol) == (
            columns.ticks.time_us[row],
            columns.ticks.symbol[row],
        ):
            del self._repairs[line]
            self._repaired.append(line)
            put_row(columns, row, tick)

    def _repair(self, line: int, facts: FileFacts) -> tuple[Lines, Row | Reject | None]:
        """A repaired line as a row, a reject, or None where it is left out."""
        text = (self._repairs or {})[line]
        lines = cut(self.file, text.encode("utf-8", "surrogateescape") + b"\n", line)
        if text.endswith(" bytes)") and "… (" in text:
            return lines, Reject(
                self.file, line, "line", "was too long for the rejects file to hold all of it", text
            )
        layout = facts.layout
        fields, rejects = split_fields(lines, layout.delimiter, len(layout.names))
        if len(fields):
            fields, refused = facts.choice.choose(fields)
            rejects += refused
        if not len(fields):
            return lines, rejects[0] if rejects else None
        texts = {name: fields.text(at, 0) for name, at in layout.index.items()}
        try:
            return lines, read_row(texts, facts.reading, fold=self._fold(line, texts, facts.reading))
        except FieldError as exc:
            return lines, Reject(self.file, line, exc.field, exc.reason, text)

    def _late(self) -> Iterator[FeedBatch]:
        """The repaired rows that had no place yet."""
        for line in sorted(self._repairs or {}):
            if self.facts is None:
                return
            lines, tick = self._repair(line, self.facts)
            if isinstance(tick, Reject):
                yield FeedBatch(NO_TICKS, None, (tick,))
            if not isinstance(tick, Row):
                continue
            one = TickBatch(
                np.array([tick.time_us]), np.array([tick.symbol], dtype=object), np.array([tick.seq]),
                np.array([tick.price]), np.array([tick.size]), np.array([tick.bid]), np.array([tick.ask]),
                np.array([tick.exchange], dtype=object), np.array([tick.conditions], dtype=object),
                side=np.array([tick.side], dtype=np.int16),
            )  # fmt: skip
            batch = FeedBatch(one, LineOrigins.of(lines, np.zeros(1, dtype=np.intp)))
            if self.facts.reading.occurrence:
                batch, _, _ = self._count(batch, np.ones(1, dtype=np.bool_))
            yield batch

    def _fold(self, line: int, texts: dict[str, bytes], reading: Reading) -> int | None:
        """Which of two instants a row means, where that is said."""
        how = reading.style.double_hour
        if how != "order":
            return None if how is None else int(how == "second")
        try:
            wall = wall_clock_of(text_of(texts, "time"), text_of(texts, "date"), reading.style)
            if wall is None:
                return None
            if self._hours is None:
                self._hours = self._scan_hours()
            return self._hours.fold(line, _symbol(texts, reading), wall)
        except FieldError:
            return None

    def _scan_hours(self) -> DoubleHours:
        """Read the file once for the hours that a clock showed twice."""
        scout = CsvReader(self._path, self._options, self._member)
        newest_first = self.facts is not None and self.facts.newest_first
        hours = DoubleHours(newest_first=newest_first)
        for item in scout._blocks():
            if not isinstance(item, tuple):
                continue
            fields, _ = scout._fields(*item)
            if not len(fields) or self.facts is None:
                continue
            reading = self.facts.reading
            columns = read_columns(fields, reading)
            for row in np.flatnonzero(~columns.good).tolist():
                texts = {name: fields.text(at, row) for name, at in reading.layout.index.items()}
                try:
                    wall = wall_clock_of(text_of(texts, "time"), text_of(texts, "date"), reading.style)
                    if wall is not None:
                        hours.see(int(fields.lines.number[row]), _symbol(texts, reading), wall)
                except FieldError:
                    continue
        return hours

    def _numbered(
        self, batch: FeedBatch, good: NDArray[np.bool_]
    ) -> tuple[FeedBatch, NDArray[np.bool_], list[Reject]]:
        """Give the rows their seq; newest first, those of the last time are kept back until it is over."""
        occurrences = self._occurrences
        if occurrences is None:
            return batch, good, []
        if self._held is not None:
            batch, good = join([self._held[0], batch]), np.concatenate([self._held[1], good])
            self._held = self._coded = None
        if occurrences.newest_first and len(batch):
            self._coded = None
            times = batch.ticks.time_us
            other = np.flatnonzero(times != times[-1])
            over = int(other[-1]) + 1 if len(other) else 0
            self._held = batch.take(slice(over, None)), good[over:]
            batch, good = batch.take(slice(over)), good[:over]
        return self._count(batch, good)

    def _count(
        self, batch: FeedBatch, good: NDArray[np.bool_]
    ) -> tuple[FeedBatch, NDArray[np.bool_], list[Reject]]:
        if self._occurrences is None or not len(batch):
            return batch, good, []
        coded, self._coded = self._coded, None
        seq, lost = self._occurrences.number(batch.ticks.symbol, batch.ticks.time_us, coded)
        batch = replace(batch, ticks=replace(batch.ticks, seq=seq))
        rejects = []
        if lost.any() and batch.origins is not None:
            reason = (
                "is far out of order: whether rows of equal symbol and time came before is not known any more, and "
                "there is no seq to tell them apart (sort the file by time)"
            )
            rejects = [
                batch.origins.reject(row, "time", reason) for row in np.flatnonzero(lost & good).tolist()
            ]
        return batch, good & ~lost, rejects

    def _last(self) -> Iterator[FeedBatch]:
        """What was kept back."""
        if self._held is not None:
            batch, good, rejects = self._count(*self._held)
            self._held = None
            yield replace(batch.take(np.flatnonzero(good)), rejects=tuple(rejects))

    def _is_same_header(self, raw: bytes, layout: Layout) -> bool:
        """Whether a line is the header again, written a little otherwise."""
        if not layout.header_line or raw[:1].isdigit():
            return False
        try:
            names = next(csv.reader([raw.decode("utf-8", "replace")], delimiter=layout.delimiter), [])
        except csv.Error:
            return False
        return same_names(tuple(names), layout.names)

    def _is_other_header(self, raw: str, layout: Layout) -> bool:
        """Whether a line holds names of columns, as where files were put one behind the other."""
        if not layout.header_line:
            return False
        try:
            cells = next(csv.reader([raw], delimiter=layout.delimiter), [])
        except csv.Error:
            return False
        return is_header(tuple(cells), layout.names)

    def _end_at(self, line: int, raw: str) -> None:
        self._end = FileError(
            self.file, f"here another header follows, {raw[:80]!r}: what comes below is not read", line=line
        )


def _symbol(texts: dict[str, bytes], reading: Reading) -> str:
    return reading.symbol or f"{text_of(texts, 'symbol')}\0{text_of(texts, 'suffix')}"


def _forget_sides(fields: Fields, columns: Columns, layout: Layout) -> None:
    """Have no side where a layout's rows say none that is true."""
    for name, values in (layout.preset.side_rows if layout.preset else {}).items():
        at, side = layout.column(name), columns.ticks.side
        if at is not None and side is not None:
            codes, first = codes_of(fields.column(at))
            known = [fields.text(at, row).decode("utf-8", "replace") in values for row in first.tolist()]
            side[~np.array(known, dtype=np.bool_)[codes]] = 0


def _with_updates(ticks: TickBatch, reading: Reading) -> TickBatch:
    """`ticks` with what each moves, where the layout says how its conditions are written."""
    preset = reading.layout.preset
    if preset is None or preset.conditions is None or ticks.conditions is None:
        return ticks
    return replace(
        ticks, updates=updates_of(ticks.conditions, ticks.time_us, preset.conditions, ticks.exchange)
    )


def _some(fields: Fields, rows: NDArray[np.intp]) -> Fields:
    return replace(
        fields, lines=fields.lines.take(rows), start=fields.start[:, rows], end=fields.end[:, rows]
    )


def _is_text(line: bytes) -> bool:
    try:
        return line.decode().replace("\t", "").isprintable()
    except UnicodeDecodeError:
        return False


def _without_end(lines: Lines) -> int | None:
    """The number of the last line, where it is the only one that has no line end."""
    return int(lines.number[-1]) if lines.unended and lines.number[-1:].sum() > 1 else None


def _without_nul(lines: Lines) -> tuple[Lines, list[Reject]]:
    """`lines` without those that contain a NUL byte, which no text in the database can hold."""
    if lines.data.find(b"\0", 0, len(lines.data) - PADDING) < 0:
        return lines, []
    bad = np.array([b"\0" in lines.raw(row) for row in range(len(lines))], dtype=np.bool_)
    rejects = [
        Reject(lines.file, int(lines.number[row]), "line", "contains a NUL byte", shown(lines.raw(row)))
        for row in np.flatnonzero(bad).tolist()
    ]
    return lines.take(~bad), rejects
