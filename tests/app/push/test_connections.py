"""Whoever only reaches the port: what a connection may send, and how slowly, before it is cut off."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tickdeck.app.push import connections
from tickdeck.app.push.connections import HEAD_BYTES, BoundedHttp
from tickdeck.app.push.outlets import server_options

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(f"{len(body)} bytes")(scope, receive, send)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", **server_options()))
    with socket.create_server(("127.0.0.1", 0)) as sock:
        serving = asyncio.create_task(server.serve([sock]))
        yield sock.getsockname()[1]
        server.should_exit = True
        await serving
    assert not BoundedHttp._half_open  # whatever became of them


async def answer(port: int, *parts: bytes) -> bytes:
    """All that comes back until the server closes the connection; b"" where it was cut off."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(30):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "flood",
    [
        [HEAD, b"X: " + b"x" * 2 * HEAD_BYTES],
        [HEAD, *([b"X: " + b"x" * 1_000 + b"\r\n"] * 100)],
        [b"GET /" + b"x" * 2 * HEAD_BYTES],
        [HEAD + b"Connection: close\r\n\r\n" + HEAD, b"X: " + b"x" * 2 * HEAD_BYTES],
    ],
    ids=["a long header", "many headers", "a long address", "after an answer"],
)
async def test_a_head_without_end_is_refused(port: int, flood: list[bytes]) -> None:
    said = await answer(port, *flood)
    assert b" 500 " not in said
    assert said == b"" or b" 400 " in said or b"0 bytes" in said
    assert b"0 bytes" in await answer(port, HEAD + b"Connection: close\r\n\r\n")


@pytest.mark.parametrize(
    "parts",
    [[], [b"GET / HT"], [HEAD, b"X: y"], [HEAD + b"\r\n", HEAD]],
    ids=["silence", "a line", "a header", "another"],
)
async def test_a_slow_head_is_cut_off(port: int, monkeypatch: pytest.MonkeyPatch, parts: list[bytes]) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.1)
    said = await answer(port, *parts)
    assert said == b"" or said.count(b"HTTP/1.1 200") == 1


async def test_a_slow_body_is_cut_off(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BODY_S", 0.1)
    assert await answer(port, HEAD + b"Content-Length: 9\r\n\r\nabc") == b""
    # One that came in time has time for its answer.
    assert b"3 bytes" in await answer(port, HEAD + b"Connection: close\r\nContent-Length: 3\r\n\r\nabc")


async def test_one_address_has_so_many_half_open(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HALF_OPEN_PER_ADDRESS", 5)
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
    try:
        for _, writer in held:
            writer.write(b"GET /")
            await writer.drain()
        assert await answer(port, HEAD) == b""
        held[0][1].write(b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await held[0][0].readline()
        assert b"0 bytes" in await answer(port, HEAD + b"Connection: close\r\n\r\n")
    finally:
        for _, writer in held:
            writer.close()
