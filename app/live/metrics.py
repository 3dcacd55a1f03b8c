"""What the push counts, for Prometheus."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LATENCY_BUCKETS_S: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)


class Metrics:
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.ticks = Counter("tickdeck_ticks", "Ticks told by the database", registry=self.registry)
        self.messages = Counter(
            "tickdeck_messages", "Messages of the database", ["kind"], registry=self.registry
        )
        self.reads = Counter(
            "tickdeck_rereads", "Reads of tables to catch up", ["why"], registry=self.registry
        )
        self.frames = Counter("tickdeck_frames", "Messages sent to viewers", registry=self.registry)
        self.bytes = Counter("tickdeck_frame_bytes", "Bytes sent to viewers", registry=self.registry)
        self.viewers = Gauge("tickdeck_viewers", "Viewers connected", registry=self.registry)
        self.conflated = Counter(
            "tickdeck_conflated", "Times a viewer was passed over as it had not read", registry=self.registry
        )
        self.reconnects = Counter(
            "tickdeck_database_losses", "Times the database was lost", registry=self.registry
        )
        self.latency = Histogram(
            "tickdeck_latency_seconds", "From the database's statement to its arrival here",
            buckets=LATENCY_BUCKETS_S, registry=self.registry,
        )  # fmt: skip

    def sent(self, size: int) -> None:
        """One message of `size` bytes went to one viewer."""
        self.frames.inc()
        self.bytes.inc(size)
