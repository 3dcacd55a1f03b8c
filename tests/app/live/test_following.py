"""Charts of bars that are not of time follow the ticks as they are stored, late and corrected ones too."""

from __future__ import annotations

import asyncio

import pytest

from tests.app.live.test_catch_up import after, hub_on
from tests.live_server import PATIENCE_S, insert
from tests.reference import same
from tickdeck.app.config import LiveSettings
from tickdeck.app.live import hub as hub_module
from tickdeck.app.market.flow import Flow
from tickdeck.app.market.following import Following
from tickdeck.db.candles.charted import read_charted
from tickdeck.db.candles.read import candle_pages, read_candles
from tickdeck.db.market.bar_types import parse_chart_interval
from tickdeck.db.market.corrections import Correction
from tickdeck.db.market.flowfold import FlowFold
from tickdeck.db.market.messages import Snapshot
from tickdeck.db.market.spreads import parse_formula
from tickdeck.db.market.types import HOUR_US, to_us
from tickdeck.db.orderflow import read_cells
from tickdeck.db.session import Pool, close_pool, open_pool, reading
from tickdeck.db.ticks.corrections import restate_ticks

SPREAD_INTERVALS = ("1s", "15s", "1m", "5m", "1h", "1d")
BARS = ("2t", "5v", "0.2r", "0.1renko")


async def test_what_is_live_equals_what_is_read(tickdeck_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "REFRESH_S", 3600.0)
    insert(tickdeck_db, *((after(n - 90_000), "SPY", 9.0 + n % 3 / 10) for n in range(9)))  # the day before
    insert(tickdeck_db, *((after(n), "SPY", 10.0 + n % 7 / 10, 1.0 + n % 3) for n in range(40)))
    async with hub_on(tickdeck_db, LiveSettings(chart_grace_s=300)) as (hub, pool):
        for text in BARS:
            await hub.poll({"chart": {"symbol": "SPY", "interval": text, "flow": True}}, 0)
        flow = hub.state.flows["SPY"]
        charts = [hub.state.charts["SPY", parse_chart_interval(text)] for text in BARS]

        async def equal(trades: int) -> None:
            async with asyncio.timeout(PATIENCE_S):
                while sum(bar.trades for bar in charts[0].candles()) != trades or not await _all_equal():  # noqa: ASYNC110 - tells nobody
                    await asyncio.sleep(0.01)

        async def _all_equal() -> bool:
            read = [await read_candles(pool, "SPY", chart.interval) for chart in charts]
            cells = await read_cells(pool, "SPY", flow.from_us, to_us(after(100_000)))
            columns = (cells.minute_us, cells.price, cells.bought, cells.sold, cells.unsided, cells.trades)
            told = sorted((each.minute_us, each.price, *each.cell) for each in flow.since(-1))
            if told != sorted(zip(*(column.tolist() for column in columns), strict=True)):
                return False
            return [chart.candles() for chart in charts] == [[*map(same, bars)] for bars in read]

        await equal(49)
        assert charts[3].candles()[0].time_us == to_us(after(-90_000))
        for second, price in ((40, 10.3), (41, 11.0), (41.5, 11.1)):
            await asyncio.to_thread(insert, tickdeck_db, (after(second), "SPY", price))
        await equal(52)
        await asyncio.to_thread(
            insert, tickdeck_db, (after(20.5), "SPY", 12.0, 7.0)
        )  # late: all after it is otherwise
        await equal(53)
        gone = charts[0].candles()[5]
        await cancel(
            tickdeck_db, Correction(symbol="SPY", time_us=gone.last_us, seq=gone.last_seq, kind="cancel")
        )
        await equal(52)
        reset = hub.state.reset_version
        await asyncio.to_thread(insert, tickdeck_db, (after(90_000), "SPY", 10.0))  # the day after
        await equal(53)
        assert hub.state.reset_version == reset  # only the late one and the cancel made all anew
        await pages_are_all(pool)


