"""A past for the random walk: thin long ago, dense lately, so that every interval up to a day has a full chart at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tickdeck.db.market.types import INTERVAL_SECONDS, INTERVALS, TickBatch
from tickdeck.feeds.walk.market import Market

CANDLES: Final = 240
"""As many candles of each interval have ticks of their own."""
DAYS: Final = 400
MOST_PER_CELL: Final = 4.0
_BATCH: Final = 20_000
_HOUR_US: Final = 3_600_000_000
_DAY_US: Final = 24 * _HOUR_US


def history(
    market: Market, end_us: int, *, since_us: int = 0, rate: float = 1000.0, most: int = 400_000
) -> Iterator[TickBatch]:
    """Ticks of all symbols from DAYS before `end_us` (but after `since_us`) up to it, in order of time.

    There are fewer than the `rate` a second of the live market, and each is larger by as much: a candle of the past has
    the volume of one that is watched, and there is no seam between them.

    About `most` ticks for the whole past, whatever the number of symbols.  The market stands at `end_us` then.
    """
    cells = _cells(end_us)
    per_cell = min(MOST_PER_CELL, most / len(cells) / len(market.symbols))
    cells = cells[cells[:, 1] > since_us]
    for start in range(0, len(cells), step := max(1, int(_BATCH / max(1.0, per_cell * len(market.symbols))))):
        part = cells[start : start + step]
        time_us, symbol, lasts_us = _events(part, per_cell, len(market.symbols), start)
        inside = time_us > since_us
        if inside.any():
            stands_for = np.maximum(1.0, rate * market.share[symbol] * lasts_us / 1e6 / per_cell)
            yield market.ticks(time_us[inside], symbol[inside], stands_for[inside])


def _cells(end_us: int) -> NDArray[np.int64]:
    """(start, end, length of what it stands for) of each cell, oldest first: the finest interval of which it is among the
    last CANDLES.

    Of a day one hour has to do: each hour with ticks is one more to fold, and only the day's candle shows it.
    """
    cells: list[tuple[int, int, int]] = []
    newest = end_us
    for interval in INTERVALS[: INTERVALS.index("1d") + 1]:
        length = INTERVAL_SECONDS[interval] * 1_000_000
        count = DAYS if interval == "1d" else CANDLES
        oldest = (end_us // length - count) * length
        starts = range(oldest, newest, length)
        shown = _HOUR_US if length == _DAY_US else length
        noon = 13 * _HOUR_US if length == _DAY_US else 0
        for start in starts:
            end = min(newest, start + noon + shown)
            cells.append((start + noon, end, length if length == _DAY_US else end - start))
        newest = min(newest, oldest)
    return np.array(sorted(cell for cell in cells if cell[0] < cell[1]), dtype=np.int64)


def _events(
    cells: NDArray[np.int64], per_cell: float, symbols: int, number: int
) -> tuple[NDArray[np.int64], NDArray[np.intp], NDArray[np.int64]]:
    """When which symbol ticks, in order of time, and how long its cell lasts: in each `per_cell` times on average."""
    random = np.random.Generator(np.random.PCG64([symbols, number]))
    counts = np.floor(per_cell + random.random((len(cells), symbols))).astype(np.intp)
    cell = np.repeat(np.arange(len(cells)), counts.sum(axis=1))
    symbol = np.concatenate([np.repeat(np.arange(symbols), row) for row in counts])
    start, length = cells[cell, 0], cells[cell, 1] - cells[cell, 0]
    time_us = start + (random.random(len(cell)) * length).astype(np.int64)
    order = np.argsort(time_us, kind="stable")
    return time_us[order], symbol[order], cells[cell[order], 2]
