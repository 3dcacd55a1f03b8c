"""Gaps: stretches of a symbol's tape that a feed has missed, until they are filled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from tickdeck.db.archive.read import fetch
from tickdeck.db.market.types import from_us as utc
from tickdeck.db.market.types import to_us as us_of
from tickdeck.db.session import PoolOrConnection, reading, translate, writing
from tickdeck.db.statements import statement

GapState = Literal["filling", "missing", "filled", "none"]
"""`filling`: it is being fetched; `missing`: it could not be; `filled`: its trades are stored; `none`: there were none."""


@dataclass(frozen=True, slots=True)
class FeedGap:
    """What lies between two trades of a symbol and did not come.

    `from_us`, `to_us`: the times of the trades at its ends, µs since the epoch.  `from_seq`, `to_seq`: their numbers,
    where the exchange counts a symbol's trades up by one; else None.  `why`: what is known of the reason.
    """

    id: UUID
    feed: str
    symbol: str
    from_us: int
    to_us: int
    from_seq: int | None
    to_seq: int | None
    state: GapState
    why: str

    @property
    def count(self) -> int | None:
        """How many trade numbers it has; None where they do not tell."""
        return None if self.from_seq is None or self.to_seq is None else self.to_seq - self.from_seq - 1


async def open_gaps(pool: PoolOrConnection, gaps: Sequence[FeedGap]) -> None:
    """Store those of the gaps that are not stored yet (as a writer)."""
    async with writing(pool, "cannot store the gaps of a feed"):
        await pool.execute(statement("open_gaps"), *_columns(gaps))


async def change_gaps(pool: PoolOrConnection, gaps: Sequence[FeedGap]) -> None:
    """Store what has become of gaps that are stored (as a writer)."""
    async with writing(pool, "cannot store the gaps of a feed"):
        await pool.execute(statement("change_gaps"), *_columns(gaps))


async def list_gaps(
    pool: PoolOrConnection,
    *,
    feed: str | None = None,
    symbols: Sequence[str] | None = None,
    from_us: int | None = None,
    to_us: int | None = None,
    states: Sequence[GapState] = ("filling", "missing"),
) -> list[FeedGap]:
    """The gaps that touch `[from_us, to_us)`, by symbol and time; None: of all feeds, symbols, times."""
    with translate("cannot read the gaps"):
        rows = await pool.fetch(
            statement("list_gaps"),
            feed,
            None if symbols is None else list(symbols),
            None if from_us is None else utc(from_us),
            None if to_us is None else utc(to_us),
            list(states),
        )
    return [
        FeedGap(
            row["id"],
            row["feed"],
            row["symbol"],
            us_of(row["from_time"]),
            us_of(row["to_time"]),
            row["from_seq"],
            row["to_seq"],
            row["state"],
            row["why"],
        )
        for row in rows
    ]


async def close_filled_gaps(pool: PoolOrConnection) -> int:
    """Mark missing gaps as filled whose trade numbers are all stored by now (as a writer); return how many."""
    async with writing(pool, "cannot look at the gaps"):
        return int(await pool.fetchval(statement("close_filled_gaps")))


async def ticks_in(pool: PoolOrConnection, gap: FeedGap) -> list[tuple[int, int]]:
    """(time in µs, seq) of the ticks that are stored between a gap's ends; none where its trades are not numbered."""
    if gap.from_seq is None or gap.to_seq is None:
        return []
    async with reading(pool) as connection:
        rows = await fetch(
            connection,
            "ticks_in_gap",
            gap.symbol,
            utc(gap.from_us),
            utc(gap.to_us),
            gap.from_seq,
            gap.to_seq,
            symbols=[gap.symbol],
            low_us=gap.from_us,
            high_us=gap.to_us + 1,
        )
    return [(us_of(row["time"]), row["seq"]) for row in rows]


async def last_ticks(pool: PoolOrConnection, symbols: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Symbol to (time in µs, seq) of its newest stored tick; symbols without ticks are left out."""
    async with reading(pool) as connection:
        rows = await connection.fetch(statement("last_ticks"), list(symbols))
    return {row["symbol"]: (us_of(row["time"]), row["seq"]) for row in rows}


def _columns(gaps: Sequence[FeedGap]) -> list[list[object]]:
    return [
        [each.id for each in gaps],
        [each.feed for each in gaps],
        [each.symbol for each in gaps],
        [utc(each.from_us) for each in gaps],
        [utc(each.to_us) for each in gaps],
        [each.from_seq for each in gaps],
        [each.to_seq for each in gaps],
        [each.state for each in gaps],
        [each.why[:500] for each in gaps],
    ]
