"""What is said of a tick after it was stored: that it never happened, or what it should have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.conditions import Family

CorrectionKind = Literal["cancel", "correct"]
KINDS: Final[tuple[CorrectionKind, ...]] = get_args(CorrectionKind)
VALUES: Final = ("price", "size", "bid", "ask", "exchange", "conditions", "side")
"""What a correction can give a tick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A cancel or a correction of the tick (symbol, time_us, seq), times in µs since the epoch (UTC).

    `cancel`: the tick counts nowhere any more.  `correct`: it keeps its identity and has these values from now on, those
    that are None stay as they are; `side` is `BUY`, `SELL`, or 0 for "not known".  One that changes the time of a trade is
    a cancel and a new tick.

    `exact_time` false: the source does not say when the tick was; meant is the newest one of that symbol and seq at or
    up to a day before `time_us`.  `notation`: that of `conditions`, None where the text itself is to tell.  `known_us`: when the source said it, None for the moment of storing: a replay can show
    the market as it was known.  `reason`: words of the source, kept with the tick's history.
    """

    symbol: str
    time_us: int
    seq: int
    kind: CorrectionKind
    price: float | None = None
    size: float | None = None
    bid: float | None = None
    ask: float | None = None
    exchange: str | None = None
    conditions: str | None = None
    notation: Family | None = None
    side: int | None = None
    exact_time: bool = True
    known_us: int | None = None
    reason: str = ""


def require_change(correction: Correction) -> None:
    """Raise `MarketDataError` for a correction that changes nothing."""
    if correction.kind == "correct" and all(getattr(correction, name) is None for name in VALUES):
        raise MarketDataError(f"nothing to correct: say one of {', '.join(VALUES)}")
