"""Encrypts what is kept for a session with a key that only its cookie gives: who reads the database reads nothing of it."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from joserfc.jwk import OctKey


def sealed(text: str, cookie: str) -> str:
    """`text` encrypted for who has the cookie (JWE, AES-256 in Galois/Counter mode)."""
    from joserfc import jwe  # noqa: PLC0415 - half a second of imports, for those who use a provider

    return jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM"}, text, _key(cookie))


def unsealed(text: str, cookie: str) -> str | None:
    """What was sealed; None where it was not for this cookie."""
    from joserfc import jwe  # noqa: PLC0415 - as above
    from joserfc.errors import JoseError  # noqa: PLC0415

    try:
        found = jwe.decrypt_compact(text, _key(cookie)).plaintext
    except (JoseError, ValueError):
        return None
    return None if found is None else found.decode()


def _key(cookie: str) -> OctKey:
    from joserfc.jwk import OctKey  # noqa: PLC0415 - as above

    return OctKey.import_key(hmac.digest(cookie.encode(), b"identity token", hashlib.sha256))
