"""Tells where a last line without its end was cut: a number that lost its last digits looks like a good one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

ENOUGH: Final = 20
"""So many other rows must agree on how the last column is written."""
_FEW_WORDS: Final = 8
_DECIMALS: Final = re.compile(r"[+-]?\d+[.,](\d+)", re.ASCII)
_LONG_NUMBER: Final = re.compile(r"\d{10,}", re.ASCII)
_ACCEPT: Final = "the file may have been cut there (if it is whole, end the line: `echo >> FILE`, or load the rejects file as it is)"


def cut_reason(last: str, others: Sequence[str]) -> str | None:
    """Why `last`, the last field of a line that has no end, may be cut; None: nothing tells it from the `others`.

    Many files that are whole have no line end behind their last line, so what counts is how the column is written: all with as
    many decimals, as long (times, numbers of ten digits and more), or of a few words.  Whole numbers such as sizes tell nothing.
    """
    if len(others) < ENOUGH:
        return None
    if not last:
        return (
            None
            if "" in others
            else f"the last line has no end and an empty last field, as no other: {_ACCEPT}"
        )
    places = {len(match[1]) if (match := _DECIMALS.fullmatch(each)) else 0 for each in others}
    match = _DECIMALS.fullmatch(last)
    decimals = len(match[1]) if match else 0
    number = match is not None or last.rstrip(".,").lstrip("+-").isdigit()
    if len(places) == 1 and decimals < min(places) and number:
        return f"{last} stands in the last line, which has no end, and has fewer decimals than all others: {_ACCEPT}"
    lengths = {*map(len, others)}
    if len(lengths) == 1 and len(last) < min(lengths) and all(_is_long(each) for each in others):
        return f"{last} stands in the last line, which has no end, and is shorter than all others: {_ACCEPT}"
    words = {*others}
    if len(words) > _FEW_WORDS or last in words or any(each[:1].isdigit() for each in words if each):
        return None
    whole = next((each for each in sorted(words) if each.startswith(last)), None)
    return (
        whole
        and f"{last} stands in the last line, which has no end, and may be the beginning of {whole}: {_ACCEPT}"
    )


def _is_long(text: str) -> bool:
    """Whether a text is a time, or a number as long as one."""
    return text.count(":") >= 1 or _LONG_NUMBER.fullmatch(text) is not None
