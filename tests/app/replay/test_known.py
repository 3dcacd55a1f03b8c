"""A replay as known then: what was cancelled or corrected later counts until its clock is there, as it was."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace

import pytest

from tests.app.replay.test_state import catch_up, watch
from tests.flow import plain_fold
from tests.reference import Tick
from tests.replaying import DAY_US, END_US, START_US, ZONES, S, Seconds, assert_shows, made_up_ticks, store
from tickdeck.app.replay.clock import Position
from tickdeck.app.replay.player import Player
from tickdeck.db.candles.build import build_candles
from tickdeck.db.market.corrections import Correction
from tickdeck.db.market.types import MAX_SEQ, UPDATES_VOLUME
from tickdeck.db.orderflow import OrderFlowBuilder, read_cells, read_flow
from tickdeck.db.replay_reads import instruments_of
from tickdeck.db.session import Pool, open_pool, reading
from tickdeck.db.ticks.corrections import restate_ticks

NEVER_US = END_US + 900 * DAY_US


@dataclass
class Corrected:
    """A stored market, and of each symbol its ticks with what they became, (known µs, None: cancelled), in order."""

    pool: Pool
    ticks: Mapping[str, list[tuple[Tick, list[tuple[int, Tick | None]]]]]
    moments: list[int]
    """When something became known."""

    async def player(self, seconds: Seconds, *, as_known: bool) -> Player:
        instruments = await instruments_of(self.pool, sorted(ZONES))
        return Player(
            self.pool, instruments, START_US, END_US, monotonic=seconds, block_ticks=64, as_known=as_known
        )

    def known(self, at_us: int) -> dict[str, list[Tick]]:
        """The ticks as they were known then; those yet to come in their own time."""
        found: dict[str, list[Tick]] = {}
        for symbol, rows in self.ticks.items():
            now = [
                ([tick] + [new for known_us, new in changes if known_us <= max(at_us, tick.time_us)])[-1]
                for tick, changes in rows
            ]
            found[symbol] = [tick for tick in now if tick is not None]
        return found


def rounded(cells: Mapping[tuple[int, float], Iterable[float]]) -> dict[tuple[int, float], list[float]]:
    """Sizes of 0.1 are added in another order."""
    return {key: [round(each, 6) for each in cell] for key, cell in cells.items()}


def assert_profile(player: Player, known: Mapping[str, list[Tick]]) -> None:
    """The timeline's volume, up to the clock."""
    step_us, now_us = player.profile.step_us, player.position.time_us
    volumes: dict[int, float] = {}
    for tick in (tick for ticks in known.values() for tick in ticks):
        bucket_us = tick.time_us - tick.time_us % step_us
        if START_US - step_us < bucket_us <= now_us + 1 - step_us:
            moved = tick.size if tick.moves(UPDATES_VOLUME) else 0
            volumes[bucket_us // 1000] = volumes.get(bucket_us // 1000, 0.0) + moved
    assert dict(player.profile.until(now_us)) == {us: round(volume, 8) for us, volume in volumes.items()}


@pytest.fixture
async def corrected(tickdeck_db: str) -> AsyncIterator[Corrected]:
    """Every hundredth tick is corrected or cancelled, at once, minutes, hours or years later; some twice."""
    ticks = made_up_ticks(moving_all=False)
    await asyncio.to_thread(store, tickdeck_db, ticks)
    dice = random.Random(9)
    changed: dict[str, list[tuple[Tick, list[tuple[int, Tick | None]]]]] = {}
    said: list[Correction] = []
    for symbol, rows in ticks.items():
        changed[symbol] = [(tick, []) for tick in rows]
        for tick, changes in dice.sample(changed[symbol], len(rows) // 100):
            after = sorted(
                dice.choice([0, 1, 20 * S, 700 * S, 9_000 * S, DAY_US]) for _ in range(dice.choice([1, 1, 2]))
            )
            for number, later in enumerate(after):
                known_us = tick.time_us + later
                price, size = tick.price + 5 + number, tick.size + 7
                cancel = number == 1 or dice.random() < 0.5
                changes.append((known_us, None if cancel else replace(tick, price=price, size=size)))
                said.append(
                    Correction(
                        symbol=symbol,
                        time_us=tick.time_us,
                        seq=tick.seq,
                        kind="cancel" if cancel else "correct",
                        price=None if cancel else price,
                        size=None if cancel else size,
                        known_us=known_us,
                    )
                )
                if cancel:
                    break
    writer = await open_pool(tickdeck_db, role="writer", size=1)
    assert (await restate_ticks(writer, said, actor="test")).done == len(said) > 20
    await writer.close()
    pool = await open_pool(tickdeck_db, role="reader", size=4)
    yield Corrected(pool, changed, sorted({each.known_us or 0 for each in said}))
    await pool.close()


async def test_playing_and_seeking_show_what_was_known(corrected: Corrected) -> None:
    seconds = Seconds()
    player = await corrected.player(seconds, as_known=True)
    await player.open()
    await watch(player, "NYSE", "1s")
    await watch(player, "NYSE", "1d")
    await watch(player, "DELHI", "15m")
    player.set_speed(1000)
    await player.play()
    for _ in range(16):
        seconds.now += 15.3
        await catch_up(player)
        assert_shows(player.state, corrected.known(player.position.time_us), player.position)
        assert_profile(player, corrected.known(player.position.time_us))
    player.pause()
    within = [us for us in corrected.moments if START_US < us < END_US]
    for moment in within[:: len(within) // 4]:
        for time_us in (moment, moment - 1):  # it leaves when the clock passes, and is back before
            await player.seek(time_us)
            assert_shows(player.state, corrected.known(time_us), Position.at(time_us))
            assert_profile(player, corrected.known(time_us))
    await player.close()


async def test_stepping_over_a_cancel(corrected: Corrected) -> None:
    player = await corrected.player(Seconds(), as_known=True)
    await player.open()
    await watch(player, "NYSE", "1m")
    moment = next(us for us in corrected.moments if us > START_US)
    await player.seek(moment - 1)
    for _ in range(12):
        await player.step_tick(1)
        assert_shows(player.state, corrected.known(player.position.time_us), player.position)
    await player.step_tick(-8)
    assert_shows(player.state, corrected.known(player.position.time_us), player.position)
    await player.close()


async def test_order_flow_is_of_the_ticks_as_they_were_known(tickdeck_db: str, corrected: Corrected) -> None:
    writer = await open_pool(tickdeck_db, role="writer", size=1)
    while await build_candles(writer, most=500):
        pass
    assert await OrderFlowBuilder(writer).drain() > 20, "what is folded already is of the corrected ticks"
    await writer.close()
    for at_us in (corrected.moments[0] - 1, START_US + DAY_US, END_US, NEVER_US):
        for symbol, ticks in corrected.known(at_us).items():
            rows = [
                (each.time_us, each.seq, each.price, each.size, each.bid, each.ask, each.updates, None)
                for each in ticks
                if each.time_us <= at_us
            ]
            wanted, sides = plain_fold(rows)
            async with reading(corrected.pool, known_us=at_us) as connection:
                found = await read_cells(connection, symbol, START_US - DAY_US, END_US, at=(at_us, MAX_SEQ))
                newest, from_us = await read_flow(connection, symbol, at=(at_us, MAX_SEQ))
            columns = (found.bought, found.sold, found.unsided, found.trades)
            cells = zip(*(column.tolist() for column in columns), strict=True)
            keys = zip(found.minute_us.tolist(), found.price.tolist(), strict=True)
            assert rounded(dict(zip(keys, cells, strict=True))) == rounded(wanted)
            last = {key: cell for key, cell in wanted.items() if key[0] >= from_us}
            assert rounded(newest.cells) == rounded(last)
            if at_us == END_US:
                assert found.sides == sides


async def test_the_switch_leaves_the_clock_where_it_is(corrected: Corrected) -> None:
    player = await corrected.player(Seconds(), as_known=False)
    await player.open()
    await watch(player, "DELHI", "5m")
    middle = START_US + DAY_US
    await player.seek(middle)
    truth = corrected.known(NEVER_US)
    assert_shows(player.state, truth, Position.at(middle))
    await player.set_corrections(as_known=True)
    assert player.position == Position.at(middle)
    assert corrected.known(middle) != truth
    assert_shows(player.state, corrected.known(middle), Position.at(middle))
    assert_profile(player, corrected.known(middle))
    await player.set_corrections(as_known=False)
    assert_shows(player.state, truth, Position.at(middle))
    assert_profile(player, truth)
    await player.close()
