"""What is known about each symbol besides its ticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import structlog

from tickdeck.db.errors import DatabaseError
from tickdeck.db.market.buckets import is_known_zone, require_day_start
from tickdeck.db.market.types import Instrument
from tickdeck.db.session import Connection, PoolOrConnection, translate, writing
from tickdeck.db.statements import statement

log = structlog.get_logger(__name__)


async def list_instruments(pool: PoolOrConnection) -> list[Instrument]:
    """All instruments, by symbol (byte order).

    A stored time zone that is no IANA name is read as UTC, and said once in the log for each symbol and name.
    """
    with translate("cannot read the instruments"):
        rows = await pool.fetch(statement("list_instruments"))
    return [_with_known_zone(Instrument(**dict(row))) for row in rows]


async def negative_symbols(pool: PoolOrConnection) -> frozenset[str]:
    """The symbols whose prices may be 0 and below."""
    with translate("cannot read the instruments"):
        return frozenset(row[0] for row in await pool.fetch(statement("negative_symbols")))


async def days_of(connection: Connection, symbol: str) -> str:
    """The day rule of `symbol` (see `Instrument.days`); UTC where it is unknown."""
    row = await connection.fetchrow(statement("day_rule_of"), symbol)
    if row is None:
        return "UTC"
    zone = row[0] if is_known_zone(row[0]) else "UTC"  # as `list_instruments` reads it
    return Instrument(symbol, timezone=zone, day_start=row[1]).days


async def venue_of(connection: Connection, symbol: str) -> tuple[str | None, str]:
    """The exchange of `symbol`, None for around the clock, and its day rule as `days_of` has it."""
    row = await connection.fetchrow(statement("venue_of"), symbol)
    if row is None:
        return None, "UTC"
    exchange, zone, start = row
    return exchange, Instrument(symbol, timezone=zone if is_known_zone(zone) else "UTC", day_start=start).days


async def upsert_instruments(pool: PoolOrConnection, instruments: Sequence[Instrument]) -> None:
    """Store `instruments` (as a writer), replacing all that was known of those symbols.

    A symbol whose days change has its day candles built again.  Raises `DatabaseError` naming the rule
    that a field breaks, such as an unknown time zone; then none is stored.
    """
    for each in instruments:
        if not is_known_zone(each.timezone):
            raise DatabaseError(
                f"cannot store the instruments: {each.symbol}: time zone {each.timezone!r} is no IANA name"
            )
        require_day_start(each.day_start)
    columns = [[getattr(each, name) for each in instruments] for name in Instrument.__slots__]
    async with writing(pool, "cannot store the instruments"):
        await pool.execute(statement("upsert_instruments"), *columns)


async def describe_instruments(pool: PoolOrConnection, found: Sequence[Instrument]) -> None:
    """Store what an exchange says of its instruments (as a writer), as `upsert_instruments` does.

    Days that somebody has set to start at another time than midnight stay as they are, with their zone, and so does
    whether prices may be below zero, and a sector where the exchange tells none.
    """
    known = {each.symbol: each for each in await list_instruments(pool)}
    kept = []
    for each in found:
        before = known.get(each.symbol)
        negative = each.allow_negative or (before is not None and before.allow_negative)
        if before is not None and before.day_start != "00:00":
            each = replace(each, timezone=before.timezone, day_start=before.day_start)  # noqa: PLW2901
        sector = each.sector or (None if before is None else before.sector)
        kept.append(replace(each, allow_negative=negative, sector=sector))
    await upsert_instruments(pool, kept)


def _with_known_zone(instrument: Instrument) -> Instrument:
    if is_known_zone(instrument.timezone):
        return instrument
    _say_unknown_zone(instrument.symbol, instrument.timezone)
    return replace(instrument, timezone="UTC")


@lru_cache(maxsize=10_000)
def _say_unknown_zone(symbol: str, zone: str) -> None:
    log.warning("time_zone_unknown", symbol=symbol, timezone=zone, read_as="UTC")
