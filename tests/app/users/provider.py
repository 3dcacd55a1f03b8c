"""A small OpenID Connect provider on loopback: real HTTP, real signatures, and ways to misbehave."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from joserfc.jws import JWSRegistry

CLIENT: Final = "tickdeck"
SECRET: Final = "between the two of us"


class LocalProvider:
    """`with LocalProvider() as provider`: lets in whoever comes, as `subject`, until the block ends.

    `claims` are put over those of the identity token, None takes one away; `header` over its header; `key` signs in place
    of its own; `faults` names what it does wrong besides.
    """

    def __init__(self) -> None:
        self.subject = "248289761001"
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.key: Any = None
        self.faults: set[str] = set()
        self.refusals: list[str] = []
        self.sign_outs: list[dict[str, str]] = []
        """What whoever came to sign out here has sent along."""
        self.tokens: list[str] = []
        """The identity tokens that it gave."""
        self._own = RSAKey.generate_key(2048, {"kid": "first"})
        self._codes: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider._get(self)

            def do_POST(self) -> None:
                provider._post(self)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def settings(self) -> dict[str, str]:
        return {
            "TICKDECK_OIDC_ISSUER": self.issuer,
            "TICKDECK_OIDC_CLIENT_ID": CLIENT,
            "TICKDECK_OIDC_CLIENT_SECRET": SECRET,
            "TICKDECK_OIDC_LABEL": "<b>Desk</b>",
        }

    def behave(self) -> None:
        """Do nothing wrong any more."""
        self.claims, self.header, self.key, self.faults = {}, {}, None, set()
        self.refusals.clear()

    def change_keys(self) -> None:
        """As providers do from time to time."""
        self._own = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)})

    def _get(self, request: BaseHTTPRequestHandler) -> None:
        asked = urlsplit(request.path)
        if "away" in self.faults:
            self._answer(request, 500, {})
        elif asked.path == "/.well-known/openid-configuration":
            at = {name: f"{self.issuer}/{name}" for name in ("authorize", "token", "keys", "out")}
            self._answer(
                request,
                200,
                {
                    "issuer": self.issuer,
                    "authorization_endpoint": at["authorize"],
                    "token_endpoint": at["token"],
                    "jwks_uri": at["keys"],
                    "end_session_endpoint": at["out"],
                    "id_token_signing_alg_values_supported": ["RS256", "none", "HS256"],
                },
            )
        elif asked.path == "/out":
            self.sign_outs.append({name: values[0] for name, values in parse_qs(asked.query).items()})
            request.send_response(302)
            request.send_header("location", self.sign_outs[-1]["post_logout_redirect_uri"])
            request.end_headers()
        elif asked.path == "/keys":
            self._answer(request, 200, dict(KeySet([self._own]).as_dict(private=False)))
        else:
            self._authorize(request, {name: values[0] for name, values in parse_qs(asked.query).items()})

    def _authorize(self, request: BaseHTTPRequestHandler, asked: dict[str, str]) -> None:
        """The page where a user signs in; nobody is asked for anything here."""
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert asked["client_id"] == CLIENT
        back = {"state": asked["state"], "iss": self.issuer}
        if "denied" in self.faults:
            back["error"] = "access_denied"
        else:
            code = secrets.token_urlsafe(16)
            self._codes[code] = asked
            back["code"] = code
        request.send_response(302)
        request.send_header("location", f"{asked['redirect_uri']}?{urlencode(back)}")
        request.end_headers()

    def _post(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["content-length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        asked = self._codes.pop(form["code"], None)  # a code is good once
        given = b64decode(request.headers.get("authorization", "").removeprefix("Basic ")).decode()
        challenge = (
            urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        )
        if asked is None:
            self._refuse(request, "the code is not known, or was used")
        elif unquote(given) != f"{CLIENT}:{SECRET}":
            self._refuse(request, "the client is another")
        elif challenge != asked["code_challenge"]:
            self._refuse(request, "the verifier is another")
        elif form["redirect_uri"] != asked["redirect_uri"]:
            self._refuse(request, "the way back is another")
        else:
            answer = {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "expires_in": 60}
            if "no token" not in self.faults:
                self.tokens.append(self._token(asked["nonce"]))
                answer["id_token"] = self.tokens[-1]
            self._answer(request, 200, answer)

    def _token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.issuer, "sub": self.subject, "aud": CLIENT, "nonce": nonce, "iat": now, "exp": now + 300,
            "preferred_username": "otto",
        } | self.claims  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": "RS256", "kid": self._own.kid} | self.header
        if header["alg"] == "none":
            parts = (json.dumps(part).encode() for part in (header, claims))
            return ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."
        key = self.key or self._own
        return jwt.encode(header, claims, key, registry=JWSRegistry(algorithms=[header["alg"]]))

    def public_key_as_secret(self) -> bytes:
        """What a confused verifier would take for a shared secret."""
        return self._own.as_pem(private=False)

    def _refuse(self, request: BaseHTTPRequestHandler, why: str) -> None:
        self.refusals.append(why)
        self._answer(request, 400, {"error": "invalid_grant", "error_description": why})

    @staticmethod
    def _answer(request: BaseHTTPRequestHandler, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        request.send_response(status)
        request.send_header("content-type", "application/json")
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
