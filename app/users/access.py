"""Lets somebody in: by a session's cookie, a program's token, a proxy's word, or as the implicit owner."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import Any, Final

import structlog

from tickdeck.app.config import ProviderSettings, UserSettings
from tickdeck.app.users.attempt import Identified
from tickdeck.app.users.identity import OWNER, Identity
from tickdeck.app.users.limits import place_of
from tickdeck.app.users.passwords import PasswordCheck
from tickdeck.app.users.seal import sealed, unsealed
from tickdeck.app.users.throttle import Throttle
from tickdeck.db import users
from tickdeck.db.errors import ConfigurationError, TickdeckError
from tickdeck.db.session import Pool

TOKEN_PREFIX: Final = "td_"  # noqa: S105 - what tokens begin with, so that scanners find them in the wrong place
FRESH_S: Final = 2.0
"""So long an answer of the database about a session is used again: a page asks for dozens of files at once."""
MOST_FRESH: Final = 10_000
MOST_WAITING: Final = 50
"""Passwords that wait for their turn, a second's work; whoever comes then is asked to come again."""
TRIES: Final = ((5, 12.0), (20, 3.0), (100, 1.0))
"""How many passwords at once, and one each so many seconds: for a name from an address, from an address, for a name.

Somebody else's wrong tries must not lock a user out, so his own place has a count of its own.
"""
SIGN_INS: Final = (60, 2.0)
"""The same for a name from an address with right passwords, too: each costs as much, and a line of the audit log."""
MOST_SESSIONS: Final = 200
"""Of one user who signs in; those that were not used the longest end for new ones."""
log = structlog.get_logger(__name__)
_PROXIED: Final = b"named by a proxy: "


class TooOftenError(TickdeckError):
    """Too many wrong passwords, for a name or from an address; `wait_s` until another may be tried."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many tries; wait {wait_s:.0f} s")
        self.wait_s = wait_s


class NotLetInError(TickdeckError):
    """Somebody whom a provider knows and who may not come in; the message is for him."""


NO_LONGER: Final = "You may no longer sign in here. Ask an administrator of Tickdeck."


@dataclass(frozen=True, slots=True)
class SignedOut:
    """How a session's user had come in, and the provider's identity token, where one was kept."""

    way: users.SignInWay
    identity_token: str | None


def role_of(claims: Mapping[str, Any], rules: ProviderSettings) -> users.UserRole | None:
    """The role that a provider's claims give: the highest that the rules name, else the one for everybody new, if any."""
    said = claims.get(rules.oidc_role_claim) if rules.oidc_role_claim is not None else None
    values = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    found = [rules.oidc_roles[each] for each in values if isinstance(each, str) and each in rules.oidc_roles]
    return max(found, key=users.ROLES.index, default=rules.oidc_role)


def name_of(claims: Mapping[str, Any]) -> str:
    """A name for a user whom a provider sends: one that it says, where that can be one, else one made of his subject."""
    for claim in ("preferred_username", "email", "sub"):
        said = claims.get(claim)
        if isinstance(said, str) and users.is_name(said):
            return said
    return "user-" + hashlib.sha256(str(claims["sub"]).encode()).hexdigest()[:12]


def token_hash(token: str) -> bytes:
    """What is stored of a token: tokens are random and long, so a plain SHA-256 does."""
    return hashlib.sha256(token.encode()).digest()


def _folded(name: str) -> str:
    """The name as the database compares it, a letter at a time: else each way to write one would have tries of its own."""
    return "".join(letter.lower()[0] for letter in name)


def new_token() -> str:
    """256 random bits for the URL-safe alphabet."""
    return secrets.token_urlsafe(32)


