"""Orders on paper: events on a replay's clock, filled by later ticks only, undone and done again by seeks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.app.replay.test_rooms import Server, Watcher, opened, serving
from tests.reference import Tick
from tests.replaying import START_US, made_up_ticks, store
from tickdeck.app.replay.clock import Position, ReplayError
from tickdeck.app.replay.paper import Holding, Order, PaperAccount
from tickdeck.db.errors import TickdeckError

AT = Position(1_000, 5)
SYMBOLS = {"A": object()}


@pytest.mark.parametrize(
    ("trades", "wanted"),
    [
        ([(10, 5.0), (10, 7.0)], (20, 6.0, 0.0)),
        ([(10, 5.0), (-4, 7.0)], (6, 5.0, 8.0)),
        ([(10, 5.0), (-10, 4.0)], (0, 0.0, -10.0)),
        ([(-10, 5.0), (4, 4.0)], (-6, 5.0, 4.0)),
        ([(10, 5.0), (-15, 6.0)], (-5, 6.0, 10.0)),
        ([(-10, 5.0), (15, 6.0), (-5, 7.0)], (0, 0.0, -5.0)),
    ],
)
def test_what_is_held_and_won(trades: list[tuple[float, float]], wanted: tuple[float, float, float]) -> None:
    holding = Holding()
    for size, price in trades:
        holding.take(size, price, 0.5)
    assert (holding.size, holding.price, holding.realised) == pytest.approx(wanted)
    assert holding.fees == 0.5 * len(trades)


@pytest.mark.parametrize(
    ("side", "kind", "price", "bounds", "filled"),
    [
        ("buy", "market", None, (None, None), {9.0: 9.1}),
        ("sell", "market", None, (None, None), {9.0: 8.9}),
        ("buy", "limit", 10.0, (None, 10.0), {10.0: 10.0, 9.5: 9.5}),
        ("sell", "limit", 10.0, (10.0, None), {10.0: 10.0, 10.5: 10.5}),
        ("buy", "stop", 10.0, (10.0, None), {10.2: 10.3}),
        ("sell", "stop", 10.0, (None, 10.0), {9.8: 9.7}),
    ],
)
def test_which_tick_fills_an_order_and_at_which_price(
    side: Any, kind: Any, price: float | None, bounds: Any, filled: dict[float, float]
) -> None:
    order = Order(1, "A", side, kind, 1.0, price, AT)
    assert order.bounds == bounds
    assert {at: order.filled_at(at, 0.1) for at in filled} == pytest.approx(filled)


def test_the_account_at_any_place_follows_from_its_orders() -> None:
    account = PaperAccount()
    asked = {"symbol": "A", "side": "buy", "size": 10}
    first = account.give(asked, AT, SYMBOLS)
    first.fill = Position(2_000, 0), 5.0
    second = account.give(asked | {"kind": "limit", "price": 4}, Position(3_000, 0), SYMBOLS)
    account.cancel(2, Position(4_000, 0))
    states = {
        at: [each["state"] for each in account.told(Position(at, 9))["orders"]]
        for at in (500, 1_500, 2_500, 3_500, 4_500)
    }
    assert states == {
        500: [],
        1_500: ["waiting"],
        2_500: ["filled"],
        3_500: ["filled", "waiting"],
        4_500: ["filled", "cancelled"],
    }
    assert account.told(Position(1_500, 0))["holdings"] == []
    assert [each["size"] for each in account.told(Position(2_500, 0))["holdings"]] == [10]
    assert account.waiting(Position(9_000, 0)) == [second]
    with pytest.raises(ReplayError, match="no order 1 that waits"):
        account.cancel(1, Position(4_500, 0))
    account.give(asked, Position(1_500, 0), SYMBOLS)  # after a seek back: what was later is forgotten
    assert [each.number for each in account.orders] == [1, 2]
    assert account.orders[1].placed == Position(1_500, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"symbol": "B"},
        {"side": "hold"},
        {"kind": "iceberg"},
        {"size": 0},
        {"size": "ten"},
        {"size": float("nan")},
        {"kind": "limit"},
        {"kind": "stop", "price": 1e13},
        {"size": True},
    ],
)
def test_what_cannot_be_ordered_is_refused(wrong: dict[str, Any]) -> None:
    account = PaperAccount()
    with pytest.raises(TickdeckError):
        account.give({"symbol": "A", "side": "buy", "size": 1} | wrong, AT, SYMBOLS)
    assert account.orders == []


def fill_of(ticks: list[Tick], after_us: int, most: float | None = None) -> Tick:
    """The first tick later than that, up to a price."""
    later = sorted((t for t in ticks if t.time_us > after_us), key=lambda t: (t.time_us, t.seq))
    return next(t for t in later if most is None or t.price <= most)


async def test_orders_are_filled_by_later_ticks_and_undone_by_seeks(tickdeck_db: str) -> None:
    stored = made_up_ticks()
    ticks = stored["NYSE"]
    await asyncio.to_thread(store, tickdeck_db, stored)
    async with serving(tickdeck_db) as server:
        await orders(server, ticks)


def account_of(viewer: Watcher) -> dict[str, Any]:
    assert viewer.replay is not None
    found: dict[str, Any] = viewer.replay["account"]
    return found


async def orders(server: Server, ticks: list[Tick]) -> None:
    async with server.viewer() as viewer:
        await opened(viewer, at=START_US // 1000, skip_nights=True)
        here_us = sorted(t.time_us for t in ticks if t.time_us > START_US)[300] + 1
        await viewer.do("seek", to=here_us / 1000)
        await viewer.until(lambda w: w.replay["clock"] == here_us // 1000)
        assert viewer.replay is not None
        assert viewer.replay["skip_nights"] is True
        assert viewer.replay["account"] is None
        last = max((t for t in ticks if t.time_us <= here_us), key=lambda t: (t.time_us, t.seq)).price
        await viewer.do("costs", fee=0.01, slippage=0.5)
        await viewer.do("order", symbol="NYSE", side="buy", size=10)
        await viewer.do("order", symbol="NYSE", side="buy", kind="limit", size=5, price=last - 0.5)
        await viewer.until(lambda w: len((w.replay["account"] or {"orders": []})["orders"]) == 2)
        waiting = account_of(viewer)
        assert {each["state"] for each in waiting["orders"]} == {"waiting"}
        market, limit = fill_of(ticks, here_us), fill_of(ticks, here_us, last - 0.5)
        end_us = limit.time_us + 1_000_000
        for _ in range(2):
            await viewer.do("seek", to=end_us / 1000)
            await viewer.until(
                lambda w: [each["state"] for each in w.replay["account"]["orders"]] == ["filled", "filled"]
            )
            account = account_of(viewer)
            one, other = account["orders"]
            assert (one["time"], one["filled"]) == (market.time_us / 1000, market.price + 0.5)
            assert (other["time"], other["filled"]) == (limit.time_us / 1000, limit.price)
            (held,) = account["holdings"]
            assert held["size"] == 15
            assert held["fees"] == pytest.approx(0.15)
            assert held["price"] == pytest.approx((10 * one["filled"] + 5 * other["filled"]) / 15)
            await viewer.do("seek", to=here_us / 1000 - 1)  # before they were given
            await viewer.until(lambda w: w.replay["account"]["orders"] == [])
        await viewer.do("order", symbol="NYSE", side="sell", size=-1)
        assert "size must be a number above 0" in await viewer.refused()
