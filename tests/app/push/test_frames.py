"""Messages as they are built: what is in them, and what two viewers share."""

from __future__ import annotations

from typing import Any, Final

import orjson
import pytest

from tests.app.market.test_state import NOON, S, bar, bars, batch, state_of
from tickdeck.app.market.state import MarketState
from tickdeck.app.push.frames import NEVER, FrameBuilder, Versions
from tickdeck.app.push.outlets import text_frame
from tickdeck.app.push.protocol import FIELDS, NOTHING, Subscription, parse_subscription

STATUS: Final = {"state": "live"}
ALL: Final = Subscription("all")


def builder(state: MarketState) -> FrameBuilder:
    return FrameBuilder(state, lambda: NOON, STATUS)


def built(
    frames: FrameBuilder, watched: Subscription, has: Versions
) -> tuple[dict[str, Any] | None, Versions]:
    data, then = frames.build(watched, has, frames.now())
    return None if data is None else orjson.loads(data), then


def test_a_snapshot_then_only_what_changed() -> None:
    state = state_of("A", "B")
    state.apply(bars(bar(NOON, 10, symbol="A"), bar(NOON, 20, symbol="B")))
    frames = builder(state)
    snapshot, has = built(frames, ALL, NEVER)
    assert snapshot is not None
    assert (snapshot["type"], snapshot["version"], snapshot["status"]) == ("snapshot", state.version, STATUS)
    assert [row["symbol"] for row in snapshot["watchlist"]["rows"]] == ["A", "B"]
    assert built(frames, ALL, has)[0] is None
    state.apply(bars(bar(NOON, 21, symbol="B", seq=2)))
    frame, has = built(frames, ALL, has)
    assert frame is not None
    assert frame["watchlist"]["rows"] == [
        {
            "symbol": "B", "last": 21, "change": 1, "change_pct": 5, "bid": None, "ask": 21, "volume": 2,
            "vwap": 20.5, "time": NOON // 1000, "trades": 2, "open": 20, "high": 21, "low": 20,
        }
    ]  # fmt: skip
    assert "status" not in frame
    assert built(frames, ALL, has)[0] is None


