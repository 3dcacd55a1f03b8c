"""The one door: says for every path who may pass, before any route sees the request.

Pure ASGI, for pages, callbacks, assets, REST, metrics, documentation and sockets alike.  A path that no rule names
is for signed-in people only, so that a new route is closed until somebody has thought about it; a test wants a rule
for each.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import structlog
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tickdeck.app.push.outlets import cut_of
from tickdeck.app.users.access import Access
from tickdeck.app.users.identity import OWNER, Identity
from tickdeck.app.users.limits import LimitError, Limits
from tickdeck.app.web.errors import RETRY_AFTER_S, json_error
from tickdeck.app.web.guard import cookie_of, is_own, with_cookies
from tickdeck.app.web.proxies import address_of, peer_of, prefix_of
from tickdeck.db.errors import DatabaseError
from tickdeck.db.faults import Fault
from tickdeck.db.session import within
from tickdeck.db.users import Scope as TokenScope
from tickdeck.db.users import UserRole

COOKIE: Final = "tickdeck_session"
ATTEMPT_COOKIE: Final = "tickdeck_sign_in"
"""The cookie of whoever is on his way to a provider and back."""
COOKIES: Final = (COOKIE, ATTEMPT_COOKIE)
SESSION_OVER: Final = 4401
"""The code with which a socket is closed whose session is over: the page then asks its user to sign in."""
SWEEP_S: Final = 2.0
"""How often the sessions of open sockets are looked at: one query for all of them."""
CUT_S: Final = 1.0
"""How long a socket whose session is over has to close in order: who reads nothing would take for ever."""
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
POLLING: Final = "/api/frames"
IDENTITY: Final = "tickdeck.identity"
"""Where in the ASGI scope's `state` a route finds the `Identity`."""

