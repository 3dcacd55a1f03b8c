"""The page of workspaces: a shell in which assets/workspace lays out panels, each the page itself in a frame (`/?panel=…`)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from tickdeck.app.ui.assets import Assets
from tickdeck.app.ui.page import ASSETS

_PAGE: Final = (Path(__file__).parent / "workspace.html").read_text(encoding="utf-8")


def router() -> APIRouter:
    """`/workspace`: the query says which (`name`, or `shared`: a link to somebody's), and the page's scripts read it."""
    routes = APIRouter(include_in_schema=False)
    assets = Assets(directory=ASSETS)

    @routes.get("/workspace")
    async def workspace(request: Request) -> HTMLResponse:
        nonce = getattr(request.state, "style_nonce", "")
        text = _PAGE.replace('="assets/', f'="assets/{assets.version()}/')
        return HTMLResponse(text.replace("{nonce}", nonce, 1))

    return routes
