"""Notifications are input: what is parsed can be used, all else is refused."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzzing import examples
from tickdeck.db.errors import DatabaseError
from tickdeck.db.market.messages import Bar, Bars, FeedStatus, Message, Reload, Restated, parse_message
from tickdeck.db.market.rules import LARGEST, symbol_fault
from tickdeck.db.market.types import MAX_SEQ, MAX_TIME_US

T = 1_700_000_000_000_000
BAR = ["SPY", T // 1_000_000, 10.0, 11, 9.5, 10.5, 300, 3100.5, 3, T, -1, T + 999_999, 7, 10.4, None]
FEED = {"name": "walk", "kind": "walk", "state": "running", "detail": "", "stored": 5, "rejected": 0}
GOOD: list[dict[str, Any]] = [
    {"x": 5, "t": T, "bars": [BAR, BAR]},
    {"x": 5, "t": T, "reload": [T, T]},
    {"feed": FEED},
]
WRONG: list[object] = [
    None, True, False, 0, -1, -1e12, 1e300, 1e-300, 2**63, 2**64, 10**400, math.nan, math.inf, 2.5, "", "5", "NOPE\0", " a", "x" * 65, [], [5], {}, {"a": 1},
]  # fmt: skip


def check(message: Message) -> None:
    """Raise unless every field is what the types promise."""
    if isinstance(message, FeedStatus):
        assert all(type(each) is str for each in (message.name, message.kind, message.state, message.detail))
        assert all(type(each) is int and 0 <= each <= MAX_SEQ for each in (message.stored, message.rejected))
        return
    assert type(message.xid) is int
    assert 0 <= message.sent_us < MAX_TIME_US
    if isinstance(message, Reload):
        assert 0 <= message.first_us <= message.last_us < MAX_TIME_US
        return
    if isinstance(message, Restated):
        assert all(symbol_fault(symbol) is None for symbol in message.symbols)
        return
    for bar in message.bars:
        check_bar(bar)


def check_bar(bar: Bar) -> None:
    candle = bar.candle
    assert symbol_fault(bar.symbol) is None
    for price in (candle.open, candle.high, candle.low, candle.close):
        assert type(price) is float
        assert -LARGEST <= candle.low <= price <= candle.high <= LARGEST
    for side in (bar.bid, bar.ask):
        assert side is None or (type(side) is float and -LARGEST <= side <= LARGEST)
    for total in (candle.volume, candle.turnover):
        assert type(total) is float
        assert math.isfinite(total)
    assert candle.volume >= 0
    assert type(candle.trades) is int
    assert 1 <= candle.trades <= MAX_SEQ
    for seq in (candle.first_seq, candle.last_seq):
        assert type(seq) is int
        assert -MAX_SEQ - 1 <= seq <= MAX_SEQ
    assert (
        0 <= candle.time_us <= candle.first_us <= candle.last_us < candle.time_us + 1_000_000 <= MAX_TIME_US
    )


@pytest.mark.parametrize("content", GOOD, ids="-".join)
def test_what_the_database_sends_is_understood(content: dict[str, Any]) -> None:
    message = parse_message(json.dumps(content))
    check(message)
    if isinstance(message, Bars):
        assert [bar.symbol for bar in message.bars] == ["SPY", "SPY"]
        assert (message.bars[0].bid, message.bars[0].ask) == (10.4, None)


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_every_field_of_every_wrong_kind(wrong: object) -> None:
    """A field may be right by chance (a size of 0); what is returned is right in any case."""
    payloads: list[object] = [wrong]
    for content in GOOD:
        payloads += [{**content, name: wrong} for name in content]
    payloads += [{"x": 5, "t": T, "bars": [[*BAR[:at], wrong, *BAR[at + 1 :]]]} for at in range(len(BAR))]
    payloads += [{"x": 5, "t": T, "reload": pair} for pair in ([wrong, T], [T, wrong], [T], [T, T, wrong])]
    payloads += [{"feed": {**FEED, name: wrong}} for name in FEED]
    refused = 0
    for payload in payloads:
        try:
            check(parse_message(json.dumps(payload)))
        except DatabaseError:
            refused += 1
    assert refused > len(payloads) // 2


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text()
    | st.sampled_from(WRONG),
    lambda inner: st.lists(inner, max_size=16) | st.dictionaries(st.text(max_size=8), inner, max_size=8),
    max_leaves=30,
)


@settings(max_examples=examples(40), deadline=None)
@given(ANY)
@pytest.mark.fault("garbage on the NOTIFY channel")
def test_any_json_is_understood_or_refused(content: Any) -> None:
    with suppress(DatabaseError):
        check(parse_message(json.dumps(content)))


@settings(max_examples=examples(40), deadline=None)
@given(st.sampled_from(GOOD), st.data())
def test_any_field_of_a_message_may_be_anything(content: dict[str, Any], data: st.DataObject) -> None:
    replaced = {name: data.draw(st.just(value) | ANY) for name, value in content.items()}
    bar = [data.draw(st.just(value) | st.just(value) | ANY) for value in BAR]
    if "bars" in replaced:
        replaced["bars"] = data.draw(st.just([bar]) | st.just(replaced["bars"]))
    with suppress(DatabaseError):
        check(parse_message(json.dumps(replaced)))


@pytest.mark.parametrize(
    "payload", ["", "no json", "NaN", '{"x": NaN}', "[" * 3000, '{"a":' * 3000, "\x00", '"\ud800"']
)
def test_what_is_no_json(payload: str) -> None:
    with pytest.raises(DatabaseError):
        parse_message(payload)
