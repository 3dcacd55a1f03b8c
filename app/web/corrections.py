"""Cancels and corrections of stored ticks over REST, by administrators; and what the ticks were before."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from tickdeck.app.users.identity import Identity
from tickdeck.app.web.gate import IDENTITY
from tickdeck.app.web.schemas import REFUSALS, Symbol, Text, Time
from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.corrections import VALUES, Correction, CorrectionKind, require_change
from tickdeck.db.market.moments import iso, parse_moment
from tickdeck.db.market.types import BUY, LATEST_US, MAX_SEQ, MIN_TIME_US, SELL, SIDES
from tickdeck.db.session import Pool
from tickdeck.db.ticks.corrections import TickChange, restate_ticks, tick_history

MOST: Final = 500
"""Corrections of one request, which are one transaction."""
_SIDES: Final = {"buy": BUY, "sell": SELL, "unknown": 0}


class CorrectionShape(BaseModel):
    """A cancel or a correction of one tick; what is null or not said of a corrected one stays as it is."""

    model_config = ConfigDict(extra="forbid")
    kind: CorrectionKind
    symbol: Text
    time: Annotated[Text, Field(description="of the tick, ISO 8601 with a zone, to the microsecond")]
    seq: Annotated[
        int,
        Field(ge=-MAX_SEQ, le=MAX_SEQ, description="of the tick; as a text where JSON numbers lose digits"),
    ]
    price: float | None = None
    size: float | None = None
    bid: float | None = None
    ask: float | None = None
    exchange: Text | None = None
    conditions: Text | None = None
    side: Literal["buy", "sell", "unknown"] | None = None
    known: Annotated[Text | None, Field(description="when the source said it, ISO 8601; null: now")] = None
    reason: Annotated[Text, Field(max_length=1_000)] = ""

    def correction(self, number: int) -> Correction:
        """As the database takes it; raises `MarketDataError` that names the field of the `number`-th."""
        where = f"corrections.{number}"
        made = Correction(
            time_us=parse_moment(self.time, f"{where}.time"),
            known_us=None if self.known is None else parse_moment(self.known, f"{where}.known"),
            side=None if self.side is None else _SIDES[self.side],
            **self.model_dump(exclude={"time", "known", "side"}),
        )
        try:
            require_change(made)
        except MarketDataError as exc:
            raise MarketDataError(f"{where}: {exc}") from exc
        return made


class CorrectionsShape(BaseModel):
    """Cancels and corrections, which are applied in their order."""

    model_config = ConfigDict(extra="forbid")
    corrections: Annotated[list[CorrectionShape], Field(min_length=1, max_length=MOST)]
    allow_negative: Annotated[bool, Field(description="prices of 0 and below are prices")] = False


class RefusedShape(BaseModel):
    """One that could not be applied; the others were."""

    index: Annotated[int, Field(description="its place in the request, from 0")]
    field: str
    reason: str


class RestatedShape(BaseModel):
    """What became of them."""

    done: int
    same: Annotated[int, Field(description="that were so already")]
    rejects: list[RefusedShape]


class ChangeShape(BaseModel):
    """One change of a tick, with its values before it."""

    symbol: str
    time: Time
    seq: int
    kind: CorrectionKind
    at: Annotated[str, Field(description="when it was stored")]
    known: Annotated[str, Field(description="when its source said it")]
    actor: str
    reason: str
    price: float
    size: float
    bid: float | None
    ask: float | None
    exchange: str | None
    conditions: str | None
    side: str | None


def router(pool: Pool, reader: Pool) -> APIRouter:
    """`/api/corrections`; `pool` acts as `tickdeck_settings`.  What the routes raise is answered by app.web.errors."""
    routes = APIRouter(tags=["corrections"], responses=REFUSALS)

    @routes.post("/api/corrections")
    async def restate(request: Request, body: CorrectionsShape) -> RestatedShape:
        """Cancel and correct ticks: candles of every interval are right, and viewers told, once this answers.

        Where one cannot be read nothing is applied (422).  It is kept with the ticks' history and in the audit log who asked.
        """
        identity: Identity = request.scope["state"][IDENTITY]
        corrections = [each.correction(number) for number, each in enumerate(body.corrections)]
        restated = await restate_ticks(
            pool, corrections, actor=identity.name, allow_negative=body.allow_negative
        )
        rejects = [
            RefusedShape(index=each.index, field=each.field, reason=each.reason) for each in restated.rejects
        ]
        return RestatedShape(done=restated.done, same=restated.same, rejects=rejects)

    @routes.get("/api/corrections", response_model=list[ChangeShape])
    async def history(symbol: Symbol, start: Text | None = None, end: Text | None = None) -> Response:
        """What the ticks of a symbol in [start, end) were before they were cancelled or corrected, by time and seq."""
        low = MIN_TIME_US if start is None else parse_moment(start, "start")
        high = LATEST_US if end is None else parse_moment(end, "end")
        changes = await tick_history(reader, [symbol], low, high)
        return Response(orjson.dumps([_change(each) for each in changes]), media_type="application/json")

    return routes


def _change(change: TickChange) -> dict[str, Any]:
    names = ("symbol", "seq", "kind", "actor", "reason", *VALUES)
    return {name: getattr(change, name) for name in names} | {
        "time": iso(change.time_us),
        "at": iso(change.at_us),
        "known": iso(change.known_us),
        "side": SIDES[change.side or 0],
    }
