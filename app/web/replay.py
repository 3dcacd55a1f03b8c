"""What the page asks over HTTP about replays: on which days there are ticks, and when a market trades."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from tickdeck.app.replay.opening import calendar_of, parse_instant, parse_symbols
from tickdeck.app.web.rest import Known
from tickdeck.app.web.schemas import REFUSALS, Symbol, Text
from tickdeck.db.replay_reads import data_days, instruments_of, read_regular_day
from tickdeck.db.session import Source, reading

MOST_RANGE_US: Final = 40 * 366 * 86_400_000_000

Instant = Annotated[Text, Query(description="ISO 8601 with a zone")]


def routes(history: Source) -> APIRouter:
    """`/api/replay/days`, `/api/sessions` and `/api/day`; their errors are answered by app.web.errors."""
    router = APIRouter(tags=["replay"], responses=REFUSALS)

    @router.get("/api/replay/days")
    async def days(
        symbols: Annotated[Text, Query(description="separated by commas")],
        until: Annotated[Text | None, Query(description="leave out days that end later; ISO 8601")] = None,
        known: Known = None,
    ) -> list[dict[str, Any]]:
        """The days with ticks, oldest first: `{"day", "ticks", "volume"}` of all symbols together.

        A page in a replay passes its clock as `until`, so that later days stay unknown to it.
        """
        instruments = await instruments_of(history, parse_symbols(symbols))
        end_us = None if until is None else parse_instant(until, "until")
        known_us = None if known is None else parse_instant(known, "known")
        async with reading(history, known_us=known_us) as connection:
            found = await data_days(connection, instruments)
        calendar = await asyncio.to_thread(calendar_of, instruments[0])
        return [
            {"day": each.day.isoformat(), "ticks": each.ticks, "volume": each.volume}
            for each in found
            if end_us is None or calendar.day_bounds(each.day)[1] <= end_us
        ]

    @router.get("/api/sessions")
    async def sessions(symbol: Symbol, start: Instant, end: Instant) -> list[dict[str, Any]]:
        """The trading sessions of a symbol's exchange that meet `[start, end)`: no market data, the calendar only."""
        (instrument,) = await instruments_of(history, [symbol])
        start_us, end_us = parse_instant(start, "start"), parse_instant(end, "end")
        calendar = await asyncio.to_thread(calendar_of, instrument)
        if calendar.exchange is None:
            return []  # around the clock: nothing to tell apart
        if end_us - start_us > MOST_RANGE_US:
            start_us = end_us - MOST_RANGE_US
        found = await asyncio.to_thread(calendar.sessions, start_us, end_us)
        return [
            {
                "date": each.date.isoformat(),
                "hours": [[opened // 1000, closed // 1000] for opened, closed in each.hours()],
                "half": each.half_day,
            }
            for each in found
        ]

    @router.get("/api/day")
    async def day(
        symbol: Symbol,
        at: Annotated[int, Query(description="ms since the epoch: as if nothing had happened later")],
        *,
        as_known: Annotated[bool, Query(description="ticks as they were known then")] = False,
    ) -> dict[str, Any]:
        """The regular hours of the trading day at an instant, of the ticks up to it; `trades` 0: none yet."""
        (instrument,) = await instruments_of(history, [symbol])
        at_us = parse_instant(at, "at") + 999
        calendar = await asyncio.to_thread(calendar_of, instrument)
        async with reading(history, known_us=at_us if as_known else None) as connection:
            candle = await read_regular_day(connection, symbol, calendar, at_us)
        if candle is None:
            return {"symbol": symbol, "trades": 0}
        return {
            "symbol": symbol,
            "open": candle.open,
            "high": candle.high,
            "low": candle.low,
            "last": candle.close,
            "volume": candle.volume,
            "vwap": candle.turnover / candle.volume if candle.volume else None,
            "trades": candle.trades,
        }

    return router
