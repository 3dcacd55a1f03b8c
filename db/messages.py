"""What the database tells its listeners on channel `tickdeck_v1`, and which of it a snapshot holds already.

The format of a message is written down in migrations/sql/0002_trigger.sql.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import orjson

from db.errors import DatabaseError
from db.market import Candle

CHANNEL: Final = "tickdeck_v1"
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
class FeedStatus:
    """A feed started, ended, failed, or said how far it is; `stored` and `rejected` count ticks since its start."""

    name: str
    kind: str
    state: FeedState
    detail: str
    stored: int
    rejected: int


Message: TypeAlias = Bars | Reload | FeedStatus


def parse_message(payload: str) -> Message:
    """Read one payload; raise `DatabaseError` where it is none of ours."""
    try:
        content = orjson.loads(payload)
        if "feed" in content:
            feed = content["feed"]
            return FeedStatus(
                feed["name"], feed["kind"], feed["state"], feed["detail"], feed["stored"], feed["rejected"]
            )
        if "reload" in content:
            first_us, last_us = content["reload"]
            return Reload(content["x"], content["t"], first_us, last_us)
        return Bars(content["x"], content["t"], tuple(map(_bar, content["bars"])))
    except (ValueError, KeyError, TypeError) as exc:
        raise DatabaseError(f"message on {CHANNEL} not understood: {payload[:200]!r}") from exc


def _bar(fields: list[Any]) -> Bar:
    (
        symbol, second, open_, high, low, close, volume, turnover, trades,
        first_us, first_seq, last_us, last_seq, bid, ask,
    ) = fields  # fmt: skip
    candle = Candle(
        second * 1_000_000, float(open_), float(high), float(low), float(close), float(volume), float(turnover),
        trades, first_us, first_seq, last_us, last_seq,
    )  # fmt: skip
    return Bar(symbol, candle, None if bid is None else float(bid), None if ask is None else float(ask))


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
