"""Candles and ticks as pandas DataFrames, and DataFrames as ticks, for notebooks: synchronous, one connection a call.

The database is the one that DATABASE_URL names, else the embedded one, which must be running (`tickdeck run` or
`tickdeck db up`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Final, TypeVar

import numpy as np
import pandas as pd

from tickdeck.db.candles.charted import Charted, charted, days_of_charted, require_time
from tickdeck.db.candles.indicated import values_of
from tickdeck.db.candles.read import candle_pages, read_candles
from tickdeck.db.candles.spreads import all_spread_candles, read_spread
from tickdeck.db.config import DatabaseSettings
from tickdeck.db.embedded import EmbeddedServer
from tickdeck.db.errors import DatabaseUnavailableError, MarketDataError, UnknownSymbolError
from tickdeck.db.instruments import days_of, list_instruments
from tickdeck.db.market.bar_types import BarType, ChartInterval, parse_chart_interval
from tickdeck.db.market.columns import Floats
from tickdeck.db.market.indicators import parse_all
from tickdeck.db.market.moments import Moment, parse_moment
from tickdeck.db.market.orderflow import FootprintCandle, footprint_of, profile_of, require_minutes
from tickdeck.db.market.rules import find_rejects
from tickdeck.db.market.spreads import Formula, looks_like_formula
from tickdeck.db.market.types import (
    CALENDAR_INTERVALS,
    EARLIEST_US,
    MAX_TIME_US,
    MIN_TIME_US,
    Candle,
    TickBatch,
    concat,
    parse_interval,
)
from tickdeck.db.orderflow import read_cells
from tickdeck.db.registering import Registrar, Venue, parse_venue
from tickdeck.db.revisions import require_schema
from tickdeck.db.session import Connection, connect, open_pool, reading
from tickdeck.db.ticks.frame import FrameTicks, ticks_of_frame
from tickdeck.db.ticks.read import tick_pages
from tickdeck.db.ticks.store import TickStore

_CANDLES_A_PAGE: Final = 20_000
_TICKS_A_PAGE: Final = 50_000
_TICKS_A_WRITE: Final = 20_000
_WRITE_TIMEOUT_S: Final = 300.0
_NUMBERS: Final = ("open", "high", "low", "close", "volume", "turnover")

T = TypeVar("T")


def candles(
    symbol: str,
    interval: str,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    indicators: Sequence[str] = (),
    last: int | None = None,
    known: Moment | None = None,
) -> pd.DataFrame:
    """All candles of `symbol` that start in [start, end), oldest first; with `last` the newest so many of them.

    The index is a UTC `DatetimeIndex` named `time` (bucket starts; a day's is where the instrument's day starts, mostly its midnight),
    the columns are open, high, low, close, volume, turnover (float64) and trades (int64).  Buckets without ticks
    are left out.  `interval` may also be a bar type: `100t`, `5000v`, `0.1r` or `0.25renko`; the index has the starts of its bars
    then.  `start` and `end` are aware datetimes or pandas Timestamps, ISO 8601 strings with an offset,
    or dates and date strings, which mean midnight in UTC; of days, weeks and months the instrument's own days.

    `indicators` such as "ema(20)" or "macd" (docs/indicators.md) add a float64 column for each of their lines, named
    `ema(20)` or `macd(12, 26, 9).signal`, NaN where there is no value.  What lies before `start` counts for them, so
    the values do not depend on where the range begins.

    `known`: without the cancels and corrections that were said after that moment.

    `symbol` may also be a ratio or spread, such as "A/B" or "A-2*B" (docs/spreads.md).

    Raises `MarketDataError` (interval, time, reversed range, indicator, formula), `UnknownSymbolError`, `DatabaseUnavailableError`
    and `SchemaError` where the database is not at this version, or not Tickdeck's.
    """
    width = parse_chart_interval(interval)
    wanted = parse_all(indicators)
    _range(start, end, EARLIEST_US)  # before a connection is made

    async def read(connection: Connection) -> tuple[list[Candle], dict[str, Floats]]:
        what = await charted(connection, symbol)
        days = await days_of_charted(connection, what) if width in CALENDAR_INTERVALS else "UTC"
        low, high = _range(start, end, EARLIEST_US, days)
        found = await _all_candles(connection, what, width, low, high, last)
        return found, await values_of(connection, what, width, wanted, found)

    found, values = _read(symbol, read, known, formulas=True)
    columns: dict[str, Any] = {
        name: np.array([getattr(candle, name) for candle in found], dtype=np.float64) for name in _NUMBERS
    }
    columns["trades"] = np.array([candle.trades for candle in found], dtype=np.int64)
    columns |= values
    return pd.DataFrame(columns, index=_index(np.array([candle.time_us for candle in found], dtype=np.int64)))


def profile(
    symbol: str,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    step: float | None = None,
    known: Moment | None = None,
) -> pd.DataFrame:
    """What traded at each price in [start, end), whole minutes, the lowest price first; prices in steps of `step`.

    The index is the price, the columns are bought, sold, unsided (by whom is not known), volume (float64), trades and
    minutes (int64: those in which it traded).  `attrs` has point_of_control, value_area (a pair) and sides: how many trades
    have their side from the feed, quotes, the tick rule, or nowhere (docs/orderflow.md).  Average-price prints and the like
    do not count.  Times, `known` and errors as for `candles`.
    """
    low, high = _range(start, end, EARLIEST_US)
    cells = _read(symbol, lambda connection: read_cells(connection, symbol, low, high), known)
    made = profile_of(cells, step)
    table = pd.DataFrame(
        {
            "bought": made.bought,
            "sold": made.sold,
            "unsided": made.unsided,
            "volume": made.volume,
            "trades": made.trades,
            "minutes": made.minutes,
        },
        index=pd.Index(made.price, name="price"),
    )
    table.attrs = {
        "point_of_control": made.point_of_control,
        "value_area": made.value_area,
        "sides": asdict(cells.sides),
    }
    return table


def footprint(
    symbol: str,
    interval: str,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    step: float | None = None,
    known: Moment | None = None,
) -> pd.DataFrame:
    """What traded at each price of each candle of one minute or more, by time and price.

    The index is (time, price), as in `candles` and `profile`; the columns are bought, sold, unsided, volume (float64),
    trades (int64), and of the candle delta (bought less sold) and cumulative (since its day began).  `known` as for `candles`.
    """
    width = parse_interval(interval)
    require_minutes(width)
    low, high = _range(start, end, EARLIEST_US)

    async def read(connection: Connection) -> list[FootprintCandle]:
        cells = await read_cells(connection, symbol, low, high)
        return footprint_of(cells, width, await days_of(connection, symbol), step)

    parts = [
        pd.DataFrame(
            {
                "time": each.time_us,
                "price": each.profile.price,
                "bought": each.profile.bought,
                "sold": each.profile.sold,
                "unsided": each.profile.unsided,
                "volume": each.profile.volume,
                "trades": each.profile.trades,
                "delta": each.delta,
                "cumulative": each.cumulative,
            }
        )
        for each in _read(symbol, read, known)
    ]
    if not parts:
        names = ["bought", "sold", "unsided", "volume", "trades", "delta", "cumulative"]
        empty = pd.MultiIndex.from_arrays([_index(np.array([], np.int64)), []], names=["time", "price"])
        return pd.DataFrame(columns=names, index=empty)
    table = pd.concat(parts, ignore_index=True)
    table["time"] = _index(table["time"].to_numpy(np.int64))
    return table.set_index(["time", "price"])


def ticks(
    symbol: str, start: Moment | None = None, end: Moment | None = None, *, known: Moment | None = None
) -> pd.DataFrame:
    """All ticks of `symbol` in [start, end), by (time, seq).

    The index is a UTC `DatetimeIndex` named `time`, with repetitions; the columns are seq (int64), price, size, bid,
    ask (float64, NaN: none), exchange and conditions (str or None), and side ("buy" or "sell", who took the price that
    was there; None: not known).  Times, `known` and errors as for `candles`.
    """
    low, high = _range(start, end, MIN_TIME_US)
    batch = _read(symbol, lambda connection: _all_ticks(connection, symbol, low, high), known)
    return pd.DataFrame(
        {
            name: getattr(batch, name)
            for name in ("seq", "price", "size", "bid", "ask", "exchange", "conditions")
        }
        | {"side": np.array(batch.side_names(), dtype=object)},
        index=_index(batch.time_us),
    )


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of the rows of a DataFrame: `stored` + `already` + len(`rejects`) is their number.

    `already` counts ticks that were there before with the same values.  `rejects` has a row for each row that was
    refused: its index is the row's position (from 0) in the DataFrame, its columns are index (the row's label there),
    field and reason.
    """

    stored: int
    already: int
    rejects: pd.DataFrame


