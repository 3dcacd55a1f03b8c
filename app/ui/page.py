"""Puts the Dash application of the page on a FastAPI server."""

from __future__ import annotations

from pathlib import Path

from dash import Dash
from dash.backends import get_backend
from fastapi import FastAPI

from app.ui.callbacks import InstrumentOf, register
from app.ui.layout import page

ASSETS = Path(__file__).parent.parent / "assets"


class QuietBackend(get_backend("fastapi")):  # type: ignore[misc]
    """Dash's FastAPI backend without its own WebSocket, which every page would open and none would use."""

    websocket_capability = False


def build_page(server: FastAPI, instrument_of: InstrumentOf) -> Dash:
    """The Dash application at `/` of `server`.

    Routes that `server` gets later are hidden by Dash's catch-all, which is added when the server starts.
    """
    dash = Dash(
        "app",
        server=False,  # with a class of our own it must be given afterwards
        backend=QuietBackend,
        title="Tickdeck",
        update_title=None,  # type: ignore[arg-type]
        assets_folder=str(ASSETS),
        include_assets_files=False,  # index.html names what is loaded, in what order
        index_string=(Path(__file__).parent / "index.html").read_text(encoding="utf-8"),
        enable_mcp=False,
        add_log_handler=False,
    )
    dash.init_app(server)
    dash.layout = page()
    register(dash, instrument_of)
    return dash
