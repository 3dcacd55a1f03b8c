"""Texts in CSV files that a spreadsheet would take for a formula: written with an apostrophe before them, read without.

A symbol such as `=cmd|…` would run in whoever's spreadsheet opens the file.  The rule loses nothing: what is written
with an apostrophe is read back without it, also where the text itself begins with one.
"""

from __future__ import annotations

import re
from typing import Final

FORMULA_STARTS: Final = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""The last four are the first four in full width, as spreadsheets of East Asia take them."""
_BLANKS: Final = " \t\r\n\v\f\u0085\u00a0\u1680\u2000-\u200d\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
"""Seen or not: some programs leave them out.  Not `\\s`, which Arrow takes for those of ASCII."""
_STARTS: Final = f"[{_BLANKS}]*[{re.escape(FORMULA_STARTS)}]"
_FORMULA: Final = re.compile(rf"'*{_STARTS}")
PROTECTED: Final = re.compile(rf"'+{_STARTS}")


def protect(text: str) -> str:
    """`text` as it is written into a file: `'=A1` for `=A1`, `''=A1` for `'=A1`."""
    return f"'{text}" if _FORMULA.match(text) else text


def unprotect(text: str) -> str:
    """The text that `protect` was given; any other text as it is."""
    return text[1:] if PROTECTED.match(text) else text
