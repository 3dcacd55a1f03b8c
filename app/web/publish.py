"""One replay on a loopback WebSocket of its own, in the protocol of the dashboard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from tickdeck.app.config import LiveSettings
from tickdeck.app.push.broadcast import Viewer
from tickdeck.app.push.metrics import Metrics
from tickdeck.app.push.outlets import server_options
from tickdeck.app.replay.opening import Replay
from tickdeck.app.replay.room import Room
from tickdeck.app.web.errors import answer_errors
from tickdeck.app.web.push import router
from tickdeck.app.web.server import open_socket
from tickdeck.db.errors import TickdeckError

LOOPBACK = "127.0.0.1"
LAST_FRAMES_S = 1.0
"""How long the server goes on after the end, so that viewers get the last frames."""


class PublishedRoom(Room):
    """A room that plays when its first viewer subscribes, and tells when it has ended."""

    def __init__(self, replay: Replay, settings: LiveSettings) -> None:
        super().__init__("published", replay, settings, Metrics(), database="replay")
        self.ended = asyncio.Event()
        self._begun = False

    async def subscribe(self, viewer: Viewer, request: object) -> list[str]:
        complaints = await super().subscribe(viewer, request)
        if not self._begun:
            self._begun = True
            await self.player.play()
        return complaints

    async def replay(self, viewer: Viewer, request: object) -> list[str]:
        """Follow the viewer who holds the controls."""
        if not isinstance(request, dict) or "do" not in request:
            return ['this server plays one replay: its controls are {"do": …}']
        try:
            await self.control(viewer, request)
        except TickdeckError as exc:
            return [str(exc)]
        return []

    def changed(self) -> None:
        super().changed()
        if self.player.status in {"ended", "failed"}:
            self.ended.set()


@dataclass(frozen=True, slots=True)
class Published:
    """A replay that is served at `url`."""

    url: str
    room: PublishedRoom
    serving: asyncio.Task[None]

    async def finished(self) -> None:
        """Wait until it was played to its end and the last frames are out; raise what made it fail."""
        ended = asyncio.create_task(self.room.ended.wait())
        try:
            await asyncio.wait({ended, self.serving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
        if self.serving.done():
            self.serving.result()
            raise TickdeckError("the server of the replay stopped before its end")
        await asyncio.sleep(LAST_FRAMES_S)
        if self.room.player.failure is not None:
            raise TickdeckError(self.room.player.failure)


@asynccontextmanager
async def publishing(replay: Replay, port: int) -> AsyncIterator[Published]:
    """Serve the replay on 127.0.0.1:`port` (0: a free one) until the block ends; `ConfigurationError` if taken."""
    listening = open_socket(LOOPBACK, port)
    settings = LiveSettings()
    room = PublishedRoom(replay, settings)
    app = FastAPI(openapi_url=None)
    answer_errors(app)
    app.include_router(router(room))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", lifespan="off", **server_options(compress=settings.compress))
    )
    room.start()
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield Published(f"ws://{LOOPBACK}:{listening.getsockname()[1]}/ws", room, serving)
    finally:
        server.should_exit = True
        await serving
        await room.close()
        listening.close()
