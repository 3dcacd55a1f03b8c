"""The made-up market is like a market where it matters, and always the same for the same seed."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.feeds.test_clock import SteeredTime
from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.types import INTERVAL_SECONDS, INTERVALS, TickBatch, concat
from tickdeck.feeds.clock import PacedClock
from tickdeck.feeds.walk.feed import RandomWalk
from tickdeck.feeds.walk.history import history
from tickdeck.feeds.walk.market import Market
from tickdeck.feeds.walk.symbols import MOST, companies, sector_of

START_US = 1_800_000_000_000_000
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


def made(*, seconds: int, symbols: int = 20, rate: float = 200.0, seed: int = 7) -> TickBatch:
    walk = RandomWalk(
        PacedClock(None), START_US, symbols=symbols, rate=rate, seed=seed, duration_us=seconds * 1_000_000
    )
    return concat(list(walk.chunks()))


def identical(one: TickBatch, other: TickBatch) -> bool:
    names = ("time_us", "symbol", "seq", "price", "size", "bid", "ask")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def spans(market: Market, *, seconds: int, step_s: int, rate: float) -> TickBatch:
    """Hours of a market in strides that are long, and still short beside what its volatility remembers."""
    step_us = step_s * 1_000_000
    starts = range(START_US, START_US + seconds * 1_000_000, step_us)
    return concat([market.span(start_us, step_us, int(rate * step_s)) for start_us in starts])


@cache
def busy_hours() -> TickBatch:
    return spans(Market(4, 7), seconds=2 * 3600, step_s=5, rate=40.0)


def returns(ticks: TickBatch, symbol: str, step_s: int) -> NDArray[np.float64]:
    """Log-returns of one symbol from the last price of each `step_s` seconds to the next."""
    mine = ticks.take(ticks.symbol == symbol)
    edges = np.arange(mine.time_us[0], mine.time_us[-1], step_s * 1_000_000)
    last = np.maximum(0, np.searchsorted(mine.time_us, edges, "right") - 1)
    return np.diff(np.log(mine.price[last]))


def symbols_of(ticks: TickBatch) -> list[str]:
    return sorted(set(ticks.symbol.tolist()))


def test_the_same_seed_makes_the_same_bits_and_another_one_others() -> None:
    assert identical(made(seconds=5), made(seconds=5))
    assert not identical(made(seconds=5), made(seconds=5, seed=8))


async def test_pacing_changes_nothing() -> None:
    ticking = SteeredTime(overslept_s=0.013)
    walk = RandomWalk(ticking.clock(3.0), START_US, symbols=20, rate=200.0, seed=7, duration_us=5_000_000)
    batches = [batch.ticks async for batch in walk.batches()]
    assert len(batches) > 50
    assert identical(concat(batches), made(seconds=5))


@pytest.mark.parametrize("rate", [0.7, 37.3, 1000.0, 20_000.0])
def test_the_rate_is_held(rate: float) -> None:
    seconds = 120 if rate < 10_000 else 10
    ticks = made(seconds=seconds, symbols=100, rate=rate)
    assert abs(len(ticks) - rate * seconds) <= max(1.0, 0.01 * rate * seconds)
    if rate >= 1000:
        per_second = np.bincount((ticks.time_us - START_US) // 1_000_000)
        assert np.abs(per_second / rate - 1).max() < 0.2


def test_times_never_go_back_and_identities_differ() -> None:
    ticks = made(seconds=60)
    assert (np.diff(ticks.time_us) >= 0).all()
    assert np.array_equal(ticks.seq, np.arange(1, len(ticks) + 1))


def test_prices_have_fat_tails() -> None:
    ticks = busy_hours()
    for symbol in symbols_of(ticks):
        moves = returns(ticks, symbol, 5)
        kurtosis = np.mean((moves - moves.mean()) ** 4) / np.var(moves) ** 2
        assert kurtosis > 3.3, symbol


def test_volatility_clusters_but_directions_do_not() -> None:
    ticks = busy_hours()
    clustering, direction = [], []
    for symbol in symbols_of(ticks):
        moves = returns(ticks, symbol, 10)
        size = np.abs(moves)
        clustering.append(np.mean([np.corrcoef(size[:-lag], size[lag:])[0, 1] for lag in range(1, 11)]))
        direction.append(np.mean([np.corrcoef(moves[:-lag], moves[lag:])[0, 1] for lag in range(1, 11)]))
    assert np.mean(clustering) > 0.1
    assert abs(np.mean(direction)) < 0.04  # the grid of prices makes it slightly negative


def test_symbols_differ_in_volatility_and_activity() -> None:
    ticks = spans(Market(20, 7), seconds=3600, step_s=10, rate=100.0)
    names = symbols_of(ticks)
    spread = [returns(ticks, name, 60).std() for name in names]
    assert max(spread) > 1.5 * min(spread)
    counts = sorted((np.count_nonzero(ticks.symbol == name) for name in names), reverse=True)
    assert counts[0] > 4 * counts[-1] > 0


def test_the_day_is_busier_and_wilder_at_its_ends() -> None:
    midnight = START_US // DAY_US * DAY_US
    market = Market(8, 7)
    minute = 60_000_000
    ticks = concat([market.span(midnight + start, minute, 480) for start in range(0, DAY_US, minute)])
    hour = (ticks.time_us - midnight) // HOUR_US
    volume = np.bincount(hour, ticks.size)
    ends, middle = volume[[0, 1, 22, 23]].mean(), volume[10:14].mean()
    assert ends > 1.5 * middle
    moves = np.array([returns(ticks, name, 60)[:1439] ** 2 for name in symbols_of(ticks)]).mean(axis=0)
    by_hour = moves[:1380].reshape(23, 60).mean(axis=1)
    assert by_hour[[0, 1, 22]].mean() > 1.3 * by_hour[10:14].mean()


def test_prices_and_quotes_stand_on_the_grid_around_each_other() -> None:
    ticks = made(seconds=60)
    for values in (ticks.price, ticks.bid, ticks.ask):
        assert np.array_equal(values, np.array([float(f"{value:.2f}") for value in values.tolist()]))
    assert (ticks.bid <= ticks.price).all()
    assert (ticks.price <= ticks.ask).all()
    assert (ticks.bid < ticks.ask).all()
    assert (ticks.bid > 0).all()


def test_most_sizes_are_round_lots() -> None:
    size = made(seconds=60).size
    assert 0.8 < np.mean(size % 100 == 0) < 0.95
    assert (size >= 1).all()
    assert size.max() > 10 * np.median(size)


def test_companies_differ_in_ticker_and_name() -> None:
    known = companies(MOST)
    assert len({ticker for ticker, _ in known}) == len({name for _, name in known}) == MOST
    assert all(ticker.isalpha() and ticker.isupper() and 3 <= len(ticker) <= 4 for ticker, _ in known)
    assert companies(50) == known[:50]
    assert len({sector_of(name) for _, name in known}) == 7


def test_the_past_gives_every_interval_a_chart_and_goes_on_without_a_gap() -> None:
    market = Market(100, 7)
    past = concat(list(history(market, START_US)))
    assert 300_000 < len(past) < 420_000
    assert (np.diff(past.time_us) >= 0).all()
    assert past.time_us[-1] < START_US
    assert START_US - past.time_us[0] > 390 * DAY_US
    for name in market.symbols[:5].tolist():
        mine = past.take(past.symbol == name)
        for interval in INTERVALS[: INTERVALS.index("1d") + 1]:
            length = INTERVAL_SECONDS[interval] * 1_000_000
            recent = mine.time_us[mine.time_us >= (START_US // length - 240) * length] // length
            assert len(np.unique(recent)) >= 235, (name, interval)
    following = market.span(START_US, 1_000_000, 1000)
    for name in following.symbol[:20].tolist():
        before = past.price[past.symbol == name][-1]
        after = following.price[following.symbol == name][0]
        assert abs(after / before - 1) < 0.02, name


def test_a_walk_resumed_fills_only_what_is_missing() -> None:
    market = Market(10, 7)
    stopped = START_US - 2 * HOUR_US
    market.set_prices({"ALS": 55.5}, stopped)
    past = concat(list(history(market, START_US, since_us=stopped)))
    assert stopped < past.time_us[0] < stopped + 10 * 60_000_000
    mine = past.price[past.symbol == "ALS"]
    assert abs(mine[0] / 55.5 - 1) < 0.05


def test_many_symbols_do_not_make_a_longer_past() -> None:
    assert sum(map(len, history(Market(2000, 7), START_US))) < 440_000


@pytest.mark.parametrize(
    ("symbols", "rate"), [(0, 1.0), (MOST + 1, 1.0), (1, 0.0), (1, float("nan")), (1, 1e9)]
)
def test_what_cannot_be_made_is_refused(symbols: int, rate: float) -> None:
    with pytest.raises(ConfigurationError, match="possible"):
        RandomWalk(PacedClock(1.0), START_US, symbols=symbols, rate=rate)


def test_there_is_no_seam_between_the_past_and_what_is_watched() -> None:
    """A minute before the start has the volume of a minute after it, and so has the hour before."""
    walk = RandomWalk(PacedClock(None), START_US, symbols=20, rate=500.0, duration_us=300_000_000)
    past = concat(list(history(walk._market, START_US, rate=500.0)))
    live = concat(list(walk.chunks()))
    per_minute = live.size.sum() / 5
    for minutes in (10, 120):
        lately = past.time_us > START_US - minutes * 60_000_000
        assert 0.5 < past.size[lately].sum() / minutes / per_minute < 2
    busiest = max(set(live.symbol.tolist()), key=live.symbol.tolist().count)
    mine, theirs = past.symbol == busiest, live.symbol == busiest
    lately = mine & (past.time_us > START_US - 30 * 60_000_000)
    assert 0.4 < past.size[lately].sum() / 30 / (live.size[theirs].sum() / 5) < 2.5


def test_trades_have_exchanges_and_conditions() -> None:
    ticks = made(seconds=2)
    assert ticks.exchange is not None
    assert ticks.conditions is not None
    assert set(ticks.exchange.tolist()) == {"N", "Q", "P", "Z", "K", "D"}
    assert set(ticks.conditions.tolist()) == {"@", "@F"}
