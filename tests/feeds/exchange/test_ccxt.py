"""ccxt's own client, on the local Binance: it keeps to the contract of feeds."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.exchanges.binance import LocalBinance
from tests.exchanges.kraken import LocalKraken
from tests.exchanges.local import LocalExchange, Made
from tests.feeds.exchange.sources import CcxtSource, SwiftCcxt
from tickdeck.app.cli.feeds_file import command
from tickdeck.db.errors import ConfigurationError
from tickdeck.feeds.exchange.adapter import Page
from tickdeck.feeds.exchange.ccxt import Ccxt, CcxtOptions, number_of
from tickdeck.feeds.exchange.rest import Rest, RestRefusedError
from tickdeck.feeds.exchange.tape import Gap
from tickdeck.feeds.exchange.trades import Mark
from tickdeck.testing.feed_contract import LiveFeedContract


class TestCcxt(LiveFeedContract):
    test_what_is_left_out_is_filled_or_said = None  # type: ignore[assignment]  # its numbers do not tell

    @asynccontextmanager
    async def source(self, folder: Path) -> AsyncIterator[CcxtSource]:
        async with LocalBinance(["BTC/USDT", "ETH/USDT"]) as local:
            yield CcxtSource(local)


@asynccontextmanager
async def filling(local: LocalExchange) -> AsyncIterator[SwiftCcxt]:
    exchange = SwiftCcxt(CcxtOptions(url=local.url), local.name)
    try:
        yield exchange
    finally:
        await exchange.close()


async def pages(exchange: Ccxt, after: Made, before: Made) -> list[Page]:
    """What fills the gap between two trades."""
    first, last = (Mark(each.time_us // 1000 * 1000, each.number) for each in (after, before))
    gap = Gap(uuid4(), first, last, "cut", numbered=False)
    async with Rest("", per_second=1) as rest, aclosing(exchange.fill(rest, after.symbol, gap)) as filled:  # type: ignore[type-var]
        return [page async for page in filled]


def numbers(found: Sequence[Page]) -> set[int]:
    return {each.number for page in found for each in page.trades.trades}


async def traded(local: LocalExchange, count: int) -> list[Made]:
    """So many trades of the first symbol, 500 a second by the exchange's clock."""
    for _ in range(count // 50):
        await local.trade(50, local.symbols[0])
        local.skew_us += 100_000
    return local.tapes[local.symbols[0]]


async def test_a_gap_is_filled_a_page_after_the_other() -> None:
    async with LocalKraken(["BTC/USD"]) as local, filling(local) as exchange:
        tape = await traded(local, 2500)
        found = await pages(exchange, tape[20], tape[-20])
        requests = sum("Trades" in each for each in local.requested)
    assert numbers(found) >= {each.number for each in tape[20:-20]}
    assert requests == len(found) >= 3
    assert found[-1].high >= tape[-20].time_us // 1000 * 1000


async def test_a_gap_that_goes_further_back_than_rest_stays_one() -> None:
    """Of Binance without a key there are the newest thousand."""
    async with LocalBinance(["BTC/USDT"]) as local, filling(local) as exchange:
        tape = await traded(local, 1200)
        exchange.hear_of(tape[-1].symbol, tape[-1].number, tape[-1].time_us // 1000 * 1000)
        with pytest.raises(RestRefusedError, match="not so far back"):
            await pages(exchange, tape[20], tape[-1])
        assert numbers(await pages(exchange, tape[300], tape[-1])) >= {each.number for each in tape[300:]}


async def test_numbers_that_are_others_over_rest_fill_nothing() -> None:
    async with LocalKraken(["BTC/USD"]) as local, filling(local) as exchange:
        tape = await traded(local, 100)
        stranger = Made(tape[50].symbol, 7, tape[50].time_us, tape[50].price, tape[50].size, taker_buys=True)
        with pytest.raises(RestRefusedError, match="otherwise than its stream"):
            await pages(exchange, stranger, tape[-1])


def test_an_id_that_is_no_number_is_told_again_by_its_hash() -> None:
    assert number_of("1000") == 1000
    assert number_of("5f2-a") == number_of("5f2-a") != number_of("5f2-b")
    assert 0 <= number_of("5f2-a") < 2**63
    assert number_of(str(2**63)) != 2**63
    assert (
        number_of(None, 1, 2.0, 3.0, "buy")
        == number_of(None, 1, 2.0, 3.0, "buy")
        != number_of(None, 1, 2.0, 3.0, "sell")
    )


@pytest.mark.parametrize(
    ("exchange", "said"),
    [
        ("nowhere", "no live trades of an exchange 'nowhere'"),
        ("zaif", "no live trades of an exchange 'zaif'"),
    ],
)
def test_an_exchange_without_live_trades_is_refused(exchange: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Ccxt(CcxtOptions(), exchange)


def test_without_ccxt_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ccxt" else found(name))
    with pytest.raises(ConfigurationError, match=r"ccxt is not installed: pip install 'tickdeck\[ccxt\]'$"):
        command("ccxt", ["kucoin:BTC/USDT"], {}, "--feed ccxt")
