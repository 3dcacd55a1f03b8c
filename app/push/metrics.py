"""What the push counts, for Prometheus."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LATENCY_BUCKETS_S: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


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

    def sent(self, size: int) -> None:
        """Count one message of `size` bytes to one viewer."""
        self.frames.inc()
        self.bytes.inc(size)
