"""What every answer of the server gets, and which requests get none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)
POLICY_VIOLATION: Final = 1008


def content_security_policy(script_hashes: Iterable[str]) -> str:
    """Scripts, styles and data from this server only; `script_hashes` are those of Dash's inline scripts."""
    scripts = " ".join(["'self'", *script_hashes])
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src {scripts}",
            "style-src 'self' 'unsafe-inline'",  # AG Grid and Plotly write their styles into the page
            "connect-src 'self' ws: wss:",
            "worker-src 'self' blob:",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


class Guard:
    """Pure ASGI, for HTTP and WebSocket alike: refuses unknown host names, and sets the security headers.

    A page of another site whose name was made to point here would count as our own origin: hence the names.
    """

    def __init__(self, app: ASGIApp, *, names: frozenset[str], policy: str) -> None:
        self._app = app
        self._names = names
        self._headers = {
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        name = host_name(Headers(scope=scope).get("host", ""))
        if self._names and name not in self._names:
            log.warning("host_refused", host=name)
            await self._refuse(scope, receive, send, name)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for header, value in self._headers.items():
                    headers[header] = value
                if scope["path"].startswith("/assets/"):
                    headers["cache-control"] = "no-cache"  # asked again each time, answered by "not modified"
            await send(message)

        await self._app(scope, receive, send_with_headers)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, name: str) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        response = PlainTextResponse(f"host {name!r} is not allowed; see TICKDECK_ALLOWED_HOSTS\n", 421)
        await response(scope, receive, send)


def host_name(host: str) -> str:
    """The name in a `Host` header: without port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
