"""Stores ticks."""

from __future__ import annotations

from dataclasses import dataclass

from db.connect import translate
from db.market import TickBatch, from_us
from db.pool import Pool

COLUMNS = ("time", "symbol", "seq", "price", "size", "bid", "ask", "exchange", "conditions")


@dataclass(frozen=True, slots=True)
class TickReject:
    """Row `index` of the batch was not stored: `reason` says what is wrong with its `field`."""

    index: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch: `stored` + `already` + len(`rejects`) is its length."""

    stored: int
    already: int
    rejects: tuple[TickReject, ...]


class TickStore:
    """Writes batches of ticks, each in one transaction."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def write(self, batch: TickBatch) -> Written:
        def text(values: object) -> list[str | None]:
            return [None] * len(batch) if values is None else list(values)  # type: ignore[call-overload]

        rows = zip(
            map(from_us, batch.time_us.tolist()), batch.symbol.tolist(), batch.seq.tolist(),
            batch.price.tolist(), batch.size.tolist(),
            [None if x != x else x for x in batch.bid.tolist()],
            [None if x != x else x for x in batch.ask.tolist()],
            text(batch.exchange), text(batch.conditions),
        )  # fmt: skip
        with translate("cannot write ticks"):
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.copy_records_to_table("ticks", records=rows, columns=COLUMNS)
        return Written(len(batch), 0, ())
