"""What a feed that publishes says of itself on the bus: how it fares, and up to where it has published, for its next run."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from tickdeck.db.feed_gaps import FeedGap
from tickdeck.db.market.types import TickBatch

MOST_GAPS: Final = 1_000
MOST_BYTES: Final = 64 << 20
"""No state is as long as this, unpacked."""


@dataclass(slots=True)
class Said:
    """A feed's state as it goes over the bus.

    `run` is that of the process.  `health`: as in the table of feeds.  `newest`: time (µs since the epoch) and seq of the
    newest tick of each symbol that is published.  `positions`: of each source up to where it is (see `Resumes`).
    """

    feed: str
    kind: str
    run: str
    state: Literal["running", "ended", "failed"]
    detail: str
    published: int
    rejected: int
    health: dict[str, Any]
    newest: dict[str, tuple[int, int]]
    gaps: list[FeedGap]
    positions: dict[str, dict[str, Any]]


_SAID: Final = TypeAdapter(Said)


def packed(said: Said) -> bytes:
    """For the bus."""
    return zlib.compress(orjson.dumps(said), 1)


def unpacked(data: bytes) -> Said:
    """What `packed` was given; raises `ValueError` for anything else."""
    unzip = zlib.decompressobj()
    try:
        text = unzip.decompress(data, MOST_BYTES)
    except zlib.error as exc:
        raise ValueError("is no state of a feed") from exc
    return _SAID.validate_json(text)


class Journal:
    """What a feed has published, this run and those before; a `Published`."""

    def __init__(self) -> None:
        self._newest: dict[str, tuple[int, int]] = {}
        self._gaps: dict[UUID, FeedGap] = {}
        self._positions: dict[str, dict[str, Any]] = {}

    def restore(self, said: Said) -> None:
        """Go on behind an earlier run."""
        self._newest = dict(said.newest)
        self._gaps = {each.id: each for each in said.gaps}
        self._positions = dict(said.positions)

    def newest(self, symbol: str) -> tuple[int, int] | None:
        """See `Published`."""
        return self._newest.get(symbol)

    def gaps(self, symbol: str) -> Sequence[FeedGap]:
        """See `Published`."""
        return sorted(
            (each for each in self._gaps.values() if each.symbol == symbol), key=lambda each: each.from_us
        )

    def position(self, source: str) -> Mapping[str, Any] | None:
        """Up to where `source` is published."""
        return self._positions.get(source)

    def published(self, ticks: TickBatch) -> None:
        """These are on the bus."""
        last = {
            symbol: index for index, symbol in enumerate(ticks.symbol.tolist())
        }  # a symbol's ticks come in their order
        for symbol, index in last.items():
            identity = int(ticks.time_us[index]), int(ticks.seq[index])
            self._newest[symbol] = max(identity, self._newest.get(symbol, identity))

    def told(self, gaps: Sequence[FeedGap]) -> None:
        """So are these."""
        for each in gaps:
            if each.state in {"filling", "missing"}:
                self._gaps[each.id] = each
            else:
                self._gaps.pop(each.id, None)
        while len(self._gaps) > MOST_GAPS:
            self._gaps.pop(next(iter(self._gaps)))

    def reached(self, source: str, at: Mapping[str, Any] | None) -> None:
        """All of `source` up to `at` is; None: it is over, and begins anew."""
        if at is None:
            self._positions.pop(source, None)
        else:
            self._positions[source] = dict(at)

    def as_said(self, **facts: Any) -> Said:
        """With what else there is to say."""
        return Said(newest=self._newest, gaps=list(self._gaps.values()), positions=self._positions, **facts)
