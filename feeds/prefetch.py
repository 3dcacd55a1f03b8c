"""Keeps blocking reading out of the event loop and ahead of whoever uses what is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from feeds.base import FeedBatch


async def ahead(blocks: Iterator[FeedBatch]) -> AsyncIterator[FeedBatch]:
    """`blocks`, read in a thread, one ahead of the one that is worked on."""
    coming = asyncio.ensure_future(asyncio.to_thread(next, blocks, None))
    try:
        while (block := await coming) is not None:
            coming = asyncio.ensure_future(asyncio.to_thread(next, blocks, None))
            yield block
    finally:
        coming.cancel()
