"""What overview and watchlist ask over HTTP about days: what each drew so far, and how much trades on a usual one."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query

from tickdeck.app.replay.opening import MOST_SYMBOLS, parse_instant, parse_symbols
from tickdeck.app.web.schemas import REFUSALS, Text
from tickdeck.db.market.types import MAX_SEQ
from tickdeck.db.quotes import usual_volumes
from tickdeck.db.replay_reads import read_day_line
from tickdeck.db.session import Source, reading

Until = Annotated[Text | None, Query(description="as if nothing had happened later; ISO 8601")]


def router(history: Source) -> APIRouter:
    """`/api/usual-volumes` and `/api/day-lines`; their errors are answered by app.web.errors."""
    routes = APIRouter(tags=["data"], responses=REFUSALS)

    @routes.get("/api/usual-volumes")
    async def usual(until: Until = None) -> dict[str, float]:
        """The mean volume of a day by symbol, over its newest 20 days that are over, at the most 60 days back."""
        at_us = time.time_ns() // 1_000 if until is None else parse_instant(until, "until")
        return await usual_volumes(history, at_us)

    @routes.get("/api/day-lines")
    async def lines(
        symbols: Annotated[Text, Query(description=f"separated by commas, at most {MOST_SYMBOLS}")],
        until: Until = None,
    ) -> dict[str, list[float]]:
        """The closes of the newest trading day of each symbol, every 15 minutes, oldest first; empty: no tick yet."""
        names = parse_symbols(symbols)
        at = None if until is None else (parse_instant(until, "until"), MAX_SEQ)
        async with reading(history) as connection:
            return {symbol: await read_day_line(connection, symbol, at) for symbol in names}

    return routes
