"""The composition root: database pool, hub, routes and page, put together as one ASGI application."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import uvicorn
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from tickdeck.app.config import ProviderSettings, Settings
from tickdeck.app.live.deliveries import Deliveries
from tickdeck.app.live.hub import Hub
from tickdeck.app.push.board import Board
from tickdeck.app.push.metrics import Spilled
from tickdeck.app.push.outlets import server_options
from tickdeck.app.replay.rooms import Rooms
from tickdeck.app.supervision import Supervisor
from tickdeck.app.ui import workspace
from tickdeck.app.ui.page import build_page
from tickdeck.app.users.access import Access
from tickdeck.app.users.limits import Limits
from tickdeck.app.users.sharing import Sharing
from tickdeck.app.web import (
    alerts,
    analysis,
    corrections,
    days,
    docs,
    drawings,
    feeds,
    login,
    panels,
    provider,
    push,
    rest,
    state,
    watchlists,
    workspaces,
)
from tickdeck.app.web import replay as replay_routes
from tickdeck.app.web.errors import answer_errors
from tickdeck.app.web.gate import Gate, Sockets
from tickdeck.app.web.guard import Guard, Head, content_security_policy
from tickdeck.app.web.proxies import Proxied
from tickdeck.app.web.schemas import REFUSALS
from tickdeck.app.web.server import Certificate, Server, address, raise_open_files
from tickdeck.db.candles.build import Builder
from tickdeck.db.candles.watch import CandleWatch
from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.types import Instrument
from tickdeck.db.orderflow import OrderFlowBuilder
from tickdeck.db.revisions import head
from tickdeck.db.session import Pool, Source, close_pool, open_pool
from tickdeck.db.standbys import Standbys
from tickdeck.db.upkeep.retention import Retention
from tickdeck.db.url import each_url

if TYPE_CHECKING:
    from tickdeck.app.users.provider import Provider

GRACE_S: Final = 2
"""What open requests get to finish once the server is to stop."""
BOARD_S: Final = 1.0
"""How often it is looked for panels whose script is away."""


@asynccontextmanager
async def create_app(
    settings: Settings, url: str, *, database: str = "", spilled: Spilled = dict
) -> AsyncIterator[FastAPI]:
    """Build the dashboard on the migrated database at `url` and keep it live until the block ends.

    `database` is what the status line calls the server.  The application must be served from the running event
    loop.  `spilled`: what waits on this machine's disk for the database.  Raises `DatabaseError` where the database cannot be reached at the start; one that goes away later
    is waited for.
    """
    pool = await open_pool(
        url,
        role="reader",
        size=settings.database.pool_size,
        statement_timeout_s=settings.database.statement_timeout_s,
    )
    history = Standbys(
        pool,
        each_url(settings.database.read_url),
        revision=head(),
        size=settings.database.pool_size,
        statement_timeout_s=settings.database.statement_timeout_s,
    )
    try:
        async with (
            _door(settings, url) as door,
            Hub(url, pool, settings.live, database=database, own=door.pool, spilled=spilled) as hub,
            Rooms(hub, history, settings.replay, database=database) as rooms,
            Supervisor() as tasks,
        ):
            if settings.database.read_url:
                hub.metrics.look_at_standbys(history.states, lambda: history.primary_reads)
                tasks.start("looking at standbys", history.run)
            tasks.start("building of candles", Builder(pool).run)
            tasks.start("folding of order flow", OrderFlowBuilder(pool).run)
            if settings.database.keep_ticks_days is not None:
                tasks.start("retention", Retention(url, settings.database).run)
            if settings.database.verify_hours:
                watch = CandleWatch(
                    pool,
                    hub.verified,
                    hours=settings.database.verify_hours,
                    every_s=settings.database.verify_every_s,
                )
                tasks.start("verifying of candles", watch.run)
            if settings.alerts.alert_webhook_hosts or settings.alerts.alert_mail_to:
                tasks.start("sending of alerts", Deliveries(door.pool, settings.alerts, hub.alert_fired).run)
            tasks.start("checking of sessions", door.sockets.run)
            board = Board(hub.audience.set_panel)
            tasks.every(BOARD_S, "looking after panels", board.sweep)
            await hub.ready()  # who connects at once must not hear that every symbol is unknown
            try:
                yield _application(settings, pool, history, hub, rooms, door, board)
            finally:  # what is asked of a server that does not answer any more ends now, and nobody waits for it
                pool.terminate()
                door.pool.terminate()
    finally:
        await close_pool(pool)


@dataclass(frozen=True, slots=True)
class _Door:
    """Who may come in, the sockets of those who did, and the pool for what is theirs."""

    access: Access
    sockets: Sockets
    provider: Provider | None
    pool: Pool


@asynccontextmanager
async def _door(settings: Settings, url: str) -> AsyncIterator[_Door]:
    """The door, on a pool of its own; raise `ConfigurationError` where it would stand open to others."""
    pool = await open_pool(settings.database.settings_url or url, role="settings", size=4)
    try:
        access = Access(pool, settings.users)
        if settings.dashboard.reached_by_others and not await access.has_users():
            raise ConfigurationError(
                f"listening on {settings.dashboard.host} lets others in, and there are no users yet: add one with "
                "`tickdeck user add NAME --role admin`, or listen on this machine only with `--host 127.0.0.1`"
            )
        yield _Door(access, Sockets(access), _provider(settings.provider), pool)
    finally:
        await close_pool(pool)


def _provider(settings: ProviderSettings) -> Provider | None:
    if settings.oidc_issuer is None:
        return None
    from tickdeck.app.users.provider import Provider  # noqa: PLC0415 - a second of imports, for those who use one

    return Provider(settings)


def _application(
    settings: Settings, pool: Pool, history: Source, hub: Hub, rooms: Rooms, door: _Door, board: Board
) -> FastAPI:
    """Every route, and what stands before all of them; `history` is read on standbys where there are some."""
    app = FastAPI(
        title="Tickdeck",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        servers=[{"url": settings.dashboard.path_prefix}] if settings.dashboard.path_prefix else None,
        responses={422: REFUSALS[422]},  # instead of FastAPI's own shape, which app.web.errors does not make
    )
    limits = Limits(settings.limits)
    answer_errors(app)
    app.include_router(login.router(door.access, door.provider))
    app.include_router(provider.router(door.access, door.provider))
    app.include_router(push.router(rooms, limits))
    app.include_router(replay_routes.routes(history))
    app.include_router(rest.router(pool, history, most_rows=settings.limits.answer_rows))
    app.include_router(analysis.router(history))
    app.include_router(days.router(history))
    sharing = Sharing(door.pool)
    app.include_router(drawings.router(door.pool, sharing))
    app.include_router(watchlists.router(door.pool, sharing))
    app.include_router(workspaces.router(door.pool, sharing))
    app.include_router(workspace.router())
    app.include_router(alerts.router(door.pool, history, settings.alerts, sharing))
    app.include_router(corrections.router(door.pool, pool))
    app.include_router(feeds.router(door.pool, pool))
    app.include_router(panels.router(board))
    app.include_router(state.router(hub.health, hub.metrics.registry))
    app.include_router(docs.router())

    async def instrument_of(symbol: str) -> Instrument | None:
        return hub.state.instruments.get(symbol)

    dash = build_page(app, instrument_of, prefix=settings.dashboard.path_prefix)
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=6)
    app.add_middleware(Head)
    app.add_middleware(Gate, access=door.access, sockets=door.sockets, limits=limits)
    app.add_middleware(
        Guard,
        knows=settings.dashboard.knows,
        policy=content_security_policy(dash.csp_hashes()),
        embedders=settings.live.embed_origins,
    )
    app.add_middleware(Proxied, proxies=settings.users.proxies, prefix=settings.dashboard.path_prefix)
    return app


async def serve_until_stopped(
    settings: Settings,
    url: str,
    sock: socket.socket,
    *,
    database: str,
    spilled: Spilled = dict,
    on_live: Callable[[str], None],
) -> None:
    """Serve the database at `url` until SIGINT or SIGTERM; a second signal does not wait for open requests.

    `on_live` gets the page's address once live data can be served.
    """
    loop = asyncio.get_running_loop()
    raise_open_files(settings.live.max_viewers)
    async with (
        create_app(settings, url, database=database, spilled=spilled) as app,
        Supervisor() as tasks,
    ):
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            proxy_headers=False,  # uvicorn would believe proxies on loopback; app.web.proxies reads them
            ssl_certfile=settings.dashboard.tls_certificate,
            ssl_keyfile=settings.dashboard.tls_key,
            **server_options(
                compress=settings.live.compress, max_message_bytes=settings.limits.message_bytes
            ),
        )
        try:
            config.load()
        except OSError as exc:  # ssl.SSLError too
            raise ConfigurationError(f"TICKDECK_TLS_CERTIFICATE or TICKDECK_TLS_KEY: {exc}") from exc
        server = Server(config, lambda: on_live(address(sock, tls=config.ssl is not None)))

        def stop() -> None:
            server.force_exit = server.should_exit
            server.should_exit = True

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        # A signal that came before has cancelled this task: it ends here, and not inside the server's start, which would log it.
        await asyncio.sleep(0)
        if config.ssl and settings.dashboard.tls_certificate and settings.dashboard.tls_key:
            certificate = Certificate(
                config.ssl, settings.dashboard.tls_certificate, settings.dashboard.tls_key
            )
            loop.add_signal_handler(signal.SIGHUP, certificate.reload)
            tasks.start("certificate", certificate.run)
        # What start-up made stays: the collector need not look at it in the middle of a frame, or at the end.
        gc.collect()
        gc.freeze()
        await server.serve(sockets=[sock])
