"""Compression of old ticks by the columnstore of TimescaleDB's Community edition, switched by a setting."""

from __future__ import annotations

from datetime import timedelta

import psycopg

from tickdeck.db.errors import DatabaseError, DatabaseUnavailableError
from tickdeck.db.statements import statement
from tickdeck.db.url import libpq_url, safe_url


def apply(url: str, after_days: float | None) -> str:
    """Have ticks older than `after_days` compressed by the server from now on, or no longer (None).

    Returns what is so now, in a sentence; on the Apache edition nothing is done, and the sentence says why.
    Chunks that are compressed stay so and are read and written like others.  Needs the owner's rights.
    Raises `DatabaseUnavailableError` and `DatabaseError`.
    """
    try:
        with psycopg.connect(libpq_url(url), connect_timeout=10) as connection:
            return _apply(connection, after_days)
    except psycopg.OperationalError as exc:
        raise DatabaseUnavailableError(f"{safe_url(url)}: {exc}") from exc
    except psycopg.Error as exc:
        raise DatabaseError(f"compression cannot be set up: {exc}") from exc


def _apply(connection: psycopg.Connection, after_days: float | None) -> str:
    row = connection.execute(statement("compression").encode()).fetchone()
    edition, current = row or (None, None)
    if after_days is None:
        if current is None:
            return "ticks are not compressed"
        connection.execute("select remove_compression_policy('public.ticks', if_exists => true)")
        return "no more ticks are compressed; those that are stay so"
    if edition != "timescale":
        return (
            "ticks are not compressed: TICKDECK_COMPRESS_AFTER_DAYS needs the columnstore of TimescaleDB's "
            f"Community edition, and this server has the {edition or 'unknown'} edition"
        )
    after = timedelta(days=after_days)
    if current != after:
        if current is None:
            # One segment a symbol in the ticks' own order: what every read asks for.
            connection.execute(
                "alter table public.ticks set (timescaledb.compress,"
                " timescaledb.compress_segmentby = 'symbol', timescaledb.compress_orderby = 'time, seq')"
            )
        connection.execute("select remove_compression_policy('public.ticks', if_exists => true)")
        connection.execute("select add_compression_policy('public.ticks', compress_after => %s)", (after,))
    return f"ticks older than {after_days:g} days are compressed"
