"""Opens charts and tapes for their first viewer and closes them some time after the last."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Protocol, TypeAlias

import structlog

from app.live.charts import Chart
from app.live.protocol import Subscription
from app.live.state import MarketState
from db.errors import DatabaseError
from db.market import Interval

Topic: TypeAlias = tuple[str, Interval] | str
"""A chart (symbol, interval) or the tape of a symbol."""

log = structlog.get_logger(__name__)


class TopicReader(Protocol):
    """Fills charts and tapes of a state; raises `DatabaseError` where they cannot be read."""

    async def chart(self, chart: Chart) -> None: ...
    async def tapes(self, symbols: Iterable[str]) -> None: ...


class Topics:
    """Counts who needs which chart and tape of `state`; all times are the event loop's."""

    def __init__(self, state: MarketState, reader: TopicReader, *, grace_s: float) -> None:
        self._state = state
        self._reader = reader
        self._grace_s = grace_s
        self._needed: Counter[Topic] = Counter()
        self._used_at: dict[Topic, float] = {}
        self._opening: dict[Topic, asyncio.Task[None]] = {}

    async def acquire(self, watched: Subscription) -> None:
        """Have the subscription's chart and tape in the state, read where they were not.

        Where the database cannot be read they stay empty until `retry`.
        """
        topics = _topics(watched)
        self._needed.update(topics)
        await self._open(topics)

    def release(self, watched: Subscription) -> None:
        """Undo one `acquire`."""
        topics = _topics(watched)
        self._needed.subtract(topics)
        self._touch(topics)

    async def use(self, watched: Subscription) -> None:
        """Have them in the state for the time of grace."""
        topics = _topics(watched)
        self._touch(topics)
        await self._open(topics)

    def sweep(self) -> None:
        """Close what nobody needed for the time of grace."""
        oldest = asyncio.get_running_loop().time() - self._grace_s
        for topic in [t for t, at in self._used_at.items() if at < oldest and self._needed[t] <= 0]:
            if topic in self._opening:
                continue
            del self._used_at[topic], self._needed[topic]
            if isinstance(topic, str):
                self._state.close_tape(topic)
            else:
                self._state.close_chart(*topic)

    def retry(self) -> None:
        """Read what somebody needs and could not be read before."""
        for topic, needed in self._needed.items():
            if needed > 0 and topic not in self._opening and not self._loaded(topic):
                self._start(topic)

    def _touch(self, topics: list[Topic]) -> None:
        now = asyncio.get_running_loop().time()
        for topic in topics:
            self._used_at[topic] = now

    async def _open(self, topics: list[Topic]) -> None:
        waiting = []
        for topic in topics:
            if self._loaded(topic):
                continue
            waiting.append(self._opening.get(topic) or self._start(topic))
        for task in waiting:
            await asyncio.shield(task)  # others may wait for the same

    def _start(self, topic: Topic) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._load(topic))
        self._opening[topic] = task
        task.add_done_callback(partial(self._opened, topic))
        return task

    def _opened(self, topic: Topic, _task: asyncio.Task[None]) -> None:
        del self._opening[topic]

    def _loaded(self, topic: Topic) -> bool:
        if isinstance(topic, str):
            return topic in self._state.tapes and self._state.tapes[topic].loaded
        return topic in self._state.charts and self._state.charts[topic].loaded

    async def _load(self, topic: Topic) -> None:
        try:
            if isinstance(topic, str):
                self._state.open_tape(topic)
                await self._reader.tapes([topic])
            else:
                await self._reader.chart(self._state.open_chart(*topic))
        except DatabaseError as exc:
            log.warning("topic_not_read", topic=topic, reason=str(exc))


def _topics(watched: Subscription) -> list[Topic]:
    topics: list[Topic] = [] if watched.chart is None else [watched.chart]
    return topics if watched.tape is None else [*topics, watched.tape]
