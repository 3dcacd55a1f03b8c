"""Everything that can go wrong with an exchange, one after the other, while its trades go on; and what became of them.

`python -m tests.exchanges.storm binance --rate 1000 --minutes 10` prints figures for a database at $DATABASE_URL.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import SecretStr

from tests.exchanges.alpaca import KEY, SECRET, LocalAlpaca
from tests.exchanges.binance import LocalBinance
from tests.exchanges.coinbase import LocalCoinbase
from tests.exchanges.kraken import LocalKraken
from tests.exchanges.local import LocalExchange
from tests.exchanges.massive import LocalMassive
from tests.feeds.exchange.sources import (
    CcxtSource,
    ExchangeSource,
    MassiveSource,
    SwiftAlpaca,
    SwiftBinance,
    SwiftCcxt,
    SwiftCoinbase,
    SwiftKraken,
    SwiftMassive,
)
from tickdeck.db.feed_gaps import list_gaps
from tickdeck.db.session import Pool, open_pool
from tickdeck.feeds.exchange.adapter import Exchange, ExchangeOptions
from tickdeck.feeds.exchange.alpaca import AlpacaOptions
from tickdeck.feeds.live import run_live
from tickdeck.feeds.rejects import RejectsFile
from tickdeck.testing.feed_contract import until

PAIRS = ["BTC/USD", "ETH/USD", "SOL/USD"]
Fault = Callable[[LocalExchange], None]
Settled = Callable[[], Awaitable[None]]
"""Waits until the feed has all that happened, or knows that it cannot be had."""


LOCAL: dict[str, tuple[type[LocalExchange], type[Exchange]]] = {
    "binance": (LocalBinance, SwiftBinance),
    "coinbase": (LocalCoinbase, SwiftCoinbase),
    "kraken": (LocalKraken, SwiftKraken),
    "alpaca": (LocalAlpaca, SwiftAlpaca),
    "massive": (LocalMassive, SwiftMassive),
    "ccxt": (LocalBinance, SwiftCcxt),
}
FAULTS: dict[str, Fault] = {
    "cut": lambda local: local.cut(),
    "late": lambda local: local.hold_back(5),
    "doubled": lambda local: local.double(5),
    "out of order": lambda local: local.hold_back(6, shuffled=True),
    "too many requests": lambda local: local.refuse_rest(429, 2, retry_after="0.1"),
    "server error": lambda local: local.refuse_rest(502, 2),
    "maintenance": lambda local: local.close_for(0.3),
    "clock": lambda local: setattr(local, "skew_us", local.skew_us + 300_000),
}
BY_NUMBER: dict[str, Fault] = {
    "lost": lambda local: local.lose(4),
    "malformed": lambda local: local.spoil(2, "malformed"),
    "changed field": lambda local: local.spoil(2, "renamed"),
    "numbers skipped": lambda local: local.skip_numbers(7),
    "numbers anew": lambda local: local.count_anew(),
}
"""Those that only numbers which count can tell."""
TOLD: dict[str, dict[str, Fault]] = {
    "alpaca": FAULTS,
    "massive": FAULTS,
    "ccxt": FAULTS | {name: fault for name, fault in BY_NUMBER.items() if name != "lost"},
}
"""Where numbers do not count: ccxt makes a connection anew that said what it cannot read."""


def made(name: str) -> tuple[LocalExchange, ExchangeSource]:
    """A local exchange, and the adapter on it."""
    local, adapter = LOCAL[name]
    exchange = local(["AAPL", "SPY", "MSFT"] if name in {"alpaca", "massive"} else PAIRS)
    if name == "ccxt":
        return exchange, CcxtSource(exchange)
    if isinstance(exchange, LocalMassive):
        return exchange, MassiveSource(exchange)

    def options(url: str) -> ExchangeOptions:
        given: dict[str, Any] = {"url": url, "silence": 1.0, "history": False}
        if name == "alpaca":
            return AlpacaOptions(**given, key=SecretStr(KEY), secret=SecretStr(SECRET))
        return ExchangeOptions(**given)

    return exchange, ExchangeSource(exchange, adapter, options)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of all trades that an exchange counts.

    `lost`: neither stored nor in a gap that is stored; `wrong`: stored, and never made so.
    """

    exchange: str
    trades: int
    stored: int
    in_gaps: int
    lost: int
    doubled: int
    wrong: int
    cuts: int
    reconnects: int
    filled: int
    duplicates: int
    rejected: int
    requests: int
    lag_p50_ms: float
    lag_p99_ms: float
    memory_mb: tuple[int, int]


async def storm(
    name: str, pool: Pool, folder: Path, act: Callable[[LocalExchange, Settled], Awaitable[None]]
) -> Outcome:
    """Run the feed of `name` into the database of `pool` while `act` lets things happen; wait until all is settled."""
    local, source = made(name)
    async with local:
        feed = source.feed(pool)
        with RejectsFile(folder / "rejects.csv") as rejects:
            running = asyncio.create_task(run_live(feed, pool, rejects))
            try:
                await source.listened_to()
                memory = _memory_mb()

                def is_settled() -> bool:
                    if running.done():
                        running.result()
                    reached = all(
                        source.happened_as(its[-1]).seq == line.tape.top.number
                        for line in feed._lines.values()
                        if (its := local.tapes[line.pair]) and line.tape.top is not None
                    )
                    return reached and feed.health().connected and feed.health().filling == 0

                async def settled() -> None:
                    # A trade now and then: a feed that hears nothing connects anew, and has more to ask for by that.
                    async with _trading(local, rate=4.0):
                        await until(is_settled, lambda: f"{feed.health()} {local.counts}")

                await act(local, settled)
                await settled()
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running
        return await _outcome(name, local, source, pool, feed.lags_s, feed.health(), rejects.count, memory)


