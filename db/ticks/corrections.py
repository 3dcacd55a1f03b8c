"""Cancels and corrects stored ticks, and tells what they were before."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import orjson

from tickdeck.db.instruments import negative_symbols
from tickdeck.db.market.conditions import family_of, updates_of
from tickdeck.db.market.corrections import VALUES, Correction, CorrectionKind
from tickdeck.db.market.rules import TickReject, find_rejects
from tickdeck.db.market.types import LATEST_US, MAX_TIME_US, MIN_TIME_US, SIDES, TickBatch, from_us
from tickdeck.db.session import PoolOrConnection, translate, writing
from tickdeck.db.statements import statement
from tickdeck.db.ticks.identity import named

Outcome = Literal["done", "same", "missing", "cancelled", "archived"]
_AT_ONCE: Final = 500
"""Corrections of one transaction: writers wait for it."""


@dataclass(frozen=True, slots=True)
class Restated:
    """What became of corrections: `done` were applied, `same` were so already, `rejects` name the others by position."""

    done: int
    same: int
    rejects: tuple[TickReject, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class TickChange:
    """One change of a tick: what it was before, and who changed it when.  Times in µs since the epoch (UTC).

    `at_us`: when it was stored, `known_us`: when its source said it.  `side`, `updates`: as in `TickBatch`, None: null.
    """

    id: int
    symbol: str
    time_us: int
    seq: int
    kind: CorrectionKind
    at_us: int
    known_us: int
    actor: str
    reason: str
    price: float
    size: float
    bid: float | None
    ask: float | None
    exchange: str | None
    conditions: str | None
    updates: int | None
    side: int | None


async def restate_ticks(
    target: PoolOrConnection, corrections: Sequence[Correction], *, actor: str, allow_negative: bool = False
) -> Restated:
    """Apply `corrections` in their order, as a writer or as settings; `actor` is kept with each tick's history.

    Candles of every interval are right, and listeners told, once this returns.  Each 500 are one transaction, which
    waits for the writers that are at work and keeps others waiting.  A correction of a tick that is not stored, was
    cancelled, lies in an archived day, or would have values that no tick can have, is a reject; one that is so already is none.  Raises
    `DatabaseUnavailableError` where the connection is lost: applying all of them again settles it.
    """
    rejects = _impossible(corrections, allow_negative=allow_negative)
    if not allow_negative and any(each.field in {"price", "bid", "ask"} for each in rejects):
        rejects = _impossible(corrections, allow_negative=await negative_symbols(target))
    wrong = {reject.index for reject in rejects}
    rows = [row for row in range(len(corrections)) if row not in wrong]
    counts: Counter[Outcome] = Counter()
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        content = orjson.dumps([_fields(corrections[row]) for row in part]).decode()
        async with writing(target, "cannot restate ticks"):
            found = await target.fetch(statement("restate_ticks"), actor, content)
        for number, outcome in found:
            counts[outcome] += 1
            if outcome in {"missing", "cancelled", "archived"}:
                rejects.append(_refused(part[number], corrections[part[number]], outcome))
    rejects.sort(key=lambda reject: reject.index)
    return Restated(counts["done"], counts["same"], tuple(rejects))


async def tick_history(
    source: PoolOrConnection, symbols: Sequence[str], start_us: int = MIN_TIME_US, end_us: int = LATEST_US
) -> list[TickChange]:
    """The changes of the ticks of `symbols` in [start_us, end_us), by symbol, time, seq and in their own order."""
    low, high = max(start_us, MIN_TIME_US), min(end_us, MAX_TIME_US)
    with translate("cannot read the history of ticks"):
        rows = await source.fetch(statement("tick_history"), list(symbols), from_us(low), from_us(high))
    return [TickChange(*row) for row in rows]


def _impossible(
    corrections: Sequence[Correction], *, allow_negative: bool | frozenset[str]
) -> list[TickReject]:
    """Those that no tick could be: what they leave as it is, is right already."""

    def number(value: float | None, otherwise: float) -> float:
        return otherwise if value is None else value

    def texts(name: str) -> Any:
        column = np.empty(len(corrections), dtype=object)
        column[:] = [getattr(each, name) for each in corrections]
        return column

    looked_at = TickBatch(
        np.array([min(max(each.time_us, -1), MAX_TIME_US) for each in corrections], dtype=np.int64),
        texts("symbol"),
        np.zeros(len(corrections), dtype=np.int64),
        np.array([number(each.price, 1.0) for each in corrections], dtype=np.float64),
        np.array([number(each.size, 0.0) for each in corrections], dtype=np.float64),
        np.array([number(each.bid, np.nan) for each in corrections], dtype=np.float64),
        np.array([number(each.ask, np.nan) for each in corrections], dtype=np.float64),
        texts("exchange"),
        texts("conditions"),
    )
    found = {each.index: each for each in find_rejects(looked_at, allow_negative=allow_negative)}
    for row, each in enumerate(corrections):
        if each.side is not None and each.side not in SIDES:
            found.setdefault(row, TickReject(row, "side", f"side {each.side!r} is neither 1, -1 nor 0"))
    return [*found.values()]


def _fields(correction: Correction) -> dict[str, Any]:
    """As `tickdeck_restate_ticks_v1` takes it."""
    values = {
        name: getattr(correction, name) for name in ("symbol", "time_us", "seq", "kind", "known_us", "reason")
    }
    values["exact"] = correction.exact_time
    if correction.kind == "correct":
        values |= {name: getattr(correction, name) for name in VALUES}
        values["updates"] = _updates(correction)
    return values


def _updates(correction: Correction) -> int | None:
    """What the corrected print moves, where its conditions are corrected too."""
    if correction.conditions is None:
        return None
    family = correction.notation or family_of([correction.conditions])
    if family is None:
        return None
    conditions, exchange = np.empty(1, dtype=object), np.empty(1, dtype=object)
    conditions[0], exchange[0] = correction.conditions, correction.exchange
    return int(updates_of(conditions, np.array([correction.time_us]), family, exchange)[0])


def _refused(row: int, correction: Correction, outcome: str) -> TickReject:
    tick = named((correction.symbol, correction.time_us, correction.seq))
    if outcome == "cancelled":
        return TickReject(row, "seq", f"{tick} was cancelled: it cannot be corrected any more")
    if outcome == "archived":
        day = from_us(correction.time_us).date()
        return TickReject(
            row,
            "time",
            f"{tick} is in the archive{'' if correction.exact_time else ' (or may be, in the day before)'}: bring its day back "
            f"with `tickdeck archive restore {shlex.quote(correction.symbol)} {day}`, then {correction.kind} it",
        )
    where = "" if correction.exact_time else " (nor in the day before)"
    return TickReject(
        row, "seq", f"{tick} is not stored{where}, so that there is nothing to {correction.kind}"
    )