class Access:
    """Says who asks.  `pool` acts as `tickdeck_settings`.

    While there are no users, whoever reaches the server is its owner; the command line sees to it that such a
    server listens on loopback only.  Once there is one, nobody comes in without signing in, in all processes
    within `FRESH_S`.
    """

    def __init__(self, pool: Pool, settings: UserSettings) -> None:
        self.settings = settings
        self._pool = pool
        self._check = PasswordCheck()
        # Before those of the database, which a storm of tries would keep busy.
        self._tries = tuple(Throttle(burst, period_s) for burst, period_s in TRIES)
        self._sign_ins = Throttle(*SIGN_INS)
        self._known: dict[bytes, tuple[float, Identity | None]] = {}
        self._forgets = 0
        """How often something known was forgotten: what was asked for before that is not remembered."""
        self._users: tuple[float, bool] = (-FRESH_S, False)
        self._asking = asyncio.Lock()
        self._proxies = [ip_network(each, strict=False) for each in settings.proxies]

    async def has_users(self) -> bool:
        """Whether signing in is needed; once it is, it stays so for this process."""
        asked_at, found = self._users
        if found or time.monotonic() - asked_at < FRESH_S:
            return found
        async with self._asking:
            asked_at, found = self._users
            if found or time.monotonic() - asked_at < FRESH_S:
                return found
            self._users = (time.monotonic(), await users.any_user(self._pool))
        return self._users[1]

    # -- who it is ------------------------------------------------------------------------------------------

    async def identify(
        self, *, cookie: str | None, authorization: str | None, named: Sequence[str], peer: str | None
    ) -> Identity | None:
        """Who asks: None where nobody was let in.  Raises `DatabaseError` where it cannot be known.

        `named`: what the proxies' header for users holds, as often as it is there; `peer`: who has opened the
        connection, which a forwarded address does not change.
        """
        if authorization is not None:
            kind, _, token = authorization.partition(" ")
            return await self._remembered(token_hash(token.strip())) if kind.lower() == "bearer" else None
        if not await self.has_users():
            return OWNER
        if named and self._is_proxy(peer):
            # Twice: one of them is the client's own, and nobody can say which.
            return await self._remembered(_PROXIED + named[0].encode()) if len(named) == 1 else None
        return None if not cookie else await self._remembered(token_hash(cookie))

    def _is_proxy(self, peer: str | None) -> bool:
        try:
            address = ip_address(peer or "")
        except ValueError:
            return False
        return any(address in network for network in self._proxies)

    async def _remembered(self, key: bytes) -> Identity | None:
        now = time.monotonic()
        known = self._known.get(key)
        if known is not None and now - known[0] < FRESH_S:
            return known[1]
        forgets = self._forgets
        identity = await self._look_up(key)
        if (
            forgets != self._forgets
        ):  # somebody signed out meanwhile, perhaps this one: good for this once only
            return identity
        self._known.pop(key, None)
        self._known[key] = (now, identity)
        while len(self._known) > MOST_FRESH:
            del self._known[next(iter(self._known))]
        return identity

    async def _look_up(self, key: bytes) -> Identity | None:
        if key.startswith(_PROXIED):
            named = await users.find_user(self._pool, key.removeprefix(_PROXIED).decode())
            return None if named is None or named.disabled else Identity.of(named)
        user = await users.find_session(self._pool, key, idle_s=self.settings.session_idle_s)
        if user is not None:
            return Identity.of(user, key)
        found = await users.find_token(self._pool, key)
        return None if found is None else Identity.of(found[0], key, found[1])

    async def living(self, identities: Iterable[Identity]) -> set[Identity]:
        """Those who would still be let in, in the role that they have."""
        asked = list(identities)
        keys = [each.key for each in asked if each.key is not None]
        named = [each.user_id for each in asked if each.key is None and each.user_id is not None]
        by_key = await users.living(self._pool, keys, idle_s=self.settings.session_idle_s) if keys else {}
        by_user = await users.living_users(self._pool, named) if named else {}
        living: set[Identity] = set()
        for each in asked:
            role = by_user.get(each.user_id or 0) if each.key is None else by_key.get(each.key)
            if role == each.role:
                living.add(each)
            if role is None:  # else the page would be let in again by what was known of it a moment ago
                self._known.pop(each.key or _PROXIED + each.name.encode(), None)
                self._forgets += 1
        return living

    # -- signing in and out ---------------------------------------------------------------------------------

    async def sign_in(self, name: str, password: str, *, address: str, agent: str) -> str | None:
        """The token of a new session; None for a wrong name or password, which nobody can tell apart.

        Raises `TooOftenError` and `DatabaseError`.
        """
        here, named = place_of(address), _folded(name)
        keys = [f"name and place {named} {here}", f"place {here}", f"name {named}"]
        tries = [users.Tries(token_hash(key), *each) for key, each in zip(keys, TRIES, strict=True)]
        wait_s = max(each.wait_s(key) for each, key in zip(self._tries, keys, strict=True))
        wait_s = max(wait_s, self._sign_ins.wait_s(keys[0]))
        if wait_s == 0 and self._check.waiting >= MOST_WAITING:
            wait_s = 1.0
        if wait_s == 0:
            wait_s = await users.take_try(self._pool, tries)
        if wait_s > 0:
            raise TooOftenError(wait_s)
        user = await users.find_user(self._pool, name)
        hashed = None if user is None else user.password_hash
        if not await self._check(hashed, password) or user is None or user.disabled:
            await self._refused(name, address)
            return None
        self._tries[0].forgive(keys[0])
        await users.forgive_tries(self._pool, tries[0].key)
        for throttle, key, tried in zip(self._tries[1:], keys[1:], tries[1:], strict=True):
            throttle.give_back(key)  # the people of one house come from one address
            await users.give_back_try(self._pool, tried)
        token = await self.open_session(user, address=address, agent=agent, way="password")
        if token is None:
            await self._refused(name, address)
        return token

    async def _refused(self, name: str, address: str) -> None:
        await users.audit(self._pool, "sign_in_refused", actor=name[:64], address=address)

    async def take_try(self, address: str) -> None:
        """Count a try from an address that costs more than a look; raise `TooOftenError` where there were too many."""
        key = f"place {place_of(address)}"
        wait_s = self._tries[1].wait_s(key)
        if wait_s == 0:
            wait_s = await users.take_try(self._pool, [users.Tries(token_hash(key), *TRIES[1])])
        if wait_s > 0:
            raise TooOftenError(wait_s)

    async def sign_in_by_provider(
        self, issuer: str, said: Identified, rules: ProviderSettings, *, address: str, agent: str
    ) -> str:
        """The token of a new session of whom the provider's checked claims are about.

        He is known by issuer and subject, never by a name that the provider says.  One who is not known is added where
        the `rules` give him a role.  Raises `NotLetInError` and `DatabaseError`.
        """
        claims, subject = said.claims, said.claims["sub"]
        user = await users.find_subject(self._pool, issuer, subject)
        try:
            if user is None:
                user = await self._add_by_provider(issuer, claims, role_of(claims, rules))
            else:
                user = await self._known_to_provider(user, claims, rules)
        except NotLetInError as exc:
            await users.audit(
                self._pool, "sign_in_refused", actor=user.name if user else "unknown", address=address,
                way="provider", issuer=issuer, subject_there=subject, why=str(exc),
            )  # fmt: skip
            raise
        token = await self.open_session(
            user, address=address, agent=agent, way="provider", identity_token=said.token
        )
        if token is None:  # disabled just now
            raise NotLetInError(NO_LONGER)
        return token

    async def _add_by_provider(
        self, issuer: str, claims: Mapping[str, Any], role: users.UserRole | None
    ) -> users.User:
        subject = claims["sub"]
        name = name_of(claims)
        if role is None:
            raise NotLetInError(
                "Nobody has added you to this Tickdeck. An administrator can:"
                f" tickdeck user add {name} --no-password --subject {shlex.quote(subject)}"
            )
        try:
            number = await users.add_user(self._pool, name, role, issuer=issuer, subject=subject)
        except ConfigurationError as exc:
            again = await users.find_subject(self._pool, issuer, subject)
            if again is not None:  # signed in twice at once
                return again
            raise NotLetInError(
                f"There is another user of your name, {name}. An administrator can add you by another one:"
                f" tickdeck user add NAME --no-password --subject {shlex.quote(subject)}; or, where that user is you,"
                f" he can link the two: tickdeck user link {name} --subject {shlex.quote(subject)}"
            ) from exc
        await users.audit(
            self._pool,
            "user_added",
            actor="provider",
            subject=name,
            role=role,
            issuer=issuer,
            subject_there=subject,
        )
        return users.User(number, name, role)

    async def _known_to_provider(
        self, user: users.User, claims: Mapping[str, Any], rules: ProviderSettings
    ) -> users.User:
        """The user with the role that the provider gives him now, if it does; the last administrator keeps his."""
        role = user.role if rules.oidc_role_claim is None else role_of(claims, rules)
        if user.disabled:
            raise NotLetInError(NO_LONGER)
        if role is None:
            raise NotLetInError(f"The provider gives you no role here, {user.name}.")
        if user.role == role:
            return user
        try:
            await users.change_user(self._pool, user.name, role=role)
        except ConfigurationError as exc:
            log.warning("role_kept", user=user.name, reason=str(exc))
            return user
        await users.audit(self._pool, "user_role_changed", actor="provider", subject=user.name, role=role)
        return replace(user, role=role)

    async def open_session(
        self,
        user: users.User,
        *,
        address: str,
        agent: str,
        way: users.SignInWay,
        identity_token: str | None = None,
    ) -> str | None:
        """The token of a new session of a user who has shown who he is; None where he is disabled or has another password by
        now.
        """
        token = new_token()
        opened = await users.open_session(
            self._pool,
            user.id,
            token_hash(token),
            address=address,
            agent=agent,
            lasts_s=self.settings.session_lasts_s,
            way=way,
            checked=user,
            identity_token=None if identity_token is None else sealed(identity_token, token),
        )
        if not opened:
            return None
        await users.end_dead_sessions(self._pool, idle_s=self.settings.session_idle_s)
        await users.end_oldest_sessions(self._pool, user.id, keep=MOST_SESSIONS)
        await users.audit(self._pool, "signed_in", actor=user.name, address=address, way=way)
        return token

    async def end_session(self, identity: Identity) -> None:
        """End a session that another one takes the place of."""
        if identity.key is not None:
            await users.end_session(self._pool, identity.key)
            self._known.pop(identity.key, None)
            self._forgets += 1

    async def sign_out(
        self, identity: Identity, cookie: str, *, everywhere: bool, address: str
    ) -> SignedOut | None:
        """End the session of this cookie, or all of its user's; None where there was no session."""
        if identity.key is None or identity.user_id is None:
            return None
        ended = await users.end_session(self._pool, identity.key)
        if everywhere:
            await users.end_sessions_of(self._pool, identity.user_id)
        self._known.clear()
        self._forgets += 1
        await users.audit(
            self._pool, "signed_out", actor=identity.name, address=address, everywhere=everywhere
        )
        if ended is None:
            return None
        way, token = ended
        return SignedOut(way, None if token is None else unsealed(token, cookie))
