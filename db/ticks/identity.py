"""Ticks of one identity (symbol, time, seq): finding them in a batch, saying how two differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickdeck.db.market.types import SIDES, TickBatch, from_us

VALUE_FIELDS: Final = ("price", "size", "bid", "ask", "exchange", "conditions", "side")
"""What two ticks of one identity must have in common to be the same tick; the side where both of them know it."""

Identity = tuple[str, int, int]
"""(symbol, time in µs, seq)."""


@dataclass(frozen=True, slots=True)
class Distinct:
    """A batch with each identity once, in the order (symbol, time, seq) that all writers use.

    `rows` are the positions that its ticks had in the batch.  The other rows are repeats: `repeats` are their
    positions, `repeated` the position in `batch` of the tick whose identity each has.
    """

    batch: TickBatch
    rows: NDArray[np.intp]
    repeats: NDArray[np.intp]
    repeated: NDArray[np.intp]


def distinct(batch: TickBatch) -> Distinct:
    """Sort `batch` and part the ticks from their repeats; of several, the first in the batch is the tick."""
    codes, symbols = pd.factorize(batch.symbol)
    encoded = np.array([symbol.encode() for symbol in symbols], dtype=np.bytes_)
    rank = np.empty(len(symbols), dtype=np.intp)
    rank[np.argsort(encoded)] = np.arange(len(symbols))
    symbol = rank[codes]
    order = np.lexsort((batch.seq, batch.time_us, symbol))
    keys = (symbol[order], batch.time_us[order], batch.seq[order])
    is_first = np.ones(len(batch), dtype=np.bool_)
    if len(batch):
        is_first[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    if is_first.all():
        nothing = np.empty(0, dtype=np.intp)
        return Distinct(batch.take(order), order, nothing, nothing)
    group = np.cumsum(is_first) - 1
    return Distinct(batch.take(order[is_first]), order[is_first], order[~is_first], group[~is_first])


def tick_values(batch: TickBatch, index: int) -> dict[str, Any]:
    """The value fields of one tick; None where it has none."""
    values: dict[str, Any] = {
        "price": float(batch.price[index]),
        "size": float(batch.size[index]),
        "bid": _optional(batch.bid[index]),
        "ask": _optional(batch.ask[index]),
        "exchange": None if batch.exchange is None else batch.exchange[index],
        "conditions": None if batch.conditions is None else batch.conditions[index],
        "side": None if batch.side is None else SIDES[int(batch.side[index])],
    }
    return values


def identity(batch: TickBatch, index: int) -> Identity:
    return batch.symbol[index], int(batch.time_us[index]), int(batch.seq[index])


def differences(first: Mapping[str, Any], first_is: str, second: Mapping[str, Any], second_is: str) -> str:
    """Such as "price 10.0 stored, 11.0 offered"; empty where all values are the same."""
    return "; ".join(
        f"{field} {first[field]} {first_is}, {second[field]} {second_is}"
        for field in VALUE_FIELDS
        if first[field] != second[field] and (field != "side" or None not in (first[field], second[field]))
    )


def named(tick: Identity) -> str:
    symbol, time_us, seq = tick
    return f"{symbol} {from_us(time_us).isoformat()} seq {seq}"


def _optional(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)
