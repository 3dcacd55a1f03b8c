"""Databases with a made-up market of so many ticks, filled on the server in seconds a million."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import asyncpg

from tickdeck.db.url import libpq_url

HERE: Final = Path(__file__).parent
TICKS_A_DAY: Final = 100_000
FIRST_DAY_US: Final = 1_577_975_400_000_000
"""When the first session opens: 2020-01-02 09:30 in New York."""
SESSION_US: Final = 23_400_000_000
SYMBOLS: Final = tuple(f"H{number}" for number in range(1, 8))
BUSIEST: Final = SYMBOLS[0]
_DAYS_AT_ONCE: Final = 20


async def fill(url: str, ticks: int, progress: Callable[[str, float | None], None]) -> None:
    """Store `ticks` ticks in the empty database at `url` with their candles, all hours built.

    A superuser fills past the trigger and makes index and candles afterwards, which leaves the same rows and takes
    a fifth of the time; any other owner takes the way of all ticks.
    """
    days = ticks // TICKS_A_DAY
    connection = await asyncpg.connect(libpq_url(url), server_settings={"jit": "off", "timezone": "GMT"})
    try:
        await connection.execute(
            "insert into instruments (symbol, timezone) select unnest($1::text[]), 'America/New_York'",
            SYMBOLS,
        )
        superuser = await connection.fetchval("select rolsuper from pg_roles where rolname = current_user")
        if superuser:
            await connection.execute("set session_replication_role = replica")
            await connection.execute("drop index ticks_identity")
        for first in range(0, days, _DAYS_AT_ONCE):
            last = min(first + _DAYS_AT_ONCE, days) - 1
            await connection.execute(_sql("ticks"), first, last)
            progress(f"{ticks:,} ticks", last / days)
        if superuser:
            await connection.execute("create unique index ticks_identity on ticks (symbol, time, seq)")
            await connection.execute(_sql("candles"))
        await connection.fetchval("select tickdeck_build_candles_v1(10000000)")
        await connection.execute("vacuum analyze candles")
        await connection.execute("vacuum analyze ticks")
        if superuser:
            await connection.execute("checkpoint")  # its writes would go on into what is measured
    finally:
        await connection.close()


def baseline() -> str:
    """The statement that folds a chart from raw ticks."""
    return _sql("baseline")


def _sql(name: str) -> str:
    return (HERE / f"{name}.sql").read_text(encoding="utf-8")
