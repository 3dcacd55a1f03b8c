"""A live feed of one exchange: connected, watched, every trade once, and what is missed filled or said."""

from __future__ import annotations

import asyncio
import math
import random
import statistics
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

import structlog

from tickdeck.db.backoff import Backoff
from tickdeck.db.errors import ConfigurationError
from tickdeck.db.feed_gaps import FeedGap
from tickdeck.db.market.bars import Bar
from tickdeck.db.market.corrections import Correction
from tickdeck.db.market.types import HOUR_US, Instrument
from tickdeck.feeds.base import FeedBatch, FeedHealth
from tickdeck.feeds.errors import FeedError
from tickdeck.feeds.exchange.adapter import HISTORY, Exchange, Page
from tickdeck.feeds.exchange.connection import Connection, ConnectionLostError, Message, Pulse
from tickdeck.feeds.exchange.rest import Rest, RestAwayError, RestRefusedError
from tickdeck.feeds.exchange.tape import Gap, NumberedTape, Tape, TimedTape
from tickdeck.feeds.exchange.trades import Fault, Heard, Mark, MessageError, Trade, batch_of
from tickdeck.feeds.rejects import Reject, shown

INBOX: Final = 20_000
"""Messages that may wait; while there are more the socket is not read."""
TOGETHER: Final = 2_000
"""Messages that are looked at in one go."""
TRIES: Final = 8
"""A gap that the exchange does not return is asked for so often."""
CONNECTS: Final = 30
"""More connections a minute than that are not made without growing pauses."""
UNREADABLE: Final = 1_000
"""So many messages in a row that cannot be read, and the exchange speaks another language by now."""
CLOCK_S: Final = 300.0
CLOCK_TRIES: Final = 3
RESUMED_US: Final = 2_000_000
"""Without numbers that count, a gap is asked for until so long after the connection was there again."""
QUIET_LOOK_S: Final = 5.0
QUIET_TRADES: Final = 50
QUIET_S: Final = 60.0
QUIET_GAPS: Final = 50
"""A symbol of which so many trades came is asked for again after so long, and so many of its usual pauses."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is stored of one symbol: its newest trade, the gaps that are open, and what lies in them."""

    top: Mark | None = None
    gaps: tuple[Gap, ...] = ()
    stored: tuple[Mark, ...] = ()


Recall = Callable[[str], Awaitable[Recalled]]
"""Looks up what is stored of an instrument's symbol."""


async def nothing_stored(symbol: str) -> Recalled:
    """As on the first day."""
    del symbol
    return Recalled()


@dataclass(slots=True)
class _Filled:
    """A page of a gap that was asked for."""

    symbol: str
    page: Page
    done: asyncio.Event


@dataclass(slots=True)
class _Failed:
    """A part of the feed that cannot go on."""

    error: BaseException


@dataclass(slots=True)
class _Line:
    """What is known of one symbol that is watched."""

    pair: str
    symbol: str
    tape: Tape
    pulse: Pulse
    trades: int = 0


@dataclass(slots=True)
class _Digest:
    """What a few messages come to."""

    trades: list[Trade] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)


