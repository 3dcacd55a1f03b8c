"""The browser's way to the OpenID Connect provider and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import structlog
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import RedirectResponse, Response

from tickdeck.app.users.access import Access, NotLetInError, TooOftenError
from tickdeck.app.users.attempt import Attempt, ProviderAwayError, SignInError
from tickdeck.app.web.gate import ATTEMPT_COOKIE
from tickdeck.app.web.guard import cookie_of
from tickdeck.app.web.login import address, agent, here, identity_of, inside, page, signed_in, too_often
from tickdeck.app.web.proxies import prefix_of

if TYPE_CHECKING:
    from tickdeck.app.users.provider import Provider  # a second of imports, for those who use one

ATTEMPT_LASTS_S: Final = 600
BACK: Final = "/login/oidc/back"

log = structlog.get_logger(__name__)


def router(access: Access, provider: Provider | None) -> APIRouter:
    """`/login/oidc`, from where the browser is sent to the provider, and where it comes back; 404 without one."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/login/oidc")
    async def leave(request: Request, wanted: Annotated[str, Query(alias="next")] = "") -> Response:
        """Send the browser to the provider, with a cookie by which it is known when it comes back."""
        if provider is None:
            raise HTTPException(404)
        if not await access.has_users() or identity_of(request) is not None:
            return RedirectResponse(inside(request, wanted), 303)
        attempt = Attempt.new()
        try:
            there = await provider.address(attempt, inside(request, wanted), here(request, BACK))
        except SignInError as exc:
            return _refused(request, wanted, exc, provider)
        answer = RedirectResponse(there, 303, headers={"cache-control": "no-store"})
        answer.set_cookie(ATTEMPT_COOKIE, attempt.secret, max_age=ATTEMPT_LASTS_S, **_cookie(request))
        return answer

    @routes.get(BACK)
    async def come_back(request: Request) -> Response:
        """Let the user in whom the provider sends, or tell him why not.  A way back is good once."""
        if provider is None:
            raise HTTPException(404)
        attempt = Attempt(cookie_of(request.headers, ATTEMPT_COOKIE) or "")
        wanted = _wanted(request, attempt, provider) or ""
        try:
            token = await _let_in(request, attempt if wanted else None, access, provider)
            answer = await signed_in(request, token, wanted, access)
        except (SignInError, NotLetInError, TooOftenError) as exc:
            answer = _refused(request, wanted, exc, provider)
        answer.delete_cookie(ATTEMPT_COOKIE, **_cookie(request))
        answer.headers["cache-control"] = "no-store"
        return answer

    return routes


NOT_OURS: Final = "This way in is over, or was begun in another browser. Please sign in again."


async def _let_in(request: Request, attempt: Attempt | None, access: Access, provider: Provider) -> str:
    if attempt is None:
        raise SignInError(NOT_OURS)
    code = _only(request, "code")
    if not code or "error" in request.query_params:
        why = _only(request, "error")[:80]
        raise NotLetInError(f"The provider did not let you in: {why or 'it does not say why'}.")
    await access.take_try(address(request))
    said = await provider.identified(attempt, code, here(request, BACK))
    return await access.sign_in_by_provider(
        provider.settings.oidc_issuer or "",
        said,
        provider.settings,
        address=address(request),
        agent=agent(request),
    )


def _wanted(request: Request, attempt: Attempt, provider: Provider) -> str | None:
    """The page that was wanted when this browser left; None where it is not this one that comes back from there."""
    issuer = _only(request, "iss")  # RFC 9207
    if not attempt.secret or (issuer and issuer != provider.settings.oidc_issuer):
        return None
    return attempt.wanted(_only(request, "state"))


def _only(request: Request, name: str) -> str:
    """The value of a parameter that may be there once."""
    values = request.query_params.getlist(name)
    return values[0] if len(values) == 1 else ""


def _refused(request: Request, wanted: str, exc: Exception, provider: Provider) -> Response:
    label = provider.settings.oidc_label
    if isinstance(exc, TooOftenError):
        return too_often(request, wanted, "", exc, label=label)
    if isinstance(exc, SignInError):
        log.warning("sign_in_by_provider_failed", reason=exc.reason, address=address(request))
    status = 503 if isinstance(exc, ProviderAwayError) else 401 if isinstance(exc, SignInError) else 403
    return page(request, wanted, "", str(exc), status, label=label)


def _cookie(request: Request) -> dict[str, Any]:
    """How the cookie is set and deleted; Lax, as it is the provider's page that sends the browser back."""
    return {
        "path": f"{prefix_of(request.scope)}/login",
        "secure": request.url.scheme == "https",
        "httponly": True,
        "samesite": "lax",
    }
