"""What is known about each symbol besides its ticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from db.connect import translate
from db.pool import PoolOrConnection
from db.statements import statement


@dataclass(frozen=True, slots=True)
class Instrument:
    """`exchange` is an ISO 10383 code such as XNYS (None: trades around the clock), `timezone` an IANA name whose
    midnights divide the day candles, `currency` an ISO 4217 code, `price_decimals` how many the display shows.
    """

    symbol: str
    name: str | None = None
    exchange: str | None = None
    timezone: str = "UTC"
    currency: str | None = None
    price_decimals: int = 2


async def list_instruments(pool: PoolOrConnection) -> list[Instrument]:
    """All instruments, by symbol (byte order)."""
    with translate("cannot read the instruments"):
        rows = await pool.fetch(statement("list_instruments"))
    return [Instrument(**dict(row)) for row in rows]


async def upsert_instruments(pool: PoolOrConnection, instruments: Sequence[Instrument]) -> None:
    """Store `instruments` (as a writer), replacing all that was known of those symbols.

    A symbol whose time zone changes has its day candles built again.  Raises `DatabaseError` naming the rule
    that a field breaks, such as an unknown time zone; then none is stored.
    """
    columns = [[getattr(each, name) for each in instruments] for name in Instrument.__slots__]
    with translate("cannot store the instruments"):
        await pool.execute(statement("upsert_instruments"), *columns)
