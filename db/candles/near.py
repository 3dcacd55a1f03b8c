"""What is stored around an instant: the prices that others are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from tickdeck.db.market.types import from_us
from tickdeck.db.session import Source, reading
from tickdeck.db.statements import statement


class PriceNear(NamedTuple):
    """A stored price above 0, and the minute it is of, µs since the epoch (UTC)."""

    price: float
    time_us: int


async def prices_near(
    source: Source, at_us: Mapping[str, int], *, within_us: int
) -> dict[str, list[PriceNear]]:
    """Of each symbol the last price before its instant of `at_us`, and the first from then on, no further away than `within_us`.

    Symbols without any are left out.  Raises `DatabaseError` and its kinds.
    """
    async with reading(source) as connection:
        rows = await connection.fetch(
            statement("prices_near"),
            list(at_us),
            [from_us(each) for each in at_us.values()],
            timedelta(microseconds=within_us),
        )
    found = {
        symbol: [PriceNear(price, minute) for price, minute in ((close, before), (open_, after)) if price]
        for symbol, close, before, open_, after in rows
    }
    return {symbol: near for symbol, near in found.items() if near}
