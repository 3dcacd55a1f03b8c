"""Named watchlists, each user's own: symbols in an order, under sections.

Everything here wants a pool that acts as `tickdeck_settings`, and raises `DatabaseError` and its kinds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg
import orjson

from tickdeck.db.errors import MarketDataError
from tickdeck.db.session import Pool, translate
from tickdeck.db.statements import statement

MOST_WATCHLISTS: Final = 100
"""Of one user."""


@dataclass(frozen=True, slots=True)
class Watchlist:
    """One list; `entries` are `{"symbol": …}` and `{"section": …}` in its order."""

    id: UUID
    name: str
    entries: list[dict[str, str]]


async def list_watchlists(pool: Pool, owner: int | None) -> list[Watchlist]:
    """The lists of a user (None: the implicit owner), by name."""
    with translate("cannot read the watchlists"):
        rows = await pool.fetch(statement("watchlists/list"), owner)
    return [Watchlist(UUID(row[0]), row[1], orjson.loads(row[2])) for row in rows]


async def save_watchlist(pool: Pool, owner: int | None, watchlist: Watchlist) -> None:
    """Store a new list, or the new state of one.

    Raises `MarketDataError` where another list of this user has the name, where the id is taken by another user, or
    where there are `MOST_WATCHLISTS` already.
    """
    entries = orjson.dumps(watchlist.entries).decode()
    with translate("cannot store the watchlist"):
        try:
            stored = await pool.fetchval(
                statement("watchlists/save"), watchlist.id, owner, watchlist.name, entries, MOST_WATCHLISTS
            )
        except asyncpg.UniqueViolationError as exc:
            raise MarketDataError(f"there is a watchlist {watchlist.name!r} already") from exc
    if stored is None:
        raise MarketDataError(
            f"the watchlist cannot be stored: its id is taken, or there are {MOST_WATCHLISTS} already"
        )


async def delete_watchlist(pool: Pool, owner: int | None, number: UUID) -> None:
    """Forget a list of this user's; one that is not there is none any more either."""
    with translate("cannot delete the watchlist"):
        await pool.execute(statement("watchlists/delete"), number, owner)
