"""Rejects files that were repaired: which lines of which files their rows stand for."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tickdeck.db.market.spreadsheets import unprotect
from tickdeck.feeds.errors import FileError

REJECTS_HEADER: Final = ("file", "line", "field", "reason", "raw")


def repairs_in(path: Path) -> Mapping[str, Mapping[int, str]] | None:
    """File to line to what now stands in it; None where `path` is no rejects file.

    Raises `FileError` for a row whose line is no number.
    """
    if not path.is_file():  # a pipe that is opened and closed again has lost what was in it
        return None
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if file.readline(200).strip().split(",") != list(REJECTS_HEADER):
                return None
            found: dict[str, dict[int, str]] = {}
            for at, row in enumerate(csv.reader(file), start=2):
                if len(row) != len(REJECTS_HEADER) or not row[1].isdigit():
                    raise FileError(
                        str(path), "is no row of a rejects file: file, line, field, reason, raw", line=at
                    )
                found.setdefault(unprotect(row[0]), {})[int(row[1])] = unprotect(row[4]).rstrip("\r\n")
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    return found
