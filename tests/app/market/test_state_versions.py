"""What changed since when, and the days of clock changes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.app.market.test_state import NOON, S, bar, bars, batch, quote, state_of
from tickdeck.app.market.state import TAPE_LIMIT
from tickdeck.db.market.buckets import local_day
from tickdeck.db.market.messages import Snapshot
from tickdeck.db.market.types import to_us


@pytest.mark.parametrize(
    ("zone", "when", "label", "hours"),
    [
        ("America/New_York", datetime(2024, 3, 10, 20, tzinfo=UTC), datetime(2024, 3, 10, 5, tzinfo=UTC), 23),
        ("America/New_York", datetime(2024, 11, 3, 20, tzinfo=UTC), datetime(2024, 11, 3, 4, tzinfo=UTC), 25),
        # midnight does not exist: the day starts at one
        (
            "America/Sao_Paulo",
            datetime(2017, 10, 15, 9, tzinfo=UTC),
            datetime(2017, 10, 15, 3, tzinfo=UTC),
            23,
        ),
        # midnight happens twice: the day covers both, the server labels it by the second
        ("America/Havana", datetime(2020, 11, 1, 9, tzinfo=UTC), datetime(2020, 11, 1, 5, tzinfo=UTC), 25),
        (
            "America/Havana",
            datetime(2020, 11, 1, 4, 30, tzinfo=UTC),
            datetime(2020, 11, 1, 5, tzinfo=UTC),
            25,
        ),
    ],
)
def test_days_of_clock_changes(zone: str, when: datetime, label: datetime, hours: int) -> None:
    day = local_day(to_us(when), zone)
    assert day.label_us == to_us(label)
    assert day.end_us - day.first_us == hours * 3600 * S
    assert day.holds(to_us(when))


def test_changed_since_tells_rows_candles_and_ticks() -> None:
    state = state_of("A", "B", "C")
    chart = state.open_chart("A", "1m")
    state.load_chart(chart, [])
    state.open_tape("A")
    state.load_tape("A", batch([(NOON, 1)]))
    state.apply(bars(bar(NOON, 1, symbol="A"), bar(NOON, 1, symbol="B"), bar(NOON, 1, symbol="C")))
    then = state.version
    assert state.rows_since(then) == []
    assert chart.since(then) == []
    assert state.tapes["A"].since(then) == []
    state.apply(bars(bar(NOON + 60 * S, 2, symbol="A")))
    state.apply(bars(bar(NOON, 2, symbol="C")))
    state.load_tape("A", batch([(NOON + 60 * S, 1), (NOON, 1)]))
    assert [row.symbol for row in state.rows_since(then)] == ["C", "A"]
    assert [row.symbol for row in state.rows_since(then + 1)] == ["C"]
    assert [kept.candle.time_us for kept in chart.since(then)] == [NOON + 60 * S]
    assert [tick.time_us for tick in state.tapes["A"].since(then)] == [NOON + 60 * S]
    assert [row.symbol for row in state.rows()] == ["A", "B", "C"]


def test_a_read_that_finds_nothing_new_changes_nothing() -> None:
    state = state_of("SPY")
    state.apply(bars(bar(NOON, 10)))
    chart = state.open_chart("SPY", "1m")
    state.load_chart(chart, [bar(NOON, 10).candle])
    state.open_tape("SPY")
    state.load_tape("SPY", batch([(NOON, 1)]))
    then = state.version
    state.load_quotes([quote(state)])
    state.load_chart(chart, [bar(NOON, 10).candle])
    state.load_tape("SPY", batch([(NOON, 1)]))
    assert state.version > then
    assert not state.rows_since(then)
    assert not chart.since(then)
    assert not state.tapes["SPY"].since(then)
    assert state.reset_version < then


def test_what_vanishes_needs_a_snapshot() -> None:
    state = state_of("A", "B")
    state.apply(bars(bar(NOON, 1, symbol="A"), bar(NOON, 1, symbol="B")))
    chart = state.open_chart("A", "1m")
    state.load_chart(chart, [bar(NOON, 1).candle, bar(NOON + 60 * S, 1).candle])
    state.open_tape("A")
    state.load_tape("A", batch([(NOON, 2), (NOON, 1)]))
    then = state.version
    state.load_quotes([quote(state, "A")])
    assert state.reset_version > then
    assert [row.symbol for row in state.rows()] == ["A"]
    then = state.version
    state.load_chart(chart, [bar(NOON + 60 * S, 1).candle])
    assert state.reset_version > then
    then = state.version
    state.load_tape("A", batch([(NOON, 2)]))
    assert state.reset_version > then


def test_a_tape_takes_a_late_tick_and_drops_the_oldest() -> None:
    state = state_of("SPY")
    tape = state.open_tape("SPY")
    newest = [(NOON + n, 1) for n in range(1, 2 * TAPE_LIMIT, 2)][::-1]
    state.load_tape("SPY", batch(newest))
    then = state.version
    late = sorted([*newest[:-1], (NOON + 50, 1)], reverse=True)
    state.load_tape("SPY", batch(late))
    assert [tick.time_us for tick in tape.since(then)] == [NOON + 50]
    assert [tick.time_us for tick in tape.ticks()] == [time_us for time_us, _ in late]
    assert state.reset_version < then


def test_quotes_loaded_in_parts_are_as_loaded_at_once() -> None:
    source = state_of("A", "B", "C")
    source.apply(bars(bar(NOON, 1, symbol="A"), bar(NOON, 1, symbol="B")))
    state = state_of("A", "B", "C")
    state.apply(bars(bar(NOON, 9, symbol="C"), xid=90))
    as_of = Snapshot.parse("100:100:")
    with state.reading() as pending:
        state.load_quotes([quote(source, "A")], as_of, pending, symbols={"A"})
        state.apply(bars(*(bar(NOON + S, 2, symbol=each) for each in "ABX"), xid=100))  # between two parts
        state.load_quotes([quote(source, "B")], as_of, pending, symbols={"B"})
        state.finish_quotes({"A", "B"}, as_of, pending)
    assert [(row.symbol, row.day.trades, row.day.close) for row in state.rows()] == [("A", 2, 2), ("B", 2, 2)]
    assert state.needs_read == {"X"}
    assert state.reset_version > 0, "C is gone"
    state.apply(bars(bar(NOON, 3, symbol="C"), xid=99))
    assert state.row("C") is None, "the read would have seen it"
