"""The bus itself: a connection to NATS, the streams on it, and what can be asked of them."""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from tickdeck.db.errors import ConfigurationError, DatabaseUnavailableError
from tickdeck.feeds.bus.messages import id_of
from tickdeck.feeds.bus.settings import Address, BusSettings
from tickdeck.feeds.errors import FeedError

try:
    import nats
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription
    from nats.js import api
    from nats.js.client import JetStreamContext
    from nats.js.errors import APIError, BadRequestError, NotFoundError
except ImportError as missing:  # the extra is not installed
    raise ConfigurationError("the bus needs its own libraries: pip install 'tickdeck[nats]'") from missing

if TYPE_CHECKING:
    from nats.js.api import ConsumerInfo

CONNECT_S: Final = 5.0
PUBLISH_S: Final = 10.0
"""A server that has not acknowledged by then is taken for gone."""
PING_S: Final = 5
REPEATS_S: Final = 120.0
"""A message that comes again within this is known by its id and not taken."""
ACKNOWLEDGED_WITHIN_S: Final = 24 * 3600.0
"""Nothing comes again by the clock: who takes a partition over has all that is not acknowledged come again at once, in order."""
MOST_UNACKNOWLEDGED: Final = 50_000
WRONG_LAST_SEQUENCE: Final = 10071

T = TypeVar("T")


@contextmanager
def cancellation_kept() -> Iterator[None]:
    """Cancel the task after all where the block was cancelled and went on, as if nothing had been.

    The client waits by `asyncio.wait_for`, which before Python 3.12 returns what has just come instead of the cancellation
    (bpo-37658): a loop around it would never end.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - whoever awaits is a task
    before = task.cancelling()
    try:
        yield
    finally:
        if task.cancelling() > before:
            raise asyncio.CancelledError


class StateHeard(Protocol):
    """Is told what feeds say."""

    async def __call__(self, what: str, data: bytes, *, is_new: bool) -> None:
        """`what`: `state` or something else; `is_new`: it was said since."""
        ...


class BusAwayError(DatabaseUnavailableError):
    """The bus cannot be reached or takes nothing now: a writer waits for it as it does for a database."""


class StateTakenError(FeedError):
    """Another process has written a feed's state since."""