async def _outcome(
    name: str,
    local: LocalExchange,
    source: ExchangeSource,
    pool: Pool,
    lags: Any,
    health: Any,
    rejected: int,
    memory: int,
) -> Outcome:
    rows = await pool.fetch(
        "select symbol, (extract(epoch from time) * 1000000)::bigint, seq, price, size from ticks"
    )
    stored = [tuple(row) for row in rows]
    happened = {(each.symbol, each.time_us, each.seq, each.price, each.size) for each in source.happened()}
    gaps = await list_gaps(pool)
    missing = happened - set(stored)
    covered = {
        each
        for each in missing
        if any(
            gap.symbol == each[0]
            and (
                gap.from_seq < each[2] < gap.to_seq
                if gap.from_seq is not None and gap.to_seq is not None
                else gap.from_us <= each[1] <= gap.to_us
            )
            for gap in gaps
        )
    }
    ms = sorted(1000 * each for each in lags) or [0.0]
    return Outcome(
        name, len(happened), len(stored), len(covered), len(missing - covered),
        len(stored) - len({(each[0], each[1], each[2]) for each in stored}), len(set(stored) - happened),
        local.counts.cuts, health.reconnects, health.filled, health.duplicates, rejected, local.counts.requests,
        round(statistics.median(ms), 1), round(ms[int(0.99 * (len(ms) - 1))], 1), (memory, _memory_mb()),
    )  # fmt: skip


async def all_faults(
    local: LocalExchange, settled: Settled, *, faults: Mapping[str, Fault] | None = None, rate: float = 400.0
) -> None:
    """Each fault while trades go on, the next one once it has had its effect and somebody listens again."""

    async def trades(count: int = 20) -> None:
        """Let so many happen, all of them told to somebody."""
        await until(lambda: any(client.symbols and not client.deaf for client in local.clients))
        reached = local.counts.made + count
        await until(lambda: local.counts.made >= reached and not local.at_fault)

    every = list((faults or FAULTS | BY_NUMBER).values())
    async with _trading(local, rate):
        for fault in every:
            if fault is BY_NUMBER["numbers anew"]:
                continue
            await trades()
            fault(local)
            if fault is not FAULTS["clock"]:
                await trades()
                local.cut()
        await trades()
    if BY_NUMBER["numbers anew"] in every:
        await settled()  # what could be asked for until now cannot any more
        local.count_anew()
    async with _trading(local, rate):
        await trades()
        local.cut()
        await trades()
        connections = local.counts.connections
        local.go_silent()
        await until(lambda: local.counts.connections > connections)
        await local.trade(50, together=True)
        await trades()
    await until(lambda: any(client.symbols and not client.deaf for client in local.clients))
    await local.trade(30)


@asynccontextmanager
async def _trading(local: LocalExchange, rate: float) -> AsyncIterator[None]:
    """Trades go on until the block ends; the last ones are told as all are."""
    over = asyncio.Event()
    trading = asyncio.create_task(local.run(rate, over=over))
    try:
        yield
    finally:
        over.set()
        await trading


async def cut_each(local: LocalExchange, *, rate: float, minutes: float, every: int) -> None:
    """Trades at `rate`, all connections cut after each `every` of them."""
    began = time.monotonic()
    while time.monotonic() - began < 60 * minutes:
        await local.run(rate, count=every)
        local.cut()
    await until(lambda: any(client.symbols for client in local.clients))
    await local.trade(30)


def _memory_mb() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
        return int(file.read().split()[1]) * resource.getpagesize() // 2**20


def main() -> None:
    """Print the outcome as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("exchange", choices=LOCAL)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--minutes", type=float, default=0.5)
    parser.add_argument("--every", type=int, default=0, help="cut after so many trades; 0: every fault once")
    given = parser.parse_args()

    async def run() -> Outcome:
        pool = await open_pool(os.environ["DATABASE_URL"], role="writer", size=4)
        async with pool:
            with TemporaryDirectory() as folder:
                if given.every:
                    return await storm(
                        given.exchange, pool, Path(folder),
                        lambda local, _: cut_each(local, rate=given.rate, minutes=given.minutes, every=given.every),
                    )  # fmt: skip
                return await storm(
                    given.exchange,
                    pool,
                    Path(folder),
                    lambda local, settled: all_faults(
                        local, settled, faults=TOLD.get(given.exchange), rate=given.rate
                    ),
                )

    outcome = asyncio.run(run())
    print(json.dumps({name: getattr(outcome, name) for name in outcome.__slots__}))  # noqa: T201


if __name__ == "__main__":
    main()
