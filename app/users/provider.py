"""Signing in at an OpenID Connect provider: the authorization code flow with PKCE (OpenID Connect Core 1.0, RFC 7636)."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from tickdeck.app.config import ProviderSettings, is_safe_address
from tickdeck.app.users.attempt import Attempt, Identified, ProviderAwayError, SignInError
from tickdeck.app.users.throttle import Throttle

log = structlog.get_logger(__name__)

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip
"""Signatures that are believed: those of a private key that only the provider has; neither `none` nor a shared secret."""
LEEWAY_S: Final = 60
"""How far the provider's clock may be off."""
TIMEOUT_S: Final = 10.0
FRESH_S: Final = 3_600.0
"""How long the provider's description is used before it is read again."""
MOST_HINT: Final = 4_096
"""The longest identity token that is kept, to be sent in an address: some servers take 8 KiB of one at the most."""
KEYS_AGAIN_S: Final = 30.0
"""How often its keys are read again in the long run, where a token names one that is not among them."""


class Provider:
    """The provider of the settings; it is asked for its description when the first one wants to sign in."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings
        self._described: tuple[float, dict[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None
        self._turn = asyncio.Lock()
        self._again = Throttle(5, KEYS_AGAIN_S)

    async def address(self, attempt: Attempt, wanted: str, back: str) -> str:
        """Where the browser is sent; it comes back to `back`.  Raises `ProviderAwayError`."""
        described = await self._description()
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                described["authorization_endpoint"],
                state=attempt.state(wanted),
                code_verifier=attempt.verifier,
                redirect_uri=back,
                nonce=attempt.nonce,
            )
        return str(url)

    async def sign_out_address(self, back: str, identity_token: str | None = None) -> str | None:
        """Where the browser is sent to sign out there, too (OpenID Connect RP-Initiated Logout 1.0); it comes back to `back`.

        None where the provider has no such place, or does not answer.  Without the `identity_token` it asks its user first.
        """
        try:
            there = (await self._description()).get("end_session_endpoint")
        except ProviderAwayError as exc:
            log.warning("sign_out_at_provider_failed", reason=exc.reason)
            return None
        if not isinstance(there, str) or not is_safe_address(there):
            return None
        asked = {"client_id": self.settings.oidc_client_id or "", "post_logout_redirect_uri": back}
        if identity_token is not None:
            asked["id_token_hint"] = identity_token
        return f"{there}{'&' if '?' in there else '?'}{urlencode(asked)}"

    async def identified(self, attempt: Attempt, code: str, back: str) -> Identified:
        """Who the identity token that the code is good for is about, all of it checked.

        Raises `SignInError` for a code or a token that is not good, `ProviderAwayError` where none is to be had.
        """
        described = await self._description()
        try:
            async with self._client() as client:
                token = await client.fetch_token(
                    described["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    redirect_uri=back,
                    code_verifier=attempt.verifier,
                )
        except httpx2.HTTPError as exc:
            raise ProviderAwayError(AWAY, f"no answer to the code: {exc!r}") from exc
        except (AuthlibBaseError, ValueError) as exc:
            raise SignInError(NOT_GOOD, f"the code was refused: {exc}") from exc
        identity = token.get("id_token")
        if not isinstance(identity, str):
            raise SignInError(NOT_GOOD, "the provider sent no identity token")
        try:
            decoded = await self._decoded(identity)
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                {
                    "iss": {"essential": True, "value": described["issuer"]},
                    "aud": {"essential": True, "value": self.settings.oidc_client_id},
                },
                {
                    "nonce": attempt.nonce,
                    "client_id": self.settings.oidc_client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError, KeyError) as exc:
            raise SignInError(NOT_GOOD, f"the identity token is not good: {exc!r}") from exc
        if not claims["sub"] or len(claims["sub"]) > 255 or not claims["sub"].isprintable():
            raise SignInError(NOT_GOOD, "the identity token names nobody")
        return Identified(dict(claims), identity if len(identity) <= MOST_HINT else None)

    async def _decoded(self, identity: str) -> jwt.Token:
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        try:
            return jwt.decode(identity, await self._key_set(), registry=registry)
        except (InvalidKeyIdError, ValueError):  # the provider may have new keys
            return jwt.decode(identity, await self._key_set(again=True), registry=registry)

    async def _description(self) -> dict[str, Any]:
        async with self._turn:
            if self._described is None or time.monotonic() - self._described[0] > FRESH_S:
                issuer = self.settings.oidc_issuer or ""
                found = await self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
                if found.get("issuer") != issuer:
                    raise ProviderAwayError(
                        AWAY, f"it calls itself {found.get('issuer')!r}; TICKDECK_OIDC_ISSUER is {issuer!r}"
                    )
                for each in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                    if not isinstance(found.get(each), str) or not is_safe_address(found[each]):
                        raise ProviderAwayError(
                            AWAY, f"its {each} is {found.get(each)!r}: an https address is wanted"
                        )
                self._described = (time.monotonic(), found)
            return self._described[1]

    async def _key_set(self, *, again: bool = False) -> KeySet:
        described = await self._description()
        async with self._turn:
            old = self._keys is None or time.monotonic() - self._keys[0] > FRESH_S
            if self._keys is None or old or (again and not self._again.wait_s("keys")):
                found = await self._get(described["jwks_uri"])
                self._keys = (time.monotonic(), KeySet.import_key_set(found))  # type: ignore[arg-type]
            return self._keys[1]

    async def _get(self, url: str) -> dict[str, Any]:
        try:
            async with httpx2.AsyncClient(timeout=TIMEOUT_S) as client:
                answer = await client.get(url)
                answer.raise_for_status()
                found = answer.json()
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as exc:
            raise ProviderAwayError(AWAY, f"{url}: {exc!r}") from exc
        if not isinstance(found, dict):
            raise ProviderAwayError(AWAY, f"{url}: no JSON object")
        return found

    def _client(self) -> AsyncOAuth2Client:
        secret = self.settings.oidc_client_secret
        return AsyncOAuth2Client(
            self.settings.oidc_client_id,
            None if secret is None else secret.get_secret_value(),
            token_endpoint_auth_method="none" if secret is None else "client_secret_basic",
            scope=" ".join(self.settings.oidc_scopes),
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
        )


AWAY: Final = "The provider cannot be asked at the moment. Try again later, or sign in with a password."
NOT_GOOD: Final = "The provider's answer is not good, or it is too late. Please sign in again."