def test_parts_come_at_their_own_times() -> None:
    state = state_of("A")
    state.load_chart(state.open_chart("A", "1m"), [])
    frames = builder(state)
    watched = Subscription("all", ("A", "1m"))
    _, has = built(frames, watched, NEVER)
    before = frames.now()
    state.apply(bars(bar(NOON, 10, symbol="A")))
    data, has = frames.build(watched, has, before._replace(chart=state.version))
    assert data is not None
    assert orjson.loads(data).keys() & {"watchlist", "chart"} == {"chart"}
    state.apply(bars(bar(NOON + S, 11, symbol="A")))
    frame, _ = built(frames, watched, has)
    assert frame is not None
    assert frame["watchlist"]["rows"][0]["trades"] == 2
    assert frame["chart"]["candles"] == [[NOON // 1000, 10, 11, 10, 11, 2, 21, 2]]


def test_compact_rows_leave_out_what_stayed() -> None:
    state = state_of("A")
    state.apply(bars(bar(NOON, 10, symbol="A")))
    frames = builder(state)
    watched = Subscription("all", form="arrays")
    snapshot, has = built(frames, watched, NEVER)
    assert snapshot is not None
    assert snapshot["watchlist"]["fields"] == list(FIELDS)
    assert snapshot["watchlist"]["rows"][0][-3:] == [10, 10, 10]
    state.apply(bars(bar(NOON, 10, symbol="A", seq=2)))
    frame, then = built(frames, watched, has)
    assert frame is not None
    assert frame["watchlist"]["rows"] == [["A", 10, 0, 0, None, 10, 2, 10, NOON // 1000, 2]]
    state.apply(bars(bar(NOON, 12, symbol="A", seq=3)))
    state.apply(bars(bar(NOON, 11, symbol="A", seq=4)))
    for since in (has, then):  # whoever missed the new high gets it
        frame, _ = built(frames, watched, since)
        assert frame is not None
        assert frame["watchlist"]["rows"][0][-3:] == [10, 12, 10]


def test_a_tiny_price_keeps_its_digits_whatever_its_instrument_says() -> None:
    state = state_of("A")
    state.apply(bars(bar(NOON - 86_400 * S, 0.0000125, symbol="A"), bar(NOON, 0.0000123, symbol="A")))
    snapshot, _ = built(builder(state), ALL, NEVER)
    assert snapshot is not None
    row = snapshot["watchlist"]["rows"][0]
    assert (row["change"], row["change_pct"], row["vwap"]) == (-0.0000002, -1.6, 0.0000123)


def test_change_is_against_the_close_before_and_rounded() -> None:
    state = state_of("A")
    state.apply(bars(bar(NOON - 86_400 * S, 0.1, symbol="A"), bar(NOON, 0.3, symbol="A", size=0)))
    snapshot, _ = built(builder(state), ALL, NEVER)
    assert snapshot is not None
    row = snapshot["watchlist"]["rows"][0]
    assert (row["change"], row["change_pct"], row["vwap"]) == (0.2, 200, None)


def test_a_reset_makes_a_snapshot() -> None:
    state = state_of("A")
    frames = builder(state)
    _, has = built(frames, ALL, NEVER)
    state.reset()
    snapshot, has = built(frames, ALL, has)
    assert snapshot is not None
    assert snapshot["type"] == "snapshot"
    assert built(frames, ALL, has)[0] is None


def test_only_the_status() -> None:
    frames = builder(state_of("A"))
    _, has = built(frames, NOTHING, NEVER)
    assert not frames.set_status(dict(STATUS))
    assert frames.set_status({"state": "reconnecting"})
    message, _ = built(frames, NOTHING, has)
    assert message is not None
    assert (message["type"], message["status"]) == ("status", {"state": "reconnecting"})


def test_polling_gets_what_changed_or_a_snapshot() -> None:
    state = MarketState(version=1_000)
    frames = builder(state)
    asked = [orjson.loads(frames.poll(ALL, since, [])) for since in (0, 999, 1_000, 1_001)]
    assert [message["type"] for message in asked] == ["snapshot", "snapshot", "frame", "snapshot"]
    assert "errors" not in asked[0]
    assert orjson.loads(frames.poll(ALL, 1_000, ["no such thing"]))["errors"] == ["no such thing"]


def test_a_panel_comes_whole_whenever_it_is_another_and_tells_nothing_of_the_market() -> None:
    state = state_of("A")
    state.sent_us = NOON
    frames = builder(state)
    watched, complaints = parse_subscription({"panel": "P"}, {"A"})
    assert (watched, complaints) == (Subscription(panel="P"), [])
    frames.set_panel("other", b'{"name":"other"}')
    snapshot, has = built(frames, watched, NEVER)
    assert snapshot is not None
    assert snapshot["panel"] == {"name": "P", "state": "absent"}
    frames.set_panel("P", b'{"name":"P","rows":[1]}')
    frame, now = built(frames, watched, has)
    assert frame is not None
    assert frame == {
        "type": "frame",
        "version": state.version,
        "time": NOON // 1000,
        "panel": {"name": "P", "rows": [1]},
    }
    assert orjson.loads(frames.poll(watched, has.panel, []))["panel"] == frame["panel"]
    frames.set_panel("other", None)
    assert built(frames, watched, now)[0] is None
    frames.set_panel("P", None)
    gone, now = built(frames, watched, now)
    assert gone is not None
    assert gone["panel"] == {"name": "P", "state": "absent"}
    assert built(frames, watched, now)[0] is None
    for wrong in (3, "", "x" * 81, "a\nb"):
        assert parse_subscription({"panel": wrong}, {"A"})[1][0].startswith(
            "panel: a panel's name is a text of"
        )


def test_a_tape_tick_with_a_huge_seq_comes_as_text() -> None:
    state = state_of("A")
    state.open_tape("A")
    state.load_tape("A", batch([(NOON, 2**53), (NOON, 2**53 - 1)]))
    snapshot, _ = built(builder(state), Subscription(tape="A"), NEVER)
    assert snapshot is not None
    assert snapshot["tape"]["ticks"] == [
        [NOON, str(2**53), 10, 1, None, None, None, None, "", "", None],
        [NOON, 2**53 - 1, 10, 1, None, None, None, None, "", "", None],
    ]


KNOWN: Final = {"A": None, "B": None}


@pytest.mark.parametrize(
    ("asked", "watched", "complaints"),
    [
        ({}, NOTHING, []),
        ({"watchlist": None, "chart": None, "tape": None}, NOTHING, []),
        ({"watchlist": ["B", "A", "B"]}, Subscription(("B", "A")), []),
        ({"watchlist": ["A", "X"]}, Subscription(("A",)), ["watchlist: symbol 'X' is unknown"]),
        ({"watchlist": "A"}, NOTHING, ["watchlist: must be 'all' or a list of at most 5000 symbols"]),
        ({"watchlist": "all", "tape": "X"}, ALL, ["tape: symbol 'X' is unknown"]),
        ({"tape": ["A"]}, NOTHING, ["tape: the symbol is no text"]),
        (
            {"watchlist": "all", "chart": {"symbol": "A", "interval": "2m"}},
            ALL,
            [
                "chart: interval '2m' is unknown; use one of 1s, 5s, 15s, 30s, 1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 1d, 1w, 1M, or bars of ticks (100t), of volume (5000v), of a range (0.1r) or Renko bricks (0.25renko)"
            ],
        ),
        ({"chart": {"symbol": "A"}}, NOTHING, ['chart: must be {"symbol": …, "interval": …}']),
        ({"chart": {"symbol": "X", "interval": "1m"}}, NOTHING, ["chart: symbol 'X' is unknown"]),
        ({"watchlist": "all", "rows": "xml"}, ALL, ["rows must be 'objects' or 'arrays'"]),
        ({"quotes": "all"}, NOTHING, ["subscribe has no part 'quotes'"]),
        ("all", NOTHING, ["subscribe must be an object with watchlist, chart or tape"]),
        ([], NOTHING, ["subscribe must be an object with watchlist, chart or tape"]),
    ],
)
def test_what_can_be_asked(asked: object, watched: Subscription, complaints: list[str]) -> None:
    assert parse_subscription(asked, KNOWN) == (watched, complaints)


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_text_frames_carry_their_length(length: int) -> None:
    from websockets.frames import Frame, Opcode

    payload = b"x" * length
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)


def test_a_filter_is_told_whole_and_then_who_came_and_went() -> None:
    state = state_of("A", "B")
    state.apply(bars(bar(NOON, 100, symbol="A"), bar(NOON, 100, symbol="B")))
    frames = builder(state)
    watched, complaints = parse_subscription({"watchlist": "all", "screen": " chg% > 3 "}, {"A", "B"})
    assert (watched.screen, complaints) == ("chg% > 3", [])
    snapshot, has = built(frames, watched, NEVER)
    assert snapshot is not None
    assert snapshot["screen"] == {"all": []}
    state.apply(bars(bar(NOON, 101, symbol="A", seq=2), bar(NOON, 110, symbol="B", seq=2)))
    frame, has = built(frames, watched, has)
    assert frame is not None
    assert frame["screen"] == {"in": ["B"], "out": []}
    assert len(frame["watchlist"]["rows"]) == 2
    state.apply(bars(bar(NOON, 102, symbol="A", seq=3)))
    frame, before = built(frames, watched, has)
    assert frame is not None
    assert "screen" not in frame
    state.apply(bars(bar(NOON, 100, symbol="B", seq=3)))
    # Who asks after it was forgotten hears of all anew.
    other = FrameBuilder(state, lambda: NOON, STATUS)
    frame, _ = built(other, watched, before)
    assert frame is not None
    assert frame["screen"] == {"all": []}
    state.reset()
    snapshot, _ = built(frames, watched, before)
    assert snapshot is not None
    assert snapshot["screen"] == {"all": []}


def test_what_is_no_filter_is_complained_of_and_the_rest_stands() -> None:
    watched, complaints = parse_subscription({"watchlist": "all", "screen": "chg% >"}, {"A"})
    assert (watched.watchlist, watched.screen) == ("all", None)
    assert [each for each in complaints if each.startswith("screen: filter: something is missing")]
    assert parse_subscription({"screen": 3}, {"A"})[1] == [
        "screen: a filter is a text such as 'chg% > 3', not 3"
    ]
