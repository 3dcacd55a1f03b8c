"""Makes a plugin of an exchange's adapter: its feed goes on where the database ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tickdeck.db.feed_gaps import FeedGap, last_ticks, list_gaps, ticks_in
from tickdeck.db.session import Pool
from tickdeck.feeds.base import Feed
from tickdeck.feeds.exchange.adapter import Exchange, ExchangeOptions
from tickdeck.feeds.exchange.feed import ExchangeFeed, Recall, Recalled
from tickdeck.feeds.exchange.tape import Gap
from tickdeck.feeds.exchange.trades import Mark
from tickdeck.feeds.plugins import FeedPlugin, Published

MOST_GAPS: Final = 1_000


def plugin(
    exchange: type[Exchange], summary: str, options: type[ExchangeOptions] = ExchangeOptions
) -> FeedPlugin:
    """The plugin of `exchange`."""

    def build(symbols: Sequence[str], given: ExchangeOptions, pool: Pool) -> Feed:
        made = exchange(given)

        async def recall(symbol: str) -> Recalled:
            return await recalled(pool, exchange.name, symbol)

        return ExchangeFeed(made, symbols, recall=recall)

    def build_apart(symbols: Sequence[str], given: ExchangeOptions, published: Published) -> Feed:
        return ExchangeFeed(exchange(given), symbols, recall=recall_apart(published))

    return FeedPlugin(exchange.name, summary, options, build, build_apart)


def recall_apart(published: Published) -> Recall:
    """Looks up what is published of a symbol.  What of a gap is there already is not known: all of it is asked for."""

    async def recall(symbol: str) -> Recalled:
        newest = published.newest(symbol)
        gaps = tuple(map(_gap, published.gaps(symbol)))
        return Recalled(None if newest is None else Mark(*newest), gaps)

    return recall


async def recalled(pool: Pool, feed: str, symbol: str) -> Recalled:
    """What is stored of `symbol`: its newest tick, the newest gaps that are open or missing, and what lies in them."""
    newest = (await last_ticks(pool, [symbol])).get(symbol)
    gaps = (await list_gaps(pool, feed=feed, symbols=[symbol]))[-MOST_GAPS:]
    stored = [Mark(*tick) for gap in gaps for tick in await ticks_in(pool, gap)]
    return Recalled(
        None if newest is None else Mark(*newest), tuple(_gap(each) for each in gaps), tuple(stored)
    )


def _gap(stored: FeedGap) -> Gap:
    return Gap(
        stored.id,
        Mark(stored.from_us, stored.from_seq or 0),
        Mark(stored.to_us, stored.to_seq or 0),
        stored.why,
        numbered=stored.from_seq is not None,
    )
