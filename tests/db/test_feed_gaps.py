"""Gaps are stored as they are found, change, and close once what they lack is there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from tickdeck.db.feed_gaps import (
    FeedGap,
    change_gaps,
    close_filled_gaps,
    last_ticks,
    list_gaps,
    open_gaps,
    ticks_in,
)
from tickdeck.db.market.types import to_us
from tickdeck.db.session import open_pool
from tickdeck.testing.ticks import START, Row, TickFactory

SECOND = timedelta(seconds=1)


def row(seq: int) -> Row:
    return Row("X", START + seq * SECOND, 10.0, seq=seq)


def gap(first: int, last: int, *, symbol: str = "X") -> FeedGap:
    """Between the ticks numbered so."""
    begins, ends = (to_us(START + seq * SECOND) for seq in (first, last))
    return FeedGap(uuid4(), "feed", symbol, begins, ends, first, last, "filling", "cut")


async def test_a_gap_is_found_changes_and_closes(tickdeck_db: str) -> None:
    factory = TickFactory(tickdeck_db)
    await factory.write_async(factory.rows([row(1), row(5)]))
    async with await open_pool(tickdeck_db, role="writer", size=2) as pool:
        found, other = gap(1, 5), gap(7, 9, symbol="Y")
        await open_gaps(pool, [found, other])
        await open_gaps(pool, [replace(found, why="said again")])
        assert await list_gaps(pool) == [found, other]
        assert await list_gaps(pool, symbols=["X"], from_us=found.to_us + 1) == []
        assert found.count == 3
        assert await last_ticks(pool, ["X", "Z"]) == {"X": (found.to_us, 5)}
        missing = replace(found, state="missing", why="cut; too old")
        await change_gaps(pool, [missing])
        await factory.write_async(factory.rows([row(2), row(3)]))
        assert await close_filled_gaps(pool) == 0
        assert await list_gaps(pool, symbols=["X"]) == [missing]
        assert [seq for _, seq in await ticks_in(pool, found)] == [2, 3]
        await factory.write_async(factory.rows([row(4)]))
        assert await close_filled_gaps(pool) == 1
        assert await list_gaps(pool, feed="feed") == [other]
        assert [each.state for each in await list_gaps(pool, symbols=["X"], states=["filled"])] == ["filled"]
