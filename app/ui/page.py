"""Puts the Dash application of the page on a FastAPI server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import dash_ag_grid
import structlog
from dash import Dash, Input, Output, _dash_renderer, dash_table, dcc
from dash.backends import get_backend
from dash.exceptions import DependencyException
from fastapi import FastAPI
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tickdeck.app.ui import code
from tickdeck.app.ui.assets import Assets
from tickdeck.app.ui.layout import page
from tickdeck.app.ui.plain import plainly
from tickdeck.db.market.types import Instrument

ASSETS = Path(__file__).parent.parent / "assets"
CALLBACKS = frozenset({"view", "instrument"})
"""Ids of what callbacks read and write."""
FILLED = frozenset({code.GRID})
"""Ids of what the page's scripts have Dash fill."""
CALLBACK_PATH = "/_dash-update-component"

log = structlog.get_logger(__name__)


class Backend(get_backend("fastapi")):  # type: ignore[misc]
    """Dash's FastAPI backend: the page at `/`, and what Dash's scripts ask for; every other path stays unknown."""

    websocket_capability = False
    """Every page would open Dash's own WebSocket, and none would use it."""

    def setup_index(self, dash_app: Dash) -> None:
        """The page at `/`: scripts and styles at addresses that browsers may keep, and the nonce of this answer's policy
        (app.web.guard) for the styles that its scripts make.
        """
        assets = Assets(directory=ASSETS)

        async def index(request: Request) -> HTMLResponse:
            nonce = getattr(request.state, "style_nonce", "")
            text = str(dash_app.index()).replace('="assets/', f'="assets/{assets.version()}/')  # type: ignore[no-untyped-call]
            return HTMLResponse(text.replace("{nonce}", nonce, 1))

        dash_app._add_url("", index, methods=["GET"])  # noqa: SLF001 - as Dash's own backend does

    def register_assets_blueprint(
        self, blueprint_name: str, assets_url_path: str, assets_folder: str
    ) -> None:
        """The files of app/assets."""
        self.server.mount(assets_url_path, Assets(directory=assets_folder), name=blueprint_name)

    def _setup_catchall(self) -> None:
        """Dash would answer every unknown path with the page and 200, probes of /readyz and typing errors too."""

    def serve_component_suites(self, dash_app: Dash, *names: Any) -> Any:
        try:
            return super().serve_component_suites(dash_app, *names)
        except (DependencyException, OSError) as exc:  # no such package, no such file
            raise HTTPException(404) from exc


def build_page(server: FastAPI, instrument_of: InstrumentOf, *, prefix: str = "") -> Dash:
    """The Dash application at `/` of `server`, which browsers reach below `prefix`."""
    # What Dash sends to every page and this one has no use for: the script of its tables, and a polyfill of which its
    # scripts need the regenerator runtime only, which assets/vendor has.
    for scripts in _dash_renderer._js_dist_dependencies:  # noqa: SLF001
        files = scripts["relative_package_path"]["prod"]
        files[:] = [file for file in files if "polyfill" not in file]
    dash_table._js_dist.clear()  # type: ignore[attr-defined]  # noqa: SLF001
    _load_at_once(dash_ag_grid._js_dist, "async-community.js")  # noqa: SLF001
    _load_at_once(dcc._js_dist, "dcc/async-graph.js")  # noqa: SLF001
    dash = Dash(
        "app",
        server=False,  # with a class of our own it must be given afterwards
        backend=Backend,
        title="Tickdeck",
        requests_pathname_prefix=f"{prefix}/",
        update_title=None,  # type: ignore[arg-type]
        assets_folder=str(ASSETS),
        include_assets_files=False,  # index.html names what is loaded, in what order
        index_string=(Path(__file__).parent / "index.html").read_text(encoding="utf-8"),
        enable_mcp=False,
        add_log_handler=False,
    )
    server.add_middleware(
        CallbackGuard, dash=dash
    )  # behind Dash's own middleware, which answers what is raised
    dash.init_app(server)
    dash.layout = plainly(page(), kept=CALLBACKS | FILLED)
    register(dash, instrument_of)
    return dash


def _load_at_once(scripts: list[dict[str, Any]], path: str) -> None:
    """Have the page name a script that Dash's scripts would ask for once they draw a component: the first view has it, and
    what a script asks for lies at an address that browsers do not keep.
    """
    for script in scripts:
        if script.get("relative_package_path") == path:
            script.pop("async", None)


class _Value(BaseModel):
    """One input or state of a callback."""

    id: str
    property: str
    value: Any = None


class _Target(BaseModel):
    """One output of a callback."""

    id: str
    property: str


class CallbackRequest(BaseModel):
    """What Dash's scripts send to have a callback run, as far as the page's callbacks need it."""

    output: str
    outputs: _Target | list[_Target]
    inputs: list[_Value]
    state: list[_Value] = []
    changedPropIds: list[str] = []  # noqa: N815 - Dash's name


class CallbackGuard:
    """Pure ASGI: a callback's request that Dash could not read, or for no callback of the page, is answered with 400."""

    def __init__(self, app: ASGIApp, *, dash: Dash) -> None:
        self._app = app
        self._dash = dash

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == CALLBACK_PATH and scope["method"] == "POST":
            # Dash's middleware has read the body already; None: it is no JSON.
            refusal = self._refusal(Request(scope).state.json_body)
            if refusal is not None:
                log.warning("callback_refused", reason=refusal)
                await JSONResponse({"detail": refusal}, 400)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, body: Any) -> str | None:
        try:
            request = CallbackRequest.model_validate(body)
        except ValidationError as exc:
            first = exc.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part)[:40] for part in first["loc"]) or "body"
            return f"{where}: {first['msg']}"
        callback = self._dash.callback_map.get(request.output)
        if callback is None:
            return "output: the page has no such callback"
        expected = [
            [(each["id"], each["property"]) for each in callback[name]] for name in ("inputs", "state")
        ]
        received = [
            [(each.id, each.property) for each in values] for values in (request.inputs, request.state)
        ]
        return None if expected == received else "inputs: not those of the callback"


InstrumentOf = Callable[[str], Awaitable[Instrument | None]]


def register(dash: Dash, instrument_of: InstrumentOf) -> None:
    """Wire the callbacks; `instrument_of` gives what is known of a symbol, None where it is unknown."""

    @dash.callback(
        Output("instrument", "children"),
        Input("view", "data"),
        prevent_initial_call=True,
    )
    async def show_instrument(view: dict[str, Any] | None) -> str:
        symbol = (view or {}).get("symbol")
        return describe(await instrument_of(symbol)) if isinstance(symbol, str) else ""


def describe(instrument: Instrument | None) -> str:
    """Name, exchange, currency and zone as far as known, such as `Apple Inc. · XNAS · USD · New York time`."""
    if instrument is None:
        return ""
    zone = instrument.timezone.rsplit("/", 1)[-1].replace("_", " ")
    parts = [
        instrument.name,
        instrument.exchange,
        instrument.currency,
        zone if zone == "UTC" else f"{zone} time",
    ]
    return " · ".join(part for part in parts if part)
