"""What the database tells its listeners on channel `tickdeck_v2`, and which of it a snapshot holds already.

The format of a message is written down in migrations/sql/0011_trigger.sql.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from math import inf
from typing import Any, Final, Literal, TypeAlias, get_args

import orjson

from tickdeck.db.errors import DatabaseError
from tickdeck.db.market.rules import LARGEST, symbol_fault
from tickdeck.db.market.types import MAX_SEQ, MAX_TIME_US, MIN_TIME_US, NEVER_FIRST_US, NEVER_LAST_US, Candle

CHANNEL: Final = "tickdeck_v2"
FeedState = Literal["running", "ended", "failed"]


@dataclass(frozen=True, slots=True)
class Bar:
    """What one statement's ticks add to one second of a symbol.

    `candle` is labelled by the start of the second and folds that statement's ticks only: merge it with what
    is there.  `bid` and `ask` are those of its last tick by (time, seq); None where that tick had none.
    """

    symbol: str
    candle: Candle
    bid: float | None
    ask: float | None


@dataclass(frozen=True, slots=True)
class Bars:
    """Delta bars of the transaction `xid`, built by the server at `sent_us` (its clock, µs since the epoch)."""

    xid: int
    sent_us: int
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Reload:
    """Transaction `xid` stored too much to tell: read the tables again for [first_us, last_us], both included."""

    xid: int
    sent_us: int
    first_us: int
    last_us: int


@dataclass(frozen=True, slots=True)
class Restated:
    """Transaction `xid` cancelled or corrected ticks of `symbols`: read all of these again."""

    xid: int
    sent_us: int
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """A feed started, ended, failed, or said how far it is; `stored` and `rejected` count ticks since its start."""

    name: str
    kind: str
    state: FeedState
    detail: str
    stored: int
    rejected: int


Message: TypeAlias = Bars | Reload | Restated | FeedStatus


def parse_message(payload: str) -> Message:
    """Read one payload; raise `DatabaseError` where it is none of ours.

    Anybody who may connect may NOTIFY, so that every field is looked at: what is returned holds finite numbers, times
    that ticks can have, counts that a column can hold, and symbols that are symbols.
    """
    try:
        return _message(orjson.loads(payload))
    except KeyError as exc:
        raise DatabaseError(f"message on {CHANNEL} refused: {exc} is missing: {payload[:200]!r}") from exc
    except (ValueError, TypeError) as exc:
        raise DatabaseError(f"message on {CHANNEL} refused: {exc}: {payload[:200]!r}") from exc


def _message(content: Any) -> Message:
    """Raises `KeyError`, `TypeError` and `ValueError`."""
    if "feed" in content:
        return _feed(content["feed"])
    xid = _whole(content["x"], "x", 1, _MAX_XID)
    sent_us = _whole(content["t"], "t", MIN_TIME_US, MAX_TIME_US - 1)
    if "reload" in content:
        first_us, last_us = content["reload"]
        first_us = _whole(first_us, "reload", MIN_TIME_US, MAX_TIME_US - 1)
        return Reload(xid, sent_us, first_us, _whole(last_us, "reload", first_us, MAX_TIME_US - 1))
    if "restated" in content:
        return Restated(xid, sent_us, tuple(map(_symbol, content["restated"])))
    return Bars(xid, sent_us, tuple(map(_bar, content["bars"])))


_MAX_XID: Final = 2**64 - 1
_MAX_SUM: Final = sys.float_info.max


def _feed(feed: dict[str, Any]) -> FeedStatus:
    state = feed["state"]
    if state not in get_args(FeedState):
        raise ValueError(f"state {state!r} is none")
    return FeedStatus(
        _text(feed["name"], "name"),
        _text(feed["kind"], "kind"),
        state,
        _text(feed["detail"], "detail"),
        _whole(feed["stored"], "stored", 0, MAX_SEQ),
        _whole(feed["rejected"], "rejected", 0, MAX_SEQ),
    )


def _bar(fields: list[Any]) -> Bar:
    (
        symbol, second, open_, high, low, close, volume, turnover, trades,
        first_us, first_seq, last_us, last_seq, bid, ask,
    ) = fields  # fmt: skip
    symbol = _symbol(symbol)
    start_us = 1_000_000 * _whole(second, "second", MIN_TIME_US // 1_000_000, MAX_TIME_US // 1_000_000 - 1)
    if (high is None) != (low is None):
        raise ValueError("high without low")
    low = inf if low is None else _number(low, "low", -LARGEST, LARGEST)
    high = -inf if high is None else _number(high, "high", low, LARGEST)
    if all(value is None for value in (open_, close, first_us, first_seq, last_us, last_seq)):
        open_, close, first_us, first_seq, last_us, last_seq = 0.0, 0.0, NEVER_FIRST_US, 0, NEVER_LAST_US, 0
    else:  # a tick of it updates the last price
        open_, close = _number(open_, "open", low, high), _number(close, "close", low, high)
        first_us = _whole(first_us, "first_us", start_us, start_us + 999_999)
        last_us = _whole(last_us, "last_us", first_us, start_us + 999_999)
        first_seq = _whole(first_seq, "first_seq", -MAX_SEQ - 1, MAX_SEQ)
        last_seq = _whole(last_seq, "last_seq", -MAX_SEQ - 1, MAX_SEQ)
    candle = Candle(
        start_us, open_, high, low, close,
        _number(volume, "volume", 0.0, _MAX_SUM),
        _number(turnover, "turnover", -_MAX_SUM, _MAX_SUM),
        _whole(trades, "trades", 1, MAX_SEQ),
        first_us, first_seq, last_us, last_seq,
    )  # fmt: skip
    return Bar(
        symbol,
        candle,
        None if bid is None else _number(bid, "bid", -LARGEST, LARGEST),
        None if ask is None else _number(ask, "ask", -LARGEST, LARGEST),
    )


def _symbol(value: object) -> str:
    if fault := symbol_fault(value):
        raise ValueError(f"symbol {fault}")
    return str(value)


def _whole(value: object, name: str, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:  # a bool is an int, too
        raise ValueError(f"{name} {value!r} is no whole number from {least} to {most}")
    return value


def _number(value: object, name: str, least: float, most: float) -> float:
    if type(value) not in _NUMBERS or not least <= value <= most:  # type: ignore[operator]  # false for NaN
        raise ValueError(f"{name} {value!r} is no number from {least:g} to {most:g}")
    return float(value)  # type: ignore[arg-type]


_NUMBERS: Final = (float, int)


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(f"{name} {value!r} is no text")
    return value


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Which transactions a read could see (`pg_snapshot`): those before `xmax` that were not in progress."""

    xmin: int
    xmax: int
    in_progress: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Snapshot:
        """Read `xmin:xmax:xip,xip,…` as `pg_current_snapshot()::text` gives it."""
        try:
            xmin, xmax, running = text.split(":")
            return cls(int(xmin), int(xmax), frozenset(int(xid) for xid in running.split(",") if xid))
        except ValueError as exc:
            raise DatabaseError(f"not a snapshot: {text!r}") from exc

    def sees(self, xid: int) -> bool:
        """Whether what the committed transaction `xid` wrote was visible to the read."""
        return xid < self.xmin or (xid < self.xmax and xid not in self.in_progress)
