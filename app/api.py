"""The REST interface: instruments, candles, ticks, health, metrics and their documentation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from app.api_docs import page
from app.api_shapes import CandleShape, Complaint, InstrumentShape, TicksPage
from app.api_tables import CANDLE_COLUMNS, TICK_COLUMNS, candle_rows, csv_text, objects, tick_rows
from db.candles import read_candles, read_candles_at
from db.errors import DatabaseError, MarketDataError
from db.instruments import list_instruments
from db.market import MAX_TIME_US, MIN_TIME_US, parse_interval
from db.moments import parse_moment
from db.pool import Pool
from db.reading import MAX_SEQ
from db.ticks_read import read_ticks

MOST_CANDLES: Final = 20_000
MOST_TICKS: Final = 20_000
Health = Callable[[], tuple[bool, Mapping[str, Any]]]
Format = Literal["json", "csv"]

Symbol = Annotated[str, Query(description="as in /api/instruments", examples=["SPY"])]
Start = Annotated[str | None, Query(description="first instant: ISO 8601 with zone, or a date (UTC)")]
End = Annotated[str | None, Query(description="first instant no more: ISO 8601 with zone, or a date (UTC)")]
Until = Annotated[str | None, Query(description="answer as if there were no tick after this instant")]
_REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    404: {"model": Complaint, "description": "The symbol is unknown"},
    422: {"model": Complaint, "description": "A parameter cannot be used; the detail names it"},
    503: {"model": Complaint, "description": "The database cannot be reached"},
}


def router(pool: Callable[[], Pool], health: Health, registry: CollectorRegistry) -> APIRouter:
    """The routes; `pool` and `health` are asked at each request, `registry` is what /metrics shows.

    `health()` says whether live data can be served, and what to tell about it.
    """
    routes = APIRouter(tags=["data"])
    _add_data_routes(routes, pool)
    _add_state_routes(routes, health, registry)
    return routes


def _add_data_routes(routes: APIRouter, pool: Callable[[], Pool]) -> None:
    @routes.get("/api/instruments", response_model=list[InstrumentShape], responses={503: _REFUSED[503]})
    async def instruments() -> Response:
        """All instruments, by symbol."""
        with _Refusing():
            return _json(await list_instruments(pool()))

    @routes.get("/api/candles", response_model=list[CandleShape], responses=_REFUSED)
    async def candles(
        symbol: Symbol,
        interval: Annotated[str, Query(description="1s, 5s, 15s, 1m, 5m, 15m, 1h or 1d")],
        start: Start = None,
        end: End = None,
        limit: Annotated[int, Query(ge=1, le=MOST_CANDLES, description="at the most so many")] = 500,
        until: Until = None,
        format: Format = "json",  # noqa: A002 - the parameter's name in the address
    ) -> Response:
        """The newest candles that start in [start, end), oldest first; buckets without ticks have none."""
        with _Refusing():
            known = parse_interval(interval)
            low, high = _range(start, end)
            if until is None:
                found = await read_candles(pool(), symbol, known, start_us=low, end_us=high, limit=limit)
            else:
                at = (parse_moment(until, "until"), MAX_SEQ)
                found = await read_candles_at(
                    pool(), symbol, known, at=at, start_us=low, end_us=high, limit=limit
                )
            if not found:
                await _require(pool(), symbol)
        rows = candle_rows(found)
        if format == "csv":
            return _csv(csv_text(CANDLE_COLUMNS, rows))
        return _json(objects(CANDLE_COLUMNS, rows))

    @routes.get("/api/ticks", response_model=TicksPage, responses=_REFUSED)
    async def ticks(
        symbol: Symbol,
        start: Start = None,
        end: End = None,
        limit: Annotated[int, Query(ge=1, le=MOST_TICKS, description="so many a page")] = 1000,
        after: Annotated[str | None, Query(description="`after` of the page before this one")] = None,
        until: Until = None,
        format: Format = "json",  # noqa: A002 - the parameter's name in the address
    ) -> Response:
        """A page of the ticks in [start, end), oldest first.

        For the next page pass `after` of this one (as CSV: the header `X-After`) with the same parameters.
        """
        with _Refusing():
            low, high = _range(start, end)
            if until is not None:
                high = min(MAX_TIME_US if high is None else high, parse_moment(until, "until") + 1)
            position = None if after is None else _position(after)
            batch = await read_ticks(
                pool(),
                [symbol],
                MIN_TIME_US if low is None else low,
                MAX_TIME_US if high is None else high,
                after=position,
                limit=limit,
            )
            if not len(batch):
                await _require(pool(), symbol)
        following = f"{batch.time_us[-1]}.{batch.seq[-1]}" if len(batch) >= limit else None
        rows = tick_rows(batch)
        if format == "csv":
            return _csv(csv_text(TICK_COLUMNS, rows), {} if following is None else {"x-after": following})
        return _json({"ticks": objects(TICK_COLUMNS, rows), "after": following})


def _add_state_routes(routes: APIRouter, health: Health, registry: CollectorRegistry) -> None:
    @routes.get("/healthz", tags=["state"])
    async def healthz() -> Response:
        """200 once the page can be served with live data, 503 with the reason otherwise."""
        well, facts = health()
        return _json(facts, 200 if well else 503)

    @routes.get("/metrics", tags=["state"])
    async def metrics() -> Response:
        """What this process counts, in Prometheus' text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @routes.get("/api/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return HTMLResponse(page(request.app.openapi()))


class _Refusing:
    """Turns what is wrong with a request into 422 with the reason, and a database that is away into 503."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, exc: BaseException | None, _trace: object) -> None:
        if isinstance(exc, MarketDataError):
            raise HTTPException(422, str(exc)) from exc
        if isinstance(exc, DatabaseError):
            raise HTTPException(503, str(exc)) from exc


async def _require(pool: Pool, symbol: str) -> None:
    """Refuse a symbol that is not known: asked only where nothing was found."""
    if all(each.symbol != symbol for each in await list_instruments(pool)):
        raise HTTPException(404, f"symbol: {symbol!r} is unknown; /api/instruments lists those there are")


def _range(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    low = None if start is None else parse_moment(start, "start")
    high = None if end is None else parse_moment(end, "end")
    if low is not None and high is not None and low > high:
        raise MarketDataError(f"start: {start} is after end: {end}")
    return low, high


def _position(after: str) -> tuple[int, int]:
    time_us, dot, seq = after.partition(".")
    try:
        position = int(time_us), int(seq)
    except ValueError:
        position = -1, 0
    if not dot or not MIN_TIME_US <= position[0] < MAX_TIME_US or abs(position[1]) > MAX_SEQ:
        raise MarketDataError(f"after: {after!r} is not the `after` of a page")
    return position


def _json(content: object, status: int = 200) -> Response:
    body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    return Response(body, status, media_type="application/json")


def _csv(text: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(text, media_type="text/csv; charset=utf-8", headers=dict(headers or {}))
