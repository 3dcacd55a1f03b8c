"""Positions: up to where a feed has stored what its source holds, kept in the transaction of the ticks themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from tickdeck.db.session import Connection, Pool, PoolOrConnection, translate
from tickdeck.db.statements import statement


@dataclass(frozen=True, slots=True)
class FeedPosition:
    """All that `source` holds up to `at` is stored; `at` is the feed's own and fits JSON.  None: it is played to its end,
    and begins anew.
    """

    feed: str
    source: str
    at: Mapping[str, Any] | None


async def put_position(connection: Connection | Pool, position: FeedPosition) -> None:
    """Store `position`, in the transaction that `connection` is in.  Raises the driver's errors."""
    if position.at is None:
        await connection.execute(statement("forget_feed_position"), position.feed, position.source)
    else:
        at = orjson.dumps(position.at).decode()
        await connection.execute(statement("put_feed_position"), position.feed, position.source, at)


async def read_position(pool: PoolOrConnection, feed: str, source: str) -> Mapping[str, Any] | None:
    """Where the feed is to go on in `source`; None where it begins."""
    with translate(f"cannot read where feed {feed!r} goes on"):
        at = await pool.fetchval(statement("feed_position"), feed, source)
    return None if at is None else dict(orjson.loads(at))
