"""The viewers' process of the push benchmark: N connections that note when each tick first shows.

`python -m bench.push.viewers PORT WAY COUNT PERIOD_MS [COOKIES]`: COOKIES names a file of sessions, a line for each
viewer, with which they sign in; WAY is `frames` (our WebSocket), `poll` (dcc.Interval's
requests, every PERIOD_MS) or `native` (Dash's WebSocket callback).  Prints `ready` when every viewer has a first
answer.  When its input ends it prints one JSON object: `bytes` received, `messages`, `new_ticks`, a list of lists of
[symbol, first, last], and `seen`, a list of [monotonic ns, n]: at that moment a viewer first showed what stands in
`new_ticks` at n, of each symbol the ticks numbered first to last.
"""

from __future__ import annotations

import asyncio
import random
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import orjson
import uvloop
from websockets.frames import Frame, Opcode

TickCounts: TypeAlias = dict[str, int]
"""How many ticks of each symbol a viewer shows."""
NewTicks: TypeAlias = list[tuple[str, int, int]]
"""(symbol, number of the first, of the last) of the ticks that a message shows and the one before did not."""
READY_S: Final = 60.0
_KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="


class Decoder:
    """Reads messages.  Viewers that show the same share the work, so that each message is parsed once, not N times."""

    def __init__(self) -> None:
        self.blank: TickCounts = {}
        self.new_ticks: list[NewTicks] = []
        self._read: dict[tuple[int, bytes], tuple[TickCounts, int | None]] = {}
        self._alive: list[TickCounts] = [self.blank]

    def read(self, shown: TickCounts, payload: bytes) -> tuple[TickCounts, int | None]:
        """What is shown after the message, and the place in `new_ticks` of what it brought, if anything."""
        read = self._read.get((id(shown), payload))
        if read is None:
            after = dict(shown)
            new = []
            for symbol, trades in _counts(orjson.loads(payload)):
                before = after.get(symbol, 0)
                if trades > before:
                    new.append((symbol, before + 1, trades))
                    after[symbol] = trades
            read = (after, len(self.new_ticks)) if new else (shown, None)
            if new:
                self.new_ticks.append(new)
            self._alive.append(read[0])  # an id is only good while its object lives
            self._read[id(shown), payload] = read
        return read


def _counts(message: Any) -> list[tuple[str, int]]:
    """(symbol, trades) of every row in a message of any of the ways."""
    if isinstance(message, list):  # Dash batches
        return [count for each in message for count in _counts(each)]
    rows = message.get("watchlist", {}).get("rows")
    if rows is None:
        found = message.get("response", message.get("payload", {}).get("props", {}))
        grid = found.get("watchlist", found)
        rows = grid.get("rowData") or grid.get("rowTransaction", {}).get("update", [])
    return [(row[0], row[9]) if isinstance(row, list) else (row["symbol"], row["trades"]) for row in rows]