def store(
    frame: pd.DataFrame,
    symbol: str | None = None,
    *,
    exchange: str | None = None,
    exchange_timezone: str | None = None,
    day_start: str | None = None,
) -> Stored:
    """Store the ticks in `frame` by the rules of `tickdeck load`; those that are stored already are left as they are.

    Columns by their exact names, others are ignored: time, of datetimes with a time zone (or a `DatetimeIndex` as the
    index); symbol (or the argument, for all rows); price and size, or bid and ask, whose mid is the price of a row
    without one; seq, a whole number, else the number of the row among those of its symbol and time; exchange and
    conditions, texts; side, "buy" or "sell".  NaN, None and NA are none.  Below a microsecond, times are cut off.

    `exchange` (an ISO 10383 code, or "none" for around the clock), `exchange_timezone` and `day_start` ("17:00") say where the symbols
    trade and when their days start;
    without them new symbols are registered as `tickdeck load` does.

    Each 20,000 rows are one transaction.  Raises `MarketDataError` for what is wrong with the DataFrame as a whole,
    before anything is stored, `ConfigurationError` for an unknown exchange, `DatabaseUnavailableError` (what was
    stored stays, storing all again settles the rest), `SchemaError` and `DatabaseError`.
    """
    venue = parse_venue(exchange, exchange_timezone, day_start)
    read = ticks_of_frame(frame, symbol)
    url = database_url(DatabaseSettings())
    _require_schema(url)
    stored, already, refused = _wait_for(_store_all(url, read, venue))
    refused.sort()
    rows = np.array([row for row, _, _ in refused], dtype=np.intp)
    rejects = pd.DataFrame(
        {
            "index": frame.index.take(rows),
            "field": [field for _, field, _ in refused],
            "reason": [reason for _, _, reason in refused],
        },
        index=pd.Index(rows, name="row"),
    )
    return Stored(stored, already, rejects)


