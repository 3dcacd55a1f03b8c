"""At any place, and however it got there, a replay shows what the ticks up to it make."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import cycle
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzzing import examples
from tests.reference import Tick, distinct, fold, same
from tests.replaying import (
    END_US,
    START_US,
    ZONES,
    S,
    Seconds,
    assert_shows,
    folded_bars,
    made_up_ticks,
    places,
    store,
)
from tests.statements import statements_of
from tickdeck.app.replay.clock import Position
from tickdeck.app.replay.player import Player
from tickdeck.db.market.bar_types import BarType, parse_chart_interval
from tickdeck.db.market.columns import CandleColumns
from tickdeck.db.market.indicators import parse_all
from tickdeck.db.market.sessions import TradingCalendar
from tickdeck.db.market.types import INTERVALS, Interval
from tickdeck.db.replay_reads import instruments_of
from tickdeck.db.session import Pool, open_pool
from tickdeck.db.statements import statement
from tickdeck.testing.databases import Databases


@dataclass
class StoredMarket:
    """A stored market, its ticks, and a pool to replay it from."""

    pool: Pool
    ticks: dict[str, list[Tick]]

    async def player(self, seconds: Seconds, *, block_ticks: int = 64) -> Player:
        instruments = await instruments_of(self.pool, sorted(ZONES))
        return Player(self.pool, instruments, START_US, END_US, monotonic=seconds, block_ticks=block_ticks)


@pytest.fixture(scope="module")
def databases(_tickdeck_databases: Databases) -> Iterator[dict[bool, tuple[str, dict[str, list[Tick]]]]]:
    """A database and its ticks, by whether all of those move all: replays only read."""
    with _tickdeck_databases.copy() as moving_all, _tickdeck_databases.copy() as conditioned:
        made = {}
        for url, all_move in ((moving_all, True), (conditioned, False)):
            made[all_move] = url, made_up_ticks(moving_all=all_move)
            store(*made[all_move])
        yield made


@pytest.fixture
async def stored(databases: dict[bool, tuple[str, dict[str, list[Tick]]]]) -> AsyncIterator[StoredMarket]:
    url, ticks = databases[True]
    pool = await open_pool(url, role="reader", size=4)
    yield StoredMarket(pool, ticks)
    await pool.close()


@pytest.fixture
async def conditioned(
    databases: dict[bool, tuple[str, dict[str, list[Tick]]]],
) -> AsyncIterator[StoredMarket]:
    """The same, with ticks that do not move all."""
    url, ticks = databases[False]
    pool = await open_pool(url, role="reader", size=4)
    yield StoredMarket(pool, ticks)
    await pool.close()


@pytest.fixture
async def counted(databases: dict[bool, tuple[str, dict[str, list[Tick]]]]) -> AsyncIterator[StoredMarket]:
    """`stored` over one connection, whose statements can be counted."""
    url, ticks = databases[True]
    pool = await open_pool(url, role="reader", size=1)
    yield StoredMarket(pool, ticks)
    await pool.close()


async def watch(player: Player, symbol: str, interval: Interval) -> None:
    await player.read_chart(player.state.open_chart(symbol, interval))
    player.state.open_tape(symbol)
    await player.read_tapes([symbol])


async def catch_up(player: Player) -> None:
    """Pump until everything that is due has been applied."""
    while player.clock.playing and player.position < Position.at(player.clock.now_us()):
        await player._play_on()


async def test_every_interval_at_instants_of_all_kinds(conditioned: StoredMarket) -> None:
    stored = conditioned
    player = await stored.player(Seconds())
    await player.open()
    for symbol, interval in zip(cycle(["NYSE", "DELHI"]), INTERVALS, strict=False):
        await watch(player, symbol, interval)
    within = [p for p in places(stored.ticks) if START_US <= p.time_us <= END_US]
    chosen = within[:: len(within) // 4]
    instants = [START_US, END_US, *(p.time_us for p in chosen), *(p.time_us - 1 for p in chosen[1:])]
    for time_us in instants:
        await player.seek(time_us)
        assert_shows(player.state, stored.ticks, Position.at(time_us))
    for place in chosen:
        await player.seek(place)
        assert_shows(player.state, stored.ticks, place)
    await player.close()


async def test_playing_shows_at_each_moment_what_has_happened(conditioned: StoredMarket) -> None:
    stored = conditioned
    seconds = Seconds()
    player = await stored.player(seconds)
    await player.open()
    await watch(player, "NYSE", "1s")
    await watch(player, "DELHI", "5m")
    player.set_speed(1000)
    await player.play()
    for _ in range(60):
        seconds.now += 5.3
        await catch_up(player)
        assert player.position == Position.at(player.clock.now_us())
        assert_shows(player.state, stored.ticks, player.position)
    await player.close()


async def test_bars_that_are_not_of_time_are_the_same_after_a_seek_and_while_it_plays(
    conditioned: StoredMarket,
) -> None:
    seconds = Seconds()
    player = await conditioned.player(seconds)
    await player.open()
    charts = []
    for symbol, text in (("NYSE", "7t"), ("NYSE", "300v"), ("DELHI", "1r"), ("DELHI", "0.5renko")):
        bar_type = parse_chart_interval(text)
        assert isinstance(bar_type, BarType)
        charts.append(player.state.open_chart(symbol, bar_type))
        await player.read_chart(charts[-1])
    within = [p for p in places(conditioned.ticks) if START_US <= p.time_us <= END_US]
    new_york = TradingCalendar(*ZONES["NYSE"])

    def assert_as_folded(at: Position) -> None:
        for chart in charts:
            assert isinstance(chart.interval, BarType)
            calendar = TradingCalendar(*ZONES[chart.symbol])
            bars = folded_bars(conditioned.ticks[chart.symbol], chart.interval, calendar, at)
            assert chart.candles() == [same(bar) for bar in bars[-500:]]

    for place in (within[len(within) // 2], within[5], within[-1], within[len(within) // 3]):
        await player.seek(place)
        assert_as_folded(place)
        after = await player._reader.candle_end("NYSE", charts[0].interval, place, 2)
        back = await player._reader.candle_end("NYSE", charts[0].interval, Position.at(after), -1)
        assert isinstance(charts[0].interval, BarType)
        labels = {bar.time_us for bar in folded_bars(conditioned.ticks["NYSE"], charts[0].interval, new_york)}
        assert back < after
        assert {back + 1, after + 1} <= {*labels, END_US + 1}
    player.set_speed(1000)
    await player.play()
    for _ in range(12):
        seconds.now += 5.3
        await catch_up(player)
        assert_as_folded(player.position)
    await player.close()


async def test_spreads_are_the_same_after_a_seek_and_while_it_plays(conditioned: StoredMarket) -> None:
    seconds = Seconds()
    player = await conditioned.player(seconds)
    await player.open()
    names = sorted(ZONES)
    text = f"{names[0]}/{names[1]}-0.5*{names[2]}"
    intervals: tuple[Interval, ...] = ("1s", "1m", "5m", "4h", "1d")
    charts = [player.state.open_chart(text, interval) for interval in intervals]
    for chart in charts:
        await player.read_chart(chart)
    ticks = sorted(tick.time_us for each in conditioned.ticks.values() for tick in each)
    shown = 0
    for place in (Position.at(time_us) for time_us in ticks[:: len(ticks) // 12]):
        if place < player.position:
            continue
        await player.market.advance(place)
        played = [[each for each in chart.candles() if each.last_us > START_US] for chart in charts]
        for chart in charts:
            await player.read_chart(chart)
        read = [[each for each in chart.candles() if each.last_us > START_US] for chart in charts]
        for one, other in zip(played, read, strict=True):
            assert one == other[-len(one) :] if one else not other
        shown += sum(map(len, read))
        assert all(each.last_us <= place.time_us for candles in read for each in candles)
    assert shown > 100
    await player.close()


async def test_indicators_are_those_of_what_has_happened(stored: StoredMarket) -> None:
    """After a seek and while it plays, also the first that is shown; nothing later is in them."""
    seconds = Seconds()
    player = await stored.player(seconds)
    await player.open()
    indicators = parse_all(["ema(3)", "vwap", "macd(2, 3, 2)", "obv(day)"])
    for each in indicators:
        player.state.open_indicator("NYSE", "1m", each)
    chart = player.state.charts["NYSE", "1m"]
    await player.read_chart(chart)

    def check() -> None:
        happened = [t for t in distinct(stored.ticks["NYSE"]) if (t.time_us, t.seq) <= player.position]
        zone = ZONES["NYSE"][1]
        columns = CandleColumns.of(fold(happened, "1m", ZoneInfo(zone)), "1m", zone)
        for each in indicators:
            values = chart.values(each, chart.candles()[0].time_us)
            shown = len(values.time_us)
            assert shown == len(chart.candles())
            for found, wanted in zip(values.columns, each.compute(columns), strict=True):
                np.testing.assert_allclose(found, wanted[-shown:], rtol=1e-8, atol=1e-8)

    within = [p for p in places(stored.ticks) if START_US <= p.time_us <= END_US]
    for place in within[40 :: len(within) // 5]:
        await player.seek(place)
        check()
    await player.seek(within[len(within) // 3])
    player.set_speed(1000)
    await player.play()
    for _ in range(30):
        seconds.now += 5.3
        await catch_up(player)
        check()
    await player.close()


async def test_the_end_is_the_same_for_every_pace(stored: StoredMarket) -> None:
    for speed, block_ticks in ((math.inf, 4096), (math.inf, 7), (1000.0, 64)):
        seconds = Seconds()
        player = await stored.player(seconds, block_ticks=block_ticks)
        await player.open()
        await watch(player, "NYSE", "1m")
        player.set_speed(speed)
        await player.play()
        while player.status == "playing":
            seconds.now += 0 if math.isinf(speed) else 20
            await player._play_on()
        assert player.status == "ended"
        assert_shows(player.state, stored.ticks, Position.at(END_US))
        await player.close()


MOVE = st.one_of(
    st.tuples(st.just("seek"), st.floats(0, 1)),
    st.tuples(st.just("place"), st.floats(0, 1)),
    st.tuples(st.just("speed"), st.sampled_from([0.25, 1.0, 60.0, 1000.0, math.inf])),
    st.tuples(st.just("wait"), st.floats(0, 40)),
    st.tuples(st.just("pause"), st.none()),
    st.tuples(st.just("play"), st.none()),
    st.tuples(st.just("tick"), st.sampled_from([-3, -1, 1, 2])),
    st.tuples(st.just("candle"), st.sampled_from([-1, 1, 2])),
    st.tuples(st.just("minute"), st.sampled_from([-1, 1])),
    st.tuples(st.just("chart"), st.sampled_from(INTERVALS)),
    st.tuples(st.just("loop"), st.floats(0, 0.9)),
)


async def move(player: Player, seconds: Seconds, within: list[Position], what: str, how: object) -> None:  # noqa: PLR0912
    if what == "seek" and isinstance(how, float):
        await player.seek(START_US + round((END_US - START_US) * how))
    elif what == "place" and isinstance(how, float):
        await player.seek(within[round((len(within) - 1) * how)])
    elif what == "speed" and isinstance(how, float):
        player.set_speed(how)
    elif what == "wait" and isinstance(how, float):
        seconds.now += how
        if math.isinf(player.clock.speed):
            await player._play_on()
        else:
            await catch_up(player)
    elif what == "pause":
        player.pause()
    elif what == "play":
        await player.play()
    elif what == "tick" and isinstance(how, int):
        await player.step_tick(how)
    elif what == "candle" and isinstance(how, int):
        await player.step_candle("1m", "NYSE", how)
    elif what == "minute" and isinstance(how, int):
        await player.step_time(how * 60 * S)
    elif what == "loop" and isinstance(how, float):
        first = START_US + round((END_US - START_US) * how)
        await player.set_loop(None if player.loop else (first, min(END_US, first + 3600 * S)))
    else:
        interval: Interval = how  # type: ignore[assignment]
        for key in list(player.state.charts):
            player.state.close_chart(*key)
        await player.read_chart(player.state.open_chart("NYSE", interval))


def test_a_random_walk_of_controls_ends_where_its_clock_says(
    databases: dict[bool, tuple[str, dict[str, list[Tick]]]],
) -> None:
    url, ticks = databases[True]
    within = [p for p in places(ticks) if START_US <= p.time_us <= END_US]

    async def walk(moves: list[tuple[str, object]]) -> None:
        pool = await open_pool(url, role="reader", size=3)
        stored = StoredMarket(pool, ticks)
        seconds = Seconds()
        player = await stored.player(seconds)
        try:
            await player.open()
            await watch(player, "NYSE", "1m")
            for what, how in moves:
                await move(player, seconds, within, what, how)
                assert_shows(player.state, ticks, player.position)
        finally:
            await player.close()
            await pool.close()

    @settings(max_examples=examples(8), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(MOVE, min_size=3, max_size=14))
    def walks(moves: list[tuple[str, object]]) -> None:
        asyncio.run(walk(moves))

    walks()


async def test_steps_go_tick_by_tick_there_and_back(stored: StoredMarket) -> None:
    player = await stored.player(Seconds())
    within = [p for p in places(stored.ticks) if START_US <= p.time_us <= END_US]
    await player.open(within[10].time_us - 1)
    forth = []
    for _ in range(25):
        await player.step_tick(1)
        forth.append(player.position)
    first = next(n for n, p in enumerate(within) if p.time_us >= within[10].time_us)
    assert forth == within[first : first + 25]
    back = []
    for _ in range(24):
        await player.step_tick(-1)
        back.append(player.position)
    assert back == forth[-2::-1]
    await player.close()


async def test_candle_steps_stop_at_the_ends_of_candles_that_have_ticks(stored: StoredMarket) -> None:
    player = await stored.player(Seconds())
    await player.open()
    minutes = sorted({t.time_us // (60 * S) for t in stored.ticks["NYSE"] if START_US <= t.time_us <= END_US})
    ends = [(minute + 1) * 60 * S - 1 for minute in minutes]
    for end_us in ends[:6]:
        await player.step_candle("1m", "NYSE", 1)
        assert player.position == Position.at(end_us)
    for end_us in ends[4::-1]:
        await player.step_candle("1m", "NYSE", -1)
        assert player.position == Position.at(end_us)
    await player.close()


async def test_many_steps_are_one_read_and_end_where_single_ones_do(counted: StoredMarket) -> None:
    pool, ticks = counted.pool, counted.ticks
    player = await counted.player(Seconds())
    within = [p for p in places(ticks) if START_US <= p.time_us <= END_US]
    await player.open(within[-5].time_us)
    await watch(player, "NYSE", "1m")
    here = max(n for n, p in enumerate(within) if p <= player.position)
    async with statements_of(pool) as sent:
        for steps in (-700, 650, -3, 2, -1):
            await player.step_tick(steps)
            here += steps
            assert player.position == within[here]
            assert_shows(player.state, ticks, player.position)
        backward = 3
        assert sent.count(statement("replay_place_before")) == backward
        assert sent.count(statement("replay_ticks_before")) == backward, "the tape, for what is shown only"
    await player.step_tick(-10_000)
    assert player.position == Position.at(START_US)
    await player.step_tick(10_000)
    assert player.position == Position.at(END_US)
    await player.close()


@pytest.mark.parametrize("interval", ["1s", "1m", "1h", "1d"])
async def test_many_candle_steps_are_one_read_and_end_where_single_ones_do(
    counted: StoredMarket, interval: Interval
) -> None:
    pool, ticks = counted.pool, counted.ticks
    player = await counted.player(Seconds())
    await player.open()
    await watch(player, "NYSE", "1m")
    ends = []
    while player.position < Position.at(END_US):
        await player.step_candle(interval, "NYSE", 1)
        ends.append(player.position)
        if len(ends) == 60:
            break
    last = min(len(ends) - 1, 49)
    await player.seek(START_US)
    async with statements_of(pool) as sent:
        await player.step_candle(interval, "NYSE", last + 1)
        assert player.position == ends[last]
        if last > 1:
            await player.step_candle(interval, "NYSE", 1 - last)
            assert player.position == ends[1]
            assert sent.count(statement("replay_ticks_before")) == 2
    assert_shows(player.state, ticks, player.position)
    await player.step_candle(interval, "NYSE", -1000)
    assert player.position == Position.at(START_US)
    await player.step_candle(interval, "NYSE", 1000)
    await player.step_candle(interval, "NYSE", 1000)
    await player.close()
