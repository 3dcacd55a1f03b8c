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
from structlog.testing import CapturingLogger

from tickdeck.app.push import connections
from tickdeck.app.push.connections import HEAD_BYTES, BoundedHttp
from tickdeck.app.push.outlets import EXTENSION, MOST_FRAGMENTS, DirectWebSocket, server_options

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


UPGRADE = HEAD + (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
SOCKETS: list[DirectWebSocket] = []
"""Those that were opened."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        SOCKETS.append(scope["extensions"][EXTENSION])
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    body = await Request(scope, receive).body()
    text = "x" * 50_000_000 if scope["path"] == "/long" else f"{len(body)} bytes"
    await PlainTextResponse(text)(scope, receive, send)


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
        async with asyncio.timeout(60):
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
@pytest.mark.fault("heads of requests without end, or without haste", "cut off", within="15 s")
async def test_a_slow_head_is_cut_off(port: int, monkeypatch: pytest.MonkeyPatch, parts: list[bytes]) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.1)
    said = await answer(port, *parts)
    assert said == b"" or said.count(b"HTTP/1.1 200") == 1


async def test_a_slow_body_is_cut_off(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BODY_S", 0.1)
    assert await answer(port, HEAD + b"Content-Length: 9\r\n\r\nabc") == b""
    # One that came in time has time for its answer.
    assert b"3 bytes" in await answer(port, HEAD + b"Connection: close\r\nContent-Length: 3\r\n\r\nabc")


async def test_who_takes_nothing_of_his_answer_is_cut_off(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WRITE_S", 0.1)
    monkeypatch.setattr(connections, "log", said := CapturingLogger())  # at whatever level others have logs
    with socket.create_connection(("127.0.0.1", port)) as reader:
        reader.sendall(HEAD.replace(b"GET /", b"GET /long") + b"\r\n")
        async with asyncio.timeout(60):
            while not said.calls:  # noqa: ASYNC110 - the log is a list
                await asyncio.sleep(0.01)
        assert [each.args for each in said.calls] == [("slow_request_cut_off",)]
        assert len(await asyncio.to_thread(reader.makefile("rb").read)) < 50_000_000

    # Who takes some of it, again and again, gets all.
    monkeypatch.setattr(connections, "WRITE_S", 1.0)
    stream, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD.replace(b"GET /", b"GET /long") + b"Connection: close\r\n\r\n")
    length = 0
    while part := await stream.read(5_000_000):
        length += len(part)
        await asyncio.sleep(0.003)  # so that all of it takes longer than nothing may be taken for
    writer.close()
    assert length > 50_000_000


@pytest.mark.parametrize(
    ("begun", "rest"),
    [
        (b"GET /", b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        (HEAD.replace(b"GET", b"POST") + b"Content-Length: 2\r\n\r\n", b"ab"),
    ],
    ids=["heads", "bodies"],
)
async def test_one_address_has_so_many_half_open(
    port: int, monkeypatch: pytest.MonkeyPatch, begun: bytes, rest: bytes
) -> None:
    """Those beyond have a moment only, and beyond many none at all."""
    monkeypatch.setattr(connections, "HALF_OPEN_PER_ADDRESS", 5)
    monkeypatch.setattr(connections, "MOST_HALF_OPEN", 8)
    whole = HEAD + b"Connection: close\r\n\r\n"
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
    try:
        for _, writer in held:
            writer.write(begun)
            await writer.drain()
        assert b"0 bytes" in await answer(port, whole), "a crowd that comes at once"
        crowd = await asyncio.gather(*(answer(port, begun) for _ in range(6)))
        assert crowd == [b""] * 6
        held[0][1].write(rest)
        await held[0][0].readline()
        assert b"0 bytes" in await answer(port, whole)
    finally:
        for _, writer in held:
            writer.close()


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/", b"200"),
        (b"http://localhost/", b"200"),
        (b"HTTP://LOCALHOST/x?y=/", b"200"),
        (b"http://evil.example/", b"400"),
        (b"http://localhost:81/", b"400"),
        (b"http://localhost@evil.example/", b"400"),
        (b"http://localhost?@evil.example/", b"400"),
    ],
)
async def test_a_whole_address_names_the_server_that_the_host_does(
    port: int, target: bytes, status: bytes
) -> None:
    """Else what a proxy went by, and what is looked at here, would be two things."""
    said = await answer(port, b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert said.split()[1] == status


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        b"Content-Length: 3\r\nContent-Length: 4\r\n",
        b"Content-Length: 3, 3\r\n",
        b"Content-Length: +3\r\n",
        b"Content-Length : 3\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"X: a\r\n Content-Length: 3\r\n",
        b"X: a\nContent-Length: 3\r\n",
        b"X: a\rContent-Length: 3\r\n",
        b"X: a\x00\r\n",
    ],
)
async def test_where_a_body_ends_is_said_in_one_way_only(port: int, framing: bytes) -> None:
    """What a proxy in front took for a body must not be the next request here, nor the other way round."""
    said = await answer(
        port, b"POST / HTTP/1.1\r\nHost: localhost\r\n" + framing + b"\r\n0\r\n\r\n" + HEAD + b"\r\n"
    )
    assert [line.split()[1] for line in said.splitlines() if line.startswith(b"HTTP/")] == [b"400"]


def frame(opcode: int, data: bytes = b"", *, last: bool = True) -> bytes:
    """One frame of a client, with a mask of zeros (RFC 6455, 5.2)."""
    return bytes([(0x80 if last else 0) | opcode, 0x80 | len(data)]) + bytes(4) + data


async def test_who_pings_and_does_not_read_fills_no_memory(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        connection = SOCKETS[-1]
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.transport.set_write_buffer_limits(high=0)
        pings, most = frame(9, b"x" * 125) * 1_000, 0
        for _ in range(100):  # 13 MB
            writer.write(pings)
            await writer.drain()
            most = max(most, connection.unsent_bytes())
        assert most < 2_000_000
        writer.write(frame(9, b"the last"))
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(60):
            await reader.readuntil(b"the last")
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (frame(1, last=False) + frame(0, last=False) * 2 * MOST_FRAGMENTS, 1009),
        (frame(1, b"x" * 100, last=False) + frame(0, b"x" * 100, last=False) * 1_000, 1009),
        (frame(1, b"x", last=False) * 2, 1002),
        (b"\x81\xff" + (1 << 40).to_bytes(8) + bytes(4), 1009),
        (frame(1, b"\xff"), 1007),
        (frame(1, b"\xff", last=False) + frame(0, b"x"), 1007),
        (b"\xc1" + frame(1, b"x")[1:], 1002),
        (b"\x81\x01x", 1002),
        (frame(0, b"x"), 1002),
        (frame(3), 1002),
    ],
    ids=[
        "empty fragments", "too long in fragments", "a text within a text", "a TB", "no UTF-8", "no UTF-8 in fragments",
        "compressed unasked", "unmasked", "a continuation of nothing", "an unknown kind",
    ],
)  # fmt: skip
async def test_frames_that_may_not_be_end_the_connection(port: int, frames: bytes, code: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(UPGRADE)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(frames)
    assert (await reader.readexactly(4))[2:] == code.to_bytes(2)
    writer.close()
