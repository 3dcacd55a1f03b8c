"""The routes of the push: `/ws`, and `/api/frames` for who cannot use it.  docs/protocol.md describes both."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing
from typing import Annotated, Final, Protocol
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Query, Response, WebSocket, WebSocketDisconnect

from app.live.broadcast import Viewer
from app.live.outlets import Message, outlet_of
from app.live.protocol import ProtocolError, encode, parse_json, parse_message
from app.live.settings import LiveSettings

TRY_AGAIN_LATER: Final = 1013
REFUSED: Final = 1008
REQUESTS: Final = ("subscribe", "replay", "ping")

log = structlog.get_logger(__name__)


class Stage(Protocol):
    """Whom viewers watch: the hub, a replay, or the rooms of replays before the hub."""

    settings: LiveSettings

    @property
    def viewers(self) -> int: ...
    def connected(self, viewer: Viewer) -> AbstractContextManager[None]: ...
    async def watch(self, viewer: Viewer, asked: object) -> list[str]: ...
    async def replay(self, viewer: Viewer, asked: object) -> list[str]: ...
    async def poll(self, asked: object, since: int) -> bytes: ...


def router(hub: Stage) -> APIRouter:
    """The routes that serve `hub`."""
    routes = APIRouter()

    @routes.websocket("/ws")
    async def push(websocket: WebSocket) -> None:
        if not origin_allowed(websocket, hub.settings.allowed_origins):
            await websocket.close(REFUSED)  # before accepting: the client sees HTTP 403
            return
        await websocket.accept()
        if hub.viewers >= hub.settings.max_viewers:
            await websocket.send_text(_error(f"the server is full ({hub.settings.max_viewers} viewers)").text)
            await websocket.close(TRY_AGAIN_LATER)
            return
        viewer = Viewer(outlet_of(websocket))
        with hub.connected(viewer), closing(viewer.outlet):
            await _converse(hub, viewer, websocket)

    @routes.get("/api/frames", tags=["push"], response_class=Response)
    async def frames(
        subscribe: Annotated[str, Query(description="JSON, as the value of `subscribe` on the WebSocket")],
        since: Annotated[int, Query(description="`version` of the newest message you have; 0 for none")] = 0,
    ) -> Response:
        """The message a WebSocket viewer would get: a snapshot, or what changed after `since`."""
        try:
            message = await hub.poll(parse_json(subscribe), since)
        except ProtocolError as exc:
            return Response(_error(str(exc)).data, 422, media_type="application/json")
        return Response(message, media_type="application/json", headers={"Cache-Control": "no-store"})

    return routes


def origin_allowed(websocket: WebSocket, allowed: tuple[str, ...]) -> bool:
    """Whether the page that connects is the dashboard's own or an allowed one; programs send no Origin."""
    origin = websocket.headers.get("origin")
    if origin is None or origin in allowed:
        return True
    return urlsplit(origin).netloc == websocket.headers.get("host")


async def _converse(hub: Stage, viewer: Viewer, websocket: WebSocket) -> None:
    """Answer the viewer's messages until it is gone; frames go out by the hub's clock meanwhile."""
    try:
        while True:
            event = await websocket.receive()
            if event["type"] == "websocket.disconnect":
                return
            for message in await _answers(hub, viewer, event.get("text") or event.get("bytes") or b""):
                viewer.outlet.write(message)
            await viewer.outlet.drained()  # who does not read gets no further answers either
    except WebSocketDisconnect:
        return


async def _answers(hub: Stage, viewer: Viewer, text: str | bytes) -> list[Message]:
    """The answers to one message of the viewer, besides the frames."""
    try:
        message = parse_message(text)
    except ProtocolError as exc:
        return [_error(str(exc))]
    answers = [
        _error(f"unknown request {name!r}; there are {', '.join(REQUESTS)}")
        for name in message
        if name not in REQUESTS
    ]
    if "replay" in message:  # first: what is watched is watched there
        answers += [_error(complaint) for complaint in await hub.replay(viewer, message["replay"])]
    if "subscribe" in message:
        answers += [_error(complaint) for complaint in await hub.watch(viewer, message["subscribe"])]
    if "ping" in message:
        answers.append(Message(encode({"type": "pong", "pong": message["ping"]})))
    return answers


def _error(complaint: str) -> Message:
    return Message(encode({"type": "error", "message": complaint}))
