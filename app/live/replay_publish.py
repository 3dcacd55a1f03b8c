"""One replay on a loopback WebSocket of its own, in the protocol of the dashboard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI

from app.live.broadcast import Viewer
from app.live.listening import open_socket
from app.live.metrics import Metrics
from app.live.push import router
from app.live.replay_controls import control
from app.live.replay_open import Opened
from app.live.replay_room import Room
from app.live.settings import LiveSettings
from app.live.wire import server_options
from db.errors import TickdeckError

LOOPBACK = "127.0.0.1"
LAST_FRAMES_S = 1.0
"""How long the server goes on after the end, so that viewers get the last frames."""


class PublishedRoom(Room):
    """A room that plays when its first viewer subscribes, and tells when it has ended."""

    def __init__(self, opened: Opened, settings: LiveSettings) -> None:
        super().__init__("published", opened, settings, Metrics(), database="replay")
        self.ended = asyncio.Event()
        self._begun = False

    async def watch(self, viewer: Viewer, asked: object) -> list[str]:
        complaints = await super().watch(viewer, asked)
        if not self._begun:
            self._begun = True
            await self.player.play()
        return complaints

    async def replay(self, viewer: Viewer, asked: object) -> list[str]:
        """Follow the viewer who holds the controls."""
        if not isinstance(asked, dict) or "do" not in asked:
            return ['this server plays one replay: its controls are {"do": …}']
        try:
            await control(self, viewer, asked)
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

    async def finished(self) -> None:
        """Wait until it was played to its end and the last frames are out; raise what made it fail."""
        await self.room.ended.wait()
        await asyncio.sleep(LAST_FRAMES_S)
        if self.room.player.failure is not None:
            raise TickdeckError(self.room.player.failure)


@asynccontextmanager
async def publishing(opened: Opened, port: int) -> AsyncIterator[Published]:
    """Serve the replay on 127.0.0.1:`port` (0: a free one) until the block ends; `ConfigurationError` if taken."""
    listening = open_socket(LOOPBACK, port)
    settings = LiveSettings()
    room = PublishedRoom(opened, settings)
    app = FastAPI(openapi_url=None)
    app.include_router(router(room))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", lifespan="off", **server_options(compress=settings.compress))
    )
    room.start()
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield Published(f"ws://{LOOPBACK}:{listening.getsockname()[1]}/ws", room)
    finally:
        server.should_exit = True
        await serving
        await room.close()
        listening.close()
