"""Named workspaces, each user's own: which panels are on a page, and where.

Everything here wants a pool that acts as `tickdeck_settings`, and raises `DatabaseError` and its kinds.  Who may use a link
is decided by app.users.sharing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from tickdeck.db.errors import ConflictError, MarketDataError
from tickdeck.db.session import Pool, translate
from tickdeck.db.statements import statement

MOST_WORKSPACES: Final = 50
"""Of one user."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """One workspace as it is stored; `shared`: there is a link to it."""

    id: UUID
    name: str
    layout: dict[str, Any]
    version: int
    shared: bool


@dataclass(frozen=True, slots=True)
class SharedWorkspace:
    """Where a link leads: to a workspace of `owner`, a user's name."""

    owner: str
    name: str
    layout: dict[str, Any]


async def list_workspaces(pool: Pool, owner: int | None) -> list[Workspace]:
    """The workspaces of a user (None: the implicit owner), by name."""
    with translate("cannot read the workspaces"):
        rows = await pool.fetch(statement("workspaces/list"), owner)
    return [Workspace(UUID(row[0]), row[1], orjson.loads(row[2]), row[3], row[4]) for row in rows]


async def save_workspace(
    pool: Pool, owner: int | None, number: UUID, name: str, layout: dict[str, Any], version: int | None
) -> int:
    """Store a new workspace (`version` None), or what became of the one that had this version; returns the version it has now.

    Raises `ConflictError` where it has another version by now, was deleted or is another user's, and `MarketDataError` where
    another of this user's has the name, where the id is taken, or where there are `MOST_WORKSPACES` already.
    """
    text = orjson.dumps(layout).decode()
    with translate("cannot store the workspace"):
        try:
            if version is None:
                stored: int | None = await pool.fetchval(
                    statement("workspaces/add"), number, owner, name, text, MOST_WORKSPACES
                )
            else:
                stored = await pool.fetchval(
                    statement("workspaces/change"), number, owner, name, text, version
                )
        except asyncpg.UniqueViolationError as exc:
            raise MarketDataError(f"there is a workspace {name!r} already") from exc
        except asyncpg.CheckViolationError as exc:
            raise MarketDataError("the workspace is larger than one may be") from exc
    if stored is None and version is not None:
        raise ConflictError("this workspace was changed or deleted elsewhere meanwhile")
    if stored is None:
        raise MarketDataError(
            f"the workspace cannot be stored: its id is taken, or there are {MOST_WORKSPACES} already"
        )
    return stored


async def delete_workspace(pool: Pool, owner: int | None, number: UUID) -> None:
    """Forget a workspace of this user's, and with it its link; one that is not there is none any more either."""
    with translate("cannot delete the workspace"):
        await pool.execute(statement("workspaces/delete"), number, owner)


async def link_workspace(pool: Pool, owner: int | None, number: UUID, token_hash: bytes | None) -> bool:
    """Have a link with this hash lead to a workspace, in the place of the one before; None: none does.  Is there such a workspace?"""
    with translate("cannot store the link"):
        found = await pool.fetchval(statement("workspaces/link"), number, owner, token_hash)
    return found is not None


async def find_workspace(pool: Pool, token_hash: bytes) -> SharedWorkspace | None:
    """Where a link leads; None where it never did, was ended, or its owner may not come in."""
    with translate("cannot read the workspace"):
        row = await pool.fetchrow(statement("workspaces/find"), token_hash)
    return None if row is None else SharedWorkspace(row[0], row[1], orjson.loads(row[2]))
