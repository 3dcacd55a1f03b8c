"""Which ticks can be stored: the database's constraints, checked for a whole batch at once, with reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tickdeck.db.errors import excerpt
from tickdeck.db.market.types import MAX_SYMBOL_LENGTH, MAX_TIME_US, MIN_TIME_US, TickBatch

SMALLEST: Final = 1e-30
"""The smallest price, bid, ask, and size other than 0."""
LARGEST: Final = 1e30
"""The largest price, size, bid and ask; with it Σ price·size stays finite."""
MAX_TEXT_LENGTH: Final = 255
"""The most bytes of `exchange` and of `conditions`."""


@dataclass(frozen=True, slots=True)
class TickReject:
    """Row `index` of the batch was not stored: `reason` says what is wrong with its `field`."""

    index: int
    field: str
    reason: str


def find_rejects(batch: TickBatch, *, allow_negative: bool | frozenset[str] = False) -> list[TickReject]:
    """One reject for each row that cannot be stored, naming its first wrong field; by row.

    With `allow_negative` prices, bids and asks below zero are taken, and prices of 0: of all symbols, or of these.
    """
    found: dict[int, TickReject] = {}
    for field, wrong, reason in _faults(batch, allow_negative=allow_negative):
        for index in np.flatnonzero(wrong).tolist():
            if index not in found:
                found[index] = TickReject(index, field, reason(index))
    return [found[index] for index in sorted(found)]


_Fault = tuple[str, NDArray[np.bool_], Callable[[int], str]]


def _faults(batch: TickBatch, *, allow_negative: bool | frozenset[str]) -> Iterator[_Fault]:
    times = batch.time_us
    yield (
        "time",
        (times < MIN_TIME_US) | (times >= MAX_TIME_US),
        lambda index: f"time {times[index]} µs since 1970 lies outside of 1970 to 2199",
    )
    yield _text_fault("symbol", batch.symbol, symbol_fault)
    negative: bool | NDArray[np.bool_] = bool(allow_negative)
    if isinstance(allow_negative, frozenset) and allow_negative:
        negative = np.array([each in allow_negative for each in batch.symbol.tolist()], dtype=np.bool_)
    price, bid, ask = (
        np.where(negative, np.abs(each), each) if allow_negative else each
        for each in (batch.price, batch.bid, batch.ask)
    )
    yield _number_fault("price", batch.price, _within(price) | (negative & (price == 0)))
    yield _number_fault("size", batch.size, _within(batch.size) | (batch.size == 0))
    yield _number_fault("bid", batch.bid, _within(bid) | np.isnan(batch.bid))
    yield _number_fault("ask", batch.ask, _within(ask) | np.isnan(batch.ask))
    if batch.exchange is not None:
        yield _text_fault("exchange", batch.exchange, _code_fault)
    if batch.conditions is not None:
        yield _text_fault("conditions", batch.conditions, _code_fault)


def _within(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = (values >= SMALLEST) & (values <= LARGEST)  # false for NaN
    return result


def _number_fault(field: str, values: NDArray[np.float64], good: NDArray[np.bool_]) -> _Fault:
    def reason(index: int) -> str:
        value = float(values[index])
        if not np.isfinite(value):
            return f"{field} {value} is not a finite number"
        if value < 0:
            return f"{field} {value} is negative"
        if value == 0:
            return f"{field} is 0"
        return f"{field} {value} lies outside of {SMALLEST:g} to {LARGEST:g}"

    return field, ~good, reason


def _text_fault(field: str, values: NDArray[np.object_], fault: Callable[[object], str | None]) -> _Fault:
    import pandas as pd  # noqa: PLC0415 - a third of a second that only whoever checks ticks waits for

    codes, different = pd.factorize(values, use_na_sentinel=False)
    faults = [fault(value) for value in different]
    wrong = np.array([each is not None for each in faults], dtype=np.bool_)
    if not wrong.any():
        return field, np.zeros(len(values), dtype=np.bool_), lambda _: ""

    def reason(index: int) -> str:
        value, fault = different[codes[index]], faults[codes[index]]
        named = "" if _is_nothing(value) or value == "" else f" {excerpt(value)}"
        return f"{field}{named} {fault}"

    return field, wrong[codes], reason


def symbol_fault(value: object) -> str | None:
    """What is wrong with `value` as a symbol, to be read after what names it; None: nothing.

    A symbol is a text of 1 to MAX_SYMBOL_LENGTH bytes of UTF-8 without control characters, and without spaces at its ends.
    """
    if _is_nothing(value):
        return "is missing"
    if not isinstance(value, str):
        return "is no text"
    if not value:
        return "is empty"
    if value != value.strip(" "):
        return "begins or ends with a space"
    return _print_fault(value, MAX_SYMBOL_LENGTH)


def _code_fault(value: object) -> str | None:
    if _is_nothing(value):
        return None
    if not isinstance(value, str):
        return "is no text"
    return _print_fault(value, MAX_TEXT_LENGTH)


def _is_nothing(value: object) -> bool:
    return value is None or value != value  # noqa: PLR0124 - None, as the factorisation gives it back


def _print_fault(value: str, most: int) -> str | None:
    if not value.isprintable():
        return "holds a control character or what is no character"
    return f"is longer than {most} bytes" if len(value.encode()) > most else None
