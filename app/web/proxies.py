"""What a reverse proxy in front says of a request, where it is one that may; and the path below which it shows us."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final, cast

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

_PEER: Final = "tickdeck.peer"
_PREFIX: Final = "tickdeck.prefix"


def prefix_of(scope: Scope) -> str:
    """The path below which the browser sees us: nothing, or such as `/tickdeck`."""
    found: str = scope.get(_PREFIX, "")
    return found


def peer_of(scope: Scope) -> str | None:
    """The address at the other end of the connection, whatever a proxy says of whom it speaks for."""
    found: str | None = scope.get(_PEER) or address_of(scope)
    return found


def address_of(scope: Scope) -> str | None:
    """The address of whoever asks, by the word of a proxy where there is one that is believed."""
    return (scope.get("client") or (None,))[0]


class Proxied:
    """Pure ASGI, outside everything else: the client's address and scheme by the word of `proxies` and of nobody else,
    and paths without `prefix`, so that no route knows where it is shown.
    """

    def __init__(self, app: ASGIApp, *, proxies: Sequence[str], prefix: str = "") -> None:
        async def with_addresses_only(scope: Scope, receive: Receive, send: Send) -> None:
            if not _is_address(address_of(scope)) and scope.get("client"):
                scope["client"] = (
                    scope[_PEER],
                    scope["client"][1],
                )  # what was forwarded is none: a log would show it
            await app(scope, receive, send)

        believing = ProxyHeadersMiddleware(with_addresses_only, trusted_hosts=list(proxies))  # type: ignore[arg-type]
        self._app = cast("ASGIApp", believing)
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        peer = _plain(address_of(scope))
        inner = {**scope, _PEER: peer, _PREFIX: self._prefix}
        if peer is not None and scope.get("client"):
            inner["client"] = (peer, scope["client"][1])
        path: str = scope["path"]
        if self._prefix and path.startswith(self._prefix):
            rest = path[len(self._prefix) :]
            if not rest and scope["type"] == "http":  # what the page names is found below it only
                query = scope["query_string"].decode("latin-1")
                address = f"{self._prefix}/" + (f"?{query}" if query else "")
                await RedirectResponse(address, 308)(scope, receive, send)
                return
            if rest.startswith("/"):
                inner["path"] = rest
                inner["raw_path"] = scope.get("raw_path", b"")[len(self._prefix) :]
        await self._app(inner, receive, send)


def _is_address(text: str | None) -> bool:
    try:
        return getattr(ip_address(text or ""), "scope_id", None) is None  # behind its % may be anything
    except ValueError:
        return False


def _plain(address: str | None) -> str | None:
    """An IPv4 address that came by an IPv6 socket as what it is."""
    try:
        mapped = getattr(ip_address(address or ""), "ipv4_mapped", None)
    except ValueError:
        return address
    return address if mapped is None else str(mapped)
