"""Opens charts and tapes for their first viewer and closes them some time after the last."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias

import structlog

from tickdeck.app.market.charts import Chart
from tickdeck.app.market.flow import Flow
from tickdeck.app.market.state import MarketState
from tickdeck.app.push.protocol import Subscription
from tickdeck.db.errors import DatabaseError
from tickdeck.db.faults import Fault
from tickdeck.db.market.bar_types import ChartInterval
from tickdeck.db.market.indicators import Indicator


@dataclass(frozen=True, slots=True)
class IndicatorTopic:
    """The values of an indicator in a chart (symbol, interval)."""

    chart: tuple[str, ChartInterval]
    indicator: Indicator


@dataclass(frozen=True, slots=True)
class FlowTopic:
    """The newest order flow of a symbol."""

    symbol: str


Topic: TypeAlias = tuple[str, ChartInterval] | IndicatorTopic | FlowTopic | str
"""A chart (symbol, interval), an indicator in one, order flow, or the tape of a symbol."""
Reading: TypeAlias = tuple[str, ChartInterval] | FlowTopic | str
"""What is read at once: a chart with all its indicators, order flow, or the tape of a symbol."""

log = structlog.get_logger(__name__)


class TopicReader(Protocol):
    """Fills charts and tapes of a state; raises `DatabaseError` where they cannot be read."""

    async def read_chart(self, chart: Chart) -> None: ...
    async def read_tapes(self, symbols: Iterable[str]) -> None: ...
    async def read_flow(self, flow: Flow) -> None: ...


class Topics:
    """Counts who needs which chart and tape of `state`; all times are the event loop's."""

    def __init__(self, state: MarketState, reader: TopicReader, *, grace_s: float) -> None:
        self._state = state
        self._reader = reader
        self._grace_s = grace_s
        self._needed: Counter[Topic] = Counter()
        self._used_at: dict[Topic, float] = {}
        self._opening: dict[Reading, asyncio.Task[None]] = {}
        # A connection that is lost is said by the listener.
        self._fault = Fault("topics_not_read", "topics_read_again", after_s=3)

    async def acquire(self, watched: Subscription) -> None:
        """Have the subscription's chart and tape in the state, read where they were not.

        Where the database cannot be read they stay empty until `retry`.
        """
        topics = _topics(watched)
        self._needed.update(topics)
        try:
            await self._open(topics)
        except BaseException:
            self.release(watched)
            raise

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
            if _reading_of(topic) in self._opening:
                continue
            del self._used_at[topic], self._needed[topic]
            if isinstance(topic, str):
                self._state.close_tape(topic)
            elif isinstance(topic, FlowTopic):
                self._state.close_flow(topic.symbol)
            elif isinstance(topic, IndicatorTopic):
                self._state.close_indicator(*topic.chart, topic.indicator)
            else:
                self._state.close_chart(*topic)

    def retry(self) -> None:
        """Read what somebody needs and could not be read before."""
        for topic, needed in list(self._needed.items()):
            if needed > 0 and _reading_of(topic) not in self._opening and not self._loaded(topic):
                self._start(_reading_of(topic))

    def _touch(self, topics: list[Topic]) -> None:
        now = asyncio.get_running_loop().time()
        for topic in topics:
            self._used_at[topic] = now

    async def _open(self, topics: list[Topic]) -> None:
        for topic in topics:
            if isinstance(
                topic, IndicatorTopic
            ):  # before the chart is read, which is then read for all of them
                self._state.open_indicator(*topic.chart, topic.indicator)
        for _ in range(2):  # a read that has begun already was not for these indicators
            wanted = dict.fromkeys(_reading_of(topic) for topic in topics if not self._loaded(topic))
            for task in [self._opening.get(each) or self._start(each) for each in wanted]:
                await asyncio.shield(task)  # others may wait for the same

    def _start(self, reading: Reading) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._load(reading))
        self._opening[reading] = task
        task.add_done_callback(partial(self._opened, reading))
        return task

    def _opened(self, reading: Reading, _task: asyncio.Task[None]) -> None:
        del self._opening[reading]

    def _loaded(self, topic: Topic) -> bool:
        if isinstance(topic, str):
            return topic in self._state.tapes and self._state.tapes[topic].loaded
        if isinstance(topic, FlowTopic):
            return topic.symbol in self._state.flows and self._state.flows[topic.symbol].loaded
        chart = self._state.charts.get(topic.chart if isinstance(topic, IndicatorTopic) else topic)
        if chart is None or not chart.loaded:
            return False
        return not isinstance(topic, IndicatorTopic) or chart.indicators.get(topic.indicator, False)

    async def _load(self, topic: Reading) -> None:
        try:
            if isinstance(topic, str):
                self._state.open_tape(topic)
                await self._reader.read_tapes([topic])
            elif isinstance(topic, FlowTopic):
                await self._reader.read_flow(self._state.open_flow(topic.symbol))
            else:
                await self._reader.read_chart(self._state.open_chart(*topic))
            self._fault.over()
        except DatabaseError as exc:
            self._fault.failed(str(exc), topic=topic)
        except Exception:
            log.exception("topic_not_read", topic=topic)


def _topics(watched: Subscription) -> list[Topic]:
    topics: list[Topic] = []
    if watched.chart is not None:
        topics = [watched.chart, *(IndicatorTopic(watched.chart, each) for each in watched.indicators)]
        topics += [(each, watched.chart[1]) for each in watched.compare]
        if watched.flow:
            topics.append(FlowTopic(watched.chart[0]))
    return topics if watched.tape is None else [*topics, watched.tape]


def _reading_of(topic: Topic) -> Reading:
    return topic.chart if isinstance(topic, IndicatorTopic) else topic
