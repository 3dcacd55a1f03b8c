"""Runs a feed where no other process does, and keeps in the audit log when it began and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from tickdeck.db.errors import DatabaseError
from tickdeck.db.feed_lock import feed_lock
from tickdeck.db.session import Pool, within
from tickdeck.db.users import audit_feed

_FAREWELL_S: Final = 1.0


@asynccontextmanager
async def exclusively(pool: Pool, name: str, *, by: str, **detail: Any) -> AsyncIterator[None]:
    """Be the one process that runs the feed `name` until the block ends; `pool` acts as writer and has one to spare.

    `by` is who runs it, `detail` what else the audit log is to have of it.  Raises `FeedRunsError` where another process
    runs it, `DatabaseError`, and what the block raises.
    """
    async with feed_lock(pool, name):
        how = "ended"
        try:
            await audit_feed(pool, "feed_started", subject=name, by=by, **detail)
            yield
        except asyncio.CancelledError:
            how = "stopped"
            raise
        except Exception as exc:
            how = f"failed: {exc}"
            raise
        finally:
            # What cannot be written now is no reason to fail.
            with suppress(DatabaseError, TimeoutError):
                await within(_FAREWELL_S, audit_feed(pool, "feed_ended", subject=name, by=by, how=how))
