"""What a print moves, by its conditions, in the notations of the tape's plans and of Lean."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reference import utc
from tickdeck.db.market.conditions import Family, describe, family_of, updates_of
from tickdeck.db.market.types import UPDATES_ALL as ALL
from tickdeck.db.market.types import UPDATES_LAST, UPDATES_RANGE, UPDATES_VOLUME

VOLUME, NOT_LAST = UPDATES_VOLUME, UPDATES_RANGE | UPDATES_VOLUME
MORNING, NOON = utc("2013-10-07T12:00"), utc("2013-10-07T16:00")  # 08:00 and 12:00 in New York
HALF_DAY = utc("2013-11-29T19:00")  # an hour after the early close


@pytest.mark.parametrize(
    ("family", "text", "time_us", "moves"),
    [
        ("sip", "@", NOON, ALL),
        ("sip", "", NOON, ALL),
        ("sip", None, NOON, ALL),
        ("sip", "@F", NOON, ALL),
        ("sip", "@ TI", MORNING, VOLUME),
        ("sip", "@   I", NOON, VOLUME),
        ("sip", "@ T", MORNING, ALL),
        ("sip", "@ T", NOON, VOLUME),
        ("sip", "@ T", HALF_DAY, ALL),
        ("sip", "@ U", MORNING, VOLUME),
        ("sip", "@ Z", NOON, NOT_LAST),
        ("sip", "@ P", NOON, NOT_LAST),
        ("sip", "@4 W", NOON, VOLUME),
        ("sip", "M", NOON, 0),
        ("sip", "@ 9", NOON, UPDATES_LAST | UPDATES_RANGE),
        ("lean", "1", NOON, ALL),
        ("lean", "0", NOON, ALL),
        ("lean", "20000020", NOON, ALL),
        ("lean", "20002020", MORNING, ALL),
        ("lean", "2000", NOON, VOLUME),
        ("lean", "20102000", utc("2013-10-07T20:01:11"), VOLUME),
        ("lean", "4800", NOON, NOT_LAST),
        ("lean", "20000200", NOON, NOT_LAST),
        ("lean", "1000000", NOON, 0),
        ("lean", "80000001", NOON, VOLUME),
        ("polygon", "0", NOON, ALL),
        ("polygon", "14,41", NOON, ALL),
        ("polygon", "12", MORNING, ALL),
        ("polygon", "12,37", MORNING, VOLUME),
        ("polygon", "2", NOON, VOLUME),
        ("polygon", "4", NOON, ALL),  # bunched; the letter of the plans means average price as well
        ("polygon", "10", NOON, NOT_LAST),
        ("polygon", "16", NOON, 0),
        ("polygon", "60", NOON, ALL),
        ("polygon", "37,44", NOON, 0),
    ],
)
def test_what_a_print_moves(family: Family, text: str | None, time_us: int, moves: int) -> None:
    column = np.array([text, None], dtype=object)
    found = updates_of(column, np.array([time_us, time_us], dtype=np.int64), family)
    assert found.tolist() == [moves, ALL]


def test_the_notation_is_told_by_what_is_unmistakable() -> None:
    assert family_of(["1", "20", "20000020"]) == "lean"
    assert family_of(["", "@", " F I"]) == "sip"
    assert family_of(["1", "20", "4", "F"]) is None
    assert family_of(["@", "20000020"]) is None
    assert family_of(["2", "12,37"]) == "polygon"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("20102000", "TWx", "extended hours, average price, trade-through exempt"),
        ("@FTI", "@FTI", "regular, intermarket sweep, extended hours, odd lot"),
        ("20", "F", "intermarket sweep"),
        ("my own", "my own", ""),
        (None, "", ""),
    ],
)
def test_conditions_in_words(text: str | None, code: str, words: str) -> None:
    assert describe(text) == (code, words)


def test_an_agreed_price_off_exchange_in_extended_hours_counts_in_volume_only() -> None:
    masks = np.array(["20002000", "20002000", "20002020", "2000"], dtype=object)
    evening = np.full(4, utc("2013-10-07T20:35:46"), dtype=np.int64)
    exchange = np.array(["D", "P", "D", "D"], dtype=object)
    assert updates_of(masks, evening, "lean", exchange).tolist() == [VOLUME, ALL, ALL, ALL]


def test_numbers_are_described_where_exchanges_have_numbers() -> None:
    assert describe("12,37") == ("TI", "extended hours, odd lot")
    assert describe("2", "11") == ("W", "average price")
    assert describe("2", "P") == ("C", "cash sale")  # a flag of Lean's
