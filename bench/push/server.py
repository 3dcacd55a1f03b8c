"""The server process of the push benchmark: the real dashboard, or the same rows in the ways that Dash has itself.

`python -m bench.push.server URL MODE FRAMES_PER_S`; prints its port, then serves until its input ends.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import dash_ag_grid
import structlog
import uvicorn
from dash import Dash, Input, Output, ctx, dcc, html, set_props
from fastapi import FastAPI

from tickdeck.app.config import DashboardSettings, LimitSettings, LiveSettings, Settings
from tickdeck.app.live.hub import Hub
from tickdeck.app.main import create_app
from tickdeck.app.push.outlets import server_options
from tickdeck.app.push.protocol import FIELDS, row_values
from tickdeck.app.web.server import open_socket
from tickdeck.db.session import open_pool


@asynccontextmanager
async def dash_ways(url: str, live: LiveSettings) -> AsyncIterator[FastAPI]:
    """A page that shows the watchlist by `dcc.Interval`, and one by a native WebSocket callback."""
    pool = await open_pool(url, role="reader", size=4)
    async with Hub(url, pool, live, database="bench") as hub:
        server = FastAPI()
        page = Dash(__name__, backend="fastapi", server=server, websocket_callbacks=True)  # type: ignore[arg-type]
        page.layout = html.Div(
            [dcc.Interval("tick"), dcc.Store("start"), dash_ag_grid.AgGrid(id="watchlist", rowData=[])]
        )

        def rows(since: int) -> list[dict[str, Any]]:
            return [dict(zip(FIELDS, row_values(row), strict=True)) for row in hub.state.rows_since(since)]

        @page.callback(Output("watchlist", "rowData"), Input("tick", "n_intervals"))
        async def poll(_tick: int) -> list[dict[str, Any]]:
            return rows(-1)

        @page.callback(Input("start", "data"), websocket=True)
        async def stream(_start: object) -> None:
            """Changed rows only, at the frame rate, as our own frames are."""
            version = -1
            while not ctx.websocket.is_shutdown:
                if changed := rows(version):
                    set_props("watchlist", {"rowTransaction": {"update": changed}})
                version = hub.state.version
                await asyncio.sleep(1 / live.grid_rate)

        yield server
    await pool.close()


async def main(url: str, mode: str, frames_per_s: float) -> None:
    live = LiveSettings(
        grid_rate=frames_per_s, chart_rate=frames_per_s, tape_rate=frames_per_s, max_viewers=10_000
    )
    limits = LimitSettings(  # all viewers are one user's here
        connections_each=10_000,
        connections_per_address=10_000,
        subscriptions_each=100_000,
        subscriptions_per_address=100_000,
    )
    settings = Settings(dashboard=DashboardSettings(), live=live, limits=limits)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    made = dash_ways(url, live) if mode == "dash" else create_app(settings, url, database="bench")
    async with made as app:
        with open_socket("127.0.0.1", 0) as sock:
            config = uvicorn.Config(app, log_config=None, access_log=False, **server_options())
            server = uvicorn.Server(config)
            loop = asyncio.get_running_loop()
            stop = loop.create_future()
            threading.Thread(
                target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(stop.set_result, None)),
                daemon=True,
            ).start()
            serving = loop.create_task(server.serve([sock]))
            print(sock.getsockname()[1], flush=True)
            await stop
            server.should_exit = True
            await serving


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
