"""Layouts that vendors are known for, each a small file of data beside this one."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final

from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.conditions import Family
from tickdeck.feeds.csv.options import CsvOptions, parse_options, plain

NO_PRESET: Final = "none"
_KEYS: Final = {
    "title", "source", "checked", "side_rows", "conditions", "header", "columns", "optional", "file_name", "own_name", "symbol_blanks",
    "occurrence", "map", "where", "guard", "side", "time_unit", "time_zone", "time_format", "delimiter",
    "price_scale", "decimal", "all_rows", "fixed_point", "trades", "flags",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Side:
    """Which values of the side's column say that the buyer, or the seller, took the price that was there."""

    buy: frozenset[str]
    sell: frozenset[str]


@dataclass(frozen=True, slots=True)
class Preset:
    """One known layout.

    `header`: names that together are only in files of this layout, so that it is recognised.  `columns`: the
    names of a file without a header line, the last `optional` of which may be missing.  `file_name`: what the
    vendor's file names are like, with the groups `symbol` and `date` where they have them; `own_name`: no other
    vendor's are like that.  `symbol_blanks`: what stands for a blank in a symbol.  `occurrence`: the rows have
    no trade number that is one.  `fixed_point`: prices without a point are whole numbers of 10**-fixed_point.
    `guard`: column to the values of rows that are trades.  `trades`: the column without which no row is a single trade.
    `checked`: with what the layout was compared: its "source", "files" of that vendor that others describe, or nothing
    (written from "memory").  `side_rows`: column to its values where the side is that of the trade, not known elsewhere.
    `conditions`: the notation of the sale conditions.  `flags`: column to the bits of which a trade has one, where the price is repeated in other rows.  `options` are what
    a user would say.
    """

    name: str
    title: str
    source: str
    checked: str
    header: frozenset[str]
    columns: tuple[str, ...]
    optional: int
    file_name: re.Pattern[str] | None
    own_name: bool
    symbol_blanks: str | None
    occurrence: bool
    fixed_point: int | None
    guard: Mapping[str, frozenset[str]]
    side: Side | None
    trades: str | None
    flags: Mapping[str, int]
    side_rows: Mapping[str, frozenset[str]]
    conditions: Family | None
    options: CsvOptions

    def applied(self, options: CsvOptions, file_name: str) -> CsvOptions:
        """`options` with what this layout says where they say nothing."""
        own = self.options
        named = self.file_name.match(file_name) if self.file_name is not None else None
        parts = {} if named is None else named.groupdict()
        day = parts.get("date")
        stated = bool(options.time_units) or options.time_format is not None
        return replace(
            options,
            columns={**own.columns, **options.columns},
            delimiter=options.delimiter or own.delimiter,
            time_zone=options.time_zone or own.time_zone,
            time_units=options.time_units if stated else own.time_units,
            time_format=options.time_format if stated else own.time_format,
            date=options.date or (date.fromisoformat(day) if day else None),
            symbol=options.symbol or parts.get("symbol"),
            where={**own.where, **options.where},
            all_rows=options.all_rows or own.all_rows,
            price_scale=own.price_scale if options.price_scale is None else options.price_scale,
            decimal=options.decimal or own.decimal,
        )


@cache
def presets() -> Mapping[str, Preset]:
    """All presets by name."""
    found = {}
    for file in sorted(files(__name__).iterdir(), key=lambda each: each.name):
        if file.name.endswith(".toml"):
            name = file.name.removesuffix(".toml")
            found[name] = _read(name, tomllib.loads(file.read_text(encoding="utf-8")))
    return found


def named(name: str) -> Preset:
    """The preset of this name; raises `ConfigurationError` naming those that there are."""
    preset = presets().get(name.lower())
    if preset is None:
        raise ConfigurationError(f"--preset {name!r} is unknown: use {', '.join([*presets(), NO_PRESET])}")
    return preset


def require(name: str | None) -> None:
    """Raise `ConfigurationError` where there is no preset of this name."""
    if name is not None and name.lower() != NO_PRESET:
        named(name)


def recognised(names: Iterable[str], file_name: str, *, has_header: bool) -> Preset | None:
    """The one layout that a file with these (plain) column names, or this name and so many columns, can have."""
    there = list(names)
    if has_header:
        fitting = [each for each in presets().values() if each.header and each.header <= set(there)]
        fitting.sort(key=lambda each: len(each.header))
        return fitting[-1] if fitting else None
    for preset in presets().values():
        counts = range(len(preset.columns) - preset.optional, len(preset.columns) + 1)
        if preset.own_name and preset.file_name is not None and preset.file_name.match(file_name):  # noqa: SIM102
            if preset.columns and len(there) in counts:
                return preset
    return None


def _read(name: str, facts: dict[str, Any]) -> Preset:
    # A key that is misspelt must not be overlooked.
    unknown = set(facts) - _KEYS
    if unknown:
        raise ValueError(f"preset {name}: {', '.join(sorted(unknown))} is unknown")
    units = facts.get("time_unit", [])
    options = parse_options(
        columns=",".join(f"{field}={column}" for field, column in facts.get("map", {}).items()),
        delimiter=facts.get("delimiter"),
        time_zone=facts.get("time_zone"),
        time_format=facts.get("time_format"),
        where=[f"{column}={','.join(values)}" for column, values in facts.get("where", {}).items()],
        all_rows=facts.get("all_rows", False),
        price_scale=facts.get("price_scale"),
        decimal=facts.get("decimal"),
    )
    side = facts.get("side")
    return Preset(
        name=name,
        title=facts["title"],
        source=facts["source"],
        checked=facts["checked"],
        header=frozenset(map(plain, facts.get("header", ()))),
        columns=tuple(facts.get("columns", ())),
        optional=facts.get("optional", 0),
        file_name=re.compile(facts["file_name"]) if "file_name" in facts else None,
        own_name=facts.get("own_name", False),
        symbol_blanks=facts.get("symbol_blanks"),
        occurrence=facts.get("occurrence", False),
        fixed_point=facts.get("fixed_point"),
        guard={column: frozenset(values) for column, values in facts.get("guard", {}).items()},
        trades=facts.get("trades"),
        flags=facts.get("flags", {}),
        side_rows={column: frozenset(values) for column, values in facts.get("side_rows", {}).items()},
        conditions=facts.get("conditions"),
        side=None if side is None else Side(frozenset(side["buy"]), frozenset(side["sell"])),
        options=replace(options, time_units=tuple(units)),
    )
