"""The REST interface, what is made of candles and ticks: indicators, order flow."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response

from tickdeck.app.push.protocol import describe_lines
from tickdeck.app.web.rest import Known, Until, require_symbol
from tickdeck.app.web.schemas import (
    REFUSALS,
    FootprintShape,
    IndicatorShape,
    PrintsShape,
    ProfileShape,
    Symbol,
    Text,
)
from tickdeck.db.errors import MarketDataError
from tickdeck.db.instruments import days_of
from tickdeck.db.market.buckets import bucket_of
from tickdeck.db.market.indicators import Kind, kinds
from tickdeck.db.market.moments import parse_moment
from tickdeck.db.market.orderflow import FootprintCandle, Profile, footprint_of, profile_of, require_minutes
from tickdeck.db.market.types import MAX_SEQ, parse_interval
from tickdeck.db.orderflow import read_cells, read_prints
from tickdeck.db.session import Source, reading

MOST_PRINTS: Final = 2_000
Step = Annotated[float | None, Query(gt=0, le=1e12, description="prices in steps of this; none: as they are")]


def router(history: Source) -> APIRouter:
    """The routes; what they raise is answered by app.web.errors."""
    routes = APIRouter(tags=["data"])

    @routes.get("/api/indicators", response_model=list[IndicatorShape])
    async def indicators() -> Response:
        """What `indicators` of /api/candles may name, with the parameters of each."""
        found, _ = kinds()
        return Response(orjson.dumps([_described(kind) for kind in found]), media_type="application/json")

    @routes.get("/api/profile", response_model=ProfileShape, responses=REFUSALS)
    async def profile(
        symbol: Symbol,
        start: Annotated[Text | None, Query(description="first instant; needed without `day`")] = None,
        end: Annotated[Text | None, Query(description="first instant no more; needed without `day`")] = None,
        day: Annotated[
            Text | None, Query(description="instead of both: the trading day that holds this instant")
        ] = None,
        step: Step = None,
        until: Until = None,
        known: Known = None,
    ) -> Response:
        """What traded at each price in [start, end), whole minutes, with point of control and value area."""
        async with reading(history, known_us=_known(known)) as connection:
            if day is not None:
                bucket = bucket_of(parse_moment(day, "day"), "1d", await days_of(connection, symbol))
                low, high, at = bucket.first_us, bucket.end_us, _until(until)
            elif start is None or end is None:
                raise MarketDataError("start and end are needed, or day")
            else:
                low, high, at = _moments(start, end, until)
            cells = await read_cells(connection, symbol, low, high, at=at)
            if not len(cells):
                await require_symbol(connection, symbol)
        made = profile_of(cells, step)
        return _json(
            {
                "symbol": symbol,
                "step": step,
                "sides": asdict(cells.sides),
                "missing": [each // 1000 for each in cells.missing_us],
                **_profile(made),
            }
        )

    @routes.get("/api/footprint", response_model=FootprintShape, responses=REFUSALS)
    async def footprint(
        symbol: Symbol,
        interval: Text,
        start: Text,
        end: Text,
        step: Step = None,
        until: Until = None,
        known: Known = None,
        prices: Annotated[bool, Query(description="false: only the delta of each candle")] = True,  # noqa: FBT002
    ) -> Response:
        """What traded at each price of each candle that starts in [start, end), of one minute or more; and its delta.

        The cumulative delta counts from the start of the trading day, also where that is before `start`.
        """
        width = parse_interval(interval)
        require_minutes(width)
        low, high, at = _moments(start, end, until)
        async with reading(history, known_us=_known(known)) as connection:
            days = await days_of(connection, symbol)
            begin = min(bucket_of(low, "1d", days).first_us, bucket_of(low, width, days).first_us)
            cells = await read_cells(connection, symbol, begin, high, at=at)
            if not len(cells):
                await require_symbol(connection, symbol)
        candles = await asyncio.to_thread(footprint_of, cells, width, days, step, with_prices=prices)
        return _json(
            {
                "symbol": symbol,
                "interval": width,
                "step": step,
                "sides": asdict(cells.sides),
                "missing": [each // 1000 for each in cells.missing_us],
                "candles": [_footprint(each) for each in candles if low <= each.time_us < high],
            }
        )

    @routes.get("/api/prints", response_model=PrintsShape, responses=REFUSALS)
    async def prints(
        symbol: Symbol,
        start: Text,
        end: Text,
        least: Annotated[float | None, Query(ge=0, le=1e15, description="of this size and above")] = None,
        share: Annotated[
            float, Query(ge=0, le=1, description="else of the size that this share of all does not exceed")
        ] = 0.999,
        limit: Annotated[
            int, Query(ge=1, le=MOST_PRINTS, description="at the most so many, the largest")
        ] = 500,
        until: Until = None,
        known: Known = None,
    ) -> Response:
        """Large trades in [start, end), at a price of their moment, in order of time; and who took it."""
        low, high, at = _moments(start, end, until)
        async with reading(history, known_us=_known(known)) as connection:
            found = await read_prints(
                connection, symbol, low, high, at=at, least=least, share=share, limit=limit
            )
            if not found.prints:
                await require_symbol(connection, symbol)
        return _json(
            {
                "symbol": symbol,
                "least": found.least,
                "prints": [[each.time_us / 1000, each.price, each.size, each.by] for each in found.prints],
            }
        )

    return routes


def _described(kind: Kind) -> dict[str, Any]:
    """An indicator before its parameters are chosen, as JSON; lines as with the default ones."""
    return {
        "name": kind.name,
        "title": kind.title,
        "pane": kind.pane,
        "levels": list(kind.levels),
        "parameters": [
            {
                "name": each.name,
                "type": each.kind.__name__,
                "default": each.default,
                "least": None if each.bounds is None else each.bounds.least,
                "most": None if each.bounds is None else each.bounds.most,
                "choices": list(each.choices),
            }
            for each in kind.parameters
        ],
        "lines": describe_lines(kind.with_values({})),
    }


def _moments(start: str, end: str, until: str | None) -> tuple[int, int, tuple[int, int] | None]:
    low, high = parse_moment(start, "start"), parse_moment(end, "end")
    if low > high:
        raise MarketDataError(f"start: {start} is after end: {end}")
    return low, high, _until(until)


def _until(until: str | None) -> tuple[int, int] | None:
    return None if until is None else (parse_moment(until, "until"), MAX_SEQ)


def _known(known: str | None) -> int | None:
    return None if known is None else parse_moment(known, "known")


def _profile(made: Profile) -> dict[str, Any]:
    columns = (made.price, made.bought, made.sold, made.unsided, made.trades, made.minutes)
    return {
        "point_of_control": made.point_of_control,
        "value_area": made.value_area,
        "prices": list(zip(*(column.tolist() for column in columns), strict=True)),
    }


def _footprint(candle: FootprintCandle) -> dict[str, Any]:
    return {
        "time": candle.time_us // 1000,
        "delta": candle.delta,
        "cumulative": candle.cumulative,
        **_profile(candle.profile),
    }


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
