"""Candles and ticks as pandas DataFrames, for notebooks: synchronous, one connection a call.

The database is the one that DATABASE_URL names, else the embedded one, which must be running (`tickdeck run` or
`tickdeck db up`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd

from db.candles import read_candles
from db.config import DatabaseSettings
from db.connect import connect
from db.embedded import EmbeddedServer
from db.errors import DatabaseUnavailableError, MarketDataError, UnknownSymbolError
from db.instruments import list_instruments
from db.market import MAX_TIME_US, MIN_TIME_US, Candle, Interval, TickBatch, concat, parse_interval
from db.moments import Moment, parse_moment
from db.pool import Connection
from db.reading import EARLIEST_US, reading
from db.ticks_read import tick_pages

_CANDLES_A_PAGE: Final = 20_000
_TICKS_A_PAGE: Final = 50_000
_NUMBERS: Final = ("open", "high", "low", "close", "volume", "turnover")

T = TypeVar("T")


def candles(
    symbol: str, interval: str, start: Moment | None = None, end: Moment | None = None
) -> pd.DataFrame:
    """All candles of `symbol` that start in [start, end), oldest first.

    The index is a UTC `DatetimeIndex` named `time` (bucket starts; a day's is midnight in the instrument's zone),
    the columns are open, high, low, close, volume, turnover (float64) and trades (int64).  Buckets without ticks
    are left out.  `start` and `end` are aware datetimes or pandas Timestamps, ISO 8601 strings with an offset,
    or dates and date strings, which mean midnight in UTC.

    Raises `MarketDataError` (interval, time, reversed range), `UnknownSymbolError`, `DatabaseUnavailableError`.
    """
    known = parse_interval(interval)
    low, high = _range(start, end, EARLIEST_US)
    found = _read(symbol, lambda connection: _all_candles(connection, symbol, known, low, high))
    columns: dict[str, Any] = {
        name: np.array([getattr(candle, name) for candle in found], dtype=np.float64) for name in _NUMBERS
    }
    columns["trades"] = np.array([candle.trades for candle in found], dtype=np.int64)
    return pd.DataFrame(columns, index=_index(np.array([candle.time_us for candle in found], dtype=np.int64)))


def ticks(symbol: str, start: Moment | None = None, end: Moment | None = None) -> pd.DataFrame:
    """All ticks of `symbol` in [start, end), by (time, seq).

    The index is a UTC `DatetimeIndex` named `time`, with repetitions; the columns are seq (int64), price, size, bid,
    ask (float64, NaN: none), exchange and conditions (str or None).  Times and errors as for `candles`.
    """
    low, high = _range(start, end, MIN_TIME_US)
    batch = _read(symbol, lambda connection: _all_ticks(connection, symbol, low, high))
    return pd.DataFrame(
        {
            name: getattr(batch, name)
            for name in ("seq", "price", "size", "bid", "ask", "exchange", "conditions")
        },
        index=_index(batch.time_us),
    )


def _range(start: Moment | None, end: Moment | None, earliest_us: int) -> tuple[int, int]:
    low = earliest_us if start is None else parse_moment(start, "start")
    high = MAX_TIME_US if end is None else parse_moment(end, "end")
    if low > high:
        raise MarketDataError(f"the range is reversed: start {start} is after end {end}")
    return low, high


def _index(time_us: Any) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(time_us.astype("datetime64[us]"), tz="UTC", name="time")


async def _all_candles(
    connection: Connection, symbol: str, interval: Interval, low: int, high: int
) -> list[Candle]:
    pages: list[list[Candle]] = []
    while low < high:
        page = await read_candles(
            connection, symbol, interval, start_us=low, end_us=high, limit=_CANDLES_A_PAGE
        )
        pages.append(page)
        if len(page) < _CANDLES_A_PAGE:
            break
        high = page[0].time_us
    return [candle for page in reversed(pages) for candle in page]


async def _all_ticks(connection: Connection, symbol: str, low: int, high: int) -> TickBatch:
    return concat([page async for page in tick_pages(connection, [symbol], low, high, limit=_TICKS_A_PAGE)])


def _read(symbol: str, read: Callable[[Connection], Coroutine[Any, Any, T]]) -> T:
    """What `read` returns on a connection of its own, in one snapshot; where the symbol is known."""
    settings = DatabaseSettings()
    url = _database_url(settings)

    async def connected() -> T:
        own = await connect(url, role="reader", statement_timeout_s=settings.statement_timeout_s)
        try:
            async with reading(own) as connection:
                if all(each.symbol != symbol for each in await list_instruments(connection)):
                    raise UnknownSymbolError(symbol)
                return await read(connection)
        finally:
            await own.close()

    return _wait_for(connected())


def _database_url(settings: DatabaseSettings) -> str:
    if settings.database_url is not None:
        return settings.database_url
    server = EmbeddedServer(settings.data_dir)
    if not server.status().running:
        raise DatabaseUnavailableError(
            "no database: DATABASE_URL is not set and the embedded database is not running; "
            "start it with `tickdeck run` or `tickdeck db up`"
        )
    return server.url


def _wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end in a thread: a notebook's own thread has a running event loop already."""
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(work))
        except BaseException as exc:  # noqa: BLE001 - raised again in the caller's thread
            failure.append(exc)

    thread = threading.Thread(target=run, name="tickdeck-frames")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
