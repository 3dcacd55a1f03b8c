"""Ticks to measure storing with: made up, and a real day."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd

from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.types import TickBatch

TICKS_PER_SYMBOL_S = 10
"""How busy the made-up market is: with 100 symbols 1,000 ticks a second in all."""


def made_up(count: int, symbols: int, *, seed: int) -> TickBatch:
    """`count` ticks of `symbols` symbols in random turn, in order of time, ending about now; seq is unique."""
    randomness = np.random.default_rng(seed)
    names = np.array([f"S{number:04d}" for number in range(symbols)], dtype=object)
    step_us = 1_000_000 // (symbols * TICKS_PER_SYMBOL_S)
    price = np.round(100 * np.exp(np.cumsum(randomness.normal(0, 1e-4, count))), 2)
    return TickBatch(
        time_us=time.time_ns() // 1000 + step_us * np.arange(-count, 0, dtype=np.int64),
        symbol=names[randomness.integers(0, symbols, count)],
        seq=np.arange(count, dtype=np.int64) + seed * 1_000_000_000,
        price=price,
        size=100 * randomness.integers(1, 20, count).astype(np.float64),
        bid=np.round(price - 0.01, 2),
        ask=np.round(price + 0.01, 2),
    )


def real_day(path: Path, count: int) -> TickBatch:
    """The first `count` trades of a file with the columns time, symbol, price, size, exchange, conditions."""
    try:
        frame = pd.read_csv(
            path, nrows=count, dtype={"symbol": object, "exchange": object, "conditions": object}
        )
        moments = pd.to_datetime(frame["time"], utc=True, format="ISO8601")
    except (OSError, ValueError, KeyError) as exc:
        raise ConfigurationError(f"{path}: {exc}") from exc
    nothing = np.full(len(frame), np.nan)
    return TickBatch(
        time_us=moments.to_numpy(dtype="datetime64[us]").astype(np.int64),
        symbol=frame["symbol"].to_numpy(dtype=object),
        seq=np.arange(len(frame), dtype=np.int64),
        price=frame["price"].to_numpy(dtype=np.float64),
        size=frame["size"].to_numpy(dtype=np.float64),
        bid=nothing,
        ask=nothing,
        exchange=frame["exchange"].to_numpy(dtype=object),
        conditions=frame["conditions"].to_numpy(dtype=object),
    )
