"""What each feed says about itself: one row a feed, and a message to whoever listens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from db.connect import translate
from db.messages import FeedState
from db.pool import PoolOrConnection
from db.statements import statement


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One feed as last heard of; `seen_at` and `started_at` by the server's clock, aware.

    A feed that is `running` but was not seen for some seconds has died without saying so.
    """

    name: str
    kind: str
    state: FeedState
    detail: str
    stored: int
    rejected: int
    started_at: datetime
    seen_at: datetime
    silent_s: float


async def report_feed(
    pool: PoolOrConnection,
    name: str,
    *,
    kind: str,
    state: FeedState,
    detail: str = "",
    stored: int = 0,
    rejected: int = 0,
    starting: bool = False,
) -> None:
    """Store the feed's row (as a writer) and notify; call it at start, every few seconds, and at the end.

    `stored` and `rejected` count ticks since the start; `starting` sets the start to now.
    """
    with translate(f"cannot report feed {name!r}"):
        await pool.execute(statement("report_feed"), name, kind, state, detail, stored, rejected, starting)


async def list_feeds(pool: PoolOrConnection) -> list[FeedRow]:
    """All feeds ever reported, the one seen last first."""
    with translate("cannot read the feeds"):
        rows = await pool.fetch(statement("list_feeds"))
    return [FeedRow(**dict(row)) for row in rows]
