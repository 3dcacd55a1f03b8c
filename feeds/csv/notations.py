"""Ways of writing numbers that are not read, or only where it is said: what they are, and what helps."""

from __future__ import annotations

import re
from typing import Final

NO_NUMBER: Final = frozenset(
    {
        "NULL",
        "null",
        "Null",
        "\\N",
        "nan",
        "NaN",
        "NAN",
        "None",
        "NA",
        "N/A",
        "n/a",
        "#N/A",
        "0n",
        "0N",
        "-",
        "--",
    }
)
"""What stands for nothing in columns of numbers, by the tools that write files."""

UNDEFINED_PRICE: Final = (1 << 63) - 1
"""What Databento and others write for no price: the largest number of 64 bits."""
_MARK: Final = (
    r"[$\u20ac\u00a3\u00a5\u20b9\u20a9\u20bf\u20bd\u0e3f\u20ba\u20ab\u00a2]|(?:US|C|A|HK|NZ|S|R)\$|(?:Rs\.?|kr\.?|z\u0142|Fr\.?)|p|c"
    r"|[A-Z]{3,4}|GBp|sh(?:are)?s?|lots?|pts?"
)
_AMOUNT: Final = r"[+-]?[\d.,'\u2019\u00a0\u202f ]*\d[.,]?-?"
_MARKED: Final = re.compile(
    rf"(?:(?P<before>{_MARK})\s*{_AMOUNT}|-(?P<inside>{_MARK})\s*{_AMOUNT}|{_AMOUNT}\s*(?P<after>{_MARK}))"
)
_EITHER_COMMA: Final = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+", re.ASCII)
_WAYS: Final = (
    (re.compile(r"[+-]?[\d.,]+\s*(k|mio?|mn|mm|b|bn|mil|tsd)\.?", re.ASCII | re.IGNORECASE),
     "it is rounded, and not what was traded: have it written in full"),
    (re.compile(r"\d{2,3}[-'\u2019]\d{2}[0-9+]?", re.ASCII),
     "as points and 32nds of bonds are written, which are not read: have decimals written"),
    (re.compile(r"(?:\d+[ -])?\d+/\d+", re.ASCII), "fractions are not read: have decimals written"),
    (re.compile(r".*%"), "a percentage is neither a price nor a size"),
    (re.compile(r"-?\([\d.,]+\)|[\d.,]+-", re.ASCII), "where that is a number below zero, write its minus in front"),
    (re.compile(r'="?.*"?'),
     "written as a formula for a spreadsheet: `sed -E 's/=\"([^\"]*)\"/\\1/g'` takes that off"),
)  # fmt: skip
NO_ASKS: Final = (
    9999.99, 99999.99, 199999.99, 999999.99, 9999999.99, 99999999.99, 99999.0, 199999.0, 200000.0, 999999.0, 9999999.0,
    99999999.0, 999999999.0,
)  # fmt: skip
"""What feeds and terminals write where nobody offers."""


def what_helps(text: str, *, decimal_said: bool) -> str:
    """What a text that is no number seems to be, as ` (…)` behind the reason; empty where nobody knows.

    `decimal_said`: what commas and points are was said.
    """
    for form, what in _WAYS:
        if form.fullmatch(text) is not None:
            return f" ({what})"
    if _EITHER_COMMA.fullmatch(text) and not decimal_said:
        return " (a comma that groups thousands needs --decimal point, one that is the decimal mark --decimal comma)"
    if (match := _MARKED.fullmatch(text)) is not None:
        mark = match["before"] or match["inside"] or match["after"]
        return f" (where {mark} is the unit of all, say --unit-mark '{mark}')"
    return ""


def without_mark(text: str, mark: str) -> str | None:
    """`text` without the mark of its unit at its beginning, behind its sign, or at its end; None where it has none."""
    sign, rest = (text[:1], text[1:]) if text[:1] in {"-", "+"} else ("", text)
    if rest.startswith(mark):
        return sign + rest[len(mark) :].lstrip(" \u00a0\u202f")
    if rest.endswith(mark):
        return sign + rest[: -len(mark)].rstrip(" \u00a0\u202f")
    return None
