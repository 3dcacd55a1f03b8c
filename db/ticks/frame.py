"""Ticks from a pandas DataFrame: columns by their names, row by row a tick or the reason why it is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.mids import mids
from tickdeck.db.market.rules import TickReject
from tickdeck.db.market.types import BUY, MAX_SEQ, SELL, TickBatch, to_us

COLUMNS: Final = ("time", "symbol", "seq", "price", "size", "bid", "ask", "exchange", "conditions", "side")
"""The columns that are used; others are ignored."""
_UNIT_US: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}
_Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FrameTicks:
    """`batch` are the ticks, of the `rows` (from 0) of the DataFrame; `rejects` are the other rows."""

    batch: TickBatch
    rows: NDArray[np.intp]
    rejects: list[TickReject]


def ticks_of_frame(frame: pd.DataFrame, symbol: str | None) -> FrameTicks:
    """The ticks of `frame` in its order, by the rules of `tickdeck load`; what is out of bounds is left to the store.

    `symbol` is that of every row, where there is no such column.  Raises `MarketDataError` for what is wrong with a
    column as a whole.
    """
    names = [*frame.columns]
    for name in COLUMNS:
        if names.count(name) > 1:
            raise MarketDataError(f"the DataFrame has more than one column {name!r}")
    given = {name: frame[name] for name in COLUMNS if name in names}
    if "time" not in given and isinstance(frame.index, pd.DatetimeIndex):
        given["time"] = pd.Series(frame.index)
    _require(frame, given, symbol)
    reading = _Reading(len(frame))
    time_us = reading.times(given["time"])
    symbols = reading.texts(given["symbol"]) if symbol is None else np.full(len(frame), symbol, dtype=object)
    reading.refuse("symbol", np.array([each is None for each in symbols], dtype=np.bool_), "is empty")
    bid, ask = (reading.numbers(name, given.get(name)) for name in ("bid", "ask"))
    for quote in (bid, ask):
        quote[quote == 0] = np.nan
    price = reading.numbers("price", given.get("price"))
    size = reading.numbers("size", given.get("size"))
    quote_only = np.isnan(price)
    price = np.where(quote_only, mids(bid, ask), price)
    reading.refuse("price", np.isnan(price), "is empty, and there are no bid and ask to take the mid of")
    size = np.where(np.isnan(size) & quote_only, 0.0, size)
    reading.refuse("size", np.isnan(size), "is empty")
    exchange, conditions = (
        reading.texts(given[name]) if name in given else None for name in ("exchange", "conditions")
    )
    seq = reading.seqs(given["seq"]) if "seq" in given else _occurrences(symbols, time_us)
    side = reading.sides(given["side"]) if "side" in given else None
    batch = TickBatch(time_us, symbols, seq, price, size, bid, ask, exchange, conditions, side=side)
    rows = np.flatnonzero(~reading.refused)
    return FrameTicks(batch.take(rows), rows, [*reading.rejects.values()])


def _require(frame: pd.DataFrame, given: dict[str, Any], symbol: str | None) -> None:
    if symbol is not None and "symbol" in given:
        raise MarketDataError("symbol: the DataFrame has such a column already")
    needed = ["time"] if symbol is not None else ["time", "symbol"]
    if not {"bid", "ask"} <= set(given):
        needed.append("price")
    if "price" in given or "price" in needed:
        needed.append("size")
    missing = [name for name in needed if name not in given]
    if missing:
        raise MarketDataError(
            f"the DataFrame has no column {missing[0]!r}"
            + (", nor an index of datetimes" if missing[0] == "time" else "")
            + (" and no symbol was given" if missing[0] == "symbol" else "")
            + f": it has {', '.join(map(str, frame.columns)) or 'none'}"
        )


def _occurrences(symbols: NDArray[np.object_], time_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of each row, from 1, among those of its symbol and time; from the end where the newest come first."""
    steps = np.diff(time_us)
    newest_first = int((steps < 0).sum()) > 4 * int((steps > 0).sum())
    rows = pd.DataFrame({"symbol": symbols, "time": time_us}).groupby(
        ["symbol", "time"], dropna=False, sort=False
    )
    number: NDArray[np.int64] = rows.cumcount(ascending=not newest_first).to_numpy().astype(np.int64) + 1
    return number


