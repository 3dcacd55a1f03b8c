"""What every answer of the server gets, and which requests get none."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)
POLICY_VIOLATION: Final = 1008


def content_security_policy(script_hashes: Iterable[str]) -> str:
    """Scripts, styles and data from this server only; `script_hashes` are those of Dash's inline scripts.

    AG Grid, Plotly and Dash's own components make <style> elements.  app/assets/early.js gives those that a script makes
    the answer's nonce (`{nonce}`): one that came as markup has none, and style attributes in markup do nothing.
    """
    scripts = " ".join(["'self'", *script_hashes])
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src {scripts}",
            "style-src 'self' 'nonce-{nonce}'",
            "connect-src 'self' ws: wss:",
            "worker-src 'self' blob:",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            _NO_FRAMES,
        )
    )


_NO_FRAMES: Final = "frame-ancestors 'none'"


def _is_embedded(scope: Scope) -> bool:
    """Whether it is the page as it may be in others' frames: a chart, and nothing to press that matters."""
    return scope["path"] == "/" and b"embed=1" in scope.get("query_string", b"").split(b"&")


def _is_panel(scope: Scope) -> bool:
    """Whether it is the page as a panel of a workspace, which may be in frames of our own pages and in no others'."""
    asked = scope.get("query_string", b"").split(b"&")
    return scope["path"] == "/" and any(each.startswith(b"panel=") for each in asked)


class Guard:
    """Pure ASGI, for HTTP and WebSocket alike: refuses unknown host names, and sets the security headers.

    A page of another site whose name was made to point here would count as our own origin: hence the names.  Pages of the
    origins `embedders` may have the page in a frame where its address says `embed=1`, our own where it says `panel=…`; nobody
    else may, and nothing else.
    """

    def __init__(
        self, app: ASGIApp, *, knows: Callable[[str], bool], policy: str, embedders: Sequence[str] = ()
    ) -> None:
        self._app = app
        self._knows = knows
        self._policy = policy
        self._embedded = policy.replace(_NO_FRAMES, f"frame-ancestors 'self' {' '.join(embedders)}")
        self._embeds = bool(embedders)
        self._panel = policy.replace(_NO_FRAMES, "frame-ancestors 'self'")
        self._headers = {
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        named = Headers(scope=scope).getlist("host")
        name = host_name(named[0]) if len(named) == 1 else ""  # two: what a proxy went by may be the other
        if not self._knows(name):
            log.warning("host_refused", host=name)
            await self._refuse(scope, receive, send, name)
            return

        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["style_nonce"] = (
            nonce  # for who writes a page: `request.state.style_nonce`
        )

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["content-security-policy"] = self._policy_for(scope).replace("{nonce}", nonce)
                for header, value in self._headers.items():
                    headers[header] = value
                if scope["path"].startswith("/assets/"):
                    # Asked again each time, answered by "not modified"; but for those of a version (app.ui.assets).
                    headers.setdefault("cache-control", "no-cache")
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _policy_for(self, scope: Scope) -> str:
        if _is_panel(scope):
            return self._panel
        return self._embedded if self._embeds and _is_embedded(scope) else self._policy

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, name: str) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        response = PlainTextResponse(f"host {name!r} is not allowed; see TICKDECK_ALLOWED_HOSTS\n", 421)
        await response(scope, receive, send)


class Head:
    """Pure ASGI: HEAD is answered as GET would be, without the body; FastAPI's routes know GET only."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_without_body(message: Message) -> None:
            body = message["type"] == "http.response.body"
            await send({**message, "body": b""} if body else message)

        await self._app({**scope, "method": "GET"}, receive, send_without_body)


_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/@\[\]\\]+))(?::\d{0,5})?")


def host_name(host: str) -> str:
    """The name in a `Host` header: without port and brackets, in lower case; empty where it is none (RFC 9110, 7.2)."""
    found = _HOST.fullmatch(host)
    return "" if found is None else (found[1] or found[2]).lower()


def is_own(origin: str, host: str | None, scheme: str = "http") -> bool:
    """Whether an `Origin` header names the very server that `host`, the `Host` header beside it, does.

    `scheme` is the request's: a page that came without TLS, which anybody on the way may have written, is none of a server
    that is reached with it.  The other way round there is a proxy in front that is not named.
    """
    by, _, place = origin.partition("://")
    safe = by == "https" or (by == "http" and scheme not in {"https", "wss"})
    return safe and bool(place) and place.lower() == (host or "").lower()


def cookie_of(headers: Headers, name: str) -> str | None:
    """The value of the first cookie of that name that can be one of ours; None where there is none."""
    for each in headers.get("cookie", "").split(";"):
        key, _, value = each.partition("=")
        if key.strip() == name and _COOKIE.fullmatch(value.strip()):
            return value.strip()
    return None


_COOKIE: Final = re.compile(r"[\w.~-]{1,128}", re.ASCII)


def with_cookies(scope: Scope, names: Iterable[str]) -> Scope:
    """The scope without any cookie but those of these names that can be ours.

    Others' are none of our business, and FastAPI has them all read by `http.cookies`, before any route: that takes a time
    that grows with the square of their backslashes, half a minute for what fits into one request.
    """
    headers = Headers(scope=scope)
    if "cookie" not in headers:
        return scope
    kept = [f"{name}={value}" for name in names if (value := cookie_of(headers, name)) is not None]
    others = [each for each in scope["headers"] if each[0] != b"cookie"]
    return {**scope, "headers": [*others, *((b"cookie", "; ".join(kept).encode()) for _ in kept[:1])]}
