"""Named workspaces over REST: each user reads and changes his own, and looks at those whose link he has.

A layout is kept in a form of its own, not the layout library's: small, checked whole, and good for later versions of it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tickdeck.app.push.protocol import MAX_PANEL_NAME
from tickdeck.app.users.identity import Identity
from tickdeck.app.users.sharing import Sharing
from tickdeck.app.web.gate import IDENTITY
from tickdeck.app.web.schemas import REFUSALS, ErrorShape, Text
from tickdeck.db import workspaces
from tickdeck.db.market.spreads import MAX_LENGTH as MAX_FORMULA_LENGTH
from tickdeck.db.session import Pool

MOST_OF_NAME: Final = 80
MOST_PANELS: Final = 24
MOST_PARTS: Final = 12
MOST_DEPTH: Final = 8

PanelKind = Literal["chart", "watchlist", "tape", "alerts", "overview", "orderflow", "feeds", "code"]
LinkColor = Literal["red", "green", "blue", "amber"]


class PanelShape(BaseModel):
    """One panel: what it shows, of what, and with which others it is linked."""

    model_config = ConfigDict(extra="forbid")
    kind: PanelKind
    symbol: Annotated[Text | None, Field(min_length=1, max_length=MAX_FORMULA_LENGTH)] = None
    interval: Annotated[Text | None, Field(min_length=1, max_length=20)] = None
    name: Annotated[
        Text | None,
        Field(min_length=1, max_length=MAX_PANEL_NAME, description="of kind `code`: of which panel"),
    ] = None
    link: Annotated[LinkColor | None, Field(description="panels of one colour show one symbol")] = None
    same_interval: Annotated[bool, Field(description="whether they share the interval, too")] = False


class PartShape(BaseModel):
    """A part of the layout: panels one over another, each with a tab, or parts side by side."""

    model_config = ConfigDict(extra="forbid")
    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
    panels: Annotated[list[PanelShape] | None, Field(min_length=1, max_length=MOST_PANELS)] = None
    active: Annotated[int, Field(ge=0, lt=MOST_PANELS, description="which of the panels is seen")] = 0
    parts: Annotated[list[PartShape] | None, Field(min_length=1, max_length=MOST_PARTS)] = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.panels is None) == (self.parts is None):
            raise ValueError("a part has panels or parts")
        if self.panels is not None and self.active >= len(self.panels):
            raise ValueError("active: there is no such panel")
        return self


class LayoutShape(BaseModel):
    """Parts side by side (`across`) or one below another; the parts of a part the other way."""

    model_config = ConfigDict(extra="forbid")
    across: bool = True
    parts: Annotated[list[PartShape], Field(max_length=MOST_PARTS)]

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        level, panels, depth = self.parts, 0, 0
        while level:
            depth += 1
            panels += sum(len(part.panels or ()) for part in level)
            level = [each for part in level for each in part.parts or ()]
        if panels > MOST_PANELS or depth > MOST_DEPTH:
            raise ValueError(f"a workspace has at most {MOST_PANELS} panels in {MOST_DEPTH} levels")
        return self


class WorkspaceShape(BaseModel):
    """A workspace as it is to be stored."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[Text, Field(min_length=1, max_length=MOST_OF_NAME)]
    layout: LayoutShape
    version: Annotated[int | None, Field(ge=1, lt=2**31, description="that it had; null: it is new")] = None


class StoredWorkspace(BaseModel):
    """A workspace as it is stored."""

    id: UUID
    name: str
    version: int
    shared: Annotated[bool, Field(description="whether there is a link to it")]
    layout: LayoutShape


class VersionShape(BaseModel):
    """The version that a workspace has now."""

    version: int


class WorkspaceLink(BaseModel):
    """A link that was made."""

    shared: Annotated[str, Field(description="what `/api/shared-workspace` wants; it is shown this once")]


class SharedShape(BaseModel):
    """What a link leads to."""

    owner: Annotated[str, Field(description="the user whose workspace it is")]
    name: str
    layout: LayoutShape


Link = Annotated[Text, Query(min_length=1, max_length=128, description="of a link to a workspace")]
_CONFLICT: Final[dict[int | str, dict[str, Any]]] = {
    409: {"model": ErrorShape, "description": "It was changed elsewhere meanwhile"}
}


def router(pool: Pool, sharing: Sharing) -> APIRouter:
    """`/api/workspaces`; `pool` acts as `tickdeck_settings`.  What the routes raise is answered by app.web.errors."""
    routes = APIRouter(tags=["workspaces"], responses=REFUSALS)

    @routes.get("/api/workspaces", response_model_exclude_none=True)
    async def mine(request: Request) -> list[StoredWorkspace]:
        """Your own workspaces, by name."""
        return [
            StoredWorkspace(
                id=each.id,
                name=each.name,
                version=each.version,
                shared=each.shared,
                layout=LayoutShape.model_validate(each.layout),
            )
            for each in await workspaces.list_workspaces(pool, _who(request).user_id)
        ]

    @routes.put("/api/workspaces/{number}", responses=_CONFLICT)
    async def save(request: Request, number: UUID, shape: WorkspaceShape) -> VersionShape:
        """Store a new workspace, or what became of the version you began with; 409 where it has another by now."""
        layout = shape.layout.model_dump(exclude_none=True)
        version = await workspaces.save_workspace(
            pool, _who(request).user_id, number, shape.name, layout, shape.version
        )
        return VersionShape(version=version)

    @routes.delete("/api/workspaces/{number}", status_code=204)
    async def forget(request: Request, number: UUID) -> Response:
        """Delete a workspace of yours, and with it the link to it."""
        await workspaces.delete_workspace(pool, _who(request).user_id, number)
        return Response(status_code=204)

    @routes.put("/api/workspaces/{number}/link", status_code=201)
    async def share(request: Request, number: UUID) -> WorkspaceLink:
        """Make a link by which whoever may come in looks at it; the one before leads nowhere from now on."""
        return WorkspaceLink(shared=await sharing.share_workspace(_who(request), number))

    @routes.delete("/api/workspaces/{number}/link", status_code=204)
    async def end(request: Request, number: UUID) -> Response:
        """End the link to a workspace of yours."""
        await sharing.end_workspace_link(_who(request), number)
        return Response(status_code=204)

    @routes.get("/api/shared-workspace", response_model_exclude_none=True)
    async def look(shared: Link) -> SharedShape:
        """The workspace that a link leads to; 403 where it leads nowhere, or nowhere any more."""
        found = await sharing.workspace(shared)
        return SharedShape(
            owner=found.owner, name=found.name, layout=LayoutShape.model_validate(found.layout)
        )

    return routes


def _who(request: Request) -> Identity:
    identity: Identity = request.scope["state"][IDENTITY]
    return identity
