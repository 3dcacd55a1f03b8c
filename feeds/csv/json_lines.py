"""JSON lines: each line an object, whose keys are the columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np

from tickdeck.db.market.spreadsheets import unprotect
from tickdeck.feeds.csv.fields import Fields, Lines, fields_of
from tickdeck.feeds.csv.options import plain
from tickdeck.feeds.errors import FileError
from tickdeck.feeds.rejects import Reject, shown

_SAMPLE_LINES: Final = 1000


class _NotFlatError(ValueError):
    """An object that names a key twice."""


def json_columns(lines: Lines) -> tuple[str, ...]:
    """The keys of the first objects, in the order in which they come; a key that first comes later is ignored.

    Raises `FileError` where there is no object among the first lines.
    """
    names: dict[str, None] = {}
    nested: set[str] = set()
    first: Mapping[str, Any] = {}
    for row in range(min(_SAMPLE_LINES, len(lines))):
        found = _object(lines.raw(row))
        if isinstance(found, dict):
            names.update(dict.fromkeys(found))
            first = first or found
        nested.update(
            {name for name, value in found.items() if isinstance(value, dict | list)}
            if isinstance(found, dict)
            else ()
        )
    if not names:
        reason = "is JSON, but not an object a line: jq -c . writes it so"
        raise FileError(lines.file, reason, line=int(lines.number[0]))
    if nested and _are_wrapped(first):
        reason = (
            'has values in objects of their own, as MongoDB writes them: `jq -c \'map_values(if type=="object" and length==1 '
            "then .[] else . end)' FILE | tickdeck load /dev/stdin …` takes them out"
        )
        raise FileError(lines.file, reason, line=int(lines.number[0]))
    if nested and not {plain(name) for name in names if name not in nested} & {
        "price",
        "p",
        "last",
        "px",
        "bid",
        "b",
    }:
        reason = _within(first, next(each for each in names if each in nested))
        raise FileError(lines.file, reason, line=int(lines.number[0]))
    return tuple(names)


def _are_wrapped(of: Mapping[str, Any]) -> bool:
    """Whether all objects within one say by a name with $ of what type their only value is."""
    within = [value for value in of.values() if isinstance(value, dict)]
    return bool(within) and all(len(value) == 1 and next(iter(value)).startswith("$") for value in within)


def _within(of: Mapping[str, Any], name: str) -> str:
    """Why an object is no trade whose values lie within others, the first of them `name`; and what takes them out."""
    lists = [value for value in of.values() if isinstance(value, list)]
    if len(lists) > 1 and len(lists) == len(of) and not any(map(_nested, lists)):
        keys = ", ".join(list(of)[:3])
        return f"has a list of values for each of {keys}: write it as rows, such as with pandas: pd.read_json(FILE).to_csv(…)"
    rows = [
        key for key, value in of.items() if isinstance(value, list) and value and isinstance(value[0], dict)
    ]
    if rows:
        return f"holds its rows within {rows[0]}: `jq -c '.{rows[0]}[]' FILE | tickdeck load /dev/stdin …` takes them out"
    parts = [key for key, value in of.items() if isinstance(value, dict) and not _nested(value.values())]
    if not parts:
        return "holds its values deeper than one level: write them out as CSV, or with jq as one flat object a line"
    name = name if name in parts else parts[0]
    return f"holds its values within {name}: `jq -c '. + .{name} | del(.{name})' FILE | tickdeck load /dev/stdin …` takes them out"


def split_json(lines: Lines, columns: tuple[str, ...]) -> tuple[Fields, list[Reject]]:
    """The values of `columns` in each line, and a reject for each line that is no object.

    A number is the text that stands in the file, null and a key that is missing are empty, a list is its values with
    commas between.
    """
    rejects: list[Reject] = []
    good: list[int] = []
    rows: list[list[bytes]] = []
    for row in range(len(lines)):
        found = _object(lines.raw(row))
        if isinstance(found, dict):
            good.append(row)
            rows.append([_cell(found.get(name)) for name in columns])
        else:
            rejects.append(Reject(lines.file, int(lines.number[row]), "line", found, shown(lines.raw(row))))
    return fields_of(lines.take(np.array(good, dtype=np.intp)), rows, len(columns)), rejects


def _object(raw: bytes) -> dict[str, Any] | str:
    """The object in a line, or why there is none."""
    try:
        found = json.loads(
            raw.rstrip().removesuffix(b","),
            parse_float=str,
            parse_int=str,
            parse_constant=str,
            object_pairs_hook=_unique,
        )
    except _NotFlatError as exc:
        return str(exc)
    except UnicodeDecodeError as exc:
        return f"is no UTF-8 text (byte 0x{raw[exc.start]:02X})"
    except (ValueError, RecursionError) as exc:
        return f"is no JSON object: {exc}"
    return found if isinstance(found, dict) else "is JSON, but no object"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _NotFlatError(f"names {next(name for name in names if names.count(name) > 1)!r} more than once")
    return found


def _cell(value: Any) -> bytes:
    if value is None:
        return b""
    if isinstance(value, str):
        text = value.strip(" ")
        # What looks protected as texts in CSV files are would be read without its apostrophe.
        return (text if unprotect(text) == text else f"'{text}").encode("utf-8", "surrogatepass")
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, list) and not _nested(value):
        return b",".join(map(_cell, value))
    return json.dumps(value).encode()


def _nested(values: Iterable[Any]) -> bool:
    return any(isinstance(value, list | dict) for value in values)
