"""Tells from a file's first rows how it writes its times."""

from __future__ import annotations

import re
import statistics
from dataclasses import replace
from typing import Final

from feeds.csv_fields import Fields
from feeds.csv_layout import Layout
from feeds.csv_options import CsvOptions
from feeds.csv_times import COMPACT, TIME_TEXT, TimeStyle, unit_of
from feeds.errors import FileError

_SAMPLE_ROWS: Final = 1000
_NUMBER: Final = re.compile(r"[+-]?\d+\.?\d*(e[+-]?\d{1,2})?", re.ASCII | re.IGNORECASE)


def find_style(fields: Fields, layout: Layout, options: CsvOptions) -> tuple[Layout, TimeStyle]:
    """How the times are written, and the layout without its date column where the time has the date already.

    Raises `FileError` naming the first line whose time states no zone where the file's times do not and none
    was given.
    """
    sample = range(min(_SAMPLE_ROWS, len(fields)))
    texts = [fields.text(layout.index["time"], row).decode("utf-8", "replace") for row in sample]
    if "date" in layout.index:
        if not any(TIME_TEXT.fullmatch(text) and not text.isdigit() for text in texts):
            dates = [fields.text(layout.index["date"], row).decode("utf-8", "replace") for row in sample]
            joined = [f"{date} {time}" for date, time in zip(dates, texts, strict=True)]
            _require_zone(fields, layout, options, joined)
            return layout, TimeStyle(None, guessed=False, zone=options.time_zone)
        layout = replace(layout, index={name: at for name, at in layout.index.items() if name != "date"})
    if options.time_unit is not None:
        return layout, TimeStyle(options.time_unit, guessed=False, zone=options.time_zone)
    numbers = [abs(float(text)) for text in texts if _NUMBER.fullmatch(text) and not _is_compact(text)]
    if 2 * len(numbers) > sum(map(bool, texts)):
        unit = unit_of(statistics.median_low(numbers))
        return layout, TimeStyle(unit, guessed=True, zone=options.time_zone)
    _require_zone(fields, layout, options, texts)
    return layout, TimeStyle(None, guessed=False, zone=options.time_zone)


def _is_compact(text: str) -> bool:
    return COMPACT.fullmatch(text) is not None or (len(text) == 8 and TIME_TEXT.fullmatch(text) is not None)


def _require_zone(fields: Fields, layout: Layout, options: CsvOptions, texts: list[str]) -> None:
    if options.time_zone is not None:
        return
    naive = []
    aware = 0
    for row, text in enumerate(texts):
        match = TIME_TEXT.fullmatch(text)
        if match is not None and match["zone"] is not None:
            aware += 1
        elif match is not None or COMPACT.fullmatch(text):
            naive.append(row)
    if len(naive) > aware:
        raise FileError(
            fields.lines.file,
            f"the time {texts[naive[0]]!r} has no time zone: say --time-zone, such as --time-zone "
            "America/New_York or --time-zone UTC",
            line=int(fields.lines.number[naive[0]]),
            field=layout.names[layout.index["time"]],
        )
