"""What users draw on charts: each reads and changes his own, and what others have shared with him by a link."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from tickdeck.app.users.identity import Identity
from tickdeck.app.users.sharing import Sharing
from tickdeck.app.web.gate import IDENTITY
from tickdeck.app.web.schemas import REFUSALS, Symbol, Text, Time
from tickdeck.db import drawings
from tickdeck.db.market.moments import iso
from tickdeck.db.market.types import ShareRole, to_us
from tickdeck.db.session import Pool

MOST_POINTS: Final = 8


class Point(BaseModel):
    """A place on the chart: `t` in ms since the epoch (UTC), `p` a price."""

    model_config = ConfigDict(extra="forbid")
    t: Annotated[float, Field(ge=-1e15, le=1e15)]
    p: Annotated[float, Field(ge=-1e15, le=1e15)]


class DrawingShape(BaseModel):
    """One drawing, by the points it hangs on."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal[
        "trend", "ray", "horizontal", "vertical", "rectangle", "fibonacci", "text", "channel",
        "vwap", "profile", "anchored",
    ]  # fmt: skip
    points: Annotated[list[Point], Field(min_length=1, max_length=MOST_POINTS)]
    text: Annotated[Text, Field(max_length=200)] = ""
    locked: bool = False
    hidden: bool = False


class StoredDrawing(DrawingShape):
    """One drawing as it is stored."""

    id: UUID


class ShareWanted(BaseModel):
    """A link to be made: to all that you have drawn, and will draw, on a symbol."""

    model_config = ConfigDict(extra="forbid")
    symbol: Annotated[Text, Field(min_length=1, max_length=64)]
    role: Annotated[ShareRole, Field(description="`edit`: whoever may draw may change it too")] = "view"


class ShareMade(BaseModel):
    """A link that was made."""

    id: UUID
    shared: Annotated[str, Field(description="what `/api/shared` wants; it is shown this once")]


class ShareShape(BaseModel):
    """A link of yours."""

    id: UUID
    symbol: str
    role: ShareRole
    created: Time


class SharedShape(BaseModel):
    """What a link leads to."""

    owner: Annotated[str, Field(description="the user whose drawings these are")]
    symbol: str
    may_change: Annotated[bool, Field(description="whether you may change them")]
    drawings: list[StoredDrawing]


Link = Annotated[Text, Query(min_length=1, max_length=128, description="of a link, as `/api/shares` gave it")]


def router(pool: Pool, sharing: Sharing) -> APIRouter:
    """`/api/drawings` and the links to them; `pool` acts as `tickdeck_settings`.  What the routes raise is answered by app.web.errors."""
    routes = APIRouter(tags=["drawings"], responses=REFUSALS)

    async def of(symbol: str, owner: int | None) -> list[StoredDrawing]:
        found = await drawings.list_drawings(pool, symbol, owner)
        return [StoredDrawing.model_validate({**each.content, "id": each.id}) for each in found]

    @routes.get("/api/drawings")
    async def mine(request: Request, symbol: Symbol) -> list[StoredDrawing]:
        """Your own drawings on a symbol."""
        return await of(symbol, _who(request).user_id)

    @routes.put("/api/drawings/{number}", status_code=204)
    async def save(
        request: Request, number: UUID, symbol: Symbol, shape: DrawingShape, shared: Link | None = None
    ) -> Response:
        """Store a drawing, or what became of it: one of yours, or of whose link is `shared`."""
        content: dict[str, Any] = shape.model_dump()
        owner = await sharing.owner_to_change(_who(request), symbol, shared)
        await drawings.save_drawing(pool, symbol, owner, drawings.Drawing(number, content))
        return Response(status_code=204)

    @routes.delete("/api/drawings/{number}", status_code=204)
    async def forget(request: Request, number: UUID, symbol: Symbol, shared: Link | None = None) -> Response:
        """Delete a drawing of yours, or of whose link is `shared`."""
        owner = await sharing.owner_to_change(_who(request), symbol, shared)
        await drawings.delete_drawing(pool, symbol, owner, number)
        return Response(status_code=204)

    @routes.get("/api/shared")
    async def look(request: Request, shared: Link) -> SharedShape:
        """What somebody has drawn who gave you a link to it; 403 where it leads nowhere, or nowhere any more."""
        place = await sharing.place(_who(request), shared)
        return SharedShape(
            owner=place.owner,
            symbol=place.symbol,
            may_change=place.may_change,
            drawings=await of(place.symbol, place.owner_id),
        )

    @routes.get("/api/shares")
    async def links(request: Request) -> list[ShareShape]:
        """The links that you have made, the newest first."""
        return [
            ShareShape(id=each.id, symbol=each.symbol, role=each.role, created=iso(to_us(each.created_at)))
            for each in await sharing.links(_who(request))
        ]

    @routes.post("/api/shares", status_code=201)
    async def share(request: Request, wanted: ShareWanted) -> ShareMade:
        """Make a link to what you have drawn on a symbol, for whoever may come in and has it."""
        number, token = await sharing.share(_who(request), wanted.symbol, wanted.role)
        return ShareMade(id=number, shared=token)

    @routes.delete("/api/shares/{number}", status_code=204)
    async def end(request: Request, number: UUID) -> Response:
        """End a link of yours: it leads nowhere from now on."""
        await sharing.end(_who(request), number)
        return Response(status_code=204)

    return routes


def _who(request: Request) -> Identity:
    identity: Identity = request.scope["state"][IDENTITY]
    return identity
