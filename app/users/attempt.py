"""An attempt to sign in at a provider, from the browser's leaving until it comes back."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tickdeck.db.errors import TickdeckError


class SignInError(TickdeckError):
    """Somebody whom the provider sent back cannot be let in; the message is for him.  `reason` is for the log."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


class ProviderAwayError(SignInError):
    """The provider does not answer, or not as one."""


@dataclass(frozen=True, slots=True)
class Identified:
    """Whom the provider's checked identity token is about: its claims, and the token itself where it is to be kept."""

    claims: Mapping[str, Any]
    token: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to sign in, known by a random secret in the browser's cookie.

    State, nonce and the verifier of PKCE are derived from that secret: nothing needs to be kept until the browser
    comes back, and what comes back without the cookie, or with another one, is not ours.
    """

    secret: str

    @classmethod
    def new(cls) -> Attempt:
        return cls(secrets.token_urlsafe(32))

    def state(self, wanted: str) -> str:
        """What goes to the provider and back: the page that is wanted, and a seal on it."""
        return f"{self._derived(f'state {wanted}')}.{_text64(wanted.encode())}"

    def wanted(self, state: str) -> str | None:
        """The page that was wanted; None for a state that is not of this attempt."""
        try:
            wanted = urlsafe_b64decode(state.partition(".")[2].encode() + b"==").decode()
        except (Base64Error, ValueError):
            return None
        return wanted if hmac.compare_digest(self.state(wanted).encode(), state.encode()) else None

    @property
    def nonce(self) -> str:
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        return self._derived("verifier")

    def _derived(self, what: str) -> str:
        return _text64(hmac.digest(self.secret.encode(), what.encode(), hashlib.sha256))


def _text64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