class Viewer(asyncio.Protocol):
    """One connection; subclasses say what they send and how a message is cut from the stream."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.shown = bench.decoder.blank
        self.buffer = bytearray()
        self.upgraded = False
        self.began = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.open()

    def open(self) -> None:
        path = "/ws" if self.bench.way == "frames" else "/_dash-ws-callback"
        host = f"127.0.0.1:{self.bench.port}"
        self.transport.write(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\n"
            f"{self.bench.cookie()}Connection: Upgrade\r\nSec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self.bench.bytes += len(data)
        self.buffer += data
        if not self.upgraded:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if b" 101 " not in self.buffer[:end].partition(b"\r\n")[0]:
                self.bench.refused(bytes(self.buffer).decode(errors="replace"))
                return
            del self.buffer[: end + 4]
            self.upgraded = True
            self.transport.write(Frame(Opcode.TEXT, orjson.dumps(self.bench.request)).serialize(mask=True))
        while (payload := self.cut()) is not None:
            self.message(payload, now)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.began:
            self.bench.refused(f"the connection ended before a first answer ({exc or 'closed'})")

    def cut(self) -> bytes | None:
        buffer = self.buffer
        while len(buffer) >= 2:
            length, head = buffer[1], 2
            if length >= 126:
                head = 4 if length == 126 else 10
                length = int.from_bytes(buffer[2:head])
            if len(buffer) < head + length:
                return None
            opcode, payload = buffer[0] & 15, bytes(buffer[head : head + length])
            del buffer[: head + length]
            if opcode == Opcode.TEXT:
                return payload
            if opcode == Opcode.PING:
                self.transport.write(Frame(Opcode.PONG, payload).serialize(mask=True))
        return None

    def message(self, payload: bytes, now: int) -> None:
        self.bench.messages += 1
        self.shown, new = self.bench.decoder.read(self.shown, payload)
        if not self.began:  # the first message shows what is old
            self.began = True
            self.bench.began()
        elif new is not None:
            self.bench.seen.append((now, new))


class PollingViewer(Viewer):
    """Asks like a page with a `dcc.Interval`, over one kept-alive connection; skips a beat while unanswered."""

    def open(self) -> None:
        self.clicks = 0
        self.answered = True
        asyncio.get_running_loop().call_later(random.random() * self.bench.period_s, self.ask)

    def ask(self) -> None:
        if self.transport.is_closing():
            return
        asyncio.get_running_loop().call_later(self.bench.period_s, self.ask)
        if not self.answered:
            return
        self.answered = False
        self.clicks += 1
        body = orjson.dumps(
            {
                "output": "watchlist.rowData",
                "outputs": {"id": "watchlist", "property": "rowData"},
                "inputs": [{"id": "tick", "property": "n_intervals", "value": self.clicks}],
                "changedPropIds": ["tick.n_intervals"],
                "parsedChangedPropsIds": ["tick.n_intervals"],
            }
        )
        self.transport.write(
            b"POST /_dash-update-component HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )

    def data_received(self, data: bytes) -> None:
        self.upgraded = True
        super().data_received(data)

    def cut(self) -> bytes | None:
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self.buffer[:end]).lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        if len(self.buffer) < end + 4 + length:
            return None
        payload = bytes(self.buffer[end + 4 : end + 4 + length])
        del self.buffer[: end + 4 + length]
        self.answered = True
        return payload


class Bench:
    def __init__(
        self, port: int, way: str, count: int, period_s: float, sessions: Sequence[str] = ()
    ) -> None:
        self._sessions = iter(sessions)
        self.port = port
        self.way = way
        self.count = count
        self.period_s = period_s
        self.decoder = Decoder()
        self.bytes = 0
        self.messages = 0
        self.seen: list[tuple[int, int]] = []
        self.request: Any = {"subscribe": {"watchlist": "all", "rows": "arrays"}}
        self._waiting = count
        self._all_began: asyncio.Future[None]

    def cookie(self) -> str:
        """The header with the next viewer's session; nothing where nobody signs in."""
        session = next(self._sessions, None)
        return "" if session is None else f"Cookie: tickdeck_session={session}\r\n"

    def began(self) -> None:
        self._waiting -= 1
        if self._waiting == 0:
            self._all_began.set_result(None)

    def refused(self, why: str) -> None:
        """A viewer that gets nothing would be waited for without end."""
        if not self._all_began.done():
            self._all_began.set_exception(
                RuntimeError(f"{self._waiting} of {self.count} viewers wait: {why}")
            )

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        self._all_began = loop.create_future()
        kind = PollingViewer if self.way == "poll" else Viewer
        if self.way == "native":
            self.request = await self._native_request()
        connections = []
        for first in range(0, self.count, 50):  # a whole crowd at once overflows the listening socket's queue
            group = range(first, min(first + 50, self.count))
            connections += await asyncio.gather(
                *(loop.create_connection(lambda: kind(self), "127.0.0.1", self.port) for _ in group)
            )
        try:
            async with asyncio.timeout(READY_S):
                await self._all_began
        except TimeoutError:
            sys.exit(f"{self._waiting} of {self.count} viewers have no first frame after {READY_S:.0f} s")
        print("ready", flush=True)
        self.bytes = self.messages = 0
        end = loop.create_future()
        threading.Thread(
            target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(end.set_result, None)), daemon=True
        ).start()
        await end
        for transport, _ in connections:
            transport.close()
        result = {
            "bytes": self.bytes, "messages": self.messages, "new_ticks": self.decoder.new_ticks, "seen": self.seen,
        }  # fmt: skip
        sys.stdout.buffer.write(orjson.dumps(result))

    async def _native_request(self) -> Any:
        """The callback has no output: Dash makes its name up, and tells it to the page."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET /_dash-dependencies HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        body = (await reader.read()).partition(b"\r\n\r\n")[2]
        writer.close()
        callback = next(
            each for each in orjson.loads(body) if [given["id"] for given in each["inputs"]] == ["start"]
        )
        payload = {
            "output": callback["output"],
            "inputs": [{"id": "start", "property": "data", "value": 1}],
            "changedPropIds": ["start.data"],
            "parsedChangedPropsIds": ["start.data"],
        }
        return {"type": "callback_request", "requestId": "1", "rendererId": "bench", "payload": payload}


if __name__ == "__main__":
    lines = Path(sys.argv[5]).read_text(encoding="ascii").split() if len(sys.argv) > 5 else []
    uvloop.run(Bench(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]) / 1000, lines).run())
