"""MarketState on its own: merging, days, windows, snapshots, and what changed since when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import numpy as np
import pytest

from tickdeck.app.market.state import CANDLE_LIMIT, MarketState
from tickdeck.db.market.messages import Bar, Bars, Snapshot
from tickdeck.db.market.types import Candle, Instrument, Quote, TickBatch, to_us

S: Final = 1_000_000
NOON: Final = to_us(datetime(2024, 3, 4, 12, tzinfo=UTC))
DAY: Final = 86_400 * S
MIDNIGHT: Final = NOON - DAY // 2


def bar(time_us: int, price: float, *, symbol: str = "SPY", size: float = 1, seq: int = 1) -> Bar:
    """The delta bar of one tick without bid; its ask is the price."""
    second = time_us - time_us % S
    candle = Candle(second, price, price, price, price, size, price * size, 1, time_us, seq, time_us, seq)
    return Bar(symbol, candle, None, price)


def bars(*each: Bar, xid: int = 100) -> Bars:
    return Bars(xid, NOON, each)


def state_of(*symbols: str, zone: str = "UTC") -> MarketState:
    state = MarketState()
    state.load_instruments([Instrument(symbol, timezone=zone) for symbol in symbols])
    return state


def quote(state: MarketState, symbol: str = "SPY") -> Quote:
    row = state.row(symbol)
    assert row is not None
    return row.quote()


def test_first_ticks_of_a_known_symbol_make_its_row() -> None:
    state = state_of("SPY")
    state.apply(bars(bar(NOON, 10, size=3)))
    assert quote(state) == Quote(
        "SPY", 10, None, 10, NOON, 1, MIDNIGHT, 10, 10, 10, 3, 30, 1, NOON, 1, None
    )  # fmt: skip


def test_a_late_tick_moves_the_extremes_and_the_open_but_not_the_last() -> None:
    state = state_of("SPY")
    state.apply(bars(bar(NOON, 10)))
    state.apply(bars(bar(NOON - 60 * S, 8)))
    state.apply(bars(bar(NOON - 30 * S, 12)))
    now = quote(state)
    assert (now.last, now.ask, now.open, now.low, now.high, now.trades) == (10, 10, 8, 8, 12, 3)


def test_ticks_of_one_instant_are_ordered_by_seq() -> None:
    state = state_of("SPY")
    state.apply(bars(bar(NOON, 11, seq=2)))
    state.apply(bars(bar(NOON, 10, seq=1)))
    assert (quote(state).last, quote(state).open) == (11, 10)


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("UTC", MIDNIGHT + DAY - 1, MIDNIGHT + DAY),
        ("America/New_York", MIDNIGHT + DAY + 5 * 3600 * S - 1, MIDNIGHT + DAY + 5 * 3600 * S),
        ("Asia/Kolkata", MIDNIGHT + 66_600 * S - 1, MIDNIGHT + 66_600 * S),
    ],
)
def test_a_new_local_day_starts_over_and_remembers_the_close(zone: str, before: int, after: int) -> None:
    state = state_of("SPY", zone=zone)
    state.apply(bars(bar(before, 10, size=7), bar(after, 11)))
    now = quote(state)
    assert (now.open, now.volume, now.day_us, now.previous_close) == (11, 1, after, 10)
    assert not state.needs_read


def test_a_tick_of_an_earlier_day_leaves_the_row_and_asks_for_a_read() -> None:
    state = state_of("SPY")
    state.apply(bars(bar(NOON, 10)))
    before = quote(state)
    state.apply(bars(bar(NOON - DAY, 9)))
    assert quote(state) == before
    assert state.needs_read == {"SPY"}


def test_ticks_of_an_unknown_symbol_ask_for_a_read() -> None:
    state = state_of("SPY")
    state.apply(bars(bar(NOON, 10, symbol="NEW")))
    assert state.row("NEW") is None
    assert state.needs_read == {"NEW"}


def test_what_a_snapshot_saw_is_not_merged_twice() -> None:
    state = state_of("SPY")
    as_of = Snapshot.parse("100:105:102")
    state.load_quotes([Quote("SPY", 10, 1, 2, NOON, 1, MIDNIGHT, 10, 10, 10, 1, 10, 1, NOON, 1, None)], as_of)
    chart = state.open_chart("SPY", "1m")
    state.load_chart(chart, [bar(NOON, 10).candle], as_of)
    for xid, trades in ((99, 1), (101, 1), (102, 2), (104, 2), (105, 3)):
        state.apply(bars(bar(NOON + S, 11), xid=xid))
        assert quote(state).trades == trades, xid
        assert chart.candles()[-1].trades == trades, xid


def test_messages_that_arrive_during_a_read_are_kept_for_it() -> None:
    state = state_of("SPY")
    state.apply(bars(bar(NOON, 10), xid=90))
    chart = state.open_chart("SPY", "1s")
    with state.reading() as pending:
        state.apply(bars(bar(NOON + S, 11), xid=99))  # the read sees this one
        state.apply(bars(bar(NOON + 2 * S, 12), xid=100))  # and this one not
        as_of = Snapshot.parse("100:100:")
        read = Quote("SPY", 11, None, 11, NOON + S, 1, MIDNIGHT, 10, 11, 10, 2, 21, 2, NOON, 1, None)
        state.load_quotes([read], as_of, pending)
        state.load_chart(chart, [bar(NOON, 10).candle, bar(NOON + S, 11).candle], as_of, pending)
    assert (quote(state).last, quote(state).trades) == (12, 3)
    assert [candle.close for candle in chart.candles()] == [10, 11, 12]
    state.apply(bars(bar(NOON + 3 * S, 13), xid=101))
    assert len(pending) == 2, "the reading is over"


def test_a_chart_keeps_the_newest_candles_and_puts_late_ones_in_their_place() -> None:
    state = state_of("SPY")
    chart = state.open_chart("SPY", "1m")
    state.load_chart(chart, [])
    minutes = [2 * n for n in range(CANDLE_LIMIT)]
    state.apply(bars(*(bar(NOON + 60 * S * n, 10 + n) for n in minutes)))
    assert len(chart.candles()) == CANDLE_LIMIT
    state.apply(bars(bar(NOON - 60 * S, 1)))  # before the window
    assert chart.candles()[0].time_us == NOON
    state.apply(bars(bar(NOON + 60 * S, 5)))  # between two: the oldest makes room
    assert [candle.time_us for candle in chart.candles()[:2]] == [NOON + 60 * S, NOON + 120 * S]
    assert len(chart.candles()) == CANDLE_LIMIT
    state.apply(bars(bar(NOON + 120 * S, 99, seq=2)))
    assert (chart.candles()[1].high, chart.candles()[1].trades) == (99, 2)


def test_a_chart_that_is_not_full_takes_older_candles() -> None:
    state = state_of("SPY")
    chart = state.open_chart("SPY", "1h")
    state.load_chart(chart, [])
    state.apply(bars(bar(NOON, 10)))
    state.apply(bars(bar(NOON - DAY, 9)))
    assert [candle.close for candle in chart.candles()] == [9, 10]


def test_a_tick_within_an_imported_bar_asks_for_a_read_and_a_later_one_does_not() -> None:
    state = state_of("SPY")
    chart = state.open_chart("SPY", "1h")
    state.load_chart(chart, [bar(NOON - 3600 * S, 10).candle.at(NOON - 3600 * S)])
    chart.imported_until_us = NOON
    state.apply(bars(bar(NOON, 11)))
    assert state.needs_read == set()
    state.apply(bars(bar(NOON - S, 12)))
    assert state.needs_read == {"SPY"}


def test_day_candles_follow_the_zone() -> None:
    state = state_of("SPY", zone="America/New_York")
    chart = state.open_chart("SPY", "1d")
    state.load_chart(chart, [])
    midnight = MIDNIGHT + 5 * 3600 * S
    state.apply(bars(bar(midnight - 1, 10), bar(midnight, 11)))
    assert [candle.time_us for candle in chart.candles()] == [midnight - DAY, midnight]


def test_a_changed_zone_or_precision_is_told() -> None:
    state = state_of("A", "B", "C")
    changed = [Instrument("A"), Instrument("B", timezone="Asia/Tokyo"), Instrument("D")]
    assert state.outdated(changed) == {"B", "C", "D"}
    state.load_instruments(changed)
    assert state.outdated(changed) == set()


def batch(identities: list[tuple[int, int]]) -> TickBatch:
    count = len(identities)
    return TickBatch(
        np.array([time_us for time_us, _ in identities], dtype=np.int64),
        np.full(count, "A", dtype=object),
        np.array([seq for _, seq in identities], dtype=np.int64),
        np.full(count, 10.0),
        np.full(count, 1.0),
        np.full(count, np.nan),
        np.full(count, np.nan),
    )
