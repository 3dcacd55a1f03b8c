"""Ratios and spreads of several symbols, such as `A/B` and `A - 2*B`: how they are written, and their candles.

The rule: a spread has a value at each instant at which a tick of one of its symbols updates the last price, and it is
computed of the last prices of all of them as of that instant (ticks of that instant included), as often as all have one.  Where
that is no number, as after a division by 0, there is no value.  `parts_of` says which of these instants count in a longer
interval.  Candles are open, highest, lowest and last value of a bucket; they have no volume, and as trades how many values.
Pure; times are µs since the epoch (UTC).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tickdeck.db.errors import MarketDataError, TickdeckError, UnknownSymbolError, excerpt
from tickdeck.db.market.buckets import bucket_of
from tickdeck.db.market.types import (
    CALENDAR_INTERVALS,
    INTERVAL_SECONDS,
    MAX_SYMBOL_LENGTH,
    UPDATES_LAST,
    Candle,
    Instrument,
    Interval,
    TickBatch,
)

Floats: TypeAlias = NDArray[np.float64]
MAX_LENGTH: Final = 200
MOST_LEGS: Final = 6
MOST_DEPTH: Final = 20
_RATIO_DECIMALS: Final = 5
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
_NUMBER: Final = re.compile(r"\d{1,12}(?:\.\d{0,12})?|\.\d{1,12}")
_ENDS: Final = re.compile(r"[\s()*/+-]|$")
_LOOKS: Final = re.compile(r"[-+*/()]")

Node: TypeAlias = "float | str | tuple[str, Node, Node]"
"""A number, a symbol, or an operator and its two operands."""


@dataclass(frozen=True)
class Formula:
    """What `text` says; `legs` are its symbols, in the order in which they come first."""

    text: str
    legs: tuple[str, ...]
    node: Node

    def __str__(self) -> str:
        return self.text

    def value(self, prices: Mapping[str, Floats]) -> Floats:
        """Its values of prices by symbol, equally many of each; NaN or infinite where there is none."""
        with np.errstate(all="ignore"):
            return np.asarray(_value(self.node, prices), dtype=np.float64)

    @property
    def divides(self) -> bool:
        """Whether anything is divided by a symbol: then its value is no price."""
        return _divides(self.node)


def looks_like_formula(text: str) -> bool:
    """Whether a text that is no symbol may be meant as a formula."""
    return _LOOKS.search(text) is not None


def is_charted(text: str, known: Container[str]) -> bool:
    """Whether a chart can be had of this: it is one of the symbols `known`, or a formula of such."""
    if text in known or not looks_like_formula(text):
        return text in known
    try:
        parse_formula(text, known)
    except TickdeckError:
        return False
    return True


def parse_formula(text: str, known: Container[str]) -> Formula:
    """Read sums, differences, products and quotients of numbers and symbols, with brackets; `known` are the symbols.

    A symbol may hold the signs of operators, as `BTC/USDT` does: where one is to come, the longest known one that ends at
    an operator, bracket, blank or the end is it; between double quotes it is what they hold.  Raises
    `UnknownSymbolError` for what is none, `MarketDataError` for what cannot be read.
    """
    if len(text) > MAX_LENGTH:
        raise MarketDataError(f"a formula of more than {MAX_LENGTH} characters")
    formula = _Parser(text, known).formula()
    if not formula.legs:
        raise MarketDataError(f"{excerpt(text)} has no symbol")
    if len(formula.legs) > MOST_LEGS:
        raise MarketDataError(f"{excerpt(text)} has more than {MOST_LEGS} symbols")
    return formula


class _Parser:
    def __init__(self, text: str, known: Container[str]) -> None:
        self._text = text
        self._known = known
        self._at = 0
        self._depth = 0
        self._legs: dict[str, None] = {}

    def formula(self) -> Formula:
        node = self._sum()
        if self._next():
            raise self._wrong("an operator")
        return Formula(self._text, tuple(self._legs), node)

    def _next(self) -> str:
        """The next sign that is no blank; empty at the end."""
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1
        return self._text[self._at : self._at + 1]

    def _wrong(self, wanted: str) -> MarketDataError:
        rest = self._text[self._at :].strip()
        found = excerpt(rest) if rest else "its end"
        return MarketDataError(f"formula {excerpt(self._text)}: {wanted} should be where {found} is")

    def _sum(self) -> Node:
        node = self._product()
        while (sign := self._next()) in ("+", "-"):
            self._at += 1
            node = (sign, node, self._product())
        return node

    def _product(self) -> Node:
        node = self._factor()
        while (sign := self._next()) in ("*", "/"):
            self._at += 1
            node = (sign, node, self._factor())
        return node

    def _factor(self) -> Node:
        sign = self._next()
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise MarketDataError(
                f"formula {excerpt(self._text)}: more than {MOST_DEPTH} brackets or signs in one another"
            )
        try:
            if sign == "-":
                self._at += 1
                return ("*", -1.0, self._factor())
            if sign == "(":
                self._at += 1
                node = self._sum()
                if self._next() != ")":
                    raise self._wrong("a closing bracket")
                self._at += 1
                return node
            return self._operand()
        finally:
            self._depth -= 1

    def _operand(self) -> Node:
        start = self._at
        if self._text[start : start + 1] == '"':
            end = self._text.find('"', start + 1)
            if end < 0:
                raise self._wrong("a closing quote")
            return self._leg(self._text[start + 1 : end], end + 1)
        ends = [
            start + found.start()
            for found in _ENDS.finditer(self._text[start : start + MAX_SYMBOL_LENGTH + 1])
        ]
        for end in reversed(ends):
            symbol = self._text[start:end].rstrip()
            if symbol and symbol in self._known:
                return self._leg(symbol, start + len(symbol))
        number = _NUMBER.match(self._text, start)
        if number is not None and _ENDS.match(self._text, number.end()):
            self._at = number.end()
            return float(number[0])
        word = self._text[start : next((end for end in ends if end > start), start)]
        if not word:
            raise self._wrong("a symbol or a number")
        raise UnknownSymbolError(word)

    def _leg(self, symbol: str, end: int) -> str:
        if symbol not in self._known:
            raise UnknownSymbolError(symbol)
        self._at = end
        self._legs[symbol] = None
        return symbol


def _value(node: Node, prices: Mapping[str, Floats]) -> Any:
    if isinstance(node, tuple):
        sign, one, other = node
        return _OPERATORS[sign](_value(one, prices), _value(other, prices))
    return prices[node] if isinstance(node, str) else np.float64(node)


def _divides(node: Node) -> bool:
    if not isinstance(node, tuple):
        return False
    sign, one, other = node
    return (sign == "/" and not isinstance(other, float)) or _divides(one) or _divides(other)


def spread_instrument(formula: Formula, instruments: Mapping[str, Instrument]) -> Instrument:
    """How a spread is shown: zone and days of its first symbol; raises `UnknownSymbolError` where one is not known any more."""
    legs = [instruments.get(symbol) for symbol in formula.legs]
    for symbol, leg in zip(formula.legs, legs, strict=True):
        if leg is None:
            raise UnknownSymbolError(symbol)
    known = [leg for leg in legs if leg is not None]
    decimals = max(each.price_decimals for each in known)
    if formula.divides:
        decimals = max(decimals, _RATIO_DECIMALS)
    return Instrument(
        formula.text,
        name=None,
        exchange=known[0].exchange,
        timezone=known[0].timezone,
        price_decimals=decimals,
        day_start=known[0].day_start,
        allow_negative=True,
    )


def parts_of(interval: Interval) -> Interval | None:
    """What of a spread's values counts in a candle: None: all of them; else the last one of each part, a shorter candle.

    To read all ticks of two symbols for a chart of a year would take minutes.
    """
    seconds = INTERVAL_SECONDS[interval]
    return None if seconds <= INTERVAL_SECONDS["1m"] else "1m" if seconds <= INTERVAL_SECONDS["1h"] else "15m"


@dataclass(frozen=True, slots=True)
class LegTicks:
    """Prices of one symbol that were its last, in order of time; of one instant the last one counts."""

    time_us: NDArray[np.int64]
    price: Floats

    @classmethod
    def of(cls, ticks: TickBatch) -> LegTicks:
        """Those of `ticks` that update the last price."""
        if ticks.updates is None:
            return cls(ticks.time_us, ticks.price)
        moves = (ticks.updates & UPDATES_LAST) != 0
        return cls(ticks.time_us[moves], ticks.price[moves])

    @classmethod
    def closes(cls, candles: Sequence[Candle]) -> LegTicks:
        """The closes of candles, as if traded at their starts."""
        return cls(
            np.array([each.time_us for each in candles], dtype=np.int64),
            np.array([each.close for each in candles], dtype=np.float64),
        )

    def then(self, later: LegTicks) -> LegTicks:
        """These, and then those."""
        if not len(self.time_us):
            return later
        return LegTicks(
            np.concatenate([self.time_us, later.time_us]), np.concatenate([self.price, later.price])
        )

    def since(self, time_us: int) -> LegTicks:
        """Those from an instant on."""
        first = int(np.searchsorted(self.time_us, time_us))
        return LegTicks(self.time_us[first:], self.price[first:])

    def before(self, time_us: int, otherwise: float) -> float:
        """The last price before an instant."""
        place = int(np.searchsorted(self.time_us, time_us))
        return float(self.price[place - 1]) if place else otherwise


NO_TICKS: Final = LegTicks(np.empty(0, np.int64), np.empty(0, np.float64))


def spread_values(
    formula: Formula, legs: Mapping[str, LegTicks], before: Mapping[str, float], part_us: int = 0
) -> tuple[NDArray[np.int64], Floats]:
    """(times, values) of a spread in order; `before` are last prices before all of `legs`, NaN: there was none.

    With `part_us` only the last value of each part of that length, at its start.
    """
    # In parts, what is asked is how the price stood at the end of each: only the last tick of a leg in a part counts.
    times = {
        symbol: ticks.time_us - ticks.time_us % part_us if part_us else ticks.time_us
        for symbol, ticks in legs.items()
    }
    at = np.unique(np.concatenate([times[symbol] for symbol in formula.legs]))
    prices: dict[str, Floats] = {}
    for symbol in formula.legs:
        place = np.searchsorted(times[symbol], at, side="right")
        price = np.concatenate([[before.get(symbol, np.nan)], legs[symbol].price])
        prices[symbol] = price[place]
    values = formula.value(prices)
    good = np.isfinite(values)
    return at[good], values[good]


def candles_of(times: NDArray[np.int64], values: Floats, interval: Interval, days: str) -> list[Candle]:
    """The candles of values in order of time, labelled as those of an instrument with the day rule `days`."""
    if not len(times):
        return []
    if interval in CALENDAR_INTERVALS:
        labels = _calendar_labels(times, interval, days)
    else:
        labels = times - times % (INTERVAL_SECONDS[interval] * 1_000_000)
    starts = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]])
    ends = np.r_[starts[1:], len(times)] - 1
    count = np.diff(np.r_[starts, len(times)])
    columns = (
        labels[starts].tolist(), values[starts].tolist(), np.maximum.reduceat(values, starts).tolist(),
        np.minimum.reduceat(values, starts).tolist(), values[ends].tolist(), count.tolist(),
        times[starts].tolist(), times[ends].tolist(),
    )  # fmt: skip
    return [
        Candle(label, open_, high, low, close, 0.0, 0.0, trades, first_us, 0, last_us, 0)
        for label, open_, high, low, close, trades, first_us, last_us in zip(*columns, strict=True)
    ]


def _calendar_labels(times: NDArray[np.int64], interval: Interval, days: str) -> NDArray[np.int64]:
    labels = np.empty(len(times), np.int64)
    first = 0
    while first < len(times):
        bucket = bucket_of(int(times[first]), interval, days)
        end = int(np.searchsorted(times, bucket.end_us))
        labels[first:end] = bucket.label_us
        first = end
    return labels


class SpreadFold:
    """The newest candles of a spread while ticks of its symbols come, each symbol's in order, the symbols' as they like.

    What lies before `edge_us` is settled: the last prices then, `before`, and the candle in progress there, as far as it was.
    Ticks after it are kept, and all candles from there on are made anew with each change.  A tick before it comes too late.
    """

    def __init__(
        self,
        formula: Formula,
        interval: Interval,
        days: str,
        edge_us: int,
        before: Mapping[str, float],
        candle: Candle | None,
        positions: Mapping[str, tuple[int, int]],
        legs: Mapping[str, LegTicks],
    ) -> None:
        self.formula = formula
        self.positions = dict(positions)
        """(time_us, seq) of the last tick of each symbol that is in it."""
        part = parts_of(interval)
        self._part_us = 0 if part is None else INTERVAL_SECONDS[part] * 1_000_000
        self._interval: Interval = interval
        self._days = days
        self._edge_us = edge_us
        self._before = dict(before)
        self._candle = candle
        self._legs: dict[str, LegTicks] = dict(legs)

    def put(self, symbol: str, ticks: TickBatch) -> bool:
        """Take the next ticks of one symbol, at least one; False where some lie before what is settled."""
        self.positions[symbol] = int(ticks.time_us[-1]), int(ticks.seq[-1])
        if ticks.time_us[0] < self._edge_us:
            return False
        self._legs[symbol] = self._legs[symbol].then(LegTicks.of(ticks))
        return True

    def candles(self) -> list[Candle]:
        """The candles from the edge on, oldest first."""
        times, values = spread_values(self.formula, self._legs, self._before, self._part_us)
        return self._with_settled(candles_of(times, values, self._interval, self._days))

    def settle(self, time_us: int) -> None:
        """Ticks before this instant are all here."""
        edge_us = time_us - time_us % self._part_us if self._part_us else time_us
        if edge_us <= self._edge_us:
            return
        firm = {}
        for symbol, ticks in self._legs.items():
            place = int(np.searchsorted(ticks.time_us, edge_us))
            firm[symbol] = LegTicks(ticks.time_us[:place], ticks.price[:place])
        times, values = spread_values(self.formula, firm, self._before, self._part_us)
        settled = self._with_settled(candles_of(times, values, self._interval, self._days))
        self._candle = settled[-1] if settled else self._candle
        for symbol, ticks in self._legs.items():
            self._before[symbol] = ticks.before(edge_us, self._before.get(symbol, np.nan))
            self._legs[symbol] = ticks.since(edge_us)
        self._edge_us = edge_us

    def _with_settled(self, candles: list[Candle]) -> list[Candle]:
        before = self._candle
        if before is None or not candles:
            return candles
        first = candles[0]
        return [before.merge(first), *candles[1:]] if first.time_us == before.time_us else candles
