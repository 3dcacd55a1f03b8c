"""What users draw on charts: each reads and changes his own."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from tickdeck.app.users.identity import Identity
from tickdeck.app.web.gate import IDENTITY
from tickdeck.app.web.schemas import REFUSALS, Symbol, Text
from tickdeck.db import drawings
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
    kind: Literal["trend", "ray", "horizontal", "vertical", "rectangle", "fibonacci", "text"]
    points: Annotated[list[Point], Field(min_length=1, max_length=MOST_POINTS)]
    text: Annotated[Text, Field(max_length=200)] = ""
    locked: bool = False
    hidden: bool = False


class StoredDrawing(DrawingShape):
    """One drawing as it is stored."""

    id: UUID


def router(pool: Pool) -> APIRouter:
    """`/api/drawings`; `pool` acts as `tickdeck_settings`.  What the routes raise is answered by app.web.errors."""
    routes = APIRouter(tags=["drawings"], responses=REFUSALS)

    @routes.get("/api/drawings")
    async def mine(request: Request, symbol: Symbol) -> list[StoredDrawing]:
        """Your own drawings on a symbol."""
        found = await drawings.list_drawings(pool, symbol, _user(request))
        return [StoredDrawing.model_validate({**each.content, "id": each.id}) for each in found]

    @routes.put("/api/drawings/{number}", status_code=204)
    async def save(request: Request, number: UUID, symbol: Symbol, shape: DrawingShape) -> Response:
        """Store a drawing, or what became of it."""
        content: dict[str, Any] = shape.model_dump()
        await drawings.save_drawing(pool, symbol, _user(request), drawings.Drawing(number, content))
        return Response(status_code=204)

    @routes.delete("/api/drawings/{number}", status_code=204)
    async def forget(request: Request, number: UUID) -> Response:
        """Delete a drawing of yours."""
        await drawings.delete_drawing(pool, _user(request), number)
        return Response(status_code=204)

    return routes


def _user(request: Request) -> int | None:
    identity: Identity = request.scope["state"][IDENTITY]
    return identity.user_id
