"""Trading on paper in a replay: orders as events on its clock, filled by later ticks only.

An order stands at the place at which it was given.  What has happened up to another place follows from the orders and the
ticks alone, so a seek back undoes what is later, and a seek on does it again.  Who gives a new order after a seek back
forgets those that were given later.  Pure; `PaperDesk` finds the fills.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import structlog

from tickdeck.app.replay.clock import Position, ReplayError
from tickdeck.app.replay.opening import parse_field
from tickdeck.app.replay.player import Player
from tickdeck.db.errors import DatabaseError, UnknownSymbolError, excerpt

Side = Literal["buy", "sell"]
Kind = Literal["market", "limit", "stop"]
KINDS: Final[tuple[Kind, ...]] = ("market", "limit", "stop")
MOST_ORDERS: Final = 500
MOST_NUMBER: Final = 1e12
LOOK_S: Final = 0.1
"""How often fills are looked for while orders wait."""
_FOREVER: Final = Position(2**62, 0)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Order:
    """One order; `price` of a market order is None.  It is filled whole."""

    number: int
    symbol: str
    side: Side
    kind: Kind
    size: float
    price: float | None
    placed: Position
    cancelled: Position = _FOREVER
    fill: tuple[Position, float] | None = None
    """Of which tick, and at which price, slippage included."""
    searched: Position = field(init=False)
    """Up to here it is known not to be filled."""

    def __post_init__(self) -> None:
        self.searched = self.placed

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """The lowest and highest price of a tick that fills it; None: any."""
        if self.price is None:
            return None, None
        above = (self.kind == "limit") == (self.side == "sell")
        return (self.price, None) if above else (None, self.price)

    def filled_at(self, price: float, slippage: float) -> float:
        """What a tick of this price fills it at: a limit order at its own price, or a better one; others at the tick's and slippage."""
        sign = 1 if self.side == "buy" else -1
        if self.kind == "limit" and self.price is not None:
            return min(price, self.price) if self.side == "buy" else max(price, self.price)
        return price + sign * slippage

    def state(self, at: Position) -> str:
        """`filled`, `cancelled` or `waiting` at a place."""
        if self.fill is not None and self.fill[0] <= min(at, self.cancelled):
            return "filled"
        return "cancelled" if self.cancelled <= at else "waiting"


@dataclass(slots=True)
class Holding:
    """What is held of one symbol: `size` (short: negative) at its average price, and what was won with what is not held any more."""

    size: float = 0.0
    price: float = 0.0
    realised: float = 0.0
    fees: float = 0.0

    def take(self, size: float, price: float, fee: float) -> None:
        """Buy (sell: negative) so many units."""
        self.fees += fee
        if self.size * size >= 0:
            total = self.size + size
            self.price = (self.price * self.size + price * size) / total if total else 0.0
            self.size = total
            return
        closed = min(abs(size), abs(self.size))
        self.realised += closed * (price - self.price) * (1 if self.size > 0 else -1)
        left = self.size + size
        if left * self.size < 0:  # turned around
            self.price = price
        self.size = 0.0 if abs(left) < 1e-12 else left
        if not self.size:
            self.price = 0.0


