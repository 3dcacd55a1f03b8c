"""At any place, and however it got there, a replay shows what the ticks up to it make."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.live.replay import Player
from app.live.replay_clock import AS_FAST_AS_POSSIBLE, Position
from db.market import INTERVALS, Interval
from db.pool import Pool, open_pool
from db.replay_reads import instruments_of
from tests.reference import Tick
from tests.replaying import END_US, START_US, ZONES, S, Seconds, assert_shows, made_up_ticks, places, store


@dataclass
class Stage:
    """A stored market, its ticks, and a pool to replay it from."""

    pool: Pool
    ticks: dict[str, list[Tick]]

    async def player(self, seconds: Seconds, *, block_ticks: int = 64) -> Player:
        instruments = await instruments_of(self.pool, sorted(ZONES))
        return Player(self.pool, instruments, START_US, END_US, monotonic=seconds, block_ticks=block_ticks)


@pytest.fixture
async def stage(tickdeck_db: str) -> AsyncIterator[Stage]:
    ticks = made_up_ticks()
    await asyncio.to_thread(store, tickdeck_db, ticks)
    pool = await open_pool(tickdeck_db, role="reader", size=4)
    yield Stage(pool, ticks)
    await pool.close()


async def watch(player: Player, symbol: str, interval: Interval) -> None:
    await player.chart(player.state.open_chart(symbol, interval))
    player.state.open_tape(symbol)
    await player.tapes([symbol])


async def catch_up(player: Player) -> None:
    """Pump until everything that is due has been applied."""
    while player.clock.playing and player.position < Position.at(player.clock.now_us()):
        await player._pump()


async def test_every_interval_at_instants_of_all_kinds(stage: Stage) -> None:
    player = await stage.player(Seconds())
    await player.open()
    for symbol, interval in zip(["NYSE", "DELHI"] * 4, INTERVALS, strict=True):
        await watch(player, symbol, interval)
    within = [p for p in places(stage.ticks) if START_US <= p.time_us <= END_US]
    chosen = within[:: len(within) // 12]
    instants = [START_US, END_US, *(p.time_us for p in chosen), *(p.time_us - 1 for p in chosen[1:])]
    for time_us in instants:
        await player.seek(time_us)
        assert_shows(player.state, stage.ticks, Position.at(time_us))
    for place in chosen:
        await player.seek(place)
        assert_shows(player.state, stage.ticks, place)
    await player.close()


async def test_playing_shows_at_each_moment_what_has_happened(stage: Stage) -> None:
    seconds = Seconds()
    player = await stage.player(seconds)
    await player.open()
    await watch(player, "NYSE", "1s")
    await watch(player, "DELHI", "5m")
    player.set_speed(1000)
    await player.play()
    for _ in range(60):
        seconds.now += 5.3
        await catch_up(player)
        assert player.position == Position.at(player.clock.now_us())
        assert_shows(player.state, stage.ticks, player.position)
    await player.close()


async def test_the_end_is_the_same_for_every_pace(stage: Stage) -> None:
    for speed, block_ticks in ((AS_FAST_AS_POSSIBLE, 4096), (AS_FAST_AS_POSSIBLE, 7), (1000.0, 64)):
        seconds = Seconds()
        player = await stage.player(seconds, block_ticks=block_ticks)
        await player.open()
        await watch(player, "NYSE", "1m")
        player.set_speed(speed)
        await player.play()
        while player.status == "playing":
            seconds.now += 0 if math.isinf(speed) else 20
            await player._pump()
        assert player.status == "ended"
        assert_shows(player.state, stage.ticks, Position.at(END_US))
        await player.close()


MOVE = st.one_of(
    st.tuples(st.just("seek"), st.floats(0, 1)),
    st.tuples(st.just("place"), st.floats(0, 1)),
    st.tuples(st.just("speed"), st.sampled_from([0.25, 1.0, 60.0, 1000.0, AS_FAST_AS_POSSIBLE])),
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
            await player._pump()
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
        await player.chart(player.state.open_chart("NYSE", interval))


def test_a_random_walk_of_controls_ends_where_its_clock_says(tickdeck_db: str) -> None:
    ticks = made_up_ticks()
    store(tickdeck_db, ticks)
    within = [p for p in places(ticks) if START_US <= p.time_us <= END_US]

    async def walk(moves: list[tuple[str, object]]) -> None:
        pool = await open_pool(tickdeck_db, role="reader", size=3)
        stage = Stage(pool, ticks)
        seconds = Seconds()
        player = await stage.player(seconds)
        try:
            await player.open()
            await watch(player, "NYSE", "1m")
            for what, how in moves:
                await move(player, seconds, within, what, how)
                assert_shows(player.state, ticks, player.position)
        finally:
            await player.close()
            await pool.close()

    @settings(max_examples=18, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(MOVE, min_size=3, max_size=14))
    def walks(moves: list[tuple[str, object]]) -> None:
        asyncio.run(walk(moves))

    walks()


async def test_steps_go_tick_by_tick_there_and_back(stage: Stage) -> None:
    player = await stage.player(Seconds())
    within = [p for p in places(stage.ticks) if START_US <= p.time_us <= END_US]
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


async def test_candle_steps_stop_at_the_ends_of_candles_that_have_ticks(stage: Stage) -> None:
    player = await stage.player(Seconds())
    await player.open()
    minutes = sorted({t.time_us // (60 * S) for t in stage.ticks["NYSE"] if START_US <= t.time_us <= END_US})
    ends = [(minute + 1) * 60 * S - 1 for minute in minutes]
    for end_us in ends[:6]:
        await player.step_candle("1m", "NYSE", 1)
        assert player.position == Position.at(end_us)
    for end_us in ends[4::-1]:
        await player.step_candle("1m", "NYSE", -1)
        assert player.position == Position.at(end_us)
    await player.close()
