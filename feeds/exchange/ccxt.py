"""Any exchange of which ccxt has live trades, through ccxt's own client; needs `tickdeck[ccxt]`.

https://docs.ccxt.com/#/ccxt.pro.manual.  What ccxt cannot tell is not made up: times are whole milliseconds, numbers do not
count, and what could not be asked for stays a gap.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from decimal import Decimal
from hashlib import blake2b
from itertools import takewhile
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit, urlunsplit

import orjson
import structlog
from pydantic import model_validator
from pydantic_core import PydanticCustomError

from tickdeck.db.backoff import Backoff
from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.bars import Bar
from tickdeck.db.market.types import Instrument, Interval
from tickdeck.db.session import Pool
from tickdeck.feeds.base import Feed, FeedBatch
from tickdeck.feeds.errors import FeedError
from tickdeck.feeds.exchange.adapter import Exchange, ExchangeOptions, Page, decimals_of
from tickdeck.feeds.exchange.connection import Connection, ConnectionLostError, Message, Pulse
from tickdeck.feeds.exchange.feed import ExchangeFeed, Recall, Recalled
from tickdeck.feeds.exchange.plugin import recall_apart, recalled
from tickdeck.feeds.exchange.rest import TRIES, Rest, RestAwayError, RestRefusedError, asked_to_wait_s
from tickdeck.feeds.exchange.tape import Gap
from tickdeck.feeds.exchange.trades import (
    Fault,
    Heard,
    Mark,
    Side,
    Trade,
    number,
    part,
    read_trades,
    text,
    whole,
)
from tickdeck.feeds.plugins import FeedPlugin, Published

PAGE: Final = 1000
SHORTEST_PAGE: Final = 50
"""Exchanges answer with no fewer trades than this where there are more, and then with a round number of them."""
TOGETHER: Final = 100
"""Symbols that are subscribed to, and trades that are handed on, in one go."""
REMEMBERED: Final = 20_000
"""Trades of a symbol whose numbers are kept, to tell whether REST numbers them as the stream does."""
KEPT: Final = 10_000
"""Trades of a symbol that ccxt keeps."""
MOST_HELD: Final = 100_000
"""Trades that wait for room, at the most; then the connection is given up, and they are asked for later."""
MOST_UNREAD: Final = 2_000
ROOM_S: Final = 0.05
CLOSE_S: Final = 1.0
TICK_SIZE: Final = 4
"""ccxt's precision mode where a market's precision is a step, and not a count of decimals."""
_MS: Final = 1000
_RECENT: Final[Mapping[str, str]] = {"spot": "publicGetTrades", "linear": "fapiPublicGetTrades", "inverse": "dapiPublicGetTrades"}  # fmt: skip
"""By ccxt's default Binance is asked for aggregate trades, whose numbers are another count; the trades themselves are
to be had as the newest thousand only."""
_MISSING: Final = "ccxt is not installed: pip install 'tickdeck[ccxt]'"

log = structlog.get_logger(__name__)


class CcxtOptions(ExchangeOptions):
    """What every exchange can be told."""

    @model_validator(mode="before")
    @classmethod
    def _is_installed(cls, given: Any) -> Any:
        if importlib.util.find_spec("ccxt") is None:
            raise PydanticCustomError("missing_extra", _MISSING)
        return given


class Ccxt(Exchange):
    """The exchange that ccxt calls `exchange_id`; symbols are ccxt's: BTC/USDT, BTC/USDT:USDT.

    Its trades are kept apart from those of an adapter of its own, whose times are exact: the venue is CCXT-KUCOIN.
    """

    name = "ccxt"
    socket = rest = ""
    requests_per_second: ClassVar[float] = 1.0  # nothing is asked for but by ccxt, which knows the limits
    numbered = False
    settles_s = 2.0

    def __init__(self, options: ExchangeOptions, exchange_id: str) -> None:
        super().__init__(options)
        self.exchange_id = exchange_id
        self.name = f"ccxt:{exchange_id}"
        self.venue = f"CCXT-{exchange_id.upper()}"
        self._ccxt = _library()
        if exchange_id not in self._ccxt.pro.exchanges:
            raise ConfigurationError(f"ccxt has no live trades of an exchange {exchange_id!r}")
        self._rest = self.client(getattr(self._ccxt.pro, exchange_id))
        if not self._rest.has.get("watchTrades"):
            raise ConfigurationError(f"ccxt has no live trades of {exchange_id}")
        self._marks: dict[str, OrderedDict[int, int]] = {}
        """By symbol, the times of the trades that came, by number."""

    def client(self, kind: Any) -> Any:
        """A new client of ccxt's, of the class `kind`."""
        made = kind({"enableRateLimit": True, "options": {"tradesLimit": KEPT}})
        if self.options.url is not None:
            made.urls["api"] = _moved(made.urls["api"], self.options.url)
        return made

    def stream(self, ear: CcxtConnection) -> Any:
        """A client of its own for a connection, all of whose messages `ear` has first; raises what `markets` raises."""
        made = self.client(_listening(getattr(self._ccxt.pro, self.exchange_id), ear))
        made.set_markets(self._rest.markets, self._rest.currencies)
        return made

    async def markets(self) -> Mapping[str, Any]:
        """By symbol; raises `RestRefusedError` and `RestAwayError`."""
        if not self._rest.markets:
            await self._ask(self._rest.load_markets, True)  # noqa: FBT003 - ccxt keeps a failure, too
        found: Mapping[str, Any] = self._rest.markets
        return found

    async def close(self) -> None:
        """Leave REST."""
        await _closed(self._rest)

    def native(self, pair: str) -> str:
        """As ccxt writes it."""
        return pair

    def subscribe(self, symbols: Sequence[str]) -> list[str]:
        """Ccxt subscribes: other symbols take another connection."""
        del symbols
        return []

    def unsubscribe(self, symbols: Sequence[str]) -> list[str]:
        """See `subscribe`."""
        del symbols
        return []

    def read(self, raw: bytes) -> Heard:
        """What the connection has made of messages (`CcxtConnection`), or the text that ccxt could not read."""
        heard = Heard()
        said = orjson.loads(raw)
        self.hear(heard, said)
        if "unreadable" in said:
            heard.faults.append(Fault("message", said["why"], said["unreadable"].encode()))
        return heard

    def hear(self, heard: Heard, message: dict[str, Any]) -> None:
        """Trades, and what became of the subscription."""
        heard.subscribed = message.get("subscribed", False)
        heard.refused = message.get("refused")
        read_trades(heard, message.get("trades", ()), _trade)
        for each in heard.trades:
            self.hear_of(each.symbol, each.number, each.time_us)

    def hear_of(self, symbol: str, number: int, time_us: int) -> None:
        """Keep in mind that a trade has this number."""
        marks = self._marks.setdefault(symbol, OrderedDict())
        marks[number] = time_us
        if len(marks) > REMEMBERED:
            marks.popitem(last=False)

    async def fill(self, rest: Rest, symbol: str, gap: Gap) -> AsyncIterator[Page]:
        """Upwards by time; each page must hold a trade that is known, or it does not begin where it should.

        Raises `RestRefusedError` where the exchange goes not so far back, or numbers its trades otherwise there.
        """
        del rest
        if not self._rest.has.get("fetchTrades"):
            raise RestRefusedError("ccxt has no trades of it over REST")
        known = self._marks.setdefault(symbol, OrderedDict())
        if gap.after.number:
            known[gap.after.number] = gap.after.time_us
        since_us = gap.after.time_us
        while True:
            trades = await self._trades(symbol, since_us // _MS - 1)  # some begin behind it
            begins = any(known.get(each.number, since_us + 2 * _MS) <= since_us + _MS for each in trades)
            again = any(each.number in known for each in trades)
            heard = Heard([self._as_known(each) for each in trades if each.time_us >= gap.after.time_us])
            if not begins:
                if again:
                    yield Page(heard, 1, 0)
                    raise RestRefusedError("its REST goes not so far back")
                if trades and trades[0].time_us <= since_us:
                    raise RestRefusedError("its REST numbers trades otherwise than its stream")
                yield Page(Heard(), 1, 0)
                return
            newest_us = max(each.time_us for each in trades)
            fresh = newest_us > since_us
            if not fresh and len(trades) >= SHORTEST_PAGE and len(trades) % 10 == 0:
                raise RestRefusedError("it has more trades of one time than it returns at once")
            ended = not fresh or newest_us >= gap.before.time_us or not self._has_since
            for each in heard.trades:
                self.hear_of(symbol, each.number, each.time_us)
            # Trades of one time may lie on two pages.
            yield Page(heard, gap.after.time_us, gap.before.time_us if ended else newest_us - 1)
            if ended:
                return
            since_us = newest_us

    async def newest(self, rest: Rest, symbol: str) -> Mark | None:
        """Numbers do not count, so nothing follows from it."""
        del rest, symbol
        return None

    async def instruments(self, rest: Rest, symbols: Mapping[str, str]) -> list[Instrument]:
        """From ccxt's markets."""
        del rest
        markets = await self.markets()
        found = []
        for native, symbol in symbols.items():
            if native in markets:
                market = markets[native]
                decimals = self._decimals(market)
                name = f"{market['base']} / {market['quote']}"
                found.append(Instrument(symbol, name, None, "UTC", market["quote"], decimals))
        return found

    async def candles(self, rest: Rest, symbol: str, interval: Interval, now_us: int) -> list[Bar]:
        """`fetch_ohlcv`, where the exchange has it."""
        del rest, now_us
        await self.markets()
        if not self._rest.has.get("fetchOHLCV") or interval not in (self._rest.timeframes or {}):
            return []
        rows = await self._ask(self._rest.fetch_ohlcv, symbol, interval, None, PAGE)
        return [_bar(each, symbol, interval) for each in rows]

    async def clock_us(self, rest: Rest) -> int | None:
        """`fetch_time`, where the exchange has it."""
        del rest
        if not self._rest.has.get("fetchTime"):
            return None
        told = await self._ask(self._rest.fetch_time)
        return None if told is None else whole(told, "time") * _MS

    async def _ask(self, ask: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """What `ask` answers; raises `RestRefusedError` and `RestAwayError`."""
        backoff = Backoff(first_s=0.25, longest_s=30.0)
        why = ""
        while backoff.failures < TRIES:
            try:
                return await ask(*given, **named)
            except self._ccxt.NetworkError as exc:
                why = _said(exc)
                headers = self._rest.last_response_headers or {}
                waiting = next((headers[each] for each in headers if each.lower() == "retry-after"), None)
                if isinstance(exc, self._ccxt.DDoSProtection):
                    await asyncio.sleep(min(asked_to_wait_s(waiting), 600.0))
            except self._ccxt.BaseError as exc:
                raise RestRefusedError(_said(exc)) from exc
            except Exception as exc:  # noqa: BLE001 - an answer that ccxt did not expect ends in any of them
                why = f"its answer cannot be read: {_said(exc)}"
            log.info("exchange_rest_failed", feed=self.name, reason=why)
            await backoff.pause()
        raise RestAwayError(why)

    async def _trades(self, symbol: str, since_ms: int) -> list[Trade]:
        """A page of REST by time; with what cannot be read, `MessageError`."""
        await self.markets()
        given: dict[str, Any] = {"limit": PAGE}
        if self._has_since:
            given["since"] = since_ms
        else:
            market = self._rest.market(symbol)
            kind = next((each for each in ("linear", "inverse") if market.get(each)), "spot")
            given["params"] = {"fetchTradesMethod": _RECENT[kind]}
        answer = await self._ask(self._rest.fetch_trades, symbol, **given)
        return sorted((_trade(_row(each)) for each in answer), key=lambda each: (each.time_us, each.number))

    @property
    def _has_since(self) -> bool:
        return not self.exchange_id.startswith("binance")

    def _as_known(self, trade: Trade) -> Trade:
        """With the time that the stream gave it: over REST it may be rounded otherwise."""
        time_us = self._marks[trade.symbol].get(trade.number, trade.time_us)
        if abs(time_us - trade.time_us) > _MS:
            return trade
        return Trade(trade.symbol, trade.number, time_us, trade.price, trade.size, trade.side)

    def _decimals(self, market: Mapping[str, Any]) -> int:
        told = market["precision"].get("price")
        if told is None:
            return 2
        if self._rest.precisionMode == TICK_SIZE:
            return decimals_of(f"{Decimal(str(told)):f}")
        return max(0, int(told))


class CcxtConnection(Connection):
    """One client of ccxt's; each of its messages is looked at as it comes, as what ccxt returns may leave some out."""

    def __init__(
        self, exchange: Ccxt, symbols: Sequence[str], inbox: asyncio.Queue[Any], pulse: Pulse
    ) -> None:
        super().__init__(exchange, symbols, inbox, pulse)
        self._ccxt = exchange
        self._held: deque[tuple[int, dict[str, Any]]] = deque()
        self._holding = 0
        self._came = asyncio.Event()
        self._lost = ""
        self._last: dict[int, tuple[Any, Any]] = {}
        """By cache of ccxt's, which is kept so that its identity is, the last trade that was taken of it."""
        self._groups = 0
        self._asked = 0
        self._to_send = 0
        self._sent = 0
        self._complete = False

    async def run(self) -> None:
        """See `Connection.run`."""
        try:
            markets = await self._ccxt.markets()
        except (RestAwayError, RestRefusedError) as exc:
            raise ConnectionLostError(f"the exchange cannot be asked for its markets: {exc}") from exc
        known = [each for each in self._symbols if each in markets]
        unknown = ", ".join(each for each in self._symbols if each not in markets)
        if not known:
            raise FeedError(f"{self._ccxt.name}: there is no {unknown}")
        client = self._ccxt.stream(self)
        together = bool(client.has.get("watchTradesForSymbols"))
        size = TOGETHER if together else 1
        groups = [known[at : at + size] for at in range(0, len(known), size)]
        self._groups = len(groups)
        watching = [asyncio.create_task(self._watch(client, each, together=together)) for each in groups]
        try:
            self._pulse.restart()
            await self._hand_on(unknown)
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            await _closed(client)

    def close(self) -> None:
        """See `Connection.close`."""
        self.lose(self.refused or "the exchange refuses us")

    async def send(self, requests: list[str]) -> None:
        """Nothing: ccxt does."""

    # -- what ccxt's client tells ---------------------------------------------------------------------------------

    def asks(self, *, sends: bool) -> None:
        """A group of symbols is subscribed to; `sends`: by a message of its own."""
        self._asked += 1
        self._to_send += sends

    def has_sent(self) -> None:
        """A message has gone out."""
        self._sent += 1

    def takes(self, cache: Any) -> None:
        """Take what is new of `cache`, as ccxt hands it out with older trades in it."""
        if self._lost or not isinstance(cache, list) or not len(cache) or "price" not in cache[-1]:
            return
        _, last = self._last.get(id(cache), (None, None))
        new = list(takewhile(lambda each: each is not last, reversed(cache)))
        if not new:
            return
        self._last[id(cache)] = (cache, cache[-1])
        if len(new) == KEPT:  # of this symbol some may have been dropped already
            self.lose("more trades came at once than ccxt keeps")
            return
        rows = [_row(each) for each in reversed(new)]
        bad = next((at for at, row in enumerate(rows) if not _is_whole(row)), None)
        for at in range(0, len(rows[:bad]), TOGETHER):
            self._hold({"trades": rows[:bad][at : at + TOGETHER]})
        if bad is not None:
            self.cannot_read(
                orjson.dumps(new[len(new) - 1 - bad].get("info"), default=str).decode(),
                "a trade lacks time, price or size",
            )
        elif self._holding > MOST_HELD:
            self.lose("trades come faster than they are stored")

    def cannot_read(self, raw: str | bytes, why: str) -> None:
        """A message is none; trades may have been in it, so that all that comes after it is asked for instead."""
        if not self._lost:
            said = raw if isinstance(raw, str) else raw.decode(errors="replace")
            self._hold({"unreadable": said, "why": why})
            self.lose("a message could not be read")

    def hears(self) -> None:
        """A message came."""
        if not self._complete and self._asked >= self._groups and self._sent >= self._to_send:
            self._complete = True
            # What came before stands behind it: a symbol's trades are all there from the last subscription on.
            self._held.appendleft((_now_us(), {"subscribed": True}))
            self._came.set()

    def lose(self, why: str) -> None:
        """It is of no use any more."""
        self._lost = self._lost or why
        self._came.set()

    # -- handing on -----------------------------------------------------------------------------------------------

    def _hold(self, said: dict[str, Any]) -> None:
        self._holding += len(said.get("trades", ()))
        self._held.append((_now_us(), said))
        self._came.set()

    async def _watch(self, client: Any, symbols: list[str], *, together: bool) -> None:
        """Subscribe; ccxt answers with the first trade, and this is over."""
        try:
            if together:
                await client.watch_trades_for_symbols(symbols)
            else:
                await client.watch_trades(symbols[0])
        except asyncio.CancelledError:
            self.lose("the exchange cut the connection")  # so does ccxt with all that waits for a lost client
            raise
        except Exception as exc:  # noqa: BLE001 - whatever it is, nothing will come
            self.lose(_said(exc))

    async def _hand_on(self, unknown: str) -> None:
        """Pass on what is held, once all is subscribed to, until the connection is lost."""
        while True:
            limit_s = self._pulse.limit_s
            try:
                async with asyncio.timeout(limit_s / 4):
                    await self._came.wait()
            except TimeoutError:
                if self.unread == 0 and self._pulse.silent_s > limit_s:
                    raise ConnectionLostError(f"no data for {self._pulse.silent_s:.1f} s") from None
                continue
            self._came.clear()
            while self._held and (self._complete or self._lost):
                at_us, said = self._held.popleft()
                self._holding -= len(said.get("trades", ()))
                if not self._complete and "unreadable" not in said:
                    continue  # of a subscription that was never whole; it is asked for
                while self.unread > MOST_UNREAD:  # noqa: ASYNC110 - the feed does not say when it has looked at some
                    await asyncio.sleep(ROOM_S)
                await self._pass(at_us, said)
                if said.get("subscribed") and unknown:
                    await self._pass(at_us, {"refused": f"there is no {unknown}"})
            if self._lost:
                raise ConnectionLostError(self._lost)

    async def _pass(self, at_us: int, said: dict[str, Any]) -> None:
        self.unread += 1
        await self._inbox.put(Message(self, at_us, orjson.dumps(said)))


class CcxtFeed(ExchangeFeed):
    """A feed that leaves ccxt's REST client when it ends."""

    def __init__(self, exchange: Ccxt, pairs: Sequence[str], recall: Callable[[str], Any]) -> None:
        super().__init__(exchange, pairs, recall=recall, connect=CcxtConnection)
        self._ccxt = exchange

    async def batches(self) -> AsyncIterator[FeedBatch]:
        """See `ExchangeFeed.batches`."""
        try:
            async with aclosing(super().batches()) as batches:  # type: ignore[type-var]
                async for batch in batches:
                    yield batch
        finally:
            await self._ccxt.close()


def _library() -> Any:
    """ccxt, which takes a second to import; raises `ConfigurationError` where it is not installed."""
    try:
        importlib.import_module("ccxt.pro")
        return importlib.import_module("ccxt")
    except ImportError as exc:
        raise ConfigurationError(_MISSING) from exc


def _listening(kind: Any, ear: CcxtConnection) -> Any:
    """The class `kind` of ccxt's, that tells `ear` what happens on its sockets."""

    class Listening(kind):  # type: ignore[misc]
        def client(self, url: str) -> Any:
            is_new = url not in (self.clients or {})
            made = super().client(url)
            if is_new:
                _listen(made, ear)
            return made

        def watch(
            self,
            url: str,
            message_hash: Any,
            message: Any = None,
            subscribe_hash: Any = None,
            subscription: Any = None,
        ) -> Any:
            is_new = not self.client(url).subscriptions.get(subscribe_hash)
            ear.asks(sends=bool(message) and is_new)
            return super().watch(url, message_hash, message, subscribe_hash, subscription)

        def watch_multiple(
            self,
            url: str,
            message_hashes: Any,
            message: Any = None,
            subscribe_hashes: Any = None,
            subscription: Any = None,
        ) -> Any:
            known = self.client(url).subscriptions
            is_new = subscribe_hashes is None or any(each not in known for each in subscribe_hashes)
            ear.asks(sends=bool(message) and is_new)
            return super().watch_multiple(url, message_hashes, message, subscribe_hashes, subscription)

        def on_error(self, client: Any, error: Any) -> None:
            super().on_error(client, error)
            ear.lose(_said(error))

        def on_close(self, client: Any, error: Any) -> None:
            super().on_close(client, error)
            ear.lose(f"the exchange cut the connection (code {error})")

    return Listening


def _listen(client: Any, ear: CcxtConnection) -> None:
    """Have `ear` told of what the WebSocket `client` of ccxt's sends, hears and makes of it."""
    resolve, handle, send = client.resolve, client.handle_text_or_binary_message, client.send

    def resolved(result: Any, message_hash: Any) -> Any:
        ear.takes(result)
        return resolve(result, message_hash)

    def handled(data: str | bytes) -> None:
        ear.hears()
        try:
            handle(data)
        except Exception as exc:  # noqa: BLE001 - ccxt would stop reading, and say nothing
            ear.cannot_read(data, _said(exc))

    async def sent(message: Any) -> Any:
        answer = await send(message)
        ear.has_sent()
        return answer

    client.resolve, client.handle_text_or_binary_message, client.send = resolved, handled, sent


async def _closed(client: Any) -> None:
    """Leave a client of ccxt's, without waiting for an exchange that does not answer any more."""
    with suppress(Exception):
        async with asyncio.timeout(CLOSE_S):
            if client.tcp_connector is not None:
                await client.tcp_connector.close()
            await client.close()


def _moved(addresses: Any, url: str) -> Any:
    """The addresses that ccxt has of an exchange, all at the host of `url`."""
    if isinstance(addresses, Mapping):
        return {name: _moved(each, url) for name, each in addresses.items()}
    if isinstance(addresses, list):
        return [_moved(each, url) for each in addresses]
    if not isinstance(addresses, str):
        return addresses
    there, here = urlsplit(url), urlsplit(addresses)
    secure = there.scheme in {"https", "wss"}
    schemes = ("wss", "https") if secure else ("ws", "http")
    return urlunsplit(here._replace(scheme=schemes[here.scheme not in {"ws", "wss"}], netloc=there.netloc))


def _row(trade: Mapping[str, Any]) -> list[Any]:
    """What is kept of a trade as ccxt has it."""
    return [trade.get(each) for each in ("symbol", "id", "timestamp", "price", "amount", "side")]


def _is_whole(row: Sequence[Any]) -> bool:
    return all(row[at] is not None for at in (0, 2, 3, 4))


def _trade(row: Any) -> Trade:
    symbol, identity, ms, price, size, side = row
    return Trade(
        text(symbol, "symbol"),
        number_of(identity, ms, price, size, side),
        whole(ms, "timestamp") * _MS,
        number(price, "price"),
        number(size, "amount"),
        _SIDES.get(side),
    )


def _bar(row: Any, symbol: str, interval: Interval) -> Bar:
    open_, high, low, close, volume = (
        number(part(row, at), name)
        for at, name in enumerate(("open", "high", "low", "close", "volume"), start=1)
    )
    return Bar(symbol, interval, whole(part(row, 0), "time") * _MS, open_, high, low, close, volume)


_SIDES: Final[Mapping[Any, Side]] = {"buy": "buy", "sell": "sell"}


def number_of(identity: Any, *values: Any) -> int:
    """The trade's number; of an id that is none, 63 bits of its hash; without an id, of all that is known of it."""
    said = "|".join(map(str, values)) if identity is None else str(identity)
    if identity is not None and said.isascii() and said.isdigit() and int(said) < 2**63:
        return int(said)
    return int.from_bytes(blake2b(said.encode(), digest_size=8).digest()) >> 1


def _said(error: BaseException | str) -> str:
    """An error of ccxt's in one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _now_us() -> int:
    return time.time_ns() // 1000


def _build(symbols: Sequence[str], options: CcxtOptions, pool: Pool) -> Feed:
    exchange = _exchange_of(symbols, options)

    async def recall(symbol: str) -> Recalled:
        return await recalled(pool, exchange.name, symbol)

    return _feed_of(exchange, symbols, recall)


def _build_apart(symbols: Sequence[str], options: CcxtOptions, published: Published) -> Feed:
    return _feed_of(_exchange_of(symbols, options), symbols, recall_apart(published))


def _exchange_of(symbols: Sequence[str], options: CcxtOptions) -> Ccxt:
    """That of `EXCHANGE:PAIR PAIR…`."""
    first = symbols[0] if symbols else ""
    exchange_id, colon, pair = first.partition(":")
    if not colon or not pair or "/" in exchange_id:
        raise ConfigurationError(
            "ccxt: name the exchange and its symbols, such as ccxt:kucoin:BTC/USDT,ETH/USDT"
        )
    return Ccxt(options, exchange_id)


def _feed_of(exchange: Ccxt, symbols: Sequence[str], recall: Recall) -> Feed:
    prefix = f"{symbols[0].partition(':')[0]}:"
    return CcxtFeed(exchange, [each.removeprefix(prefix) for each in symbols], recall)


PLUGIN: Final = FeedPlugin(
    "ccxt",
    "Trades of any exchange that ccxt has live, such as kucoin:BTC/USDT",
    CcxtOptions,
    _build,
    _build_apart,
)
