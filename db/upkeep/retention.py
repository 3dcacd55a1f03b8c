"""Drops ticks that are over their time, a chunk (a day) at a time, and leaves their candles.

What is dropped is noted in `dropped_ticks` in the same transaction: a tick that comes again is refused there, because
the candles would count it twice.

Dropping a chunk takes locks that a feed would have to wait behind, so each is waited for only a moment, and taken up
again at the next turn where somebody still reads the chunk.  Needs the owner's rights: neither the dashboard's nor
the feeds' role may remove ticks.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
import structlog
from psycopg import errors

from tickdeck.db.config import DatabaseSettings
from tickdeck.db.errors import DatabaseError, DatabaseUnavailableError
from tickdeck.db.statements import statement
from tickdeck.db.url import libpq_url, safe_url

LOCK_TIMEOUT_MS: Final = 200
"""The longest that a feed can have to wait behind a drop that is itself waiting."""
RETENTION_LOCK: Final = 7455000003
"""One process drops at a time."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Dropped:
    """What one turn did: chunks dropped, and chunks left for the next turn because they were in use."""

    before: datetime
    chunks: int
    in_use: int


def drop_expired(
    url: str, keep_days: float, *, now: datetime | None = None, dry_run: bool = False
) -> Dropped:
    """Drop the chunks whose every tick is older than `keep_days` before `now` (UTC; default: the clock).

    `dry_run` only counts.  Raises `DatabaseUnavailableError` and `DatabaseError`.
    """
    before = (now or datetime.now(UTC)) - timedelta(days=keep_days)
    try:
        with psycopg.connect(libpq_url(url), connect_timeout=10, autocommit=True) as connection:
            return _drop(connection, before, dry_run=dry_run)
    except psycopg.OperationalError as exc:
        raise DatabaseUnavailableError(f"{safe_url(url)}: {exc}") from exc
    except psycopg.Error as exc:
        raise DatabaseError(f"old ticks cannot be dropped: {exc}") from exc


def _drop(connection: psycopg.Connection, before: datetime, *, dry_run: bool) -> Dropped:
    chunks = connection.execute(statement("expired_chunks").encode(), {"before": before}).fetchall()
    if dry_run:
        return Dropped(before, len(chunks), 0)
    connection.execute(f"set lock_timeout = {LOCK_TIMEOUT_MS}".encode())
    row = connection.execute("select pg_try_advisory_lock(%s)", (RETENTION_LOCK,)).fetchone()
    if not row or not row[0]:
        return Dropped(before, 0, len(chunks))
    # Looked up anew: with the lock, none of them can be archived any more.
    chunks = connection.execute(statement("expired_chunks").encode(), {"before": before}).fetchall()
    dropped = 0
    for first, until in chunks:
        try:
            # One chunk a transaction: the locks of one are gone before the next is asked for.  Exactly that chunk: an
            # older one that a feed has made meanwhile is not noted yet.
            with connection.transaction():
                connection.execute(
                    "select drop_chunks('public.ticks', older_than => %s, newer_than => %s)", (until, first)
                )
                connection.execute(statement("note_dropped_ticks").encode(), {"first": first, "until": until})
        except errors.LockNotAvailable:
            break
        dropped += 1
    return Dropped(before, dropped, len(chunks) - dropped)


class Retention:
    """Drops expired ticks every `upkeep_interval_s`, in the background of a process that may."""

    def __init__(self, url: str, settings: DatabaseSettings) -> None:
        self._url = url
        self._settings = settings

    async def run(self) -> None:
        """Until cancelled; at once done where the settings keep ticks for ever.  A failed turn is logged."""
        keep_days = self._settings.keep_ticks_days
        if keep_days is None:
            return
        while True:
            try:
                done = await asyncio.to_thread(drop_expired, self._url, keep_days)
            except DatabaseError as exc:
                log.warning("retention_failed", reason=str(exc))
            else:
                if done.chunks or done.in_use:
                    log.info(
                        "ticks_dropped",
                        before=done.before.isoformat(),
                        chunks=done.chunks,
                        in_use=done.in_use,
                    )
            await asyncio.sleep(self._settings.upkeep_interval_s)
