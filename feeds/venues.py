"""The same pair on two exchanges is two instruments: a feed whose symbols are said with their venue."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

import pandas as pd

from tickdeck.db.errors import ConfigurationError
from tickdeck.feeds.base import Feed, FeedBatch, Resumes

_VENUE: Final = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,15}")


def require_venue(venue: str) -> str:
    """`venue`; raises `ConfigurationError` where it is no name of 1 to 16 capital letters, digits and `._-`."""
    if not _VENUE.fullmatch(venue):
        raise ConfigurationError(
            f"--venue {venue!r} is no name of a venue: up to 16 capital letters, digits, '.', '_' and '-'"
        )
    return venue


class AtVenue:
    """`feed` with each symbol as `VENUE:SYMBOL`, such as `BINANCE:BTC/USDT`; one that says a venue already keeps it.

    Raises `ConfigurationError` where `venue` is no name of 1 to 16 capital letters, digits and `._-`.
    """

    def __init__(self, feed: Feed, venue: str) -> None:
        self._feed = feed
        self._venue = require_venue(venue)

    @property
    def name(self) -> str:
        return self._feed.name

    @property
    def kind(self) -> str:
        return self._feed.kind

    @property
    def source(self) -> str | None:
        return self._feed.source if isinstance(self._feed, Resumes) else None

    def resume(self, at: Mapping[str, Any]) -> None:
        if isinstance(self._feed, Resumes):
            self._feed.resume(at)

    async def batches(self) -> AsyncIterator[FeedBatch]:
        async with aclosing(self._feed.batches()) as batches:  # type: ignore[type-var]
            async for batch in batches:
                yield self._at_venue(batch)

    def _at_venue(self, batch: FeedBatch) -> FeedBatch:
        codes, symbols = pd.factorize(batch.ticks.symbol)
        symbols[:] = [self._named(symbol) for symbol in symbols]
        return replace(
            batch,
            ticks=replace(batch.ticks, symbol=symbols[codes]),
            corrections=tuple(replace(each, symbol=self._named(each.symbol)) for each in batch.corrections),
        )

    def _named(self, symbol: str) -> str:
        return symbol if ":" in symbol else f"{self._venue}:{symbol}"
