"""The composition root: database pool, hub, routes and page, put together as one ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from app import api
from app.config import Settings
from app.live import push, replay_routes
from app.live.hub import Hub
from app.live.replay_rooms import Rooms
from app.ui.page import build_page
from app.web import Guard, content_security_policy
from db.instruments import Instrument
from db.pool import Pool, open_pool
from db.retention import Retention
from db.rollup import Builder


@asynccontextmanager
async def create_app(settings: Settings, url: str, *, database: str = "") -> AsyncIterator[FastAPI]:
    """Build the dashboard on the migrated database at `url` and keep it live until the block ends.

    `database` is what the status line calls the server.  The application must be served from the running event
    loop.  Raises `DatabaseError` where the database cannot be reached at the start; one that goes away later
    is waited for.
    """
    pool = await open_pool(
        url,
        role="reader",
        size=settings.database.pool_size,
        statement_timeout_s=settings.database.statement_timeout_s,
    )
    try:
        async with (
            Hub(url, pool, settings.live, database=database) as hub,
            Rooms(hub, pool, settings.replay, database=database) as rooms,
            _beside(Builder(pool).run(), Retention(url, settings.database).run()),
        ):
            await hub.ready()  # who connects at once must not hear that every symbol is unknown
            yield _application(settings, pool, hub, rooms)
    finally:
        async with asyncio.timeout(5):
            await pool.close()


@asynccontextmanager
async def _beside(*loops: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run the loops until the block ends."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _application(settings: Settings, pool: Pool, hub: Hub, rooms: Rooms) -> FastAPI:
    """Every route; Dash is last, because its catch-all answers what no other route does."""
    app = FastAPI(title="Tickdeck", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.state.hub = hub
    app.include_router(push.router(rooms))
    app.include_router(replay_routes.routes(pool))
    app.include_router(api.router(lambda: pool, hub.health, hub.metrics.registry))

    async def instrument_of(symbol: str) -> Instrument | None:
        return hub.state.instruments.get(symbol)

    dash = build_page(app, instrument_of)
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=5)
    app.add_middleware(
        Guard, names=settings.dashboard.names(), policy=content_security_policy(dash.csp_hashes())
    )
    return app
