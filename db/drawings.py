"""Drawings on charts, each user's own: of one symbol, and in times and prices, so that every interval shows them.

Everything here wants a pool that acts as `tickdeck_settings`, and raises `DatabaseError` and its kinds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson

from tickdeck.db.errors import MarketDataError
from tickdeck.db.session import Pool, translate
from tickdeck.db.statements import statement

MOST_DRAWINGS: Final = 500
"""Of one user on one symbol."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One drawing; `content` is what the page made of it."""

    id: UUID
    content: dict[str, Any]


async def list_drawings(pool: Pool, symbol: str, owner: int | None) -> list[Drawing]:
    """The drawings of a user (None: the implicit owner) on a symbol, the ones changed last at the end."""
    with translate("cannot read the drawings"):
        rows = await pool.fetch(statement("drawings/list"), symbol, owner)
    return [Drawing(UUID(row[0]), orjson.loads(row[1])) for row in rows]


async def save_drawing(pool: Pool, symbol: str, owner: int | None, drawing: Drawing) -> None:
    """Store a new drawing, or the new state of one.

    Raises `MarketDataError` where its id is taken by another user or symbol, where it is too large, or where there
    are `MOST_DRAWINGS` already.
    """
    content = orjson.dumps(drawing.content).decode()
    with translate("cannot store the drawing"):
        try:
            stored = await pool.fetchval(
                statement("drawings/save"), drawing.id, symbol, owner, content, MOST_DRAWINGS
            )
        except asyncpg.CheckViolationError as exc:
            raise MarketDataError("a drawing of more than 8 KiB") from exc
    if stored is None:
        raise MarketDataError(
            f"the drawing cannot be stored: its id is taken, or there are {MOST_DRAWINGS} on {symbol}"
        )


async def delete_drawing(pool: Pool, symbol: str, owner: int | None, number: UUID) -> None:
    """Forget a drawing of this user's on the symbol; one that is not there is none any more either."""
    with translate("cannot delete the drawing"):
        await pool.execute(statement("drawings/delete"), number, owner, symbol)
