"""Serves the dashboard on one socket until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Final

import uvicorn

from app.config import Settings
from app.live.wire import server_options
from app.main import create_app

GRACE_S: Final = 2
"""What open requests get to finish once the end is asked for."""


def address(sock: socket.socket) -> str:
    """The page's address on a bound socket."""
    host, port = sock.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


class _Server(uvicorn.Server):
    """uvicorn raises a signal again at the end, which would end the process before the database is stopped."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()


async def serve_until_stopped(
    settings: Settings,
    url: str,
    sock: socket.socket,
    *,
    database: str,
    beside: AbstractAsyncContextManager[object] | None = None,
    on_live: Callable[[str], None],
) -> None:
    """Serve the database at `url` until SIGINT or SIGTERM; a second signal does not wait for open requests.

    `beside` runs as long (a feed).  `on_live` gets the page's address once live data can be served.
    """
    loop = asyncio.get_running_loop()
    async with beside or contextlib.nullcontext(), create_app(settings, url, database=database) as app:
        server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_S,
                **server_options(compress=settings.live.compress),
            ),
            lambda: on_live(address(sock)),
        )

        def stop() -> None:
            server.force_exit = server.should_exit
            server.should_exit = True

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        # What start-up made stays: the collector need not look at it in the middle of a frame, or at the end.
        gc.collect()
        gc.freeze()
        await server.serve(sockets=[sock])