IDENTIFY_S: Final = 30.0
"""How long a request waits for the database to say who asks."""
IDENTIFY_ANYBODY_S: Final = 0.5
"""The same where everybody may pass: probes, which are to hear what is wrong, do not wait long."""
NO_ANSWER: Final = "the database does not answer"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may ask for the paths that `path` matches whole: `role` None is everybody.

    `scope` is what a program's token must be for; None: programs may not, tokens or not.
    """

    path: str
    role: UserRole | None
    scope: TokenScope | None = None


RULES: Final = (
    Rule(r"/healthz|/readyz", None, "read"),
    Rule(r"/login(/.*)?", None),
    Rule(r"/assets/(favicon\.svg|login\.css)|/favicon\.ico", None),
    Rule(r"/logout", "viewer"),
    Rule(r"/metrics", "admin", "metrics"),
    Rule(r"/ws", "viewer", "read"),
    Rule(r"/api/drawings/.*|/api/shares(/.*)?", "analyst"),  # to store and delete; programs only read
    Rule(r"/api/watchlists/.*|/api/shared-watchlist/.*", "analyst"),  # as drawings
    Rule(r"/api/workspaces/.*", "analyst"),  # as drawings
    Rule(r"/api/panels/.*", "analyst", "panels"),
    Rule(r"/api/alerts/log", "viewer", "read"),
    Rule(r"/api/alerts/.*", "analyst"),  # as drawings
    Rule(r"/api/corrections", "admin", "admin"),
    Rule(r"/api/feeds/symbols", "admin", "admin"),
    Rule(r"/api/.*", "viewer", "read"),
    Rule(r"/|/workspace|/assets/.*|/_dash-.*|/_reload-hash|/_favicon\.ico|/_alive_.*", "viewer"),
)
CLOSED: Final = Rule(r".*", "viewer", "read")
"""What holds for a path that no rule names."""


def rule_of(path: str) -> Rule:
    """The first rule that names the path."""
    return next((rule for rule in RULES if re.fullmatch(rule.path, path)), CLOSED)


class Sockets:
    """The open sockets of people who signed in; `run` ends those whose session is over."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._open: dict[Identity, dict[asyncio.Event, Callable[[], None]]] = {}
        """Of each that is open what ends it in order, and what cuts it off."""

    async def serve(
        self, app: ASGIApp, identity: Identity, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Run `app` until it ends or the identity is let in no more."""
        if identity is OWNER:
            await app(scope, receive, send)
            return
        ended = asyncio.Event()
        over = asyncio.ensure_future(ended.wait())
        self._open.setdefault(identity, {})[ended] = cut_of(scope)

        async def receive_or_end() -> Message:
            if ended.is_set():
                return {"type": "websocket.disconnect", "code": SESSION_OVER}
            coming = asyncio.ensure_future(receive())
            try:
                await asyncio.wait({coming, over}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not coming.done():
                    coming.cancel()
            if coming.done() and not coming.cancelled():
                return coming.result()
            with suppress(OSError):  # it was cut off while it took nothing
                await send({"type": "websocket.close", "code": SESSION_OVER, "reason": "the session is over"})
            return {"type": "websocket.disconnect", "code": SESSION_OVER}

        try:
            await app(scope, receive_or_end, send)
        finally:
            over.cancel()
            del self._open[identity][ended]
            if not self._open[identity]:
                del self._open[identity]

    async def run(self) -> None:
        """End the sockets whose session is over, or whose user has another role now, until cancelled."""
        fault = Fault(
            "sessions_not_read", "sessions_read_again", after_s=60
        )  # one that is away is said by others
        while True:
            await asyncio.sleep(SWEEP_S)
            if not self._open:
                continue
            asked = list(self._open)
            try:
                living = await self._access.living(asked)
                fault.over()
            except DatabaseError as exc:  # who was let in stays while nobody can say otherwise
                fault.failed(str(exc))
                continue
            for identity in self._open.keys() & (set(asked) - living):
                for ended, cut in self._open[identity].items():
                    if not ended.is_set():
                        ended.set()
                        asyncio.get_running_loop().call_later(CUT_S, cut)


class Gate:
    """Lets through who may; tells the others how to come in.

    `sockets` ends those whose session is over; `limits` says how much each may have.
    """

    def __init__(self, app: ASGIApp, *, access: Access, sockets: Sockets, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._access = access
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        if not scope["path"].isprintable():
            # None of ours has one.  Routes take a path with a line's end for the one without it, and rules do not.
            await _refuse(scope, receive, send, 404, "there is no such path")
            return
        rule = rule_of(scope["path"])
        headers = Headers(scope=scope)
        scope = with_cookies(scope, COOKIES)
        try:
            identity = await within(
                IDENTIFY_S if rule.role is not None else IDENTIFY_ANYBODY_S,
                self._access.identify(
                    cookie=cookie_of(headers, COOKIE),
                    authorization=headers.get("authorization"),
                    named=self._named(headers),
                    peer=peer_of(scope),
                ),
            )
        except (DatabaseError, TimeoutError) as exc:
            if rule.role is not None:
                await _refuse(
                    scope, receive, send, 503, f"who you are cannot be known now: {str(exc) or NO_ANSWER}"
                )
                return
            identity = None
        refusal = _refusal(rule, identity, scope, headers) or self._body_refusal(headers)
        if refusal is not None:
            await _refuse(scope, receive, send, *refusal)
            return
        scope.setdefault("state", {})[IDENTITY] = identity
        if identity is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._sockets.serve(self._app, identity, scope, receive, send)
        else:
            await self._answer(identity, scope, receive, send)

    async def _answer(self, identity: Identity, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the request answered, where its user and its address have not too many under way."""
        try:
            with ExitStack() as held:
                if scope["path"] == POLLING:
                    self._limits.poll(identity, address_of(scope))
                if scope["path"].startswith("/api/"):
                    if scope["method"] not in SAFE_METHODS:
                        self._limits.change(identity, address_of(scope))
                    held.enter_context(self._limits.request(identity, address_of(scope)))
                await self._app(scope, receive, send)
        except LimitError as exc:
            await json_error(str(exc), 429, {"retry-after": str(int(exc.wait_s) + 1)})(scope, receive, send)

    def _body_refusal(self, headers: Headers) -> tuple[int, str] | None:
        """Why the request's body is not read: a status and a sentence; None where it may be."""
        most = self._limits.settings.body_bytes
        if "transfer-encoding" in headers:
            return 411, "say how long the body is (Content-Length)"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 20 or int(length) > most:
            return 413, f"the body is longer than {most} bytes (TICKDECK_BODY_BYTES)"
        return None

    def _named(self, headers: Headers) -> list[str]:
        """Whom the proxies' header names, as often as it is there."""
        header = self._access.settings.proxy_user_header
        found = [] if header is None else headers.getlist(header)
        return [each.encode("latin-1").decode("utf-8", "replace") for each in found]


def _refusal(rule: Rule, identity: Identity | None, scope: Scope, headers: Headers) -> tuple[int, str] | None:
    """Why the request may not pass: a status and a sentence; None where it may."""
    if "authorization" in headers:
        if identity is None:
            return 401, "this token is unknown, over or revoked"
        if rule.scope is None:
            return 403, "programs have no business here"
    elif scope["type"] == "http" and scope["method"] not in SAFE_METHODS and not _own(headers, scope):
        return 403, "this was asked for by another site"
    if rule.role is None or (identity is not None and identity.may(rule.role, rule.scope or "read")):
        return None
    if identity is None:
        return 401, "sign in first"
    return 403, f"this needs the role {rule.role!r} (a token: the scope {rule.scope!r})"


def _own(headers: Headers, scope: Scope) -> bool:
    """Whether a request that changes something comes from a page of ours, or from no browser at all.

    Every browser names the page's origin; a program that sends a cookie by hand can do so too.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    if origin is None:
        return "cookie" not in headers
    return is_own(origin, headers.get("host"), scope.get("scheme", "http"))


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008 if status != 503 else 1013, "reason": why})
        return
    response: Response
    headers = Headers(scope=scope)
    asks_for_page = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
    if status == 401 and asks_for_page and "authorization" not in headers:
        query = scope["query_string"].decode("latin-1")
        prefix = prefix_of(scope)
        wanted = prefix + scope["path"] + (f"?{query}" if query else "")
        response = RedirectResponse(f"{prefix}/login?next={quote(wanted, safe='')}", 303)
    else:
        more = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": str(RETRY_AFTER_S)}}.get(status, {})
        response = JSONResponse({"detail": why}, status, headers=more | {"cache-control": "no-store"})
    await response(scope, receive, send)
