"""The routes of the push: `/ws`, and `/api/frames` for who cannot use it.  docs/protocol.md describes both."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from typing import Annotated, Any, Final, Protocol

import structlog
from fastapi import APIRouter, Query, Response, WebSocket, WebSocketDisconnect

from tickdeck.app.config import LimitSettings, LiveSettings
from tickdeck.app.push.broadcast import Viewer
from tickdeck.app.push.outlets import Message, outlet_of
from tickdeck.app.push.protocol import ProtocolError, encode, parse_json, parse_message, parse_painted, pong
from tickdeck.app.users.identity import OWNER
from tickdeck.app.users.limits import LimitError, Limits
from tickdeck.app.web.gate import IDENTITY
from tickdeck.app.web.guard import is_own
from tickdeck.app.web.proxies import address_of
from tickdeck.db.errors import excerpt

TRY_AGAIN_LATER: Final = 1013
REFUSED: Final = 1008
MAX_WAITING: Final = 4
"""Messages of one viewer that are taken before the first is answered."""
REQUESTS: Final = ("subscribe", "replay", "ping", "painted")

log = structlog.get_logger(__name__)


class FrameSource(Protocol):
    """Whom viewers connect to: the live hub, a replay, or the replays of a process before its hub.

    Viewers' requests are values of the protocol, of any type; the answers are complaints, none where all is well.
    """

    settings: LiveSettings

    @property
    def viewers(self) -> int: ...
    def connected(self, viewer: Viewer) -> AbstractContextManager[None]: ...
    async def subscribe(self, viewer: Viewer, request: object) -> list[str]: ...
    async def replay(self, viewer: Viewer, request: object) -> list[str]: ...
    async def poll(self, request: object, since: int) -> bytes: ...
    def painted(self, milliseconds: Sequence[float]) -> None: ...


def router(source: FrameSource, limits: Limits | None = None) -> APIRouter:
    """The routes that serve `source`, to each viewer as much as the limits let him have."""
    bounds = limits or Limits(LimitSettings())
    routes = APIRouter()

    @routes.websocket("/ws")
    async def push(websocket: WebSocket) -> None:
        if not origin_allowed(websocket, source.settings.allowed_origins):
            await websocket.close(REFUSED)  # before accepting: the client sees HTTP 403
            return
        await websocket.accept()
        if source.viewers >= source.settings.max_viewers:
            await websocket.send_text(
                _error(f"the server is full ({source.settings.max_viewers} viewers)").text
            )
            await websocket.close(TRY_AGAIN_LATER)
            return
        identity = websocket.scope.get("state", {}).get(IDENTITY) or OWNER
        address = address_of(websocket.scope)
        with ExitStack() as held:
            try:
                held.enter_context(bounds.connection(identity, address))
            except LimitError as exc:
                await websocket.send_text(_error(str(exc)).text)
                await websocket.close(TRY_AGAIN_LATER)
                return
            viewer = Viewer(outlet_of(websocket), identity, address)
            held.enter_context(source.connected(viewer))
            held.enter_context(closing(viewer.outlet))
            await _converse(source, bounds, viewer, websocket)

    @routes.get("/api/frames", tags=["push"], response_class=Response)
    async def frames(
        subscribe: Annotated[str, Query(description="JSON, as the value of `subscribe` on the WebSocket")],
        since: Annotated[int, Query(description="`version` of the newest message you have; 0 for none")] = 0,
    ) -> Response:
        """The message a WebSocket viewer would get: a snapshot, or what changed after `since`."""
        message = await source.poll(parse_json(subscribe), since)
        return Response(message, media_type="application/json", headers={"Cache-Control": "no-store"})

    return routes


def origin_allowed(websocket: WebSocket, allowed: tuple[str, ...]) -> bool:
    """Whether the page that connects is the dashboard's own or an allowed one; programs send no Origin."""
    origin = websocket.headers.get("origin")
    if origin is None or origin in allowed:
        return True
    return is_own(origin, websocket.headers.get("host"), websocket.scope.get("scheme", "ws"))


async def _converse(source: FrameSource, bounds: Limits, viewer: Viewer, websocket: WebSocket) -> None:
    """Answer the viewer's messages until it is gone; frames go out by the source's clock meanwhile.

    The connection is listened to while an answer is under way: what a viewer who left wanted is not done any more.
    """
    received: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue(MAX_WAITING)
    answering = asyncio.create_task(_answer_all(source, bounds, viewer, received))
    try:
        while True:
            event = await websocket.receive()
            if event["type"] == "websocket.disconnect":
                return
            await received.put(event)
    except WebSocketDisconnect:
        return
    finally:
        answering.cancel()
        await asyncio.wait({answering})


async def _answer_all(
    source: FrameSource, bounds: Limits, viewer: Viewer, received: asyncio.Queue[Mapping[str, Any]]
) -> None:
    while True:
        event = await received.get()
        for message in await _answers(source, bounds, viewer, event.get("text") or event.get("bytes") or b""):
            viewer.outlet.write(message)
        await viewer.outlet.drained()  # who does not read gets no further answers either


async def _answers(source: FrameSource, bounds: Limits, viewer: Viewer, text: str | bytes) -> list[Message]:
    """The answers to one message of the viewer, besides the frames; an error where it can be none other."""
    try:
        message = parse_message(text)
    except ProtocolError as exc:
        return [_error(str(exc))]
    answers = []
    try:
        unknown = [excerpt(name) for name in message if name not in REQUESTS]
        if unknown:
            named = ", ".join(unknown[:3])
            answers.append(_error(f"unknown request {named}; there are {', '.join(REQUESTS)}"))
        if "replay" in message:  # first: what is watched is watched there
            answers += [_error(each) for each in await source.replay(viewer, message["replay"])]
        if "subscribe" in message:
            bounds.subscription(viewer.identity, viewer.address)
            answers += [_error(each) for each in await source.subscribe(viewer, message["subscribe"])]
        if "ping" in message:
            answers.append(Message(pong(message["ping"])))
        if "painted" in message:
            source.painted(parse_painted(message["painted"]))
    except (ProtocolError, LimitError) as exc:
        answers.append(_error(str(exc)))
    except Exception:  # a fault of ours must not end the viewer's connection
        log.exception("message_failed")
        answers.append(_error("the server failed to do this; its log says why"))
    return answers


def _error(complaint: str) -> Message:
    return Message(encode({"type": "error", "message": complaint}))
