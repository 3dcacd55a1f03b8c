"""Texts in CSV files that a spreadsheet would take for a formula: written with an apostrophe before them, read without.

A symbol such as `=cmd|…` would run in whoever's spreadsheet opens the file.  The rule loses nothing: what is written
with an apostrophe is read back without it, also where the text itself begins with one.
"""

from __future__ import annotations

import re
from typing import Final

FORMULA_STARTS: Final = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""The last four are the first four in full width, as spreadsheets of East Asia take them."""
_FORMULA: Final = re.compile(rf"'*[{re.escape(FORMULA_STARTS)}]")
PROTECTED: Final = re.compile(rf"'+[{re.escape(FORMULA_STARTS)}]")


def protect(text: str) -> str:
    """`text` as it is written into a file: `'=A1` for `=A1`, `''=A1` for `'=A1`."""
    return f"'{text}" if _FORMULA.match(text) else text


def unprotect(text: str) -> str:
    """The text that `protect` was given; any other text as it is."""
    return text[1:] if PROTECTED.match(text) else text