class _Reading:
    """Reads columns, and keeps for each row the first thing that is wrong with it."""

    def __init__(self, rows: int) -> None:
        self.refused: _Mask = np.zeros(rows, dtype=np.bool_)
        self.rejects: dict[int, TickReject] = {}

    def refuse(self, field: str, wrong: _Mask, reason: str) -> None:
        for row in np.flatnonzero(wrong & ~self.refused).tolist():
            self._refuse_row(row, field, reason)

    def _refuse_row(self, row: int, field: str, reason: str) -> None:
        if not self.refused[row]:
            self.refused[row] = True
            self.rejects[row] = TickReject(row, field, reason)

    def times(self, column: pd.Series[Any]) -> NDArray[np.int64]:
        """µs since the epoch; what lies below a microsecond is cut off."""
        kind: Any = column.dtype
        if isinstance(kind, pd.ArrowDtype) and getattr(kind.pyarrow_dtype, "tz", None) is not None:
            kind = pd.DatetimeTZDtype(kind.pyarrow_dtype.unit, "UTC")
            column = column.astype(kind)
        if isinstance(kind, pd.DatetimeTZDtype):
            missing = column.isna().to_numpy()
            number = column.to_numpy(dtype=f"datetime64[{kind.unit}]").view(np.int64)
            number = np.where(missing, 0, number)
            time_us = number // 1_000 if kind.unit == "ns" else number * _UNIT_US[kind.unit]
            self.refuse("time", missing, "is empty")
            return time_us.astype(np.int64)
        if not pd.api.types.is_object_dtype(kind):
            naive = (
                " without a time zone: tz_localize gives it one" if getattr(kind, "kind", "") == "M" else ""
            )
            raise MarketDataError(
                f"time: the column is of type {kind}{naive}; datetimes with a time zone are needed"
            )
        return self._each("time", column, _moment_us, np.int64)

    def numbers(self, name: str, column: pd.Series[Any] | None) -> NDArray[np.float64]:
        """NaN where there is none."""
        if column is None:
            return np.full(len(self.refused), np.nan)
        if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
            return column.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
        return self._each(name, column, _number, np.float64)

    def seqs(self, column: pd.Series[Any]) -> NDArray[np.int64]:
        if column.dtype == np.int64:
            return column.to_numpy()
        return self._each("seq", column, _whole, np.int64)

    def texts(self, column: pd.Series[Any]) -> NDArray[np.object_]:
        """None where there is none, or an empty one."""
        values = column.astype(object)
        values = values.where(values.notna() & (values != ""), None)
        return values.to_numpy(dtype=object)

    def sides(self, column: pd.Series[Any]) -> NDArray[np.int16]:
        known = {"buy": BUY, "sell": SELL, None: 0}
        values = self.texts(column)
        self.refuse(
            "side",
            np.array([value not in known for value in values], dtype=np.bool_),
            "is neither buy nor sell",
        )
        return np.array([known.get(value, 0) for value in values], dtype=np.int16)

    def _each(self, name: str, column: pd.Series[Any], read: Callable[[Any], Any], kind: Any) -> NDArray[Any]:
        made = np.zeros(len(column), dtype=kind)
        for row, value in enumerate(column.astype(object)):
            try:
                made[row] = read(value)
            except (ValueError, OverflowError, MarketDataError) as exc:
                self._refuse_row(row, name, str(exc))
        return made


def _moment_us(value: Any) -> int:
    if not isinstance(value, datetime) or value is pd.NaT:
        raise MarketDataError("is empty" if pd.isna(value) else f"{value!r} is no datetime")
    if isinstance(value, pd.Timestamp):
        value = value.floor("us").to_pydatetime()
    return to_us(value)


def _number(value: Any) -> float:
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN
        return np.nan
    plain = isinstance(value, int | float | Decimal | np.number) or (
        # float() takes more than files write numbers with: underscores, digits of other scripts.
        isinstance(value, str) and value.isascii() and "_" not in value
    )
    try:
        if plain and not isinstance(value, bool):
            return float(value)
    except ValueError:
        pass
    raise MarketDataError(f"{value!r} is no number")


def _whole(value: Any) -> int:
    number = _number(value)
    if np.isnan(number):
        raise MarketDataError("is empty")
    exact = Decimal(value) if isinstance(value, str | Decimal) else value
    if np.isinf(number) or exact != (whole := int(exact)):
        raise MarketDataError(f"{value!r} is no whole number")
    if not -MAX_SEQ - 1 <= whole <= MAX_SEQ:
        raise MarketDataError(f"{value!r} does not fit into 64 bits")
    return whole