class ExchangeFeed:
    """A `LiveFeed` of `pairs`, as users write them (BTC/USDT); their instruments are `VENUE:BTC/USDT`.

    `recall` says what is stored already: the feed goes on from there, and asks for what it has missed since.
    """

    kind = "exchange"

    def __init__(
        self,
        exchange: Exchange,
        pairs: Sequence[str],
        *,
        recall: Recall = nothing_stored,
        name: str | None = None,
        connect: type[Connection] = Connection,
    ) -> None:
        if not pairs:
            raise ConfigurationError(f"{exchange.name}: name the symbols, such as {exchange.name}:BTC/USDT")
        self.name = name or exchange.name
        self.exchange = exchange
        self.lags_s: deque[float] = deque(maxlen=10_000)
        """From the exchange's time of each trade to here, as the clocks are."""
        self.filled = 0
        """Trades that did not come by themselves, and were asked for."""
        self.reconnects = 0
        self._recall = recall
        self._connect = connect
        self._lines: dict[str, _Line] = {}
        self._wanted = list(dict.fromkeys(pair.strip() for pair in pairs))
        self._inbox: asyncio.Queue[Message | _Filled | _Failed | None] = asyncio.Queue(INBOX)
        self._pulse = Pulse(exchange.options.silence, exchange.heartbeat_s)
        self._connections: list[Connection] = []
        self._connected_at: deque[float] = deque(maxlen=CONNECTS)
        self._resubscribe = asyncio.Event()
        self._gaps_changed = asyncio.Event()
        self._due: dict[UUID, float] = {}
        self._checks: dict[str, float] = {}
        """Symbols whose newest trade is to be asked for, and when: of a quiet one nothing else tells what was missed."""
        self._lost_why = ""
        self._tries: Counter[UUID] = Counter()
        self._stored_gaps: set[UUID] = set()
        self._left: list[FeedGap] = []
        """What has become of the gaps of symbols that are not watched any more."""
        self._missing = 0
        self._fault = ""
        self._was_lost = True
        self._messages = 0
        self._unreadable = 0
        self._skew_us = 0
        self._ahead_us = 0
        """By so much, at least, the exchange's clock was seen to be ahead of this one."""
        self._skew_known = False
        self._rest: Rest | None = None

    # -- what others ask --------------------------------------------------------------------------------------

    def health(self) -> FeedHealth:
        """See `LiveFeed`."""
        tapes = [line.tape for line in self._lines.values()]
        newest = [tape.top.time_us for tape in tapes if tape.top is not None]
        recent = sorted(list(self.lags_s)[-200:])
        return FeedHealth(
            connected=any(each.ready.is_set() for each in self._connections),
            venue=self.exchange.venue,
            symbols=tuple(self._wanted),
            lag_s=statistics.median(recent) + self._skew_us / 1e6 if recent else None,
            lag_p99_s=recent[math.ceil(0.99 * len(recent)) - 1] + self._skew_us / 1e6 if recent else None,
            skew_s=self._skew_us / 1e6 if self._skew_known else None,
            last_us=max(newest, default=None),
            silent_s=self._pulse.silent_s,
            filling=sum(len(tape.gaps) for tape in tapes),
            missing=self._missing,
            filled=self.filled,
            reconnects=self.reconnects,
            duplicates=sum(tape.duplicates for tape in tapes),
            fault=self._fault,
        )

    def instrument_symbol(self, pair: str) -> str:
        """The instrument's symbol of a pair."""
        return f"{self.exchange.venue}:{pair}"

    async def instruments(self) -> list[Instrument]:
        """What the exchange knows of the symbols; none where it does not answer, or the feed does not run."""
        if self._rest is None:
            return []
        try:
            return await self.exchange.instruments(
                self._rest, {native: line.symbol for native, line in self._lines.items()}
            )
        except (RestRefusedError, RestAwayError, MessageError) as exc:
            log.warning("instruments_not_read", feed=self.name, reason=str(exc))
            return []

    @property
    def instrument_symbols(self) -> tuple[str, ...]:
        """Those that are watched."""
        return tuple(line.symbol for line in self._lines.values())

    async def candles(self, symbol: str) -> list[Bar] | None:
        """The exchange's own candles of an instrument; None where it does not answer, or the feed does not run."""
        native = next((native for native, line in self._lines.items() if line.symbol == symbol), None)
        if not self.exchange.options.history:
            return []
        if self._rest is None or native is None:
            return None
        found: list[Bar] = []
        for interval in HISTORY:
            try:
                bars = await self.exchange.candles(self._rest, native, interval, time.time_ns() // 1000)
            except RestAwayError as exc:
                log.warning("candles_not_read", feed=self.name, symbol=symbol, reason=str(exc))
                return None
            except (RestRefusedError, MessageError) as exc:
                log.warning(
                    "candles_not_read", feed=self.name, symbol=symbol, interval=interval, reason=str(exc)
                )
            else:
                # Nothing was traded where there is no volume: a chart of ticks has no candle there either.
                found += [replace(each, symbol=symbol) for each in bars if each.volume > 0]
        return found

    async def watch(self, pairs: Sequence[str]) -> None:
        """From now on have these pairs, and no others; at once, without losing the connection where that goes."""
        wanted = list(dict.fromkeys(pair.strip() for pair in pairs))
        if not wanted or wanted == self._wanted:
            return
        gone = [native for native, line in self._lines.items() if line.pair not in wanted]
        self._wanted = wanted
        added = await self._add([pair for pair in wanted if self.exchange.native(pair) not in self._lines])
        for native in gone:
            self._drop(native)
        requests = [
            *(self.exchange.subscribe(added) if added else []),
            *(self.exchange.unsubscribe(gone) if gone else []),
        ]
        for connection in list(self._connections):
            await connection.send(requests)
        if not requests:
            self._resubscribe.set()
        await self._inbox.put(None)

    # -- the feed ---------------------------------------------------------------------------------------------

    async def batches(self) -> AsyncIterator[FeedBatch]:
        """Yield trades when they come; raises `FeedError` where the exchange will not serve us."""
        async with Rest(
            self.exchange.rest_url,
            per_second=self.exchange.requests_per_second,
            headers=self.exchange.headers(),
        ) as self._rest:
            await self._add(self._wanted)
            tasks = [
                asyncio.create_task(self._guarded(part(), name), name=f"{self.name} {name}")
                for name, part in (
                    ("connection", self._stay_connected),
                    ("gaps", self._fill_gaps),
                    ("clock", self._watch_clock),
                    ("symbols", self._watch_symbols),
                )
            ]
            try:
                while True:
                    items = [await self._inbox.get()]
                    while len(items) < TOGETHER and not self._inbox.empty():
                        items.append(self._inbox.get_nowait())
                    batch = self._digest(items)
                    if len(batch) or batch.rejects or batch.gaps or batch.corrections:
                        yield batch
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _guarded(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except Exception as exc:  # noqa: BLE001 - handed on to whoever takes the batches
            log.warning("exchange_part_failed", feed=self.name, part=name, reason=str(exc))
            await self._inbox.put(_Failed(exc))

    async def _add(self, pairs: Sequence[str]) -> list[str]:
        """Begin to watch pairs, where they were left; their native names."""
        added = []
        for pair in pairs:
            native = self.exchange.native(pair)
            symbol = self.instrument_symbol(pair)
            recalled = await self._recall(symbol)
            kind = NumberedTape if self.exchange.numbered else TimedTape
            tape = kind(recalled.top, recalled.gaps)
            for mark in recalled.stored:
                tape.take(Trade(native, mark.number, mark.time_us, 0.0, 0.0), "")
            tape.duplicates = 0
            self._stored_gaps.update(gap.id for gap in recalled.gaps)
            self._due.update({gap.id: time.monotonic() for gap in tape.gaps})
            self._lines[native] = _Line(pair, symbol, tape, Pulse(None, None))
            added.append(native)
        self._gaps_changed.set()
        return added

    def _drop(self, native: str) -> None:
        tape = self._lines[native].tape
        for gap in list(tape.gaps):
            tape.give_up(gap, "the symbol is not watched any more")
        self._left += self._changes(self._lines[native])
        self._checks.pop(native, None)
        del self._lines[native]

    # -- what came --------------------------------------------------------------------------------------------

    def _digest(self, items: Sequence[Message | _Filled | _Failed | None]) -> FeedBatch:
        digest = _Digest()
        for item in items:
            if isinstance(item, Message):
                item.connection.unread -= 1
                self._read(item, digest)
            elif isinstance(item, _Filled):
                self._take_page(item, digest)
            elif isinstance(item, _Failed):
                raise item.error
        gaps = [*self._left, *(change for line in self._lines.values() for change in self._changes(line))]
        self._left.clear()
        symbols = {native: line.symbol for native, line in self._lines.items()}
        return FeedBatch(
            batch_of(digest.trades, symbols, self.exchange.notation),
            rejects=tuple(digest.rejects),
            gaps=tuple(gaps),
            corrections=tuple(digest.corrections),
        )

    def _read(self, message: Message, digest: _Digest) -> None:
        self._messages += 1
        try:
            heard = self.exchange.read(message.raw)
        except MessageError as exc:
            digest.rejects.append(self._reject(Fault(exc.field, exc.reason, message.raw)))
            self._cannot_read(exc.reason)
            return
        digest.rejects += [self._reject(fault) for fault in heard.faults]
        if heard.faults and not heard.trades:
            self._cannot_read(heard.faults[0].reason)
        elif heard.trades or heard.corrections or heard.alive:
            self._unreadable = 0
            self._pulse.beat()
        connection = message.connection
        self._heed(heard, connection, message.received_us)
        for trade in heard.trades:
            self._take(trade, connection, message.received_us, digest)
        for each in heard.corrections:
            if each.symbol in self._lines:
                digest.corrections.append(replace(each, symbol=self._lines[each.symbol].symbol))
        for symbol, newest in heard.newest.items():
            if symbol in self._lines:
                self._lines[symbol].tape.told(
                    newest, "the exchange's heartbeat tells of trades that did not come"
                )

    def _heed(self, heard: Heard, connection: Connection, received_us: int) -> None:
        """What the exchange says of the connection."""
        if heard.refused is not None:
            connection.refused = f"the exchange refuses: {heard.refused}"
            if heard.fatal:
                raise FeedError(f"{self.name}: {connection.refused}")
            if connection.ready.is_set():
                self._fault = connection.refused
            else:
                connection.close()
        if heard.greeted:
            connection.greeted()
        if heard.subscribed or heard.trades:
            self._serves(connection, received_us)
        if heard.ends_soon:
            connection.ends_soon.set()

    def _cannot_read(self, reason: str) -> None:
        self._unreadable += 1
        if self._unreadable >= UNREADABLE:
            raise FeedError(
                f"{self.name}: {UNREADABLE:,} messages in a row cannot be read; the last one {reason}"
            )

    def _reject(self, fault: Fault) -> Reject:
        return Reject(
            self.name, self._messages, fault.field, f"{fault.field} {fault.reason}", shown(fault.raw)
        )

    def _serves(self, connection: Connection, at_us: int) -> None:
        """Trades come over `connection` from now on."""
        if connection.ready.is_set():
            return
        connection.ready.set()
        if self._was_lost:
            self._was_lost = False
            self._lost_why = self._why()
            for native, line in self._lines.items():
                if isinstance(line.tape, TimedTape):
                    # What comes by the connection and is asked for as well is known by its number.
                    line.tape.resumed(at_us + self._ahead_us + RESUMED_US, self._lost_why)
                elif line.tape.top is not None:
                    self._checks[native] = time.monotonic() + self.exchange.settles_s
            self._gaps_changed.set()

    def _take(self, trade: Trade, connection: Connection, received_us: int, digest: _Digest) -> None:
        line = self._lines.get(trade.symbol)
        if line is None:
            return  # it is not watched any more
        first = trade.symbol not in connection.seen
        connection.seen.add(trade.symbol)
        self._checks.pop(trade.symbol, None)
        line.pulse.beat()
        line.trades += 1
        if line.tape.take(trade, self._why() if first else "the exchange left trades out"):
            digest.trades.append(trade)
            self._ahead_us = max(self._ahead_us, trade.time_us - received_us)
            if not first:  # what a snapshot holds is old
                self.lags_s.append((received_us - trade.time_us) / 1e6)

    def _why(self) -> str:
        return self._fault or "the feed did not run"

    def _take_page(self, filled: _Filled, digest: _Digest) -> None:
        filled.done.set()
        line = self._lines.get(filled.symbol)
        if line is None:
            return
        heard = filled.page.trades
        digest.rejects += [self._reject(fault) for fault in heard.faults]
        before = len(digest.trades)
        digest.trades += [trade for trade in heard.trades if line.tape.fill(trade)]
        self.filled += len(digest.trades) - before
        if not heard.faults:
            line.tape.cover(filled.page.low, filled.page.high)

    def _changes(self, line: _Line) -> list[FeedGap]:
        """Each gap that is new, as it was found, and each that is not what it was, as it is now."""
        tape = line.tape
        if not tape.changed and not tape.opened:
            return []
        for gap in tape.changed.values():
            if gap.state == "missing":
                self._missing += 1
                log.warning(
                    "feed_gap_missing", feed=self.name, symbol=line.symbol, trades=gap.count, why=gap.why
                )
        for identity in tape.opened:
            self._due.setdefault(identity, time.monotonic() + self.exchange.settles_s)
        self._gaps_changed.set()
        found = [self._stored(line.symbol, gap) for gap in (*tape.opened.values(), *tape.changed.values())]
        tape.opened.clear()
        tape.changed.clear()
        return found

    def _stored(self, symbol: str, gap: Gap) -> FeedGap:
        return FeedGap(
            gap.id, self.name, symbol, gap.after.time_us, max(gap.after.time_us, gap.before.time_us),
            gap.after.number if gap.numbered else None, gap.before.number if gap.numbered else None,
            gap.state, gap.why,
        )  # fmt: skip

    # -- the connection ---------------------------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        backoff = Backoff(first_s=0.2, longest_s=30.0)
        while True:
            connection = self._new_connection()
            running = asyncio.create_task(connection.run())
            try:
                connection, running = await self._until_lost(connection, running)
                try:
                    await running
                except ConnectionLostError as exc:
                    self._lost(connection, str(exc))
                if connection.seen and len(self._recent_connects()) < CONNECTS:
                    backoff.reset()
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                self._connections.clear()
            await backoff.pause()

    def _new_connection(self) -> Connection:
        connection = self._connect(self.exchange, list(self._lines), self._inbox, self._pulse)
        self._connections.append(connection)
        self._connected_at.append(time.monotonic())
        return connection

    def _recent_connects(self) -> list[float]:
        return [each for each in self._connected_at if time.monotonic() - each < 60.0]

    async def _until_lost(
        self, connection: Connection, running: asyncio.Task[None]
    ) -> tuple[Connection, asyncio.Task[None]]:
        """Keep `connection`, and before the exchange ends it a second one, until one is lost; return the last."""
        while True:
            leaves = asyncio.create_task(self._is_to_be_replaced(connection))
            try:
                await asyncio.wait({running, leaves}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaves.cancel()
            if running.done():
                return connection, running
            successor = self._new_connection()
            taking_over = asyncio.create_task(successor.run())
            try:
                ready = asyncio.create_task(successor.ready.wait())
                try:
                    await asyncio.wait({taking_over, ready, running}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    ready.cancel()
            except asyncio.CancelledError:
                taking_over.cancel()
                await asyncio.gather(taking_over, return_exceptions=True)
                raise
            if taking_over.done():  # it did not work: keep the old one while it lasts
                taking_over.exception()
                self._connections.remove(successor)
                await asyncio.wait({running}, timeout=5.0)
                continue
            if running.done() and not successor.ready.is_set():
                self._lost(connection, str(running.exception()))
            # What the old one still brings is welcome; the numbers tell what comes twice.
            await asyncio.wait({running}, timeout=1.0)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            self._connections.remove(connection)
            log.info("exchange_connection_replaced", feed=self.name)
            connection, running = successor, taking_over

    async def _is_to_be_replaced(self, connection: Connection) -> None:
        """Return when a second connection should be opened beside this one."""
        lifetime_s = self.exchange.lifetime_s
        events = [connection.ends_soon.wait(), self._resubscribe.wait()]
        tasks = [asyncio.create_task(each) for each in events]
        try:
            if self.exchange.connections < 2:
                await asyncio.Event().wait()
            margin_s = random.uniform(0.02, 0.05)  # noqa: S311 - spreads load, no secret
            rest_s = None
            if lifetime_s is not None:
                rest_s = max(0.0, connection.opened_at + lifetime_s * (1 - margin_s) - time.monotonic())
            await asyncio.wait(tasks, timeout=rest_s, return_when=asyncio.FIRST_COMPLETED)
            connection.ends_soon.clear()
            self._resubscribe.clear()
        finally:
            for task in tasks:
                task.cancel()

    async def _watch_symbols(self) -> None:
        """Ask again for a symbol that fell silent, by its own measure, while others go on."""
        while True:
            await asyncio.sleep(QUIET_LOOK_S)
            quiet = [
                native
                for native, line in self._lines.items()
                if line.trades >= QUIET_TRADES
                and line.pulse.usual_s is not None
                and line.pulse.silent_s > max(QUIET_S, QUIET_GAPS * line.pulse.usual_s)
            ]
            if not quiet or self._pulse.silent_s > QUIET_LOOK_S:
                continue
            log.warning("exchange_symbols_quiet", feed=self.name, symbols=quiet)
            requests = [*self.exchange.unsubscribe(quiet), *self.exchange.subscribe(quiet)]
            for native in quiet:
                self._lines[native].pulse.restart()
                if self.exchange.numbered:
                    self._checks[native] = time.monotonic() + self.exchange.settles_s
            self._gaps_changed.set()
            for connection in list(self._connections):
                await connection.send(requests)
            if not requests:
                self._resubscribe.set()

    def _lost(self, connection: Connection, reason: str) -> None:
        self._fault = reason
        self._was_lost = True
        self.reconnects += 1
        log.warning(
            "exchange_connection_lost", feed=self.name, reason=reason, trades_seen=len(connection.seen) > 0
        )

    # -- gaps -------------------------------------------------------------------------------------------------

    async def _fill_gaps(self) -> None:
        hours = self.exchange.options.fill_hours
        while True:
            native, gap = await self._next_gap()
            line = self._lines[native]
            if gap is None:
                await self._check(native, line)
                continue
            oldest_us = time.time_ns() // 1000 - int(hours * HOUR_US)
            if gap.after.time_us < oldest_us:
                line.tape.give_up_before(gap, oldest_us, f"older than {hours:g} hours")
            if gap.state == "filling":
                await self._fill(native, line, gap)
            await self._inbox.put(None)

    async def _check(self, native: str, line: _Line) -> None:
        """Ask for a symbol's newest trade, and so whether one was missed."""
        assert self._rest is not None  # noqa: S101 - it runs beside `batches`
        del self._checks[native]
        try:
            newest = await self.exchange.newest(self._rest, native)
        except RestAwayError as exc:
            self._fault = f"REST: {exc}"
            self._checks[native] = time.monotonic() + 5.0
        except (RestRefusedError, MessageError) as exc:
            log.warning("newest_trade_not_read", feed=self.name, symbol=line.symbol, reason=str(exc))
        else:
            if newest is not None:
                line.tape.told(newest, self._lost_why)
                await self._inbox.put(None)

    async def _fill(self, native: str, line: _Line, gap: Gap) -> None:
        """Have a gap filled, or say why it is not, or when it is to be tried again."""
        try:
            unreadable = await self._ask_for(native, gap)
        except RestRefusedError as exc:
            self._give_up(line, gap, f"the exchange refuses it: {exc}")
        except MessageError as exc:
            self._give_up(line, gap, f"the exchange's answer cannot be read: {exc.field} {exc.reason}")
        except RestAwayError as exc:
            self._fault = f"REST: {exc}"
            self._due[gap.id] = time.monotonic() + 5.0
        else:
            self._tries[gap.id] += 1
            if unreadable:
                self._give_up(line, gap, "trades of it cannot be read")
            elif self._tries[gap.id] >= TRIES:
                self._give_up(line, gap, "the exchange does not return its trades")
            else:
                self._due[gap.id] = time.monotonic() + min(60.0, 0.5 * 2.0 ** self._tries[gap.id])
        if gap.state != "filling":
            self._due.pop(gap.id, None)
            self._tries.pop(gap.id, None)

    def _give_up(self, line: _Line, gap: Gap, why: str) -> None:
        if gap.state == "filling":
            line.tape.give_up(gap, why)

    async def _ask_for(self, native: str, gap: Gap) -> bool:
        """Ask for a gap's trades, and wait until they were taken; whether some of them could not be read."""
        assert self._rest is not None  # noqa: S101 - it runs beside `batches`
        unreadable = False
        asked = replace(gap)
        # An answer may go on beyond the gap: nothing was taken of what is there, which may lie in another one.
        last = asked.before.number - 1 if asked.numbered else None
        async for page in self.exchange.fill(self._rest, native, asked):
            within = page if last is None else replace(page, high=min(page.high, last))
            filled = _Filled(native, within, asyncio.Event())
            await self._inbox.put(filled)
            await filled.done.wait()
            unreadable |= bool(page.trades.faults)
        return unreadable

    async def _next_gap(self) -> tuple[str, Gap | None]:
        """The gap that is due first, once it is; None: the symbol's newest trade is to be asked for."""
        while True:
            self._gaps_changed.clear()
            waiting: list[tuple[float, str, Gap | None]] = [
                (self._due.get(gap.id, 0.0), native, gap)
                for native, line in self._lines.items()
                for gap in line.tape.gaps
            ]
            waiting += [(due, native, None) for native, due in self._checks.items() if native in self._lines]
            if waiting:
                due, native, gap = min(waiting, key=lambda each: each[0])
                if due <= time.monotonic():
                    return native, gap
                timeout = due - time.monotonic()
            else:
                timeout = None
            try:
                async with asyncio.timeout(timeout):
                    await self._gaps_changed.wait()
            except TimeoutError:
                continue

    # -- the clock --------------------------------------------------------------------------------------------

    async def _watch_clock(self) -> None:
        """Estimate how far the exchange's clock is from this one, by the middle of the way there and back."""
        assert self._rest is not None  # noqa: S101 - it runs beside `batches`
        while True:
            best_us: int | None = None
            try:
                for _ in range(CLOCK_TRIES):
                    asked_us = time.time_ns() // 1000
                    told_us = await self.exchange.clock_us(self._rest)
                    answered_us = time.time_ns() // 1000
                    if told_us is None:
                        return
                    if best_us is None or answered_us - asked_us < best_us:
                        best_us = answered_us - asked_us
                        apart_us = told_us - (asked_us + answered_us) // 2
                        # Within half of the way there and back nothing can be told.
                        self._skew_us = apart_us if abs(apart_us) > best_us // 2 else 0
                        self._skew_known = True
            except (RestRefusedError, RestAwayError, MessageError) as exc:
                log.info("exchange_clock_not_read", feed=self.name, reason=str(exc))
            await asyncio.sleep(CLOCK_S)
