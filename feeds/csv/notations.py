"""Ways of writing numbers that are not read, or only where it is said: what they are, and what helps."""

from __future__ import annotations

import re
import unicodedata
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

_SHORTENED: Final = re.compile(r"\d(?:\.\d+)?E\+\d+", re.ASCII)
"""How spreadsheets write long numbers."""
_WITHDRAWN: Final = re.compile(
    r"(?:trade[ _]?)?(?:busted|bust|cancell?ed|cancel|voided|void|erroneous)", re.IGNORECASE
)
UNDEFINED_PRICE: Final = (1 << 63) - 1
"""What Databento and others write for no price: the largest number of 64 bits."""
WITHOUT_RETURNS: Final = "`tr -d '\\r' < FILE | tickdeck load /dev/stdin …` takes the carriage returns out"
"""What helps where lines end in CR CR LF or LF CR."""
BLANKS: Final = " \u00a0\u202f\u2007\u2009'\u2019"
"""What stands between thousands, besides points and commas."""
WITHOUT_FORMULAS: Final = 'sed -E \'s/"=""([^"]*)"""/\\1/g; s/="([^"]*)"/\\1/g\''
"""Takes off what programs put around texts that a spreadsheet shall not take for numbers, in quotes or not."""
NO_UTF8: Final = (
    "if it is of Western Europe, `iconv -f windows-1252 -t utf-8 FILE | tickdeck load /dev/stdin …` makes it UTF-8, of Central "
    "Europe windows-1250, in Cyrillic windows-1251, Chinese gb18030, Japanese cp932 in its place"
)
"""What helps where bytes are no UTF-8."""
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
    (re.compile(r"[+-]?\d{1,3}(?:\.\d{3}){2,}", re.ASCII), "where points group thousands, say --decimal comma"),
    (re.compile(r"(?:\d+[ -])?\d+/\d+", re.ASCII), "fractions are not read: have decimals written"),
    (re.compile(r".*%"), "a percentage is neither a price nor a size"),
    (re.compile(r"-?\([\d.,]+\)|[\d.,]+-", re.ASCII), "where that is a number below zero, write its minus in front"),
    (re.compile(r'="?.*"?'),
     f"written as a formula for a spreadsheet: `{WITHOUT_FORMULAS}` takes that off"),
    (re.compile(r"(?=.*[^\x00-\x7f])[^\W_]*\d[\d.,\u066b\u066c\uff0c\uff0e]*"),
     "its digits are of another script: have them written as 0 to 9"),
)  # fmt: skip
NO_ASKS: Final = (
    9999.99, 99999.99, 199999.99, 999999.99, 9999999.99, 99999999.99, 99999.0, 199999.0, 200000.0, 999999.0, 9999999.0,
    99999999.0, 999999999.0,
)  # fmt: skip
"""What feeds and terminals write where nobody offers."""


def withdrawn(text: str) -> str | None:
    """Why a trade with this condition, written out in a word, does not stand; None where it does."""
    return f"{text} marks a trade that does not stand" if _WITHDRAWN.fullmatch(text) else None


def no_symbol(text: str) -> str | None:
    """Why a text in a column of symbols is none, though it could be stored; None where it is one, as NULL and NaN may be."""
    if _SHORTENED.fullmatch(text):
        return f"{text!r} is a number that a spreadsheet has shortened (where it is a symbol: --all-rows)"
    if text.isascii():
        return None
    unseen = next((each for each in text if unicodedata.category(each) in {"Cf", "Zs"} and each != " "), None)
    return (
        None
        if unseen is None
        else f"{text!r} has a character that is not seen (U+{ord(unseen):04X}): take it out"
    )


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
