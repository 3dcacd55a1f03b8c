"""Every adapter keeps to the contract of feeds, on its local exchange."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.exchanges.alpaca import KEY, SECRET, LocalAlpaca
from tests.exchanges.binance import LocalBinance
from tests.exchanges.coinbase import LocalCoinbase
from tests.exchanges.kraken import LocalKraken
from tests.exchanges.massive import LocalMassive
from tests.feeds.exchange.sources import (
    SILENCE_S,
    ExchangeSource,
    MassiveSource,
    SwiftAlpaca,
    SwiftBinance,
    SwiftCoinbase,
    SwiftKraken,
)
from tickdeck.feeds.exchange.alpaca import AlpacaOptions
from tickdeck.testing.feed_contract import LiveFeedContract

PAIRS = ["BTC/USDT", "ETH/USDT"]


class TestBinance(LiveFeedContract):
    @asynccontextmanager
    async def source(self, folder: Path) -> AsyncIterator[ExchangeSource]:
        async with LocalBinance(PAIRS) as local:
            yield ExchangeSource(local, SwiftBinance)


class TestCoinbase(LiveFeedContract):
    @asynccontextmanager
    async def source(self, folder: Path) -> AsyncIterator[ExchangeSource]:
        async with LocalCoinbase(["BTC/USD", "ETH/USD"]) as local:
            yield ExchangeSource(local, SwiftCoinbase)


class TestKraken(LiveFeedContract):
    @asynccontextmanager
    async def source(self, folder: Path) -> AsyncIterator[ExchangeSource]:
        async with LocalKraken(["BTC/USD", "ETH/USD"]) as local:
            yield ExchangeSource(local, SwiftKraken)


class TestAlpaca(LiveFeedContract):
    test_what_is_left_out_is_filled_or_said = None  # type: ignore[assignment]  # its numbers do not tell

    @asynccontextmanager
    async def source(self, folder: Path) -> AsyncIterator[ExchangeSource]:
        async with LocalAlpaca(["AAPL", "SPY"]) as local:
            yield ExchangeSource(
                local,
                SwiftAlpaca,
                lambda url: AlpacaOptions(url=url, silence=SILENCE_S, key=KEY, secret=SECRET),  # type: ignore[arg-type]
            )


class TestMassive(LiveFeedContract):
    test_what_is_left_out_is_filled_or_said = None  # type: ignore[assignment]  # its numbers do not tell

    @asynccontextmanager
    async def source(self, folder: Path) -> AsyncIterator[ExchangeSource]:
        async with LocalMassive(["AAPL", "SPY"]) as local:
            yield MassiveSource(local)
