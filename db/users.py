"""Who may sign in: users, their sessions, the tokens of their programs, and the log of what was done.

Everything here wants a pool that acts as `tickdeck_settings`, and raises `DatabaseError` and its kinds.  A token is
known by the SHA-256 of it only: what is stored lets nobody in.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

import asyncpg
import orjson

from tickdeck.db.errors import ConfigurationError
from tickdeck.db.session import Pool, translate
from tickdeck.db.statements import statement

UserRole = Literal["viewer", "analyst", "admin"]
"""What somebody may do: look; keep work of his own and control replays; run the place.  Each may what the one before may."""
ROLES: Final[tuple[UserRole, ...]] = get_args(UserRole)
Scope = Literal["read", "replay", "metrics", "admin", "panels"]
SignInWay = Literal["password", "provider"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

_AUDIT_PAGE: Final = 1_000
_NOT_STORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_NAME: Final = re.compile(r"[^\W_][\w.@+-]{0,63}")


def _storable(text: str) -> str:
    """`text` as PostgreSQL can hold it: what it cannot, NUL and halves of characters, as U+FFFD, which no name has."""
    return _NOT_STORABLE.sub("\ufffd", text)


def _json(detail: dict[str, Any]) -> str:
    return orjson.dumps({name: _storable_detail(value) for name, value in detail.items()}).decode()


def _storable_detail(value: object) -> object:
    if isinstance(value, str):
        return _storable(value)
    return [_storable_detail(each) for each in value] if isinstance(value, list | tuple) else value


def is_name(text: str) -> bool:
    """Whether a user can be called that: 1 to 64 letters, digits and . _ @ + -, the first a letter or digit."""
    return _NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class User:
    """One user; `password_hash` is argon2id's, None where he signs in elsewhere only."""

    id: int
    name: str
    role: UserRole
    password_hash: str | None = None
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class UserRow:
    """One user as lists show him; times are aware."""

    id: int
    name: str
    role: UserRole
    disabled: bool
    has_password: bool
    issuer: str | None
    created_at: datetime
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One living session as lists show it; times are aware."""

    name: str
    address: str
    agent: str
    started_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One token of a program as lists show it; times are aware, `expires_at` None: never."""

    owner: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    used_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that was done, by whom, from where, to what."""

    at: datetime
    event: str
    actor: str
    address: str | None
    subject: str | None
    detail: dict[str, Any]


# -- users --------------------------------------------------------------------------------------------------


async def any_user(pool: Pool) -> bool:
    """Whether there is any user, disabled ones too: then nobody comes in without signing in."""
    with translate("cannot read the users"):
        found: bool = await pool.fetchval(statement("users/any_user"))
    return found


async def add_user(
    pool: Pool,
    name: str,
    role: UserRole,
    *,
    password_hash: str | None = None,
    issuer: str | None = None,
    subject: str | None = None,
) -> int:
    """Store a new user and return his id; raise `ConfigurationError` where the name cannot be or is taken."""
    with translate("cannot store the user"):
        try:
            number: int = await pool.fetchval(
                statement("users/add_user"), name, role, password_hash, issuer, subject
            )
        except asyncpg.UniqueViolationError as exc:
            raise ConfigurationError(
                f"there is a user {name!r} already (large and small letters are one)"
            ) from exc
        except asyncpg.CheckViolationError as exc:
            raise ConfigurationError(
                f"{name!r} cannot be a name: 1 to 64 letters, digits and . _ @ + -, the first a letter or digit"
            ) from exc
    return number


async def find_user(pool: Pool, name: str) -> User | None:
    """The user of that name, in large or small letters."""
    with translate("cannot read the users"):
        row = await pool.fetchrow(statement("users/find_user"), _storable(name))
    return None if row is None else User(**dict(row))


async def find_subject(pool: Pool, issuer: str, subject: str) -> User | None:
    """The user whom the provider `issuer` knows as `subject`."""
    with translate("cannot read the users"):
        row = await pool.fetchrow(statement("users/find_subject"), issuer, subject)
    return None if row is None else User(**dict(row))


async def change_user(
    pool: Pool,
    name: str,
    *,
    password_hash: str | None = None,
    role: UserRole | None = None,
    disabled: bool | None = None,
) -> int:
    """Change what is given and return the user's id; raise `ConfigurationError` where there is none of that name.

    Nobody is left without an administrator: the last one keeps his role and is not disabled.
    """
    with translate("cannot change the user"):
        async with pool.acquire() as connection, connection.transaction():
            number: int | None = await connection.fetchval(
                statement("users/change_user"), name, password_hash, role, disabled
            )
            if number is None:
                raise ConfigurationError(f"there is no user {name!r}; `tickdeck user list` shows all")
            loses = (role is not None and role != "admin") or disabled
            if loses and not await connection.fetchval(statement("users/count_admins")):
                raise ConfigurationError(f"{name!r} is the last administrator: make somebody else one first")
            if disabled or password_hash is not None:
                await connection.execute(statement("users/end_sessions_of"), number)
    return number


async def link_user(pool: Pool, name: str, issuer: str | None, subject: str | None) -> int:
    """Have the user known to the provider `issuer` as `subject` (both None: to none), in place of whom he was before.

    His sessions end.  Returns his id; raises `ConfigurationError` where there is no such user, or the provider's is another
    user already.
    """
    with translate("cannot change the user"):
        async with pool.acquire() as connection, connection.transaction():
            try:
                number: int | None = await connection.fetchval(
                    statement("users/link_user"), name, issuer, subject
                )
            except asyncpg.UniqueViolationError as exc:
                raise ConfigurationError(f"{subject!r} of {issuer} is another user already") from exc
            if number is None:
                raise ConfigurationError(f"there is no user {name!r}; `tickdeck user list` shows all")
            await connection.execute(statement("users/end_sessions_of"), number)
    return number


async def list_users(pool: Pool) -> list[UserRow]:
    """All users, by name."""
    with translate("cannot read the users"):
        rows = await pool.fetch(statement("users/list_users"))
    return [UserRow(**dict(row)) for row in rows]


async def living_users(pool: Pool, ids: Sequence[int]) -> dict[int, UserRole]:
    """Those of these users who are not disabled, with the roles they have now."""
    with translate("cannot read the users"):
        rows = await pool.fetch(statement("users/living_users"), list(ids))
    return {row[0]: row[1] for row in rows}


# -- sessions -----------------------------------------------------------------------------------------------


async def open_session(
    pool: Pool,
    user_id: int,
    token_hash: bytes,
    *,
    address: str,
    agent: str,
    lasts_s: float,
    way: SignInWay = "password",
    checked: User | None = None,
    identity_token: str | None = None,
) -> bool:
    """Store a session that ends after `lasts_s` seconds at the latest; `way` is how its user came in.

    False, and none is stored, for a user who is disabled by now, or has another password than when he was `checked`: that
    takes a moment, in which an administrator may end all his sessions, and this one would come after them.
    """
    with translate("cannot open a session"):
        status: str = await pool.execute(
            statement("users/open_session"), token_hash, user_id, _storable(address), _storable(agent[:200]), lasts_s, way,
            identity_token, checked is not None, None if checked is None else checked.password_hash,
        )  # fmt: skip
    return status.endswith(" 1")


async def end_oldest_sessions(pool: Pool, user_id: int, *, keep: int) -> None:
    """End all sessions of a user but the `keep` that were used last."""
    with translate("cannot end old sessions"):
        await pool.execute(statement("users/end_oldest_sessions"), user_id, keep)


async def find_session(pool: Pool, token_hash: bytes, *, idle_s: float) -> User | None:
    """Whose session it is, if it is alive: not over, used within `idle_s` seconds, its user not disabled.

    Asking counts as use.
    """
    with translate("cannot read the session"):
        row = await pool.fetchrow(statement("users/find_session"), token_hash, idle_s)
    return None if row is None else User(**dict(row))


async def living(pool: Pool, token_hashes: Sequence[bytes], *, idle_s: float) -> dict[bytes, UserRole]:
    """Those of the sessions and tokens that still let in, with their users' roles now.

    For those who hold a connection open, which counts as use.
    """
    with translate("cannot read the sessions"):
        await pool.execute(statement("users/touch_sessions"), list(token_hashes))
        rows = await pool.fetch(statement("users/living_sessions"), list(token_hashes), idle_s)
    return {row[0]: row[1] for row in rows}


async def end_session(pool: Pool, token_hash: bytes) -> tuple[SignInWay, str | None] | None:
    """Sign one session out; returns by which way its user came in, and the identity token that was kept; None where there is
    none.
    """
    with translate("cannot end the session"):
        row = await pool.fetchrow(statement("users/end_session"), token_hash)
    return None if row is None else (row["way"], row["identity_token"])


async def end_sessions_of(pool: Pool, user_id: int) -> int:
    """Sign a user out everywhere; how many sessions that ended."""
    with translate("cannot end the sessions"):
        status: str = await pool.execute(statement("users/end_sessions_of"), user_id)
    return int(status.rpartition(" ")[2])


async def end_dead_sessions(pool: Pool, *, idle_s: float) -> None:
    """Remove the sessions that are over or were not used for `idle_s` seconds."""
    with translate("cannot end the sessions"):
        await pool.execute(statement("users/end_dead_sessions"), idle_s)


async def list_sessions(pool: Pool, name: str | None, *, idle_s: float) -> list[SessionRow]:
    """The living sessions (of one user), the one used last first."""
    with translate("cannot read the sessions"):
        rows = await pool.fetch(statement("users/list_sessions"), name, idle_s)
    return [SessionRow(**dict(row)) for row in rows]


# -- tries to sign in ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tries:
    """Whom or what tries count for: `burst` at once, and one each `period_s` seconds in the long run."""

    key: bytes
    burst: int
    period_s: float


async def take_try(pool: Pool, tries: Sequence[Tries]) -> float:
    """Take one of each, and return 0; or take none, and return for how many seconds none may be taken.

    For all processes of this database, and over their restarts.
    """
    with translate("cannot count the tries"):
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(statement("users/forget_tries"))
            rows = await connection.fetch(statement("users/begin_try"), [each.key for each in tries])
            ahead = dict(rows)
            wait_s = max(ahead[each.key] + each.period_s - each.burst * each.period_s for each in tries)
            if wait_s > 0:
                return float(wait_s)
            await connection.execute(
                statement("users/take_try"), [each.key for each in tries], [each.period_s for each in tries]
            )
    return 0.0


async def forgive_tries(pool: Pool, key: bytes) -> None:
    """Forget the tries of a key: this one was right."""
    with translate("cannot count the tries"):
        await pool.execute(statement("users/forgive_tries"), key)


async def give_back_try(pool: Pool, tried: Tries) -> None:
    """Count the try that was taken of it no longer: it was right, and those before it stand."""
    with translate("cannot count the tries"):
        await pool.execute(statement("users/give_back_try"), tried.key, tried.period_s)


# -- tokens of programs -------------------------------------------------------------------------------------


async def add_token(
    pool: Pool, user_id: int, name: str, token_hash: bytes, scopes: Sequence[Scope], *, days: int | None
) -> None:
    """Store a token that ends after `days` (None: never); raise `ConfigurationError` for a name that is taken."""
    with translate("cannot store the token"):
        try:
            await pool.execute(statement("users/add_token"), token_hash, user_id, name, list(scopes), days)
        except asyncpg.UniqueViolationError as exc:
            raise ConfigurationError(f"this user has a token {name!r} already; revoke it first") from exc
        except asyncpg.CheckViolationError as exc:
            raise ConfigurationError(
                "a token has a name of 1 to 64 characters and at least one scope"
            ) from exc


async def find_token(pool: Pool, token_hash: bytes) -> tuple[User, frozenset[Scope]] | None:
    """Whose token it is and what for, if it is alive; asking counts as use."""
    with translate("cannot read the token"):
        row = await pool.fetchrow(statement("users/find_token"), token_hash)
    if row is None:
        return None
    return User(row["id"], row["name"], row["role"]), frozenset(row["scopes"])


async def list_tokens(pool: Pool, name: str | None = None) -> list[TokenRow]:
    """The tokens (of one user), by owner and name."""
    with translate("cannot read the tokens"):
        rows = await pool.fetch(statement("users/list_tokens"), name)
    return [TokenRow(**dict(row)) for row in rows]


async def revoke_token(pool: Pool, user_id: int, name: str) -> bool:
    """Let a token in no more; False where there is none of that name."""
    with translate("cannot revoke the token"):
        status: str = await pool.execute(statement("users/revoke_token"), user_id, name)
    return status.endswith(" 1")


# -- the audit log ------------------------------------------------------------------------------------------


async def audit(
    pool: Pool,
    event: str,
    *,
    actor: str,
    address: str | None = None,
    subject: str | None = None,
    **detail: Any,
) -> None:
    """Add an entry to the audit log: `event` in snake case, who did it, from which address, to whom or what."""
    with translate("cannot write the audit log"):
        await pool.execute(
            statement("users/write_audit"),
            event,
            _storable(actor),
            None if address is None else _storable(address),
            None if subject is None else _storable(subject),
            _json(detail),
        )


async def audit_feed(pool: Pool, event: str, *, subject: str, **detail: Any) -> None:
    """As `audit`, for whoever acts as `tickdeck_writer`: who it was says the database's login."""
    with translate("cannot write the audit log"):
        await pool.execute(statement("users/audit_feed"), event, _storable(subject), _json(detail))


async def read_audit(pool: Pool) -> AsyncIterator[AuditEntry]:
    """The whole audit log, oldest first."""
    after = 0
    while True:
        with translate("cannot read the audit log"):
            rows = await pool.fetch(statement("users/read_audit"), after, _AUDIT_PAGE)
        for row in rows:
            after = row["id"]
            yield AuditEntry(
                row["at"],
                row["event"],
                row["actor"],
                row["address"],
                row["subject"],
                orjson.loads(row["detail"]),
            )
        if len(rows) < _AUDIT_PAGE:
            return
