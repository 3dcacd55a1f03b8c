"""Batches of ticks for property tests, and what a store of them must hold afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import strategies as st

from tests.reference import Tick, fold_all, utc
from tickdeck.db.market.types import UPDATES_ALL, Candle, Interval, TickBatch

UTC_ZONE = ZoneInfo("UTC")
NUMBERS = count()

# Days, hours and minutes turn near these; the seqs are near, equal, and as far apart as a bigint allows.
ANCHORS = tuple(utc(text) for text in ("2024-02-29T00:00", "2024-03-01T14:59:59", "1970-01-01T00:01"))
SEQS = (0, 1, 2, 3, 2**37 - 1, 2**37, 2**62, 2**63 - 1, -(2**63))


@dataclass(frozen=True)
class Offer:
    """One tick as a feed offers it."""

    symbol: str
    tick: Tick
    exchange: str | None = None
    conditions: str | None = None

    @property
    def identity(self) -> tuple[str, int, int]:
        return self.symbol, self.tick.time_us, self.tick.seq


def offers(symbols: Sequence[str]) -> st.SearchStrategy[Offer]:
    cents = st.integers(9_990, 10_010).map(lambda number: number / 100)
    ticks = st.builds(
        Tick,
        time_us=st.builds(
            lambda anchor, offset: anchor + offset,
            st.sampled_from(ANCHORS),
            st.one_of(st.integers(-3, 3).map(lambda n: n * 500_000), st.integers(-59_000_000, 90_000_000)),
        ),
        seq=st.sampled_from(SEQS),
        price=cents,
        size=st.sampled_from((0.0, 1.0, 100.0, 0.125)),
        bid=st.one_of(st.none(), cents),
        ask=st.one_of(st.none(), cents),
        updates=st.one_of(st.none(), st.integers(0, 7)),
    )
    texts = st.sampled_from((None, "", "N", "@ TI", "äö€"))
    return st.builds(Offer, st.sampled_from(symbols), ticks, texts, texts)


def batch_of(offered: Sequence[Offer]) -> TickBatch:
    def numbers(values: Sequence[float | None]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)

    def texts(values: Sequence[str | None]) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
        column = np.empty(len(values), dtype=object)
        column[:] = values
        return column

    ticks = [offer.tick for offer in offered]
    return TickBatch(
        np.array([tick.time_us for tick in ticks], dtype=np.int64),
        texts([offer.symbol for offer in offered]),
        np.array([tick.seq for tick in ticks], dtype=np.int64),
        numbers([tick.price for tick in ticks]),
        numbers([tick.size for tick in ticks]),
        numbers([tick.bid for tick in ticks]),
        numbers([tick.ask for tick in ticks]),
        texts([offer.exchange for offer in offered]),
        texts([offer.conditions for offer in offered]),
        None
        if all(tick.updates is None for tick in ticks)
        else np.array(
            [UPDATES_ALL if tick.updates is None else tick.updates for tick in ticks], dtype=np.int16
        ),
    )


class Model:
    """A store in plain Python: the first tick of an identity stays."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, int, int], Offer] = {}

    def write(self, offered: Sequence[Offer]) -> tuple[int, int, list[int]]:
        """(stored, already, positions of the rejects)."""
        stored = already = 0
        rejects = []
        for position, offer in enumerate(offered):
            if offer.identity not in self.kept:
                self.kept[offer.identity] = offer
                stored += 1
            elif self.kept[offer.identity] == offer:
                already += 1
            else:
                rejects.append(position)
        return stored, already, rejects

    def candles(self, interval: Interval) -> dict[str, list[Candle]]:
        symbols = sorted({offer.symbol for offer in self.kept.values()})
        return {
            symbol: fold_all(
                [offer.tick for offer in self.kept.values() if offer.symbol == symbol], interval, UTC_ZONE
            )
            for symbol in symbols
        }