class Bus:
    """The bus at `address`, with the stream of `settings`; connected where something is asked of it, and again after a loss.

    The stream NAME holds ticks until a writer has stored them, in partitions by symbol, the stream NAME-feeds the newest
    state of each feed.  Where they are not there they are made.  Whatever fails is `BusAwayError`, and the connection is
    given up with it: nothing that was sent before arrives after what is sent then.
    """

    def __init__(self, address: Address, settings: BusSettings, *, name: str) -> None:
        self.address = address
        self.stream = settings.bus_stream
        self.partitions = settings.bus_partitions
        """Those of the stream, once it was connected."""
        self.lost = asyncio.Event()
        """Set while there is no connection."""
        self.lost.set()
        self.connection = 0
        """The number of the connection: what was subscribed to over another one is over."""
        self._name = name
        self._client: Client | None = None
        self._js: JetStreamContext | None = None
        self._connecting = asyncio.Lock()
        self._closed = False

    async def connect(self) -> JetStreamContext:
        """Be connected; raises `BusAwayError`."""
        async with self._connecting:
            if self._closed:
                raise BusAwayError(f"the bus {self.address.safe}: we have left it")
            if self._js is not None and not self.lost.is_set():
                return self._js
            await self._drop()
            address = self.address
            try:
                async with asyncio.timeout(CONNECT_S):
                    # It is ours before it is connected: what is cut short is closed, too.
                    self._client = client = Client()
                    with cancellation_kept():
                        await client.connect(
                            list(address.servers),
                            user=address.user,
                            password=address.password,
                            token=address.token,
                            tls=address.tls,
                            name=self._name,
                            allow_reconnect=False,
                            connect_timeout=2,
                            ping_interval=PING_S,
                            error_cb=_unheard,
                            disconnected_cb=self._gone,
                            closed_cb=self._gone,
                        )
                        js = client.jetstream()
                        await self._make_streams(js)
                    self.lost.clear()
                    self.connection += 1
                    self._js = js
            except (nats.errors.Error, OSError, TimeoutError) as exc:
                raise BusAwayError(f"the bus {address.safe}: {_said(exc)}") from exc
            finally:
                if self._js is None:
                    await self._drop()
            return js

    async def close(self) -> None:
        """Leave the bus, for good."""
        async with self._connecting:
            self._closed = True
            await self._drop()

    async def _give_up(self, js: JetStreamContext) -> None:
        """Give a connection up, if no other one is in its place by now."""
        async with self._connecting:
            if self._js is js:
                await self._drop()

    async def _drop(self) -> None:
        """Give the connection up; whoever calls it keeps others from connecting meanwhile, which would lose a client that nobody closes."""
        client, self._client, self._js = self._client, None, None
        self.lost.set()
        if client is None:
            return
        try:
            with suppress(nats.errors.Error, OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await client.close()
        finally:
            # The client leaves its socket open where it could not send what was left, or is cut short.
            writer = getattr(client._transport, "_io_writer", None)  # noqa: SLF001 - it has no other way
            if writer is not None:
                writer.transport.abort()

    async def publish(self, messages: Sequence[tuple[int, bytes]], *, feed: str) -> None:
        """Have the stream hold these, each in its partition and in their order; raises `BusAwayError`, then some may be there."""

        async def send(js: JetStreamContext) -> None:
            async with asyncio.timeout(PUBLISH_S):
                sent = [
                    await js.publish_async(
                        f"{self.stream}.ticks.{partition}.{token_of(feed)}",
                        data,
                        headers={"Nats-Msg-Id": id_of(data)},
                    )
                    for partition, data in messages
                ]
                await self._unless_lost(asyncio.gather(*sent))

        await self._do(send)

    async def read_state(self, feed: str, what: str = "state") -> tuple[int, bytes] | None:
        """The newest state of a feed with its number; None where there is none."""

        async def read(js: JetStreamContext) -> tuple[int, bytes] | None:
            try:
                found = await js.get_last_msg(self._feeds, self._state_subject(feed, what))
            except NotFoundError:
                return None
            return found.seq or 0, found.data or b""

        return await self._do(read)

    async def write_state(
        self, feed: str, data: bytes, what: str = "state", *, after: int | None = None
    ) -> int:
        """Replace a feed's state and return its number; `after`: only where that is still the number of the newest one.

        Raises `StateTakenError` where it is not.
        """

        async def write(js: JetStreamContext) -> int:
            headers = None if after is None else {"Nats-Expected-Last-Subject-Sequence": str(after)}
            try:
                done = await js.publish(
                    self._state_subject(feed, what), data, timeout=PUBLISH_S, headers=headers
                )
            except APIError as exc:
                if exc.err_code == WRONG_LAST_SEQUENCE:
                    raise StateTakenError(str(exc)) from exc
                raise
            return done.seq

        return await self._do(write)

    async def states(self, heard: StateHeard) -> None:
        """From now on have `heard` told what is said of each feed, and what was said last."""

        async def listen(js: JetStreamContext) -> None:
            last = (await js.stream_info(self._feeds)).state.last_seq

            async def told(message: Msg) -> None:
                is_new = message.metadata.sequence.stream > last
                await heard(message.subject.rsplit(".", 1)[1], message.data, is_new=is_new)

            config = api.ConsumerConfig(
                deliver_policy=api.DeliverPolicy.LAST_PER_SUBJECT, ack_policy=api.AckPolicy.NONE
            )
            await js.subscribe(
                f"{self._feeds}.>", stream=self._feeds, config=config, cb=told, manual_ack=True
            )

        await self._do(listen)

    async def begin_anew(self, partition: int) -> int:
        """Have all of a partition that is not acknowledged come again; how much had been handed out already.

        Whoever had it gets nothing of it any more.
        """

        async def begin(js: JetStreamContext) -> int:
            again = 0
            with suppress(NotFoundError):
                before = await js.consumer_info(self.stream, _writer_of(partition))
                again = before.num_ack_pending or 0
                await js.delete_consumer(self.stream, _writer_of(partition))
            await js.add_consumer(
                self.stream,
                api.ConsumerConfig(
                    durable_name=_writer_of(partition),
                    filter_subject=f"{self.stream}.ticks.{partition}.*",
                    ack_policy=api.AckPolicy.EXPLICIT,
                    ack_wait=ACKNOWLEDGED_WITHIN_S,
                    max_ack_pending=MOST_UNACKNOWLEDGED,
                ),
            )
            return again

        return await self._do(begin)

    async def partition_info(self, partition: int) -> ConsumerInfo:
        """How far its writer is; raises `BusAwayError` also where there is none."""

        async def ask(js: JetStreamContext) -> ConsumerInfo:
            info: ConsumerInfo = await js.consumer_info(self.stream, _writer_of(partition))
            return info

        return await self._do(ask)

    async def listen(self, came: Callable[[Msg], Awaitable[None]]) -> Subscription:
        """A subject of our own for what `pull` asks for."""

        async def subscribe(_: JetStreamContext) -> Subscription:
            client = self._client
            assert client is not None  # noqa: S101 - it is there while there is a connection
            return await client.subscribe(client.new_inbox(), cb=came)

        return await self._do(subscribe)

    async def pull(self, partition: int, count: int, inbox: Subscription) -> None:
        """Ask for so many more messages of a partition, whenever they come."""

        async def ask(_: JetStreamContext) -> None:
            assert self._client is not None  # noqa: S101
            await self._client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self.stream}.{_writer_of(partition)}",
                json.dumps({"batch": count}).encode(),
                reply=inbox.subject,
            )

        await self._do(ask)

    async def flush(self) -> None:
        """Have all that was said arrive."""

        async def flush(_: JetStreamContext) -> None:
            assert self._client is not None  # noqa: S101
            await self._client.flush(timeout=2)

        await self._do(flush)

    async def _do(self, work: Callable[[JetStreamContext], Awaitable[T]]) -> T:
        js = await self.connect()
        try:
            with cancellation_kept():
                return await work(js)
        except (nats.errors.Error, OSError, TimeoutError) as exc:
            await self._give_up(js)
            raise BusAwayError(f"the bus {self.address.safe}: {_said(exc)}") from exc

    async def _unless_lost(self, answers: asyncio.Future[Any]) -> None:
        """Wait for `answers`; of a connection that is lost none comes any more."""
        lost = asyncio.create_task(self.lost.wait())
        try:
            await asyncio.wait({answers, lost}, return_when=asyncio.FIRST_COMPLETED)
            if not answers.done():
                raise ConnectionResetError("the connection was lost")
            answers.result()
        finally:
            lost.cancel()
            if not answers.done():
                answers.cancel()
                await asyncio.wait({answers})
            if not answers.cancelled():
                answers.exception()  # is looked at

    async def _make_streams(self, js: JetStreamContext) -> None:
        """Both streams; the partitions are those that it was made with."""
        ticks = api.StreamConfig(
            name=self.stream,
            subjects=[f"{self.stream}.ticks.{each}.*" for each in range(self.partitions)],
            retention=api.RetentionPolicy.WORK_QUEUE,
            discard=api.DiscardPolicy.NEW,
            storage=api.StorageType.FILE,
            duplicate_window=REPEATS_S,
        )
        feeds = api.StreamConfig(
            name=self._feeds,
            subjects=[f"{self._feeds}.>"],
            max_msgs_per_subject=1,
            storage=api.StorageType.FILE,
        )
        for wanted in (ticks, feeds):
            assert wanted.name is not None  # noqa: S101
            try:
                found = await js.stream_info(wanted.name)
            except NotFoundError:
                try:
                    found = await js.add_stream(wanted)
                except BadRequestError:  # another has made it meanwhile, with other partitions
                    found = await js.stream_info(wanted.name)
            if wanted is ticks:
                self.partitions = len(found.config.subjects or [])

    @property
    def _feeds(self) -> str:
        return f"{self.stream}-feeds"

    def _state_subject(self, feed: str, what: str) -> str:
        return f"{self._feeds}.{token_of(feed)}.{what}"

    async def _gone(self) -> None:
        self.lost.set()


def token_of(feed: str) -> str:
    """A feed's name as a part of a subject."""
    return f"{re.sub(r'[^A-Za-z0-9_-]', '_', feed)[:40]}-{zlib.crc32(feed.encode()):08x}"


def _writer_of(partition: int) -> str:
    return f"writer-{partition}"


async def _unheard(_: Exception) -> None:
    """What the client would log by itself; what matters is raised where it was asked for."""


def _said(exc: BaseException) -> str:
    """An error in words, of which some of the client's have none."""
    if isinstance(exc, TimeoutError):
        return "does not answer"
    return str(exc) or type(exc).__name__
