"""What a trade print moves, by its sale conditions: the last price, high and low, volume.

A table by venue family.  Its sources:

- `sip`: the consolidated-processing columns of the sale-condition tables of the two plans for US equities: CTA,
  "Consolidated Tape System (CTS) Pipe/Binary Output Specification", and UTP, "UTP Trade Data Feed (UTDF)
  specification", sale condition matrix.  Both give one rule for the last price, which makes open and close too.
- `lean`: the hexadecimal bit mask of QuantConnect/Lean (Common/Data/Auxiliary/TradeConditionFlags.cs, data of
  AlgoSeek): the same conditions as flags, under the rules of the plans.
- `polygon`: the numbers of Polygon.io (Massive), each with the letter of the plans that it stands for, as the vendor's list of
  conditions has it (GET /v3/reference/conditions, `sip_mapping` and `update_rules`); looked up in a public copy of it.
- Crypto exchanges (Binance, Kraken, …) have no sale conditions: every print moves all.

Three rules are not the plans'.  Form T and extended-hours prints move all in extended hours, of which charts are
drawn too; within regular hours they are late reports and count in volume only.  What moves the last price only "if it
is the only one of the day" (out of sequence, prior reference price) never does.  And an off-exchange print (code D, FINRA)
in extended hours that is trade-through exempt for another reason than a sweep counts in volume only: nothing is
protected then, so its price was agreed on before, as the reports of the same deal that say "average price" show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickdeck.db.market.sessions import TradingCalendar
from tickdeck.db.market.types import UPDATES_ALL, UPDATES_LAST, UPDATES_RANGE, UPDATES_VOLUME

Family = Literal["sip", "lean", "polygon"]
_NOTHING: Final = 0
_VOLUME: Final = UPDATES_VOLUME
_NOT_LAST: Final = UPDATES_RANGE | UPDATES_VOLUME
_NOT_VOLUME: Final = UPDATES_LAST | UPDATES_RANGE
_CALENDAR: Final = ("XNYS", "America/New_York")


@dataclass(frozen=True, slots=True)
class Condition:
    """`updates`: what a print with this condition may move at most, as bits.  `extended`: all, in extended hours."""

    code: str
    words: str
    updates: int = UPDATES_ALL
    extended: bool = False


SIP: Final[Mapping[str, Condition]] = {
    each.code: each
    for each in (
        Condition("@", "regular"),
        Condition("A", "acquisition"),
        Condition("B", "average price or bunched", _VOLUME),
        Condition("C", "cash sale", _VOLUME),
        Condition("D", "distribution"),
        Condition("E", "automatic execution"),
        Condition("F", "intermarket sweep"),
        Condition("G", "bunched, sold out of sequence", _NOT_LAST),
        Condition("H", "price variation", _VOLUME),
        Condition("I", "odd lot", _VOLUME),
        Condition("K", "rule 127 or 155"),
        Condition("L", "sold last"),
        Condition("M", "official close", _NOTHING),
        Condition("N", "next day", _VOLUME),
        Condition("O", "opening print"),
        Condition("P", "prior reference price", _NOT_LAST),
        Condition("Q", "official open", _NOTHING),
        Condition("R", "seller", _VOLUME),
        Condition("S", "split trade"),
        Condition("T", "extended hours", _VOLUME, extended=True),
        Condition("U", "extended hours, out of sequence", _VOLUME),
        Condition("V", "contingent trade", _VOLUME),
        Condition("W", "average price", _VOLUME),
        Condition("X", "cross"),
        Condition("Y", "yellow flag"),
        Condition("Z", "sold out of sequence", _NOT_LAST),
        Condition("1", "stopped stock"),
        Condition("4", "derivatively priced", _NOT_LAST),
        Condition("5", "reopening print"),
        Condition("6", "closing print"),
        Condition("7", "qualified contingent trade", _VOLUME),
        Condition("8", "placeholder for 611 exempt"),
        Condition("9", "corrected consolidated close", _NOT_VOLUME),
    )
}
LEAN: Final[Sequence[Condition]] = (
    Condition("@", "regular"),
    Condition("C", "cash sale", _VOLUME),
    Condition("N", "next day", _VOLUME),
    Condition("R", "seller", _VOLUME),
    Condition("Y", "yellow flag"),
    Condition("F", "intermarket sweep"),
    Condition("O", "opening print"),
    Condition("6", "closing print"),
    Condition("5", "reopening print"),
    Condition("4", "derivatively priced", _NOT_LAST),
    Condition("T", "form T", _VOLUME, extended=True),
    Condition("L", "sold last"),
    Condition("1", "stopped stock"),
    Condition("T", "extended hours", _VOLUME, extended=True),
    Condition("Z", "out of sequence", _NOT_LAST),
    Condition("S", "split trade"),
    Condition("A", "acquisition"),
    Condition("B", "bunched"),
    Condition("V", "stock option trade", _VOLUME),
    Condition("D", "distribution"),
    Condition("W", "average price", _VOLUME),
    Condition("X", "cross"),
    Condition("H", "price variation", _VOLUME),
    Condition("K", "rule 155"),
    Condition("M", "official close", _NOTHING),
    Condition("P", "prior reference price", _NOT_LAST),
    Condition("Q", "official open", _NOTHING),
    Condition("c", "CAP election"),
    Condition("E", "automatic execution"),
    Condition("x", "trade-through exempt"),
    Condition("?", "undocumented"),
    Condition("I", "odd lot", _VOLUME),
)
"""By the number of the flag's bit."""
_OF_PLANS: Final = (
    "0@ 1A 2W 3E 5G 7C 86 9X 104 11D 12T 13U 14F 15M 16Q 17O 185 196 20N 21H 22P 23K 24K 25O 271 285 29R 30L 33Z 34S 35V 36Y 37I "
    "389 52V 537 598"
)
POLYGON: Final[Mapping[int, Condition]] = {
    **{int(each[:-1]): SIP[each[-1]] for each in _OF_PLANS.split()},
    4: Condition("B", "bunched"),
    6: Condition("c", "CAP election"),
    41: Condition("x", "trade-through exempt"),
    44: Condition("cancelled", "cancelled", _NOTHING),
    49: Condition("cancelled", "cancelled, as of an earlier time", _NOTHING),
    54: Condition("errored", "made in error", _NOTHING),
}
"""By the number; any other says nothing of what a print moves."""
_SWEEP: Final = 1 << 5
_EXTENDED_EXEMPT: Final = 1 << 13 | 1 << 29
_OFF_EXCHANGE: Final = "D"

