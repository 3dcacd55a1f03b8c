"""What an exchange says, as values: trades, and where on a symbol's tape a gap lies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import orjson

from tickdeck.db.market.conditions import Family, updates_of
from tickdeck.db.market.corrections import Correction
from tickdeck.db.market.types import BUY, SELL, TickBatch, to_us
from tickdeck.feeds.base import NO_TICKS

Side = Literal["buy", "sell"]
"""Of the one who took: who bought at the ask, or sold at the bid."""


class Mark(NamedTuple):
    """A trade's place on its symbol's tape: time in µs since the epoch, and the exchange's number of it."""

    time_us: int
    number: int


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade; `symbol` is the exchange's own name of the pair, `time_us` cut to the exchange's one precision."""

    symbol: str
    number: int
    time_us: int
    price: float
    size: float
    side: Side | None = None
    exchange: str | None = None
    conditions: str | None = None

    @property
    def mark(self) -> Mark:
        return Mark(self.time_us, self.number)


class MessageError(Exception):
    """A message, or a trade in it, that cannot be read; `field` is the one that is wrong."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Fault:
    """A part of a message that cannot be read."""

    field: str
    reason: str
    raw: bytes


@dataclass(slots=True)
class Heard:
    """What one message says.

    `corrections`: cancels and corrections of trades, by the exchange's own symbols.  `greeted`: it has answered the hello.
    `subscribed`: the exchange confirms that trades come from now on.  `alive`: a sign of life that stands for data, such
    as a heartbeat.  `newest`: symbol to the mark of its newest trade, as a heartbeat tells it.  `ends_soon`: the
    exchange is about to cut this connection.  `refused`: why it does not serve us; `fatal`: and never will, as we are.
    """

    trades: list[Trade] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    newest: dict[str, Mark] = field(default_factory=dict)
    corrections: list[Correction] = field(default_factory=list)
    greeted: bool = False
    subscribed: bool = False
    alive: bool = False
    ends_soon: bool = False
    refused: str | None = None
    fatal: bool = False


def objects_of(raw: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a message: one, or a list of them; raises `MessageError`."""
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        raise MessageError("message", f"is no JSON: {exc}") from exc
    listed = content if isinstance(content, list) else [content]
    for each in listed:
        if not isinstance(each, dict):
            raise MessageError("message", f"is no JSON object but {type(each).__name__}")
    return listed


def read_trades(heard: Heard, items: Iterable[Any], read: Callable[[Any], Trade]) -> None:
    """Add the trade that `read` makes of each of `items` to `heard`; one that cannot be read is a fault there."""
    for item in items:
        try:
            heard.trades.append(read(item))
        except MessageError as exc:
            heard.faults.append(Fault(exc.field, exc.reason, shown_json(item)))


def shown_json(item: Any) -> bytes:
    """`item` as the text it came from, nearly."""
    try:
        return orjson.dumps(item, default=str)
    except orjson.JSONEncodeError:  # such as a whole number of more than 64 bits, from the exact JSON of REST
        return str(item).encode()


def part(item: Any, name: str | int) -> Any:
    """`item[name]`; raises `MessageError` where there is none."""
    try:
        return item[name]
    except (KeyError, IndexError, TypeError) as exc:
        raise MessageError(str(name), "is missing") from exc


def whole(value: Any, name: str) -> int:
    """`value`, a JSON number or digits, as an integer of 64 bits."""
    try:
        number = int(value) if isinstance(value, str) else value
    except ValueError as exc:
        raise MessageError(name, f"{value!r} is no whole number") from exc
    if type(number) is not int or not -(2**63) <= number < 2**63:
        raise MessageError(name, f"{value!r} is no whole number")
    return number


def number(value: Any, name: str) -> float:
    """`value`, a JSON number or a decimal text, as the float nearest to it; what no tick can hold is refused later."""
    if isinstance(value, bool) or value is None or isinstance(value, (list, dict)):
        raise MessageError(name, f"{value!r} is no number")
    try:
        return float(value)
    except ValueError as exc:
        raise MessageError(name, f"{value!r} is no number") from exc


def text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise MessageError(name, f"{value!r} is no text")
    return value


def iso_us(value: Any, name: str) -> int:
    """An RFC 3339 time in UTC (`2024-01-02T09:30:00.123456789Z`) in µs; what is below the µs is cut off."""
    found = _ISO.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise MessageError(name, f"{value!r} is no time in UTC")
    try:
        return _second_us(found[1]) + int((found[2] or "0")[:6].ljust(6, "0"))
    except ValueError as exc:
        raise MessageError(name, f"{value!r} is no time in UTC") from exc


_ISO: Final = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00:00)")


@lru_cache(maxsize=1024)
def _second_us(written: str) -> int:
    return to_us(datetime.fromisoformat(f"{written}+00:00"))


_SIDE: Final[Mapping[Side | None, int]] = {"buy": BUY, "sell": SELL, None: 0}


def batch_of(
    trades: Sequence[Trade], symbols: Mapping[str, str], notation: Family | None = None
) -> TickBatch:
    """The trades as ticks; `symbols` has the instrument's symbol of each exchange's name, `notation` that of their
    conditions: without one, the texts themselves are to tell.
    """
    if not trades:
        return NO_TICKS
    nothing = np.full(len(trades), np.nan)
    side = np.array([_SIDE[each.side] for each in trades], dtype=np.int16)

    def texts(values: list[str | None]) -> Any:
        return np.array(values, dtype=object) if any(each is not None for each in values) else None

    time_us = np.array([each.time_us for each in trades], dtype=np.int64)
    exchange, conditions = (
        texts([each.exchange for each in trades]),
        texts([each.conditions for each in trades]),
    )
    return TickBatch(
        time_us,
        np.array([symbols[each.symbol] for each in trades], dtype=object),
        np.array([each.number for each in trades], dtype=np.int64),
        np.array([each.price for each in trades]),
        np.array([each.size for each in trades]),
        nothing,
        nothing,
        exchange,
        conditions,
        updates=None
        if notation is None or conditions is None
        else updates_of(conditions, time_us, notation, exchange),
        side=side if side.any() else None,
    )
