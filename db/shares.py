"""Links by which somebody lets others see, or change, what he has drawn on a symbol.

Everything here wants a pool that acts as `tickdeck_settings`, and raises `DatabaseError` and its kinds.  Who may use a link
for what is decided by app.users.sharing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.types import ShareRole
from tickdeck.db.session import Pool, translate
from tickdeck.db.statements import statement

MOST_SHARES: Final = 100
"""Of one user."""


@dataclass(frozen=True, slots=True)
class Share:
    """A link of somebody's own; the link itself is kept nowhere.  `created_at` in UTC."""

    id: UUID
    symbol: str
    role: ShareRole
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Shared:
    """Where a link leads: to what `owner` (a user's name; `owner_id` None: the implicit owner) has drawn on `symbol`."""

    owner_id: int | None
    owner: str
    symbol: str
    role: ShareRole


async def add_share(
    pool: Pool, number: UUID, owner: int | None, token_hash: bytes, symbol: str, role: ShareRole
) -> None:
    """Store a link by the hash of its token; raise `MarketDataError` where there are `MOST_SHARES` already."""
    with translate("cannot store the link"):
        stored = await pool.fetchval(
            statement("shares/add"), number, owner, token_hash, symbol, role, MOST_SHARES
        )
    if stored is None:
        raise MarketDataError(f"there are {MOST_SHARES} links of yours: end one that is not needed")


async def list_shares(pool: Pool, owner: int | None) -> list[Share]:
    """The links of a user (None: the implicit owner), the newest first."""
    with translate("cannot read the links"):
        rows = await pool.fetch(statement("shares/list"), owner)
    return [Share(UUID(row[0]), row[1], row[2], row[3]) for row in rows]


async def find_share(pool: Pool, token_hash: bytes) -> Shared | None:
    """Where a link leads; None where it never did, was ended, or its owner may not come in."""
    with translate("cannot read the link"):
        row = await pool.fetchrow(statement("shares/find"), token_hash)
    return None if row is None else Shared(**dict(row))


async def end_share(pool: Pool, owner: int | None, number: UUID) -> None:
    """End a link of this user's; one that is not there is none any more either."""
    with translate("cannot end the link"):
        await pool.execute(statement("shares/end"), number, owner)
