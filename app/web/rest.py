"""The REST interface: instruments, candles and ticks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Final, Literal

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse

from tickdeck.app.push.protocol import RowForm, candle_values, encode
from tickdeck.app.rows import (
    CANDLE_COLUMNS,
    GAP_COLUMNS,
    TICK_COLUMNS,
    candles_csv,
    candles_json,
    gap_row,
    header_csv,
    rows_csv,
    ticks_csv,
    ticks_json,
)
from tickdeck.app.table_files import TableFile
from tickdeck.app.web.schemas import (
    CSV_AND_JSON,
    REFUSALS,
    CandleShape,
    GapShape,
    ImportedShape,
    InstrumentShape,
    Symbol,
    Text,
    TicksPage,
)
from tickdeck.db.candles.charted import Charted, charted, days_of_charted, read_charted
from tickdeck.db.candles.imported import list_imported, ticks_begin
from tickdeck.db.candles.indicated import values_of
from tickdeck.db.errors import MarketDataError, UnknownSymbolError
from tickdeck.db.feed_gaps import list_gaps
from tickdeck.db.instruments import list_instruments
from tickdeck.db.market.bar_types import ChartInterval, parse_chart_interval
from tickdeck.db.market.columns import Floats
from tickdeck.db.market.indicators import Indicator, parse_all
from tickdeck.db.market.moments import iso, parse_moment
from tickdeck.db.market.types import (
    CALENDAR_INTERVALS,
    INTERVALS,
    MAX_SEQ,
    MAX_TIME_US,
    MIN_TIME_US,
    Candle,
    TickBatch,
)
from tickdeck.db.session import Connection, Pool, Source, reading
from tickdeck.db.ticks.read import read_ticks

MOST_CANDLES: Final = 20_000
MOST_TICKS: Final = 20_000
ROWS_A_PIECE: Final = 500
"""What is read and written at a time.  The push has the event loop in between: a piece takes some 3 ms of it."""

Format = Literal["json", "csv"]
CandleFormat = Literal["json", "csv", "parquet"]
CandleForm = Annotated[
    RowForm,
    Query(
        description="`arrays`: each candle as the push sends it, "
        "[time in ms, open, high, low, close, volume, turnover, trades]; JSON only"
    ),
]
Indicators = Annotated[
    list[Text] | None,
    Query(
        description="such as `ema(20)` or `macd`, several by commas or by repeating it: each line is a field more, named "
        "as in `macd(12, 26, 9).signal`; with `form=arrays` they follow in this order",
        examples=[["ema(20)"]],
    ),
]
Charts = Annotated[
    Text,
    Query(
        description="as in /api/instruments, or a ratio or spread of such: `A/B`, `A-2*B`",
        examples=["SPY", "SPY/IBM"],
    ),
]
Position = tuple[int, int]
"""(time_us, seq) of a tick."""


Start = Annotated[
    Text | None,
    Query(
        description="first instant: ISO 8601 with zone, or a date (UTC; of days, weeks and months the instrument's own)"
    ),
]
End = Annotated[Text | None, Query(description="first instant no more: ISO 8601 with zone, or a date (UTC)")]
Until = Annotated[Text | None, Query(description="answer as if there were no tick after this instant")]
Known = Annotated[
    Text | None,
    Query(
        description="ISO 8601 with zone: without the cancels and corrections that were said after this instant"
    ),
]


def router(pool: Pool, history: Source, *, most_rows: int = MOST_TICKS) -> APIRouter:
    """The routes that answer with what is stored, `most_rows` at a time.  What they raise is answered by app.web.errors."""
    routes = APIRouter(tags=["data"])

    @routes.get("/api/instruments", response_model=list[InstrumentShape], responses={503: REFUSALS[503]})
    async def instruments() -> Response:
        """All instruments, by symbol."""
        found = await list_instruments(pool)
        return Response(orjson.dumps(found), media_type="application/json")

    _add_gaps(routes, pool)
    _add_imported(routes, history)

    @routes.get("/api/candles", response_model=list[CandleShape], responses=CSV_AND_JSON | REFUSALS)
    async def candles(
        symbol: Charts,
        interval: Annotated[
            Text,
            Query(
                description=f"One of {', '.join(INTERVALS)}; or bars of ticks as 100t, of volume as 5000v, of a range as 0.1r, or Renko as 0.25renko"
            ),
        ],
        start: Start = None,
        end: End = None,
        limit: Annotated[int, Query(ge=1, le=MOST_CANDLES, description="at the most so many")] = 500,
        until: Until = None,
        known: Known = None,
        format: CandleFormat = "json",  # noqa: A002 - the parameter's name in the address
        form: CandleForm = "objects",
        indicators: Indicators = None,
    ) -> Response:
        """The newest candles that start in [start, end), oldest first; buckets without ticks have none, or an imported one."""
        _require_few(limit, most_rows)
        width = parse_chart_interval(interval)
        wanted = parse_all(indicators or ())
        _range(start, end)  # before a connection is taken
        at = None if until is None else (parse_moment(until, "until"), MAX_SEQ)
        known_us = None if known is None else parse_moment(known, "known")
        async with reading(history, known_us=known_us) as connection:
            what = await charted(connection, symbol)
            days = await days_of_charted(connection, what) if width in CALENDAR_INTERVALS else "UTC"
            low, high = _range(start, end, days)
            newest = _newest_candles(connection, what, width, low, high, at=at, limit=limit)
            answer = _CandleAnswer(
                symbol, format, form, [column for each in wanted for column in each.columns]
            )
            async for page, values in _with_values(connection, what, width, wanted, newest):
                answer.add(page, values)
            if answer.empty and isinstance(what, str):
                await require_symbol(connection, symbol)
        return await answer.response()

    @routes.get("/api/ticks", response_model=TicksPage, responses=CSV_AND_JSON | REFUSALS)
    async def ticks(
        symbol: Symbol,
        start: Start = None,
        end: End = None,
        limit: Annotated[int, Query(ge=1, le=MOST_TICKS, description="so many a page")] = 1000,
        after: Annotated[Text | None, Query(description="`after` of the page before this one")] = None,
        until: Until = None,
        known: Known = None,
        format: Format = "json",  # noqa: A002 - the parameter's name in the address
    ) -> Response:
        """A page of the ticks in [start, end), oldest first.

        For the next page pass `after` of this one (as CSV: the header `X-After`) with the same parameters.
        """
        _require_few(limit, most_rows)
        low, high = _range(start, end)
        if until is not None:
            high = min(MAX_TIME_US if high is None else high, parse_moment(until, "until") + 1)
        position = None if after is None else _position(after)
        pieces: list[bytes] = []
        count = 0
        known_us = None if known is None else parse_moment(known, "known")
        async with reading(history, known_us=known_us) as connection:
            async for batch in _ticks(connection, symbol, low, high, after=position, limit=limit):
                pieces.append(ticks_json(batch) if format == "json" else ticks_csv(batch))
                count += len(batch)
                position = int(batch.time_us[-1]), int(batch.seq[-1])
            if not pieces:
                await require_symbol(connection, symbol)
        following = f"{position[0]}.{position[1]}" if position is not None and count >= limit else None
        if format == "csv":
            headers = {} if following is None else {"x-after": following}
            return _csv([header_csv(TICK_COLUMNS), *pieces], headers)
        end_of_page = b'],"after":' + orjson.dumps(following) + b"}"
        return _json([b'{"ticks":[', *_with_commas(pieces), end_of_page])

    return routes


def _candles(
    symbol: str,
    page: Sequence[Candle],
    format: Format,  # noqa: A002 - as above
    form: RowForm,
    values: Mapping[str, Floats] | None = None,
) -> bytes:
    if format == "csv":
        return candles_csv(symbol, page, values)
    if form == "objects":
        return candles_json(page, values)
    more = [column.tolist() for column in (values or {}).values()]
    return encode([[*candle_values(c), *row] for c, *row in zip(page, *more, strict=True)])[1:-1]


class _CandleAnswer:
    """Candles as they were asked for, a page at a time, the newest one first."""

    def __init__(self, symbol: str, format: CandleFormat, form: RowForm, names: Sequence[str]) -> None:  # noqa: A002
        self._symbol = symbol
        self._format = format
        self._form = form
        self._names = names
        self._pieces: list[bytes] = []
        self._table: list[tuple[Sequence[Candle], Mapping[str, Floats]]] = []

    @property
    def empty(self) -> bool:
        return not self._pieces and not self._table

    def add(self, page: Sequence[Candle], values: Mapping[str, Floats]) -> None:
        """The page before those that came."""
        if self._format == "parquet":
            self._table.append((page, values))
        else:
            self._pieces.append(_candles(self._symbol, page, self._format, self._form, values))

    async def response(self) -> Response:
        """All of it; raises `ConfigurationError` where pyarrow is not installed."""
        pieces = self._pieces[::-1]
        if self._format == "parquet":
            pieces = await asyncio.to_thread(self._parquet)
            return _in_pieces(pieces, "application/vnd.apache.parquet", {})
        if self._format == "csv":
            return _csv([header_csv([*CANDLE_COLUMNS, *self._names]), *pieces])
        return _json([b"[", *_with_commas(pieces), b"]"])

    def _parquet(self) -> list[bytes]:
        file = TableFile(".parquet", candles=True, columns=self._names)
        return [*(file.candles(self._symbol, *each) for each in self._table[::-1]), file.end()]


async def _with_values(
    connection: Connection,
    symbol: Charted,
    interval: ChartInterval,
    indicators: Sequence[Indicator],
    newest: AsyncIterator[Sequence[Candle]],
) -> AsyncIterator[tuple[Sequence[Candle], Mapping[str, Floats]]]:
    """Each page of `_newest_candles` with its part of the values; others have the event loop in between."""
    if not indicators:
        async for page in newest:
            yield page, {}
        return
    pages = [page async for page in newest]
    candles = [candle for page in reversed(pages) for candle in page]
    values = await values_of(connection, symbol, interval, indicators, candles)
    last = len(candles)
    for page in pages:
        part = slice(last - len(page), last)
        yield page, {name: column[part] for name, column in values.items()}
        last -= len(page)
        await asyncio.sleep(0)


async def _newest_candles(
    connection: Connection,
    symbol: Charted,
    interval: ChartInterval,
    low: int | None,
    high: int | None,
    *,
    at: Position | None,
    limit: int,
) -> AsyncIterator[list[Candle]]:
    """The newest `limit` candles in pages, the newest page first, each in order of time."""
    while limit > 0:
        most = min(limit, ROWS_A_PIECE)
        page = await read_charted(connection, symbol, interval, start_us=low, end_us=high, at=at, limit=most)
        if page:
            yield page
        if len(page) < most:
            return
        limit -= most
        high = page[0].time_us


async def _ticks(
    connection: Connection,
    symbol: str,
    low: int | None,
    high: int | None,
    *,
    after: Position | None,
    limit: int,
) -> AsyncIterator[TickBatch]:
    """The first `limit` ticks in pages, by (time, seq); none is empty."""
    while limit > 0:
        most = min(limit, ROWS_A_PIECE)
        batch = await read_ticks(
            connection,
            [symbol],
            MIN_TIME_US if low is None else low,
            MAX_TIME_US if high is None else high,
            after=after,
            limit=most,
        )
        if len(batch):
            yield batch
        if len(batch) < most:
            return
        limit -= most
        after = int(batch.time_us[-1]), int(batch.seq[-1])


async def require_symbol(connection: Connection, symbol: str) -> None:
    """Raise `UnknownSymbolError` for a symbol that is not known: asked only where nothing was found."""
    if all(each.symbol != symbol for each in await list_instruments(connection)):
        raise UnknownSymbolError(symbol)


def _add_gaps(routes: APIRouter, pool: Pool) -> None:
    @routes.get("/api/gaps", response_model=list[GapShape], responses=CSV_AND_JSON | REFUSALS)
    async def gaps(
        symbol: Annotated[Text | None, Query(description="as in /api/instruments; default: of all")] = None,
        start: Start = None,
        end: End = None,
        format: Format = "json",  # noqa: A002 - the parameter's name in the address
    ) -> Response:
        """Stretches whose trades a feed has missed and that are not filled, by symbol and time."""
        low, high = _range(start, end)
        found = await list_gaps(pool, symbols=None if symbol is None else [symbol], from_us=low, to_us=high)
        rows = [gap_row(each) for each in found]
        if format == "csv":
            return _csv([header_csv(GAP_COLUMNS), rows_csv(rows)])
        return Response(
            orjson.dumps([dict(zip(GAP_COLUMNS, row, strict=True)) for row in rows]),
            media_type="application/json",
        )


def _add_imported(routes: APIRouter, history: Source) -> None:
    @routes.get("/api/imported", response_model=ImportedShape, responses=REFUSALS)
    async def imported(symbol: Symbol) -> Response:
        """The bars of a symbol that were imported: they are candles where there are no ticks."""
        async with reading(history) as connection:
            found = await list_imported(connection, symbol)
            first_us = await ticks_begin(connection, symbol)
            if not found and first_us is None:
                await require_symbol(connection, symbol)
        bars = [
            {
                "interval": each.interval,
                "source": each.source,
                "bars": each.bars,
                "from": iso(each.from_us),
                "until": iso(each.until_us),
            }
            for each in found
        ]
        content = {"ticks_from": None if first_us is None else iso(first_us), "bars": bars}
        return Response(orjson.dumps(content), media_type="application/json")


def _require_few(limit: int, most_rows: int) -> None:
    if limit > most_rows:
        raise MarketDataError(f"limit: {limit} is more than {most_rows} rows, the most of one answer here")


def _range(start: str | None, end: str | None, days: str = "UTC") -> tuple[int | None, int | None]:
    low = None if start is None else parse_moment(start, "start", days)
    high = None if end is None else parse_moment(end, "end", days)
    if low is not None and high is not None and low > high:
        raise MarketDataError(f"start: {start} is after end: {end}")
    return low, high


def _position(after: str) -> Position:
    time_us, dot, seq = after.partition(".")
    try:
        position = int(time_us), int(seq)
    except ValueError:
        position = -1, 0
    if not dot or not MIN_TIME_US <= position[0] < MAX_TIME_US or abs(position[1]) > MAX_SEQ:
        raise MarketDataError(f"after: {after!r} is not the `after` of a page")
    return position


def _with_commas(pieces: Sequence[bytes]) -> list[bytes]:
    return [piece if number == 0 else b"," + piece for number, piece in enumerate(pieces)]


def _json(pieces: Sequence[bytes]) -> Response:
    return _in_pieces(pieces, "application/json", {})


def _csv(pieces: Sequence[bytes], headers: dict[str, str] | None = None) -> Response:
    return _in_pieces(pieces, "text/csv; charset=utf-8", headers or {})


def _in_pieces(pieces: Sequence[bytes], media_type: str, headers: dict[str, str]) -> Response:
    """The whole answer, given out (and compressed) piece by piece, so that frames go out meanwhile."""

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    length = str(sum(map(len, pieces)))
    return StreamingResponse(body(), media_type=media_type, headers={**headers, "content-length": length})
