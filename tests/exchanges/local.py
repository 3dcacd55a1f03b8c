"""What the local exchanges share: the trades they made, the sockets they serve, and the ways in which they fail."""

from __future__ import annotations

import asyncio
import http
import json
import math
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import orjson
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response


@dataclass(frozen=True, slots=True)
class Made:
    """A trade that happened; it is stored once, whatever becomes of its message."""

    symbol: str
    number: int
    time_us: int
    price: Decimal
    size: Decimal
    taker_buys: bool
    nanosecond: int = 0
    """Below the µs."""


@dataclass(slots=True)
class Counts:
    """What the exchange did."""

    made: int = 0
    sent: int = 0
    withheld: int = 0
    doubled: int = 0
    cuts: int = 0
    connections: int = 0
    requests: int = 0
    refused: int = 0


@dataclass(eq=False, slots=True)
class Client:
    """Somebody who is connected."""

    socket: ServerConnection
    symbols: set[str] = field(default_factory=set)
    facts: dict[str, Any] = field(default_factory=dict)
    deaf: bool = False
    """Half-open: nothing is sent any more, and nobody says so."""


class LocalExchange(ABC):
    """`async with LocalExchange(symbols)`: an exchange at `url`, for REST and WebSocket.

    Trades are made by `trade`, or at a rate by `run`.  Each fault is a method, and lasts as long as it says.
    """

    name: str
    reset_breaks_rest = False

    def __init__(
        self, symbols: Sequence[str], *, seed: int = 1, port: int = 0, first_number: int = 1000
    ) -> None:
        self.symbols = list(symbols)
        self.tapes: dict[str, list[Made]] = {symbol: [] for symbol in symbols}
        """All trades that the exchange counts, by symbol, as they happened."""
        self.counts = Counts()
        self.clients: set[Client] = set()
        self.skew_us = 0
        """This exchange's clock minus the machine's."""
        self.url = ""
        self.requested: list[str] = []
        self._random = random.Random(seed)
        self._began_s = int(time.time())
        self._port = port
        self._next = dict.fromkeys(symbols, first_number)
        self._price = {symbol: Decimal(100 + 50 * place) for place, symbol in enumerate(symbols)}
        self._server: Server | None = None
        self._since: dict[str, int] = {}
        self._lose = 0
        self._double = 0
        self._late: list[tuple[str, list[Made]]] = []
        self._hold = 0
        self._shuffle = 0
        self._spoil: list[Callable[[str], str]] = []
        self._rest_answers: list[tuple[int, dict[str, str], float]] = []
        self._closed_until = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    # -- what the exchange at hand says ---------------------------------------------------------------------------

    @abstractmethod
    def message(self, trades: Sequence[Made], client: Client) -> list[str]:
        """Trades of one symbol as messages; each may hold several."""

    @abstractmethod
    async def asked(self, client: Client, request: Any) -> None:
        """A client sent something."""

    @abstractmethod
    def rest(self, path: str, query: dict[str, str], headers: Headers) -> Any:
        """The JSON of an answer; raises `RefusedError`."""

    def arrived(self, client: Client, path: str, query: dict[str, str]) -> list[str]:
        """Somebody connects to this address: what is said to him first."""
        del client, path, query
        return []

    def spoiled_field(self, message: str) -> str:
        """A message whose price has another name: the exchange has changed its protocol."""
        return message.replace('"p":', '"price_now":').replace('"price":', '"price_now":')

    # -- running --------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self._port,
            process_request=self._process,
            ping_interval=20,
            compression=None,
        )
        port = next(iter(self._server.sockets)).getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._server is not None
        for client in list(self.clients):
            client.socket.transport.abort()
        self._server.close()
        await self._server.wait_closed()

    def go_on(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something going on until the exchange closes."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def asked_for(self, symbol: str) -> list[Made]:
        """The trades that REST has."""
        return self.tapes[symbol][self._since.get(symbol, 0) :]

    def candles(self, symbol: str, width_s: int, count: int) -> list[tuple[int, list[Decimal]]]:
        """The newest candles of the time before: start in seconds; open, high, low, close, volume.  The last is under way.

        A price follows from the time alone, so that those of all widths agree at their ends.
        """
        last = int(self.now_us / 1e6) // width_s * width_s
        base = 100 + 50 * self.symbols.index(symbol)

        def price(second: int) -> float:
            back = second - self._began_s
            waves = ((0.0004, 60.0), (0.003, 1100.0), (0.01, 9_000.0), (0.06, 400_000.0), (0.2, 9e6))
            return base * math.exp(
                sum(high * math.sin(back / long + base) - high * math.sin(base) for high, long in waves)
            )

        made = []
        for start in range(last - (count - 1) * width_s, last + 1, width_s):
            steps = [price(start + width_s * step // 8) for step in range(9)]
            size = 0.2 * width_s * (1.5 + math.sin(start / 14_000))
            values = (steps[0], max(steps), min(steps), steps[-1], size)
            made.append((start, [Decimal(round(each * 10_000)) / 10_000 for each in values]))
        return made

    @property
    def at_fault(self) -> bool:
        """Whether messages to come are still to be lost, held back, doubled or spoilt."""
        return bool(self._lose or self._hold or self._double or self._spoil)

    @property
    def now_us(self) -> int:
        """The exchange's own clock."""
        return time.time_ns() // 1000 + self.skew_us

    async def run(self, rate: float, *, count: int | None = None, over: asyncio.Event | None = None) -> None:
        """Make `rate` trades a second, of all symbols, until `count` are made or it is `over`."""
        began, made = time.monotonic(), 0
        while (count is None or made < count) and not (over and over.is_set()):
            due = int((time.monotonic() - began) * rate) - made
            if count is not None:
                due = min(due, count - made)
            if due > 0:
                await self.trade(due)
                made += due
            await asyncio.sleep(min(0.02, 1 / rate))

    async def trade(self, count: int = 1, symbol: str | None = None, *, together: bool = False) -> None:
        """Let `count` trades happen, and tell who listens; `together`: those of a symbol in one message."""
        made: dict[str, list[Made]] = {}
        for _ in range(count):
            each = self._make(symbol or self._random.choice(self.symbols))
            made.setdefault(each.symbol, []).append(each)
        for its, trades in made.items():
            parts = [trades] if together else [[each] for each in trades]
            for part in parts:
                await self._tell(its, part)

    async def trade_at(self, symbol: str, price: Decimal) -> None:
        """Let one trade happen at a price."""
        self._price[symbol] = price
        await self._tell(symbol, [self._make(symbol, moves=False)])

    def _make(self, symbol: str, *, moves: bool = True) -> Made:
        step = Decimal("0.01")
        if moves:
            self._price[symbol] = max(step, self._price[symbol] + step * self._random.randint(-5, 5))
        tape = self.tapes[symbol]
        made = Made(
            symbol,
            self._next[symbol],
            max(self.now_us, tape[-1].time_us if tape else 0),
            self._price[symbol],
            Decimal(self._random.randint(1, 500_000)) / 10_000,
            self._random.random() < 0.5,
            self._random.randint(0, 999),
        )
        self._next[symbol] += 1
        tape.append(made)
        self.counts.made += 1
        return made

    async def _tell(self, symbol: str, trades: list[Made]) -> None:
        if self._lose > 0:
            self._lose -= 1
            self.counts.withheld += len(trades)
            return
        if self._hold > 0:
            self._hold -= 1
            self._late.append((symbol, trades))
            if self._hold == 0:
                late, self._late = self._late, []
                if self._shuffle:
                    self._random.shuffle(late)
                    self._shuffle = 0
                for its, held in late:
                    await self._send(its, held)
            return
        await self._send(symbol, trades)

    async def _send(self, symbol: str, trades: list[Made]) -> None:
        times = 1
        if self._double > 0:
            self._double -= 1
            times = 2
            self.counts.doubled += len(trades)
        spoil = self._spoil.pop(0) if self._spoil else None
        for client in list(self.clients):
            if symbol in client.symbols and not client.deaf:
                for message in self.message(trades, client) * times:
                    self.counts.sent += 1
                    await self.say(client, message if spoil is None else spoil(message))

    async def say(self, client: Client, message: str) -> None:
        """Send to a client who may be gone."""
        with suppress(ConnectionClosed):
            await client.socket.send(message)

    async def say_to_all(self, message: Callable[[Client], Iterable[str]]) -> None:
        """Send what `message` makes to each client."""
        for client in list(self.clients):
            if not client.deaf:
                for each in message(client):
                    await self.say(client, each)

    # -- faults ---------------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """All connections end, without a close frame."""
        for client in list(self.clients):
            self.counts.cuts += 1
            client.socket.transport.abort()

    def go_silent(self) -> None:
        """The connections there are stay open, and nothing comes over them any more, not even an answer to a ping."""
        for client in list(self.clients):
            client.deaf = True
            client.socket.transport.pause_reading()

    def lose(self, messages: int) -> None:
        """The next messages are not sent."""
        self._lose = messages

    def hold_back(self, messages: int, *, shuffled: bool = False) -> None:
        """The next messages come together, after the last of them."""
        self._hold, self._shuffle = messages, int(shuffled)

    def double(self, messages: int) -> None:
        """The next messages come twice."""
        self._double = messages

    def spoil(self, messages: int, how: str) -> None:
        """The next messages are cut in two (`malformed`) or have their price under another name (`renamed`)."""
        ways = {"malformed": lambda message: message[: len(message) // 2], "renamed": self.spoiled_field}
        self._spoil += [ways[how]] * messages

    def count_anew(self, first: int = 1) -> None:
        """Trade numbers begin at `first` again, and nothing that was before can be asked for."""
        self._next = dict.fromkeys(self.symbols, first)
        self._since = {symbol: len(tape) for symbol, tape in self.tapes.items()}

    def skip_numbers(self, count: int) -> None:
        """Numbers that no trade gets."""
        for symbol in self.symbols:
            self._next[symbol] += count

    def refuse_rest(
        self, status: int, times: int = 1, *, retry_after: str | None = None, after_s: float = 0.0
    ) -> None:
        """The next REST requests are answered so."""
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        self._rest_answers += [(status, headers, after_s)] * times

    def close_for(self, seconds: float) -> None:
        """Maintenance: connections end, and for a while neither socket nor REST is served."""
        self._closed_until = time.monotonic() + seconds
        self.cut()

    # -- serving --------------------------------------------------------------------------------------------------

    async def _process(self, connection: ServerConnection, request: Request) -> Response | None:
        closed = time.monotonic() < self._closed_until
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return _answer(503, {"msg": "maintenance"}) if closed else None
        self.counts.requests += 1
        self.requested.append(request.path)
        if closed:
            return _answer(503, {"msg": "maintenance"})
        if self._rest_answers:
            status, headers, after_s = self._rest_answers.pop(0)
            self.counts.refused += 1
            await asyncio.sleep(after_s)
            return _answer(status, {"msg": "not now"}, headers)
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        try:
            return _answer(200, self.rest(parts.path, query, request.headers))
        except RefusedError as refusal:
            return _answer(refusal.status, refusal.content)

    async def _serve(self, socket: ServerConnection) -> None:
        client = Client(socket)
        self.counts.connections += 1
        self.clients.add(client)
        try:
            assert socket.request is not None
            parts = urlsplit(socket.request.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            for message in self.arrived(client, parts.path, query):
                await self.say(client, message)
            async for request in socket:
                await self.asked(client, json.loads(request))
        except ConnectionClosed:
            pass
        finally:
            self.clients.discard(client)


class RefusedError(Exception):
    """A REST request that is refused."""

    def __init__(self, status: int, content: Any) -> None:
        super().__init__(str(content))
        self.status = status
        self.content = content


def _answer(status: int, content: Any, headers: dict[str, str] | None = None) -> Response:
    body = orjson.dumps(content)
    said = Headers({"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})})
    said["Connection"] = "close"
    return Response(status, http.HTTPStatus(status).phrase, said, body)
