"""Passwords: argon2id, checked in a thread, a few at a time, and as long for a name that nobody has."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from tickdeck.db.errors import ConfigurationError

SHORTEST: Final = 10
LONGEST: Final = 512
"""Longer ones are refused before they cost anything."""

# 19 MiB, two passes, one lane: OWASP's recommendation, some 20 ms of one processor.
_hasher: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODYS: Final = _hasher.hash(secrets.token_urlsafe(16))


def hash_password(password: str) -> str:
    """The password's hash with its salt and parameters; raise `ConfigurationError` for one that is too short or long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigurationError(f"a password has {SHORTEST} to {LONGEST} characters")
    return _hasher.hash(password)


class PasswordCheck:
    """Checks passwords one at a time, so that a storm of them leaves the other processor to the market."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)
        self.waiting = 0
        """How many are checked or wait for that."""

    async def __call__(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one of this hash; None, a user who is not there, takes as long to say no."""
        if len(password) > LONGEST:
            return False
        self.waiting += 1
        try:
            async with self._turn:
                good = await asyncio.to_thread(_verify, password_hash or _NOBODYS, password)
        finally:
            self.waiting -= 1
        return good and password_hash is not None


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False
