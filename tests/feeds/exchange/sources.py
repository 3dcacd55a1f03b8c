"""The local exchanges as sources of the contract kit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import SecretStr

from tests.exchanges.local import LocalExchange, Made
from tests.exchanges.massive import KEY, LocalMassive, number_of
from tickdeck.db.session import Pool
from tickdeck.feeds.exchange.adapter import Exchange, ExchangeOptions
from tickdeck.feeds.exchange.alpaca import Alpaca
from tickdeck.feeds.exchange.binance import Binance
from tickdeck.feeds.exchange.ccxt import Ccxt, CcxtFeed, CcxtOptions
from tickdeck.feeds.exchange.coinbase import Coinbase
from tickdeck.feeds.exchange.feed import ExchangeFeed
from tickdeck.feeds.exchange.kraken import Kraken
from tickdeck.feeds.exchange.massive import Massive, MassiveOptions
from tickdeck.feeds.exchange.plugin import recalled
from tickdeck.testing.feed_contract import Happened

SILENCE_S = 1.0


class ExchangeSource:
    """A local exchange and the adapter that is tried on it."""

    def __init__(
        self,
        local: LocalExchange,
        adapter: type[Exchange],
        options: Callable[[str], ExchangeOptions] = lambda url: ExchangeOptions(url=url, silence=SILENCE_S),
    ) -> None:
        self.local = local
        self.adapter = adapter
        self._options = options

    def feed(self, pool: Pool) -> ExchangeFeed:
        """On the symbols of the local exchange."""
        exchange = self.adapter(self._options(self.local.url))
        return ExchangeFeed(
            exchange, self.local.symbols, recall=lambda symbol: recalled(pool, exchange.name, symbol)
        )

    async def happen(self, count: int) -> None:
        """Once somebody listens, at the first time."""
        if not self.local.counts.made:
            await self.listened_to()
        await self.local.trade(count)

    async def listened_to(self) -> None:
        """Wait until somebody has subscribed to all symbols."""
        from tickdeck.testing.feed_contract import until

        await until(lambda: any(client.symbols == set(self.local.symbols) for client in self.local.clients))

    def happened(self) -> Sequence[Happened]:
        """All trades that the exchange counts."""
        return [self.happened_as(each) for tape in self.local.tapes.values() for each in tape]

    def happened_as(self, made: Made) -> Happened:
        """The tick that is to be stored of a trade."""
        return Happened(
            f"{self.adapter.venue}:{made.symbol}",
            made.time_us,
            made.number,
            float(made.price),
            float(made.size),
        )

    async def spoil(self) -> str | None:
        """The next message is cut in two, and somebody hears it: a feed that heard nothing for long connects anew."""
        await self.listened_to()
        self.local.spoil(1, "malformed")
        await self.local.trade(1)
        return '"'

    async def cut(self) -> None:
        """Without a close frame."""
        self.local.cut()

    async def lose(self, count: int) -> None:
        """The next trades are not told."""
        self.local.lose(count)

    async def go_silent(self) -> None:
        """Half-open."""
        self.local.go_silent()


class _Swift:
    """The local ones have no limits, and their trades over REST at once."""

    requests_per_second = 50.0
    settles_s = 0.2


class SwiftBinance(_Swift, Binance):
    """See above."""


class SwiftCoinbase(_Swift, Coinbase):
    """See above."""


class SwiftKraken(_Swift, Kraken):
    """See above."""


class SwiftAlpaca(_Swift, Alpaca):
    """See above."""


class SwiftMassive(_Swift, Massive):
    """See above."""


class SwiftCcxt(Ccxt):
    """See above."""

    settles_s = 0.2

    def client(self, kind: Any) -> Any:
        """One that keeps no limits either."""
        made = super().client(kind)
        made.enableRateLimit = False
        return made


class CcxtSource(ExchangeSource):
    """A local exchange, and ccxt's own client of it."""

    def __init__(self, local: LocalExchange) -> None:
        super().__init__(local, SwiftCcxt)

    def feed(self, pool: Pool) -> CcxtFeed:
        """See `ExchangeSource.feed`."""
        options = CcxtOptions(url=self.local.url, silence=SILENCE_S, history=False)
        exchange = SwiftCcxt(options, self.local.name)
        return CcxtFeed(exchange, self.local.symbols, lambda symbol: recalled(pool, exchange.name, symbol))

    def happened_as(self, made: Made) -> Happened:
        """To the millisecond, of a venue of ccxt's."""
        symbol = f"CCXT-{self.local.name.upper()}:{made.symbol}"
        ms = made.time_us // 1000
        return Happened(symbol, 1000 * ms, made.number, float(made.price), float(made.size))


class MassiveSource(ExchangeSource):
    """A local Massive, and the adapter on it."""

    def __init__(self, local: LocalMassive) -> None:
        super().__init__(
            local,
            SwiftMassive,
            lambda url: MassiveOptions(url=url, silence=SILENCE_S, history=False, key=SecretStr(KEY)),
        )

    def happened_as(self, made: Made) -> Happened:
        """To the millisecond, by the tape's number."""
        time_us = made.time_us // 1000 * 1000
        return Happened(
            f"MASSIVE:{made.symbol}", time_us, number_of(made), float(made.price), float(made.size)
        )
