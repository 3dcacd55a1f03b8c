"""Folds candles again that `verify` has found to be otherwise than their ticks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from tickdeck.db.candles.verify import Difference, verify
from tickdeck.db.market.types import from_us
from tickdeck.db.session import Pool, PoolOrConnection, writing
from tickdeck.db.statements import statement

_AT_ONCE: Final = 200
"""Candles of one transaction: writers wait for it."""
_MINUTE_US: Final = 60_000_000


async def repair(pool: PoolOrConnection, differences: Sequence[Difference], *, actor: str) -> None:
    """Fold these candles again from their ticks, and have what is built from them built anew; `pool` acts as writer.

    Each 200 are one transaction, under the lock of the builder: it waits for the writers that are at work and keeps others
    waiting.  Reads are right, listeners told, and `actor` is in the audit log, once this returns.  A candle whose ticks
    retention has dropped stays as it is.  Raises `DatabaseError` and its kinds.
    """
    places = sorted({(each.symbol, each.time_us // _MINUTE_US * _MINUTE_US) for each in differences})
    for start in range(0, len(places), _AT_ONCE):
        part = places[start : start + _AT_ONCE]
        async with writing(pool, "cannot repair candles"):
            await pool.execute(
                statement("repair_candles"),
                actor,
                [symbol for symbol, _ in part],
                [from_us(time_us) for _, time_us in part],
            )


async def verify_and_repair(
    reader: Pool,
    writer: Pool,
    *,
    actor: str,
    since_us: int | None = None,
    found: Callable[[Difference], None],
) -> list[Difference]:
    """Repair all that `verify` finds, and return what differs still: [] is the good answer.

    `verify` reports a bounded number at a time, so it is asked again until it finds nothing that was not repaired
    already.  `found` is told of each difference once.
    """
    seen: set[tuple[str, str, int]] = set()
    while True:
        differences = await verify(reader, since_us=since_us)
        new = [each for each in differences if (each.symbol, each.interval, each.time_us) not in seen]
        if not new:
            return differences
        for each in new:
            seen.add((each.symbol, each.interval, each.time_us))
            found(each)
        await repair(writer, differences, actor=actor)
