"""What a request gets where it cannot be answered: one map of exception to HTTP status, for every route."""

from __future__ import annotations

from html import escape
from typing import Final

import orjson
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tickdeck.app.push.board import NoPanelError, PanelError
from tickdeck.app.push.protocol import ProtocolError
from tickdeck.app.replay.clock import ReplayError
from tickdeck.app.users.identity import ForbiddenError
from tickdeck.app.web.proxies import prefix_of
from tickdeck.db.errors import (
    ConflictError,
    DatabaseError,
    MarketDataError,
    TickdeckError,
    UnknownSymbolError,
    printable,
)

STATUSES: Final[dict[type[Exception], int]] = {
    MarketDataError: 422,
    ReplayError: 422,
    ProtocolError: 422,
    PanelError: 422,
    ForbiddenError: 403,
    UnknownSymbolError: 404,
    NoPanelError: 404,
    ConflictError: 409,
    DatabaseError: 503,
    TickdeckError: 500,
}
"""The status of each error that a route may raise; a subclass has that of its nearest base."""
RETRY_AFTER_S: Final = 5
"""When to ask again where the database is away: a restart takes some seconds."""

log = structlog.get_logger(__name__)


def status_of(exc: Exception) -> int:
    """The HTTP status of an error; 500 for one that nobody expected."""
    return next((STATUSES[kind] for kind in type(exc).__mro__ if kind in STATUSES), 500)


def answer_errors(app: FastAPI) -> None:
    """Have every route of `app` answer its errors as `{"detail": reason}`, with the status of `STATUSES`.

    Call it before any other middleware is added: those of Dash would swallow what nobody expected.
    """
    app.add_exception_handler(TickdeckError, _answer_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_middleware(Unexpected)


def json_error(detail: str, status: int, headers: dict[str, str] | None = None) -> Response:
    """`{"detail": …}`, the shape of every refusal."""
    body = orjson.dumps({"detail": printable(detail)})
    return Response(body, status, media_type="application/json", headers=headers)


class Unexpected:
    """Pure ASGI: an exception that no handler knows is logged once and answered with 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except ClientDisconnect:
            log.debug(
                "client_left", path=scope["path"]
            )  # in the middle of its body: nobody waits for an answer
        except Exception:
            log.exception("request_failed", method=scope["method"], path=scope["path"])
            if started:
                raise  # too late for another answer: the connection is cut
            await json_error("the server failed; its log says why", 500)(scope, receive, send)


async def _answer_error(_request: Request, exc: Exception) -> Response:
    status = status_of(exc)
    if status == 500:
        log.error("request_failed", reason=str(exc))
    headers = {"retry-after": str(RETRY_AFTER_S)} if status == 503 else None
    return json_error(str(exc), status, headers)


async def _answer_invalid(_request: Request, exc: Exception) -> Response:
    """Parameters that FastAPI itself refuses: each by name with what is wrong."""
    assert isinstance(exc, RequestValidationError)  # noqa: S101 - what it is registered for
    return json_error("; ".join(f"{wrong['loc'][-1]}: {_said(wrong['msg'])}" for wrong in exc.errors()), 422)


def _said(message: str) -> str:
    """What a validator of ours says, without what Pydantic puts before it."""
    return message.removeprefix("Value error, ")


async def _answer_http(request: Request, exc: Exception) -> Response:
    """Unknown paths and methods: a small page for people, JSON for programs."""
    assert isinstance(exc, HTTPException)  # noqa: S101 - what it is registered for
    if isinstance(exc.__cause__, UnicodeDecodeError):  # a body of JSON, as FastAPI says it
        return json_error("body: is no UTF-8", 422)
    headers = dict(exc.headers or {})
    programs = request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", "")
    if programs:
        return json_error(str(exc.detail), exc.status_code, headers)
    title = f"{exc.status_code} {escape(str(exc.detail))}"
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f'<body><h1>{title}</h1><p><a href="{prefix_of(request.scope)}/">Tickdeck</a></p></body></html>',
        exc.status_code,
        headers,
    )
