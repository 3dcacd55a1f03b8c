"""Named watchlists over REST: each user reads and changes his own."""

from __future__ import annotations

from typing import Annotated, Final, Self
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from tickdeck.app.push.protocol import MAX_SYMBOLS
from tickdeck.app.users.identity import Identity
from tickdeck.app.web.gate import IDENTITY
from tickdeck.app.web.schemas import REFUSALS, Text
from tickdeck.db import watchlists
from tickdeck.db.market.types import MAX_SYMBOL_LENGTH
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


class WatchlistShape(BaseModel):
    """A list: its name, and what is in it, in its order."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[Text, Field(min_length=1, max_length=MOST_OF_NAME)]
    entries: Annotated[list[Entry], Field(max_length=MAX_SYMBOLS)]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        symbols = [each.symbol for each in self.entries if each.symbol is not None]
        if len(set(symbols)) < len(symbols):
            raise ValueError("a symbol is in a list once")
        return self


class StoredWatchlist(WatchlistShape):
    """A list as it is stored."""

    id: UUID


def router(pool: Pool) -> APIRouter:
    """`/api/watchlists`; `pool` acts as `tickdeck_settings`.  What the routes raise is answered by app.web.errors."""
    routes = APIRouter(tags=["watchlists"], responses=REFUSALS)

    @routes.get("/api/watchlists", response_model_exclude_none=True)
    async def mine(request: Request) -> list[StoredWatchlist]:
        """Your own watchlists, by name."""
        found = await watchlists.list_watchlists(pool, _user(request))
        return [
            StoredWatchlist.model_validate({"id": each.id, "name": each.name, "entries": each.entries})
            for each in found
        ]

    @routes.put("/api/watchlists/{number}", status_code=204)
    async def save(request: Request, number: UUID, shape: WatchlistShape) -> Response:
        """Store a watchlist, or what became of it."""
        entries = [each.model_dump(exclude_none=True) for each in shape.entries]
        await watchlists.save_watchlist(
            pool, _user(request), watchlists.Watchlist(number, shape.name, entries)
        )
        return Response(status_code=204)

    @routes.delete("/api/watchlists/{number}", status_code=204)
    async def forget(request: Request, number: UUID) -> Response:
        """Delete a watchlist of yours."""
        await watchlists.delete_watchlist(pool, _user(request), number)
        return Response(status_code=204)

    return routes


def _user(request: Request) -> int | None:
    identity: Identity = request.scope["state"][IDENTITY]
    return identity.user_id
