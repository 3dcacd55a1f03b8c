"""A made-up market: prices that behave like prices, as a function of simulated time and a seed only.

What is modelled, and where it shows: volatility that differs by symbol and clusters in time (log-volatility as
the sum of a slow and a fast autoregression), fat tails (Student's t), a few busy symbols and many quiet ones
(Zipf), round lots, bid and ask on a one-cent grid around the price, and the day's U: towards its ends (midnight
UTC: this market never closes) moves and sizes are larger.  The number of ticks a second is not modelled: it is
what was asked for.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tickdeck.db.market.types import BUY, SELL, TickBatch
from tickdeck.feeds.walk.symbols import companies

TICK_SIZE: Final = 0.01
LOT: Final = 100.0
VENUES: Final = ("N", "Q", "P", "Z", "K", "N", "Q", "D")
"""Where trades happen, in the letters of the consolidated tapes."""
SWEEPS: Final = 7
"""One trade of so many is an intermarket sweep."""
_YEAR_S: Final = 365 * 86_400.0
_DAY_US: Final = 86_400_000_000
_DEGREES: Final = 5  # of freedom of Student's t
_MEMORY_S: Final = (86_400.0, 300.0)  # of the slow and the fast part of log-volatility
_SPREAD: Final = (0.35, 0.55)  # their standard deviations
_ODD_LOTS: Final = 0.12


def day_shape(time_us: NDArray[np.int64]) -> NDArray[np.float64]:
    """How busy that time of day is: 1.8 at its ends, 0.6 in its middle, 1 on average."""
    phase = (time_us % _DAY_US) / _DAY_US
    return np.asarray(0.6 + 1.2 * (2 * phase - 1) ** 2)


class Market:
    """The state of `symbols` symbols; every draw comes from one generator seeded with `seed`.

    The same calls in the same order give the same bits, whenever they are made.  Times are µs since the epoch
    and never go back; the first one begins the walk.
    """

    def __init__(self, symbols: int, seed: int) -> None:
        self._random = np.random.Generator(np.random.PCG64(seed))
        known = companies(symbols)
        self.symbols = np.array([ticker for ticker, _ in known], dtype=object)
        self.names = [name for _, name in known]
        random = self._random
        rank = random.permutation(symbols)
        weight = 1.0 / (rank + 3.0) ** 0.9
        self.share: NDArray[np.float64] = weight / weight.sum()
        """Each symbol's share of all ticks."""
        self._edges = np.cumsum(self.share)
        self._log_price = np.log(np.round(np.exp(random.normal(np.log(90.0), 0.7, symbols)), 2))
        self._sigma = random.uniform(0.18, 0.75, symbols) / np.sqrt(_YEAR_S)
        self._spread = 1 + random.poisson(1.0 + 2.0 * rank / symbols, symbols)
        self._lots = random.uniform(0.3, 1.3, symbols)
        self._volatility = random.normal(0.0, 1.0, (2, symbols)) * np.array(_SPREAD)[:, None]
        # Each symbol trades most where it is listed.
        listed = np.array([VENUES[place % 2] for place in range(symbols)], dtype=object)
        self._venues = np.array([[home, *VENUES[1:]] for home in listed], dtype=object)
        self._now_us: int | None = None
        self._last_us = np.zeros(symbols, dtype=np.int64)
        self._seq = 0

    def set_prices(self, prices: dict[str, float], time_us: int) -> None:
        """Go on from these prices at `time_us` (of symbols that are known; the others stay where they are)."""
        for place, symbol in enumerate(self.symbols.tolist()):
            if symbol in prices:
                self._log_price[place] = np.log(prices[symbol])
        self._begin(time_us)

    def span(self, start_us: int, length_us: int, count: int) -> TickBatch:
        """`count` ticks at random in `[start_us, start_us + length_us)`, of symbols by their share, in order."""
        time_us = start_us + np.sort(self._random.integers(0, length_us, count))
        picked = np.searchsorted(self._edges, self._random.random(count), side="right")
        return self.ticks(time_us, np.minimum(picked, len(self.symbols) - 1))

    def ticks(
        self,
        time_us: NDArray[np.int64],
        symbol: NDArray[np.intp],
        stands_for: NDArray[np.float64] | None = None,
    ) -> TickBatch:
        """A tick of symbol number `symbol[i]` at each `time_us[i]` (sorted), as large as `stands_for[i]` (None: one) are."""
        count = len(time_us)
        if count:
            if self._now_us is None:
                self._begin(int(time_us[0]))
            self._pass_until(int(time_us[-1]))
        shape = day_shape(time_us)
        price, mid = self._walk(time_us, symbol, shape)
        cents = mid / TICK_SIZE
        half = (self._spread[symbol] - 1) / 2
        bid = np.maximum(1.0, np.floor(cents - half))
        ask = np.maximum(bid + 1, np.ceil(cents + half))
        seq = self._seq + 1 + np.arange(count, dtype=np.int64)
        self._seq += count
        per_unit = round(1 / TICK_SIZE)  # dividing whole cents gives the float nearest to the decimal
        sizes = self._sizes(symbol, shape)
        if stands_for is not None:
            sizes = np.where(stands_for > 1, LOT * np.maximum(1.0, np.rint(sizes * stands_for / LOT)), sizes)
        return TickBatch(
            time_us,
            self.symbols[symbol],
            seq,
            price,
            sizes,
            bid / per_unit,
            ask / per_unit,
            self._venues[symbol, seq % len(VENUES)],
            np.where(seq % SWEEPS == 0, "@F", "@").astype(object),
            side=np.where(price >= ask / per_unit, BUY, np.where(price <= bid / per_unit, SELL, 0)).astype(
                np.int16
            ),
        )

    def _begin(self, time_us: int) -> None:
        self._now_us = time_us
        self._last_us[:] = time_us

    def _pass_until(self, time_us: int) -> None:
        """Let log-volatility move on: exact for an Ornstein-Uhlenbeck process over any stretch."""
        before_us = time_us if self._now_us is None else self._now_us
        passed_s = max(0, time_us - before_us) / 1e6
        for part, (memory_s, spread) in enumerate(zip(_MEMORY_S, _SPREAD, strict=True)):
            keep = np.exp(-passed_s / memory_s)
            drawn = self._random.normal(0.0, spread, len(self.symbols))
            self._volatility[part] = keep * self._volatility[part] + np.sqrt(1 - keep * keep) * drawn
        self._now_us = max(before_us, time_us)

    def _walk(
        self, time_us: NDArray[np.int64], symbol: NDArray[np.intp], shape: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Prices on the grid, and what they are rounded from."""
        order = np.argsort(symbol, kind="stable")
        ordered, at = symbol[order], time_us[order]
        begins = np.flatnonzero(np.diff(ordered, prepend=-1))
        groups = ordered[begins]
        before = np.empty_like(at)
        before[1:] = at[:-1]
        before[begins] = self._last_us[groups]
        drawn = self._random.standard_t(_DEGREES, len(at)) / np.sqrt(_DEGREES / (_DEGREES - 2))
        scale = self._sigma * np.exp(self._volatility.sum(axis=0))
        moves = drawn * scale[ordered] * np.sqrt(np.maximum(0, at - before) / 1e6) * np.sqrt(shape[order])
        sums = np.cumsum(moves)
        lengths = np.diff(np.append(begins, len(at)))
        offsets = self._log_price[groups] - (sums[begins] - moves[begins] if len(begins) else 0.0)
        paths = sums + np.repeat(offsets, lengths)
        ends = begins + lengths - 1
        self._log_price[groups] = paths[ends]
        self._last_us[groups] = at[ends]
        mid = np.empty(len(at))
        mid[order] = np.exp(paths)
        per_unit = round(1 / TICK_SIZE)
        return np.maximum(1.0, np.rint(mid * per_unit)) / per_unit, mid

    def _sizes(self, symbol: NDArray[np.intp], shape: NDArray[np.float64]) -> NDArray[np.float64]:
        lots = np.exp(self._random.normal(self._lots[symbol] - 0.8, 0.9)) * shape
        round_lots = LOT * np.maximum(1.0, np.rint(lots))
        odd = self._random.integers(1, 100, len(symbol)).astype(np.float64)
        return np.where(self._random.random(len(symbol)) < _ODD_LOTS, odd, round_lots)
