"""Signing in and out: the page, what it posts to, and who somebody is."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from tickdeck.app.users.access import Access, TooOftenError
from tickdeck.app.users.identity import Identity
from tickdeck.app.web.gate import COOKIE, IDENTITY
from tickdeck.app.web.guard import cookie_of
from tickdeck.app.web.proxies import prefix_of

if TYPE_CHECKING:
    from tickdeck.app.users.provider import Provider  # a second of imports, for those who use one

MOST_BODY_BYTES: Final = 8_192
_PAGE: Final = (Path(__file__).parent / "login.html").read_text(encoding="utf-8")


def router(access: Access, provider: Provider | None = None) -> APIRouter:
    """`/login`, `/logout` and `/api/me`; with the `provider` where one may sign in too (app.web.provider)."""
    routes = APIRouter(tags=["users"])
    label = None if provider is None else provider.settings.oidc_label

    @routes.get("/login", include_in_schema=False)
    async def login(request: Request, wanted: Annotated[str, Query(alias="next")] = "") -> Response:
        if not await access.has_users() or identity_of(request) is not None:
            return RedirectResponse(inside(request, wanted), 303)
        return page(request, wanted, label=label)

    @routes.post("/login", include_in_schema=False)
    async def sign_in(request: Request) -> Response:
        form = parse_qs((await _body(request)).decode("utf-8", "replace"), keep_blank_values=True)
        name, password, wanted = (form.get(field, [""])[0] for field in ("name", "password", "next"))
        try:
            token = await access.sign_in(name, password, address=address(request), agent=agent(request))
        except TooOftenError as exc:
            return too_often(request, wanted, name, exc, label=label)
        if token is None:
            return page(
                request, wanted, name, "This name and password do not belong together.", 401, label=label
            )
        return await signed_in(request, token, wanted, access)

    @routes.post("/logout", include_in_schema=False)
    async def sign_out(request: Request, everywhere: bool = False) -> Response:  # noqa: FBT001, FBT002 - a query
        identity = identity_of(request)
        ended = None
        if identity is not None:
            cookie = cookie_of(request.headers, COOKIE) or ""
            ended = await access.sign_out(identity, cookie, everywhere=everywhere, address=address(request))
        there = None
        if provider is not None and ended is not None and ended.way == "provider":
            there = await provider.sign_out_address(here(request, "/login"), ended.identity_token)
        answer: Response = (
            RedirectResponse(f"{prefix_of(request.scope)}/login", 303)
            if there is None
            else page(request, "", label=label, sign_out_at=there)
        )
        answer.delete_cookie(COOKIE, path=f"{prefix_of(request.scope)}/", httponly=True, samesite="lax")
        return answer

    @routes.get("/api/me")
    async def me(request: Request) -> dict[str, Any]:
        """Who you are to Tickdeck; `signed_in` false: it has no users, and you are its owner."""
        identity = identity_of(request)
        assert identity is not None  # noqa: S101 - the gate lets nobody else through
        return {"name": identity.name, "role": identity.role, "signed_in": identity.user_id is not None}

    return routes


async def signed_in(request: Request, token: str, wanted: str, access: Access) -> Response:
    """Hand the session's cookie over and go on to the page that was wanted; the session that was there before ends."""
    before = identity_of(request)
    if before is not None:
        await access.end_session(before)
    answer = RedirectResponse(inside(request, wanted), 303)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=int(access.settings.session_lasts_s),
        path=f"{prefix_of(request.scope)}/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )
    return answer


def identity_of(request: Request) -> Identity | None:
    """Whom the gate has let in."""
    found: Identity | None = request.scope.get("state", {}).get(IDENTITY)
    return found


def page(
    request: Request,
    wanted: str,
    name: str = "",
    complaint: str = "",
    status: int = 200,
    *,
    label: str | None = None,
    sign_out_at: str | None = None,
) -> HTMLResponse:
    """The page before the page: it leads on to `wanted`, a path of this server.

    `sign_out_at`: who has just signed out is led on there.  By the page and not by a redirect, which the policy would hold
    to be an answer to the form (form-action).
    """
    onward, prefix = inside(request, wanted), prefix_of(request.scope)
    by_provider = (
        ""
        if label is None
        else f'<a class="provider" href="{prefix}/login/oidc?next={quote(onward, safe="")}">Sign in with {escape(label)}</a>'
    )
    values = {
        "next": escape(onward, quote=True),
        "prefix": prefix,
        "name": escape(name[:64], quote=True),
        "complaint": escape(complaint),
        "provider": by_provider,
        "onward": "",
    }
    if sign_out_at is not None:
        there = escape(sign_out_at, quote=True)
        values["onward"] = f'<meta http-equiv="refresh" content="0; url={there}">'
        values["provider"] = f'<a class="provider" href="{there}">Sign out at {escape(label or "")}, too</a>'
    # All at once: what was put in is not looked at again.
    text = re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], _PAGE)
    return HTMLResponse(text, status, headers={"cache-control": "no-store"})


def too_often(
    request: Request, wanted: str, name: str, exc: TooOftenError, *, label: str | None
) -> HTMLResponse:
    """The page, for who must wait."""
    answer = page(request, wanted, name, "Too many tries. Wait a moment, then try again.", 429, label=label)
    answer.headers["retry-after"] = str(int(exc.wait_s) + 1)
    return answer


def inside(request: Request, wanted: str) -> str:
    """`wanted` where it is a path of this server, else the page: a link to us must not lead elsewhere."""
    home = f"{prefix_of(request.scope)}/"
    # What begins with one slash is a path; browsers take a backslash for a slash, and leave out what cannot be seen.
    is_path = wanted.startswith(home) and not wanted.startswith("//")
    return wanted if is_path and "\\" not in wanted and wanted.isprintable() else home


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BODY_BYTES:
            return b""
    return body


def here(request: Request, path: str) -> str:
    """The whole address of a path of this server, for a provider: the host is one that the guard knows."""
    return f"{request.url.scheme}://{request.headers['host']}{prefix_of(request.scope)}{path}"


def address(request: Request) -> str:
    """From where somebody asks."""
    return request.client.host if request.client else "unknown"


def agent(request: Request) -> str:
    """With what somebody asks."""
    return request.headers.get("user-agent", "")
