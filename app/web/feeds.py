"""What running feeds have, and symbols more or fewer for them, by administrators."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from tickdeck.app.users.identity import Identity
from tickdeck.app.web.gate import IDENTITY
from tickdeck.app.web.schemas import REFUSALS, Text
from tickdeck.db.errors import ConfigurationError, MarketDataError
from tickdeck.db.feeds_status import list_feeds, want_symbols, wanted_symbols
from tickdeck.db.market.types import MAX_SYMBOL_LENGTH
from tickdeck.db.session import Pool
from tickdeck.db.users import audit

MOST: Final = 100
"""Symbols of one request."""
Names = Annotated[
    list[Annotated[Text, Field(min_length=1, max_length=MAX_SYMBOL_LENGTH)]], Field(max_length=MOST)
]


class FeedShape(BaseModel):
    """A feed that runs, and takes symbols while it does."""

    name: str
    symbols: Annotated[list[str], Field(description="what it shall have, as its exchange is asked: BTC/USDT")]


class WantedShape(BaseModel):
    """What a feed shall have besides, and what it need not have any more."""

    model_config = ConfigDict(extra="forbid")
    feed: Text
    add: Names = []
    remove: Names = []


def router(pool: Pool, reader: Pool) -> APIRouter:
    """`/api/feeds` and `/api/feeds/symbols`; `pool` acts as `tickdeck_settings`.  Errors are answered by app.web.errors."""
    routes = APIRouter(tags=["feeds"], responses=REFUSALS)

    @routes.get("/api/feeds")
    async def feeds() -> list[FeedShape]:
        """The live feeds that run, by name, with their symbols."""
        found = [
            each for each in await list_feeds(reader) if each.state == "running" and "symbols" in each.health
        ]
        return [
            FeedShape(
                name=each.name,
                symbols=await wanted_symbols(reader, each.name) or list(each.health["symbols"]),
            )
            for each in sorted(found, key=lambda each: each.name)
        ]

    @routes.post("/api/feeds/symbols")
    async def symbols(request: Request, body: WantedShape) -> FeedShape:
        """Have more or fewer symbols of a feed that runs, which it takes up within some seconds; it is kept in the audit log.

        What is stored of a symbol that is not wanted any more stays.
        """
        identity: Identity = request.scope["state"][IDENTITY]
        add, remove = ([each.strip() for each in names if each.strip()] for names in (body.add, body.remove))
        if not add and not remove:
            raise MarketDataError("add or remove must name a symbol")
        try:
            wanted = await want_symbols(pool, body.feed, add, remove)
        except ConfigurationError as exc:
            raise MarketDataError(str(exc)) from exc
        await audit(pool, "feed_symbols", actor=identity.name, subject=body.feed, added=add, removed=remove)
        return FeedShape(name=body.feed, symbols=wanted)

    return routes
