"""What each feed says about itself: one row a feed, and a message to whoever listens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.messages import FeedState
from tickdeck.db.session import PoolOrConnection, translate, writing
from tickdeck.db.statements import statement


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One feed as last heard of; `seen_at` and `started_at` by the server's clock, aware.

    A feed that is `running` but was not seen for some seconds has died without saying so.  `fault`: why it last failed.
    `health`: what a live feed says of its source, as in `feeds.base.FeedHealth`.
    `missing_gaps`: stretches that it could not fill; `gaps`: how many of each symbol, of the 500 that have the most.
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
    fault: str
    health: Mapping[str, Any]
    missing_gaps: int
    gaps: Mapping[str, int]


async def report_feed(
    pool: PoolOrConnection,
    name: str,
    *,
    kind: str,
    state: FeedState,
    detail: str = "",
    stored: int = 0,
    rejected: int = 0,
    health: Mapping[str, Any] | None = None,
    starting: bool = False,
) -> None:
    """Store the feed's row (as a writer) and notify; call it at start, every few seconds, and at the end.

    `stored` and `rejected` count ticks since the start; `starting` sets the start to now.
    """
    async with writing(pool, f"cannot report feed {name!r}"):
        await pool.execute(
            statement("report_feed"), name, kind, state, detail, stored, rejected, starting,
            orjson.dumps(health or {}).decode(),
        )  # fmt: skip


async def list_feeds(pool: PoolOrConnection) -> list[FeedRow]:
    """All feeds ever reported, the one seen last first."""
    with translate("cannot read the feeds"):
        rows = await pool.fetch(statement("list_feeds"))
    return [
        FeedRow(**{**row, **{name: orjson.loads(row[name]) for name in ("health", "gaps")}}) for row in rows
    ]


async def wanted_symbols(pool: PoolOrConnection, name: str) -> list[str] | None:
    """The symbols that are asked of a feed since it was started; None: those it was started with."""
    with translate("cannot read what is asked of a feed"):
        wanted = await pool.fetchval(statement("wanted_symbols"), name)
    return None if wanted is None else list(wanted)


async def forget_wanted_symbols(pool: PoolOrConnection, name: str) -> None:
    """What was asked of an earlier run of the feed is over (as a writer)."""
    async with writing(pool, f"cannot start feed {name!r} anew"):
        await pool.execute(statement("forget_wanted_symbols"), name)


async def want_symbols(
    pool: PoolOrConnection, name: str, add: Sequence[str], remove: Sequence[str]
) -> list[str]:
    """Ask the feed `name` for symbols more or fewer (as a writer); return those it shall have.

    Raises `ConfigurationError` where no such feed runs, or none would be left.
    """
    async with writing(pool, f"cannot ask feed {name!r} for symbols"):
        row = await pool.fetchrow(statement("want_symbols"), name, list(add), list(remove))
    if row is None:
        raise ConfigurationError(f"feed {name!r} does not run, or takes no symbols while it runs")
    if not row["wanted"]:
        raise ConfigurationError(f"feed {name!r} would have no symbol left: stop it instead")
    return list(row["wanted"])
