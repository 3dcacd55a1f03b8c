"""The replay's clock on a monotonic source that the test moves."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzzing import examples
from tickdeck.app.replay.clock import (
    MAX_SPEED,
    MIN_SPEED,
    ReplayClock,
    ReplayError,
    replay_speed,
    speed_text,
)
from tickdeck.db.errors import MarketDataError

START = 1_381_132_800_000_000
END = START + 3_600_000_000


class Seconds:
    """A monotonic clock by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def clock(seconds: Seconds) -> ReplayClock:
    return ReplayClock(START, END, speed=60, monotonic=seconds)


def test_stands_until_it_plays_and_then_runs_at_its_speed(clock: ReplayClock, seconds: Seconds) -> None:
    seconds.now += 5
    assert clock.now_us() == START
    clock.play()
    seconds.now += 2
    assert clock.now_us() == START + 120_000_000
    clock.pause()
    seconds.now += 100
    assert clock.now_us() == START + 120_000_000


def test_stops_at_its_end(clock: ReplayClock, seconds: Seconds) -> None:
    clock.play()
    seconds.now += 10_000
    assert clock.now_us() == END


def test_says_how_long_until_an_instant(clock: ReplayClock) -> None:
    assert clock.seconds_until(START + 60_000_000) == math.inf
    clock.play()
    assert clock.seconds_until(START + 60_000_000) == 1.0
    assert clock.seconds_until(START) == 0.0
    clock.set_speed(math.inf)
    assert clock.seconds_until(END) == 0.0


def test_as_fast_as_possible_it_stands_where_the_player_puts_it(clock: ReplayClock, seconds: Seconds) -> None:
    clock.set_speed(math.inf)
    assert clock.limit_us() == START
    clock.play()
    seconds.now += 10
    assert clock.now_us() == START
    assert clock.limit_us() == END
    clock.hold(START + 7)
    clock.set_speed(1)
    seconds.now += 1
    assert clock.now_us() == START + 7 + 1_000_000


def test_seek_outside_is_refused_and_changes_nothing(clock: ReplayClock) -> None:
    clock.seek(START + 5)
    for outside in (START - 1, END + 1):
        with pytest.raises(ReplayError, match="outside"):
            clock.seek(outside)
    assert clock.now_us() == START + 5


Moves = st.lists(
    st.tuples(
        st.floats(0, 3),
        st.one_of(
            st.just("play"),
            st.just("pause"),
            st.floats(MIN_SPEED, MAX_SPEED),
            st.just(math.inf),
        ),
    ),
    max_size=30,
)


@settings(max_examples=examples(100), deadline=None)
@given(Moves)
def test_no_control_but_seek_makes_it_jump(moves: list[tuple[float, str | float]]) -> None:
    seconds = Seconds()
    clock = ReplayClock(START, END, monotonic=seconds)
    for wait, what in moves:
        before = clock.now_us()
        seconds.now += wait
        waited = clock.now_us()
        assert before <= waited <= END
        if what == "play":
            clock.play()
        elif what == "pause":
            clock.pause()
        else:
            assert not isinstance(what, str)
            clock.set_speed(what)
        assert clock.now_us() == waited


@pytest.mark.parametrize(
    ("text", "speed"), [("60", 60.0), (0.25, 0.25), (1000, 1000.0), ("max", math.inf), (" MAX ", math.inf)]
)
def test_speeds_that_are_possible(text: object, speed: float) -> None:
    assert replay_speed(text) == speed


@pytest.mark.parametrize("text", ["", "fast", "nan", "inf", 0, -1, 0.2, 1001, 1e99, True, None, [], "0x10"])
def test_speeds_that_are_not(text: object) -> None:
    with pytest.raises(MarketDataError, match=r"0\.25 to 1,000"):
        replay_speed(text)


def test_speed_as_json_carries_it() -> None:
    assert [speed_text(1.0), speed_text(math.inf)] == [1.0, "max"]