class PaperAccount:
    """All orders of a replay, and what became of them at any place."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.fee = 0.0
        """For each unit that is bought or sold."""
        self.slippage = 0.0
        """Added to the price of what is bought, taken off that of what is sold, except with limit orders."""

    def give(self, request: Mapping[str, Any], at: Position, symbols: Mapping[str, object]) -> Order:
        """A new order at a place; what was given or cancelled later is forgotten.  Raises `ReplayError` and its kin."""
        symbol = parse_field(request, "symbol", str)
        if symbol not in symbols:
            raise UnknownSymbolError(symbol)
        side, kind = request.get("side"), request.get("kind", "market")
        if side not in ("buy", "sell"):
            raise ReplayError(f"side must be buy or sell, not {excerpt(side)}")
        if kind not in KINDS:
            raise ReplayError(f"kind must be {', '.join(KINDS)}, not {excerpt(kind)}")
        size = _number(request.get("size"), "size", above=0)
        price = None if kind == "market" else _number(request.get("price"), "price")
        self._forget_after(at)
        if len(self.orders) >= MOST_ORDERS:
            raise ReplayError(f"a replay has at most {MOST_ORDERS} orders")
        number = max((each.number for each in self.orders), default=0) + 1
        order = Order(number, symbol, side, kind, size, price, at)
        self.orders.append(order)
        return order

    def cancel(self, number: int, at: Position) -> None:
        """Take an order back that waits at a place; `ReplayError` where none of this number does."""
        found = [each for each in self.orders if each.number == number and each.placed <= at]
        if not found or found[0].state(at) != "waiting":
            raise ReplayError(f"there is no order {number} that waits")
        self._forget_after(at)
        found[0].cancelled = at

    def set_costs(self, request: Mapping[str, Any]) -> None:
        """Other fee and slippage, for all orders; raises `ReplayError`."""
        fee = _number(request.get("fee", self.fee), "fee", least=0)
        slippage = _number(request.get("slippage", self.slippage), "slippage", least=0)
        for each in self.orders:
            if each.fill is not None and each.kind != "limit":
                sign = 1 if each.side == "buy" else -1
                each.fill = each.fill[0], each.fill[1] + sign * (slippage - self.slippage)
        self.fee, self.slippage = fee, slippage

    def waiting(self, at: Position) -> list[Order]:
        """Those of which it is not known yet whether they are filled at a place."""
        return [
            each
            for each in self.orders
            if each.fill is None and each.placed <= at and each.searched < min(at, each.cancelled)
        ]

    def forget_fills(self) -> None:
        """Ticks are others now."""
        for each in self.orders:
            each.fill, each.searched = None, each.placed

    def told(self, at: Position) -> dict[str, Any]:
        """The account at a place, as messages have it; times in ms."""
        orders = [each for each in self.orders if each.placed <= at]
        filled = [
            (each.fill, each) for each in orders if each.fill is not None and each.state(at) == "filled"
        ]
        holdings: dict[str, Holding] = {}
        for (_, price), each in sorted(filled, key=lambda pair: pair[0][0]):
            size = each.size if each.side == "buy" else -each.size
            holdings.setdefault(each.symbol, Holding()).take(size, price, self.fee * each.size)
        return {
            "fee": self.fee,
            "slippage": self.slippage,
            "orders": [
                {
                    "number": each.number,
                    "symbol": each.symbol,
                    "side": each.side,
                    "kind": each.kind,
                    "size": each.size,
                    "price": each.price,
                    "placed": each.placed.time_us / 1000,
                    "state": (state := each.state(at)),
                    "time": None if each.fill is None or state != "filled" else each.fill[0].time_us / 1000,
                    "filled": None if each.fill is None or state != "filled" else round(each.fill[1], 10),
                }
                for each in orders
            ],
            "holdings": [
                {
                    "symbol": symbol,
                    "size": round(each.size, 10),
                    "price": round(each.price, 10),
                    "realised": round(each.realised, 8),
                    "fees": round(each.fees, 8),
                }
                for symbol, each in sorted(holdings.items())
            ],
        }

    def _forget_after(self, at: Position) -> None:
        self.orders = [each for each in self.orders if each.placed <= at]
        for each in self.orders:
            if at < each.cancelled < _FOREVER:
                each.cancelled = _FOREVER
                each.fill, each.searched = None, each.placed


def _number(value: object, name: str, *, above: float = -math.inf, least: float = -math.inf) -> float:
    good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST_NUMBER
    if not good or not isinstance(value, int | float) or value <= above or value < least:
        bound = (
            f" above {above:g}"
            if above > -math.inf
            else f" of {least:g} or more"
            if least > -math.inf
            else ""
        )
        raise ReplayError(f"{name} must be a number{bound}, not {excerpt(value)}")
    return float(value)


class PaperDesk:
    """The account of one replay, and the task that finds its fills among the stored ticks up to the clock."""

    def __init__(self, player: Player, changed: Callable[[], None]) -> None:
        self.account = PaperAccount()
        self._player = player
        self._changed = changed
        self._moved = asyncio.Event()
        self._known = player.as_known

    def control(self, what: str, request: Mapping[str, Any]) -> None:
        """`order`, `cancel` or `costs`; raises `ReplayError` and its kin."""
        at = self._player.position
        if what == "order":
            self.account.give(request, at, self._player.instruments)
        elif what == "cancel":
            self.account.cancel(parse_field(request, "order", int), at)
        else:
            self.account.set_costs(request)
        self.moved()
        self._changed()

    def moved(self) -> None:
        """The replay has gone on, or elsewhere."""
        if self.account.orders:
            self._moved.set()

    def told(self) -> dict[str, Any] | None:
        """The account where the replay stands; None where nothing was ever ordered."""
        account = self.account
        if not account.orders and not account.fee and not account.slippage:
            return None
        return account.told(self._player.position)

    async def run(self) -> None:
        """Look for fills, until cancelled."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            if self._known != self._player.as_known:
                self._known = self._player.as_known
                self.account.forget_fills()
            try:
                if await self._look():
                    self._changed()
            except DatabaseError as exc:  # the replay's own reads say so, too
                log.warning("paper_orders_not_filled", reason=str(exc))
                self._moved.set()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> bool:
        found = False
        for order in self.account.waiting(self._player.position):
            up_to = min(self._player.position, order.cancelled)
            since = order.searched
            tick = await self._player.first_tick(order.symbol, since, up_to, *order.bounds)
            if order.searched != since:  # forgotten meanwhile
                continue
            order.searched = up_to
            if tick is not None:
                order.fill = tick[0], order.filled_at(tick[1], self.account.slippage)
                found = True
        return found