async def pages_are_all(pool: Pool) -> None:
    """Of any part of them, in pages backward and forward."""
    for text in BARS:
        bar_type = parse_chart_interval(text)
        whole = await read_candles(pool, "SPY", bar_type, limit=10_000)
        low, high = to_us(after(5)), to_us(after(90_001))
        part = [bar for bar in whole if low <= bar.time_us < high]
        assert [
            bar async for page in candle_pages(pool, "SPY", bar_type, low, high, limit=3) for bar in page
        ] == part
        assert await read_candles(pool, "SPY", bar_type, start_us=low, end_us=high, limit=4) == part[-4:]
        middle = whole[len(whole) // 2].time_us
        assert await read_candles(pool, "SPY", bar_type, end_us=middle) == whole[: len(whole) // 2]


async def cancel(url: str, correction: Correction) -> None:
    writer = await open_pool(url, role="writer", size=1)
    try:
        await restate_ticks(writer, [correction], actor="test")
    finally:
        await close_pool(writer)


def test_a_late_tick_shows_in_the_count_and_one_read_before_it_was_told_of_does_not() -> None:
    following = Following()

    def wants() -> tuple[bool, bool]:
        return following.behind, following.astray

    following.told(10, 1)
    following.loaded(Snapshot.parse("12:12:"))
    assert wants() == (False, False)
    following.told(11, 1)  # it was in what was read
    assert wants() == (False, False)
    following.told(13, 2)
    assert wants() == (True, False)
    following.read(Snapshot.parse("15:15:"), 3)  # one more came than was told of yet
    assert wants() == (False, False)
    following.told(14, 1)
    assert wants() == (False, False)
    following.told(16, 1)
    following.read(Snapshot.parse("17:17:"), 0)
    assert wants() == (True, True)


def test_order_flow_that_is_read_anew_tells_only_what_is_otherwise() -> None:
    def folded(*sizes: float) -> FlowFold:
        fold = FlowFold()
        fold.cells = {(HOUR_US, price): [size, 0.0, 0.0, 1.0] for price, size in enumerate(sizes)}
        return fold

    flow = Flow("A")
    assert flow.load(folded(1, 2), HOUR_US, None, 5)
    assert flow.load(folded(1, 3, 4), HOUR_US, None, 6)
    assert sorted(each.price for each in flow.since(5)) == [1, 2]
    assert [each.price for each in flow.since(4)] == [2, 1, 0]
    assert not flow.load(folded(1), HOUR_US, None, 7)  # a cell is gone
    assert flow.load(FlowFold(), 2 * HOUR_US, None, 8)  # whoever is told of the hour forgets what was before


async def test_a_spread_that_is_live_equals_what_is_read(
    tickdeck_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its symbols' ticks come in any order, some long after those of the others."""
    monkeypatch.setattr(hub_module, "REFRESH_S", 3600.0)
    for symbol, first in (("SPY", 10.0), ("A/B", 4.0)):
        insert(tickdeck_db, *((after(n * 7), symbol, first + n % 7 / 10) for n in range(-300, 40)))
    formula = parse_formula("SPY-2*A/B", {"SPY", "A/B"})
    assert formula.legs == ("SPY", "A/B")
    async with hub_on(tickdeck_db, LiveSettings(chart_grace_s=300)) as (hub, pool):
        for text in SPREAD_INTERVALS:
            await hub.poll({"chart": {"symbol": formula.text, "interval": text, "indicators": ["sma(3)"]}}, 0)
        charts = [hub.state.charts[formula.text, parse_chart_interval(text)] for text in SPREAD_INTERVALS]

        async def equal(close: float) -> None:
            async with asyncio.timeout(PATIENCE_S):
                while not await _all_equal(close):  # noqa: ASYNC110 - tells nobody
                    await asyncio.sleep(0.01)

        async def _all_equal(close: float) -> bool:
            async with reading(pool) as connection:
                read = [await read_charted(connection, formula, chart.interval) for chart in charts]
            closes = {chart.candles()[-1].close for chart in charts}
            return closes == {close} and [chart.candles() for chart in charts] == read

        await equal(10.0 + 39 % 7 / 10 - 2 * (4.0 + 39 % 7 / 10))
        for second, symbol, price in (
            (281, "SPY", 11.0),
            (301, "A/B", 4.5),
            (300, "SPY", 12.0),
            (400, "SPY", 13.0),
        ):
            await asyncio.to_thread(insert, tickdeck_db, (after(second), symbol, price))
        await equal(4.0)
        await asyncio.to_thread(
            insert, tickdeck_db, (after(310), "A/B", 5.0)
        )  # long before the other's newest
        await equal(3.0)
        await asyncio.to_thread(insert, tickdeck_db, (after(150.5), "SPY", 20.0))  # late in its own line, too
        await equal(3.0)
