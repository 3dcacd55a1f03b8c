"""The candles of whatever a chart can be of: a symbol, or a ratio or spread of several."""

from __future__ import annotations

from typing import TypeAlias

from tickdeck.db.candles.read import read_candles, read_candles_at
from tickdeck.db.candles.spreads import read_spread
from tickdeck.db.errors import MarketDataError
from tickdeck.db.instruments import days_of, list_instruments
from tickdeck.db.market.bar_types import BarType, ChartInterval
from tickdeck.db.market.spreads import Formula, looks_like_formula, parse_formula
from tickdeck.db.market.types import EARLIEST_US, LATEST_US, Candle, Interval
from tickdeck.db.session import Connection

Charted: TypeAlias = str | Formula


async def charted(connection: Connection, text: str) -> Charted:
    """What `text` is the name of: a symbol, known or not, or a formula of known ones, which may raise what `parse_formula` does."""
    if not looks_like_formula(text):
        return text
    known = {each.symbol for each in await list_instruments(connection)}
    return text if text in known else parse_formula(text, known)


def require_time(what: Formula, interval: ChartInterval) -> Interval:
    """The interval; raises `MarketDataError` for bars that are not of time, which only ticks of one symbol cut."""
    if isinstance(interval, BarType):
        raise MarketDataError(
            f"{what} has candles of time only, not {interval}: bars are cut from the ticks of one symbol"
        )
    return interval


async def days_of_charted(connection: Connection, what: Charted) -> str:
    """The day rule (`db.instruments.days_of`); of a formula its first symbol's."""
    return await days_of(connection, what.legs[0] if isinstance(what, Formula) else what)


async def read_charted(
    connection: Connection,
    what: Charted,
    interval: ChartInterval,
    *,
    start_us: int | None = None,
    end_us: int | None = None,
    at: tuple[int, int] | None = None,
    limit: int = 500,
) -> list[Candle]:
    """The newest `limit` priced candles that start in [start_us, end_us), oldest first; of the ticks up to `at`, where that is said."""
    if isinstance(what, Formula):
        found = await read_spread(
            connection,
            what,
            require_time(what, interval),
            low_us=EARLIEST_US if start_us is None else start_us,
            high_us=LATEST_US if end_us is None else end_us,
            at=at,
            limit=limit,
        )
        return found.candles
    if at is not None:
        return await read_candles_at(
            connection, what, interval, at=at, start_us=start_us, end_us=end_us, limit=limit
        )
    return await read_candles(connection, what, interval, start_us=start_us, end_us=end_us, limit=limit)
