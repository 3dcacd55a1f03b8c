"""Whose drawings, watchlists, workspaces and alert rules somebody sees and changes: his own, or those that a link leads to.

The one place that decides it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from tickdeck.app.users.access import new_token, token_hash
from tickdeck.app.users.identity import ForbiddenError, Identity
from tickdeck.db import alerts, shares, watchlists, workspaces
from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.types import ShareRole
from tickdeck.db.session import Pool

NO_LINK: Final = "this link leads nowhere, or nowhere any more"


@dataclass(frozen=True, slots=True)
class Place:
    """Whose drawings (`owner_id` None: the implicit owner's) they are, on which symbol, and whether they may be changed."""

    owner_id: int | None
    owner: str
    symbol: str
    may_change: bool


class Sharing:
    """Links to drawings, watchlists, workspaces and alert rules; `pool` acts as `tickdeck_settings`.

    A link is 256 random bits, given out once and stored as a hash.  It is good for whoever has come in and has it: `view` to
    look, `edit` also to change, which needs the role for drawings of one's own too.  It ends when its owner ends it, is
    disabled or may draw no more himself.  A watchlist, a workspace and an alert rule have one link each at the most; the one to a
    watchlist has a role, the others are for looking only.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def place(self, identity: Identity, link: str) -> Place:
        """Where a link leads; raise `ForbiddenError` where it leads nowhere."""
        found = await shares.find_share(self._pool, token_hash(link))
        if found is None:
            raise ForbiddenError(NO_LINK)
        may_change = (
            found.role == "edit" and identity.may("analyst") and identity.scopes is None
        )  # no program
        return Place(found.owner_id, found.owner, found.symbol, may_change)

    async def owner_to_change(self, identity: Identity, symbol: str, link: str | None) -> int | None:
        """Whose drawings on `symbol` this one changes; raise `ForbiddenError` where he may not.

        Without a `link` his own: the gate has seen to it that he may have some.
        """
        if link is None:
            return identity.user_id
        place = await self.place(identity, link)
        if place.symbol != symbol:
            raise ForbiddenError(NO_LINK)
        if not place.may_change:
            raise ForbiddenError("this link is for looking only")
        return place.owner_id

    async def share(self, identity: Identity, symbol: str, role: ShareRole) -> tuple[UUID, str]:
        """Make a link to what this one has drawn on a symbol: its number and, this once, its token."""
        number, token = uuid4(), new_token()
        await shares.add_share(self._pool, number, identity.user_id, token_hash(token), symbol, role)
        return number, token

    async def links(self, identity: Identity) -> list[shares.Share]:
        """The links that this one has made, the newest first."""
        return await shares.list_shares(self._pool, identity.user_id)

    async def end(self, identity: Identity, number: UUID) -> None:
        """End a link of his; one that is not there is none any more either."""
        await shares.end_share(self._pool, identity.user_id, number)

    async def share_workspace(self, identity: Identity, number: UUID) -> str:
        """Make a link to a workspace of this one's, in the place of the one before: its token, this once."""
        token = new_token()
        if not await workspaces.link_workspace(self._pool, identity.user_id, number, token_hash(token)):
            raise MarketDataError("you have no such workspace")
        return token

    async def end_workspace_link(self, identity: Identity, number: UUID) -> None:
        """End the link to a workspace of his; one that is not there is none any more either."""
        await workspaces.link_workspace(self._pool, identity.user_id, number, None)

    async def workspace(self, link: str) -> workspaces.SharedWorkspace:
        """The workspace that a link leads to, for whoever has come in; raise `ForbiddenError` where it leads nowhere."""
        found = await workspaces.find_workspace(self._pool, token_hash(link))
        if found is None:
            raise ForbiddenError(NO_LINK)
        return found

    async def share_watchlist(self, identity: Identity, number: UUID, role: ShareRole) -> str:
        """Make a link to a watchlist of this one's, in the place of the one before: its token, this once."""
        token = new_token()
        if not await watchlists.link_watchlist(self._pool, identity.user_id, number, token_hash(token), role):
            raise MarketDataError("you have no such watchlist")
        return token

    async def end_watchlist_link(self, identity: Identity, number: UUID) -> None:
        """End the link to a watchlist of his; one that is not there is none any more either."""
        await watchlists.link_watchlist(self._pool, identity.user_id, number, None, None)

    async def watchlist(self, identity: Identity, link: str) -> tuple[watchlists.SharedWatchlist, bool]:
        """The watchlist that a link leads to, and whether this one may change it; raise `ForbiddenError` where it leads nowhere."""
        found = await watchlists.find_watchlist(self._pool, token_hash(link))
        if found is None:
            raise ForbiddenError(NO_LINK)
        return found, found.role == "edit" and identity.may("analyst") and identity.scopes is None

    async def change_watchlist(self, identity: Identity, link: str, entries: list[dict[str, str]]) -> None:
        """Store what is in the watchlist that a link leads to; raise `ForbiddenError` where this one may not."""
        _, may_change = await self.watchlist(identity, link)
        if not may_change:
            raise ForbiddenError("this link is for looking only")
        if not await watchlists.change_linked_watchlist(self._pool, token_hash(link), entries):
            raise ForbiddenError(NO_LINK)  # it was ended meanwhile

    async def share_rule(self, identity: Identity, number: UUID) -> str:
        """Make a link to an alert rule of this one's, in the place of the one before: its token, this once."""
        token = new_token()
        if not await alerts.link_rule(self._pool, identity.user_id, number, token_hash(token)):
            raise MarketDataError("you have no such alert")
        return token

    async def end_rule_link(self, identity: Identity, number: UUID) -> None:
        """End the link to an alert rule of his; one that is not there is none any more either."""
        await alerts.link_rule(self._pool, identity.user_id, number, None)

    async def rule(self, link: str) -> alerts.SharedRule:
        """The alert rule that a link leads to, for whoever has come in; raise `ForbiddenError` where it leads nowhere."""
        found = await alerts.find_linked_rule(self._pool, token_hash(link))
        if found is None:
            raise ForbiddenError(NO_LINK)
        return found