async def _store_all(
    url: str, read: FrameTicks, venue: Venue | None
) -> tuple[int, int, list[tuple[int, str, str]]]:
    stored = already = 0
    refused = [(reject.index, reject.field, reject.reason) for reject in read.rejects]
    pool = await open_pool(url, role="writer", size=1, statement_timeout_s=_WRITE_TIMEOUT_S)
    try:
        registrar, ticks = Registrar(pool, venue), TickStore(pool)
        for start in range(0, len(read.batch), _TICKS_A_WRITE):
            part = slice(start, start + _TICKS_A_WRITE)
            batch = read.batch.take(part)
            bad = {reject.index for reject in find_rejects(batch)}
            good = batch.take(np.array([row not in bad for row in range(len(batch))], dtype=np.bool_))
            if len(good):
                await registrar.see(good)
            written = await ticks.write(batch)
            stored, already = stored + written.stored, already + written.already
            rows = read.rows[part]
            refused += [(int(rows[each.index]), each.field, each.reason) for each in written.rejects]
    finally:
        await pool.close()
    return stored, already, refused


def _range(start: Moment | None, end: Moment | None, earliest_us: int, days: str = "UTC") -> tuple[int, int]:
    low = earliest_us if start is None else parse_moment(start, "start", days)
    high = MAX_TIME_US if end is None else parse_moment(end, "end", days)
    if low > high:
        raise MarketDataError(f"the range is reversed: start {start} is after end {end}")
    return low, high


def _index(time_us: Any) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(time_us.astype("datetime64[us]"), tz="UTC", name="time")


async def _all_candles(
    connection: Connection,
    symbol: Charted,
    interval: ChartInterval,
    low: int,
    high: int,
    last: int | None,
) -> list[Candle]:
    if isinstance(symbol, Formula):
        if last is not None:
            width = require_time(symbol, interval)
            read = await read_spread(
                connection, symbol, width, low_us=low, high_us=high, limit=last, bounded=False
            )
            return read.candles
        return await all_spread_candles(
            connection, symbol, require_time(symbol, interval), low, high, limit=_CANDLES_A_PAGE
        )
    if last is not None:
        return await read_candles(connection, symbol, interval, start_us=low, end_us=high, limit=last)
    if isinstance(interval, BarType):
        sessions = candle_pages(connection, symbol, interval, low, high, limit=_CANDLES_A_PAGE)
        return [candle async for page in sessions for candle in page]
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


def _read(
    symbol: str,
    read: Callable[[Connection], Coroutine[Any, Any, T]],
    known: Moment | None = None,
    *,
    formulas: bool = False,
) -> T:
    """What `read` returns on a connection of its own, in one snapshot, as known then; where the symbol is known.

    With `formulas` it may be one of such.
    """
    known_us = None if known is None else parse_moment(known, "known")
    settings = DatabaseSettings()
    url = database_url(settings)
    _require_schema(url)

    async def connected() -> T:
        own = await connect(url, role="reader", statement_timeout_s=settings.statement_timeout_s)
        try:
            async with reading(own, known_us=known_us) as connection:
                symbols = {each.symbol for each in await list_instruments(connection)}
                if symbol not in symbols and not (formulas and looks_like_formula(symbol)):
                    raise UnknownSymbolError(symbol)
                return await read(connection)
        finally:
            await own.close()

    return _wait_for(connected())


@cache
def _require_schema(url: str) -> None:
    """Once for each address: a schema that is right does not become wrong under a notebook."""
    require_schema(url)


def database_url(settings: DatabaseSettings | None = None) -> str:
    """The address of the database that is read; raise `DatabaseUnavailableError` where there is none."""
    settings = settings or DatabaseSettings()
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
