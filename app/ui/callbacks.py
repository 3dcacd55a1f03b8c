"""Server callbacks of the page: async wiring only.  Market data never pass here; they go over `/ws`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from dash import Dash, Input, Output

from app.ui.describe import describe
from db.instruments import Instrument

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
