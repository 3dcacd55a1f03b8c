"""Named watchlists over REST: each user reads and changes his own, and those whose link he has."""

from __future__ import annotations

from typing import Annotated, Final, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tickdeck.app.push.protocol import MAX_SYMBOLS
from tickdeck.app.users.identity import Identity
from tickdeck.app.users.sharing import Sharing
from tickdeck.app.web.gate import IDENTITY
from tickdeck.app.web.schemas import REFUSALS, Text
from tickdeck.db import watchlists
from tickdeck.db.market.types import MAX_SYMBOL_LENGTH, ShareRole
from tickdeck.db.session import Pool

MOST_OF_NAME: Final = 80


class Entry(BaseModel):
    """One line of a list: a symbol, which need not be known yet, or the heading of a section."""

    model_config = ConfigDict(extra="forbid")
    symbol: Annotated[Text | None, Field(min_length=1, max_length=MAX_SYMBOL_LENGTH)] = None
    section: Annotated[Text | None, Field(min_length=1, max_length=MOST_OF_NAME)] = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.symbol is None) == (self.section is None):
            raise ValueError("an entry is a symbol or a section")
        return self


class Entries(BaseModel):
    """What is in a list, in its order."""

    model_config = ConfigDict(extra="forbid")
    entries: Annotated[list[Entry], Field(max_length=MAX_SYMBOLS)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        symbols = [each.symbol for each in self.entries if each.symbol is not None]
        if len(set(symbols)) < len(symbols):
            raise ValueError("a symbol is in a list once")
        return self

    def stored(self) -> list[dict[str, str]]:
        """As the database has them."""
        return [each.model_dump(exclude_none=True) for each in self.entries]


class WatchlistShape(Entries):
    """A list: its name, and what is in it."""

    name: Annotated[Text, Field(min_length=1, max_length=MOST_OF_NAME)]


class StoredWatchlist(WatchlistShape):
    """A list as it is stored."""

    id: UUID
    shared: Annotated[
        ShareRole | None, Field(description="what the link to it is good for; missing: there is none")
    ] = None


class LinkWanted(BaseModel):
    """A link to be made."""

    model_config = ConfigDict(extra="forbid")
    role: Annotated[
        ShareRole, Field(description="`edit`: whoever may have lists himself may change what is in it")
    ] = "view"


class LinkMade(BaseModel):
    """A link that was made."""

    shared: Annotated[str, Field(description="what `/api/shared-watchlist` wants; it is shown this once")]


class SharedShape(WatchlistShape):
    """What a link leads to."""

    owner: Annotated[str, Field(description="the user whose list it is")]
    may_change: Annotated[bool, Field(description="whether you may change what is in it")]


Link = Annotated[Text, Query(min_length=1, max_length=128, description="of a link to a watchlist")]


def router(pool: Pool, sharing: Sharing) -> APIRouter:
    """`/api/watchlists`; `pool` acts as `tickdeck_settings`.  What the routes raise is answered by app.web.errors."""
    routes = APIRouter(tags=["watchlists"], responses=REFUSALS)

    @routes.get("/api/watchlists", response_model_exclude_none=True)
    async def mine(request: Request) -> list[StoredWatchlist]:
        """Your own watchlists, by name."""
        found = await watchlists.list_watchlists(pool, _who(request).user_id)
        return [
            StoredWatchlist.model_validate(
                {"id": each.id, "name": each.name, "entries": each.entries, "shared": each.shared}
            )
            for each in found
        ]

    @routes.put("/api/watchlists/{number}", status_code=204)
    async def save(request: Request, number: UUID, shape: WatchlistShape) -> Response:
        """Store a watchlist, or what became of it."""
        watchlist = watchlists.Watchlist(number, shape.name, shape.stored())
        await watchlists.save_watchlist(pool, _who(request).user_id, watchlist)
        return Response(status_code=204)

    @routes.delete("/api/watchlists/{number}", status_code=204)
    async def forget(request: Request, number: UUID) -> Response:
        """Delete a watchlist of yours, and with it the link to it."""
        await watchlists.delete_watchlist(pool, _who(request).user_id, number)
        return Response(status_code=204)

    @routes.put("/api/watchlists/{number}/link", status_code=201)
    async def share(request: Request, number: UUID, wanted: LinkWanted) -> LinkMade:
        """Make a link to a list of yours for whoever may come in and has it; the one before leads nowhere from now on."""
        return LinkMade(shared=await sharing.share_watchlist(_who(request), number, wanted.role))

    @routes.delete("/api/watchlists/{number}/link", status_code=204)
    async def end(request: Request, number: UUID) -> Response:
        """End the link to a list of yours."""
        await sharing.end_watchlist_link(_who(request), number)
        return Response(status_code=204)

    @routes.get("/api/shared-watchlist", response_model_exclude_none=True)
    async def look(request: Request, shared: Link) -> SharedShape:
        """The list that a link leads to; 403 where it leads nowhere, or nowhere any more."""
        found, may_change = await sharing.watchlist(_who(request), shared)
        return SharedShape.model_validate(
            {"owner": found.owner, "name": found.name, "entries": found.entries, "may_change": may_change}
        )

    @routes.put("/api/shared-watchlist/entries", status_code=204)
    async def change(request: Request, shared: Link, shape: Entries) -> Response:
        """Store what became of the list that a link leads to; 403 where it is for looking only, or leads nowhere."""
        await sharing.change_watchlist(_who(request), shared, shape.stored())
        return Response(status_code=204)

    return routes


def _who(request: Request) -> Identity:
    identity: Identity = request.scope["state"][IDENTITY]
    return identity
