"""The hub's state, fed by notifications, is what a fresh read of the tables gives."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzzing import TIMES, examples
from tickdeck.app.config import LiveSettings
from tickdeck.app.live import catch_up
from tickdeck.app.live.hub import Hub
from tickdeck.app.market.tapes import tape_ticks
from tickdeck.db.candles.read import read_candles
from tickdeck.db.market.types import INTERVALS, Candle, Interval, Quote, from_us, to_us
from tickdeck.db.quotes import read_quotes
from tickdeck.db.session import Pool, open_pool, snapshot
from tickdeck.db.ticks.read import tape

ZONES: Final = ("UTC", "America/New_York", "Asia/Kolkata")
BASE_US: Final = to_us(datetime(2024, 3, 10, 4, 59, 55, tzinfo=UTC))  # a day with a clock change in New York

S: Final = 1_000_000
CANCELLED_BEFORE: Final = "TD003"
"""SQLSTATE of an insert of a tick that was cancelled."""
PATIENCE_S: Final = 60.0
"""Bounds what will never come, not what is slow: other work may keep the machine busy."""

# Few different values, so that ticks share seconds, instants and prices, and days and windows are crossed.
_TIMES = st.builds(
    lambda day, second, us: BASE_US + (day * 86_400 + second) * S + us,
    st.sampled_from([-1, 0, 0, 0, 1]),
    st.one_of(st.integers(0, 12), st.sampled_from([3_600, 86_399, 18_000, 66_600])),
    st.sampled_from([0, 1, 500_000]),
)
_PRICES = st.sampled_from([1.5, 2.25, 3.1, 0.001, 99999.5])
_SIDES = st.one_of(st.none(), _PRICES)
_UPDATES = st.one_of(st.none(), st.integers(0, 7))
_TICK = st.tuples(
    _TIMES, st.integers(1, 4), _PRICES, st.sampled_from([0.0, 1.0, 2.5]), _SIDES, _SIDES, _UPDATES
)
_WRITER = st.integers(0, len(ZONES) - 1)
_STEP = st.one_of(
    st.tuples(st.just("insert"), _WRITER, st.lists(_TICK, min_size=1, max_size=8)),
    st.tuples(st.just("insert"), _WRITER, st.lists(_TICK, min_size=1, max_size=8)),
    st.tuples(st.just("bulk"), _WRITER, st.integers(501, 1200)),
    st.tuples(st.just("end"), _WRITER, st.sampled_from(["commit", "commit", "rollback"])),
    st.tuples(st.just("watch"), _WRITER, st.sampled_from(INTERVALS)),
    st.tuples(st.just("poll"), _WRITER, st.none()),
    st.tuples(
        st.just("restate"), _WRITER, st.lists(st.tuples(st.integers(0, 20), st.none() | _PRICES), max_size=4)
    ),
)
_NAMES = itertools.count()


class Market:
    """Three symbols in three zones, each written in open transactions of a connection of its own.

    (Two open transactions on one symbol would wait for each other's candle.)
    """

    def __init__(self, url: str) -> None:
        example = next(_NAMES)
        self.symbols = [f"E{example}-{n}" for n in range(len(ZONES))]
        self.connections = [psycopg.connect(url, options="-c lock_timeout=60s") for _ in ZONES]
        with psycopg.connect(url) as connection:
            # an open transaction that makes a chunk holds up the others
            for day in range(-2, 4):
                moment = from_us(BASE_US + day * 86_400 * S)
                connection.execute(
                    "insert into ticks (time, symbol, price) values (%s, 'SEED', 1)", (moment,)
                )
            for symbol, zone in zip(self.symbols, ZONES, strict=True):
                connection.execute(
                    "insert into instruments (symbol, timezone) values (%s, %s)", (symbol, zone)
                )

    def insert(self, writer: int, ticks: Sequence[tuple[Any, ...]]) -> None:
        rows = [(from_us(time_us), self.symbols[writer], *rest) for time_us, *rest in ticks]
        values = ", ".join(
            ["(%s, %s, %s::bigint, %s::float8, %s::float8, %s::float8, %s::float8, %s::smallint)"] * len(rows)
        )
        self._write(
            writer,
            f"insert into ticks (time, symbol, seq, price, size, bid, ask, updates) values {values} "
            "on conflict do nothing",
            [value for row in rows for value in row],
        )

    def bulk(self, writer: int, count: int) -> None:
        self._write(
            writer,
            "insert into ticks (time, symbol, seq, price, size) "
            "select %s + n * interval '1 s', %s, n, 5 + n %% 7, 1 from generate_series(1, %s) n "
            "on conflict do nothing",
            (from_us(BASE_US), self.symbols[writer], count),
        )

    def _write(self, writer: int, statement: str, values: Sequence[Any]) -> None:
        try:
            self.connections[writer].execute(statement.encode(), values)
        except psycopg.DatabaseError as exc:
            if exc.sqlstate != CANCELLED_BEFORE:
                raise
            self.connections[writer].rollback()  # it takes with it what its transaction had written

    def restate(self, writer: int, changes: Sequence[tuple[int, float | None]]) -> None:
        """Cancel or correct some ticks, by their number; no writer may be under way."""
        for connection in self.connections:
            connection.commit()
        connection, symbol = self.connections[writer], self.symbols[writer]
        found = connection.execute(
            "select time, seq from ticks where symbol = %s order by 1, 2", (symbol,)
        ).fetchall()
        corrections = [
            {
                "symbol": symbol, "time_us": to_us(found[number % len(found)][0]), "seq": found[number % len(found)][1],
                "exact": True, "kind": "cancel" if price is None else "correct", "price": price,
            }
            for number, price in changes if found
        ]  # fmt: skip
        connection.execute(
            "select tickdeck_restate_ticks_v1('test', %s)", (orjson.dumps(corrections).decode(),)
        )
        connection.commit()

    def end(self, writer: int, how: str) -> None:
        getattr(self.connections[writer], how)()

    def close(self) -> None:
        for connection in self.connections:
            if not connection.closed:
                connection.commit()
                connection.close()


class Poller:
    """A page that polls, and merges what it gets."""

    def __init__(self, subscribe: dict[str, Any]) -> None:
        self.subscribe = subscribe
        self.version = 0
        self.rows: dict[str, Any] = {}
        self.candles: dict[int, Any] = {}

    async def poll(self, hub: Hub) -> None:
        message = orjson.loads(await hub.poll(self.subscribe, self.version))
        assert "errors" not in message
        self.version = message["version"]
        if message["type"] == "snapshot":
            self.rows, self.candles = {}, {}
        self.rows |= {row["symbol"]: row for row in message.get("watchlist", {}).get("rows", [])}
        self.candles |= {candle[0]: candle for candle in message.get("chart", {}).get("candles", [])}
        for start in sorted(self.candles)[:-500]:
            del self.candles[start]


@pytest.mark.timeout(600 * TIMES)
def test_notifications_add_up_to_a_fresh_read(tickdeck_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up, "QUOTES_AT_ONCE", 1)  # notifications come between the parts of a read

    # What fails is not made smaller: each try would wait for what never comes.
    phases = (Phase.explicit, Phase.reuse, Phase.generate)

    @settings(
        max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck), phases=phases
    )
    @given(steps=st.lists(_STEP, max_size=25), start=st.integers(0, 10))
    def holds(steps: list[tuple[str, int, Any]], start: int) -> None:
        asyncio.run(play(tickdeck_db, steps, min(start, len(steps))))

    holds()


async def play(url: str, steps: list[tuple[str, int, Any]], start: int) -> None:
    """Do the steps, the hub starting before the one numbered `start`; then compare."""
    market = await asyncio.to_thread(Market, url)
    try:
        for step in steps[:start]:
            await act(market, step)
        pool = await open_pool(url, role="reader", size=2)
        try:
            async with Hub(url, pool, LiveSettings(), database="") as hub:
                pollers: dict[tuple[int, Interval], Poller] = {}
                for step in steps[start:]:
                    await act(market, step, hub, pollers)
                await asyncio.to_thread(market.close)
                await hub.ready()
                await settle(hub, pool, market.symbols, pollers.values())
        finally:
            await pool.close()
    finally:
        market.close()


async def act(
    market: Market,
    step: tuple[str, int, Any],
    hub: Hub | None = None,
    pollers: dict[tuple[int, Interval], Poller] | None = None,
) -> None:
    kind, writer, what = step
    if kind in {"insert", "bulk", "end", "restate"}:
        await asyncio.to_thread(getattr(market, kind), writer, what)
    elif hub is not None and pollers is not None:
        if kind == "watch":
            await hub.ready()
            symbol = market.symbols[writer]
            poller = Poller(
                {"watchlist": market.symbols, "chart": {"symbol": symbol, "interval": what}, "tape": symbol}
            )
            await pollers.setdefault((writer, what), poller).poll(hub)
        else:
            for poller in pollers.values():
                await poller.poll(hub)


async def settle(hub: Hub, pool: Pool, symbols: list[str], pollers: Any) -> None:
    """Wait until the hub has caught up, and see that it is exact then."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + PATIENCE_S
    while (difference := await differs(hub, pool, symbols)) is not None:
        assert clock() < deadline, f"never caught up: {difference}"
        await asyncio.sleep(0.02)
    for poller in pollers:
        await poller.poll(hub)
        fresh = Poller(poller.subscribe)
        await fresh.poll(hub)
        assert poller.rows == fresh.rows
        assert poller.candles == fresh.candles


async def differs(hub: Hub, pool: Pool, symbols: list[str]) -> str | None:
    """Where the hub's state is not what the tables say, if anywhere."""
    async with snapshot(pool) as (connection, _):
        quotes = await read_quotes(connection, symbols)
        charts = [
            (chart, await read_candles(connection, chart.symbol, chart.interval))
            for chart in hub.state.charts.values()
        ]
    tapes = await tape(pool, list(hub.state.tapes))
    rows = [row.quote() for row in hub.state.rows() if row.symbol in symbols]
    if [rounded(row) for row in rows] != [rounded(quote) for quote in quotes]:
        return f"quotes:\n{rows}\ninstead of\n{quotes}"
    for chart, candles in charts:
        if [rounded(each) for each in chart.candles()] != [rounded(each) for each in candles]:
            return f"{chart.symbol} {chart.interval} {chart.candles()} instead of {candles}"
    for symbol, ticks in tapes.items():
        if hub.state.tapes[symbol].ticks() != tape_ticks(ticks):
            return f"tape of {symbol}"
    return None


def rounded(value: Candle | Quote) -> Candle | Quote:
    """Sums added in another order may differ in the last digits."""
    return replace(value, volume=float(f"{value.volume:.12g}"), turnover=float(f"{value.turnover:.12g}"))


async def test_health_tells_whether_it_is_live(tickdeck_db: str) -> None:
    pool = await open_pool(tickdeck_db, role="reader", size=1)
    try:
        async with Hub(tickdeck_db, pool, LiveSettings(), database="mine") as hub:
            ok, facts = hub.health()
            assert (ok, facts["status"], facts["reason"]) == (False, "reconnecting", "starting")
            await hub.ready()
            ok, facts = hub.health()
            assert (ok, facts["status"], facts["database"]) == (True, "ok", "mine")
    finally:
        await pool.close()
