"""The people of a test's database: who does what is done as tickdeck_settings, and by which password they sign in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from tickdeck.db.session import Pool, open_pool

T = TypeVar("T")
PASSWORD: Final = "correct horse battery"


def with_settings(url: str, work: Callable[[Pool], Awaitable[T]]) -> T:
    """What `work` returns, done as tickdeck_settings."""

    async def run() -> T:
        pool = await open_pool(url, role="settings", size=1)
        try:
            return await work(pool)
        finally:
            await pool.close()

    with ThreadPoolExecutor(1) as thread:  # an event loop may run in this one: Playwright's does
        return thread.submit(lambda: asyncio.run(run())).result()
