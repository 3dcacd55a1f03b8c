"""A server that says goodbye to a connection that waits: it counts as unavailable, and writing again settles it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tickdeck.db.errors import DatabaseUnavailableError
from tickdeck.db.session import open_pool
from tickdeck.db.ticks.store import TickStore
from tickdeck.testing.ticks import TickFactory

FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0"
GOODBYE = b"E" + struct.pack("!i", len(FIELDS) + 4) + FIELDS


class Proxy:
    """Between a client and the server of `url`; `goodbye` is what a dying server says before it hangs up."""

    def __init__(self, url: str) -> None:
        self._asked = conninfo_to_dict(url)
        self._open: list[asyncio.StreamWriter] = []
        self.url = ""

    async def serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        host, port = str(self._asked["host"]), int(self._asked.get("port") or 5432)
        if host.startswith("/"):
            server, questions = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            server, questions = await asyncio.open_connection(host, port)
        self._open.append(answers)
        asking = asyncio.create_task(_copy(client, questions))
        await _copy(server, answers)
        await asking

    async def goodbye(self) -> None:
        for answers in self._open:
            answers.write(GOODBYE)
            await answers.drain()
        self._open.clear()


@asynccontextmanager
async def proxy_of(url: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(url)
    asked = conninfo_to_dict(url)
    user = f"{asked['user']}:{asked['password']}" if asked.get("password") else asked["user"]
    async with await asyncio.start_server(proxy.serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        proxy.url = f"postgresql://{user}@127.0.0.1:{port}/{asked['dbname']}?sslmode=disable"
        yield proxy


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
    target.close()


async def test_a_goodbye_before_a_copy_loses_nothing(tickdeck_db: str) -> None:
    factory = TickFactory(tickdeck_db)
    async with proxy_of(tickdeck_db) as proxy:
        pool = await open_pool(proxy.url, role="writer", size=1)
        store = TickStore(pool)
        assert (await store.write(factory.batch(100))).stored == 100
        await proxy.goodbye()
        await asyncio.sleep(0.05)  # nothing tells that the driver has read it
        batch = factory.batch(500)
        with pytest.raises(DatabaseUnavailableError):
            await store.write(batch)
        assert (await store.write(batch)).stored == 500
        await pool.close()
    with psycopg.connect(tickdeck_db) as connection:
        assert connection.execute("select count(*) from ticks").fetchone() == (600,)
