"""What the push counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tickdeck.db.latency import Window
from tickdeck.db.standbys import StandbyState

LATENCY_BUCKETS_S: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a tick's way and how long it took lately; `feed`: whose, empty for the parts that all share.

    `exchange` (its trade to the feed), `commit` (the feed to the database's commit), `notify` (the database's statement to
    here), `frame` (here to the frames that show it), `paint` (the frame to the viewer's screen).
    """

    stage: str
    feed: str
    p50_ms: float
    p99_ms: float


Spilled = Callable[[], Mapping[str, tuple[int, int]]]
"""Of each feed whose ticks wait on disk the bytes and their bound."""


class _Waiting(Collector):
    """Looked at when it is asked for: while the database is away nobody tells."""

    def __init__(self, spilled: Spilled) -> None:
        self._spilled = spilled

    def collect(self) -> Iterable[GaugeMetricFamily]:
        size = GaugeMetricFamily(
            "tickdeck_spill_bytes", "Bytes of ticks that wait on disk for the database", labels=["feed"]
        )
        share = GaugeMetricFamily(
            "tickdeck_spill_share", "The same as a share of their bound, 0 to 1", labels=["feed"]
        )
        for feed, (found, limit) in self._spilled().items():
            size.add_metric([feed], found)
            share.add_metric([feed], found / limit)
        return size, share


class _Read(Collector):
    """Who answers reads of history, looked at when it is asked for."""

    def __init__(self, states: Callable[[], Sequence[StandbyState]], by_primary: Callable[[], int]) -> None:
        self._states = states
        self._by_primary = by_primary

    def collect(self) -> Iterable[Metric]:
        reads = CounterMetricFamily(
            "tickdeck_history_reads", "Reads of history, by who answered them", labels=["by"]
        )
        used = GaugeMetricFamily("tickdeck_standby_used", "1 while it may be read from", labels=["standby"])
        lag_bytes = GaugeMetricFamily(
            "tickdeck_standby_lag_bytes",
            "Log of the primary that it has not replayed, as of the last look",
            labels=["standby"],
        )
        lag = GaugeMetricFamily(
            "tickdeck_standby_lag_seconds",
            "How old the newest commit it has replayed is, 0 where it has replayed all",
            labels=["standby"],
        )
        reads.add_metric(["primary"], self._by_primary())
        for each in self._states():
            reads.add_metric([each.place], each.reads)
            used.add_metric([each.place], float(not each.reason))
            lag_bytes.add_metric([each.place], each.lag_bytes)
            lag.add_metric([each.place], each.lag_s)
        return reads, used, lag_bytes, lag


class Metrics:
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.ticks = Counter("tickdeck_ticks", "Ticks the database notified of", registry=self.registry)
        self.messages = Counter(
            "tickdeck_messages", "Messages of the database", ["kind"], registry=self.registry
        )
        self.reads = Counter(
            "tickdeck_rereads", "Reads of tables to catch up", ["why"], registry=self.registry
        )
        self.unknown_symbols = Counter(
            "tickdeck_unknown_symbols", "Symbols notified of that have no tick", registry=self.registry
        )
        self.frames = Counter("tickdeck_frames", "Messages sent to viewers", registry=self.registry)
        self.bytes = Counter("tickdeck_frame_bytes", "Bytes sent to viewers", registry=self.registry)
        self.viewers = Gauge("tickdeck_viewers", "Viewers connected", registry=self.registry)
        self.conflated = Counter(
            "tickdeck_conflated", "Times a viewer was passed over as it had not read", registry=self.registry
        )
        self.dropped = Counter(
            "tickdeck_dropped_viewers", "Viewers cut as they could not be served", registry=self.registry
        )
        self.refused = Counter(
            "tickdeck_refused_notifications",
            "Notifications of the database that could not be used",
            registry=self.registry,
        )
        self.reconnects = Counter(
            "tickdeck_database_losses", "Times the database was lost", registry=self.registry
        )
        self.live = Gauge(
            "tickdeck_live",
            "1 while live data are fed and can be served, as /readyz has it",
            registry=self.registry,
        )
        self.differing = Gauge(
            "tickdeck_candles_differing",
            "Candles that are not what their ticks fold to, as far as was looked",
            registry=self.registry,
        )
        self.verified = Gauge(
            "tickdeck_candles_verified_timestamp_seconds",
            "When the candles were last compared with their ticks",
            registry=self.registry,
        )
        self.latency = Histogram(
            "tickdeck_latency_seconds", "From the database's statement to its arrival here",
            buckets=LATENCY_BUCKETS_S, registry=self.registry,
        )  # fmt: skip

        self.notify, self.frame, self.paint = Window(), Window(), Window()
        self._stages = Gauge(
            "tickdeck_stage_seconds", "How long each part of a tick's way took in the last minute",
            ["stage", "feed", "quantile"], registry=self.registry,
        )  # fmt: skip
        self._bus = Gauge(
            "tickdeck_bus_messages", "Messages of a bus, as the feed tells: pending, acknowledged, redelivered, published, …",
            ["feed", "what"], registry=self.registry,
        )  # fmt: skip
        self._skew = Gauge(
            "tickdeck_clock_skew_seconds",
            "How far another clock is ahead of this process's",
            ["clock"],
            registry=self.registry,
        )

    def look_at_spills(self, spilled: Spilled) -> None:
        """Show what waits on disk."""
        self.registry.register(_Waiting(spilled))

    def look_at_standbys(
        self, states: Callable[[], Sequence[StandbyState]], by_primary: Callable[[], int]
    ) -> None:
        """Show how standbys fare, and how many reads they and the primary have answered."""
        self.registry.register(_Read(states, by_primary))

    def stages(self) -> list[Stage]:
        """What was measured here."""
        measured = (("notify", self.notify), ("frame", self.frame), ("paint", self.paint))
        return [
            Stage(name, "", *quantiles)
            for name, window in measured
            if (quantiles := window.quantiles_ms()) is not None
        ]

    def show_stages(self, stages: Iterable[Stage], skew_s: float | None) -> None:
        """Have `/metrics` say this of the last minute, and how far the database's clock is ahead."""
        self._stages.clear()
        for each in stages:
            self._stages.labels(each.stage, each.feed, "0.5").set(each.p50_ms / 1000)
            self._stages.labels(each.stage, each.feed, "0.99").set(each.p99_ms / 1000)
        self._skew.clear()
        if skew_s is not None:
            self._skew.labels("database").set(skew_s)

    def show_bus(self, messages: Mapping[str, Mapping[str, int]]) -> None:
        """Have `/metrics` say this of each feed that has to do with a bus."""
        self._bus.clear()
        for feed, counted in messages.items():
            for what, count in counted.items():
                self._bus.labels(feed, what).set(count)

    def sent(self, size: int) -> None:
        """Count one message of `size` bytes to one viewer."""
        self.frames.inc()
        self.bytes.inc(size)
