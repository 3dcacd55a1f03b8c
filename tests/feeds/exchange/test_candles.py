"""A symbol that is new begins with the exchange's own candles, and its chart is not empty."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.exchanges.alpaca import KEY, SECRET, LocalAlpaca
from tests.exchanges.binance import LocalBinance
from tests.exchanges.coinbase import LocalCoinbase
from tests.exchanges.kraken import LocalKraken
from tests.exchanges.local import LocalExchange
from tests.exchanges.massive import KEY as MASSIVE_KEY
from tests.exchanges.massive import LocalMassive
from tests.feeds.exchange.sources import (
    ExchangeSource,
    SwiftAlpaca,
    SwiftBinance,
    SwiftCoinbase,
    SwiftKraken,
    SwiftMassive,
)
from tickdeck.db.candles.imported import list_imported
from tickdeck.db.candles.read import read_candles
from tickdeck.db.session import Pool, close_pool, open_pool
from tickdeck.feeds.exchange.adapter import Exchange, ExchangeOptions
from tickdeck.feeds.exchange.alpaca import AlpacaOptions
from tickdeck.feeds.exchange.massive import MassiveOptions
from tickdeck.feeds.live import run_live
from tickdeck.feeds.rejects import RejectsFile
from tickdeck.testing.feed_contract import until_async


def plain(url: str) -> ExchangeOptions:
    return ExchangeOptions(url=url)


def keyed(url: str) -> ExchangeOptions:
    return AlpacaOptions(url=url, key=KEY, secret=SECRET)  # type: ignore[arg-type]


async def run_until(
    source: ExchangeSource, pool: Pool, folder: Path, done: Callable[[], Awaitable[bool]]
) -> None:
    running = asyncio.create_task(run_live(source.feed(pool), pool, RejectsFile(folder / "rejects.csv")))
    try:
        await until_async(done, lambda: str(source.local.requested))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def massive(url: str) -> ExchangeOptions:
    return MassiveOptions(url=url, key=MASSIVE_KEY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("local", "adapter", "options"),
    [
        (LocalBinance(["BTC/USDT"]), SwiftBinance, plain),
        (LocalCoinbase(["BTC/USD"]), SwiftCoinbase, plain),
        (LocalKraken(["BTC/USD"]), SwiftKraken, plain),
        (LocalAlpaca(["AAPL"]), SwiftAlpaca, keyed),
        (LocalMassive(["AAPL"]), SwiftMassive, massive),
    ],
    ids=["binance", "coinbase", "kraken", "alpaca", "massive"],
)
async def test_a_new_symbol_begins_with_the_exchange_s_candles(
    tickdeck_db: str,
    tmp_path: Path,
    local: LocalExchange,
    adapter: type[Exchange],
    options: Callable[[str], ExchangeOptions],
) -> None:
    pool = await open_pool(tickdeck_db, role="writer", size=4)
    symbol = f"{adapter.venue}:{local.symbols[0]}"
    try:
        async with local:
            source = ExchangeSource(local, adapter, options)

            async def imported() -> bool:
                return len(await list_imported(pool, symbol)) == 4

            await run_until(source, pool, tmp_path, imported)
            found = {each.interval: each for each in await list_imported(pool, symbol)}
            assert set(found) == {"1m", "15m", "1h", "1d"}
            assert {each.source for each in found.values()} == {adapter.name}
            read = {each.time_us: each for each in await read_candles(pool, symbol, "1m", limit=60)}
            # Those that had ended when it was asked, which may be a minute ago by now.
            until = found["1m"].until_us
            minutes = [
                each for each in local.candles(local.symbols[0], 60, 60) if each[0] * 1_000_000 < until
            ]
            for start, values in minutes[-50:]:
                candle = read[start * 1_000_000]
                got = (candle.open, candle.high, candle.low, candle.close, candle.volume)
                assert got == pytest.approx(tuple(map(float, values)))
            assert len(await read_candles(pool, symbol, "1d", limit=40)) == 40
    finally:
        await close_pool(pool)
