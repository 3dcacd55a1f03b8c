"""Named watchlists, each user's own: symbols in an order, under sections.

Everything here wants a pool that acts as `tickdeck_settings`, and raises `DatabaseError` and its kinds.  Who may use a link
is decided by app.users.sharing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg
import orjson

from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.types import ShareRole
from tickdeck.db.session import Pool, translate
from tickdeck.db.statements import statement

MOST_WATCHLISTS: Final = 100
"""Of one user."""


@dataclass(frozen=True, slots=True)
class Watchlist:
    """One list; `entries` are `{"symbol": …}` and `{"section": …}` in its order; `shared`: what the link to it is good for."""

    id: UUID
    name: str
    entries: list[dict[str, str]]
    shared: ShareRole | None = None


@dataclass(frozen=True, slots=True)
class SharedWatchlist:
    """Where a link leads: to a watchlist of `owner`, a user's name; `entries` as in a `Watchlist`."""

    owner: str
    name: str
    entries: list[dict[str, str]]
    role: ShareRole


async def list_watchlists(pool: Pool, owner: int | None) -> list[Watchlist]:
    """The lists of a user (None: the implicit owner), by name."""
    with translate("cannot read the watchlists"):
        rows = await pool.fetch(statement("watchlists/list"), owner)
    return [Watchlist(UUID(row[0]), row[1], orjson.loads(row[2]), row[3]) for row in rows]


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


async def link_watchlist(
    pool: Pool, owner: int | None, number: UUID, token_hash: bytes | None, role: ShareRole | None
) -> bool:
    """Have a link with this hash lead to a list, in the place of the one before; None: none does.  Is there such a list?"""
    with translate("cannot store the link"):
        found = await pool.fetchval(statement("watchlists/link"), number, owner, token_hash, role)
    return found is not None


async def find_watchlist(pool: Pool, token_hash: bytes) -> SharedWatchlist | None:
    """Where a link leads; None where it never did, was ended, or its owner may not come in."""
    with translate("cannot read the watchlist"):
        row = await pool.fetchrow(statement("watchlists/find"), token_hash)
    return None if row is None else SharedWatchlist(row[0], row[1], orjson.loads(row[2]), row[3])


async def change_linked_watchlist(pool: Pool, token_hash: bytes, entries: list[dict[str, str]]) -> bool:
    """Store what is in the list that a link leads to; False where it leads nowhere by now, or is for looking only."""
    with translate("cannot store the watchlist"):
        found = await pool.fetchval(
            statement("watchlists/change_linked"), token_hash, orjson.dumps(entries).decode()
        )
    return found is not None
