"""Who asks, and what he may.  Pure: the one place that decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tickdeck.db.errors import TickdeckError
from tickdeck.db.users import ROLES, Scope, User, UserRole

_RANK: Final = {role: rank for rank, role in enumerate(ROLES)}


class ForbiddenError(TickdeckError):
    """Something that needs another role, or a token for it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who was let in: a user in a session, a program with a token of his, or the implicit owner.

    `key` is the hash of the session's or program's token (None: the implicit owner, or a proxy's word).  `scopes`
    narrow a program down to what its token is for; None: all that the role may.
    """

    name: str
    role: UserRole
    user_id: int | None = None
    key: bytes | None = None
    scopes: frozenset[Scope] | None = None

    @classmethod
    def of(cls, user: User, key: bytes | None = None, scopes: frozenset[Scope] | None = None) -> Identity:
        """A user, let in by the session or token with that hash."""
        return cls(user.name, user.role, user.id, key, scopes)

    def may(self, role: UserRole, scope: Scope = "read") -> bool:
        """Whether somebody who needs to be `role`, or a program with `scope`, may go on."""
        return _RANK[self.role] >= _RANK[role] and (self.scopes is None or scope in self.scopes)

    def require(self, role: UserRole, scope: Scope = "read") -> None:
        """Raise `ForbiddenError` where this identity may not."""
        if not self.may(role, scope):
            narrowed = self.scopes is not None and scope not in self.scopes
            raise ForbiddenError(
                f"this token is not for that: it needs the scope {scope!r}"
                if narrowed
                else f"this needs the role {role!r}; you are {self.name!r}, {self.role}"
            )

    def owns(self, owner: Identity) -> bool:
        """Whether what belongs to `owner` is this one's own."""
        return self.user_id == owner.user_id

    @property
    def may_control_replays(self) -> bool:
        """Whether this one may open replays, and hold the controls of those that others share with him."""
        return self.may("analyst", "replay")

    def require_replays(self) -> None:
        """Raise `ForbiddenError` where this one may not control replays."""
        self.require("analyst", "replay")


OWNER: Final = Identity("owner", "admin")
"""Whoever reaches a Tickdeck on loopback that has no users; what is his becomes the first user's."""
