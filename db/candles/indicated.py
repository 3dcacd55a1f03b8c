"""Candles with the values of indicators: right from the first one on, whatever range is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from tickdeck.db.candles.charted import Charted, days_of_charted, read_charted
from tickdeck.db.market.bar_types import BarType, ChartInterval
from tickdeck.db.market.columns import CandleColumns, Floats
from tickdeck.db.market.indicators import Indicator, IndicatorError, Lead, compute, looks_back
from tickdeck.db.market.types import Candle, from_us
from tickdeck.db.session import Connection

MOST_BEFORE: Final = 25_000
"""So many candles before the first wanted one are read for indicators at the most: a day of seconds has 23,400."""
_PAGE: Final = 2_000


async def read_before(
    connection: Connection,
    symbol: Charted,
    interval: ChartInterval,
    indicators: Sequence[Indicator],
    first_us: int,
    timezone: str,
) -> list[Candle]:
    """The candles before the one at `first_us` that the values there and later depend on, oldest first.

    As far as there are any.  Raises `IndicatorError` for one that would need more than `MOST_BEFORE`.
    """
    count, since_us = looks_back(indicators, first_us, interval, timezone)
    pages: list[list[Candle]] = []
    # Each page of bars that are not of time folds its trading session anew.
    a_page = MOST_BEFORE + 1 if isinstance(interval, BarType) else _PAGE
    end_us, missing = first_us, count
    while missing > 0:
        most = min(missing, a_page)
        page = await read_charted(connection, symbol, interval, end_us=end_us, limit=most)
        if page:
            pages.append(page)
            end_us = page[0].time_us
            missing -= len(page)
        if len(page) < most:
            since_us = None  # there are no older ones
            break
        await asyncio.sleep(0)
    read = sum(map(len, pages))
    while since_us is not None and since_us < end_us:
        page = await read_charted(
            connection, symbol, interval, start_us=since_us, end_us=end_us, limit=a_page
        )
        pages.append(page)
        read += len(page)
        if read > MOST_BEFORE:
            far = [each for each in indicators if each.since(first_us, interval, timezone) is not None]
            raise IndicatorError(
                f"{', '.join(map(str, far))}: from {from_us(since_us).isoformat()} on there are more than "
                f"{MOST_BEFORE:,} {interval} candles to count; choose a longer interval or a later anchor"
            )
        if len(page) < a_page:
            break
        end_us = page[0].time_us
        await asyncio.sleep(0)
    return [candle for page in reversed(pages) for candle in page]


async def read_lead(
    connection: Connection,
    symbol: Charted,
    interval: ChartInterval,
    indicators: Sequence[Indicator],
    candles: Sequence[Candle],
    timezone: str,
) -> Lead:
    """The lead of `candles`, the newest there are; what would count too far back is left out and named."""
    faults: dict[Indicator, str] = {}
    wanted = list(indicators)
    while wanted and candles:
        first_us = candles[0].time_us
        try:
            before = await read_before(connection, symbol, interval, wanted, first_us, timezone)
        except IndicatorError as exc:
            far = [each for each in wanted if each.since(first_us, interval, timezone) is not None]
            faults |= dict.fromkeys(far, str(exc))
            wanted = [each for each in wanted if each not in faults]
        else:
            return Lead(before, wanted, faults)
    return Lead((), wanted, faults)


async def values_of(
    connection: Connection,
    symbol: Charted,
    interval: ChartInterval,
    indicators: Sequence[Indicator],
    candles: Sequence[Candle],
) -> dict[str, Floats]:
    """A column for each line of the indicators, as long as `candles`, which are consecutive ones that have a price.

    Raises `IndicatorError`, `DatabaseError` and its kinds.
    """
    if not indicators:
        return {}
    days = await days_of_charted(connection, symbol)
    before: list[Candle] = []
    if candles:
        before = await read_before(connection, symbol, interval, indicators, candles[0].time_us, days)

    def computed() -> dict[str, Floats]:
        columns = compute(indicators, CandleColumns.of([*before, *candles], interval, days))
        return {name: values[len(before) :] for name, values in columns.items()}

    # Frames go out from this event loop; those of a chart's page take less than a thread's start.
    return computed() if len(before) + len(candles) < _PAGE else await asyncio.to_thread(computed)