_SURE_MASK: Final = re.compile(r"[0-9a-f]{5,8}")
_MASK: Final = re.compile(r"[0-9a-f]{1,8}")
_NUMBERS: Final = re.compile(r"\d{1,2}(?:[ ,]+\d{1,2})*")
_SURE_NUMBERS: Final = re.compile(r"\d{1,2}(?:,\d{1,2})+")
_SURE_CODES: Final = re.compile(r"(?=.*@)[@A-Z0-9 ]{1,4}")
_CODES: Final = re.compile(r"[@A-Z0-9 ]{1,8}")


def family_of(texts: Sequence[str]) -> Family | None:
    """The family whose notation one of `texts` unmistakably is; None where none of them is, or both are met."""
    lean = any(_SURE_MASK.fullmatch(text) and _SURE_CODES.fullmatch(text) is None for text in texts)
    sip = any(_SURE_CODES.fullmatch(text) for text in texts)
    numbers = any(_SURE_NUMBERS.fullmatch(text) for text in texts)
    met: tuple[tuple[Family, bool], ...] = (("lean", lean), ("sip", sip), ("polygon", numbers))
    found = [family for family, is_met in met if is_met]
    return found[0] if len(found) == 1 else None


def conditions_of(text: str, family: Family) -> list[Condition]:
    """The conditions that `text` names; none where it is not in the notation of `family`."""
    if family == "lean":
        mask = int(text, 16) if _MASK.fullmatch(text) else 0
        return [each for bit, each in enumerate(LEAN) if mask >> bit & 1]
    if family == "polygon":
        numbers = map(int, re.findall(r"\d+", text)) if _NUMBERS.fullmatch(text) else ()
        return [POLYGON[number] for number in numbers if number in POLYGON]
    return [SIP[code] for code in text if code in SIP] if _CODES.fullmatch(text) else []


def updates_of(
    conditions: NDArray[np.object_],
    time_us: NDArray[np.int64],
    family: Family,
    exchange: NDArray[np.object_] | None = None,
) -> NDArray[np.int16]:
    """What each print moves, as bits of `UPDATES_…`; one with several conditions what all of them let it move.

    `conditions` are texts or None (moves all), `time_us` when the prints were made, µs since the epoch (UTC),
    `exchange` where, as one letter of the plans.
    """
    codes, texts = pd.factorize(conditions)
    rules = [conditions_of(text, family) for text in texts]
    allowed = np.full(
        len(texts) + 1, UPDATES_ALL, dtype=np.int16
    )  # the last one is what code -1 (None) picks
    inside = allowed.copy()
    for number, each in enumerate(rules):
        for condition in each:
            inside[number] &= condition.updates
            if not condition.extended:
                allowed[number] &= condition.updates
    result: NDArray[np.int16] = allowed[codes]
    for row in np.flatnonzero(allowed[codes] != inside[codes]).tolist():
        if _regular(int(time_us[row])):
            result[row] = inside[codes[row]]
    if family == "lean" and exchange is not None:
        agreed = np.array([_is_agreed(text) for text in texts] + [False], dtype=np.bool_)
        result[agreed[codes] & (exchange == _OFF_EXCHANGE)] &= _VOLUME
    return result


def _is_agreed(mask: str) -> bool:
    return (
        _MASK.fullmatch(mask) is not None and int(mask, 16) & (_EXTENDED_EXEMPT | _SWEEP) == _EXTENDED_EXEMPT
    )


@lru_cache(maxsize=4096)
def describe(text: str | None, exchange: str | None = None) -> tuple[str, str]:
    """(short code, words) of a print's conditions for people; the text itself where its notation is not known.

    `exchange`: where it was made; who has numbers for exchanges has them for conditions.
    """
    if not text:
        return "", ""
    known = "polygon" if exchange is not None and exchange.isdigit() else family_of([text])
    if known is None and _MASK.fullmatch(text) and (len(text) > 2 or int(text, 16).bit_count() == 1):
        known = "lean"
    found = conditions_of(text, known) if known else []
    if not found:
        return text, ""
    return "".join(dict.fromkeys(each.code for each in found)), ", ".join(each.words for each in found)


_HOURS: dict[int, tuple[tuple[int, int], ...]] = {}


def _regular(time_us: int) -> bool:
    """Whether US equities are in regular hours; their calendar is asked once a day (UTC)."""
    day = time_us // 86_400_000_000
    if day not in _HOURS:
        if len(_HOURS) > 1000:
            _HOURS.clear()
        start = day * 86_400_000_000
        _HOURS[day] = tuple(TradingCalendar(*_CALENDAR).regular_hours(start, start + 86_400_000_000))
    return any(opened <= time_us < closed for opened, closed in _HOURS[day])
