"""What a pool asks the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asyncpg.connection import LoggedQuery

from tickdeck.db.session import Pool


@asynccontextmanager
async def statements_of(pool: Pool) -> AsyncIterator[list[str]]:
    """The statements that go over the only connection of `pool` until the block ends, in order."""
    assert pool.get_max_size() == 1
    sent: list[str] = []

    def note(query: LoggedQuery) -> None:
        sent.append(query.query)

    async with pool.acquire() as connection:
        connection.add_query_logger(note)
    yield sent
    async with pool.acquire() as connection:
        connection.remove_query_logger(note)
