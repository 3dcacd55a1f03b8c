"""A wire between a client and the database that can be cut, or held as a dead network holds it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from psycopg.conninfo import conninfo_to_dict

CHUNK: Final = 16_384


class Wire:
    """`with Wire(url) as wire`: forwards `wire.url` to the database at `url` until the block ends, in a thread of its own.

    `cut` ends every connection with a reset.  `hold` lets nothing through in either direction, and says nothing, until
    `go_on`: neither end learns of it.  `cut_after` cuts once, when clients have sent so many bytes from now on.
    """

    def __init__(self, url: str) -> None:
        self._asked = conninfo_to_dict(url)
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._flows: asyncio.Event | None = None
        self._left: int | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.url = ""
        self.cuts = 0

    @property
    def flows(self) -> bool:
        """Whether anything is let through."""
        return self._flows is not None and self._flows.is_set()

    def cut(self) -> None:
        self._call(self._cut)

    def cut_after(self, sent: int) -> None:
        self._left = sent

    def hold(self) -> None:
        assert self._flows is not None
        self._call(self._flows.clear)

    def go_on(self) -> None:
        assert self._flows is not None
        self._call(self._flows.set)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _call(self, act: Callable[[], None]) -> None:
        done = threading.Event()

        def acted() -> None:
            act()
            done.set()

        self._loop.call_soon_threadsafe(acted)
        assert done.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._flows = asyncio.Event()
        self._flows.set()
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        port = server.sockets[0].getsockname()[1]
        user = (
            f"{self._asked['user']}:{self._asked['password']}"
            if self._asked.get("password")
            else self._asked["user"]
        )
        self.url = f"postgresql://{user}@127.0.0.1:{port}/{self._asked['dbname']}?sslmode=disable"
        self._started.set()
        self._loop.run_forever()
        server.close()
        self._cut()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    async def _serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        host, port = str(self._asked["host"]), int(self._asked.get("port") or 5432)
        if host.startswith("/"):
            server, questions = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            server, questions = await asyncio.open_connection(host, port)
        self._open |= {answers, questions}
        with suppress(asyncio.CancelledError):
            await asyncio.gather(self._copy(client, questions, counted=True), self._copy(server, answers))
        self._open -= {answers, questions}

    async def _copy(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, counted: bool = False
    ) -> None:
        assert self._flows is not None
        with suppress(OSError):
            while data := await source.read(CHUNK):
                await self._flows.wait()
                if counted and self._left is not None:
                    self._left -= len(data)
                    if self._left <= 0:
                        self._left = None
                        self._cut()
                        return
                if target.is_closing():
                    return
                target.write(data)
                await target.drain()
        target.close()

    def _cut(self) -> None:
        self.cuts += 1
        for writer in self._open:
            writer.transport.abort()
