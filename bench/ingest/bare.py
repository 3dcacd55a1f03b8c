"""What storing is measured against: a bare COPY into the same hypertable, with the same index and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg

from tickdeck.db.market.types import TickBatch
from tickdeck.db.ticks.copy import COLUMNS, encode_ticks

Write = Callable[[TickBatch], Awaitable[object]]


def bare_copy(pool: asyncpg.Pool) -> Write:
    """The same binary stream from the same encoder, into `bare_ticks`."""

    async def pieces(batch: TickBatch) -> AsyncIterator[bytes]:
        for piece in encode_ticks(batch):
            yield piece

    async def write(batch: TickBatch) -> Any:
        return await pool.copy_to_table("bare_ticks", source=pieces(batch), columns=COLUMNS, format="binary")

    return write
